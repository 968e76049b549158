import { isUtf8 } from 'node:buffer';
import { setImmediate } from 'node:timers/promises';
import { readRecords } from '@pemmican/dataset';
import type { FolderReader } from '@pemmican/safetensors';
import {
  MAX_TEMPLATE_CHARACTERS,
  SequenceEncoder,
  findChatTemplate,
  readSequences,
  type SequenceOptions,
} from '@pemmican/sequences';
import { StorageError } from '@pemmican/storage';
import type { MemoryAdvice, Tokenizer } from '@pemmican/tokenizer';
import { SplitSum } from '@pemmican/vocabulary';
import { throwTokenWithoutRow } from './token-without-row.ts';
import type { OpenFile } from './dataset-files.ts';
import type { AnalysisRequest } from './messages.ts';
import type { ModelInputs } from './model-inputs.ts';

// Sequences are counted one by one; the progress is told after so many.
const SEQUENCES_PER_REPORT = 256;

export interface SequenceCounterOptions {
  readonly sequences: SequenceOptions;
  /** Rows of the embedding matrix. */
  readonly rowCount: number;
  /** Told the sums over all files now and then. */
  readonly onCounted: (counts: { recordCount: number; tokenCount: number }) => void;
}

/**
 * Counts the sequences that a language model reads of files, in one thread: blocks follow on each other, and conversations are
 * rendered. It counts what training reads, sequence by sequence: what training leaves out is not counted.
 */
export class SequenceCounter {
  readonly #tokenizer: Tokenizer;
  readonly #options: SequenceCounterOptions;
  readonly #isSeen: Uint8Array;
  #counts = { recordCount: 0, tokenCount: 0 };

  constructor(tokenizer: Tokenizer, options: SequenceCounterOptions) {
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#isSeen = new Uint8Array(tokenizer.vocabSize);
  }

  /** Distinct ids of all files so far. */
  get distinctTokenCount(): number {
    return this.#isSeen.reduce((sum, isSeen) => sum + isSeen, 0);
  }

  /**
   * @param onRead told how many bytes of the file were read
   * @throws DatasetError, SequenceError, TokenizerError; PreconditionError TOKENIZER_TOO_LARGE
   */
  async count({ source, options }: OpenFile, onRead: (bytes: number) => void): Promise<SplitSum> {
    const sum = new SplitSum(this.#tokenizer.vocabSize);
    const onSkip = (): void => {
      sum.skippedRecordCount++;
    };
    const encoder = new SequenceEncoder(this.#tokenizer, source.name, this.#options.sequences);
    const records = readRecords(source, { ...options, onRead, onSkip });
    let sequenceCount = 0;
    for await (const { ids } of readSequences(records, encoder, source.name, () => setImmediate())) {
      const excess = ids.find((id) => id >= this.#options.rowCount);
      if (excess !== undefined)
        throwTokenWithoutRow(
          this.#tokenizer,
          excess,
          this.#options.rowCount,
          source.name,
          `sequence ${sequenceCount + 1}`,
        );
      sum.counter.add(ids);
      sum.lengths.add(ids.length);
      for (const id of ids) this.#isSeen[id] = 1;
      this.#counts.recordCount++;
      this.#counts.tokenCount += ids.length;
      if (++sequenceCount % SEQUENCES_PER_REPORT === 0) this.#options.onCounted(this.#counts);
    }
    this.#options.onCounted(this.#counts);
    sum.truncatedRecordCount = encoder.counts.truncatedRecordCount;
    sum.skippedRecordCount += encoder.counts.skippedRecordCount;
    return sum;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * How a request's records become sequences; undefined where each is counted as it is.
 * @throws SequenceError, StorageError
 */
export async function openSequences(
  folder: FolderReader,
  { tokenizerFile }: ModelInputs,
  request: AnalysisRequest,
  adviseMemory: MemoryAdvice,
): Promise<SequenceOptions | undefined> {
  const { sequences, recordKind, maxSequenceLength: maxLength, files } = request;
  if (sequences === undefined || recordKind === 'words' || recordKind === 'questions') return undefined;
  const { blockSize, assistantOnlyLoss, chatTemplate: given } = sequences;
  const shared = {
    recordKind,
    maxLength,
    blockSize,
    assistantOnlyLoss,
    skipInvalid: files.some(({ options }) => options.skipInvalid === true),
    isUtf8,
    adviseMemory,
  };
  if (recordKind !== 'messages') return shared;
  const jinja = await readTemplate(folder);
  const chatTemplate = findChatTemplate({
    folderName: folder.name,
    ...(given === '' ? {} : { given }),
    ...(jinja === undefined ? {} : { jinja }),
    ...(tokenizerFile.config === undefined ? {} : { config: tokenizerFile.config }),
  });
  return { ...shared, chatTemplate };
}

async function readTemplate(folder: FolderReader): Promise<string | undefined> {
  const source = await folder.open('chat_template.jinja');
  if (source === undefined) return undefined;
  try {
    // A character takes up to three bytes.
    const limitBytes = 3 * MAX_TEMPLATE_CHARACTERS;
    if (source.sizeBytes > limitBytes)
      throw new StorageError('TOO_LARGE', source.name, `${source.sizeBytes} bytes are over the limit of ${limitBytes}`);
    const bytes = new Uint8Array(source.sizeBytes);
    await source.read(0, bytes);
    return new TextDecoder().decode(bytes);
  } finally {
    await source.close();
  }
}
