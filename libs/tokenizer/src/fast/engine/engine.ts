import type { Pipeline } from '../../pipeline.ts';
import type { CutRule } from '../cut-rule.ts';
import type { RecordBlock } from '../record-block.ts';
import { transposed, uncutBytes } from '../uncut-bytes.ts';
import type { Address, EngineExports } from './engine-exports.ts';
import { EngineMemory, type MemoryAdvice } from './engine-memory.ts';
import { ENGINE_MODULE_BASE64 } from './gen/engine-module.ts';
import { webAssembly, type WebAssemblyModule } from './web-assembly.ts';

/** What the engine asks its host while it runs; see `assembly/host.ts`. */
export interface EngineHost {
  classifyCharacter(codePoint: number): number;
  normalizeCharacter(codePoint: number): number;
  classifyGrapheme(codePoint: number): number;
}

/** Puts a model's tables into the memory of an engine. */
export interface EngineModel {
  /** @returns what the host answers for this model */
  install(engine: Engine): Partial<EngineHost>;
}

export interface EngineOptions {
  /** Most bytes of all remembered chunks together. */
  readonly memoBytes: number;
  readonly adviseMemory?: MemoryAdvice | undefined;
}

/** Kinds of models, as in `assembly/model.ts`. */
export const MODEL_KINDS = { host: 0, byteLevel: 1, characters: 2, wordPiece: 3, unigram: 4 } as const;

// As in `assembly/found.ts`.
export const MAX_CHUNK_BYTES = 4096;
export const WORK_BYTES = 16_384;
const FOUND_CAPACITY = 16_384;
/** The engine reads up to 16 bytes past the end of a text. */
const PADDING = 64;
const SLOT_BYTES = 16;
const MIN_SLOTS = 64;
const INITIAL_SLOTS = 2 ** 15;

let compiled: WebAssemblyModule | undefined;

function engineModule(): WebAssemblyModule {
  compiled ??= new webAssembly.Module(Uint8Array.from(atob(ENGINE_MODULE_BASE64), (byte) => byte.charCodeAt(0)));
  return compiled;
}

/** Where in memory a block of texts lies. */
export interface BlockPlaces {
  readonly text: Address;
  readonly offsets: Address;
  /** Room for a number of each record. */
  readonly results: Address;
  /** Records that were cut off so far. */
  readonly truncatedCount: Address;
  /** Where ids are written, as many as there are. */
  readonly output: Address;
}

/** A model that leaves every chunk to the pipeline. */
export const PIPELINE_MODEL: EngineModel = { install: () => ({}) };

/**
 * Cuts bytes into chunks and looks each up in a memo, where it is not found tokenizes it: `assembly/` with its tables, its
 * memory and its text.
 */
