import { readFileSync } from 'node:fs';
import { Tokenizer, TokenizerError } from '@pemmican/tokenizer';
import { differing, EncodingsBuilder, type Encodings } from './encodings.ts';
import { CounterSubject, EncoderSubject } from './fast-subjects.ts';
import type { Mode } from './oracle.ts';

/** A way of ours to get ids, or to count them, that is held against the oracle. */
export interface Subject {
  readonly name: string;
  /** Indexes of the examples that it takes in another way. */
  wrong(expected: Encodings, texts: readonly Uint8Array[], mode: Mode): number[];
  /** Undefined where it gives no ids. */
  encode?(texts: readonly Uint8Array[], mode: Mode): Encodings;
}

export const SUBJECT_NAMES = ['Tokenizer', 'FastEncoder', 'FastCounter'] as const;
export type SubjectName = (typeof SUBJECT_NAMES)[number];

/** The readable tokenizer, example by example. */
class TokenizerSubject implements Subject {
  readonly name = 'Tokenizer';
  readonly #tokenizer: Tokenizer;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
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

  wrong(expected: Encodings, texts: readonly Uint8Array[], mode: Mode): number[] {
    return differing(expected, this.encode(texts, mode));
  }
}

export interface OpenedSubjects {
  readonly tokenizer: Tokenizer;
  readonly subjects: readonly Subject[];
  /** The vocabulary. */
  readonly tokens: readonly string[];
}

/** Our ways to get ids out of a tokenizer.json. */
export function openSubjects(tokenizerFile: string, names: readonly SubjectName[]): OpenedSubjects {
  const bytes = readFileSync(tokenizerFile);
  const tokenizer = Tokenizer.fromJson(bytes, { fileName: tokenizerFile });
  const tokens: string[] = [];
  for (let id = 0; id < tokenizer.vocabSize; id++) tokens.push(tokenizer.idToToken(id) ?? '');
  const subjects = [new TokenizerSubject(tokenizer), new EncoderSubject(tokenizer), new CounterSubject(tokenizer)];
  return {
    tokenizer,
    subjects: subjects.filter(({ name }) => names.includes(name)),
    tokens: tokens.filter((token) => token !== ''),
  };
}
