import { Checkpoint, type FolderReader } from '@pemmican/safetensors';
import { TOKEN_ID_MAP_FILE_NAME, type TokenIdMap, type TokenIdMapManifest } from '@pemmican/vocabulary';

import { ModelConfig } from './config-file.ts';
import { findEmbeddingMatrix, vocabularyTensors, type VocabularyTensor } from './embedding-matrix.ts';
import { embeddingNames } from './embedding-names.ts';
import { EmbeddingError } from './error.ts';
import { checkpointFingerprint, tokenizerDigest } from './fingerprint.ts';
import { copyTensor, type PlannedShard } from './planned-checkpoint.ts';
import { gatherRowsPart, rowSourceOf } from './row-parts.ts';
import { committed, writeModelFolder, type SurgeryTarget } from './write-model-folder.ts';

export interface ReduceOptions extends SurgeryTarget {
  /** A model folder with its full vocabulary. */
  readonly source: FolderReader;
  readonly tokenIdMap: TokenIdMap;
  readonly pemmicanVersion: string;
  /** Full id of the tokenizer's unknown token, for the manifest. */
  readonly unkTokenId?: number | null;
  /** Also keep only these rows of the output side; see {@link vocabularyTensors}. By default it stays whole. */
  readonly restrictsOutput?: boolean;
}

export interface ReduceResult {
  readonly manifest: TokenIdMapManifest;
  /** Bytes of all tensors, before and after. */
  readonly fullBytes: number;
  readonly reducedBytes: number;
}

/**
 * Writes a checkpoint that has only the kept rows of the word embedding; row i is the row `keptTokenIds[i]` of the source.
 * Where the source has the matrix by several names, so has the reduced one; an output matrix that is a copy stays whole like
 * any other, unless `restrictsOutput` is set.
 * Every other tensor is copied byte for byte, with the source's shards, order and metadata. config.json gets the number of
 * rows as `vocab_size` and its token ids in the reduced space; the token id map's manifest goes with it.
 * (Partial embedding matrix adaptation, arXiv 2309.08708, section 3.)
 * @throws EmbeddingError, SafetensorsError; nothing is left of the destination then
 */
export async function reduceCheckpoint(options: ReduceOptions): Promise<ReduceResult> {
  return committed(options.destination, async () => {
    const checkpoint = await Checkpoint.open(options.source);
    try {
      return await reduce(checkpoint, options);
    } finally {
      await checkpoint.close();
    }
  });
}

async function reduce(checkpoint: Checkpoint, options: ReduceOptions): Promise<ReduceResult> {
  const { source, destination, tokenIdMap } = options;
  const config = await ModelConfig.read(source);
  const embedding = findEmbeddingMatrix(checkpoint, config);
  if (tokenIdMap.fullVocabSize !== embedding.rowCount) {
    throw new EmbeddingError(
      'SHAPE_MISMATCH',
      checkpoint.name,
      `word embedding "${embedding.tensor.name}" has ${embedding.rowCount} rows, the token id map is for ${tokenIdMap.fullVocabSize}`,
    );
  }
  const reducedConfig = reduceConfig(config, tokenIdMap);
  const selected = vocabularyTensors(checkpoint, embedding, options.restrictsOutput ?? false);
  const { isTied } = await embeddingNames(checkpoint, config, embedding, options.signal);
  const manifest = await createManifest(checkpoint, config, isTied, selected, options);
  const shards = planReduced(checkpoint, selected, tokenIdMap);
  const reducedBytes = await writeModelFolder(
    { folder: source, checkpoint, shards, config: reducedConfig, hasFullTokenIds: false },
    options,
  );
  const json = new TextEncoder().encode(`${JSON.stringify(manifest)}\n`);
  await destination.write(TOKEN_ID_MAP_FILE_NAME, (sink) => sink.write(json));
  return {
    manifest,
    fullBytes:
      reducedBytes +
      (embedding.rowCount - tokenIdMap.reducedVocabSize) * selected.reduce((sum, { rowBytes }) => sum + rowBytes, 0),
    reducedBytes,
  };
}

