import { SeededRandom } from '@pemmican/models';
import { TrainingError } from './error.ts';
import type { QuestionWindows } from './question-windows.ts';
import { NO_LABEL } from './word-labels.ts';

/** Tokenized targets, one a record, in the id space of the output matrix. */
export interface TargetSequences {
  /** Ids of all targets one after another. */
  readonly ids: Int32Array;
  /** Target i is `ids[offsets[i] .. offsets[i + 1])`. */
  readonly offsets: Uint32Array;
}

/** Tokenized records, in the id space of the embedding matrix that is trained. */
export interface EncodedDataset {
  readonly recordCount: number;
  /** Ids of all records one after another. */
  readonly ids: Int32Array;
  readonly typeIds: Uint8Array;
  /** Record i is `ids[offsets[i] .. offsets[i + 1])`. */
  readonly offsets: Uint32Array;
  /** One label a record: its index for classification, its value for regression. */
  readonly labels: Float64Array;
  /**
   * By token, its label, {@link NO_LABEL} where it has none: its class in token classification; in causal language modeling the
   * token itself, where not every one is predicted.
   */
  readonly tokenLabels?: Int32Array;
  /** By record, what is to be written of it; only in sequence-to-sequence tasks. */
  readonly targets?: TargetSequences;
  /** What the records, which are windows, are of; only in question answering. */
  readonly questions?: QuestionWindows;
}

const INITIAL_TOKENS = 1 << 12;

/** Collects encodings into an {@link EncodedDataset}. */
export class EncodedDatasetBuilder {
  #ids = new Int32Array(INITIAL_TOKENS);
  #typeIds = new Uint8Array(INITIAL_TOKENS);
  #tokenCount = 0;
  readonly #ends: number[] = [];
  readonly #labels: number[] = [];

  /** Adds a record; its ids and type ids are copied. */
  add(ids: ArrayLike<number>, typeIds: Uint8Array, label: number): void {
    this.#reserve(ids.length);
    this.#ids.set(ids, this.#tokenCount);
    this.#typeIds.set(typeIds, this.#tokenCount);
    this.#tokenCount += ids.length;
    this.#ends.push(this.#tokenCount);
    this.#labels.push(label);
  }

  build(): EncodedDataset {
    return {
      recordCount: this.#ends.length,
      ids: this.#ids.slice(0, this.#tokenCount),
      typeIds: this.#typeIds.slice(0, this.#tokenCount),
      offsets: Uint32Array.from([0, ...this.#ends]),
      labels: Float64Array.from(this.#labels),
    };
  }

  #reserve(count: number): void {
    const least = this.#tokenCount + count;
    if (least <= this.#ids.length) return;
    const size = Math.max(least, this.#ids.length * 2);
    const ids = new Int32Array(size);
    ids.set(this.#ids.subarray(0, this.#tokenCount));
    const typeIds = new Uint8Array(size);
    typeIds.set(this.#typeIds.subarray(0, this.#tokenCount));
    this.#ids = ids;
    this.#typeIds = typeIds;
  }
}

/** SHA-256 of everything that a run reads of a data set: `sha256:<hex>`. */
export async function digestDataset(dataset: EncodedDataset): Promise<string> {
  const { ids, typeIds, offsets, labels, tokenLabels, targets, questions } = dataset;
  const others = [tokenLabels, targets?.ids, targets?.offsets, questions?.spans].filter((view) => view !== undefined);
  const views = [ids, typeIds, offsets, labels, ...others];
  const bytes = new Uint8Array(views.reduce((sum, view) => sum + view.byteLength, 0));
  let offset = 0;
  for (const view of views) {
    bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), offset);
    offset += view.byteLength;
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return `sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Records of an epoch in the order in which they are trained on: a pure function of seed and epoch. */
export function epochOrder(
  recordCount: number,
  options: { shuffle: boolean; seed: number },
  epochIndex: number,
): Uint32Array {
  const order = Uint32Array.from({ length: recordCount }, (_, index) => index);
  if (!options.shuffle) return order;
  const random = new SeededRandom(options.seed, `shuffle:${epochIndex}`);
  for (let index = recordCount - 1; index > 0; index--) {
    const other = random.integer(index + 1);
    const value = order[index] ?? 0;
    order[index] = order[other] ?? 0;
    order[other] = value;
  }
  return order;
}

/** Records of a step, padded on the right to the longest of them. Row-major `[rowCount, length]`. */
export interface Batch {
  readonly rowCount: number;
  readonly length: number;
  readonly inputIds: Int32Array;
  readonly attentionMask: Float32Array;
  readonly tokenTypeIds: Int32Array;
  readonly labels: Float64Array;
  /** By token, its class; see {@link EncodedDataset.tokenLabels}. */
  readonly tokenLabels?: Int32Array;
  /** Tokens without padding. */
  readonly tokenCount: number;
  /** Which record each row is. */
  readonly records: Uint32Array;
}

/**
 * Pads records to a batch.
 * @param padId id that fills up, in the space of the data set
 */
export function makeBatch(dataset: EncodedDataset, records: Uint32Array, padId: number): Batch {
  let [length, tokenCount] = [0, 0];
  for (const record of records) {
    const size = (dataset.offsets[record + 1] ?? 0) - (dataset.offsets[record] ?? 0);
    length = Math.max(length, size);
    tokenCount += size;
  }
  if (length === 0) throw new TrainingError('INVALID_DATA', `A batch of ${records.length} records has no tokens`);
  const inputIds = new Int32Array(records.length * length).fill(padId);
  const attentionMask = new Float32Array(records.length * length);
  const tokenTypeIds = new Int32Array(records.length * length);
  const labels = new Float64Array(records.length);
  const tokenLabels =
    dataset.tokenLabels === undefined ? undefined : new Int32Array(records.length * length).fill(NO_LABEL);
  records.forEach((record, row) => {
    const [start, end] = [dataset.offsets[record] ?? 0, dataset.offsets[record + 1] ?? 0];
    inputIds.set(dataset.ids.subarray(start, end), row * length);
    tokenTypeIds.set(dataset.typeIds.subarray(start, end), row * length);
    tokenLabels?.set(dataset.tokenLabels?.subarray(start, end) ?? [], row * length);
    attentionMask.fill(1, row * length, row * length + end - start);
    labels[row] = dataset.labels[record] ?? 0;
  });
  return {
    rowCount: records.length,
    length,
    inputIds,
    attentionMask,
    tokenTypeIds,
    labels,
    ...(tokenLabels === undefined ? {} : { tokenLabels }),
    tokenCount,
    records,
  };
}
