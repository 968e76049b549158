import { ModelConfig, findEmbeddingMatrix, tokenizerDigest } from '@pemmican/embedding';
import { Checkpoint, SafetensorsError, type FolderReader } from '@pemmican/safetensors';
import { StorageError, readJson } from '@pemmican/storage';
import { Tokenizer } from '@pemmican/tokenizer';
import { TOKEN_ID_MAP_FILE_NAME } from '@pemmican/vocabulary';
import { PreconditionError } from './precondition-error.ts';

const MAX_CONFIG_BYTES = 20_000_000;

// The largest tokenizer there is has 33 MB.
const MAX_TOKENIZER_BYTES = 500_000_000;

const TOKENIZER_FILE_NAMES = ['tokenizer.json', 'vocab.txt'] as const;

// What families call the columns of the embedding matrix, for a folder without weights; the first that is there counts.
const HIDDEN_SIZE_FIELDS = ['embedding_size', 'hidden_size', 'd_model', 'n_embd', 'dim'] as const;

/** What an analysis needs of a model folder. */
export interface ModelInputs {
  readonly tokenizer: Tokenizer;
  /** SHA-256 of the tokenizer's file. */
  readonly digest: string;
  /** Rows and columns of the embedding matrix. */
  readonly vocabSize: number;
  readonly hiddenSize: number;
}

/**
 * Opens the tokenizer and measures the embedding matrix.
 * @throws PreconditionError ALREADY_REDUCED, TOKENIZER_TOO_LARGE; TokenizerError, EmbeddingError, StorageError,
 *   SafetensorsError
 */
export async function openModelInputs(folder: FolderReader): Promise<ModelInputs> {
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
  const tokenizer = await openTokenizer(folder);
  if (tokenizer.vocabSize > vocabSize) {
    throw new PreconditionError(
      'TOKENIZER_TOO_LARGE',
      `${folder.name}: the tokenizer has ids up to ${tokenizer.vocabSize - 1}, the embedding matrix has ${vocabSize} rows`,
      { file: folder.name, value: String(tokenizer.vocabSize), limit: String(vocabSize) },
    );
  }
  return { tokenizer, digest: await tokenizerDigest(folder), vocabSize, hiddenSize };
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

async function openTokenizer(folder: FolderReader): Promise<Tokenizer> {
  const config = await readJson(folder, 'tokenizer_config.json', { maxBytes: MAX_CONFIG_BYTES });
  for (const fileName of TOKENIZER_FILE_NAMES) {
    const source = await folder.open(fileName);
    if (source === undefined) continue;
    try {
      const { sizeBytes, name } = source;
      if (sizeBytes > MAX_TOKENIZER_BYTES)
        throw new StorageError('TOO_LARGE', name, `${sizeBytes} bytes are over the limit of ${MAX_TOKENIZER_BYTES}`);
      const bytes = new Uint8Array(sizeBytes);
      await source.read(0, bytes);
      const options = { fileName: name, ...(config === undefined ? {} : { config }) };
      return fileName === 'tokenizer.json'
        ? Tokenizer.fromJson(bytes, options)
        : Tokenizer.fromVocabTxt(bytes, options);
    } finally {
      await source.close();
    }
  }
  throw new StorageError('NOT_FOUND', folder.name, `there is no tokenizer (${TOKENIZER_FILE_NAMES.join(' or ')})`);
}
