import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Encodings } from './encodings.ts';
import { Oracle, ORACLE_VERSION, type Mode } from './oracle.ts';

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array | Int32Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

function digestOfTexts(texts: readonly Uint8Array[], mode: Mode): string {
  const hash = createHash('sha256').update(JSON.stringify(mode));
  hash.update(bytesOf(Uint32Array.from(texts, (text) => text.length)));
  for (const text of texts) hash.update(text);
  return hash.digest('hex');
}

function digestOfEncodings({ lengths, ids, typeIds }: Encodings): string {
  const hash = createHash('sha256').update(bytesOf(lengths)).update(bytesOf(ids));
  return hash.update(typeIds).digest('hex');
}

/**
 * The oracle, of whose answers digests are kept beside the corpora: ids of ours that have the digest of an answer are that
 * answer, so that a later run over the same texts need not ask again.
 */
export class RecordedOracle {
  readonly #tokenizerFile: string;
  readonly #file: string;
  readonly #digests = new Map<string, string>();
  #oracle: Oracle | undefined;

  /** @param folder where digests are kept */
  constructor(tokenizerFile: string, folder: string) {
    this.#tokenizerFile = tokenizerFile;
    const digest = createHash('sha256').update(readFileSync(tokenizerFile)).digest('hex');
    const name = path.basename(path.dirname(tokenizerFile));
    mkdirSync(folder, { recursive: true });
    this.#file = path.join(folder, `${name}-${ORACLE_VERSION}-${digest.slice(0, 16)}.txt`);
    const lines = existsSync(this.#file) ? readFileSync(this.#file, 'utf8').split('\n') : [];
    for (const line of lines) {
      const [texts, encodings] = line.split(' ');
      if (texts !== undefined && encodings?.length === 64) this.#digests.set(texts, encodings);
    }
  }

  /** Whether encodings are known to be what the oracle gives. */
  confirms(texts: readonly Uint8Array[], mode: Mode, encodings: Encodings): boolean {
    return this.#digests.get(digestOfTexts(texts, mode)) === digestOfEncodings(encodings);
  }

  /** Asks the oracle, and remembers the digest of its answer. */
  async encode(texts: readonly Uint8Array[], mode: Mode, isRecorded = false): Promise<Encodings> {
    this.#oracle ??= await Oracle.open(this.#tokenizerFile);
    const encodings = await this.#oracle.encode(texts, mode);
    if (!isRecorded) return encodings;
    const [key, value] = [digestOfTexts(texts, mode), digestOfEncodings(encodings)];
    this.#digests.set(key, value);
    appendFileSync(this.#file, `${key} ${value}\n`);
    return encodings;
  }

  close(): void {
    this.#oracle?.close();
  }
}
