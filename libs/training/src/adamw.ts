import {
  assignAddVariable,
  assignVariable,
  binary,
  densify,
  dtypeAttribute,
  identity,
  readVariable,
  reduce,
  sumDuplicateRows,
  unary,
  variable,
  zeros,
  type Gradient,
  type GraphBuilder,
  type GraphNode,
  type Tensor,
  type Variable,
} from '@pemmican/graph';

/** Scalars that change from step to step; fed. */
export interface AdamWFeeds {
  /** `learningRate * sqrt(1 - beta2^t) / (1 - beta1^t)` */
  readonly correctedLearningRate: Tensor;
  /** `epsilon * sqrt(1 - beta2^t)` */
  readonly correctedEpsilon: Tensor;
  /** `1 - learningRate * weightDecay`, what a decayed weight is multiplied by */
  readonly decayFactor: Tensor;
}

/** Decay rates of the moments. */
export interface Betas {
  readonly beta1: number;
  readonly beta2: number;
}

/** What all updates of a step share, but for their place in it. */
export interface UpdateOptions {
  /** What gradients are multiplied by (clipping). */
  readonly factor: Tensor;
  readonly feeds: AdamWFeeds;
  readonly betas: Betas;
  readonly isDecaying: boolean;
  /** The update before this one: one at a time, their temporary tensors never exist together. */
  readonly after?: GraphNode | undefined;
}

/** What an update ends with, and the dense gradients that it makes. */
export interface Update {
  readonly update: GraphNode;
  readonly dense: readonly Tensor[];
}

/** A trained variable with its moments. */
export interface OptimizedVariable {
  readonly weight: Variable;
  readonly moment1: Variable;
  readonly moment2: Variable;
  readonly hasWeightDecay: boolean;
}

/**
 * The scalars of step `t` (from 1). The betas are rounded to float32 first, as the engine uses them: at small t the
 * corrections divide by `1 - beta^t`, where the rounding of beta2 = 0.999 alone would show as 1e-5.
 */
export function adamWScalars(
  options: { learningRate: number; weightDecay: number; beta1: number; beta2: number; epsilon: number },
  step: number,
): { correctedLearningRate: number; correctedEpsilon: number; decayFactor: number } {
  const bias1 = 1 - Math.fround(options.beta1) ** step;
  const bias2 = Math.sqrt(1 - Math.fround(options.beta2) ** step);
  return {
    correctedLearningRate: (options.learningRate * bias2) / bias1,
    correctedEpsilon: options.epsilon * bias2,
    decayFactor: 1 - options.learningRate * options.weightDecay,
  };
}

export function adamWFeeds(builder: GraphBuilder): AdamWFeeds {
  const feed = (name: string): Tensor => builder.placeholder(`feed/${name}`, 'float32', []);
  return {
    correctedLearningRate: feed('correctedLearningRate'),
    correctedEpsilon: feed('correctedEpsilon'),
    decayFactor: feed('decayFactor'),
  };
}

/** @param weight the parameter called `name` */
export function optimizedVariable(
  builder: GraphBuilder,
  name: string,
  weight: Variable,
  hasWeightDecay: boolean,
): OptimizedVariable {
  const [moment1, moment2] = builder.withCategory(
    'optimizer',
    () =>
      [variable(builder, `moment1/${name}`, weight.shape), variable(builder, `moment2/${name}`, weight.shape)] as const,
  );
  return { weight, moment1, moment2, hasWeightDecay };
}

/** Gradients brought to the form in which they are measured and applied: rows of distinct ids, or dense. */
export function canonicalGradient(builder: GraphBuilder, gradient: Gradient): Gradient {
  return gradient.kind === 'rows' ? sumDuplicateRows(builder, gradient) : gradient;
}

/** L2 norm of all gradients together: `sqrt(sum of squares)`. */
export function globalNorm(builder: GraphBuilder, gradients: readonly Gradient[]): Tensor {
  const halves = gradients.map((gradient) => {
    const value = gradient.kind === 'rows' ? gradient.values : gradient.value;
    return builder.add('L2Loss', [value], { T: dtypeAttribute(value.dtype) }, { dtype: value.dtype, shape: [] });
  });
  const sum = sumInOrder(builder, halves);
  return unary(builder, 'Sqrt', binary(builder, 'Mul', sum, builder.constant(2, sum.dtype)));
}

/**
 * The sum of scalars, whatever the graph around it. A chain of additions the engine would turn into one op, whose operands it sorts by
 * the names of their nodes, which depend on how many nodes come before: other bits with another number of towers.
 */
function sumInOrder(builder: GraphBuilder, scalars: readonly Tensor[]): Tensor {
  const [first] = scalars;
  if (first === undefined) throw new RangeError('Nothing to add up');
  if (scalars.length === 1) return first;
  const { dtype } = first;
  const vector = builder.add(
    'Pack',
    scalars,
    { T: dtypeAttribute(dtype), N: { kind: 'int', value: scalars.length } },
    { dtype, shape: [scalars.length] },
  );
  return reduce(builder, 'Sum', vector, [0], false);
}

