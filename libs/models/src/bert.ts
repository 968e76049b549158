import {
  add,
  addConstant,
  dropout,
  embeddingLookup,
  firstToken,
  gelu,
  geluTanh,
  layerNorm,
  linear,
  matmul,
  relu,
  recompute,
  reshape,
  scale,
  softmax,
  tanh,
  transpose,
  type GraphBuilder,
  type RuntimeDimensions,
  type Shape,
  type Tensor,
} from '@pemmican/graph';
import { parseBertConfig, type BertConfig } from './bert-config.ts';
import { BERT_EMBEDDING_MATRIX_NAME, bertCheckpointNames, bertParameters } from './bert-parameters.ts';
import { ModelError } from './error.ts';
import type { ForwardOptions, Model, ModelInputs, Task } from './model-family.ts';

const BATCH = { coefficient: 1, symbols: ['batch'] };
const LENGTH = { coefficient: 1, symbols: ['length'] };
const TOKENS = { coefficient: 1, symbols: ['batch', 'length'] };

// What transformers adds to a masked score: the smallest finite float32.
const MASKED_SCORE = -3.4028234663852886e38;

/** BERT encoders with a pooler and a head (arXiv 1810.04805; transformers' BertForSequenceClassification, eager attention). */
export function bertModel(config: unknown, fileName: string): Model {
  const parsed = parseBertConfig(config, fileName);
  return {
    modelType: 'bert',
    vocabSize: parsed.vocabSize,
    hiddenSize: parsed.hiddenSize,
    maxSequenceLength: parsed.maxPositionCount,
    padTokenId: parsed.padTokenId,
    hasTiedEmbeddings: false,
    embeddingMatrixName: BERT_EMBEDDING_MATRIX_NAME,
    parameters: (task, labelCount, vocabRows) => bertParameters(parsed, task, labelCount, vocabRows),
    checkpointNames: bertCheckpointNames,
    forward: (builder, dimensions, parameters, inputs, options) =>
      new BertForward(parsed, builder, dimensions, parameters, inputs, options).logits(),
    architecture: (_task: Task) => 'BertForSequenceClassification',
  };
}

/** Builds the forward pass once. */
class BertForward {
  readonly #config: BertConfig;
  readonly #builder: GraphBuilder;
  readonly #dimensions: RuntimeDimensions;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #inputs: ModelInputs;
  readonly #options: ForwardOptions;
  #site = 0;

  constructor(
    config: BertConfig,
    builder: GraphBuilder,
    dimensions: RuntimeDimensions,
    parameters: ReadonlyMap<string, Tensor>,
    inputs: ModelInputs,
    options: ForwardOptions,
  ) {
    this.#config = config;
    this.#builder = builder;
    this.#dimensions = dimensions;
    this.#parameters = parameters;
    this.#inputs = inputs;
    this.#options = options;
  }

