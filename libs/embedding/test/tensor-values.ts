import { toFloat32, type Checkpoint } from '@pemmican/safetensors';

/** The numbers of a tensor. */
export async function valuesOf(checkpoint: Checkpoint, name: string): Promise<number[]> {
  return [...toFloat32(checkpoint.get(name).dtype, await checkpoint.read(name))];
}

/** The numbers of a tensor, row by row. */
export async function rowsOf(checkpoint: Checkpoint, name: string): Promise<number[][]> {
  const values = await valuesOf(checkpoint, name);
  const [rowCount = 0] = checkpoint.get(name).shape;
  const width = values.length / rowCount;
  return Array.from({ length: rowCount }, (_, row) => values.slice(row * width, (row + 1) * width));
}
