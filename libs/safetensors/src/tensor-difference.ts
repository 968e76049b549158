import type { Checkpoint } from './checkpoint.ts';

// Two of these are held.
const BLOCK_BYTES = 1024 * 1024;

/**
 * Where two tensors of one length differ, block by block, up to the first difference.
 * @returns index of the first byte that differs, or -1
 * @throws RangeError for tensors of different lengths
 */
export async function firstTensorDifference(
  checkpoint: Pick<Checkpoint, 'get' | 'readRange'>,
  firstName: string,
  secondName: string,
  signal?: AbortSignal,
): Promise<number> {
  const { lengthBytes } = checkpoint.get(firstName);
  if (checkpoint.get(secondName).lengthBytes !== lengthBytes)
    throw new RangeError(`"${firstName}" and "${secondName}" have different lengths`);
  const size = Math.min(BLOCK_BYTES, lengthBytes);
  const [first, second] = [new Uint8Array(size), new Uint8Array(size)];
  for (let offsetBytes = 0; offsetBytes < lengthBytes; offsetBytes += size) {
    signal?.throwIfAborted();
    const length = Math.min(size, lengthBytes - offsetBytes);
    await checkpoint.readRange(firstName, offsetBytes, first.subarray(0, length));
    await checkpoint.readRange(secondName, offsetBytes, second.subarray(0, length));
    for (let index = 0; index < length; index++) if (first[index] !== second[index]) return offsetBytes + index;
  }
  return -1;
}

/** Whether two tensors have one dtype, shape and content. */
export async function areEqualTensors(
  checkpoint: Pick<Checkpoint, 'get' | 'readRange'>,
  firstName: string,
  secondName: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const [first, second] = [checkpoint.get(firstName), checkpoint.get(secondName)];
  if (first.dtype !== second.dtype || first.shape.join() !== second.shape.join()) return false;
  return (await firstTensorDifference(checkpoint, firstName, secondName, signal)) < 0;
}
