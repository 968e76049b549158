import {
  FastCounter,
  FastEncoder,
  TokenizerError,
  type FrameOptions,
  type RecordBlock,
  type Tokenizer,
} from '@pemmican/tokenizer';
import { differing, EncodingsBuilder, slice, type Encodings } from './encodings.ts';
import type { Mode } from './oracle.ts';
import type { Subject } from './subjects.ts';

// Small where there are many modes, so that the tables are emptied again and again: results are the same with any size.
const [LARGE_MEMO_BYTES, SMALL_MEMO_BYTES] = [64 << 20, 1 << 18];

function blockOf(texts: readonly Uint8Array[], hasPairs: boolean): RecordBlock {
  const textOffsets = new Uint32Array(texts.length + 1);
  texts.forEach((text, index) => {
    textOffsets[index + 1] = (textOffsets[index] ?? 0) + text.length;
  });
  const bytes = new Uint8Array(textOffsets[texts.length] ?? 0);
  texts.forEach((text, index) => {
    bytes.set(text, textOffsets[index]);
  });
  return { bytes, textOffsets, ...(hasPairs ? { hasPair: new Uint8Array(texts.length / 2).fill(1) } : {}) };
}

type ModeOptions = FrameOptions & { readonly memoBytes: number };

/** Makes one for each mode. */
class ByMode<Value> {
  readonly #make: (options: ModeOptions) => Value;
  readonly #values = new Map<string, Value>();

  constructor(make: (options: ModeOptions) => Value) {
    this.#make = make;
  }

  get(mode: Mode): Value {
    const options = this.#optionsOf(mode);
    const key = JSON.stringify(options);
    let value = this.#values.get(key);
    if (value === undefined) this.#values.set(key, (value = this.#make(options)));
    return value;
  }

  #optionsOf(mode: Mode): ModeOptions {
    return {
      addSpecialTokens: mode.special,
      truncationSide: mode.side,
      truncationStrategy: mode.strategy,
      ...(mode.maxLength === undefined ? {} : { maxLength: mode.maxLength }),
      memoBytes: mode.maxLength === undefined && !mode.pairs ? LARGE_MEMO_BYTES : SMALL_MEMO_BYTES,
    };
  }
}

/** The byte path that gives ids, a block at a time. */
export class EncoderSubject implements Subject {
  readonly name = 'FastEncoder';
  readonly #encoders: ByMode<FastEncoder>;

  constructor(tokenizer: Tokenizer) {
    this.#encoders = new ByMode((options) => new FastEncoder(tokenizer, options));
  }

  encode(texts: readonly Uint8Array[], mode: Mode): Encodings {
    const encoder = this.#encoders.get(mode);
    const builder = new EncodingsBuilder();
    const add = (some: readonly Uint8Array[]): void => {
      const { ids, typeIds, recordOffsets } = encoder.encode(blockOf(some, mode.pairs));
      for (let record = 0; record + 1 < recordOffsets.length; record++)
        builder.add(
          ids.subarray(recordOffsets[record], recordOffsets[record + 1]),
          typeIds.subarray(recordOffsets[record], recordOffsets[record + 1]),
        );
    };
    try {
      add(texts);
    } catch (error) {
      if (!(error instanceof TokenizerError)) throw error;
      // One record that is refused refuses its block.
      const size = mode.pairs ? 2 : 1;
      for (let index = 0; index < texts.length; index += size)
        try {
          add(texts.slice(index, index + size));
        } catch (inner) {
          if (!(inner instanceof TokenizerError)) throw inner;
          builder.addRefusal();
        }
    }
    return builder.finish();
  }

  wrong(expected: Encodings, texts: readonly Uint8Array[], mode: Mode): number[] {
    return differing(expected, this.encode(texts, mode));
  }
}

/** The byte path that counts: lengths are compared example by example, occurrences of ids batch by batch. */
export class CounterSubject implements Subject {
  readonly name = 'FastCounter';
  readonly #counters: ByMode<FastCounter>;
  readonly #vocabSize: number;

  constructor(tokenizer: Tokenizer) {
    this.#vocabSize = tokenizer.vocabSize;
    const [large, small] = [LARGE_MEMO_BYTES, SMALL_MEMO_BYTES].map(
      (memoBytes) => new FastCounter(tokenizer, { memoBytes }),
    );
    this.#counters = new ByMode((options) => {
      const owner = options.memoBytes === LARGE_MEMO_BYTES ? large : small;
      return owner?.withFrame(options) ?? new FastCounter(tokenizer, options);
    });
  }

  wrong(expected: Encodings, texts: readonly Uint8Array[], mode: Mode): number[] {
    const size = mode.pairs ? 2 : 1;
    // One record that is refused refuses its block: those are counted alone.
    const accepted = Array.from(expected.lengths.keys()).filter((example) => (expected.lengths[example] ?? 0) >= 0);
    const whole =
      accepted.length === expected.lengths.length
        ? texts
        : accepted.flatMap((example) => texts.slice(example * size, (example + 1) * size));
    const lengths = expected.lengths.filter((length) => length >= 0);
    const isRight = whole.length === 0 || this.#isRight({ ...expected, lengths }, whole, mode);
    if (isRight && accepted.length === expected.lengths.length) return [];
    const wrong: number[] = [];
    for (let example = 0; example < expected.lengths.length; example++) {
      const alone = slice(expected, example, example + 1);
      if (isRight && alone.lengths[0] !== -1) continue;
      if (!this.#isRight(alone, texts.slice(example * size, (example + 1) * size), mode)) wrong.push(example);
    }
    // What shows in the batch only is counted as one.
    return wrong.length === 0 && !isRight ? [0] : wrong;
  }

  #isRight(expected: Encodings, texts: readonly Uint8Array[], mode: Mode): boolean {
    const counter = this.#counters.get(mode);
    try {
      const { recordLengths, tokenCount } = counter.add(blockOf(texts, mode.pairs));
      const counts = counter.takeCounts();
      return (
        tokenCount === expected.ids.length &&
        expected.lengths.every((length, example) => length === recordLengths[example]) &&
        this.#haveSameCounts(expected.ids, counts)
      );
    } catch (error) {
      if (!(error instanceof TokenizerError)) throw error;
      // It has counted a part of what it refused.
      counter.takeCounts();
      return expected.lengths.length === 1 && expected.lengths[0] === -1;
    }
  }

  /** Takes the ids off the counts, after which none may be left. */
  #haveSameCounts(ids: Uint32Array, counts: Float64Array): boolean {
    if (counts.length !== this.#vocabSize) return false;
    for (const id of ids) counts[id] = (counts[id] ?? 0) - 1;
    return counts.every((count) => count === 0);
  }
}
