import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { createLogger } from '../logger.ts';
import { MAX_TOKENS_FILE_BYTES, StaticTokens } from './static-tokens.ts';

const silent = createLogger('test', 'silent');

function tokensFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-tokens-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = path.join(folder, 'tokens.csv');
  writeFileSync(file, text);
  return file;
}

test('StaticTokens knows callers by their tokens, whole and as they are written', async (t) => {
  const file = tokensFile(
    t,
    '# who may call\n\nwriter-token-0001,ci,writer\r\nreader-token-0001, dashboards , reader\n',
  );
  const tokens = await StaticTokens.open(file, silent);
  assert.deepEqual(await tokens.authenticate('writer-token-0001'), { name: 'ci', role: 'writer' });
  assert.deepEqual(await tokens.authenticate('reader-token-0001'), { name: 'dashboards', role: 'reader' });
  for (const other of ['', 'writer-token-000', 'writer-token-00011', 'Writer-token-0001', '# who may call'])
    assert.equal(await tokens.authenticate(other), undefined, other);
});

test('StaticTokens reads the file again, and keeps what it knows when the file breaks', async (t) => {
  const file = tokensFile(t, 'writer-token-0001,ci,writer\n');
  const tokens = await StaticTokens.open(file, silent, 0);
  writeFileSync(file, 'writer-token-0002,ci,writer\n');
  assert.equal(await tokens.authenticate('writer-token-0001'), undefined, 'a token that was taken away');
  assert.equal((await tokens.authenticate('writer-token-0002'))?.name, 'ci');
  writeFileSync(file, 'nonsense');
  assert.equal((await tokens.authenticate('writer-token-0002'))?.name, 'ci');
  rmSync(file);
  assert.equal((await tokens.authenticate('writer-token-0002'))?.name, 'ci');
});

test('StaticTokens refuses a file by line, and never repeats a token', async (t) => {
  const cases: [string, RegExp][] = [
    ['', /tokens\.csv has no token/],
    ['# nothing\n', /tokens\.csv has no token/],
    ['secret-token-0001\n', /line 1: a line is TOKEN,NAME,ROLE/],
    ['\nsecret-token-0001,ci,writer,more\n', /line 2: a line is TOKEN,NAME,ROLE/],
    ['secret-token-0001,ci,admin\n', /line 1: there is no role "admin"; there are: reader, writer/],
    ['secret,ci,writer\n', /line 1: a token has at least 16 characters/],
    ['secret-token-0001,a,reader\nsecret-token-0001,b,writer\n', /line 2: the token stands there twice/],
    ['x'.repeat(MAX_TOKENS_FILE_BYTES + 1), /1048577 bytes; a file of tokens has at most 1048576/],
  ];
  for (const [text, message] of cases)
    await assert.rejects(StaticTokens.open(tokensFile(t, text), silent), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  await assert.rejects(StaticTokens.open('/nonexistent/tokens.csv', silent), /cannot be read: ENOENT/);
});
