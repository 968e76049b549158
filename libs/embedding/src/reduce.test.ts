import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Checkpoint, toFloat32 } from '@pemmican/safetensors';
import { TokenIdMap } from '@pemmican/vocabulary';

import { MemoryFolder } from '../test/memory-folder.ts';
import {
  CONFIG,
  encoderTensors,
  folderOf,
  KEPT_TOKEN_IDS,
  ramp,
  ROW_COUNT,
  smallTokenIdMap,
} from '../test/small-bert.ts';
import { reduceCheckpoint, type EmbeddingErrorCode } from './mod.ts';

function reduce(
  source: MemoryFolder,
  tokenIdMap = smallTokenIdMap(),
): { destination: MemoryFolder; done: ReturnType<typeof reduceCheckpoint> } {
  const destination = new MemoryFolder('reduced');
  return {
    destination,
    done: reduceCheckpoint({ source, destination, tokenIdMap, pemmicanVersion: '1.2.3', unkTokenId: 1 }),
  };
}

async function refuses(
  source: MemoryFolder,
  code: EmbeddingErrorCode,
  message: RegExp,
  tokenIdMap?: TokenIdMap,
): Promise<void> {
  const { destination, done } = reduce(source, tokenIdMap);
  await assert.rejects(done, { name: 'EmbeddingError', code, message });
  assert.equal(destination.state, 'aborted');
  assert.equal(destination.files.size, 0);
}

test('reduceCheckpoint keeps the rows of the kept ids in their order', async () => {
  const { destination, done } = reduce(await folderOf('source', encoderTensors(0, ROW_COUNT)));
  const { fullBytes, reducedBytes } = await done;
  const checkpoint = await Checkpoint.open(destination);
  const rows = toFloat32('F32', await checkpoint.read('embeddings.word_embeddings.weight'));
  assert.deepEqual(
    [...rows],
    KEPT_TOKEN_IDS.flatMap((id) => [0, 1, 2, 3].map((column) => 20 + id * 4 + column)),
  );
  assert.equal(fullBytes - reducedBytes, (ROW_COUNT - KEPT_TOKEN_IDS.length) * 16);
});

test('reduceCheckpoint writes a manifest that says what was reduced and of which source', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const { destination, done } = reduce(source);
  const { manifest } = await done;
  assert.deepEqual(destination.json('pemmican-token-id-map.json'), { ...manifest });
  assert.deepEqual(manifest.keptTokenIds, [...KEPT_TOKEN_IDS]);
  assert.deepEqual(manifest.reducedTensors, [
    { name: 'embeddings.word_embeddings.weight', fullShape: [12, 4], reducedShape: [6, 4] },
  ]);
  // sha256sum of "[PAD]\n[UNK]\n", and of the ids as little-endian u32, by Python's hashlib.
  assert.equal(manifest.tokenizerDigest, 'sha256:baaffec70d0b8f0f47664f0efc76a998ef632783831b56cc18f0e6c5cf316087');
  assert.equal(manifest.keptTokenIdsDigest, 'sha256:b167c4f41f8f566c82655f60a1246d71b114e6ae87f95ac8cc4b7cb1854c1820');
  assert.equal(manifest.padTokenId, 0);
  assert.equal(manifest.unkTokenId, 1);
  assert.equal(manifest.pemmicanVersion, '1.2.3');
  assert.equal(manifest.tiedEmbeddings, true);
});

test('reduceCheckpoint maps every token id of config.json into the reduced space', async () => {
  const config = {
    ...CONFIG,
    pad_token_id: 3,
    bos_token_id: 7,
    sep_token_id: 2,
    eos_token_id: [11, 5, 8],
    unk_token_id: null,
  };
  const { destination, done } = reduce(await folderOf('source', encoderTensors(0, ROW_COUNT), config));
  await done;
  assert.deepEqual(destination.json('config.json'), {
    ...config,
    vocab_size: 6,
    pad_token_id: 2,
    bos_token_id: 3,
    sep_token_id: null,
    eos_token_id: [5, 4],
  });
  assert.deepEqual(destination.files.get('vocab.txt'), new TextEncoder().encode('[PAD]\n[UNK]\n'));
});

