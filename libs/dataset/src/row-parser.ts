import type { RowPiece } from './row-piece.ts';

/** Called with the value of a row and its number in the file, from 1. */
export type RowVisitor = (value: unknown, row: number) => void;

/** Parses pieces of one format. Parsers of several threads give together what one gives. */
export interface RowParser {
  /** Columns of a table, once its first piece was parsed; a parser of later pieces is made with them. */
  readonly header: readonly string[] | undefined;
  /** Whether pieces can be parsed in any order from now on. */
  readonly isReady: boolean;
  /**
   * Goes through the rows of a piece.
   * @param rowsBefore rows of the file before this piece
   * @returns rows of the file up to the end of this piece
   * @throws DatasetError when a row cannot be parsed, after the rows before it were visited
   */
  parse(piece: RowPiece, rowsBefore: number, visit: RowVisitor): number;
}
