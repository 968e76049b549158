/**
 * TensorFlow graphs from TypeScript: nodes with a static dtype and a symbolic shape, reverse-mode gradients, activation
 * recomputation, a liveness plan of memory, and SavedModel bytes that libtensorflow runs.
 *
 * ```ts
 * const builder = new GraphBuilder();
 * const x = builder.placeholder('x', 'float32', [symbol('batch'), 3]);
 * const weight = variable(builder, 'weight', [2, 3]);
 * const y = matmul(builder, x, readVariable(builder, weight), { transposeB: true });
 * const bytes = encodeSavedModel(builder, y);
 * ```
 * @module
 */
export {
  evaluateDimension,
  formatShape,
  multiplyDimensions,
  symbol,
  type Dimension,
  type Shape,
  type SymbolicDimension,
} from './dimension.ts';
export { DTYPE_SIZE_BYTES, type Dtype, type FloatDtype } from './dtype.ts';
export { GraphError, type GraphErrorCode } from './error.ts';
export { GraphBuilder, firstOutput, outputOf, type TapeEntry } from './graph-builder.ts';
export { gated } from './gated.ts';
export { GradientMap, gradients } from './gradients.ts';
export { planMemory, type MemoryPlan, type MemoryPlanOptions } from './memory-plan.ts';
export { after } from './ops/after.ts';
export { gelu, geluTanh, relu, silu, softmax, tanh } from './ops/activation.ts';
export {
  add,
  addConstant,
  binary,
  cast,
  concat,
  dtypeAttribute,
  gather,
  multiply,
  multiplyConstant,
  reduce,
  scale,
  segmentSum,
  subtract,
  unary,
} from './ops/arithmetic.ts';
export { dropout, type DropoutSource } from './ops/dropout.ts';
export { densify, embeddingLookup, sumDuplicateRows } from './ops/embedding.ts';
export { embeddingPair } from './ops/embedding-pair.ts';
export { gatherRows } from './ops/gather.ts';
export { crossEntropyMean, squaredErrorMean } from './ops/loss.ts';
export { linear, linearWithoutBias, matmul, type LinearOptions } from './ops/matmul.ts';
export { rowIdsOf, rowsOf, setRowsInPlace, type RowBlock } from './ops/scatter.ts';
export { layerNorm, rmsNorm } from './ops/normalization.ts';
export { relativeShift } from './ops/relative-shift.ts';
export { rotary } from './ops/rotary.ts';
export { RuntimeDimensions, dimensionAt, firstToken, group, identity, reshape, split, transpose } from './ops/shape.ts';
export { slidingWindows } from './ops/sliding-windows.ts';
export { assignAddVariable, assignVariable, readVariable, variable, zeros, type Variable } from './ops/variable.ts';
export { variablePort, type BlockPort, type VariablePort } from './ops/variable-port.ts';
export { vocabularyCrossEntropyMean, type VocabularyLossOptions } from './ops/vocabulary-loss.ts';
export { recompute } from './recompute.ts';
export { encodeSavedModel, tensorReference } from './saved-model.ts';
export { TENSOR_VALUE_DTYPES, type GraphSession, type TensorValue, type TensorValueDtype } from './session.ts';
export type { DenseGradient, Gradient, GraphNode, MemoryCategory, RowGradient, Tensor } from './tensor.ts';
