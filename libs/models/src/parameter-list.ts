import type { Initializer, ParameterSpec } from './model-family.ts';

/** transformers' initializer of new heads in most families. */
export const HEAD_STANDARD_DEVIATION = 0.02;

interface Options {
  /** Set where a checkpoint may lack the tensors. */
  readonly standardDeviation?: number;
}

interface LinearOptions extends Options {
  readonly hasBias?: boolean;
}

/** Collects a model's parameters; AdamW decays all but biases and normalizations, as transformers' Trainer groups them. */
export class ParameterList {
  readonly specs: ParameterSpec[] = [];

  /** The matrix whose rows are those of the vocabulary, `[rowCount, hiddenSize]`. */
  embeddingMatrix(name: string, rowCount: number, hiddenSize: number): void {
    this.specs.push({ name, shape: [rowCount, hiddenSize], hasWeightDecay: true, isEmbeddingMatrix: true });
  }

  weight(name: string, shape: readonly number[], options: Options = {}): void {
    this.#add(`${name}.weight`, shape, true, normal(options));
  }

  bias(name: string, size: number, options: Options = {}): void {
    this.#add(`${name}.bias`, [size], false, options.standardDeviation === undefined ? undefined : { kind: 'zeros' });
  }

  /** A matrix that is a bias by its name, which is what transformers' Trainer goes by, and so is not decayed. */
  biasMatrix(name: string, shape: readonly number[]): void {
    this.#add(`${name}.weight`, shape, false);
  }

  /** torch.nn.Linear: weight `[outputSize, inputSize]`, bias `[outputSize]`. */
  linear(name: string, outputSize: number, inputSize: number, options: LinearOptions = {}): void {
    this.specs.push({
      ...specOf(`${name}.weight`, [outputSize, inputSize], true, normal(options)),
      linear: 'output-major',
    });
    if (options.hasBias ?? true) this.bias(name, outputSize, options);
  }

  /** transformers' Conv1D: weight `[inputSize, outputSize]`, bias `[outputSize]`. */
  linearInputMajor(name: string, outputSize: number, inputSize: number): void {
    this.specs.push({ ...specOf(`${name}.weight`, [inputSize, outputSize], true), linear: 'input-major' });
    this.bias(name, outputSize);
  }

  layerNorm(name: string, size: number): void {
    this.norm(name, size);
    this.bias(name, size);
  }

  /** A normalization's scale without a bias (RMSNorm). */
  norm(name: string, size: number): void {
    this.#add(`${name}.weight`, [size], false);
  }

  /** A bias by its whole name. */
  vector(name: string, size: number): void {
    this.#add(name, [size], false);
  }

  #add(name: string, shape: readonly number[], hasWeightDecay: boolean, initializer?: Initializer): void {
    this.specs.push(specOf(name, shape, hasWeightDecay, initializer));
  }
}

function specOf(
  name: string,
  shape: readonly number[],
  hasWeightDecay: boolean,
  initializer?: Initializer,
): ParameterSpec {
  return { name, shape, hasWeightDecay, ...(initializer === undefined ? {} : { initializer }) };
}

function normal({ standardDeviation }: Options): Initializer | undefined {
  return standardDeviation === undefined ? undefined : { kind: 'normal', standardDeviation };
}
