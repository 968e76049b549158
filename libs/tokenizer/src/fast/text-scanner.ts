import type { ChunkScanner } from './chunk-scanner.ts';
import type { AddedTokenScanner } from './added-token-scanner.ts';
import type { CutRule } from './cut-rule.ts';
import type { TokenTotals } from './token-totals.ts';

/** Ids of whole texts: added tokens, and the chunks of the stretches between them. */
export class TextScanner {
  readonly chunks: ChunkScanner;
  readonly #totals: TokenTotals;
  readonly #finders: readonly AddedTokenScanner[];
  readonly #firstScope: CutRule['firstScope'];

  /** @param finders one after the other: what the first leaves the second looks at */
  constructor(
    chunks: ChunkScanner,
    totals: TokenTotals,
    finders: readonly AddedTokenScanner[],
    firstScope: CutRule['firstScope'],
  ) {
    this.chunks = chunks;
    this.#totals = totals;
    this.#finders = finders.filter((finder) => !finder.isEmpty);
    this.#firstScope = firstScope;
  }

  /** Counts up to `limit` tokens of a text; `chunks` says how many there were and whether there are more. */
  count(start: number, end: number, limit: number): void {
    const { chunks } = this;
    chunks.tokenCount = 0;
    chunks.isTruncated = false;
    chunks.limit = limit;
    this.#scan(start, end, start, 0, true);
  }

  /** Writes the ids of a text to `chunks.ids`. */
  encode(start: number, end: number): void {
    this.chunks.isTruncated = false;
    this.#scan(start, end, start, 0, false);
  }

  #scan(start: number, end: number, textStart: number, level: number, isCounting: boolean): void {
    const { chunks } = this;
    const finder = this.#finders[level];
    if (finder === undefined) {
      if (start === end) return;
      const isFirst = this.#firstScope === 'stretch' || (this.#firstScope === 'text' && start === textStart);
      chunks.scan(start, end, isFirst, isCounting);
      return;
    }
    finder.begin(start, end);
    let at = start;
    while (finder.next(chunks.bytes)) {
      const { matchStart, matchEnd, matchId } = finder;
      this.#scan(at, matchStart, textStart, level + 1, isCounting);
      if (chunks.isTruncated) return;
      if (isCounting) this.#countToken(matchId);
      else chunks.ids.push(matchId);
      if (chunks.isTruncated) return;
      at = matchEnd;
    }
    this.#scan(at, end, textStart, level + 1, isCounting);
  }

  #countToken(id: number): void {
    const { chunks } = this;
    if (chunks.tokenCount >= chunks.limit) {
      chunks.isTruncated = true;
      return;
    }
    chunks.tokenCount++;
    this.#totals.add(id, 1);
  }
}
