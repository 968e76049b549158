import type { Pipeline } from '../pipeline.ts';
import type { IdBuffer } from './id-buffer.ts';

/** Turns one chunk of raw bytes into ids; what it gives is a pure function of its arguments, so that it can be remembered. */
export interface ChunkModel {
  /** @param isFirst whether the chunk is first in the scope that its cut rule names */
  tokenize(bytes: Uint8Array, start: number, end: number, isFirst: boolean, ids: IdBuffer): void;
}

/** The exact pipeline on a chunk as a text of its own. */
export class PipelineChunks implements ChunkModel {
  readonly #pipeline: Pipeline;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
  }

  tokenize(bytes: Uint8Array, start: number, end: number, isFirst: boolean, ids: IdBuffer): void {
    for (const id of this.#pipeline.tokenizePart(this.#decoder.decode(bytes.subarray(start, end)), isFirst))
      ids.push(id);
  }
}
