import { readFileSync } from 'node:fs';
import { VocabularyError, type VocabularyErrorCode } from '../src/error.ts';

/** A manifest as parsed JSON, to be changed at will. */
export function manifestJson(): Record<string, unknown> {
  return {
    formatVersion: 1,
    pemmicanVersion: '0.1.0',
    fullVocabSize: 10,
    reducedVocabSize: 3,
    keptTokenIds: [0, 3, 7],
    // printf '\0\0\0\0\3\0\0\0\7\0\0\0' | sha256sum
    keptTokenIdsDigest: 'sha256:455857c521c1dc35d3f8853a83bd559f8405d5853db05216fafb83a14cebd157',
    sourceFingerprint: 'sha256:0123',
    tokenizerDigest: 'sha256:4567',
    reducedTensors: [{ name: 'embeddings.weight', fullShape: [10, 4], reducedShape: [3, 4] }],
    tiedEmbeddings: false,
    padTokenId: 0,
    unkTokenId: null,
  };
}

/** One split of a profile as parsed JSON. */
export function splitJson(): Record<string, unknown> {
  return {
    split: 'train',
    recordCount: 2,
    skippedRecordCount: 1,
    tokenCount: 6,
    distinctTokenCount: 2,
    addedTokenCount: 2,
    truncatedRecordCount: 0,
    tokensPerRecord: { p50: 2, p90: 4, p99: 4, max: 4 },
    recordLengths: [
      [2, 1],
      [4, 1],
    ],
    tokenIds: [3, 7],
    counts: [5, 1],
  };
}

/** A profile as parsed JSON, to be changed at will. */
export function profileJson(): Record<string, unknown> {
  return {
    formatVersion: 1,
    pemmicanVersion: '0.1.0',
    tokenizerDigest: 'sha256:4567',
    fullVocabSize: 10,
    hiddenSize: 4,
    maxSequenceLength: 128,
    unkTokenId: null,
    splits: [splitJson()],
    alwaysKeptTokenIds: [0],
    keptTokenIds: [0, 3, 7],
    keptTokenIdsDigest: manifestJson()['keptTokenIdsDigest'],
    droppedTokenCount: 0,
    droppedOccurrenceCount: 0,
  };
}

/** For `assert.throws`: a VocabularyError of that code and message. */
export function vocabularyError(code: VocabularyErrorCode, message: string | RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof VocabularyError &&
    error.code === code &&
    (typeof message === 'string' ? error.message === message : message.test(error.message));
}

/** Token ids of the 1000 rows of amazon.json as tokenizers 0.23.3 makes them for MiniLM, special tokens included. */
export function amazonTokenIds(): number[][] {
  const file = readFileSync(new URL('../fixtures/amazon-token-ids.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { rowIds: number[][] }).rowIds;
}
