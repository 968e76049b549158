import { transpose, type Tensor } from '@pemmican/graph';
import { BATCH, LENGTH, type ForwardContext } from './forward-context.ts';
import { SPAN_HEAD } from './model-family.ts';
import { HEAD_STANDARD_DEVIATION, type ParameterList } from './parameter-list.ts';

// A start and an end.
const BOUND_COUNT = 2;

export function addSpanHead(list: ParameterList, hiddenSize: number): void {
  list.linear(SPAN_HEAD, BOUND_COUNT, hiddenSize, { standardDeviation: HEAD_STANDARD_DEVIATION });
}

/**
 * What each token is worth as an answer's start and as its end, padding too, as transformers has it: `[2 * batch, length]`, the
 * starts of all rows and then their ends, so that one cross-entropy over all of them is the mean of the two losses.
 * @param hidden `[tokens, hiddenSize]`
 */
export function spanLogits(context: ForwardContext, hidden: Tensor, dropout: number | undefined): Tensor {
  const input = dropout === undefined ? hidden : context.dropout(hidden, dropout);
  const bounds = context.reshape(context.linear(input, SPAN_HEAD), [BATCH, LENGTH, BOUND_COUNT]);
  const starts = transpose(context.builder, bounds, [2, 0, 1]);
  return context.reshape(starts, [{ coefficient: BOUND_COUNT, symbols: ['batch'] }, LENGTH]);
}
