import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SetupError } from '../src/error.ts';
import { convertGguf } from '../src/gguf/convert.ts';

/** A whole file, made by tools/oracles/src/gguf/make_tiny_llama.py. */
export const WHOLE: Buffer = readFileSync(path.resolve(import.meta.dirname, '../fixtures/tiny-llama/model.gguf'));

/** Asserts that a file of these bytes is refused with such a message, before anything is written. */
export async function assertRefused(bytes: Uint8Array, pattern: RegExp): Promise<void> {
  const root = await mkdtemp(path.join(tmpdir(), 'pemmican-gguf-'));
  const file = path.join(root, 'some.gguf');
  try {
    await writeFile(file, bytes);
    await assert.rejects(convertGguf(file, root), (error) => {
      assert.ok(error instanceof SetupError, String(error));
      assert.equal(error.code, 'MALFORMED');
      assert.ok(error.message.startsWith(`${file} is not a GGUF model that can be converted: `), error.message);
      assert.match(error.message, pattern);
      return true;
    });
    assert.deepEqual(await readdir(root), [path.basename(file)]);
  } finally {
    await rm(root, { recursive: true });
  }
}

/** Asserts it of the whole file with a change right after the first place of `text`, where `view` begins. */
export function assertChangeRefused(text: string, change: (view: DataView) => void, pattern: RegExp): Promise<void> {
  const bytes = Buffer.from(WHOLE);
  const begin = bytes.indexOf(text);
  assert.ok(begin >= 0, text);
  change(new DataView(bytes.buffer, bytes.byteOffset + begin + Buffer.byteLength(text)));
  return assertRefused(bytes, pattern);
}

/** Asserts it of the whole file with other text of the same length in the first place of `from`. */
export function assertTextRefused(from: string, to: string, pattern: RegExp): Promise<void> {
  assert.equal(Buffer.byteLength(from), Buffer.byteLength(to));
  return assertChangeRefused(
    from,
    (view) => new Uint8Array(view.buffer).set(Buffer.from(to), view.byteOffset - Buffer.byteLength(from)),
    pattern,
  );
}
