import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';

import { createFileSink, createFolder, openFolder } from './mod.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'pemmican-writer-'));
});
after(() => rm(root, { recursive: true }));

let count = 0;
async function freshParent(): Promise<string> {
  const path = join(root, String(count++));
  await mkdir(path);
  return path;
}

async function writeFolder(path: string, content: string, overwrite = false): Promise<void> {
  const writer = await createFolder(path, { overwrite });
  await writer.write('file', (sink) => sink.write(new TextEncoder().encode(content)));
  await writer.commit();
}

/** The tag of a process that has ended. */
function deadTag(): string {
  const script = "import { createTag } from './temporary-folder.ts'; process.stdout.write(createTag());";
  const { stdout } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.match(stdout, /^[0-9a-f]{8}-\d+-\d+-[0-9a-f]{8}$/);
  return stdout;
}

test('createFolder shows nothing under the final name before commit, and everything after', async () => {
  const parent = await freshParent();
  const writer = await createFolder(join(parent, 'deep', 'out'));
  await writer.write('a/b/c.txt', (sink) => sink.write(Uint8Array.of(1, 2, 3)));
  await writer.write('empty', async () => undefined);
  const [temporary = '', ...rest] = await readdir(join(parent, 'deep'));
  assert.match(temporary, /^\.out\.pemmican-.*\.tmp$/);
  assert.deepEqual(rest, []);
  await writer.commit();
  assert.deepEqual(await readdir(join(parent, 'deep')), ['out']);
  assert.deepEqual(await (await openFolder(join(parent, 'deep', 'out'))).list(), ['a/b/c.txt', 'empty']);
  assert.deepEqual([...(await readFile(join(parent, 'deep', 'out', 'a/b/c.txt')))], [1, 2, 3]);
  await assert.rejects(
    writer.write('late', async () => undefined),
    { code: 'CLOSED' },
  );
  await writer.abort();
  assert.deepEqual(await readdir(join(parent, 'deep')), ['out']);
});

test('createFileSink writes large and small pieces in their order', async () => {
  const path = join(await freshParent(), 'file');
  const sink = await createFileSink(path);
  const expected: number[] = [];
  let value = 0;
  for (const size of [1, 10, 3_000_000, 5, 262_144, 262_145, 700_000, 2, 1_048_576]) {
    const bytes = Uint8Array.from({ length: size }, () => value++ & 255);
    for (const byte of bytes) expected.push(byte);
    await sink.write(bytes);
    bytes.fill(0);
  }
  await sink.finish();
  assert.equal(sink.writtenBytes, expected.length);
  assert.ok(Buffer.from(expected).equals(await readFile(path)));
});

test('createFolder removes everything on abort, and one file when its writing fails', async () => {
  const parent = await freshParent();
  const writer = await createFolder(join(parent, 'out'));
  const failing = writer.write('broken', async (sink) => {
    await sink.write(new Uint8Array(2_000_000));
    throw new Error('producer failed');
  });
  await assert.rejects(failing, /producer failed/);
  await writer.write('good', (sink) => sink.write(Uint8Array.of(1)));
  const [temporary = ''] = await readdir(parent);
  assert.deepEqual(await readdir(join(parent, temporary)), ['good']);
  await writer.abort();
  assert.deepEqual(await readdir(parent), []);
});

test('createFolder takes an empty folder and refuses one with files, a file, and one that fills up meanwhile', async () => {
  const parent = await freshParent();
  await mkdir(join(parent, 'empty'));
  await writeFolder(join(parent, 'empty'), 'x');
  await assert.rejects(createFolder(join(parent, 'empty')), {
    code: 'DESTINATION_EXISTS',
    message: /already exists and is not empty/,
  });
  await writeFile(join(parent, 'file'), '');
  await assert.rejects(createFolder(join(parent, 'file'), { overwrite: true }), {
    code: 'DESTINATION_EXISTS',
    message: /is a file/,
  });
  await assert.rejects(createFolder(join(parent, 'file', 'out')), {
    code: 'NOT_A_FOLDER',
    message: /file is a file, not a folder/,
  });
  const writer = await createFolder(join(parent, 'late'));
  await mkdir(join(parent, 'late'));
  await writeFile(join(parent, 'late', 'theirs'), 'theirs');
  await assert.rejects(writer.commit(), { code: 'DESTINATION_EXISTS' });
  await writer.abort();
  assert.deepEqual(await readdir(parent), ['empty', 'file', 'late']);
  assert.deepEqual(await readdir(join(parent, 'late')), ['theirs']);
});

test('createFolder with overwrite replaces a folder in whole, also through a link', async () => {
  const parent = await freshParent();
  await writeFolder(join(parent, 'out'), 'old');
  await writeFile(join(parent, 'out', 'stale'), '');
  await symlink(join(parent, 'out'), join(parent, 'link'));
  await writeFolder(join(parent, 'link'), 'new', true);
  assert.deepEqual(await readdir(parent), ['link', 'out']);
  assert.deepEqual(await readdir(join(parent, 'out')), ['file']);
  assert.equal(await readFile(join(parent, 'out', 'file'), 'utf8'), 'new');
});

test('createFolder lets no file leave the folder', async () => {
  const writer = await createFolder(join(await freshParent(), 'out'));
  for (const name of ['../x', '/x', 'a/../../x', 'a\0', '', 'a//b', 'a\\b']) {
    await assert.rejects(
      writer.write(name, async () => undefined),
      { code: 'INVALID_NAME' },
      JSON.stringify(name),
    );
  }
  await writer.abort();
});

