import type { Batch } from './workload.ts';
import type { Encodings, Mode, Oracle } from './oracle.ts';
import { shrink } from './shrink.ts';
import type { Subject } from './subjects.ts';

/** A text that we encode in another way than the oracle. */
export interface Difference {
  readonly subject: string;
  readonly text: string;
  readonly textPair?: string;
  readonly mode: Mode;
  /** The oracle's ids; undefined where it raised an error. */
  readonly expected: readonly number[] | undefined;
  readonly actual: readonly number[] | undefined;
}

/** How many examples a subject encoded, and how many of them in another way than the oracle. */
export interface Tally {
  examples: number;
  differences: number;
}

/** Indexes of the examples that differ. */
function differing(expected: Encodings, actual: Encodings): number[] {
  const wrong: number[] = [];
  let at = 0;
  let ours = 0;
  for (let example = 0; example < expected.lengths.length; example++) {
    const length = expected.lengths[example] ?? -1;
    const ourLength = actual.lengths[example] ?? -1;
    let isEqual = length === ourLength;
    for (let index = 0; isEqual && index < length; index++)
      isEqual =
        expected.ids[at + index] === actual.ids[ours + index] &&
        expected.typeIds[at + index] === actual.typeIds[ours + index];
    if (!isEqual) wrong.push(example);
    at += Math.max(0, length);
    ours += Math.max(0, ourLength);
  }
  return wrong;
}

function idsOf(encodings: Encodings, example: number): number[] | undefined {
  let start = 0;
  for (let index = 0; index < example; index++) start += Math.max(0, encodings.lengths[index] ?? 0);
  const length = encodings.lengths[example] ?? -1;
  return length < 0 ? undefined : Array.from(encodings.ids.subarray(start, start + length));
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Holds ways of ours against the oracle, and makes small what differs. */
export class Comparison {
  readonly tallies = new Map<string, Tally>();
  readonly differences: Difference[] = [];
  readonly #oracle: Oracle;
  readonly #subjects: readonly Subject[];
  readonly #mostShrunk: number;
  readonly #seen = new Set<string>();

  /** @param mostShrunk differences that are made small and kept; the others are only counted */
  constructor(oracle: Oracle, subjects: readonly Subject[], mostShrunk: number) {
    this.#oracle = oracle;
    this.#subjects = subjects;
    this.#mostShrunk = mostShrunk;
  }

  async run(batches: Iterable<Batch>): Promise<void> {
    for (const { texts, mode } of batches) {
      const subjects = this.#subjects.filter((subject) => subject.supports(mode));
      if (subjects.length === 0) continue;
      const expected = await this.#oracle.encode(texts, mode);
      for (const subject of subjects) {
        const wrong = differing(expected, subject.encode(texts, mode));
        const tally = this.tallies.get(subject.name) ?? { examples: 0, differences: 0 };
        this.tallies.set(subject.name, tally);
        tally.examples += expected.lengths.length;
        tally.differences += wrong.length;
        for (const example of wrong) {
          if (this.differences.length >= this.#mostShrunk) break;
          await this.#keep(
            subject,
            texts.slice(...(mode.pairs ? [2 * example, 2 * example + 2] : [example, example + 1])),
            mode,
          );
        }
      }
    }
  }

  async #keep(subject: Subject, texts: readonly Uint8Array[], mode: Mode): Promise<void> {
    const [text = '', pair] = texts.map((bytes) => decoder.decode(bytes));
    // Alone and whole where it fails there too.
    const simple: Mode = { special: false, pairs: false, side: 'right', strategy: 'longest_first' };
    for (const alone of pair === undefined ? [text] : [text, pair])
      if (await this.#fails(subject, alone, undefined, simple))
        return this.#keepShrunk(subject, alone, undefined, simple);
    return this.#keepShrunk(subject, text, pair, mode);
  }

  async #keepShrunk(subject: Subject, text: string, pair: string | undefined, mode: Mode): Promise<void> {
    const failing =
      (withText: (candidate: string) => readonly [string, string | undefined]) =>
      async (candidates: readonly string[]): Promise<boolean[]> => {
        const isFailing: boolean[] = [];
        for (const candidate of candidates) {
          isFailing.push(await this.#fails(subject, ...withText(candidate), mode));
          if (isFailing.at(-1) === true) break;
        }
        return isFailing;
      };
    const smallText = await shrink(
      text,
      failing((candidate) => [candidate, pair]),
    );
    const smallPair =
      pair === undefined
        ? undefined
        : await shrink(
            pair,
            failing((candidate) => [smallText, candidate]),
          );
    const key = JSON.stringify([subject.name, smallText, smallPair, mode]);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const batch = [smallText, ...(smallPair === undefined ? [] : [smallPair])].map((each) => encoder.encode(each));
    this.differences.push({
      subject: subject.name,
      text: smallText,
      ...(smallPair === undefined ? {} : { textPair: smallPair }),
      mode,
      expected: idsOf(await this.#oracle.encode(batch, mode), 0),
      actual: idsOf(subject.encode(batch, mode), 0),
    });
  }

  async #fails(subject: Subject, text: string, pair: string | undefined, mode: Mode): Promise<boolean> {
    const texts = [text, ...(pair === undefined ? [] : [pair])].map((each) => encoder.encode(each));
    return differing(await this.#oracle.encode(texts, mode), subject.encode(texts, mode)).length > 0;
  }
}
