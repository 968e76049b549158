import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Split } from '@pemmican/contract/vocabulary';
import { readShard } from './config.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-shard-'));
after(() => {
  rmSync(folder, { recursive: true });
});
const specFile = path.join(folder, 'spec.json');
const SPEC = {
  modelUri: '/data/model',
  dataset: {
    files: [
      { split: 'SPLIT_TRAIN', uri: '/data/{index}/part-{index}.jsonl' },
      { split: 'SPLIT_TEST', uri: '/data/test.jsonl' },
    ],
  },
  profileUri: '/data/profiles/{index}.json',
};

function read(spec: unknown, index = '7'): ReturnType<typeof readShard> {
  writeFileSync(specFile, typeof spec === 'string' ? spec : JSON.stringify(spec));
  return readShard({ PEMMICAN_SHARD_SPEC_FILE: specFile, JOB_COMPLETION_INDEX: index });
}

test('readShard puts the number of the shard wherever the spec has {index}', () => {
  const { index, spec } = read(SPEC);
  assert.equal(index, 7);
  assert.equal(spec.profileUri, '/data/profiles/7.json');
  assert.deepEqual(
    spec.dataset?.files.map(({ split, uri }) => [split, uri]),
    [
      [Split.TRAIN, '/data/7/part-7.jsonl'],
      [Split.TEST, '/data/test.jsonl'],
    ],
  );
});

test('readShard refuses what shards would overwrite or count twice, and what it cannot read', () => {
  const cases: readonly (readonly [read: () => unknown, told: RegExp])[] = [
    [() => read(SPEC, '-1'), /^Environment of a shard: JOB_COMPLETION_INDEX/],
    [() => read(SPEC, ''), /^Environment of a shard: JOB_COMPLETION_INDEX/],
    [() => readShard({}), /PEMMICAN_SHARD_SPEC_FILE.*; JOB_COMPLETION_INDEX/],
    [
      () => read({ ...SPEC, profileUri: '/data/profile.json' }),
      /profileUri is "\/data\/profile\.json" and has to hold \{index\}$/,
    ],
    [() => read({ ...SPEC, dataset: { files: [] } }), /no uri of dataset\.files holds \{index\}$/],
    [
      () => read({ ...SPEC, dataset: { files: [{ split: 'SPLIT_NONE' }] } }),
      /is no AnalysisSpec in JSON: .*SPLIT_NONE/,
    ],
    [() => read('{'), /is no AnalysisSpec in JSON: /],
    [
      () => readShard({ PEMMICAN_SHARD_SPEC_FILE: path.join(folder, 'none'), JOB_COMPLETION_INDEX: '0' }),
      /none is no AnalysisSpec in JSON: ENOENT/,
    ],
  ];
  for (const [refused, told] of cases) assert.throws(refused, { name: 'ShardError', message: told });
});
