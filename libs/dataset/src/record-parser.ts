import { DatasetError, type DatasetErrorCode } from './error.ts';
import { fieldsOf, type ColumnOptions, type RecordFields } from './record-fields.ts';
import { createRowParser, type PieceFormat } from './record-format.ts';
import type { RowParser } from './row-parser.ts';
import type { RowPiece } from './row-piece.ts';
import { linesToBlock, type TextBlock, type Utf8Check } from './text-block.ts';

const SKIPPABLE: readonly DatasetErrorCode[] = ['INVALID_TEXT', 'MISSING_LABEL', 'MISSING_COLUMN', 'INVALID_ANSWER'];

export interface RowOptions extends ColumnOptions {
  /** Leaves out rows that are no object, whose text or label is missing, or whose answers are wrong, instead of failing. */
  readonly skipInvalid?: boolean;
  /** Told of each row that is left out. */
  readonly onSkip?: (row: number) => void;
}

/** Makes records of parsed rows, and knows what was left out. */
export class RowReader {
  readonly #fileName: string;
  readonly #options: RowOptions;
  skippedRowCount = 0;
  /** Why the first row without a wanted column was left out. */
  missingColumn: DatasetError | undefined;

  constructor(fileName: string, options: RowOptions) {
    this.#fileName = fileName;
    this.#options = options;
  }

  /**
   * The record of a row; undefined where it is left out.
   * @throws DatasetError
   */
  read(value: unknown, row: number): RecordFields | undefined {
    try {
      return fieldsOf(value, this.#fileName, row, this.#options);
    } catch (error) {
      if (this.#options.skipInvalid !== true || !(error instanceof DatasetError) || !SKIPPABLE.includes(error.code))
        throw error;
      if (error.code === 'MISSING_COLUMN') this.missingColumn ??= error;
      this.skippedRowCount++;
      this.#options.onSkip?.(row);
      return undefined;
    }
  }
}

export interface RecordParserOptions extends RowOptions {
  readonly format: PieceFormat;
  /** Columns of a table, where a parser of its first piece found them. */
  readonly header?: readonly string[];
  readonly isUtf8?: Utf8Check;
}

/** Gathers texts (structurally `RecordBlockBuilder` of `@pemmican/tokenizer`). */
export interface TextBlockBuilder {
  add(text: string, textPair?: string): void;
  addWords(words: readonly string[]): void;
  /** The texts since the last call, valid until the next `add`. */
  take(): TextBlock;
}

const MISSING_IN_TEXT = {
  words: 'lists of words; jsonl, json and parquet have',
  questions: 'questions; jsonl, json and parquet have',
  'source-and-target': 'targets; all other formats have columns',
  'prompt-and-completion': 'columns; jsonl, json and parquet have',
  messages: 'columns; jsonl, json and parquet have',
} as const;

/**
 * Parses pieces of a file into records. Several parsers may share the pieces of a file in any order, once one that has
 * parsed the first pieces `isReady`.
 */
export class RecordParser {
  readonly #fileName: string;
  readonly #options: RecordParserOptions;
  readonly #parser: RowParser;
  readonly #rows: RowReader;

  constructor(fileName: string, options: RecordParserOptions) {
    const { recordKind = 'text' } = options;
    if (options.format === 'text' && recordKind !== 'text')
      throw new DatasetError('UNKNOWN_FORMAT', fileName, `a text file has no ${MISSING_IN_TEXT[recordKind]}`);
    this.#fileName = fileName;
    this.#options = options;
    this.#parser = createRowParser(options.format, fileName, options.header);
    this.#rows = new RowReader(fileName, options);
  }

  get isReady(): boolean {
    return this.#parser.isReady;
  }

  get header(): readonly string[] | undefined {
    return this.#parser.header;
  }

  get skippedRowCount(): number {
    return this.#rows.skippedRowCount;
  }

  /** Why the first row without a wanted column was left out. */
  get missingColumn(): DatasetError | undefined {
    return this.#rows.missingColumn;
  }

  /**
   * Goes through the records of a piece.
   * @param rowsBefore rows of the file before this piece
   * @returns rows of the file up to the end of this piece
   * @throws DatasetError after the records before it were visited
   */
  parse(piece: RowPiece, rowsBefore: number, visit: (record: RecordFields, row: number) => void): number {
    if (this.#options.format === 'text')
      return this.#parser.parse(piece, rowsBefore, (value, row) => {
        visit({ text: String(value) }, row);
      });
    return this.#parser.parse(piece, rowsBefore, (value, row) => {
      const record = this.#rows.read(value, row);
      if (record !== undefined) visit(record, row);
    });
  }

  /**
   * The texts of a piece's records, without their labels.
   * @param rowsBefore rows of the file before this piece, for error messages
   * @param targetBuilder gathers the targets of records that have one
   * @throws DatasetError
   */
  parseTexts(
    piece: RowPiece,
    rowsBefore: number,
    builder: TextBlockBuilder,
    targetBuilder?: TextBlockBuilder,
  ): { readonly block: TextBlock; readonly targets?: TextBlock; readonly rowCount: number } {
    if (this.#options.format === 'text') {
      const block = linesToBlock(piece, this.#fileName, this.#options.isUtf8);
      return { block, rowCount: block.textOffsets.length - 1 };
    }
    let hasTargets = false;
    const rows = this.parse(piece, rowsBefore, ({ text, textPair, words, target }) => {
      if (words === undefined) builder.add(text, textPair);
      else builder.addWords(words);
      if (target === undefined) return;
      hasTargets = true;
      targetBuilder?.add(target);
    });
    const targets = hasTargets && targetBuilder !== undefined ? { targets: targetBuilder.take() } : {};
    return { block: builder.take(), ...targets, rowCount: rows - rowsBefore };
  }
}
