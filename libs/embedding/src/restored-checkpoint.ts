import { tensorLengthBytes, type Dtype } from '@pemmican/safetensors';

import type { ModelConfig } from './config-file.ts';
import type { PlannedTensor } from './planned-checkpoint.ts';

/** Puts a tensor at the end, or before narrower tensors at the end whose odd lengths would leave it unaligned. */
export function insertAligned(tensors: PlannedTensor[], tensor: PlannedTensor): void {
  const width = tensorLengthBytes(tensor.dtype, [1]);
  let index = tensors.length;
  const startOf = (position: number): number =>
    tensors.slice(0, position).reduce((sum, { part }) => sum + part.lengthBytes, 0);
  while (index > 0 && startOf(index) % width !== 0) index -= 1;
  tensors.splice(index, 0, tensor);
}

// transformers leaves these out where they have their defaults, so a field that the trained config lacks is removed.
const TASK_FIELDS: readonly string[] = ['num_labels', 'id2label', 'label2id', 'problem_type'];
const DTYPE_FIELDS: readonly string[] = ['dtype', 'torch_dtype'];
const TORCH_DTYPES: Readonly<Partial<Record<Dtype, string>>> = {
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
};

/**
 * The source's config with the task's fields of the trained one.
 * @param dtype of the weights; not given where it is the source's
 */
export function restoreConfig(source: ModelConfig, trained: ModelConfig, dtype?: Dtype): ModelConfig {
  const torchDtype = dtype === undefined ? undefined : TORCH_DTYPES[dtype];
  const fields = DTYPE_FIELDS.filter(
    (field) => source.has(field) && torchDtype !== undefined && source.get(field) !== torchDtype,
  );
  const removed = TASK_FIELDS.filter((field) => !trained.has(field));
  return source
    .with(Object.fromEntries(removed.map((field) => [field, undefined])))
    .withFieldsOf(trained, [...TASK_FIELDS, 'architectures'])
    .with(Object.fromEntries(fields.map((field) => [field, torchDtype])));
}
