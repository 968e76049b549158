import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { encodeHeader, type TensorDescription } from '@pemmican/safetensors';
import { createFolder } from '@pemmican/storage';

export interface CheckpointShape {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly intermediateSize: number;
  readonly positionCount: number;
}

/** XLM-R base: 250,002 rows of 768, twelve layers, 1.1 GB in float32. */
export const XLM_R_BASE_SHAPE: CheckpointShape = {
  vocabSize: 250_002,
  hiddenSize: 768,
  layerCount: 12,
  intermediateSize: 3072,
  positionCount: 514,
};

/** Makes a BERT checkpoint of that shape with noise for weights, unless it is there. */
export async function makeCheckpoint(folder: string, shape: CheckpointShape): Promise<void> {
  const isThere = await stat(join(folder, 'model.safetensors')).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  const writer = await createFolder(folder, { overwrite: true });
  const tensors = describe(shape);
  await writer.write('model.safetensors', async (sink) => {
    await sink.write(encodeHeader(tensors, { format: 'pt' }));
    const noise = new Uint32Array(1024 * 1024);
    let state = 0x9e3779b9;
    const bytes = new Uint8Array(noise.buffer);
    for (const tensor of tensors) {
      let rest = tensor.shape.reduce((product, size) => product * size, 4);
      while (rest > 0) {
        for (let index = 0; index < noise.length; index++) {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          // Sign and mantissa are drawn, the exponent makes numbers of magnitude 1/64 to 1/32.
          noise[index] = (state & 0x807fffff) | 0x3c800000;
        }
        await sink.write(bytes.subarray(0, Math.min(rest, bytes.length)));
        rest -= bytes.length;
      }
    }
  });
  const config = {
    architectures: ['BertModel'],
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    model_type: 'bert',
    num_attention_heads: 12,
    num_hidden_layers: shape.layerCount,
    pad_token_id: 0,
    vocab_size: shape.vocabSize,
  };
  const text = new TextEncoder();
  await writer.write('config.json', (sink) => sink.write(text.encode(JSON.stringify(config, null, 2))));
  await writer.write('vocab.txt', (sink) =>
    sink.write(text.encode(Array.from({ length: shape.vocabSize }, (_, id) => `token${id}\n`).join(''))),
  );
  await writer.commit();
}

function describe(shape: CheckpointShape): TensorDescription[] {
  const { hiddenSize: hidden, intermediateSize: intermediate } = shape;
  const tensors: TensorDescription[] = [];
  const add = (name: string, ...sizes: number[]): void => {
    tensors.push({ name, dtype: 'F32', shape: sizes });
  };
  const linear = (name: string, outputs: number, inputs: number): void => {
    add(`${name}.bias`, outputs);
    add(`${name}.weight`, outputs, inputs);
  };
  const norm = (name: string): void => {
    add(`${name}.bias`, hidden);
    add(`${name}.weight`, hidden);
  };
  norm('embeddings.LayerNorm');
  add('embeddings.position_embeddings.weight', shape.positionCount, hidden);
  add('embeddings.token_type_embeddings.weight', 1, hidden);
  add('embeddings.word_embeddings.weight', shape.vocabSize, hidden);
  for (let layer = 0; layer < shape.layerCount; layer++) {
    const prefix = `encoder.layer.${layer}`;
    norm(`${prefix}.attention.output.LayerNorm`);
    linear(`${prefix}.attention.output.dense`, hidden, hidden);
    for (const part of ['key', 'query', 'value']) linear(`${prefix}.attention.self.${part}`, hidden, hidden);
    linear(`${prefix}.intermediate.dense`, intermediate, hidden);
    norm(`${prefix}.output.LayerNorm`);
    linear(`${prefix}.output.dense`, hidden, intermediate);
  }
  linear('pooler.dense', hidden, hidden);
  return tensors;
}
