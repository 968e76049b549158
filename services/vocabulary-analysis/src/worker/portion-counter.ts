import { isUtf8 } from 'node:buffer';
import {
  DatasetError,
  RecordParser,
  type PieceFormat,
  type RecordParserOptions,
  type RowPiece,
} from '@pemmican/dataset';
import { RecordBlockBuilder, type RecordBlock, type Tokenizer } from '@pemmican/tokenizer';
import { SplitCounter, WindowCounter, type SplitTally } from '@pemmican/vocabulary';
import { memoryAdvice } from './native-calls.ts';

/** What is counted at a time: rows to be parsed, or texts of a format whose rows are parsed while it is read. */
export type Portion = { readonly piece: RowPiece } | BlockPortion;

/** Texts of a format whose rows are parsed while it is read. */
interface BlockPortion {
  readonly block: RecordBlock;
  /** Of the block's records, where they have some. */
  readonly targets?: RecordBlock | undefined;
  /** Rows of the records, where these may still be refused. */
  readonly rows?: readonly number[];
}

/** How a file's pieces are parsed. */
export interface PortionFile {
  readonly fileName: string;
  /** Without functions, so that it can be sent to a thread. */
  readonly options: Omit<RecordParserOptions, 'format' | 'onSkip' | 'isUtf8'>;
  /** undefined for files that are read in blocks of texts. */
  readonly format: PieceFormat | undefined;
}

/** What a portion held. */
export interface PortionCount {
  readonly rowCount: number;
  readonly recordCount: number;
  readonly tokenCount: number;
  readonly skippedRowCount: number;
}

export interface CounterOptions {
  readonly maxSequenceLength: number;
  /** Of records of source and target. */
  readonly maxTargetLength?: number;
  readonly memoBytes: number;
  /** Set where records are questions: tokens of a context that a window shares with the one before it. */
  readonly docStride?: number;
  /** State of NativeCalls. */
  readonly nativeCalls: SharedArrayBuffer;
}

/** Parses and counts portions of files in one thread. */
export class PortionCounter {
  readonly #counter: SplitCounter | WindowCounter;
  #file: PortionFile | undefined;
  readonly #builder = new RecordBlockBuilder();
  readonly #targetBuilder = new RecordBlockBuilder();
  #parser: RecordParser | undefined;

  constructor(tokenizer: Tokenizer, options: CounterOptions) {
    const { docStride: stride, maxSequenceLength, memoBytes, maxTargetLength, nativeCalls } = options;
    const shared = { maxSequenceLength, memoBytes, isUtf8, adviseMemory: memoryAdvice(nativeCalls) };
    const targetLength = maxTargetLength === undefined ? {} : { maxTargetLength };
    this.#counter =
      stride === undefined
        ? new SplitCounter(tokenizer, { ...shared, ...targetLength })
        : new WindowCounter(tokenizer, { ...shared, stride });
  }

  /** Turns to the next file. */
  begin(file: PortionFile): void {
    this.#file = file;
    this.#parser = parserOf(file);
  }

  /** Columns of a table, once its first piece was counted. */
  get header(): readonly string[] | undefined {
    return this.#parser?.header;
  }

  /** Whether pieces of the file can be counted in any order, and by other counters that know the header. */
  get isReady(): boolean {
    return this.#parser?.isReady ?? true;
  }

  /**
   * @param rowsBefore rows of the file before a piece; only error messages tell them
   * @throws DatasetError, TokenizerError
   */
  count(portion: Portion, rowsBefore = 0): PortionCount {
    if ('block' in portion) return { ...this.#countBlock(portion), rowCount: 0 };
    const parser = this.#parser;
    if (parser === undefined) throw new TypeError('Unreachable: a piece of a file that is read in blocks');
    const skippedBefore = parser.skippedRowCount;
    // What a piece that failed has left behind.
    this.#builder.take();
    this.#targetBuilder.take();
    const { rowCount, ...parsed } = parser.parseTexts(portion.piece, rowsBefore, this.#builder, this.#targetBuilder);
    return { ...this.#countBlock(parsed), rowCount, skippedRowCount: parser.skippedRowCount - skippedBefore };
  }

  /** What was counted since the last call. */
  take(): SplitTally {
    return this.#counter.take();
  }

  /** Sets 1 at every id that occurred so far. */
  markSeen(target: Uint8Array): void {
    this.#counter.markSeen(target);
  }

  #countBlock({ block, targets, rows = [] }: BlockPortion): Omit<PortionCount, 'rowCount'> {
    const counter = this.#counter;
    const counted = counter instanceof WindowCounter ? counter.add(block) : counter.add(block, targets);
    const refused = 'refused' in counted ? counted.refused : [];
    const [first] = refused;
    if (first !== undefined && this.#file?.options.skipInvalid !== true) {
      const row = rows[first.recordIndex] ?? 0;
      throw new DatasetError('INVALID_TEXT', this.#file?.fileName ?? '', `row ${row}: ${first.error.message}`);
    }
    const { recordLengths, tokenCount } = counted;
    return { recordCount: recordLengths.length, tokenCount, skippedRowCount: refused.length };
  }
}

/** A parser of a file's pieces; undefined for files that are read in blocks of texts. */
export function parserOf({ fileName, options, format }: PortionFile): RecordParser | undefined {
  return format === undefined ? undefined : new RecordParser(fileName, { ...options, format, isUtf8 });
}
