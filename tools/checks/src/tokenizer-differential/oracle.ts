import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { oraclePython } from '@pemmican/testkit';
import type { TruncationStrategy } from '@pemmican/tokenizer';
import type { Encodings } from './encodings.ts';

const REPOSITORY = path.resolve(import.meta.dirname, '../../../..');
const SERVER = path.join(REPOSITORY, 'tools/oracles/src/corpora/serve_tokenizers.py');
const ERROR = 0xffff_ffff;

/** The version of `tokenizers` that ours is held against. */
export const ORACLE_VERSION = '0.23.3';

/** How texts are to be encoded. */
export interface Mode {
  readonly special: boolean;
  /** Each two texts are one example. */
  readonly pairs: boolean;
  readonly maxLength?: number;
  readonly side: 'left' | 'right';
  readonly strategy: TruncationStrategy;
}

/** Bytes that come from a pipe, read in parts of known lengths. */
class PipeReader {
  readonly #chunks: AsyncIterator<Buffer, undefined>;
  #pending: Buffer = Buffer.alloc(0);

  constructor(pipe: Readable) {
    this.#chunks = pipe[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  }

  /** Bytes in a buffer of their own, so that typed arrays can lie on it. */
  async read(count: number): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.#pending.length === 0) this.#pending = await this.#next();
      const taken = Math.min(count - filled, this.#pending.length);
      bytes.set(this.#pending.subarray(0, taken), filled);
      this.#pending = this.#pending.subarray(taken);
      filled += taken;
    }
    return bytes.buffer;
  }

  async line(): Promise<string> {
    let end = this.#pending.indexOf(10);
    while (end < 0) {
      this.#pending = Buffer.concat([this.#pending, await this.#next()]);
      end = this.#pending.indexOf(10);
    }
    const line = this.#pending.subarray(0, end).toString();
    this.#pending = this.#pending.subarray(end + 1);
    return line;
  }

  async #next(): Promise<Buffer> {
    const { value } = await this.#chunks.next();
    if (value === undefined) throw new Error('The oracle ended');
    return value;
  }
}

const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

/** Hugging Face's `tokenizers` in a process of its own, which lives as long as this object. */
export class Oracle {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #reader: PipeReader;

  private constructor(child: ChildProcess, input: Writable, reader: PipeReader) {
    this.#child = child;
    this.#input = input;
    this.#reader = reader;
  }

  static async open(tokenizerFile: string): Promise<Oracle> {
    const child = spawn(oraclePython(), [SERVER, tokenizerFile], { stdio: ['pipe', 'pipe', 'inherit'] });
    const reader = new PipeReader(child.stdout);
    const { version } = JSON.parse(await reader.line()) as { readonly version: string };
    if (version !== ORACLE_VERSION) throw new Error(`The oracle is tokenizers ${version}, expected ${ORACLE_VERSION}`);
    return new Oracle(child, child.stdin, reader);
  }

  /** One call at a time. */
  async encode(texts: readonly Uint8Array[], mode: Mode): Promise<Encodings> {
    const header = new TextEncoder().encode(JSON.stringify(mode));
    this.#input.cork();
    this.#input.write(words(header.length));
    this.#input.write(header);
    this.#input.write(words(texts.length, ...texts.map((text) => text.length)));
    this.#input.write(Buffer.concat(texts));
    this.#input.uncork();
    const exampleCount = mode.pairs ? texts.length / 2 : texts.length;
    const lengths = new Int32Array(await this.#reader.read(4 * exampleCount));
    for (let index = 0; index < exampleCount; index++) if ((lengths[index] ?? 0) >>> 0 === ERROR) lengths[index] = -1;
    const idCount = new Uint32Array(await this.#reader.read(4))[0] ?? 0;
    const ids = new Uint32Array(await this.#reader.read(4 * idCount));
    return { lengths, ids, typeIds: new Uint8Array(await this.#reader.read(idCount)) };
  }

  close(): void {
    this.#child.kill();
  }
}
