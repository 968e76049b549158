import type { AddedTokenScanner } from './added-token-scanner.ts';
import type { CutRule } from './cut-rule.ts';
import type { Address } from './engine/engine-exports.ts';
import type { BlockPlaces, Engine } from './engine/engine.ts';
import type { RecordBlock } from './record-block.ts';

/** Ids of whole texts: added tokens, and the chunks of the stretches between them. */
export class TextScanner {
  readonly engine: Engine;
  readonly #finders: readonly AddedTokenScanner[];
  readonly #firstScope: CutRule['firstScope'];

  /** @param finders one after the other: what the first leaves the second looks at */
  constructor(engine: Engine, finders: readonly AddedTokenScanner[], firstScope: CutRule['firstScope']) {
    this.engine = engine;
    this.#finders = finders.filter((finder) => !finder.isEmpty);
    this.#firstScope = firstScope;
  }

  /** Counts up to `limit` tokens of a text; the engine says how many there were and whether there are more. */
  count({ textOffsets }: RecordBlock, { text }: BlockPlaces, index: number, limit: number): void {
    this.engine.exports.beginCount(limit);
    const start = text + (textOffsets[index] ?? 0);
    this.#scan(start, text + (textOffsets[index + 1] ?? 0), start, 0, true);
  }

  /**
   * Writes the ids of a text behind those that were written before.
   * @returns how many
   */
  write({ textOffsets }: RecordBlock, { text }: BlockPlaces, index: number): number {
    this.engine.isBehind = true;
    const before = this.engine.writeEnd;
    const start = text + (textOffsets[index] ?? 0);
    this.#scan(start, text + (textOffsets[index + 1] ?? 0), start, 0, false);
    return (this.engine.writeEnd - before) / 4;
  }

  #scan(start: Address, end: Address, textStart: Address, level: number, isCounting: boolean): void {
    const { exports, memory } = this.engine;
    const finder = this.#finders[level];
    if (finder === undefined) {
      if (start === end) return;
      const isFirst = this.#firstScope === 'stretch' || (this.#firstScope === 'text' && start === textStart);
      exports.scan(start, end, Number(isFirst));
      return;
    }
    finder.begin(start, end);
    let at = start;
    while (finder.next(memory.bytes)) {
      const { matchStart, matchEnd, matchId } = finder;
      this.#scan(at, matchStart, textStart, level + 1, isCounting);
      if (isCounting && exports.isTruncated() === 1) return;
      if (isCounting) exports.countId(matchId);
      else exports.writeId(matchId);
      if (isCounting && exports.isTruncated() === 1) return;
      at = matchEnd;
    }
    this.#scan(at, end, textStart, level + 1, isCounting);
  }
}
