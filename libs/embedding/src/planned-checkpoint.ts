import {
  encodeHeader,
  INDEX_FILE_NAME,
  type Checkpoint,
  type FolderWriter,
  type Shard,
  type TensorDescription,
  type TensorInfo,
} from '@pemmican/safetensors';

import { copyPart, writeParts, type BytePart } from './byte-part.ts';

/** A tensor of the checkpoint to be written, and where its bytes come from. */
export interface PlannedTensor extends TensorDescription {
  readonly part: BytePart;
}

/** A file of the checkpoint to be written; its tensors follow one another as listed. */
export interface PlannedShard {
  readonly like: Shard;
  readonly tensors: readonly PlannedTensor[];
}

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each block with the number of its bytes and the tensor that its last byte belongs to. */
  readonly onBytes?: ((byteCount: number, tensorName: string) => void) | undefined;
}

/** A tensor as it is in a checkpoint, under a name of the caller's. */
export function copyTensor(checkpoint: Checkpoint, tensor: TensorInfo, name: string): PlannedTensor {
  const part = copyPart(checkpoint.sourceOf(tensor.name), tensor.offsetBytes, tensor.lengthBytes);
  return { name, dtype: tensor.dtype, shape: tensor.shape, part };
}

export function plannedBytes(shards: readonly PlannedShard[]): number {
  return shards.reduce((total, { tensors }) => total + tensors.reduce((sum, { part }) => sum + part.lengthBytes, 0), 0);
}

/** Writes the shards, and the index where the source has one. */
export async function writePlannedCheckpoint(
  destination: FolderWriter,
  source: Checkpoint,
  shards: readonly PlannedShard[],
  options: WriteOptions,
): Promise<void> {
  for (const { like, tensors } of shards) {
    const header = await headerOf(like, tensors);
    const nameAfter = tensorNameAfter(tensors);
    await destination.write(like.fileName, async (sink) => {
      await sink.write(header);
      await writeParts(
        sink,
        tensors.map(({ part }) => part),
        { signal: options.signal, onBytes: (byteCount) => options.onBytes?.(byteCount, nameAfter(byteCount)) },
      );
    });
  }
  if (source.index === undefined) return;
  const bytes = new TextEncoder().encode(`${JSON.stringify(indexOf(source.index, shards), null, 2)}\n`);
  await destination.write(INDEX_FILE_NAME, (sink) => sink.write(bytes));
}

/** Follows blocks through a file's tensors. */
function tensorNameAfter(tensors: readonly PlannedTensor[]): (byteCount: number) => string {
  let [index, doneBytes, endBytes] = [0, 0, tensors[0]?.part.lengthBytes ?? 0];
  return (byteCount) => {
    doneBytes += byteCount;
    while (endBytes < doneBytes && index < tensors.length - 1) endBytes += tensors[++index]?.part.lengthBytes ?? 0;
    return tensors[index]?.name ?? '';
  };
}

/** The source's own header, byte for byte, where it fits; else one with the same metadata. */
async function headerOf(like: Shard, tensors: readonly PlannedTensor[]): Promise<Uint8Array> {
  const before = [...like.file.tensors.values()];
  const isEqual =
    before.length === tensors.length &&
    before.every(({ name, dtype, shape }, index) => {
      const after = tensors[index];
      return after?.name === name && after.dtype === dtype && after.shape.join() === shape.join();
    });
  if (!isEqual) return encodeHeader(tensors, like.file.metadata, like.fileName);
  const header = new Uint8Array(like.file.headerLengthBytes);
  await like.file.source.read(0, header);
  return header;
}

function indexOf(index: Readonly<Record<string, unknown>>, shards: readonly PlannedShard[]): Record<string, unknown> {
  const metadata = typeof index['metadata'] === 'object' ? index['metadata'] : {};
  const names = shards.flatMap(({ like, tensors }) => tensors.map(({ name }) => [name, like.fileName] as const));
  const before = Object.keys(index['weight_map'] as Record<string, string>);
  const position = new Map(before.map((name, order) => [name, order]));
  // The map's order is kept; what is new comes at its end.
  const order = (name: string): number => position.get(name) ?? before.length;
  return {
    ...index,
    metadata: { ...metadata, total_size: plannedBytes(shards) },
    weight_map: Object.fromEntries(names.toSorted(([a], [b]) => order(a) - order(b))),
  };
}
