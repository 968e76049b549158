import type { Address } from './engine-exports.ts';
import { webAssembly, type WebAssemblyMemory } from './web-assembly.ts';

const PAGE_BYTES = 65_536;
/** Memory grows by as much at least: a huge page needs its whole range at once. */
const GROWTH_PAGES = 256;
/** Memory with 32-bit addresses ends here. */
const MAX_PAGES = 65_536;

/** Is told of memory before it is used, and may ask the system for larger pages; `bytes` begins at a page. */
export type MemoryAdvice = (bytes: Uint8Array) => void;

/** The engine's memory: tables one after the other, then what grows. Pages that are never touched cost nothing. */
export class EngineMemory {
  readonly memory: WebAssemblyMemory = new webAssembly.Memory({ initial: 1 });
  readonly #advise: MemoryAdvice | undefined;
  // Address 0 means "none" to the engine.
  #end: Address = 64;
  #bytes = new Uint8Array(this.memory.buffer);
  #words = new Uint32Array(this.memory.buffer);

  constructor(advise?: MemoryAdvice) {
    this.#advise = advise;
  }

  /** All bytes; another object after memory has grown. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.memory.buffer) this.#bytes = new Uint8Array(this.memory.buffer);
    return this.#bytes;
  }

  /** All words of 32 bits, little endian: the word at an address is at a quarter of it. */
  get words(): Uint32Array {
    if (this.#words.buffer !== this.memory.buffer) this.#words = new Uint32Array(this.memory.buffer);
    return this.#words;
  }

  get sizeBytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** Room that is filled with zeros and stays where it is. */
  allocate(byteCount: number): Address {
    const start = Math.ceil(this.#end / 64) * 64;
    this.#end = start + byteCount;
    this.ensure(this.#end);
    return start;
  }

  /** A copy of bytes or of numbers. */
  place(source: Uint8Array | Int32Array | Uint32Array | Float64Array): Address {
    const start = this.allocate(source.byteLength);
    this.bytes.set(new Uint8Array(source.buffer, source.byteOffset, source.byteLength), start);
    return start;
  }

  /** Where what is allocated ends. */
  get end(): Address {
    return Math.ceil(this.#end / 64) * 64;
  }

  /**
   * Makes memory reach to an address.
   * @throws RangeError where that is more than there can be
   */
  ensure(end: Address): void {
    const pages = this.memory.buffer.byteLength / PAGE_BYTES;
    const missing = Math.ceil(end / PAGE_BYTES) - pages;
    if (missing <= 0) return;
    if (end > MAX_PAGES * PAGE_BYTES)
      throw new RangeError(`Text and tables of ${end} bytes are over the limit of ${MAX_PAGES * PAGE_BYTES}`);
    this.memory.grow(Math.max(missing, Math.min(GROWTH_PAGES, MAX_PAGES - pages)));
    this.#advise?.(this.bytes.subarray(pages * PAGE_BYTES));
  }
}
