import {
  Checkpoint,
  fromFloat32,
  toFloat32,
  type Dtype,
  type FolderReader,
  type TensorInfo,
} from '@pemmican/safetensors';

import { ModelConfig } from './config-file.ts';
import { withRestorePlan, type RestoreInputs, type RestorePlan } from './restore.ts';
import type { TensorPair } from './tensor-pairs.ts';

export interface VerifyOptions extends RestoreInputs {
  /** The folder that a restore wrote. */
  readonly restored: FolderReader;
}

/** A difference between a restored checkpoint and what it must be. */
export interface VerifyProblem {
  /** The tensor, or `config.json`. */
  readonly subject: string;
  readonly message: string;
}

export interface VerifyReport {
  readonly isIdentical: boolean;
  /** The first {@link MAX_PROBLEM_COUNT} problems. */
  readonly problems: readonly VerifyProblem[];
  readonly problemCount: number;
  readonly comparedTensorCount: number;
  readonly comparedBytes: number;
  /** Rows of the word embedding, by its first name, that equal the source's (times `unusedRowDecay`) and the trained checkpoint's. */
  readonly unusedRowCount: number;
  readonly trainedRowCount: number;
}

export const MAX_PROBLEM_COUNT = 100;
const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Compares a restored checkpoint with source and trained, every bit of every tensor, row by row, and with the source's names,
 * dtypes, shapes, shards, order and metadata. Written apart from restore, so that a mistake there is seen here.
 */
export async function verifyRestored(options: VerifyOptions): Promise<VerifyReport> {
  return withRestorePlan(options, async (plan) => {
    const restored = await Checkpoint.open(options.restored);
    try {
      const verifier = new Verifier(plan, restored, options.signal);
      await verifier.run();
      const config = await ModelConfig.read(options.restored);
      for (const field of ['vocab_size', 'pad_token_id']) {
        const expected = plan.config.getCount(field);
        if (config.getCount(field) !== expected)
          verifier.report(
            'config.json',
            `"${field}" is ${String(config.get(field))}, the source has ${String(expected)}`,
          );
      }
      return verifier.result();
    } finally {
      await restored.close();
    }
  });
}

class Verifier {
  readonly #plan: RestorePlan;
  readonly #restored: Checkpoint;
  readonly #signal: AbortSignal | undefined;
  readonly #problems: VerifyProblem[] = [];
  #problemCount = 0;
  #comparedTensorCount = 0;
  #comparedBytes = 0;
  #unusedRowCount = 0;
  #trainedRowCount = 0;

  constructor(plan: RestorePlan, restored: Checkpoint, signal: AbortSignal | undefined) {
    this.#plan = plan;
    this.#restored = restored;
    this.#signal = signal;
  }

