import { setImmediate } from 'node:timers/promises';
import { formatOf, readPieces, readRecords } from '@pemmican/dataset';
import { RecordBlockBuilder, type Tokenizer } from '@pemmican/tokenizer';
import { SplitSum } from '@pemmican/vocabulary';
import type { CountingThreadSetup } from './counting-thread.ts';
import { CountingThreads } from './counting-threads.ts';
import type { OpenFile } from './dataset-files.ts';
import { fromPlainError, toPlainError } from './plain-error.ts';
import { PortionCounter, parserOf, type Portion, type PortionCount, type PortionFile } from './portion-counter.ts';
import { SeenTokens } from './seen-tokens.ts';
import type { ThreadStart } from './thread-start.ts';

// Texts of a format whose rows are parsed while it is read are counted so many bytes at a time.
const BLOCK_BYTES = 1024 * 1024;

export interface FileCounterOptions extends CountingThreadSetup {
  /** Most threads that count, the caller's included. */
  readonly threadCount: number;
  readonly threadStart: ThreadStart;
  /** Rows of the embedding matrix: a file in which a token without one was seen is not read to its end. */
  readonly rowCount: number;
  /** Told the sums over all files after each portion. */
  readonly onCounted: (counts: { recordCount: number; tokenCount: number }) => void;
}

interface Failure {
  readonly index: number;
  readonly portion: Portion;
  readonly error: unknown;
}

/**
 * Counts files, one after another: reads them in portions, counts some of these itself, and hands others to threads where
 * there is enough to do for them. Which thread counts what does not matter to the sums.
 */
export class FileCounter {
  readonly seen: SeenTokens;
  readonly #tokenizer: Tokenizer;
  readonly #options: FileCounterOptions;
  readonly #own: PortionCounter;
  #threads: CountingThreads | undefined;
  #counts = { recordCount: 0, tokenCount: 0 };
  // Of the file at hand, by portion.
  #rowCounts: number[] = [];
  #failures: Failure[] = [];
  #skippedRowCount = 0;
  #fileRecordCount = 0;

  constructor(tokenizer: Tokenizer, options: FileCounterOptions) {
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#own = new PortionCounter(tokenizer, options);
    this.seen = new SeenTokens(options.seen);
  }

  /** Distinct ids of all files so far. */
  get distinctTokenCount(): number {
    return this.seen.count;
  }

