import { TokenizerError } from '../error.ts';
import {
  addedTokenCount,
  withoutSpecialTokens,
  type PostProcessor,
  type TemplatePart,
} from '../post-processor/post-processor.ts';
import { truncatedLengths, type TruncationStrategy } from '../truncation.ts';

export interface FrameOptions {
  /** Put special tokens around the text; true where not given. */
  readonly addSpecialTokens?: boolean;
  /** Longest result in tokens, special ones included; no limit where not given. */
  readonly maxLength?: number;
  readonly truncationSide?: 'right' | 'left';
  readonly truncationStrategy?: TruncationStrategy;
}

/** Special tokens and truncation around the ids of one or two texts, as Tokenizer.encode has them. */
export class Frame {
  /** What a record of one text consists of. */
  readonly single: readonly TemplatePart[];
  /** What a record of two texts consists of. */
  readonly pair: readonly TemplatePart[];
  readonly singleSpecialCount: number;
  readonly pairSpecialCount: number;
  readonly cutsLeft: boolean;
  readonly #maxLength: number | undefined;
  readonly #strategy: TruncationStrategy;

  constructor(postProcessor: PostProcessor, options: FrameOptions) {
    const template = options.addSpecialTokens === false ? withoutSpecialTokens(postProcessor) : postProcessor;
    this.single = template.single;
    this.pair = template.pair;
    this.singleSpecialCount = addedTokenCount(this.single);
    this.pairSpecialCount = addedTokenCount(this.pair);
    this.#maxLength = options.maxLength;
    this.cutsLeft = options.truncationSide === 'left';
    this.#strategy = options.truncationStrategy ?? 'longest_first';
  }

  /**
   * Tokens of one text that may stay.
   * @throws TokenizerError INVALID_OPTION
   */
  get singleRoom(): number {
    return this.#room(this.singleSpecialCount);
  }

  /** Whether one text that is too long is simply cut at its end. */
  get cutsEnd(): boolean {
    return !this.cutsLeft && this.#strategy === 'longest_first';
  }

  /**
   * Tokens that stay of each text; `second` is undefined where there is one.
   * @throws TokenizerError INVALID_OPTION
   */
  lengths(first: number, second: number | undefined): [first: number, second: number] {
    if (this.#maxLength === undefined) return [first, second ?? 0];
    const room = this.#room(second === undefined ? this.singleSpecialCount : this.pairSpecialCount);
    return truncatedLengths(first, second, room, this.#strategy);
  }

  #room(specialCount: number): number {
    if (this.#maxLength === undefined) return Infinity;
    const room = this.#maxLength - specialCount;
    if (room >= 0) return room;
    throw new TokenizerError(
      'INVALID_OPTION',
      `maxLength ${this.#maxLength} has no room for ${specialCount} special tokens`,
    );
  }
}
