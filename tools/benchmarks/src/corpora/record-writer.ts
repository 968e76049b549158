import { createHash } from 'node:crypto';
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/** What a corpus file holds. */
export interface CorpusSummary {
  readonly recordCount: number;
  readonly sizeBytes: number;
  /** SHA-256 of the file, in hexadecimal. */
  readonly digest: string;
}

// Few enough writes that they cost nothing, small enough to count for nothing in memory.
const FLUSH_BYTES = 1 << 22;
// Room for 12 million records at a load of 0.7: twice what 439 MB hold.
const SEEN_SLOTS = 1 << 24;

/** 52 bits out of a string: the same on every machine, so that which records are in a sample is too. */
export function recordHash(record: string): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let index = 0; index < record.length; index++) {
    const unit = record.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b) ^ (high >>> 13);
  }
  low ^= low >>> 15;
  high = Math.imul(high ^ (high >>> 16), 0xc2b2ae35);
  return (low >>> 0) * 0x10_0000 + (high >>> 12);
}

/** Remembers records by their hash. */
export class SeenRecords {
  readonly #slots = new Float64Array(SEEN_SLOTS).fill(-1);
  #count = 0;

  /** @returns whether the record is new */
  add(record: string): boolean {
    if (this.#count > SEEN_SLOTS * 0.7) throw new RangeError(`More than ${this.#count} distinct records`);
    const hash = recordHash(record);
    let slot = hash % SEEN_SLOTS;
    while (this.#slots[slot] !== -1) {
      if (this.#slots[slot] === hash) return false;
      slot = (slot + 1) % SEEN_SLOTS;
    }
    this.#slots[slot] = hash;
    this.#count++;
    return true;
  }
}

/** Writes records, one a line, to a file that gets its name when it is whole. */
export class RecordWriter {
  readonly #file: string;
  readonly #descriptor: number;
  readonly #hash = createHash('sha256');
  #pending: string[] = [];
  #pendingUnits = 0;
  #recordCount = 0;
  #sizeBytes = 0;

  constructor(file: string) {
    this.#file = file;
    this.#descriptor = openSync(`${file}.partial`, 'w');
  }

  get sizeBytes(): number {
    return this.#sizeBytes + this.#pendingUnits;
  }

  write(record: string): void {
    this.#pending.push(record, '\n');
    this.#pendingUnits += record.length + 1;
    this.#recordCount++;
    if (this.#pendingUnits > FLUSH_BYTES) this.#flush();
  }

  close(): CorpusSummary {
    this.#flush();
    closeSync(this.#descriptor);
    renameSync(`${this.#file}.partial`, this.#file);
    return { recordCount: this.#recordCount, sizeBytes: this.#sizeBytes, digest: this.#hash.digest('hex') };
  }

  abandon(): void {
    closeSync(this.#descriptor);
    rmSync(`${this.#file}.partial`, { force: true });
  }

  #flush(): void {
    const bytes = Buffer.from(this.#pending.join(''), 'utf8');
    this.#hash.update(bytes);
    writeSync(this.#descriptor, bytes);
    this.#sizeBytes += bytes.length;
    this.#pending = [];
    this.#pendingUnits = 0;
  }
}