function planReduced(
  checkpoint: Checkpoint,
  selected: readonly VocabularyTensor[],
  tokenIdMap: TokenIdMap,
): PlannedShard[] {
  const names = new Set(selected.map(({ tensor }) => tensor.name));
  return checkpoint.shards.map((shard) => ({
    like: shard,
    tensors: [...shard.file.tensors.values()].map((tensor) => {
      if (!names.has(tensor.name)) return copyTensor(checkpoint, tensor, tensor.name);
      return {
        name: tensor.name,
        dtype: tensor.dtype,
        shape: [tokenIdMap.reducedVocabSize, ...tensor.shape.slice(1)],
        part: gatherRowsPart(rowSourceOf(tensor, shard.file.source), tokenIdMap.keptTokenIds),
      };
    }),
  }));
}

async function createManifest(
  checkpoint: Checkpoint,
  config: ModelConfig,
  tiedEmbeddings: boolean,
  selected: readonly VocabularyTensor[],
  { source, tokenIdMap, pemmicanVersion, unkTokenId = null }: ReduceOptions,
): Promise<TokenIdMapManifest> {
  return {
    formatVersion: 1,
    pemmicanVersion,
    fullVocabSize: tokenIdMap.fullVocabSize,
    reducedVocabSize: tokenIdMap.reducedVocabSize,
    keptTokenIds: Array.from(tokenIdMap.keptTokenIds),
    keptTokenIdsDigest: await tokenIdMap.digest(),
    sourceFingerprint: await checkpointFingerprint(checkpoint),
    tokenizerDigest: await tokenizerDigest(source),
    reducedTensors: selected.map(({ tensor }) => ({
      name: tensor.name,
      fullShape: [...tensor.shape],
      reducedShape: [tokenIdMap.reducedVocabSize, ...tensor.shape.slice(1)],
    })),
    tiedEmbeddings,
    padTokenId: config.getCount('pad_token_id'),
    unkTokenId,
  };
}

// These derive position ids from pad_token_id ("position = padding_idx + 1 + ..."), so it must keep its number.
const PAD_DECIDES_POSITIONS: readonly unknown[] = [
  'camembert',
  'data2vec-text',
  'esm',
  'longformer',
  'mpnet',
  'roberta',
  'roberta-prelayernorm',
  'xlm-roberta',
  'xlm-roberta-xl',
  'xmod',
];

/** The config with `vocab_size` and every `*_token_id` in the reduced space; an id that is not kept becomes null. */
function reduceConfig(config: ModelConfig, tokenIdMap: TokenIdMap): ModelConfig {
  const changes: Record<string, unknown> = { vocab_size: tokenIdMap.reducedVocabSize };
  const reducedId = (field: string, id: unknown): number | null => {
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0 || id >= tokenIdMap.fullVocabSize) {
      throw new EmbeddingError(
        'INVALID_CONFIG',
        config.path,
        `"${field}" is ${JSON.stringify(id)}, not an id below vocab_size ${tokenIdMap.fullVocabSize}`,
      );
    }
    const reducedTokenId = tokenIdMap.toReducedId(id);
    return reducedTokenId < 0 ? null : reducedTokenId;
  };
  for (const field of config.fieldNames.filter((name) => name.endsWith('_token_id'))) {
    const value = config.get(field);
    if (value === null) continue;
    changes[field] = Array.isArray(value)
      ? value.map((id) => reducedId(field, id)).filter((id) => id !== null)
      : reducedId(field, value);
  }
  const padTokenId = config.getCount('pad_token_id');
  if (padTokenId !== null && changes['pad_token_id'] === null) {
    throw new EmbeddingError(
      'PAD_TOKEN_MOVED',
      config.path,
      `pad_token_id ${padTokenId} is not among the kept token ids; add it`,
    );
  }
  if (
    padTokenId !== null &&
    PAD_DECIDES_POSITIONS.includes(config.get('model_type')) &&
    changes['pad_token_id'] !== padTokenId
  ) {
    throw new EmbeddingError(
      'PAD_TOKEN_MOVED',
      config.path,
      `a ${String(config.get('model_type'))} model counts positions from pad_token_id ${padTokenId}, which would become ${String(changes['pad_token_id'])}; keep every id below it too`,
    );
  }
  return config.with(changes);
}
