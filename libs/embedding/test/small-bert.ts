import { TokenIdMap } from '@pemmican/vocabulary';

import { reduceCheckpoint } from '../src/mod.ts';
import { fileOf, float32Bytes, MemoryFolder, type TestTensor } from './memory-folder.ts';

export const ROW_COUNT = 12;
export const HIDDEN_SIZE = 4;
export const KEPT_TOKEN_IDS = [0, 1, 3, 7, 8, 11] as const;
export const CONFIG = { architectures: ['BertModel'], model_type: 'bert', pad_token_id: 0, vocab_size: ROW_COUNT };

/** A float32 tensor whose elements are `first`, `first + 1`, ... */
export function ramp(name: string, first: number, ...shape: number[]): TestTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return { name, dtype: 'F32', shape, bytes: float32Bytes(Array.from({ length }, (_, index) => first + index)) };
}

/** An encoder with the tensors that naming turns on. */
export function encoderTensors(first: number, rowCount: number, prefix = '', norm = ['weight', 'bias']): TestTensor[] {
  return [
    ramp(`${prefix}embeddings.LayerNorm.${norm[1]}`, first, HIDDEN_SIZE),
    ramp(`${prefix}embeddings.LayerNorm.${norm[0]}`, first + 10, HIDDEN_SIZE),
    ramp(`${prefix}embeddings.word_embeddings.weight`, first + 20, rowCount, HIDDEN_SIZE),
    ramp(`${prefix}encoder.layer.0.output.dense.weight`, first + 30, HIDDEN_SIZE, HIDDEN_SIZE),
  ];
}

export async function folderOf(
  name: string,
  tensors: readonly TestTensor[],
  config: Readonly<Record<string, unknown>> = CONFIG,
): Promise<MemoryFolder> {
  return new MemoryFolder(name, {
    'config.json': JSON.stringify(config),
    'vocab.txt': '[PAD]\n[UNK]\n',
    'model.safetensors': await fileOf(tensors, { format: 'pt' }),
  });
}

export function smallTokenIdMap(): TokenIdMap {
  return TokenIdMap.create(ROW_COUNT, Uint32Array.from(KEPT_TOKEN_IDS));
}

/** A trained folder: the tensors given, with the manifest of a reduction of `source`. */
export async function trainedOf(
  source: MemoryFolder,
  tensors: readonly TestTensor[],
  config: Readonly<Record<string, unknown>> = CONFIG,
): Promise<MemoryFolder> {
  const reduced = new MemoryFolder('reduced');
  await reduceCheckpoint({ source, destination: reduced, tokenIdMap: smallTokenIdMap(), pemmicanVersion: 'test' });
  const trained = await folderOf('trained', tensors, config);
  trained.files.set('pemmican-token-id-map.json', reduced.files.get('pemmican-token-id-map.json') ?? new Uint8Array());
  return trained;
}

/** What PEFT puts before the names of an adapter's tensors. */
export const ADAPTER_PREFIX = 'base_model.model.';

/** A folder of an adapter: the tensors given, by PEFT's names. */
export async function adapterFolder(
  tensors: readonly TestTensor[],
  files: Readonly<Record<string, Uint8Array | string>> = {},
): Promise<MemoryFolder> {
  const named = tensors.map((tensor) => ({ ...tensor, name: ADAPTER_PREFIX + tensor.name }));
  return new MemoryFolder('adapter', { 'adapter_model.safetensors': await fileOf(named), ...files });
}
