import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { manifestJson, profileJson, splitJson, vocabularyError } from '../test/documents.ts';
import { parseManifest, tokenIdMapOf } from './manifest.ts';
import { parseProfile } from './profile.ts';

interface Schema {
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, Schema & { readonly items: Schema }>>;
}

const schema = (name: string): Schema =>
  JSON.parse(readFileSync(new URL(`../schema/${name}.schema.json`, import.meta.url), 'utf8')) as Schema;

/** Values that no field may have. */
const nonsense = [undefined, 'x', -1, 1.5, 1e300, {}, [[]], [null], ['a'], [-1]];

test('parseManifest gives back what it was given, and each field is in the schema', () => {
  const manifest = parseManifest(manifestJson(), 'map.json');
  assert.deepEqual({ ...manifest }, manifestJson());
  const { required, properties } = schema('token-id-map');
  assert.deepEqual(Object.keys(manifest), required);
  assert.deepEqual(Object.keys(properties), required);
  assert.deepEqual(Object.keys(manifest.reducedTensors[0] ?? {}), properties['reducedTensors']?.items.required);
});

test('parseManifest refuses each field when it is missing or of another kind', () => {
  for (const field of Object.keys(manifestJson()))
    for (const value of nonsense) {
      const isText =
        ['pemmicanVersion', 'sourceFingerprint', 'tokenizerDigest'].includes(field) && typeof value === 'string';
      if (isText) continue;
      assert.throws(
        () => parseManifest({ ...manifestJson(), [field]: value }, 'map.json'),
        vocabularyError('INVALID_MANIFEST', /^map.json: (reducedTensors|[A-Za-z]+(\[0\])?) ?/),
        `${field} ${JSON.stringify(value)}`,
      );
    }
});

test('parseManifest says file, field, value and limit', () => {
  const refuses = (change: Record<string, unknown>, message: string): void => {
    assert.throws(
      () => parseManifest({ ...manifestJson(), ...change }, 'map.json'),
      vocabularyError('INVALID_MANIFEST', `map.json: ${message}`),
    );
  };
  refuses({ formatVersion: 2 }, 'formatVersion is 2, expected 1');
  refuses({ fullVocabSize: 1e9 }, 'fullVocabSize is 1000000000, expected an integer from 1 to 100000000');
  refuses({ reducedVocabSize: 4 }, 'reducedVocabSize is 4, expected 3, the number of keptTokenIds');
  refuses({ keptTokenIds: [0, 3, 10] }, 'keptTokenIds[2] is 10, expected an integer from 0 to 9');
  refuses({ keptTokenIds: [0, 3, 3] }, 'keptTokenIds[2] is 3, expected more than 3, which comes before it');
  refuses({ keptTokenIds: [] }, 'reducedVocabSize is 3, expected 0, the number of keptTokenIds');
  refuses(
    { keptTokenIdsDigest: 'sha256:12' },
    'keptTokenIdsDigest is "sha256:12", expected "sha256:" and 64 hexadecimal digits',
  );
  refuses({ padTokenId: 10 }, 'padTokenId is 10, expected an integer from 0 to 9');
  refuses({ reducedTensors: [null] }, 'reducedTensors[0]: is not a JSON object');
  for (const json of [null, [], 'text', 5])
    assert.throws(
      () => parseManifest(json, 'map.json'),
      vocabularyError('INVALID_MANIFEST', 'map.json: is not a JSON object'),
    );
});

test('tokenIdMapOf checks the digest of the kept ids', async () => {
  const map = await tokenIdMapOf(parseManifest(manifestJson(), 'map.json'), 'map.json');
  assert.deepEqual(map.keptTokenIds, Uint32Array.of(0, 3, 7));
  const other = parseManifest({ ...manifestJson(), keptTokenIds: [0, 3, 8] }, 'map.json');
  await assert.rejects(
    tokenIdMapOf(other, 'map.json'),
    vocabularyError(
      'INVALID_MANIFEST',
      /^map.json: digest of keptTokenIds is sha256:.*, keptTokenIdsDigest says sha256:/,
    ),
  );
});

