import type { Batch } from './workload.ts';
import { idsOf, type Encodings } from './encodings.ts';
import type { Mode } from './oracle.ts';
import type { RecordedOracle } from './recorded-oracle.ts';
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
  /** Undefined where ours raised an error, or gives no ids. */
  readonly actual: readonly number[] | undefined;
}

/** How many examples a subject encoded, and how many of them in another way than the oracle. */
export interface Tally {
  examples: number;
  differences: number;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Holds ways of ours against the oracle, and makes small what differs. */
export class Comparison {
  readonly tallies = new Map<string, Tally>();
  readonly differences: Difference[] = [];
  readonly #oracle: RecordedOracle;
  readonly #subjects: readonly Subject[];
  readonly #mostShrunk: number;
  readonly #seen = new Set<string>();

  /** @param mostShrunk differences that are made small and kept; the others are only counted */
  constructor(oracle: RecordedOracle, subjects: readonly Subject[], mostShrunk: number) {
    this.#oracle = oracle;
    this.#subjects = subjects;
    this.#mostShrunk = mostShrunk;
  }

  async run(batches: Iterable<Batch>): Promise<void> {
    for (const { texts, mode } of batches) {
      const expected = await this.#expected(texts, mode);
      for (const subject of this.#subjects) {
        const wrong = subject.wrong(expected, texts, mode);
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

  /** What the oracle gives: known already where it has given just that before. */
  async #expected(texts: readonly Uint8Array[], mode: Mode): Promise<Encodings> {
    const ours = this.#subjects.find((subject) => subject.encode !== undefined)?.encode?.(texts, mode);
    if (ours !== undefined && this.#oracle.confirms(texts, mode, ours)) return ours;
    return this.#oracle.encode(texts, mode, true);
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
      actual: subject.encode === undefined ? undefined : idsOf(subject.encode(batch, mode), 0),
    });
  }

  async #fails(subject: Subject, text: string, pair: string | undefined, mode: Mode): Promise<boolean> {
    const texts = [text, ...(pair === undefined ? [] : [pair])].map((each) => encoder.encode(each));
    return subject.wrong(await this.#oracle.encode(texts, mode), texts, mode).length > 0;
  }
}
