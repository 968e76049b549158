import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tokenizer } from '@pemmican/tokenizer';
import { vocabularyError } from '../test/documents.ts';
import { MODELS, openTokenizer, readSentences, skipWithout, streamOf } from '../test/real-data.ts';
import { analyzeVocabulary, type AnalysisOptions, type AnalyzedRecord } from './analyze.ts';
import { ProfileMerger, type NamedProfile } from './merge-profiles.ts';
import { parseProfile, type SplitName, type VocabularyProfile } from './profile.ts';

const words = Array.from({ length: 60 }, (_, index) => `w${index}`);
const vocabTxt = `${['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...words].join('\n')}\n`;
const options: AnalysisOptions = {
  pemmicanVersion: '0.1.0',
  tokenizer: Tokenizer.fromVocabTxt(vocabTxt, { fileName: 'vocab.txt' }),
  tokenizerDigest: 'sha256:00',
  modelVocabSize: 65,
  hiddenSize: 4,
  maxSequenceLength: 9,
};

/** Records of 1 to 12 words, of which low numbers are frequent; the same each time. */
function makeRecords(count: number): string[] {
  let state = 7;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + Math.floor(random() * 12) }, () => words[Math.floor(random() ** 3 * 60)]).join(' '),
  );
}

async function* recordsOf(texts: readonly string[]): AsyncGenerator<AnalyzedRecord> {
  for (const text of texts) yield { text };
}

const analyze = (
  splits: Partial<Record<SplitName, readonly string[]>>,
  more: Partial<AnalysisOptions> = {},
): Promise<VocabularyProfile> =>
  analyzeVocabulary(
    Object.entries(splits).map(([split, texts]) => ({
      split: split as SplitName,
      records: recordsOf(texts),
      skippedRecordCount: () => texts.length % 3,
    })),
    { ...options, ...more },
  );

const named = (profiles: readonly VocabularyProfile[]): NamedProfile[] =>
  profiles.map((profile, index) => ({ name: `shard-${index}.json`, profile }));
function mergeProfiles(
  shards: readonly NamedProfile[],
  settings: Parameters<ProfileMerger['finish']>[0],
): Promise<VocabularyProfile> {
  const merger = new ProfileMerger();
  for (const shard of shards) merger.add(shard);
  return merger.finish(settings);
}
const version = { pemmicanVersion: '0.1.0' };

const train = makeRecords(300);
const validation = makeRecords(90);
// 300 and 90 records in shards whose counts of skipped records add up to those of the whole, which are 0.
const shards = (): Promise<VocabularyProfile[]> =>
  Promise.all([
    analyze({ train: train.slice(0, 99), validation: validation.slice(0, 30) }),
    analyze({ train: train.slice(99, 102) }),
    analyze({ validation: validation.slice(30) }),
    analyze({ train: train.slice(102) }),
  ]);

test('ProfileMerger gives the profile of the whole, in whatever order and grouping', async () => {
  const whole = await analyze({ train, validation });
  const parts = await shards();
  const merged = await mergeProfiles(named(parts), version);
  assert.deepEqual(merged, whole);
  assert.deepEqual(await mergeProfiles(named(parts.toReversed()), version), whole);
  const [a, b, c, d] = parts;
  const left = await mergeProfiles(named([a!, b!]), version);
  const right = await mergeProfiles(named([c!, d!]), version);
  assert.deepEqual(await mergeProfiles(named([right, left]), version), whole);
  assert.deepEqual(parseProfile(JSON.parse(JSON.stringify(merged)), 'merged.json'), whole);
});

test('ProfileMerger selects anew: what shards dropped or kept for themselves does not matter', async () => {
  const settings = { minCount: 5, maxRows: 40, padToMultipleOf: 8, keepTokenIds: [64] };
  const whole = await analyze({ train, validation }, settings);
  assert.ok(whole.droppedTokenCount > 0);
  const lossy = await Promise.all([
    analyze({ train: train.slice(0, 150), validation }, { maxRows: 10 }),
    analyze({ train: train.slice(150) }, { minCount: 100 }),
  ]);
  assert.deepEqual(await mergeProfiles(named(lossy), { ...version, ...settings }), whole);
});

