import { ModelConfig, findEmbeddingMatrix, tokenizerDigest } from '@pemmican/embedding';
import type { RecordKind } from '@pemmican/dataset';
import { Checkpoint, SafetensorsError, type FolderReader } from '@pemmican/safetensors';
import { StorageError } from '@pemmican/storage';
import type { Tokenizer } from '@pemmican/tokenizer';
import { TOKEN_ID_MAP_FILE_NAME } from '@pemmican/vocabulary';
import { PreconditionError } from './precondition-error.ts';
import { parseTokenizer, readTokenizerFile, type TokenizerFile } from './tokenizer-file.ts';

// What families call the columns of the embedding matrix, for a folder without weights; the first that is there counts.
const HIDDEN_SIZE_FIELDS = ['embedding_size', 'hidden_size', 'd_model', 'n_embd', 'dim'] as const;

/** What an analysis needs of a model folder. */
export interface ModelInputs {
  readonly tokenizer: Tokenizer;
  readonly tokenizerFile: TokenizerFile;
  /** What parsing the tokenizer took. */
  readonly tokenizerMs: number;
  /** SHA-256 of the tokenizer's file. */
  readonly digest: string;
  /** Rows and columns of the embedding matrix. */
  readonly vocabSize: number;
  readonly hiddenSize: number;
}

/**
 * Opens the tokenizer and measures the embedding matrix.
 * @throws PreconditionError ALREADY_REDUCED; TokenizerError, EmbeddingError, StorageError,
 *   SafetensorsError
 */
export async function openModelInputs(folder: FolderReader, recordKind: RecordKind): Promise<ModelInputs> {
  const map = await folder.open(TOKEN_ID_MAP_FILE_NAME);
  if (map !== undefined) {
    await map.close();
    throw new PreconditionError(
      'ALREADY_REDUCED',
      `${folder.name}: is a reduced model (it has a ${TOKEN_ID_MAP_FILE_NAME}); analyze the one that it was made of`,
      { file: map.name },
    );
  }
  const { vocabSize, hiddenSize } = await measureEmbedding(folder);
  const tokenizerFile = { ...(await readTokenizerFile(folder)), areTextsWords: recordKind === 'words' };
  const startMs = performance.now();
  const tokenizer = parseTokenizer(tokenizerFile);
  const tokenizerMs = performance.now() - startMs;
  return { tokenizer, tokenizerFile, tokenizerMs, digest: await tokenizerDigest(folder), vocabSize, hiddenSize };
}

/** The matrix itself is believed, where there is one: some configs count other rows. */
async function measureEmbedding(folder: FolderReader): Promise<{ vocabSize: number; hiddenSize: number }> {
  const config = await ModelConfig.read(folder);
  let checkpoint: Checkpoint;
  try {
    checkpoint = await Checkpoint.open(folder);
  } catch (error) {
    if (!(error instanceof SafetensorsError) || error.code !== 'MissingFile') throw error;
    return configuredEmbedding(config);
  }
  try {
    const { rowCount, hiddenSize } = findEmbeddingMatrix(checkpoint, config);
    return { vocabSize: rowCount, hiddenSize };
  } finally {
    await checkpoint.close();
  }
}

function configuredEmbedding(config: ModelConfig): { vocabSize: number; hiddenSize: number } {
  const positive = (field: string): number => {
    const value = config.getCount(field);
    if (value !== null && value > 0) return value;
    throw new StorageError('INVALID_JSON', config.path, `${field} is ${String(value)}, expected a positive integer`);
  };
  const hiddenSizeField = HIDDEN_SIZE_FIELDS.find((field) => config.has(field)) ?? 'hidden_size';
  return { vocabSize: positive('vocab_size'), hiddenSize: positive(hiddenSizeField) };
}
