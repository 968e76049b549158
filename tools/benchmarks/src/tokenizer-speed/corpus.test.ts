import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { blocksOf, loadCorpus } from './corpus.ts';

function withFile(content: string, use: (file: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-corpus-'));
  try {
    const file = path.join(folder, 'corpus.txt');
    writeFileSync(file, content);
    use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('loadCorpus takes records without their line feeds, with or without one at the end', () => {
  for (const end of ['', '\n'])
    withFile(`one\nzwei\r\n\n四${end}`, (file) => {
      const { bytes, textOffsets, recordIndices } = loadCorpus(file);
      assert.equal(Buffer.from(bytes).toString(), 'onezwei\r四');
      assert.deepEqual([...textOffsets], [0, 3, 8, 8, 11]);
      assert.deepEqual([...recordIndices], [0, 1, 2, 3]);
    });
});

test('loadCorpus spreads a sample over the file, the same that the Python peers are given', () => {
  const lines = Array.from({ length: 10_000 }, (_, record) => `record ${record}`);
  withFile(`${lines.join('\n')}\n`, (file) => {
    const sampleBytes = 40_000;
    const { bytes, recordIndices } = loadCorpus(file, sampleBytes);
    const script = `from corpus import load_records; print(load_records(${JSON.stringify(file)}, ${sampleBytes})[1])`;
    const python = execFileSync('python3', ['-c', script], { cwd: import.meta.dirname, encoding: 'utf8' });
    assert.deepEqual([...recordIndices], JSON.parse(python));
    assert.ok(Math.abs(bytes.length - sampleBytes) < 20_000, `${bytes.length} bytes`);
    assert.ok((recordIndices.at(-1) ?? 0) > 8000);
  });
});

test('blocksOf keeps all records, in blocks that begin at 0', () => {
  const bytes = Buffer.from('aabbbc');
  const blocks = blocksOf(bytes, Uint32Array.of(0, 2, 5, 5, 6), 4);
  assert.deepEqual(
    blocks.map((block) => [Buffer.from(block.bytes).toString(), [...block.textOffsets], block.firstRecord]),
    [
      ['aabbb', [0, 2, 5], 0],
      ['c', [0, 0, 1], 2],
    ],
  );
});
