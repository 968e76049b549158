import { readFileSync } from 'node:fs';
import { Tokenizer, TokenizerError } from '@pemmican/tokenizer';
import type { Encodings, Mode } from './oracle.ts';

/** A way of ours to get ids that is held against the oracle. */
export interface Subject {
  readonly name: string;
  /** Whether it can do what the mode asks for. */
  supports(mode: Mode): boolean;
  encode(texts: readonly Uint8Array[], mode: Mode): Encodings;
}

/** Collects the ids of examples. */
export class EncodingsBuilder {
  readonly #lengths: number[] = [];
  #ids = new Uint32Array(1 << 16);
  #typeIds = new Uint8Array(1 << 16);
  #count = 0;

  add(ids: Uint32Array, typeIds: Uint8Array): void {
    if (this.#count + ids.length > this.#ids.length) {
      const capacity = 2 * (this.#count + ids.length);
      const [grownIds, grownTypeIds] = [new Uint32Array(capacity), new Uint8Array(capacity)];
      grownIds.set(this.#ids);
      grownTypeIds.set(this.#typeIds);
      [this.#ids, this.#typeIds] = [grownIds, grownTypeIds];
    }
    this.#ids.set(ids, this.#count);
    this.#typeIds.set(typeIds, this.#count);
    this.#count += ids.length;
    this.#lengths.push(ids.length);
  }

  /** An example that was refused. */
  addRefusal(): void {
    this.#lengths.push(-1);
  }

  finish(): Encodings {
    const [ids, typeIds] = [this.#ids.subarray(0, this.#count), this.#typeIds.subarray(0, this.#count)];
    return { lengths: Int32Array.from(this.#lengths), ids, typeIds };
  }
}

/** The readable tokenizer, example by example. */
class TokenizerSubject implements Subject {
  readonly name = 'Tokenizer';
  readonly #tokenizer: Tokenizer;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  supports(): boolean {
    return true;
  }

  encode(texts: readonly Uint8Array[], mode: Mode): Encodings {
    const builder = new EncodingsBuilder();
    const options = {
      addSpecialTokens: mode.special,
      truncationSide: mode.side,
      truncationStrategy: mode.strategy,
      ...(mode.maxLength === undefined ? {} : { maxLength: mode.maxLength }),
    };
    for (let index = 0; index < texts.length; index += mode.pairs ? 2 : 1) {
      const textPair = mode.pairs ? texts[index + 1] : undefined;
      try {
        const encoding = this.#tokenizer.encode(texts[index] ?? '', {
          ...options,
          ...(textPair === undefined ? {} : { textPair }),
        });
        builder.add(encoding.ids, encoding.typeIds);
      } catch (error) {
        if (!(error instanceof TokenizerError)) throw error;
        builder.addRefusal();
      }
    }
    return builder.finish();
  }
}

export interface OpenedSubjects {
  readonly tokenizer: Tokenizer;
  readonly subjects: readonly Subject[];
  /** The vocabulary. */
  readonly tokens: readonly string[];
}

/** All ways of ours to get ids out of a tokenizer.json. */
export function openSubjects(tokenizerFile: string): OpenedSubjects {
  const bytes = readFileSync(tokenizerFile);
  const tokenizer = Tokenizer.fromJson(bytes, { fileName: tokenizerFile });
  const tokens: string[] = [];
  for (let id = 0; id < tokenizer.vocabSize; id++) tokens.push(tokenizer.idToToken(id) ?? '');
  return { tokenizer, subjects: [new TokenizerSubject(tokenizer)], tokens: tokens.filter((token) => token !== '') };
}