test('reduceCheckpoint leaves an output matrix whole and says that the embeddings are not tied', async () => {
  const head = [
    ramp('cls.predictions.decoder.weight', 500, ROW_COUNT, 4),
    ramp('cls.predictions.bias', 600, ROW_COUNT),
  ];
  const { destination, done } = reduce(await folderOf('source', [...encoderTensors(0, ROW_COUNT, 'bert.'), ...head]));
  assert.equal((await done).manifest.tiedEmbeddings, false);
  const checkpoint = await Checkpoint.open(destination);
  for (const { name, bytes } of head) assert.deepEqual(await checkpoint.read(name), bytes);
});

test('reduceCheckpoint refuses a map for another number of rows', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  await refuses(
    source,
    'SHAPE_MISMATCH',
    /source: .* has 12 rows, the token id map is for 13/,
    TokenIdMap.create(13, Uint32Array.of(0)),
  );
});

test('reduceCheckpoint refuses a model without a word embedding', async () => {
  await refuses(await folderOf('source', [ramp('conv.weight', 0, 2)]), 'UNSUPPORTED_MODEL', /no word embedding matrix/);
});

test('reduceCheckpoint refuses a config whose vocab_size is not the number of rows', async () => {
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT), { ...CONFIG, vocab_size: 13 });
  await refuses(source, 'SHAPE_MISMATCH', /has 12 rows, config\.json says vocab_size 13/);
});

test('reduceCheckpoint refuses a padding id that is not kept, or that moves where positions are counted from it', async () => {
  await refuses(
    await folderOf('source', encoderTensors(0, ROW_COUNT), { ...CONFIG, pad_token_id: 2 }),
    'PAD_TOKEN_MOVED',
    /pad_token_id 2 is not among/,
  );
  const roberta = { ...CONFIG, model_type: 'xlm-roberta', pad_token_id: 3 };
  await refuses(
    await folderOf('source', encoderTensors(0, ROW_COUNT, 'roberta.'), roberta),
    'PAD_TOKEN_MOVED',
    /counts positions from pad_token_id 3, which would become 2/,
  );
  const { done } = reduce(
    await folderOf('source', encoderTensors(0, ROW_COUNT, 'roberta.'), { ...roberta, pad_token_id: 1 }),
  );
  await done;
});

test('reduceCheckpoint refuses a folder without config, with a broken one, or without a tokenizer', async () => {
  const without = async (fileName: string, content?: string): Promise<MemoryFolder> => {
    const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
    source.files.delete(fileName);
    if (content !== undefined) source.files.set(fileName, new TextEncoder().encode(content));
    return source;
  };
  await refuses(await without('config.json'), 'MISSING_FILE', /source: has no config\.json/);
  await refuses(await without('config.json', '{"a":'), 'INVALID_CONFIG', /source\/config\.json: is not valid JSON/);
  await refuses(await without('config.json', '[]'), 'INVALID_CONFIG', /is not a JSON object/);
  await refuses(
    await without('config.json', '{"vocab_size": -1}'),
    'INVALID_CONFIG',
    /"vocab_size" is -1, not a count/,
  );
  await refuses(
    await without('config.json', '{"vocab_size": 12, "bos_token_id": 12}'),
    'INVALID_CONFIG',
    /"bos_token_id" is 12, not an id below vocab_size 12/,
  );
  await refuses(await without('vocab.txt'), 'MISSING_FILE', /has no tokenizer/);
});

test('reduceCheckpoint stops when its signal is aborted and leaves nothing', async () => {
  const destination = new MemoryFolder('reduced');
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const signal = AbortSignal.abort(new Error('cancelled'));
  await assert.rejects(
    reduceCheckpoint({ source, destination, tokenIdMap: smallTokenIdMap(), pemmicanVersion: '1', signal }),
    /cancelled/,
  );
  assert.equal(destination.state, 'aborted');
});

test('reduceCheckpoint reports progress up to the bytes of all tensors', async () => {
  const seen: number[] = [];
  const source = await folderOf('source', encoderTensors(0, ROW_COUNT));
  const destination = new MemoryFolder('reduced');
  const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }): void =>
    void seen.push(doneBytes / totalBytes);
  await reduceCheckpoint({ source, destination, tokenIdMap: smallTokenIdMap(), pemmicanVersion: '1', onProgress });
  assert.equal(seen.at(-1), 1);
});
