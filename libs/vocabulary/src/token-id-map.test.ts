import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amazonTokenIds, manifestJson, vocabularyError } from '../test/documents.ts';
import { TokenIdMap } from './token-id-map.ts';

const map = TokenIdMap.create(10, Uint32Array.of(0, 3, 7));

test('TokenIdMap maps kept ids to rows and back, and others to -1', () => {
  assert.deepEqual([map.fullVocabSize, map.reducedVocabSize], [10, 3]);
  const reduced = Array.from({ length: 12 }, (_, id) => map.toReducedId(id));
  assert.deepEqual(reduced, [0, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, -1]);
  assert.deepEqual([map.toReducedId(-1), map.toReducedId(3.5), map.toReducedId(NaN)], [-1, -1, -1]);
  assert.deepEqual(
    [0, 1, 2].map((id) => map.toFullId(id)),
    [0, 3, 7],
  );
  for (const id of [-1, 3, 0.5])
    assert.throws(() => map.toFullId(id), {
      name: 'RangeError',
      message: `Reduced token id ${id} is out of range: 3 rows are kept`,
    });
});

test('TokenIdMap.mapToReduced refuses an id that is not kept with its position, or maps it to the unknown token', () => {
  const ids = Uint32Array.of(7, 0, 5, 3);
  assert.deepEqual(map.mapToReduced(Uint32Array.of(7, 0, 3, 7), 'error'), Uint32Array.of(2, 0, 1, 2));
  assert.throws(
    () => map.mapToReduced(ids, 'error'),
    vocabularyError('TOKEN_NOT_KEPT', 'Full token id 5 at position 2 has no row in the reduced matrix of 3 rows'),
  );
  assert.deepEqual(map.mapToReduced(ids, 'unk', 3), Uint32Array.of(2, 0, 1, 1));
  assert.throws(
    () => map.mapToReduced(ids, 'unk', 4),
    vocabularyError('TOKEN_NOT_KEPT', 'The unknown token 4 has no row itself'),
  );
  assert.throws(() => map.mapToReduced(ids, 'unk'), vocabularyError('TOKEN_NOT_KEPT', /unknown token undefined/));
});

test('TokenIdMap.digest is the SHA-256 of the ids as little-endian 32-bit integers', async () => {
  assert.equal(await map.digest(), manifestJson()['keptTokenIdsDigest']);
  // numpy: sha256(array(ids, '<u4').tobytes()) of the ids of amazon.json and the five special ones.
  const ids = new Set([...amazonTokenIds().flat(), 0, 100, 101, 102, 103]);
  assert.equal(
    await TokenIdMap.create(30522, Uint32Array.from(ids).sort()).digest(),
    'sha256:8ee80cdc3ed8766af8f6559ba37e92b52cec449a8f7fc59dadfa63fb2b5031b4',
  );
});

test('TokenIdMap.create refuses ids that are none, not ascending or out of range', () => {
  const refuses = (size: number, ids: number[], message: string): void => {
    assert.throws(() => TokenIdMap.create(size, Uint32Array.from(ids)), vocabularyError('INVALID_TOKEN_IDS', message));
  };
  refuses(10, [], 'No token id is kept');
  refuses(10, [1, 3, 3], 'Kept token ids are not ascending: 3 comes after 3');
  refuses(10, [4, 2], 'Kept token ids are not ascending: 2 comes after 4');
  refuses(10, [0, 10], 'Kept token id 10 is out of range: the full matrix has 10 rows');
  refuses(10, [-1], 'Kept token id 4294967295 is out of range: the full matrix has 10 rows');
  for (const size of [0, -1, 1.5, NaN, 1e12])
    refuses(size, [0], `The full vocabulary size ${size} is not an integer from 1 to 100000000`);
});

test('TokenIdMap keeps its own copy of the ids', () => {
  const ids = Uint32Array.of(1, 2);
  const own = TokenIdMap.create(5, ids);
  ids[0] = 4;
  assert.deepEqual(own.keptTokenIds, Uint32Array.of(1, 2));
});
