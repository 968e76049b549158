import { DataType } from './gen/tensorflow/saved_model.ts';

/** Element types of graph tensors. `resource` is a handle of a variable. */
export const DTYPES = ['float32', 'float64', 'bfloat16', 'int32', 'int64', 'bool', 'resource'] as const;
export type Dtype = (typeof DTYPES)[number];

/** Dtypes that gradients flow through. */
export type FloatDtype = 'float32' | 'float64' | 'bfloat16';

/** TensorFlow's number of each dtype (tensorflow/core/framework/types.proto). */
export const TENSORFLOW_DTYPE: Readonly<Record<Dtype, DataType>> = {
  float32: DataType.DT_FLOAT,
  float64: DataType.DT_DOUBLE,
  bfloat16: DataType.DT_BFLOAT16,
  int32: DataType.DT_INT32,
  int64: DataType.DT_INT64,
  bool: DataType.DT_BOOL,
  resource: DataType.DT_RESOURCE,
};

/** Bytes of one element; a resource handle lives on the host and counts as nothing. */
export const DTYPE_SIZE_BYTES: Readonly<Record<Dtype, number>> = {
  float32: 4,
  float64: 8,
  bfloat16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  resource: 0,
};
