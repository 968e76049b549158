import {
  add,
  dropout,
  embeddingLookup,
  gelu,
  geluTanh,
  layerNorm,
  linear,
  linearWithoutBias,
  matmul,
  multiplyDimensions,
  recompute,
  relu,
  reshape,
  scale,
  silu,
  transpose,
  type Dimension,
  type GraphBuilder,
  type LinearOptions,
  type RuntimeDimensions,
  type Shape,
  type Tensor,
} from '@pemmican/graph';
import { ModelError } from './error.ts';
import { adapterNames } from './lora.ts';
import type { ForwardOptions, ModelInputs } from './model-family.ts';

/** Symbolic dimensions of a batch. */
export const BATCH = { coefficient: 1, symbols: ['batch'] };
export const LENGTH = { coefficient: 1, symbols: ['length'] };
export const TOKENS = { coefficient: 1, symbols: ['batch', 'length'] };

/** Activations by the names that config.json has for them (transformers' ACT2FN). */
export const ACTIVATIONS = ['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu', 'silu'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** What a family's forward pass is built with: the graph, its parameters by name, its inputs. */
export class ForwardContext {
  readonly builder: GraphBuilder;
  readonly dimensions: RuntimeDimensions;
  readonly inputs: ModelInputs;
  readonly options: ForwardOptions;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  #dropoutSite = 0;

  constructor(
    builder: GraphBuilder,
    dimensions: RuntimeDimensions,
    parameters: ReadonlyMap<string, Tensor>,
    inputs: ModelInputs,
    options: ForwardOptions,
  ) {
    this.builder = builder;
    this.dimensions = dimensions;
    this.inputs = inputs;
    this.options = options;
    this.#parameters = parameters;
  }

  /** @throws ModelError MISSING_TENSOR */
  parameter(name: string): Tensor {
    const tensor = this.#parameters.get(name);
    if (tensor === undefined) throw new ModelError('MISSING_TENSOR', `The graph has no parameter "${name}"`);
    return tensor;
  }

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  reshape(x: Tensor, shape: Shape): Tensor {
    return reshape(this.builder, this.dimensions, x, shape);
  }

  /** `x W^T + b` with `NAME.weight` and `NAME.bias`. */
  linear(x: Tensor, name: string): Tensor {
    return this.#linear(x, name, {});
  }

  /** `x W + b`, the weight `[inputSize, outputSize]` (transformers' Conv1D). */
  linearInputMajor(x: Tensor, name: string): Tensor {
    return this.#linear(x, name, { isInputMajor: true });
  }

  #linear(x: Tensor, name: string, options: LinearOptions): Tensor {
    const [weight, bias] = [this.parameter(`${name}.weight`), this.parameter(`${name}.bias`)];
    return this.#adapted(x, name, () => linear(this.builder, x, weight, bias, options));
  }

  /** `x W^T` with `NAME.weight`. */
  linearWithoutBias(x: Tensor, name: string): Tensor {
    const weight = this.parameter(`${name}.weight`);
    return this.#adapted(x, name, () => linearWithoutBias(this.builder, x, weight));
  }

  /** A linear map with what its adapter adds; see `LoraOptions`. The small product is the one that is scaled. */
  #adapted(x: Tensor, name: string, map: () => Tensor): Tensor {
    const { builder } = this;
    const { lora } = this.options;
    const [down, up] = this.#adapterOf(name);
    const mapped = map();
    if (lora === undefined || down === undefined || up === undefined) return mapped;
    const reduced = linearWithoutBias(builder, this.#drop(x, lora.dropout), down);
    return add(builder, mapped, linearWithoutBias(builder, scale(builder, reduced, lora.scaling), up));
  }

  /** A linear map's two adapter matrices, or none. */
  #adapterOf(name: string): Tensor[] {
    const { down, up } = adapterNames(name);
    return [down, up].flatMap((matrix) => this.#parameters.get(matrix) ?? []);
  }

  layerNorm(x: Tensor, name: string, epsilon: number): Tensor {
    return layerNorm(this.builder, x, this.parameter(`${name}.weight`), this.parameter(`${name}.bias`), epsilon);
  }

  activation(x: Tensor, name: Activation): Tensor {
    switch (name) {
      case 'gelu':
        return gelu(this.builder, x);
      case 'gelu_new':
      case 'gelu_pytorch_tanh':
        return geluTanh(this.builder, x);
      case 'relu':
        return relu(this.builder, x);
      case 'silu':
        return silu(this.builder, x);
    }
  }

  /** Dropout while training; each call draws a mask of its own. */
  dropout(x: Tensor, probability: number): Tensor {
    return this.#drop(x, this.options.dropout ?? probability);
  }

  #drop(x: Tensor, probability: number): Tensor {
    const site = this.#dropoutSite++;
    if (!this.options.isTraining) return x;
    return dropout(this.builder, this.dimensions, x, probability, { seed: this.inputs.dropoutSeed, site });
  }

  /**
   * Rows of `NAME.weight` `[tokens, hiddenSize]`.
   * @param ids int32 `[n]`
   */
  embedding(name: string, ids: Tensor, paddingIndex?: number): Tensor {
    const matrix = this.parameter(`${name}.weight`);
    return embeddingLookup(this.builder, matrix, ids, paddingIndex === undefined ? {} : { paddingIndex });
  }

  /** Rows of the embedding matrix for the input ids, `[tokens, hiddenSize]`. The padding row gets no gradient. */
  wordEmbedding(name: string): Tensor {
    return this.embedding(name, this.reshape(this.inputs.inputIds, [TOKENS]), this.options.paddingIndex);
  }

  /** `[tokens, headCount * headSize]` to `[batch, headCount, length, headSize]`. */
  splitHeads(x: Tensor, headCount: number, headSize: number, length: Dimension = LENGTH): Tensor {
    return transpose(this.builder, this.reshape(x, [BATCH, length, headCount, headSize]), [0, 2, 1, 3]);
  }

  /** `[batch, headCount, length, headSize]` to `[tokens, headCount * headSize]`. */
  mergeHeads(x: Tensor, headCount: number, headSize: number, length: Dimension = LENGTH): Tensor {
    const tokens = multiplyDimensions(BATCH, length);
    return this.reshape(transpose(this.builder, x, [0, 2, 1, 3]), [tokens, headCount * headSize]);
  }

  matmul(a: Tensor, b: Tensor, options: { transposeB?: boolean } = {}): Tensor {
    return matmul(this.builder, a, b, options);
  }

  /**
   * One layer. With gradient checkpointing only its input is kept, and the layer runs again in the backward pass.
   * @param prefix what the names of the layer's parameters begin with
   * @param shared other tensors that the layer reads and that get a gradient
   */
  layer(x: Tensor, prefix: string, shared: readonly Tensor[], build: (input: Tensor) => Tensor): Tensor {
    if (this.options.gradientCheckpointing !== true) return build(x);
    const firstSite = this.#dropoutSite;
    const parameters = [...this.#parameters].filter(([name]) => name.startsWith(prefix)).map(([, tensor]) => tensor);
    return recompute(this.builder, x, [...parameters, ...shared], (input) => {
      // A recomputation has to draw the same dropout masks.
      this.#dropoutSite = firstSite;
      return build(input);
    });
  }

  /**
   * `build(x)`, which ends with the matrix `down`, where `x` is kept and what is made of it, the widest tensor of a layer, is
   * computed again in the backward pass.
   * @param shared other activations that `build` reads
   */
  recomputed(x: Tensor, down: string, shared: readonly Tensor[], build: (input: Tensor) => Tensor): Tensor {
    const bias = this.#parameters.get(`${down}.bias`);
    const parameters = [
      ...shared,
      this.parameter(`${down}.weight`),
      ...(bias === undefined ? [] : [bias]),
      ...this.#adapterOf(down),
    ];
    const firstSite = this.#dropoutSite;
    return recompute(this.builder, x, parameters, (input) => {
      // As in `layer`: an adapter has a dropout.
      this.#dropoutSite = firstSite;
      return build(input);
    });
  }
}