  /**
   * @param onRead told how many bytes of the file were read
   * @throws DatasetError of the first row that is wrong, whoever met it; TokenizerError; Error of a thread that died
   */
  async count(file: OpenFile, onRead: (bytes: number) => void): Promise<SplitSum> {
    const portionFile = portionFileOf(file);
    this.#rowCounts = [];
    this.#failures = [];
    this.#skippedRowCount = this.#fileRecordCount = 0;
    this.#own.begin(portionFile);
    const onSkip = (): void => {
      this.#skippedRowCount++;
    };
    let readFailure: { error: unknown } | undefined;
    try {
      await this.#countPortions(portionsOf(file, portionFile, onRead, onSkip), portionFile);
    } catch (error) {
      readFailure = { error };
    }
    await this.#threads?.settle();
    this.#throwFirst(portionFile);
    if (readFailure !== undefined) throw readFailure.error as Error;
    // One after another, the records say best why there are none.
    if (this.#fileRecordCount === 0) for await (const _ of readRecords(file.source, file.options)) break;
    return this.#sum();
  }

  async close(): Promise<void> {
    await this.#threads?.close();
  }

  async #countPortions(portions: AsyncIterable<Portion>, file: PortionFile): Promise<void> {
    let index = 0;
    let hasBegun = false;
    for await (const portion of portions) {
      this.#threads?.throwIfDead();
      if (this.#failures.length > 0 || this.seen.hasFrom(this.#options.rowCount)) return;
      if (!hasBegun && this.#own.isReady && this.#threads !== undefined) {
        const { header } = this.#own;
        this.#threads.begin({ ...file, options: { ...file.options, ...(header === undefined ? {} : { header }) } });
        hasBegun = true;
      }
      if (!hasBegun || this.#threads?.offer(index, portion) !== true) this.#countOwn(index, portion);
      index++;
      if (this.#threads === undefined && this.#options.threadStart.isWorthIt()) this.#startThreads();
      // Messages of threads and of the service have their turn.
      await setImmediate();
    }
  }

  #countOwn(index: number, portion: Portion): void {
    try {
      const count = this.#own.count(portion);
      this.seen.markSometimes(this.#own);
      this.#onCounted(index, count);
    } catch (error) {
      this.#failures.push({ index, portion, error });
    }
  }

  #onCounted(index: number, count: PortionCount): void {
    this.#rowCounts[index] = count.rowCount;
    this.#skippedRowCount += count.skippedRowCount;
    this.#fileRecordCount += count.recordCount;
    this.#counts.recordCount += count.recordCount;
    this.#counts.tokenCount += count.tokenCount;
    this.#options.onCounted(this.#counts);
  }

  #startThreads(): void {
    const { threadCount, threadStart: _threadStart, onCounted: _onCounted, ...setup } = this.#options;
    this.#threads = new CountingThreads(threadCount - 1, setup, {
      onCounted: (index, count) => {
        this.#onCounted(index, count);
      },
      onFailed: (index, portion, error) => {
        this.#failures.push({ index, portion, error });
      },
    });
  }

  /** Throws what failed first in the file; portions before it are all counted by now. */
  #throwFirst(file: PortionFile): void {
    const [first] = this.#failures.sort((a, b) => a.index - b.index);
    if (first === undefined) return;
    const { index, portion, error } = first;
    const rowsBefore = this.#rowCounts.slice(0, index).reduce((sum, rowCount) => sum + rowCount, 0);
    // Whoever parsed the piece did not know how many rows come before it: the error's number is right this time.
    const header = this.#own.header;
    const parser = parserOf({ ...file, options: { ...file.options, ...(header === undefined ? {} : { header }) } });
    if (parser === undefined || !('piece' in portion)) throw error as Error;
    const { rowCount } = parser.parseTexts(portion.piece, rowsBefore, new RecordBlockBuilder());
    // The rows can be read, so that they could not be tokenized.
    const plain = toPlainError(error);
    const rows = `rows ${rowsBefore + 1} to ${rowsBefore + rowCount}`;
    throw fromPlainError({ ...plain, message: `${file.fileName}, ${rows}: ${plain.message}` });
  }

  async #sum(): Promise<SplitSum> {
    const sum = new SplitSum(this.#tokenizer.vocabSize);
    sum.addTally(this.#own.take());
    for (const tally of (await this.#threads?.take()) ?? []) sum.addTally(tally);
    sum.skippedRecordCount = this.#skippedRowCount;
    this.seen.mark(this.#own);
    return sum;
  }
}

function portionFileOf({ source, options }: OpenFile): PortionFile {
  const { format, onSkip: _, onRead: __, ...columns } = options;
  const known = format ?? formatOf(source.name);
  // Questions are read one by one: a file of SQuAD's is no sequence of rows, and bad answers are known before counting.
  const isReadInBlocks = known === 'parquet' || columns.recordKind === 'questions';
  return { fileName: source.name, options: columns, format: isReadInBlocks ? undefined : known };
}

async function* portionsOf(
  { source, options }: OpenFile,
  { format }: PortionFile,
  onRead: (bytes: number) => void,
  onSkip: () => void,
): AsyncGenerator<Portion, void, undefined> {
  if (format !== undefined) {
    for await (const piece of readPieces(source, { format, onRead })) yield { piece };
    return;
  }
  const [builder, targetBuilder] = [new RecordBlockBuilder(), new RecordBlockBuilder()];
  let rows: number[] = [];
  const take = (): Portion => {
    const targets = targetBuilder.recordCount === 0 ? {} : { targets: targetBuilder.take() };
    const portion = { block: builder.take(), ...targets, rows };
    rows = [];
    return portion;
  };
  for await (const { row, text, textPair, words, target } of readRecords(source, { ...options, onRead, onSkip })) {
    if (words === undefined) builder.add(text, textPair);
    else builder.addWords(words);
    if (target !== undefined) targetBuilder.add(target);
    rows.push(row);
    if (builder.byteCount + targetBuilder.byteCount >= BLOCK_BYTES) yield take();
  }
  if (builder.recordCount > 0) yield take();
}
