import { referenceOrder, type ByteSink, type TensorEntry } from '@pemmican/safetensors';
import type { BlobReader } from '../blob-reader.ts';
import type { GgufTensor } from './header.ts';
import type { LlamaShape } from './llama-shape.ts';
import { expandBlocks } from './tensor-type.ts';

// Divisible by all block sizes: 0.7 MB of Q4_1 become 4 MB of float32 at a time.
const CHUNK_ELEMENT_COUNT = 1 << 20;

async function writeTensor(
  reader: BlobReader,
  { type, offset, lengthBytes }: GgufTensor,
  sink: ByteSink,
): Promise<void> {
  const stepBytes = (CHUNK_ELEMENT_COUNT / type.blockElementCount) * type.blockLengthBytes;
  for (let done = 0; done < lengthBytes; done += stepBytes) {
    const bytes = await reader.readAt(offset + done, Math.min(stepBytes, lengthBytes - done));
    // x64 is little-endian, as both files are.
    await sink.write(new Uint8Array(expandBlocks(type, bytes).buffer));
  }
}

/**
 * Writes a query or key projection, head by head. GGUF has the two rows that are rotated together side by side (0 and 1,
 * 2 and 3), Hugging Face has them half a head apart (0 and 32 of 64).
 */
async function writeHeads(reader: BlobReader, tensor: GgufTensor, headSize: number, sink: ByteSink): Promise<void> {
  const [rowCount = 0, columnCount = 0] = tensor.shape;
  const headBytes = (tensor.lengthBytes / rowCount) * headSize;
  for (let done = 0; done < tensor.lengthBytes; done += headBytes) {
    const values = expandBlocks(tensor.type, await reader.readAt(tensor.offset + done, headBytes));
    const ordered = new Float32Array(values.length);
    for (let row = 0; row < headSize; row += 1) {
      const from = ((2 * row) % headSize) + Math.floor((2 * row) / headSize);
      ordered.set(values.subarray(from * columnCount, (from + 1) * columnCount), row * columnCount);
    }
    await sink.write(new Uint8Array(ordered.buffer));
  }
}

/**
 * The tensors of a Llama with tied embeddings under the names of Hugging Face, as float32, in the reference's file order.
 * @throws SetupError MALFORMED for a tensor that is missing, has another shape or belongs to no such model
 */
export function llamaTensors(
  reader: BlobReader,
  tensors: ReadonlyMap<string, GgufTensor>,
  shape: LlamaShape,
): TensorEntry[] {
  const { vocabSize, hiddenSize, intermediateSize, layerCount, headSize } = shape;
  const keyValueSize = shape.keyValueHeadCount * headSize;
  const unused = new Set(tensors.keys());
  const entries: TensorEntry[] = [];
  const add = (source: string, name: string, size: readonly number[], isRotated = false): void => {
    const tensor = tensors.get(source) ?? reader.fail(`it has no tensor "${source}"`);
    unused.delete(source);
    if (tensor.shape.join() !== size.join()) {
      reader.fail(`tensor "${source}" is ${tensor.shape.join(' x ')}, ${size.join(' x ')} is expected`);
    }
    const write = (sink: ByteSink): Promise<void> =>
      isRotated ? writeHeads(reader, tensor, headSize, sink) : writeTensor(reader, tensor, sink);
    entries.push({ name, dtype: 'F32', shape: size, write });
  };
  add('token_embd.weight', 'model.embed_tokens.weight', [vocabSize, hiddenSize]);
  add('output_norm.weight', 'model.norm.weight', [hiddenSize]);
  for (let layer = 0; layer < layerCount; layer += 1) {
    const addLayer = (source: string, name: string, size: readonly number[], isRotated = false): void =>
      add(`blk.${layer}.${source}.weight`, `model.layers.${layer}.${name}.weight`, size, isRotated);
    addLayer('attn_norm', 'input_layernorm', [hiddenSize]);
    addLayer('attn_q', 'self_attn.q_proj', [hiddenSize, hiddenSize], true);
    addLayer('attn_k', 'self_attn.k_proj', [keyValueSize, hiddenSize], true);
    addLayer('attn_v', 'self_attn.v_proj', [keyValueSize, hiddenSize]);
    addLayer('attn_output', 'self_attn.o_proj', [hiddenSize, hiddenSize]);
    addLayer('ffn_norm', 'post_attention_layernorm', [hiddenSize]);
    addLayer('ffn_gate', 'mlp.gate_proj', [intermediateSize, hiddenSize]);
    addLayer('ffn_up', 'mlp.up_proj', [intermediateSize, hiddenSize]);
    addLayer('ffn_down', 'mlp.down_proj', [hiddenSize, intermediateSize]);
  }
  // A head of its own, biases, factors of the rotation: without them it would be another model.
  for (const source of unused) reader.fail(`tensor "${source}" has no place in a Llama with tied embeddings`);
  return referenceOrder(entries);
}
