import type { Checkpoint, FolderReader, Shard, TensorInfo } from '@pemmican/safetensors';

import { EmbeddingError } from './error.ts';

const BLOCK_BYTES = 4096;

// Of each tensor: its first and last block and three between. All of 1 GB would cost more than copying it.
const BLOCK_COUNT = 5;

// A tokenizer of a million pieces takes about 70 MB.
const MAX_TOKENIZER_LENGTH_BYTES = 500_000_000;
const TOKENIZER_FILES = [
  'tokenizer.json',
  'vocab.txt',
  'sentencepiece.bpe.model',
  'spiece.model',
  'tokenizer.model',
  'vocab.json',
] as const;

/**
 * Tells checkpoints apart without reading them whole: a SHA-256 over every shard's header and 4 KiB blocks at fixed positions
 * of every tensor. Fine-tuning changes every block; a change of single rows may go unseen.
 */
export async function checkpointFingerprint(checkpoint: Checkpoint): Promise<string> {
  const digests: Uint8Array[] = [];
  for (const { file } of checkpoint.shards) {
    const header = new Uint8Array(file.headerLengthBytes);
    await file.source.read(0, header);
    digests.push(await sha256(header));
    for (const tensor of file.tensors.values()) digests.push(await sampleDigest(file, tensor));
  }
  return hex(await sha256(concatenate(digests)));
}

async function sampleDigest(file: Shard['file'], tensor: TensorInfo): Promise<Uint8Array> {
  if (tensor.lengthBytes <= BLOCK_BYTES * BLOCK_COUNT) return sha256(await file.read(tensor.name));
  const samples = new Uint8Array(BLOCK_BYTES * BLOCK_COUNT);
  const lastStart = tensor.lengthBytes - BLOCK_BYTES;
  for (let index = 0; index < BLOCK_COUNT; index++) {
    const start = Math.floor((lastStart * index) / (BLOCK_COUNT - 1));
    await file.readRange(tensor.name, start, samples.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES));
  }
  return sha256(samples);
}

/**
 * SHA-256 of the file that decides what ids a text gets: `tokenizer.json`, or an older tokenizer's vocabulary.
 * @throws EmbeddingError MISSING_FILE
 */
export async function tokenizerDigest(folder: FolderReader): Promise<string> {
  for (const fileName of TOKENIZER_FILES) {
    const source = await folder.open(fileName);
    if (source === undefined) continue;
    try {
      if (source.sizeBytes > MAX_TOKENIZER_LENGTH_BYTES) {
        throw new EmbeddingError(
          'INVALID_CONFIG',
          source.name,
          `${source.sizeBytes} bytes are over the limit of ${MAX_TOKENIZER_LENGTH_BYTES}`,
        );
      }
      const bytes = new Uint8Array(source.sizeBytes);
      await source.read(0, bytes);
      return hex(await sha256(bytes));
    } finally {
      await source.close();
    }
  }
  throw new EmbeddingError('MISSING_FILE', folder.name, `has no tokenizer (none of ${TOKENIZER_FILES.join(', ')})`);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes));
}

function concatenate(digests: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digests.reduce((total, digest) => total + digest.length, 0));
  let offset = 0;
  for (const digest of digests) {
    bytes.set(digest, offset);
    offset += digest.length;
  }
  return bytes;
}

function hex(bytes: Uint8Array): string {
  return `sha256:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
