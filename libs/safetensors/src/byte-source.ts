/**
 * Random access to the bytes of one file, wherever they are: a local file, memory, an HTTP range.
 * Format and core libraries read through this interface only, so they run under Node and Deno alike.
 */
export interface ByteSource {
  /** What error messages call this source: a path or URI. */
  readonly name: string;
  /** Total size in bytes; constant while the source is open. */
  readonly sizeBytes: number;
  /**
   * Fills `target` with the bytes that start at `offset`.
   * @throws RangeError when `offset + target.length` exceeds {@link sizeBytes}.
   */
  read(offset: number, target: Uint8Array): Promise<void>;
  /** Releases what the source holds (a file descriptor); reading afterwards is an error. */
  close(): Promise<void>;
}

/** Sequential output of one file. Backpressure is the returned promise. */
export interface ByteSink {
  /** What error messages call this sink. */
  readonly name: string;
  write(bytes: Uint8Array): Promise<void>;
}

/** The files of one model folder, read only. */
export interface FolderReader {
  /** What error messages call this folder: a path or URI. */
  readonly name: string;
  /** File names in the folder (relative, `/`-separated, files only, sorted). */
  list(): Promise<string[]>;
  /** Opens a file, or returns undefined where there is none of that name. */
  open(fileName: string): Promise<ByteSource | undefined>;
}

/** A folder that is being written; it appears under its final name only after `commit`. */
export interface FolderWriter {
  /** What error messages call this folder: its final path or URI. */
  readonly name: string;
  /** Creates a file; the sink given to `write` must not be used after `write` resolves. */
  write(fileName: string, write: (sink: ByteSink) => Promise<void>): Promise<void>;
  /** Flushes every file to disk and gives the folder its final name in one rename. */
  commit(): Promise<void>;
  /** Removes everything written so far. Safe to call after `commit` (does nothing). */
  abort(): Promise<void>;
}