test('ProfileMerger adds the lengths of targets up', async () => {
  const [profile] = await shards();
  const withTargets = (targetLengths: [number, number][]): VocabularyProfile => ({
    ...profile!,
    maxTargetLength: 4,
    splits: profile!.splits.slice(0, 1).map((split) => ({ ...split, targetLengths })),
  });
  const parts = [withTargets([[2, 3]]), withTargets([[2, 1], [4, 5]])]; // prettier-ignore
  const merged = await mergeProfiles(named(parts), version);
  assert.equal(merged.maxTargetLength, 4);
  assert.deepEqual(merged.splits[0]?.targetLengths, [[2, 4], [4, 5]]); // prettier-ignore
});

test('ProfileMerger keeps the ids that any shard was told to keep', async () => {
  const parts = [await analyze({ train: ['w1'] }, { keepTokenIds: [50] }), await analyze({ train: ['w2'] })];
  const merged = await mergeProfiles(named(parts), version);
  assert.ok(merged.keptTokenIds.includes(50));
});

test('ProfileMerger refuses profiles of another tokenizer, model or length, and no profiles', async () => {
  const [first] = await shards();
  for (const [field, value] of [
    ['tokenizerDigest', 'sha256:11'],
    ['fullVocabSize', 70],
    ['hiddenSize', 8],
    ['maxSequenceLength', 16],
    ['maxTargetLength', 16],
    ['unkTokenId', null],
  ] as const) {
    assert.throws(
      () => mergeProfiles(named([first!, { ...first!, [field]: value }]), version),
      vocabularyError('PROFILE_MISMATCH', new RegExp(`^shard-1.json: ${field} is ${value}, in shard-0.json it is`)),
      field,
    );
  }
  await assert.rejects(mergeProfiles([], version), vocabularyError('INVALID_OPTION', 'There is no profile to merge'));
});

/** Merges profiles two at a time, in an order and grouping that `random` decides. */
async function mergeInAnyOrder(
  parts: readonly VocabularyProfile[],
  random: (limit: number) => number,
): Promise<VocabularyProfile> {
  const rest = [...parts];
  const takeOne = (): VocabularyProfile => rest.splice(random(rest.length), 1)[0]!;
  while (rest.length > 1) rest.push(await mergeProfiles(named([takeOne(), takeOne()]), version));
  return rest[0]!;
}

for (const { name, rows } of MODELS) {
  test(
    `ProfileMerger of ${name} is associative and commutative: any shards of real data, merged in any order, give the whole`,
    { skip: skipWithout(name) },
    async () => {
      const model = { tokenizer: openTokenizer(name), modelVocabSize: rows, hiddenSize: 384, maxSequenceLength: 24 };
      const records = {
        train: (await readSentences('amazon.json')).records,
        validation: (await readSentences('imdb.json')).records,
        test: (await readSentences('yelp.json')).records,
      };
      const splitNames = Object.keys(records) as SplitName[];
      const analyzeShard = (isInShard: (record: AnalyzedRecord) => boolean): Promise<VocabularyProfile> =>
        analyzeVocabulary(
          splitNames.map((split) => ({
            split,
            records: streamOf(records[split].filter(isInShard)),
            skippedRecordCount: () => 0,
          })),
          { ...options, ...model },
        );
      const whole = await analyzeShard(() => true);
      assert.ok(whole.splits.every(({ truncatedRecordCount }) => truncatedRecordCount > 0));
      let state = 11;
      const random = (limit: number): number => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor((state / 2 ** 32) * limit);
      };
      for (const shardCount of [2, 7]) {
        const shardOf = new Map(
          Object.values(records).flatMap((all) => all.map((record) => [record, random(shardCount)])),
        );
        const parts: VocabularyProfile[] = [];
        for (let shard = 0; shard < shardCount; shard++)
          parts.push(await analyzeShard((record) => shardOf.get(record) === shard));
        for (let round = 0; round < 3; round++) assert.deepEqual(await mergeInAnyOrder(parts, random), whole);
      }
    },
  );
}