  logits(): Tensor {
    const maskBias = this.#maskBias();
    let hidden = this.#embeddings();
    for (let layer = 0; layer < this.#config.layerCount; layer++) hidden = this.#layer(hidden, layer, maskBias);
    const sequence = this.#reshape(hidden, [BATCH, LENGTH, this.#config.hiddenSize]);
    const pooled = tanh(
      this.#builder,
      this.#linear(firstToken(this.#builder, this.#dimensions, sequence), 'bert.pooler.dense'),
    );
    return this.#linear(this.#dropout(pooled, this.#config.classifierDropout), 'classifier');
  }

  /** `[tokens, hiddenSize]` */
  #embeddings(): Tensor {
    const builder = this.#builder;
    const { paddingIndex } = this.#options;
    const flatten = (ids: Tensor): Tensor => this.#reshape(ids, [TOKENS]);
    const words = embeddingLookup(
      builder,
      this.#parameter(BERT_EMBEDDING_MATRIX_NAME),
      flatten(this.#inputs.inputIds),
      paddingIndex === undefined ? {} : { paddingIndex },
    );
    const types = embeddingLookup(
      builder,
      this.#parameter('bert.embeddings.token_type_embeddings.weight'),
      flatten(this.#inputs.tokenTypeIds),
    );
    const positions = embeddingLookup(
      builder,
      this.#parameter('bert.embeddings.position_embeddings.weight'),
      this.#positionIds(),
    );
    const sum = add(builder, add(builder, words, types), positions);
    return this.#dropout(this.#layerNorm(sum, 'bert.embeddings.LayerNorm'), this.#config.hiddenDropout);
  }

  /** int32 `[tokens]`: 0, 1, 2, ... in each row. */
  #positionIds(): Tensor {
    const builder = this.#builder;
    const int32 = { kind: 'dtype', value: 'int32' } as const;
    const range = builder.add(
      'Range',
      [builder.constant(0, 'int32'), this.#dimensions.scalar(LENGTH), builder.constant(1, 'int32')],
      { Tidx: int32 },
      { dtype: 'int32', shape: [LENGTH] },
    );
    const rows = builder.add(
      'BroadcastTo',
      [range, this.#dimensions.vector([BATCH, LENGTH])],
      { T: int32, Tidx: int32 },
      { dtype: 'int32', shape: [BATCH, LENGTH] },
    );
    return this.#reshape(rows, [TOKENS]);
  }

  /** `[batch, 1, 1, length]`: 0 for tokens, the smallest float for padding. */
  #maskBias(): Tensor {
    const builder = this.#builder;
    const mask = this.#inputs.attentionMask;
    const T = { kind: 'dtype', value: mask.dtype } as const;
    const isPadding = builder.add(
      'Sub',
      [builder.constant(1, mask.dtype), mask],
      { T },
      { dtype: mask.dtype, shape: mask.shape },
    );
    const bias = builder.add(
      'Mul',
      [isPadding, builder.constant(MASKED_SCORE, mask.dtype)],
      { T },
      { dtype: mask.dtype, shape: mask.shape },
    );
    return this.#reshape(bias, [BATCH, 1, 1, LENGTH]);
  }

  #layer(x: Tensor, layer: number, maskBias: Tensor): Tensor {
    const firstSite = this.#site;
    const segment = (input: Tensor): Tensor => {
      // A recomputation has to draw the same dropout masks.
      this.#site = firstSite;
      return this.#feedForward(
        this.#attention(input, `bert.encoder.layer.${layer}`, maskBias),
        `bert.encoder.layer.${layer}`,
      );
    };
    if (this.#options.gradientCheckpointing !== true) return segment(x);
    const prefix = `bert.encoder.layer.${layer}.`;
    const parameters = [...this.#parameters].filter(([name]) => name.startsWith(prefix)).map(([, tensor]) => tensor);
    return recompute(this.#builder, x, parameters, segment);
  }

  #attention(x: Tensor, prefix: string, maskBias: Tensor): Tensor {
    const builder = this.#builder;
    const headSize = this.#config.hiddenSize / this.#config.headCount;
    const heads = (value: Tensor): Tensor =>
      transpose(builder, this.#reshape(value, [BATCH, LENGTH, this.#config.headCount, headSize]), [0, 2, 1, 3]);
    const query = heads(scale(builder, this.#linear(x, `${prefix}.attention.self.query`), 1 / Math.sqrt(headSize)));
    const key = heads(this.#linear(x, `${prefix}.attention.self.key`));
    const value = heads(this.#linear(x, `${prefix}.attention.self.value`));
    const scores = addConstant(builder, matmul(builder, query, key, { transposeB: true }), maskBias);
    const probabilities = this.#dropout(softmax(builder, scores), this.#config.attentionDropout);
    const context = transpose(builder, matmul(builder, probabilities, value), [0, 2, 1, 3]);
    const output = this.#linear(
      this.#reshape(context, [TOKENS, this.#config.hiddenSize]),
      `${prefix}.attention.output.dense`,
    );
    return this.#layerNorm(
      add(builder, this.#dropout(output, this.#config.hiddenDropout), x),
      `${prefix}.attention.output.LayerNorm`,
    );
  }

  #feedForward(x: Tensor, prefix: string): Tensor {
    // The widest tensor of a layer is kept once: the activation's output is computed again from its input.
    const inner = recompute(
      this.#builder,
      this.#linear(x, `${prefix}.intermediate.dense`),
      [this.#parameter(`${prefix}.output.dense.weight`), this.#parameter(`${prefix}.output.dense.bias`)],
      (input) => this.#linear(this.#activation(input), `${prefix}.output.dense`),
    );
    const output = this.#dropout(inner, this.#config.hiddenDropout);
    return this.#layerNorm(add(this.#builder, output, x), `${prefix}.output.LayerNorm`);
  }

  #activation(x: Tensor): Tensor {
    switch (this.#config.activation) {
      case 'gelu':
        return gelu(this.#builder, x);
      case 'gelu_new':
      case 'gelu_pytorch_tanh':
        return geluTanh(this.#builder, x);
      case 'relu':
        return relu(this.#builder, x);
    }
  }

  #dropout(x: Tensor, probability: number): Tensor {
    const site = this.#site++;
    if (!this.#options.isTraining) return x;
    return dropout(this.#builder, this.#dimensions, x, this.#options.dropout ?? probability, {
      seed: this.#inputs.dropoutSeed,
      site,
    });
  }

  #linear(x: Tensor, name: string): Tensor {
    return linear(this.#builder, x, this.#parameter(`${name}.weight`), this.#parameter(`${name}.bias`));
  }

  #layerNorm(x: Tensor, name: string): Tensor {
    return layerNorm(
      this.#builder,
      x,
      this.#parameter(`${name}.weight`),
      this.#parameter(`${name}.bias`),
      this.#config.layerNormEpsilon,
    );
  }

  #reshape(x: Tensor, shape: Shape): Tensor {
    return reshape(this.#builder, this.#dimensions, x, shape);
  }

  #parameter(name: string): Tensor {
    const tensor = this.#parameters.get(name);
    if (tensor === undefined) throw new ModelError('MISSING_TENSOR', `The graph has no parameter "${name}"`);
    return tensor;
  }
}
