// Sessions with several CPU devices. The engine's addon passes no session options on, so this calls TensorFlow's C API itself,
// in the same library and on the same saved_model.pb.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GraphSession, TensorValue } from '@pemmican/graph';
import koffi from 'koffi';
import { bufferBytes, fieldsOf, openLibrary, type Library, type Pointer } from './tensorflow-library.ts';

const TF_FLOAT = 1;
const TF_INT32 = 3;
const ELEMENT_BYTES = 4;

let library: Library | undefined;

/** A session whose CPU devices are `/device:CPU:0` and so on. */
export class VirtualDeviceSession implements GraphSession {
  /** Names of the nodes that ran on each device, by the device's name; of the runs since {@link isTracing} was set. */
  readonly nodesOf = new Map<string, Set<string>>();
  isTracing = false;
  readonly #call = (library ??= openLibrary('cpu'));
  readonly #status: Pointer;
  readonly #graph: Pointer;
  readonly #session: Pointer;

  constructor(savedModel: Uint8Array, deviceCount: number) {
    this.#status = this.#call('TF_NewStatus');
    this.#graph = this.#call('TF_NewGraph');
    const options = this.#call('TF_NewSessionOptions');
    // ConfigProto { device_count { key: "CPU" value: deviceCount } }
    const config = Uint8Array.of(0x0a, 7, 0x0a, 3, 0x43, 0x50, 0x55, 0x10, deviceCount);
    this.#checked('TF_SetConfig', options, config, config.length);
    const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-virtual-devices-'));
    try {
      writeFileSync(path.join(folder, 'saved_model.pb'), savedModel);
      this.#session = this.#checked(
        'TF_LoadSessionFromSavedModel', options, null, folder, ['serve'], 1, this.#graph, null,
      ); // prettier-ignore
    } finally {
      rmSync(folder, { recursive: true });
      this.#call('TF_DeleteSessionOptions', options);
    }
  }

  run(feeds: Readonly<Record<string, TensorValue>>, fetches: readonly string[]): TensorValue[] {
    const inputs = Object.entries(feeds).map(([name, value]) => ({
      output: this.#output(name),
      tensor: this.#tensor(value),
    }));
    const outputs = fetches.map((name) => this.#output(name));
    const fetched: Pointer[] = Array.from(outputs, () => null);
    // RunOptions { trace_level: FULL_TRACE }
    const options = this.isTracing ? this.#call('TF_NewBufferFromString', Uint8Array.of(0x08, 3), 2) : null;
    const metadata = this.isTracing ? this.#call('TF_NewBuffer') : null;
    try {
      this.#checked(
        'TF_SessionRun', this.#session, options, inputs.map(({ output }) => output), inputs.map(({ tensor }) => tensor), inputs.length, outputs, fetched,
        outputs.length, null, 0, metadata,
      ); // prettier-ignore
      if (metadata !== null) this.#readTrace(metadata);
      return fetched.map((tensor) => this.#take(tensor));
    } finally {
      for (const { tensor } of inputs) this.#call('TF_DeleteTensor', tensor);
      for (const buffer of [options, metadata]) if (buffer !== null) this.#call('TF_DeleteBuffer', buffer);
    }
  }

  dispose(): void {
    this.#checked('TF_CloseSession', this.#session);
    this.#checked('TF_DeleteSession', this.#session);
    this.#call('TF_DeleteGraph', this.#graph);
    this.#call('TF_DeleteStatus', this.#status);
  }

  #checked(...[name, ...parameters]: Parameters<Library>): Pointer {
    const result = this.#call(name, ...parameters, this.#status);
    if (this.#call('TF_GetCode', this.#status) !== 0)
      throw new Error(`${name}: ${String(this.#call('TF_Message', this.#status))}`);
    return result;
  }

  #output(name: string): { oper: Pointer; index: number } {
    const oper = this.#call('TF_GraphOperationByName', this.#graph, name);
    if (oper === null) throw new Error(`The graph has no "${name}"`);
    return { oper, index: 0 };
  }

  #tensor({ dtype, shape, data }: TensorValue): Pointer {
    const type = dtype === 'float32' ? TF_FLOAT : TF_INT32;
    const tensor = this.#call('TF_AllocateTensor', type, shape, shape.length, data.byteLength);
    if (data.byteLength > 0)
      new Uint8Array(koffi.view(this.#call('TF_TensorData', tensor), data.byteLength)).set(
        new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      );
    return tensor;
  }

  #take(tensor: Pointer): TensorValue {
    const rank = Number(this.#call('TF_NumDims', tensor));
    const shape = Array.from({ length: rank }, (_, index) => Number(this.#call('TF_Dim', tensor, index)));
    const lengthBytes = shape.reduce((product, size) => product * size, ELEMENT_BYTES);
    const bytes = koffi.view(this.#call('TF_TensorData', tensor), lengthBytes).slice(0);
    const isFloat = this.#call('TF_TensorType', tensor) === TF_FLOAT;
    this.#call('TF_DeleteTensor', tensor);
    return isFloat
      ? { dtype: 'float32', shape, data: new Float32Array(bytes) }
      : { dtype: 'int32', shape, data: new Int32Array(bytes) };
  }

  /** RunMetadata.step_stats (1) . dev_stats (1) { device (1), node_stats (2) { node_name (1) } } */
  #readTrace(metadata: Pointer): void {
    for (const stepStats of fieldsOf(bufferBytes(metadata), 1))
      for (const deviceStats of fieldsOf(stepStats, 1)) {
        const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
        const device = fieldsOf(deviceStats, 1).map(text).join();
        const nodes = this.nodesOf.get(device) ?? new Set();
        this.nodesOf.set(device, nodes);
        for (const node of fieldsOf(deviceStats, 2)) for (const name of fieldsOf(node, 1)) nodes.add(text(name));
      }
  }
}