export class Engine {
  readonly memory: EngineMemory;
  readonly exports: EngineExports;
  /** Whether the memo may come to count ids that are not among the seen ones: those that it learned while writing. */
  isBehind = false;
  readonly #counts: Address;
  readonly #vocabSize: number;
  readonly #seen: Address;
  readonly #found: Address;
  readonly #pipeline: Pipeline;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(
    rule: CutRule,
    model: EngineModel,
    pipeline: Pipeline,
    vocabSize: number,
    { memoBytes, adviseMemory }: EngineOptions,
  ) {
    const memory = new EngineMemory(adviseMemory);
    this.memory = memory;
    const host: Partial<EngineHost> = {};
    const instance = new webAssembly.Instance(engineModule(), {
      env: { memory: memory.memory },
      host: {
        tokenizeChunk: (start: Address, end: Address, isFirst: number) =>
          this.#tokenizeChunk(start, end, isFirst !== 0),
        classifyCharacter: (codePoint: number) => host.classifyCharacter?.(codePoint) ?? 0,
        normalizeCharacter: (codePoint: number) => host.normalizeCharacter?.(codePoint) ?? 0,
        classifyGrapheme: (codePoint: number) => host.classifyGrapheme?.(codePoint) ?? 0,
      },
    });
    this.exports = instance.exports as EngineExports;
    this.#pipeline = pipeline;
    this.#vocabSize = vocabSize;
    const { lowHalves, hasHighBytes } = uncutBytes(rule.table);
    const { table, characterBits, classify, isolatesIdeographs, firstScope } = rule;
    this.exports.setCuts(
      memory.place(transposed(table)),
      memory.place(lowHalves),
      Number(hasHighBytes),
      characterBits === undefined ? 0 : memory.place(characterBits),
      Number(isolatesIdeographs),
      Number(classify !== undefined),
      Number(firstScope !== 'none'),
    );
    this.#found = memory.allocate(FOUND_CAPACITY * 4);
    this.exports.setFound(this.#found, memory.allocate(WORK_BYTES + PADDING));
    this.#counts = memory.allocate(vocabSize * 8);
    this.#seen = memory.allocate(vocabSize);
    this.exports.setTotals(this.#counts, this.#seen);
    Object.assign(host, model.install(this));
    if (classify !== undefined) host.classifyCharacter = classify;
    this.#allocateMemo(memoBytes);
  }

  #allocateMemo(memoBytes: number): void {
    const { memory } = this;
    // Half of the bytes for slots, which are half full at most; a quarter each for long keys and for lists of ids.
    const capacity = Math.max(MIN_SLOTS, 2 ** Math.floor(Math.log2(memoBytes / 2 / SLOT_BYTES)));
    const slots = memory.allocate(capacity * SLOT_BYTES);
    const keyCapacity = Math.max(1024, memoBytes >> 2);
    const keys = memory.allocate(keyCapacity + PADDING);
    const valueCapacity = Math.max(256, memoBytes >> 4);
    const values = memory.allocate(valueCapacity * 4);
    this.exports.setMemo(slots, Math.min(INITIAL_SLOTS, capacity), capacity, keys, keyCapacity, values, valueCapacity);
  }

  /** Where texts are loaded to: behind everything that is allocated. */
  get textStart(): Address {
    return this.memory.end;
  }

  /** Takes a copy of a block of texts, with room for what comes of its records. */
  load({ bytes, textOffsets }: RecordBlock): BlockPlaces {
    const aligned = (address: Address): Address => Math.ceil((address + PADDING) / 64) * 64;
    const { textStart, memory } = this;
    const offsets = aligned(textStart + bytes.length);
    const results = aligned(offsets + textOffsets.length * 4);
    const truncatedCount = aligned(results + textOffsets.length * 4);
    const output = truncatedCount + 64;
    memory.ensure(output + PADDING);
    memory.bytes.set(bytes, textStart);
    memory.words.set(textOffsets, offsets >>> 2);
    memory.words[truncatedCount >>> 2] = 0;
    this.exports.setCapacityEnd(memory.sizeBytes);
    this.exports.beginWrite(output);
    return { text: textStart, offsets, results, truncatedCount, output };
  }

  /** Bytes that remembered chunks take. */
  get memoBytes(): number {
    return this.exports.memoBytes();
  }

  /** The counts since the last call, by full token id. */
  takeCounts(): Float64Array {
    this.exports.flush();
    const counts = new Float64Array(this.memory.memory.buffer, this.#counts, this.#vocabSize);
    const taken = counts.slice();
    counts.fill(0);
    return taken;
  }

  /** Where the next id is written. */
  get writeEnd(): Address {
    return this.exports.writeEnd() >>> 0;
  }

  addTruncated({ truncatedCount }: BlockPlaces, count: number): void {
    const { words } = this.memory;
    words[truncatedCount >>> 2] = (words[truncatedCount >>> 2] ?? 0) + count;
  }

  truncatedCountOf({ truncatedCount }: BlockPlaces): number {
    return this.memory.words[truncatedCount >>> 2] ?? 0;
  }

  /** Different ids that were ever counted. */
  get distinctCount(): number {
    this.#catchUp();
    return this.exports.distinctCount();
  }

  /** By full token id, 1 where it was ever counted. A view that is valid until memory grows. */
  get seen(): Uint8Array {
    this.#catchUp();
    return this.memory.bytes.subarray(this.#seen, this.#seen + this.#vocabSize);
  }

  #catchUp(): void {
    if (this.isBehind) this.exports.flush();
    this.isBehind = false;
  }

  #tokenizeChunk(start: Address, end: Address, isFirst: boolean): number {
    const text = this.#decoder.decode(this.memory.bytes.subarray(start, end));
    const ids = this.#pipeline.tokenizePart(text, isFirst);
    const { words } = this.memory;
    if (ids.length <= FOUND_CAPACITY) {
      words.set(ids, this.#found >> 2);
      return ids.length;
    }
    for (let from = 0; from < ids.length && this.exports.isTruncated() === 0; from += FOUND_CAPACITY) {
      const part = ids.slice(from, from + FOUND_CAPACITY);
      this.memory.words.set(part, this.#found >> 2);
      this.exports.takeFound(part.length);
    }
    return -1;
  }
}
