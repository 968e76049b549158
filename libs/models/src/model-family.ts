import type { GraphBuilder, RuntimeDimensions, Tensor } from '@pemmican/graph';
import type { Generation } from './generation.ts';

/** What a model learns. */
export const TASKS = [
  'sequence-classification',
  'regression',
  'masked-lm',
  'causal-lm',
  'token-classification',
  'question-answering',
  'seq2seq-lm',
] as const;
export type Task = (typeof TASKS)[number];

/** Tasks that predict tokens of the vocabulary. */
export function isLanguageModeling(task: Task): boolean {
  return task === 'masked-lm' || task === 'causal-lm' || task === 'seq2seq-lm';
}

/** Tasks that learn something of single tokens: a batch says of which. */
export function hasTokenTargets(task: Task): boolean {
  return isLanguageModeling(task) || task === 'token-classification';
}

/** Tasks of an encoder and a decoder: a record is a source and a target. */
export function hasTargetSequence(task: Task): boolean {
  return task === 'seq2seq-lm';
}

/** The head that finds answers; all families have this name for it. */
export const SPAN_HEAD = 'qa_outputs';

/** Width of a head's output: one value in a regression, one logit a label otherwise. */
export function outputCount(task: Task, labelCount: number): number {
  return task === 'regression' ? 1 : labelCount;
}

/** How a parameter gets its first value where the checkpoint has none (a new head, a missing pooler). */
export type Initializer =
  | { readonly kind: 'normal'; readonly standardDeviation: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' };

/** A tensor of a model. */
export interface ParameterSpec {
  /** Name in the state dict of transformers' model for the task, e.g. `bert.pooler.dense.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether AdamW decays it: everything except biases and LayerNorm, as transformers' Trainer groups them. */
  readonly hasWeightDecay: boolean;
  /** Set where a checkpoint may lack the tensor. */
  readonly initializer?: Initializer;
  /** Whether its rows are those of the vocabulary. */
  readonly isEmbeddingMatrix?: boolean;
  /** Whether it keeps its value: no gradient, no optimizer state, no decay. */
  readonly isFrozen?: boolean;
  /**
   * Set for the weight of a linear map that adapters can be put beside: torch.nn.Linear's `[outputSize, inputSize]`
   * (`output-major`), or Conv1D's `[inputSize, outputSize]`.
   */
  readonly linear?: 'output-major' | 'input-major';
}

/** Tensors that a batch is fed through. */
export interface ModelInputs {
  /** int32 `[batch, length]`, reduced or full token ids as the embedding matrix has them. */
  readonly inputIds: Tensor;
  /** float `[batch, length]`, 1 for tokens and 0 for padding. */
  readonly attentionMask: Tensor;
  /** int32 `[batch, length]`, 0 for the first text and 1 for the second. */
  readonly tokenTypeIds: Tensor;
  /** int32 `[2]`, seed of dropout in this step. */
  readonly dropoutSeed: Tensor;
  /** int32 `[targets]`, the places in `[tokens]` that predict a token or have a label; see {@link hasTokenTargets}. */
  readonly targetPositions?: Tensor;
  /** int32 `[batch, targetLength]`, what the decoder reads; see {@link hasTargetSequence}. Its places are `targetPositions`'. */
  readonly decoderInputIds?: Tensor;
}

/** What a forward pass ends with. */
export type ModelOutput =
  | {
      readonly kind: 'logits';
      /**
       * `[batch, labelCount]`; `[targets, labelCount]` in token classification; in question answering `[2 * batch, length]`,
       * what each token is worth as the answer's start, row after row, and then as its end.
       */
      readonly logits: Tensor;
    }
  | {
      /** Logits over the vocabulary, as what they are the product of: they need not exist whole. */
      readonly kind: 'vocabulary';
      /** `[targets, hiddenSize]` */
      readonly hidden: Tensor;
      /** `[vocabSize, hiddenSize]` */
      readonly matrix: Tensor;
      /** `[vocabSize]` */
      readonly bias?: Tensor;
      /** Logits become `cap * tanh(logit / cap)`. */
      readonly softCap?: number;
    };

export interface ForwardOptions {
  readonly task: Task;
  /** false in evaluation: no dropout. */
  readonly isTraining: boolean;
  /** Probability in place of the config's. */
  readonly dropout?: number;
  /** Keep each layer's input only. */
  readonly gradientCheckpointing?: boolean;
  /** Row whose gradient is left out, in the space of the embedding matrix that is trained. */
  readonly paddingIndex?: number;
  /** What adapters' products are multiplied by, and dropout on their input; only where the parameters have adapters. */
  readonly lora?: { readonly scaling: number; readonly dropout: number };
}

/** What a forward pass is built of. */
export type ForwardArguments = [
  builder: GraphBuilder,
  dimensions: RuntimeDimensions,
  parameters: ReadonlyMap<string, Tensor>,
  inputs: ModelInputs,
  options: ForwardOptions,
];

/** A model's configuration, bound to its family. */
export interface Model {
  readonly modelType: string;
  /** Rows of the embedding matrix that the config names. */
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Longest sequence in tokens. */
  readonly maxSequenceLength: number;
  /** The token whose embedding row gets no gradient (torch's `padding_idx`), in the id space of the config. */
  readonly padTokenId: number | undefined;
  /** What a decoder beside an encoder reads first, in the id space of the config. */
  readonly decoderStartTokenId?: number;
  /** Tasks for which the family has a head. */
  readonly tasks: readonly Task[];
  /** Whether the task's output matrix is the embedding matrix. */
  isTied(task: Task): boolean;
  /**
   * The model with an output matrix of its own or without, whatever the config says of it; only in families whose checkpoints
   * decide that (T5's).
   */
  withTying?(isTied: boolean): Model;
  /** Canonical name of the embedding matrix. */
  readonly embeddingMatrixName: string;
  /** What the names of the base model's parameters begin with, such as `bert.`; a head's do not. */
  readonly basePrefix: string;
  /** The last matrix of a head that is not a language model's, `[labelCount, hiddenSize]`; `[2, hiddenSize]` in question answering. */
  headWeightName(task: Task): string;
  /** An output matrix of its own (see {@link isTied}), where the task has one; undefined where it has none. */
  outputMatrixName(task: Task): string | undefined;
  /**
   * Parameters in a fixed order.
   * @param vocabRows rows of the embedding matrix
   * @param outputRows rows of an output matrix of its own; those of the embedding matrix where not given
   */
  parameters(task: Task, labelCount: number, vocabRows: number, outputRows?: number): ParameterSpec[];
  /** Names that a checkpoint may use for a parameter, most usual first. */
  checkpointNames(parameterName: string): string[];
  forward(...graph: ForwardArguments): ModelOutput;
  /** Only of families that write. */
  readonly generation?: Generation;
  /** `architectures` entry of config.json for a task. */
  architecture(task: Task): string;
}
