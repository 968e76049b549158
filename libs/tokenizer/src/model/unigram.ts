import type { Component } from '../component.ts';
import { TokenizerError } from '../error.ts';
import { MAX_TOKEN_LENGTH, MAX_VOCAB_SIZE } from '../limits.ts';
import { characterLength } from '../unicode/utf8.ts';
import { byteTokenIds } from './bpe.ts';
import { ByteTrie } from './byte-trie.ts';
import type { Model, PlacedToken } from './model.ts';
import { storedScore } from './stored-score.ts';

// What an unknown character costs beyond the worst piece (SentencePiece's kUnkPenalty).
const UNK_PENALTY = 10;

/** The segmentation of highest probability (arXiv 1804.10959), by Viterbi over bytes as tokenizers' `unigram/model.rs`. */
export class Unigram implements Model {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unkTokenId: number | undefined;
  /** By token id. */
  readonly scores: Float64Array;
  readonly unkScore: number;
  /** The pieces. */
  readonly trie: ByteTrie;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  // Of the best path to each byte: its score, where its last piece begins, and that piece's id.
  #bestScores = new Float64Array(0);
  #bestStarts = new Int32Array(0);
  #bestIds = new Int32Array(0);
  // Ids of the 256 byte tokens; undefined without byte_fallback.
  readonly #byteIds: readonly (number | undefined)[] | undefined;

  constructor(component: Component) {
    const vocab = component.list('vocab');
    if (vocab.length > MAX_VOCAB_SIZE)
      throw new TokenizerError(
        'TOO_LARGE',
        `${component.where}.vocab has ${vocab.length} pieces, the limit is ${MAX_VOCAB_SIZE}`,
      );
    const unkId = component.get('unk_id');
    if (
      unkId !== null &&
      unkId !== undefined &&
      !(typeof unkId === 'number' && Number.isInteger(unkId) && unkId >= 0 && unkId < vocab.length)
    ) {
      component.fail('unk_id', `null or an integer from 0 to ${vocab.length - 1}`);
    }
    this.unkTokenId = typeof unkId === 'number' ? unkId : undefined;
    this.scores = new Float64Array(vocab.length);
    const vocabulary = new Map<string, number>();
    const encoded = vocab.map((entry, id) => {
      const [piece, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
      if (typeof piece !== 'string' || typeof score !== 'number' || piece.length > MAX_TOKEN_LENGTH) {
        throw new TokenizerError(
          'INVALID_TOKENIZER',
          `${component.where}.vocab[${id}] is ${JSON.stringify(entry)?.slice(0, 80)}, expected a piece and its score`,
        );
      }
      this.scores[id] = storedScore(score);
      vocabulary.set(piece, id);
      return this.#encoder.encode(piece);
    });
    this.vocabulary = vocabulary;
    if (component.flag('byte_fallback', false)) this.#byteIds = byteTokenIds(vocabulary);
    this.unkScore = this.scores.reduce((least, score) => Math.min(least, score), Infinity) - UNK_PENALTY;
    this.trie = new ByteTrie(encoded.reduce((sum, bytes) => sum + bytes.length, 0));
    encoded.forEach((bytes, id) => {
      this.trie.insert(bytes, id);
    });
  }

  get hasByteFallback(): boolean {
    return this.#byteIds !== undefined;
  }

  get size(): number {
    return this.scores.length;
  }

  tokenize(piece: string): number[] {
    return this.tokenizeBytes(this.#encoder.encode(piece));
  }

  tokenizeWithPlaces(piece: string): PlacedToken[] {
    const bounds: number[] = [];
    const ids = this.tokenizeBytes(this.#encoder.encode(piece), bounds);
    return ids.map((id, index) => ({ id, startByte: bounds[2 * index] ?? 0, endByte: bounds[2 * index + 1] ?? 0 }));
  }

  /**
   * @param bytes valid UTF-8
   * @param bounds gets, by id, the start and the end of the bytes that it stands for; those that one unknown stretch has
   *   become all have that of the stretch
   */
  tokenizeBytes(bytes: Uint8Array, bounds?: number[]): number[] {
    this.#findBestPaths(bytes);
    const ids: number[] = [];
    for (let end = bytes.length; end > 0;) {
      const id = this.#bestIds[end] ?? 0;
      let start = this.#bestStarts[end] ?? 0;
      if (id === this.unkTokenId) {
        // Unknown characters next to each other are one unknown token.
        while (start > 0 && this.#bestIds[start] === id) start = this.#bestStarts[start] ?? 0;
        // From the end, since the whole list is turned round.
        const unknownIds = this.#unknownIds(bytes.subarray(start, end), id).reverse();
        ids.push(...unknownIds);
        if (bounds !== undefined) for (const _ of unknownIds) bounds.push(end, start);
      } else {
        ids.push(id);
        bounds?.push(end, start);
      }
      end = start;
    }
    bounds?.reverse();
    return ids.reverse();
  }

  /** Ids of a stretch that the vocabulary has no path through. */
  #unknownIds(bytes: Uint8Array, unkTokenId: number): number[] {
    if (this.#byteIds === undefined) return [unkTokenId];
    const known = this.vocabulary.get(this.#decoder.decode(bytes));
    if (known !== undefined) return [known];
    const ids = Array.from(bytes, (byte) => this.#byteIds?.[byte]);
    return ids.every((id) => id !== undefined) ? ids : [unkTokenId];
  }

  #findBestPaths(bytes: Uint8Array): void {
    const size = bytes.length + 1;
    if (this.#bestStarts.length < size) {
      this.#bestScores = new Float64Array(size * 2);
      this.#bestStarts = new Int32Array(size * 2);
      this.#bestIds = new Int32Array(size * 2);
    }
    this.#bestStarts.fill(-1, 0, size);
    this.#bestScores[0] = 0;
    for (let start = 0; start < bytes.length;) {
      const length = characterLength(bytes[start] ?? 0);
      const scoreHere = this.#bestScores[start] ?? 0;
      let hasCharacter = false;
      let node = 0;
      for (let end = start; end < bytes.length;) {
        node = this.trie.child(node, bytes[end] ?? 0);
        if (node < 0) break;
        end++;
        const id = this.trie.valueAt(node);
        if (id < 0) continue;
        this.#offer(start, end, id, (this.scores[id] ?? 0) + scoreHere);
        hasCharacter ||= end - start === length;
      }
      if (!hasCharacter) {
        if (this.unkTokenId === undefined)
          throw new TokenizerError(
            'INVALID_TOKENIZER',
            'The Unigram model meets an unknown character and has no unk_id',
          );
        this.#offer(start, start + length, this.unkTokenId, this.unkScore + scoreHere);
      }
      start += length;
    }
  }

  /** Takes a path to `end` if it is better than what is there; of equal ones the first stays. */
  #offer(start: number, end: number, id: number, score: number): void {
    if ((this.#bestStarts[end] ?? -1) >= 0 && score <= (this.#bestScores[end] ?? 0)) return;
    this.#bestStarts[end] = start;
    this.#bestScores[end] = score;
    this.#bestIds[end] = id;
  }
}
