// Which devices TensorFlow has kernels for: what it goes by when it places a node.
import type { TensorflowBuild } from '@pemmican/engine';
import type { Dtype, GraphNode } from '@pemmican/graph';
import { bufferBytes, fieldsOf, openLibrary } from './tensorflow-library.ts';

// tensorflow/core/framework/types.proto
const NUMBERS: Readonly<Record<Dtype, number>> = {
  float32: 1,
  float64: 2,
  int32: 3,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  resource: 20,
};

/** A kernel, and the dtypes by attribute that it is for (TensorFlow's numbers). */
interface Kernel {
  readonly device: string;
  readonly dtypes: ReadonlyMap<string, readonly number[]>;
}

/** Looks kernels up in a build's library. No device is needed for it. */
export class RegisteredKernels {
  readonly #call: ReturnType<typeof openLibrary>;
  readonly #known = new Map<string, readonly Kernel[]>();

  constructor(build: TensorflowBuild) {
    this.#call = openLibrary(build);
  }

  /** Whether a node may be placed on a device of a type, such as `GPU`. */
  has({ op, attributes }: Pick<GraphNode, 'op' | 'attributes'>, device: string): boolean {
    return this.#kernelsOf(op).some(
      (kernel) =>
        // A kernel of the default device runs on any.
        [device, 'DEFAULT'].includes(kernel.device) &&
        [...kernel.dtypes].every(([name, allowed]) => {
          const attribute = attributes[name];
          return attribute?.kind === 'dtype' && allowed.includes(NUMBERS[attribute.value]);
        }),
    );
  }

  /** KernelList { kernel (1): KernelDef { device_type (2), constraint (3) { name (1), allowed_values (2) } } } */
  #kernelsOf(op: string): readonly Kernel[] {
    let kernels = this.#known.get(op);
    if (kernels === undefined) {
      const status = this.#call('TF_NewStatus');
      const list = this.#call('TF_GetRegisteredKernelsForOp', op, status);
      const text = (bytes: readonly Uint8Array[]): string =>
        bytes.map((part) => new TextDecoder().decode(part)).join('');
      kernels = fieldsOf(bufferBytes(list), 1).map((kernel) => ({
        device: text(fieldsOf(kernel, 2)),
        dtypes: new Map(
          fieldsOf(kernel, 3).map((constraint) => [
            text(fieldsOf(constraint, 1)),
            // AttrValue { list (1) { type (6), packed; every dtype's number is one byte } }
            fieldsOf(constraint, 2).flatMap((values) =>
              fieldsOf(values, 1).flatMap((types) => fieldsOf(types, 6).flatMap((packed) => [...packed])),
            ),
          ]),
        ),
      }));
      this.#call('TF_DeleteBuffer', list);
      this.#call('TF_DeleteStatus', status);
      this.#known.set(op, kernels);
    }
    return kernels;
  }
}
