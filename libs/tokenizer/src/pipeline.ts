import type { AddedTokenFinder } from './added-tokens.ts';
import { AlignedText } from './aligned-text.ts';
import { MAX_MEMO_ENTRIES, MAX_MEMO_KEY_LENGTH } from './limits.ts';
import type { Model } from './model/model.ts';
import type { Normalizer } from './normalizer/normalizer.ts';
import type { PreTokenizer } from './pre-tokenizer/pre-tokenizer.ts';
import { placesOf, type TokenPlace } from './token-place.ts';

/** Text to ids, without special tokens around them and without truncation. */
export class Pipeline {
  readonly #rawTokens: AddedTokenFinder;
  readonly #normalizedTokens: AddedTokenFinder;
  readonly #normalizer: Normalizer | undefined;
  readonly #preTokenizer: PreTokenizer | undefined;
  readonly #model: Model;
  // Ids by pre-token: emptied when it is full, since what it holds can be computed again.
  readonly #memo = new Map<string, readonly number[]>();

  constructor(parts: {
    rawTokens: AddedTokenFinder;
    normalizedTokens: AddedTokenFinder;
    normalizer: Normalizer | undefined;
    preTokenizer: PreTokenizer | undefined;
    model: Model;
  }) {
    this.#rawTokens = parts.rawTokens;
    this.#normalizedTokens = parts.normalizedTokens;
    this.#normalizer = parts.normalizer;
    this.#preTokenizer = parts.preTokenizer;
    this.#model = parts.model;
  }

  tokenize(text: string): number[] {
    const ids: number[] = [];
    let isFirst = true;
    for (const segment of this.#rawTokens.split(text)) {
      if ('id' in segment) ids.push(segment.id);
      else this.#addPart(ids, segment.text, isFirst);
      isFirst = false;
    }
    return ids;
  }

  /** The tokens of {@link Pipeline.tokenize} with the part of the text that each is of. */
  tokenizeWithPlaces(text: string): TokenPlace[] {
    const places: TokenPlace[] = [];
    const whole = AlignedText.of(text);
    let isFirst = true;
    for (const segment of this.#rawTokens.split(text)) {
      const part = whole.slice(segment.start, segment.end);
      if ('id' in segment) places.push(addedPlace(segment.id, part));
      else for (const place of this.#placesOfPart(part, isFirst)) places.push(place);
      isFirst = false;
    }
    return places;
  }

  *#placesOfPart(part: AlignedText, isFirstPart: boolean): Generator<TokenPlace> {
    const normalized = this.#normalizer?.align(part) ?? part;
    let isFirst = isFirstPart;
    for (const segment of this.#normalizedTokens.split(normalized.text)) {
      const inner = normalized.slice(segment.start, segment.end);
      if ('id' in segment) yield addedPlace(segment.id, inner);
      else
        for (const piece of this.#preTokenizer?.splitAligned(inner, isFirst) ?? [inner])
          yield* placesOf(piece, this.#model.tokenizeWithPlaces(piece.text));
      isFirst = false;
    }
  }

  /** Ids of a text in which raw added tokens are not looked for. */
  tokenizePart(text: string, isFirst: boolean): number[] {
    const ids: number[] = [];
    this.#addPart(ids, text, isFirst);
    return ids;
  }

  #addPart(ids: number[], text: string, isFirstPart: boolean): void {
    const normalized = this.#normalizer?.normalize(text) ?? text;
    let isFirst = isFirstPart;
    for (const part of this.#normalizedTokens.split(normalized)) {
      if ('id' in part) ids.push(part.id);
      else this.#addPieces(ids, part.text, isFirst);
      isFirst = false;
    }
  }

  #addPieces(ids: number[], text: string, isFirst: boolean): void {
    for (const piece of this.#preTokenizer?.split(text, isFirst) ?? [text]) {
      // Not push(...): a piece can have more tokens than a call may have arguments.
      for (const id of this.#pieceIds(piece)) ids.push(id);
    }
  }

  #pieceIds(piece: string): readonly number[] {
    const known = this.#memo.get(piece);
    if (known !== undefined) return known;
    const ids = this.#model.tokenize(piece);
    if (piece.length <= MAX_MEMO_KEY_LENGTH) {
      if (this.#memo.size >= MAX_MEMO_ENTRIES) this.#memo.clear();
      this.#memo.set(piece, ids);
    }
    return ids;
  }
}

function addedPlace(id: number, part: AlignedText): TokenPlace {
  return { id, start: part.starts[0] ?? 0, end: part.ends.at(-1) ?? 0, text: part.text };
}
