// TensorFlow's C API (tensorflow/c/c_api.h) without the engine's addon, for what that does not reach.
import path from 'node:path';
import { findAddon, loadBinding, type TensorflowBuild } from '@pemmican/engine';
import koffi from 'koffi';

export type Pointer = unknown;
type NativeFunction = (...parameters: unknown[]) => Pointer;

const OUTPUT = koffi.struct('TF_Output', { oper: 'void *', index: 'int' });
const BUFFER = koffi.struct('TF_Buffer', { data: 'void *', length: 'size_t', data_deallocator: 'void *' });
const OUTPUTS = koffi.pointer(OUTPUT);
const POINTERS = koffi.pointer('void *');

const SIGNATURES: Readonly<Record<string, readonly [result: string, ...parameters: unknown[]]>> = {
  TF_NewStatus: ['void *'],
  TF_GetCode: ['int', 'void *'],
  TF_Message: ['str', 'void *'],
  TF_DeleteStatus: ['void', 'void *'],
  TF_NewSessionOptions: ['void *'],
  TF_SetConfig: ['void', 'void *', 'uint8_t *', 'size_t', 'void *'],
  TF_DeleteSessionOptions: ['void', 'void *'],
  TF_NewGraph: ['void *'],
  TF_DeleteGraph: ['void', 'void *'],
  TF_GraphOperationByName: ['void *', 'void *', 'str'],
  TF_LoadSessionFromSavedModel: ['void *', 'void *', 'void *', 'str', koffi.pointer('str'), 'int', 'void *', 'void *', 'void *'],
  TF_CloseSession: ['void', 'void *', 'void *'],
  TF_DeleteSession: ['void', 'void *', 'void *'],
  TF_SessionRun: [
    'void', 'void *', 'void *', OUTPUTS, POINTERS, 'int', OUTPUTS, koffi.out(POINTERS), 'int', 'void *', 'int', 'void *', 'void *',
  ],
  TF_GetRegisteredKernelsForOp: ['void *', 'str', 'void *'],
  TF_NewBuffer: ['void *'],
  TF_NewBufferFromString: ['void *', 'uint8_t *', 'size_t'],
  TF_DeleteBuffer: ['void', 'void *'],
  TF_AllocateTensor: ['void *', 'int', koffi.pointer('int64_t'), 'int', 'size_t'],
  TF_TensorData: ['void *', 'void *'],
  TF_TensorType: ['int', 'void *'],
  TF_NumDims: ['int', 'void *'],
  TF_Dim: ['int64_t', 'void *', 'int'],
  TF_DeleteTensor: ['void', 'void *'],
}; // prettier-ignore

export type Library = (name: keyof typeof SIGNATURES, ...parameters: unknown[]) => Pointer;

/** Opens the library that the engine's addon of a build is linked to: a process MUST NOT open those of both. */
export function openLibrary(build: TensorflowBuild): Library {
  const addon = findAddon(build);
  if (addon === undefined) throw new Error(`TensorFlow for ${build} is not set up`);
  // The addon keeps the library open until the process ends; closed before, it takes the process down.
  loadBinding(build);
  const handle = koffi.load(path.resolve(path.dirname(addon), '../../deps/lib/libtensorflow_cc.so.2'));
  const functions = new Map<string, NativeFunction>(
    Object.entries(SIGNATURES).map(([name, [result, ...parameters]]) => [
      name,
      // koffi's typings leave out parameter directions.
      handle.func(name, result, parameters as string[]) as NativeFunction,
    ]),
  );
  return (name, ...parameters) => functions.get(name)?.(...parameters);
}

/** What a TF_Buffer holds, for as long as it is there. */
export function bufferBytes(buffer: Pointer): Uint8Array {
  const { data, length } = koffi.decode(buffer, BUFFER) as { data: Pointer; length: number };
  return new Uint8Array(koffi.view(data, Number(length)));
}

/** The length-delimited values of one field of an encoded message. */
export function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let offset = 0;
  const varint = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = message[offset++] ?? 0;
      value += (byte & 0x7f) * factor;
      factor *= 128;
      if (byte < 128) return value;
    }
  };
  while (offset < message.length) {
    const key = varint();
    const [field, wire] = [Math.floor(key / 8), key % 8];
    if (wire === 0) varint();
    else if (wire === 2) {
      const length = varint();
      if (field === wanted) found.push(message.subarray(offset, offset + length));
      offset += length;
    } else offset += wire === 1 ? 8 : 4;
  }
  return found;
}
