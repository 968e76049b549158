import { GraphError } from './error.ts';
import { TENSORFLOW_DTYPE, type Dtype, type FloatDtype } from './dtype.ts';
import type { Shape } from './dimension.ts';
import type { Attribute, Gradient, GraphNode, MemoryCategory, Tensor } from './tensor.ts';

/** How one call of a differentiable function is undone in the backward pass. */
export interface TapeEntry {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /**
   * From the gradient of each output (undefined where none flows, never everywhere) to that of each input, undefined where
   * none flows.
   * @param needs which inputs' gradients are asked for; one that is not may be given all the same, and is dropped
   */
  readonly backward: (
    outputGradients: readonly (Tensor | undefined)[],
    needs: readonly boolean[],
  ) => readonly (Gradient | undefined)[];
}

/** A call with one output. */
export interface SingleOutputCall {
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  readonly backward: (outputGradient: Tensor, needs: readonly boolean[]) => readonly (Gradient | undefined)[];
}

interface NodeOptions {
  readonly name?: string;
  readonly controlInputs?: readonly GraphNode[];
  /** The outputs share the first input's bytes, as those of an Identity do. */
  readonly isView?: boolean;
}

export interface OutputType {
  readonly dtype: Dtype;
  readonly shape: Shape;
}

// Ops whose output is always a view of their first input.
const VIEW_OPS: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'ExpandDims']);

const NAME = /^[A-Za-z.][A-Za-z0-9_./-]*$/;

/**
 * Collects the nodes of a TensorFlow graph. Ops are functions that take the builder first (`matmul(builder, a, b)`); each
 * checks dtypes and symbolic shapes and registers its gradient on the tape.
 */
export class GraphBuilder {
  /** Dtype of weights and activations: float32 to train, float64 for gradient checks by finite differences. */
  readonly floatDtype: 'float32' | 'float64';
  /** Dtype in which matrices are multiplied. */
  readonly matmulDtype: FloatDtype;
  readonly nodes: GraphNode[] = [];
  #tape: TapeEntry[] = [];
  #isRecording = true;
  #isRecomputing = false;
  #category: MemoryCategory = 'activations';
  #device = '';
  #namePrefix = '';
  readonly #names = new Set<string>();
  readonly #constants = new Map<string, Tensor>();
  #counter = 0;

  constructor(options: { floatDtype?: 'float32' | 'float64'; matmulDtype?: FloatDtype } = {}) {
    this.floatDtype = options.floatDtype ?? 'float32';
    this.matmulDtype = options.matmulDtype ?? this.floatDtype;
  }

  /**
   * Adds a node.
   * @throws GraphError INVALID_ARGUMENT for a name that is taken or that the engine would misread (it splits lists of
   * names at commas and colons and takes a leading digit for an output index)
   */
  addNode(
    op: string,
    inputs: readonly Tensor[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: readonly OutputType[],
    options: NodeOptions = {},
  ): GraphNode {
    const name = options.name === undefined ? `${op}_${this.#counter++}` : this.#namePrefix + options.name;
    if (!NAME.test(name)) throw new GraphError('INVALID_ARGUMENT', `Node name "${name}" is not allowed`);
    if (this.#names.has(name)) throw new GraphError('INVALID_ARGUMENT', `Node name "${name}" is taken`);
    this.#names.add(name);
    const node: GraphNode = {
      name,
      op,
      inputs,
      controlInputs: options.controlInputs ?? [],
      attributes,
      outputs: [],
      category: this.#category,
      device: this.#device,
      isView: options.isView ?? VIEW_OPS.has(op),
    };
    outputs.forEach((output, outputIndex) => node.outputs.push({ node, outputIndex, ...output }));
    this.nodes.push(node);
    return node;
  }

  /** Adds a node with one output and returns that. */
  add(
    op: string,
    inputs: readonly Tensor[],
    attributes: Readonly<Record<string, Attribute>>,
    output: OutputType,
    options: NodeOptions = {},
  ): Tensor {
    return firstOutput(this.addNode(op, inputs, attributes, [output], options));
  }

  /** A constant; equal ones of a device are one node. */
  constant(value: number | readonly number[], dtype: Dtype = this.floatDtype, shape?: readonly number[]): Tensor {
    const values = typeof value === 'number' ? [value] : value;
    const dimensions = shape ?? (typeof value === 'number' ? [] : [values.length]);
    const key = `${this.#device}|${dtype}|${dimensions.join()}|${values.join()}`;
    let tensor = this.#constants.get(key);
    if (tensor === undefined) {
      const bytes = new Uint8Array(constantData(dtype, values).buffer);
      tensor = this.add(
        'Const',
        [],
        { dtype: { kind: 'dtype', value: dtype }, value: { kind: 'tensor', dtype, shape: dimensions, bytes } },
        { dtype, shape: dimensions },
      );
      this.#constants.set(key, tensor);
    }
    return tensor;
  }

  /** An input that is fed by name; -1 in the declared shape stands for every symbolic dimension. */
  placeholder(name: string, dtype: Dtype, shape: Shape): Tensor {
    const declared = shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1));
    return this.add(
      'Placeholder',
      [],
      { dtype: { kind: 'dtype', value: dtype }, shape: { kind: 'shape', value: declared } },
      { dtype, shape },
      { name },
    );
  }

