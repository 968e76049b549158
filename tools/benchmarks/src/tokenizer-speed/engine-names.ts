import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FOLDER } from './environment.ts';
// Neither the engine's code nor its sources are part of the library's interface; only this profile looks at them.
import { ENGINE_MODULE_BASE64 } from '../../../../libs/tokenizer/src/fast/engine/gen/engine-module.ts';

const LIBRARY = resolve(import.meta.dirname, '../../../../libs/tokenizer');
const CODE_SECTION = 10;
const FUNCTION_NAMES = 1;

/** Reads numbers and bytes one after the other. */
class Reader {
  readonly bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  get isAtEnd(): boolean {
    return this.position >= this.bytes.length;
  }

  /** An unsigned LEB128 number. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.position++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  take(length: number): Uint8Array {
    this.position += length;
    return this.bytes.subarray(this.position - length, this.position);
  }
}

/** Sections of a WebAssembly module by their id; custom ones by their name. */
function sectionsOf(module: Uint8Array): Map<number | string, Uint8Array> {
  const sections = new Map<number | string, Uint8Array>();
  for (const reader = new Reader(module, 8); !reader.isAtEnd;) {
    const id = reader.number();
    const section = new Reader(reader.take(reader.number()));
    if (id !== 0) sections.set(id, section.bytes);
    else {
      const name = Buffer.from(section.take(section.number())).toString();
      sections.set(name, section.bytes.subarray(section.position));
    }
  }
  return sections;
}

/** Function names by index, out of the section `name`. */
export function functionNames(module: Uint8Array): Map<number, string> {
  const names = new Map<number, string>();
  for (const reader = new Reader(sectionsOf(module).get('name') ?? new Uint8Array()); !reader.isAtEnd;) {
    const kind = reader.number();
    const part = new Reader(reader.take(reader.number()));
    if (kind !== FUNCTION_NAMES) continue;
    for (let count = part.number(); count > 0; count--) {
      const index = part.number();
      names.set(
        index,
        Buffer.from(part.take(part.number()))
          .toString()
          .replace(/^assembly\//, ''),
      );
    }
  }
  return names;
}

/**
 * Names of the engine's functions: the library carries it without them, so it is built once more with them, which leaves the
 * code as it is. None where the build gives other code.
 */
export function engineNames(): ReadonlyMap<number, string> {
  mkdirSync(FOLDER, { recursive: true });
  const outFile = join(FOLDER, 'engine-with-names.wasm');
  const options = /^asc (.*) --outFile/m.exec(readFileSync(join(LIBRARY, 'assembly/build.sh'), 'utf8'))?.[1];
  if (options === undefined) return new Map();
  const compiler = resolve(LIBRARY, '../../node_modules/assemblyscript/bin/asc.js');
  execFileSync(process.execPath, [compiler, ...options.split(' '), '--debug', '--outFile', outFile], { cwd: LIBRARY });
  const named = readFileSync(outFile);
  const code = sectionsOf(Buffer.from(ENGINE_MODULE_BASE64, 'base64')).get(CODE_SECTION) ?? new Uint8Array();
  const isSame = Buffer.compare(sectionsOf(named).get(CODE_SECTION) ?? new Uint8Array(), code) === 0;
  return isSame ? functionNames(named) : new Map();
}
