import { referenceOrder, type ByteSink, type TensorEntry } from '@pemmican/safetensors';
import type { BlobReader } from '../blob-reader.ts';
import { BLOCK_ELEMENT_COUNT, BLOCK_LENGTH_BYTES, type E5Header, type E5Tensor } from './header.ts';

// Divisible by both block sizes: 1.2 MB of blocks become 8 MB of float32 at a time.
const CHUNK_BLOCK_COUNT = 65_536;

/** Expands blocks of Q4_0: low nibbles are weights 0 to 15, high ones 16 to 31, each (q - 8) * scale. */
export function expandBlocks(blocks: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const blockCount = blocks.length / BLOCK_LENGTH_BYTES;
  const values = new Float32Array(blockCount * BLOCK_ELEMENT_COUNT);
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  for (let block = 0; block < blockCount; block += 1) {
    const from = block * BLOCK_LENGTH_BYTES;
    const to = block * BLOCK_ELEMENT_COUNT;
    const scale = view.getFloat16(from, true);
    for (let index = 0; index < 16; index += 1) {
      const pair = view.getUint8(from + 2 + index);
      values[to + index] = ((pair & 15) - 8) * scale;
      values[to + 16 + index] = ((pair >> 4) - 8) * scale;
    }
  }
  return values;
}

async function writeTensor(reader: BlobReader, tensor: E5Tensor, sink: ByteSink): Promise<void> {
  const stepBytes = CHUNK_BLOCK_COUNT * BLOCK_LENGTH_BYTES;
  for (let done = 0; done < tensor.lengthBytes; done += stepBytes) {
    const bytes = await reader.readAt(tensor.offset + done, Math.min(stepBytes, tensor.lengthBytes - done));
    // x64 is little-endian, as both files are.
    await sink.write(tensor.dtype === 'F32' ? bytes : new Uint8Array(expandBlocks(bytes).buffer));
  }
}

/** The tensors of the encoder under the names of Hugging Face's BertModel, as float32, in the reference's file order. */
export function e5Tensors(reader: BlobReader, header: E5Header): TensorEntry[] {
  const { hiddenSize, layerCount, intermediateSize, vocabSize, maxPositionCount } = header.shape;
  const entries: TensorEntry[] = [typeEmbedding(reader, header)];
  const add = (name: string, source: string, ...shape: number[]): void => {
    const tensor = find(reader, header, source);
    const elementCount = shape.reduce((product, size) => product * size, 1);
    if (tensor.elementCount !== elementCount) {
      reader.fail(`tensor "${source}" has ${tensor.elementCount} elements, ${shape.join(' x ')} are expected`);
    }
    entries.push({ name, dtype: 'F32', shape, write: (sink) => writeTensor(reader, tensor, sink) });
  };
  add('embeddings.word_embeddings.weight', 'emb.word', vocabSize, hiddenSize);
  add('embeddings.position_embeddings.weight', 'emb.pos', maxPositionCount, hiddenSize);
  add('embeddings.LayerNorm.weight', 'emb.ln.w', hiddenSize);
  add('embeddings.LayerNorm.bias', 'emb.ln.b', hiddenSize);
  const dense = [
    ['q', 'attention.self.query', hiddenSize, hiddenSize],
    ['k', 'attention.self.key', hiddenSize, hiddenSize],
    ['v', 'attention.self.value', hiddenSize, hiddenSize],
    ['ao', 'attention.output.dense', hiddenSize, hiddenSize],
    ['fi', 'intermediate.dense', intermediateSize, hiddenSize],
    ['fo', 'output.dense', hiddenSize, intermediateSize],
  ] as const;
  const norms = [
    ['aln', 'attention.output.LayerNorm'],
    ['oln', 'output.LayerNorm'],
  ] as const;
  for (let layer = 0; layer < layerCount; layer += 1) {
    const prefix = `encoder.layer.${layer}.`;
    for (const [source, name, outSize, inSize] of dense) {
      add(`${prefix}${name}.weight`, `l${layer}.${source}.w`, outSize, inSize);
      add(`${prefix}${name}.bias`, `l${layer}.${source}.b`, outSize);
    }
    for (const [source, name] of norms) {
      add(`${prefix}${name}.weight`, `l${layer}.${source}.w`, hiddenSize);
      add(`${prefix}${name}.bias`, `l${layer}.${source}.b`, hiddenSize);
    }
  }
  return referenceOrder(entries);
}

function find(reader: BlobReader, header: E5Header, source: string): E5Tensor {
  const tensor = header.tensors.get(source);
  return tensor ?? reader.fail(`it has no tensor "${source}"`);
}

/** The file keeps the one row that is ever used; the model has `typeCount` of them, the others zero. */
function typeEmbedding(reader: BlobReader, header: E5Header): TensorEntry {
  const { hiddenSize, typeCount } = header.shape;
  const tensor = find(reader, header, 'emb.type');
  const rowCount = tensor.elementCount / hiddenSize;
  if (rowCount !== 1 && rowCount !== typeCount) reader.fail(`tensor "emb.type" has ${rowCount} rows`);
  return {
    name: 'embeddings.token_type_embeddings.weight',
    dtype: 'F32',
    shape: [typeCount, hiddenSize],
    write: async (sink) => {
      await writeTensor(reader, tensor, sink);
      if (rowCount < typeCount) await sink.write(new Uint8Array(4 * (typeCount - rowCount) * hiddenSize));
    },
  };
}