  /** Registers the gradient of a function's call (nothing is recorded inside {@link withoutTape}). */
  record({ inputs, output, backward }: SingleOutputCall): void {
    this.recordAll({
      inputs,
      outputs: [output],
      backward: ([outputGradient], needs) => (outputGradient === undefined ? [] : backward(outputGradient, needs)),
    });
  }

  /** Registers the gradient of a call that has several outputs. */
  recordAll(entry: TapeEntry): void {
    if (this.#isRecording) this.#tape.push(entry);
  }

  get tape(): readonly TapeEntry[] {
    return this.#tape;
  }

  /** Runs `build` without recording gradients. */
  withoutTape<T>(build: () => T): T {
    const before = this.#isRecording;
    this.#isRecording = false;
    try {
      return build();
    } finally {
      this.#isRecording = before;
    }
  }

  /** Runs `build` on a tape of its own and returns that tape too. */
  withFreshTape<T>(build: () => T): { value: T; tape: readonly TapeEntry[] } {
    const outerTape = this.#tape;
    const wasRecording = this.#isRecording;
    this.#tape = [];
    this.#isRecording = true;
    try {
      return { value: build(), tape: this.#tape };
    } finally {
      this.#tape = outerTape;
      this.#isRecording = wasRecording;
    }
  }

  /** Whether activations are being computed again, for a backward pass that follows at once. */
  get isRecomputing(): boolean {
    return this.#isRecomputing;
  }

  /** Runs `build` as a recomputation on a tape of its own: {@link isRecomputing} is true inside. */
  withRecomputation<T>(build: () => T): { value: T; tape: readonly TapeEntry[] } {
    const before = this.#isRecomputing;
    this.#isRecomputing = true;
    try {
      return this.withFreshTape(build);
    } finally {
      this.#isRecomputing = before;
    }
  }

  /** Runs `build` with its nodes' bytes counted under `category`. */
  withCategory<T>(category: MemoryCategory, build: () => T): T {
    const before = this.#category;
    this.#category = category;
    try {
      return build();
    } finally {
      this.#category = before;
    }
  }

  /** Runs `build` with its nodes on `device` (see {@link GraphNode.device}). Reads of a variable belong where the variable is. */
  withDevice<T>(device: string, build: () => T): T {
    const before = this.#device;
    this.#device = device;
    try {
      return build();
    } finally {
      this.#device = before;
    }
  }

  /** Runs `build` with `prefix` before every name that is given in it, so that it can be run again with another prefix. */
  withNamePrefix<T>(prefix: string, build: () => T): T {
    const before = this.#namePrefix;
    this.#namePrefix = before + prefix;
    try {
      return build();
    } finally {
      this.#namePrefix = before;
    }
  }
}

/** Output 0 of a node. */
export function firstOutput(node: GraphNode): Tensor {
  return outputOf(node, 0);
}

/** Output `index` of a node. */
export function outputOf(node: GraphNode, index: number): Tensor {
  const output = node.outputs[index];
  if (output === undefined) throw new GraphError('INVALID_ARGUMENT', `Node "${node.name}" has no output ${index}`);
  return output;
}

function constantData(dtype: Dtype, values: readonly number[]): Float32Array | Float64Array | Int32Array {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(values);
    case 'float64':
      return Float64Array.from(values);
    case 'int32':
      return Int32Array.from(values);
    default:
      throw new GraphError(
        'DTYPE_MISMATCH',
        `Constants of dtype ${dtype} (TensorFlow ${TENSORFLOW_DTYPE[dtype]}) are not supported`,
      );
  }
}
