import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import { unzip } from './unzip.ts';

let root = '';
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pemmican-unzip-'));
});
after(() => rm(root, { recursive: true }));

/** A zip file with deflated entries, by APPNOTE.TXT 4.3. */
function zip(entries: Readonly<Record<string, string>>, damage: (content: Buffer) => Buffer = (x) => x): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(entries)) {
    const content = Buffer.from(text);
    const data = damage(deflateRawSync(content));
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(8, 4); // deflate
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('504b0304', 'hex'), common, Buffer.from(name), data]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('504b01021400', 'hex'), common, rest, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(central.length, 8);
  end.writeUInt16LE(central.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

async function unpack(archive: Buffer, choose: (name: string) => string | undefined): Promise<string> {
  const file = path.join(root, 'archive.zip');
  await writeFile(file, archive);
  const folder = await mkdtemp(path.join(root, 'out-'));
  await unzip(file, folder, choose);
  return folder;
}

test('unzip writes the chosen files under the chosen names and counts them', async () => {
  const file = path.join(root, 'some.zip');
  await writeFile(file, zip({ 'a/b.txt': 'hello', 'a/c.txt': 'no', empty: '' }));
  const folder = await mkdtemp(path.join(root, 'out-'));
  const outcome = await unzip(file, folder, (name) => (name === 'a/c.txt' ? undefined : `to/${path.basename(name)}`));
  assert.deepEqual(outcome, { fileCount: 2, totalBytes: 5 });
  assert.deepEqual((await readdir(path.join(folder, 'to'))).sort(), ['b.txt', 'empty']);
  assert.equal(await readFile(path.join(folder, 'to/b.txt'), 'utf8'), 'hello');
});

test('unzip refuses names that lead out of the archive', async () => {
  await assert.rejects(
    unpack(zip({ '../evil': 'x' }), (name) => name),
    /invalid relative path: \.\.\/evil/,
  );
  await assert.rejects(
    unpack(zip({ '/etc/evil': 'x' }), (name) => name),
    /absolute path: \/etc\/evil/,
  );
});

test('unzip refuses a cut-off archive and damaged content', async () => {
  const whole = zip({ file: 'content '.repeat(100) });
  await assert.rejects(
    unpack(whole.subarray(0, whole.length - 30), (name) => name),
    /[Ee]nd of [Cc]entral [Dd]irectory/,
  );
  const damaged = zip({ file: 'content '.repeat(100) }, (data) => Buffer.from(data).fill(0xff, 4, 8));
  await assert.rejects(unpack(damaged, (name) => name));
});