/**
 * `min(1, maxNorm / (norm + 1e-6))`, torch's clip_grad_norm_; 1 when `maxNorm` is 0. A norm that is not finite fails the
 * step here, before any variable is written: the weights stay as the last good step left them.
 */
export function clipFactor(builder: GraphBuilder, norm: Tensor, loss: Tensor, maxNorm: number): Tensor {
  const checked = [norm, loss].map((value) =>
    builder.add(
      'CheckNumerics',
      [value],
      { T: dtypeAttribute(value.dtype), message: { kind: 'string', value: 'loss or gradient norm' } },
      { dtype: value.dtype, shape: [] },
    ),
  );
  const finiteNorm = checked[0] ?? norm;
  if (maxNorm === 0)
    return identity(builder, builder.constant(1, norm.dtype), { controlInputs: checked.map((tensor) => tensor.node) });
  const ratio = binary(
    builder,
    'RealDiv',
    builder.constant(maxNorm, norm.dtype),
    binary(builder, 'AddV2', finiteNorm, builder.constant(1e-6, norm.dtype)),
  );
  return identity(builder, binary(builder, 'Minimum', builder.constant(1, norm.dtype), ratio), {
    controlInputs: checked.map((tensor) => tensor.node),
  });
}

/**
 * One AdamW update (arXiv 1711.05101; torch.optim.AdamW): first the decay, then Adam in place. Adam's bias corrections are
 * folded into the fed scalars.
 *
 * The decay makes a product of the weight's size, which becomes the weight; the gradient is scaled (and made dense) only
 * after it, so that the two never exist together.
 */
export function applyAdamW(
  builder: GraphBuilder,
  target: OptimizedVariable,
  gradient: Gradient,
  { factor, feeds, betas, isDecaying, after }: UpdateOptions,
): Update {
  const before = after === undefined ? [] : [after];
  if (isDecaying && target.hasWeightDecay) {
    // The factor is known only when every gradient is, so after every reader of the weight.
    const weight = readVariable(builder, target.weight, [factor.node, ...before]);
    before.push(assignVariable(builder, target.weight, binary(builder, 'Mul', weight, feeds.decayFactor)));
  }
  const ownFactor = identity(builder, factor, { controlInputs: before });
  const dense =
    gradient.kind === 'rows'
      ? densify(builder, { ...gradient, values: binary(builder, 'Mul', gradient.values, ownFactor) })
      : binary(builder, 'Mul', gradient.value, ownFactor);
  return { update: adam(builder, target, dense, feeds, betas), dense: [dense] };
}

/** Adam in place, by the op that does it in one pass. */
export function adam(
  builder: GraphBuilder,
  { weight, moment1, moment2 }: Pick<OptimizedVariable, 'weight' | 'moment1' | 'moment2'>,
  gradient: Tensor,
  feeds: AdamWFeeds,
  { beta1, beta2 }: Betas,
  controlInputs: readonly GraphNode[] = [],
): GraphNode {
  const zero = builder.constant(0);
  return builder.addNode(
    'ResourceApplyAdam',
    [
      weight.handle,
      moment1.handle,
      moment2.handle,
      zero,
      zero,
      feeds.correctedLearningRate,
      builder.constant(beta1),
      builder.constant(beta2),
      feeds.correctedEpsilon,
      gradient,
    ],
    { T: dtypeAttribute('float32'), use_locking: { kind: 'bool', value: false } },
    [],
    { controlInputs },
  );
}

/**
 * Adds a micro-batch's gradient to its accumulator, in place.
 * @param after additions that come before this one: a row gradient becomes dense only when they are done
 */
export function accumulateGradient(
  builder: GraphBuilder,
  accumulator: Variable,
  gradient: Gradient,
  after: readonly GraphNode[],
): GraphNode {
  if (gradient.kind === 'dense') return assignAddVariable(builder, accumulator, gradient.value);
  const values = identity(builder, gradient.values, { controlInputs: after });
  // Not by ResourceScatterAdd: that would put the accumulator into copy-on-read mode.
  return assignAddVariable(builder, accumulator, densify(builder, { ...gradient, values }));
}

/** The accumulated gradient. */
export function readAccumulator(builder: GraphBuilder, accumulator: Variable): Gradient {
  return { kind: 'dense', value: readVariable(builder, accumulator) };
}

/** Empties an accumulator after its gradient was applied. */
export function clearAccumulator(builder: GraphBuilder, accumulator: Variable, after: GraphNode): GraphNode {
  // The zeros wait as well: made when the step begins, those of all accumulators would exist at once.
  return assignVariable(builder, accumulator, zeros(builder, accumulator.shape, 'float32', [after]));
}