  report(subject: string, message: string): void {
    this.#problemCount += 1;
    if (this.#problems.length < MAX_PROBLEM_COUNT) this.#problems.push({ subject, message });
  }

  result(): VerifyReport {
    return {
      isIdentical: this.#problemCount === 0,
      problems: this.#problems,
      problemCount: this.#problemCount,
      comparedTensorCount: this.#comparedTensorCount,
      comparedBytes: this.#comparedBytes,
      unusedRowCount: this.#unusedRowCount,
      trainedRowCount: this.#trainedRowCount,
    };
  }

  async run(): Promise<void> {
    const { pairs, source } = this.#plan;
    this.#compareLayout();
    const expected = [...source.tensorNames.map((name) => pairs.ofSource(name)), ...pairs.added];
    const names = new Set(expected.map(({ name }) => name));
    for (const name of this.#restored.tensorNames)
      if (!names.has(name)) this.report(name, 'is in neither the source nor the trained checkpoint');
    for (const pair of expected) {
      if (!this.#restored.has(pair.name)) this.report(pair.name, 'is missing');
      else if (this.#compareDescription(pair))
        await (hasRows(pair) ? this.#compareRows(pair) : this.#compareTensor(pair));
    }
  }

  #compareLayout(): void {
    const { source, pairs } = this.#plan;
    const added = new Set(pairs.added.map(({ name }) => name));
    const shardNames = (checkpoint: Checkpoint): string => checkpoint.shards.map(({ fileName }) => fileName).join(', ');
    if (shardNames(source) !== shardNames(this.#restored)) {
      this.report('files', `are ${shardNames(this.#restored)}, the source has ${shardNames(source)}`);
      return;
    }
    for (const [index, { fileName, file }] of source.shards.entries()) {
      const other = this.#restored.shards[index]?.file;
      const order = [...(other?.tensors.keys() ?? [])].filter((name) => !added.has(name));
      if (order.join('\n') !== [...file.tensors.keys()].map((name) => pairs.ofSource(name).name).join('\n'))
        this.report(fileName, 'does not hold the tensors of the source in their order');
      if (JSON.stringify(other?.metadata) !== JSON.stringify(file.metadata))
        this.report(fileName, 'has other metadata than the source');
    }
  }

  #compareDescription(pair: TensorPair): boolean {
    const { dtype, shape } = this.#restored.get(pair.name);
    const expectedShape = hasRows(pair) ? pair.source.shape : (pair.trained ?? pair.source)?.shape;
    if (dtype === this.#plan.dtypeOf(pair) && shape.join() === expectedShape?.join()) return true;
    this.report(
      pair.name,
      `is ${dtype} [${shape.join(', ')}], not ${this.#plan.dtypeOf(pair)} [${String(expectedShape?.join(', '))}]`,
    );
    return false;
  }

  async #compareTensor(pair: TensorPair): Promise<void> {
    const [checkpoint, tensor] =
      pair.trained === undefined ? [this.#plan.source, pair.source] : [this.#plan.trained, pair.trained];
    if (tensor === undefined) return;
    const { lengthBytes, dtype } = this.#restored.get(pair.name);
    const scale = tensor.lengthBytes / Math.max(1, lengthBytes);
    for (let offset = 0; offset < lengthBytes; offset += BLOCK_BYTES) {
      this.#signal?.throwIfAborted();
      const actual = await range(this.#restored, pair.name, offset, Math.min(BLOCK_BYTES, lengthBytes - offset));
      const expected = recode(
        await range(checkpoint, tensor.name, offset * scale, actual.length * scale),
        tensor.dtype,
        dtype,
        1,
      );
      const at = firstDifference(actual, expected);
      if (at >= 0) {
        this.report(pair.name, `differs from ${checkpoint.name} at byte ${offset + at}`);
        return;
      }
      this.#comparedBytes += actual.length;
    }
    this.#comparedTensorCount += 1;
  }

  async #compareRows(pair: PairWithRows): Promise<void> {
    const { source, trained, sourceEmbedding, tokenIdMap } = this.#plan;
    const unusedRowDecay = pair.isEmbedding ? this.#plan.unusedRowDecay : 1;
    const { dtype, lengthBytes } = this.#restored.get(pair.name);
    const rowBytes = lengthBytes / sourceEmbedding.rowCount;
    const rowsPerBlock = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
    const rowsOf = async (
      checkpoint: Checkpoint,
      tensor: TensorInfo,
      width: number,
      first: number,
      count: number,
      factor: number,
    ): Promise<Uint8Array> =>
      recode(await range(checkpoint, tensor.name, first * width, count * width), tensor.dtype, dtype, factor);
    let reducedRow = 0;
    for (let firstRow = 0; firstRow < sourceEmbedding.rowCount; firstRow += rowsPerBlock) {
      this.#signal?.throwIfAborted();
      const rowCount = Math.min(rowsPerBlock, sourceEmbedding.rowCount - firstRow);
      const isKept = Array.from({ length: rowCount }, (_, row) => tokenIdMap.toReducedId(firstRow + row) >= 0);
      const keptCount = isKept.filter(Boolean).length;
      const actual = await range(this.#restored, pair.name, firstRow * rowBytes, rowCount * rowBytes);
      const unused = await rowsOf(
        source,
        pair.source,
        pair.source.lengthBytes / sourceEmbedding.rowCount,
        firstRow,
        rowCount,
        unusedRowDecay,
      );
      const used = await rowsOf(
        trained,
        pair.trained,
        pair.trained.lengthBytes / tokenIdMap.reducedVocabSize,
        reducedRow,
        keptCount,
        1,
      );
      let usedRow = 0;
      for (const [row, kept] of isKept.entries()) {
        const expected = kept
          ? used.subarray(usedRow * rowBytes, (usedRow + 1) * rowBytes)
          : unused.subarray(row * rowBytes, (row + 1) * rowBytes);
        if (kept) usedRow += 1;
        const isEqual = firstDifference(actual.subarray(row * rowBytes, (row + 1) * rowBytes), expected) < 0;
        if (!isEqual)
          this.report(pair.name, `row ${firstRow + row} is not that of ${kept ? trained.name : source.name}`);
        else if (kept) this.#trainedRowCount += Number(pair === this.#plan.pairs.embedding);
        else this.#unusedRowCount += Number(pair === this.#plan.pairs.embedding);
      }
      reducedRow += keptCount;
      this.#comparedBytes += actual.length;
    }
    this.#comparedTensorCount += 1;
  }
}

type PairWithRows = TensorPair & { readonly source: TensorInfo; readonly trained: TensorInfo };

function hasRows(pair: TensorPair): pair is PairWithRows {
  return pair.hasSelectedRows && pair.source !== undefined && pair.trained !== undefined;
}

async function range(
  checkpoint: Checkpoint,
  name: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await checkpoint.readRange(name, offset, bytes);
  return bytes;
}

function recode(bytes: Uint8Array<ArrayBuffer>, from: Dtype, to: Dtype, factor: number): Uint8Array {
  if (from === to && factor === 1) return bytes;
  return fromFloat32(
    to,
    toFloat32(from, bytes).map((value) => value * factor),
  );
}

/** Index of the first byte that differs, or -1. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return index;
  return -1;
}
