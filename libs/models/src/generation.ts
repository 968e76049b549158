import type { Tensor } from '@pemmican/graph';
import type { ForwardArguments } from './model-family.ts';

/** What one step leaves to the next one. */
export interface GenerationState {
  /** What a batch's sources are to the decoder; the same in every step. Batches come first in their shapes. */
  readonly fixed: readonly Tensor[];
  /** Keys and values of the tokens that were read, `[batch, headCount, pastLength, headSize]`. */
  readonly past: readonly Tensor[];
}

/** What a step is fed. */
export interface GenerationStep {
  /** int32 `[batch]`, the token that each row reads, in the id space of the embedding matrix. */
  readonly tokenIds: Tensor;
  /** int32 `[readLength]`, where the tokens read so far stand, seen from the one that is read now: ..., -2, -1, 0. */
  readonly distances: Tensor;
  readonly state: GenerationState;
}

/** What a step comes to. */
export interface WrittenToken {
  /** `[batch, hiddenSize]` */
  readonly hidden: Tensor;
  /** `[vocabSize, hiddenSize]`; logits are `hidden matrix^T`. */
  readonly matrix: Tensor;
  /** `GenerationState.past` with the token that was read. */
  readonly past: readonly Tensor[];
}

/** How an encoder-decoder writes, a token of each row at a time: no step does again what one before it did. */
export interface Generation {
  /** Reads the sources, which are the inputs. */
  begin(...graph: ForwardArguments): GenerationState;
  /** Reads a token; the inputs are the sources', which are not read again. */
  step(step: GenerationStep, ...graph: ForwardArguments): WrittenToken;
}