test('parseProfile gives back what it was given, and each field is in the schema', () => {
  const profile = parseProfile(profileJson(), 'vocabulary.json');
  assert.deepEqual({ ...profile }, profileJson());
  const { required, properties } = schema('vocabulary-profile');
  assert.deepEqual(Object.keys(profile), required);
  // Targets are what only some records have.
  assert.deepEqual(
    Object.keys(properties).filter((field) => field !== 'maxTargetLength'),
    required,
  );
  const split = properties['splits']?.items;
  assert.deepEqual(Object.keys(profile.splits[0] ?? {}), split?.required);
  assert.deepEqual(
    Object.keys(profile.splits[0]?.tokensPerRecord ?? {}),
    split?.properties['tokensPerRecord']?.required,
  );
});

test('parseProfile reads the lengths of targets, whose tokens count too', () => {
  const { recordLengths, tokenCount, counts, ...split } = splitJson() as Record<string, unknown> & {
    recordLengths: number[][];
    tokenCount: number;
    counts: number[];
  };
  const withTargets = (targetLengths: unknown): Record<string, unknown> => ({
    ...profileJson(),
    maxTargetLength: 4,
    splits: [
      {
        ...split,
        recordLengths,
        targetLengths,
        tokenCount: tokenCount + 3,
        counts: [counts[0]! + 3, ...counts.slice(1)],
      },
    ],
  });
  const profile = parseProfile(withTargets([[3, 1]]), 'vocabulary.json');
  assert.equal(profile.maxTargetLength, 4);
  assert.deepEqual(profile.splits[0]?.targetLengths, [[3, 1]]);
  for (const lengths of [undefined, [[2, 1]]])
    assert.throws(
      () => parseProfile(withTargets(lengths), 'vocabulary.json'),
      vocabularyError('INVALID_PROFILE', /recordLengths is .*, expected lengths with the sum/),
    );
  assert.throws(
    () => parseProfile({ ...profileJson(), maxTargetLength: 0 }, 'vocabulary.json'),
    vocabularyError('INVALID_PROFILE', 'vocabulary.json: maxTargetLength is 0, expected an integer of at least 1'),
  );
});

test('parseProfile refuses each field when it is missing or of another kind', () => {
  const isText = (field: string, value: unknown): boolean =>
    ['pemmicanVersion', 'tokenizerDigest'].includes(field) && typeof value === 'string';
  for (const value of nonsense) {
    for (const field of Object.keys(profileJson()))
      if (!isText(field, value))
        assert.throws(
          () => parseProfile({ ...profileJson(), [field]: value }, 'vocabulary.json'),
          vocabularyError('INVALID_PROFILE', /^vocabulary.json: /),
          `${field} ${JSON.stringify(value)}`,
        );
    for (const field of Object.keys(splitJson()))
      assert.throws(
        () => parseProfile({ ...profileJson(), splits: [{ ...splitJson(), [field]: value }] }, 'vocabulary.json'),
        vocabularyError('INVALID_PROFILE', /^vocabulary.json: splits\[0\]/),
        `${field} ${JSON.stringify(value)}`,
      );
  }
});

test('parseProfile refuses splits that contradict themselves', () => {
  const refuses = (change: Record<string, unknown>, message: string): void => {
    assert.throws(
      () => parseProfile({ ...profileJson(), splits: [{ ...splitJson(), ...change }] }, 'vocabulary.json'),
      vocabularyError('INVALID_PROFILE', `vocabulary.json: splits[0]: ${message}`),
    );
  };
  refuses({ split: 'dev' }, 'split is "dev", expected one of train, validation, test');
  refuses({ tokenIds: [7, 3] }, 'tokenIds[1] is 3, expected more than 7, which comes before it');
  refuses({ tokenIds: [3, 10] }, 'tokenIds[1] is 10, expected an integer from 0 to 9');
  refuses({ counts: [5] }, 'counts is a list of 1, expected 2 of them, as many as tokenIds');
  refuses({ tokenCount: 7 }, 'tokenCount is 7, expected 6, the sum of counts');
  refuses({ distinctTokenCount: 3 }, 'distinctTokenCount is 3, expected 2, the number of tokenIds');
  assert.throws(
    () => parseProfile({ ...profileJson(), splits: [splitJson(), splitJson()] }, 'vocabulary.json'),
    vocabularyError('INVALID_PROFILE', 'vocabulary.json: splits is a list of 2, expected one "train", not two'),
  );
});

test('parseProfile shows no hostile value whole and does not descend into one', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
  for (const value of ['x'.repeat(1e6), deep])
    assert.throws(
      () => parseProfile({ ...profileJson(), hiddenSize: value }, 'vocabulary.json'),
      (error) => vocabularyError('INVALID_PROFILE', /hiddenSize is/)(error) && (error as Error).message.length < 300,
    );
});