test('createFolder removes what dead writers of the same name have left, and nothing else', async () => {
  const parent = await freshParent();
  const tag = deadTag();
  const others = [`.other.pemmican-${tag}.tmp`, '.out.pemmican-x.tmp', `.out.pemmican-00000000-1-1-00000000.tmp`];
  for (const name of [`.out.pemmican-${tag}.tmp`, `.out.pemmican-${tag}.new`, ...others])
    await mkdir(join(parent, name));
  const living = await createFolder(join(parent, 'out'));
  const writer = await createFolder(join(parent, 'out'));
  const left = await readdir(parent);
  assert.equal(left.length, 5);
  for (const name of others) assert.ok(left.includes(name), name);
  await living.abort();
  await writer.abort();
});

test('openFolder finishes a replacement that a crash has cut between its two renames', async () => {
  const parent = await freshParent();
  const tag = deadTag();
  const path = join(parent, 'out');
  await writeFolder(join(parent, 'new'), 'new');
  await writeFolder(path, 'old');
  await rename(join(parent, 'new'), join(parent, `.out.pemmican-${tag}.new`));
  await rename(path, join(parent, `.out.pemmican-${tag}.old`));
  await openFolder(path);
  assert.equal(await readFile(join(path, 'file'), 'utf8'), 'new');
  assert.deepEqual(await readdir(parent), ['out']);
});

test('createFolder removes the old folder that a crash has left after a replacement', async () => {
  const parent = await freshParent();
  await writeFolder(join(parent, 'out'), 'new');
  await writeFolder(join(parent, `.out.pemmican-${deadTag()}.old`), 'old');
  const writer = await createFolder(join(parent, 'out'), { overwrite: true });
  await writer.abort();
  assert.equal(await readFile(join(parent, 'out', 'file'), 'utf8'), 'new');
  assert.deepEqual(await readdir(parent), ['out']);
});

/** Mounts a small file system in memory; skips the test where that is not allowed. */
async function mounted(context: TestContext, options: string): Promise<string | undefined> {
  const path = await freshParent();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    context.skip('mounting a file system is not allowed here');
    return undefined;
  }
  context.after(() => execFileSync('umount', ['-l', path]));
  return path;
}

test('createFolder says that the disk is full, with the file, and leaves nothing', async (context) => {
  const path = await mounted(context, 'size=4m');
  if (path === undefined) return;
  await assert.rejects(createFolder(join(path, 'out'), { expectedBytes: 5_000_000 }), {
    code: 'DISK_FULL',
    message: /out: needs 5000000 bytes, the disk has 4194304 free/,
  });
  const writer = await createFolder(join(path, 'out'));
  const writing = writer.write('model.safetensors', async (sink) => {
    for (let block = 0; block < 10; block++) await sink.write(new Uint8Array(1_000_000));
  });
  await assert.rejects(writing, {
    code: 'DISK_FULL',
    path: join(path, 'out', 'model.safetensors'),
    message: /no space is left on the disk \(after \d+ bytes of this file\)/,
  });
  await writer.abort();
  assert.deepEqual(await readdir(path), []);
});

test('createFolder says that a file system is read-only', async (context) => {
  const path = await mounted(context, 'size=1m,ro');
  if (path === undefined) return;
  await assert.rejects(createFolder(join(path, 'out')), { code: 'READ_ONLY' });
  // Node itself says here that there is no such file.
  await assert.rejects(createFolder(join(path, 'missing', 'parents', 'out')), { code: 'READ_ONLY' });
});

test('createFileSink says that a file is over the limit of the process', async () => {
  const path = join(await freshParent(), 'file');
  const script = `import { createFileSink } from './mod.ts';
    const sink = await createFileSink(${JSON.stringify(path)});
    try { await sink.write(new Uint8Array(2_000_000)); await sink.finish(); } catch (error) { console.log(error.code, error.path); }`;
  const child = ['--input-type=module-typescript', '-e', script]
    .map((argument) => `'${argument.replaceAll("'", "'\\''")}'`)
    .join(' ');
  const { stdout } = spawnSync('sh', ['-c', `ulimit -f 1024; exec ${process.execPath} ${child}`], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.equal(stdout.trim(), `DISK_FULL ${path}`);
});

test('createFolder and openFolder say that access is denied', async (context) => {
  const parent = await freshParent();
  await writeFolder(join(parent, 'secret'), 'x');
  await chmod(join(parent, 'secret'), 0o000);
  await chmod(parent, 0o555);
  await chmod(root, 0o755);
  const script = `import { createFolder, openFolder } from './mod.ts';
    const code = (action) => action.then(() => 'done', (error) => error.code);
    console.log(await code(createFolder(${JSON.stringify(join(parent, 'out'))})), await code((await openFolder(${JSON.stringify(join(parent, 'secret'))})).list()));`;
  const isRoot = process.getuid?.() === 0;
  const { stdout, error } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    // Nobody: root may do everything.
    ...(isRoot ? { uid: 65_534, gid: 65_534 } : {}),
  });
  await chmod(parent, 0o755);
  await chmod(join(parent, 'secret'), 0o755);
  if (error !== undefined || stdout === '') return context.skip('another user cannot run this checkout');
  assert.equal(stdout.trim(), 'ACCESS_DENIED ACCESS_DENIED');
});
