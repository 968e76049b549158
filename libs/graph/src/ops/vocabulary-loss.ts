import { dimensionsEqual, formatShape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { binary, concat, dense, dtypeAttribute, gather, reduce, segmentSum, unary } from './arithmetic.ts';
import { countOf } from './loss.ts';
import { asOperand, product } from './matmul.ts';
import { addRowsInPlace, rowIdsOf, rowsOf, setRowsInPlace, type RowBlock } from './scatter.ts';
import { dimensionAt, identity } from './shape.ts';

export interface VocabularyLossOptions {
  /** Rows of the output matrix whose logits exist at a time. */
  readonly chunkRows?: number;
  /** Logits become `cap * tanh(logit / cap)` (Gemma 2). */
  readonly softCap?: number;
}

// 2,048 targets take 32 MB of logits then, where all 250,002 of XLM-R would take 2 GB.
const DEFAULT_CHUNK_ROWS = 4096;

/**
 * Mean of `-log softmax(hidden matrix^T + bias)[label]` over targets, in nats: the loss of a language model over its full
 * vocabulary. Exact, but the logits `[targets, vocabSize]` never exist whole, neither forward nor backward: each chunk of
 * the matrix' rows gives its share of the softmax' denominator, and is multiplied once more for the gradient (as in
 * arXiv 2411.09009, there on a GPU).
 * @param hidden `[targets, hiddenSize]`
 * @param matrix `[vocabSize, hiddenSize]`
 * @param bias `[vocabSize]`
 * @param labels int32 `[targets]`, rows of the matrix; the engine fails on one out of range
 */
export function vocabularyCrossEntropyMean(
  builder: GraphBuilder,
  hidden: Tensor,
  matrix: Tensor,
  bias: Tensor | undefined,
  labels: Tensor,
  options: VocabularyLossOptions = {},
): Tensor {
  const loss = new VocabularyLoss(builder, hidden, matrix, bias, labels, options);
  const { output, logDenominators } = loss.forward();
  builder.record({
    inputs: bias === undefined ? [hidden, matrix] : [hidden, matrix, bias],
    output,
    backward: (dy, [, needsMatrix = true]) => {
      const gradients = loss.backward(dy, output, logDenominators, needsMatrix);
      // Nothing else reads the matrix' gradient: where it is tied, the input side's rows are added into it.
      return [
        dense(gradients.hidden),
        gradients.matrix === undefined ? undefined : { kind: 'dense', value: gradients.matrix, isOwned: true },
        ...(gradients.bias === undefined ? [] : [dense(gradients.bias)]),
      ];
    },
  });
  return output;
}

interface LossGradients {
  readonly hidden: Tensor;
  readonly matrix: Tensor | undefined;
  readonly bias: Tensor | undefined;
}

/** Logits with what their derivative needs. */
interface Logits {
  readonly value: Tensor;
  /** `1 - tanh(z / cap)^2`; undefined without a cap, where it is 1. */
  readonly slope: Tensor | undefined;
}

class VocabularyLoss {
  readonly #builder: GraphBuilder;
  readonly #hidden: Tensor;
  readonly #matrix: Tensor;
  readonly #bias: Tensor | undefined;
  readonly #labels: Tensor;
  readonly #softCap: number | undefined;
  readonly #chunks: readonly RowBlock[];
  readonly #vocabSize: number;

  constructor(
    builder: GraphBuilder,
    hidden: Tensor,
    matrix: Tensor,
    bias: Tensor | undefined,
    labels: Tensor,
    options: VocabularyLossOptions,
  ) {
    const vocabSize = dimensionAt(matrix.shape, 0);
    const fits =
      typeof vocabSize === 'number' &&
      hidden.shape.length === 2 &&
      labels.shape.length === 1 &&
      dimensionsEqual(dimensionAt(hidden.shape, 0), dimensionAt(labels.shape, 0)) &&
      dimensionsEqual(dimensionAt(hidden.shape, 1), dimensionAt(matrix.shape, 1)) &&
      (bias === undefined || dimensionsEqual(dimensionAt(bias.shape, 0), vocabSize));
    if (!fits) {
      const biasText = bias === undefined ? '' : `, bias ${formatShape(bias.shape)}`;
      throw new GraphError(
        'SHAPE_MISMATCH',
        `vocabularyCrossEntropyMean of ${formatShape(hidden.shape)} with matrix ${formatShape(matrix.shape)}${biasText} and labels ${formatShape(labels.shape)}`,
      );
    }
    this.#builder = builder;
    this.#hidden = hidden;
    this.#matrix = matrix;
    this.#bias = bias;
    this.#labels = labels;
    this.#softCap = options.softCap;
    this.#vocabSize = vocabSize;
    const chunkRows = options.chunkRows ?? DEFAULT_CHUNK_ROWS;
    this.#chunks = Array.from({ length: Math.ceil(vocabSize / chunkRows) }, (_, index) => ({
      firstRow: index * chunkRows,
      rowCount: Math.min(chunkRows, vocabSize - index * chunkRows),
    }));
  }

  forward(): { output: Tensor; logDenominators: Tensor } {
    const builder = this.#builder;
    const parts: Tensor[] = [];
    for (const chunk of this.#chunks) {
      const { value } = this.#logits(this.#hidden, this.#rows(chunk, parts.slice(-1)), this.#biasOf(chunk));
      parts.push(this.#logSumExp(value));
    }
    const logDenominators = this.#logSumExp(
      parts.length === 1 ? (parts[0] ?? this.#hidden) : concat(builder, parts, 1, parts.length),
    );
    const labelled = this.#labelled(this.#hidden, this.#labels);
    const losses = binary(builder, 'Sub', logDenominators, labelled.logits.value);
    return { output: reduce(builder, 'Mean', losses, [0, 1], false), logDenominators };
  }

  /** Gradients of `hidden`, of the matrix where it is asked for, and of the bias where there is one. */
  backward(dy: Tensor, output: Tensor, logDenominators: Tensor, needsMatrix: boolean): LossGradients {
    const builder = this.#builder;
    const scale = binary(builder, 'RealDiv', dy, countOf(builder, this.#labels));
    // The control edges keep the engine from merging these logits with the forward pass' ones, and so from keeping them, and
    // from making the first of them before the loss is done.
    const hidden = identity(builder, this.#hidden, { controlInputs: [dy.node, output.node] });
    let matrixGradient = needsMatrix ? this.#empty(hidden) : undefined;
    let hiddenGradient: Tensor | undefined;
    const biasGradients: Tensor[] = [];
    for (const chunk of this.#chunks) {
      const before = [matrixGradient, hiddenGradient ?? hidden].filter((tensor) => tensor !== undefined);
      const rows = this.#rows(chunk, before);
      const { value, slope } = this.#logits(hidden, rows, this.#biasOf(chunk));
      const probabilities = unary(builder, 'Exp', binary(builder, 'Sub', value, logDenominators));
      let logitGradient = binary(builder, 'Mul', probabilities, scale);
      if (slope !== undefined) logitGradient = binary(builder, 'Mul', logitGradient, slope);
      if (this.#bias !== undefined) {
        const biasGradient = reduce(builder, 'Sum', logitGradient, [0], false);
        biasGradients.push(biasGradient);
        logitGradient = identity(builder, logitGradient, { controlInputs: [biasGradient.node] });
      }
      const operand = asOperand(builder, logitGradient);
      const part = product(builder, operand, rows, {});
      hiddenGradient = hiddenGradient === undefined ? part : binary(builder, 'AddV2', hiddenGradient, part);
      if (matrixGradient === undefined) continue;
      // One product after the other.
      const later = identity(builder, operand, { controlInputs: [hiddenGradient.node] });
      const rowsGradient = product(builder, later, hidden, { transposeA: true });
      matrixGradient = setRowsInPlace(builder, matrixGradient, rowIdsOf(builder, chunk), rowsGradient);
    }
    return this.#addLabels({ hidden, scale, matrixGradient, hiddenGradient: hiddenGradient ?? hidden, biasGradients });
  }

  /** Adds what the labels' own logits give to the gradients: they stand in the loss with a minus. */
  #addLabels(of: {
    hidden: Tensor;
    scale: Tensor;
    matrixGradient: Tensor | undefined;
    hiddenGradient: Tensor;
    biasGradients: Tensor[];
  }): LossGradients {
    const builder = this.#builder;
    // When the chunks are done: nothing that follows begins while the last one's logits are alive.
    const done = of.matrixGradient ?? of.hiddenGradient;
    const whenDone = (x: Tensor): Tensor => identity(builder, x, { controlInputs: [done.node] });
    const hidden = whenDone(of.hidden);
    const { rows, logits } = this.#labelled(hidden, whenDone(this.#labels));
    const minus = unary(builder, 'Neg', of.scale);
    /** `[targets, 1]`, or a scalar. */
    const slope = logits.slope === undefined ? minus : binary(builder, 'Mul', logits.slope, minus);
    const hiddenGradient = binary(builder, 'AddV2', whenDone(of.hiddenGradient), binary(builder, 'Mul', rows, slope));
    const matrixGradient =
      of.matrixGradient === undefined
        ? undefined
        : addRowsInPlace(builder, of.matrixGradient, {
            kind: 'rows',
            ids: this.#labels,
            values: binary(builder, 'Mul', hidden, slope),
            rowCount: this.#vocabSize,
          });
    if (this.#bias === undefined) return { hidden: hiddenGradient, matrix: matrixGradient, bias: undefined };
    const ones = binary(builder, 'AddV2', unary(builder, 'ZerosLike', logits.value), slope);
    const perLabel = this.#reshape(ones, [-1], [dimensionAt(this.#labels.shape, 0)]);
    const labelPart = segmentSum(
      builder,
      perLabel,
      this.#labels,
      builder.constant(this.#vocabSize, 'int32'),
      this.#vocabSize,
    );
    const softmaxPart =
      of.biasGradients.length === 1 ? of.biasGradients[0] : concat(builder, of.biasGradients, 0, this.#vocabSize);
    const biasGradient = binary(builder, 'AddV2', softmaxPart ?? labelPart, labelPart);
    return { hidden: hiddenGradient, matrix: matrixGradient, bias: biasGradient };
  }

  /** `hidden rows^T + bias`, capped. */
  #logits(hidden: Tensor, rows: Tensor, bias: Tensor | undefined): Logits {
    const builder = this.#builder;
    const z = product(builder, hidden, rows, { transposeB: true });
    return this.#capped(bias === undefined ? z : binary(builder, 'AddV2', z, bias));
  }

  #capped(z: Tensor): Logits {
    if (this.#softCap === undefined) return { value: z, slope: undefined };
    const builder = this.#builder;
    const cap = builder.constant(this.#softCap, z.dtype);
    const tanh = unary(builder, 'Tanh', binary(builder, 'RealDiv', z, cap));
    const one = builder.constant(1, z.dtype);
    return {
      value: binary(builder, 'Mul', tanh, cap),
      slope: binary(builder, 'Sub', one, unary(builder, 'Square', tanh)),
    };
  }

  /** The labels' rows `[targets, hiddenSize]` and their logits `[targets, 1]`. */
  #labelled(hidden: Tensor, labels: Tensor): { rows: Tensor; logits: Logits } {
    const builder = this.#builder;
    const rows = gather(builder, this.#matrix, labels);
    let z = reduce(builder, 'Sum', binary(builder, 'Mul', hidden, rows), [1], true);
    if (this.#bias !== undefined) {
      const target = dimensionAt(this.#labels.shape, 0);
      z = binary(builder, 'AddV2', z, this.#reshape(gather(builder, this.#bias, labels), [-1, 1], [target, 1]));
    }
    return { rows, logits: this.#capped(z) };
  }

  /** `log(sum(exp(x)))` over the last axis, `[rows, 1]`; the largest is taken out first, so that nothing overflows. */
  #logSumExp(x: Tensor): Tensor {
    const builder = this.#builder;
    const largest = builder.add(
      'Max',
      [x, builder.constant([1], 'int32')],
      { T: dtypeAttribute(x.dtype), Tidx: dtypeAttribute('int32'), keep_dims: { kind: 'bool', value: true } },
      { dtype: x.dtype, shape: [dimensionAt(x.shape, 0), 1] },
    );
    const shares = unary(builder, 'Exp', binary(builder, 'Sub', x, largest));
    return binary(builder, 'AddV2', unary(builder, 'Log', reduce(builder, 'Sum', shares, [1], true)), largest);
  }

  /** Rows of the matrix, sharing its bytes. One chunk begins when the one before it is done: their logits never coexist. */
  #rows({ firstRow, rowCount }: RowBlock, after: readonly Tensor[]): Tensor {
    const builder = this.#builder;
    if (this.#chunks.length === 1) return this.#matrix;
    return rowsOf(
      builder,
      this.#matrix,
      { firstRow, rowCount },
      after.map(({ node }) => node),
    );
  }

  #biasOf({ firstRow, rowCount }: RowBlock): Tensor | undefined {
    const builder = this.#builder;
    if (this.#bias === undefined || this.#chunks.length === 1) return this.#bias;
    const { dtype } = this.#bias;
    return builder.add(
      'Slice',
      [this.#bias, builder.constant([firstRow], 'int32'), builder.constant([rowCount], 'int32')],
      { T: dtypeAttribute(dtype), Index: dtypeAttribute('int32') },
      { dtype, shape: [rowCount] },
      { isView: true },
    );
  }

  /** Room for the matrix' gradient; every row is written. It needs nothing, and would be taken when the step begins. */
  #empty(after: Tensor): Tensor {
    const { dtype, shape } = this.#matrix;
    const sizes = shape.map((size) => (typeof size === 'number' ? size : 0));
    return this.#builder.add(
      'Empty',
      [this.#builder.constant(sizes, 'int32')],
      { dtype: dtypeAttribute(dtype), init: { kind: 'bool', value: false } },
      { dtype, shape },
      { controlInputs: [after.node] },
    );
  }

  #reshape(x: Tensor, sizes: readonly number[], shape: Tensor['shape']): Tensor {
    return this.#builder.add(
      'Reshape',
      [x, this.#builder.constant(sizes, 'int32')],
      { T: dtypeAttribute(x.dtype), Tshape: dtypeAttribute('int32') },
      { dtype: x.dtype, shape },
    );
  }
}
