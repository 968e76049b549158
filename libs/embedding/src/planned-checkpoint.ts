import {
  encodeHeader,
  INDEX_FILE_NAME,
  type Checkpoint,
  type FolderWriter,
  type Shard,
  type TensorDescription,
  type TensorInfo,
} from '@pemmican/safetensors';

import { copyPart, writeParts, type BytePart, type CopyOptions } from './byte-part.ts';

/** A tensor of the checkpoint to be written, and where its bytes come from. */
export interface PlannedTensor extends TensorDescription {
  readonly part: BytePart;
}

/** A file of the checkpoint to be written; its tensors follow one another as listed. */
export interface PlannedShard {
  readonly like: Shard;
  readonly tensors: readonly PlannedTensor[];
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
  options: CopyOptions,
): Promise<void> {
  for (const { like, tensors } of shards) {
    const header = await headerOf(like, tensors);
    await destination.write(like.fileName, async (sink) => {
      await sink.write(header);
      await writeParts(
        sink,
        tensors.map(({ part }) => part),
        options,
      );
    });
  }
  if (source.index === undefined) return;
  const bytes = new TextEncoder().encode(`${JSON.stringify(indexOf(source.index, shards), null, 2)}\n`);
  await destination.write(INDEX_FILE_NAME, (sink) => sink.write(bytes));
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
