import {
  GraphBuilder,
  RuntimeDimensions,
  assignVariable,
  encodeSavedModel,
  identity,
  matmul,
  readVariable,
  symbol,
  variable,
  variablePort,
  type GraphNode,
  type Tensor,
} from '@pemmican/graph';
import type { ForwardOptions, Generation, GenerationState, Model, ModelInputs } from '@pemmican/models';
import type { PredictionProgram } from './prediction-program.ts';
import { FEED, FETCH, modelInputs } from './program-feeds.ts';

const OPTIONS: ForwardOptions = { task: 'seq2seq-lm', isTraining: false };

/**
 * Builds the graph that writes: {@link FETCH.beginGeneration} reads a batch of sources, and each {@link FETCH.nextTokenIds}
 * after it reads one token of each row and gives the most likely next one. What the sources come to, and the keys and values
 * of what was read, stay in the session from one run to the next.
 * @throws TypeError for a model that does not write
 */
export function buildGenerationProgram(
  model: Model,
  options: { readonly vocabRows: number; readonly outputRows: number },
): PredictionProgram {
  const { generation } = model;
  if (generation === undefined) throw new TypeError(`A ${model.modelType} model does not write`);
  const builder = new GraphBuilder({});
  const specs = model.parameters(OPTIONS.task, 0, options.vocabRows, options.outputRows);
  const variables = specs.map((spec) => ({
    spec,
    weight: builder.withCategory('weights', () => variable(builder, `weights/${spec.name}`, spec.shape)),
  }));
  const inputs = modelInputs(builder, OPTIONS.task);
  builder.withoutTape(() => {
    const weights = new Map(variables.map(({ spec, weight }) => [spec.name, readVariable(builder, weight)]));
    addGeneration(builder, generation, weights, inputs);
  });
  const parameters = variables.map(({ spec, weight }) => ({ spec, weight: variablePort(builder, weight) }));
  return { savedModel: encodeSavedModel(builder, builder.constant(1)), parameters };
}

function addGeneration(
  builder: GraphBuilder,
  generation: Generation,
  weights: ReadonlyMap<string, Tensor>,
  inputs: ModelInputs,
): void {
  const sizes = new RuntimeDimensions(builder, inputs.inputIds);
  const first = generation.begin(builder, sizes, weights, inputs, OPTIONS);
  const kept = keepState(builder, first);
  finish(builder, FETCH.beginGeneration, kept.assign(first));
  const tokenIds = builder.placeholder(FEED.tokenIds, 'int32', [symbol('batch')]);
  const distances = builder.placeholder(FEED.distances, 'int32', [symbol('readLength')]);
  const state = kept.read();
  const dimensions = new RuntimeDimensions(builder, tokenIds, distances, ...state.fixed);
  const step = generation.step({ tokenIds, distances, state }, builder, dimensions, weights, inputs, OPTIONS);
  const next = largestIndices(builder, matmul(builder, step.hidden, step.matrix, { transposeB: true }));
  identity(builder, next, { name: FETCH.nextTokenIds, controlInputs: kept.assignPast(step.past) });
}

/** Variables for a state, whose shapes each batch and each step change. */
function keepState(
  builder: GraphBuilder,
  first: GenerationState,
): {
  assign(state: GenerationState): GraphNode[];
  assignPast(past: readonly Tensor[]): GraphNode[];
  read(): GenerationState;
} {
  const variablesOf = (part: keyof GenerationState): ReturnType<typeof variable>[] =>
    first[part].map(({ shape, dtype }, index) => variable(builder, `generation/${part}/${index}`, shape, dtype));
  const [fixed, past] = [variablesOf('fixed'), variablesOf('past')];
  const assignAll = (targets: typeof fixed, values: readonly Tensor[]): GraphNode[] =>
    targets.map((target, index) => {
      const value = values[index];
      if (value === undefined) throw new RangeError(`A step leaves ${values.length} of ${targets.length} tensors`);
      return assignVariable(builder, target, value);
    });
  const readAll = (targets: typeof fixed): Tensor[] => targets.map((target) => readVariable(builder, target));
  return {
    assign: (state) => [...assignAll(fixed, state.fixed), ...assignAll(past, state.past)],
    assignPast: (values) => assignAll(past, values),
    read: () => ({ fixed: readAll(fixed), past: readAll(past) }),
  };
}

/** int32 `[rows]`: where each row's largest value stands, the first of equal ones. */
function largestIndices(builder: GraphBuilder, x: Tensor): Tensor {
  return builder.add(
    'ArgMax',
    [x, builder.constant(1, 'int32')],
    {
      T: { kind: 'dtype', value: x.dtype },
      Tidx: { kind: 'dtype', value: 'int32' },
      output_type: { kind: 'dtype', value: 'int32' },
    },
    { dtype: 'int32', shape: x.shape.slice(0, 1) },
  );
}

function finish(builder: GraphBuilder, name: string, controlInputs: readonly GraphNode[]): void {
  identity(builder, builder.constant(1, 'int32'), { name, controlInputs });
}
