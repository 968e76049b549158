import type { Shape } from './dimension.ts';
import type { Dtype } from './dtype.ts';

/** A value of a node's attribute, as TensorFlow's AttrValue distinguishes them. */
export type Attribute =
  | { readonly kind: 'dtype'; readonly value: Dtype }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'shape'; readonly value: readonly number[] }
  | { readonly kind: 'tensor'; readonly dtype: Dtype; readonly shape: readonly number[]; readonly bytes: Uint8Array };

/** What the bytes of a node's outputs are for; decides their line in a memory plan. */
export type MemoryCategory = 'weights' | 'gradients' | 'optimizer' | 'activations' | 'workspace';

/** One operation of the graph. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly controlInputs: readonly GraphNode[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly outputs: Tensor[];
  readonly category: MemoryCategory;
  /** Device that it runs on, as TensorFlow names it: `/device:GPU:1`. Empty: the engine's choice, which is the first one. */
  readonly device: string;
  /** Whether the outputs share the first input's bytes. */
  readonly isView: boolean;
}

/** One output of a node. Immutable; shapes are symbolic. */
export interface Tensor {
  readonly node: GraphNode;
  readonly outputIndex: number;
  readonly dtype: Dtype;
  readonly shape: Shape;
}

/**
 * The gradient of an embedding matrix `[rowCount, hiddenSize]` as the rows that a batch touched. Duplicate ids add up.
 * Keeping it in this form means that no dense `[vocabSize, hiddenSize]` tensor exists until the optimizer asks for one.
 */
export interface RowGradient {
  readonly kind: 'rows';
  /** int32 `[n]` */
  readonly ids: Tensor;
  /** `[n, hiddenSize]` */
  readonly values: Tensor;
  readonly rowCount: number;
}

export interface DenseGradient {
  readonly kind: 'dense';
  readonly value: Tensor;
  /** Whether nothing else reads the value, so that it may be written over. */
  readonly isOwned?: boolean;
}

export type Gradient = DenseGradient | RowGradient;
