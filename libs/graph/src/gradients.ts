import { formatShape, shapesEqual } from './dimension.ts';
import { GraphError } from './error.ts';
import type { GraphBuilder, TapeEntry } from './graph-builder.ts';
import { binary } from './ops/arithmetic.ts';
import { densify } from './ops/embedding.ts';
import { addRowsInPlace } from './ops/scatter.ts';
import { identity } from './ops/shape.ts';
import type { Gradient, GraphNode, Tensor } from './tensor.ts';

/** Gradients of one scalar with respect to the tensors that it was computed from. */
export class GradientMap {
  readonly #builder: GraphBuilder;
  readonly #gradients = new Map<Tensor, Gradient>();

  constructor(builder: GraphBuilder) {
    this.#builder = builder;
  }

  get(tensor: Tensor): Gradient | undefined {
    return this.#gradients.get(tensor);
  }

  /** The gradient as a tensor of the same shape, or undefined where none flows. */
  getDense(tensor: Tensor): Tensor | undefined {
    const gradient = this.#gradients.get(tensor);
    if (gradient === undefined || gradient.kind === 'dense') return gradient?.value;
    return densify(this.#builder, gradient);
  }

  /** Adds a contribution. Sums are chains of two-operand additions: the engine then adds in place. */
  accumulate(tensor: Tensor, gradient: Gradient): void {
    if (gradient.kind === 'dense' && !shapesEqual(gradient.value.shape, tensor.shape)) {
      throw new GraphError(
        'SHAPE_MISMATCH',
        `Gradient ${formatShape(gradient.value.shape)} of "${tensor.node.name}" ${formatShape(tensor.shape)}`,
      );
    }
    const before = this.#gradients.get(tensor);
    this.#gradients.set(tensor, before === undefined ? gradient : this.#sum(before, gradient));
  }

  #sum(a: Gradient, b: Gradient): Gradient {
    const builder = this.#builder;
    const [whole, rows] = a.kind === 'dense' ? [a, b] : [b, a];
    // A tied matrix: the input side's rows are added into the output side's gradient.
    if (whole.kind === 'dense' && whole.isOwned === true && rows.kind === 'rows')
      return { ...whole, value: addRowsInPlace(builder, whole.value, rows) };
    return { kind: 'dense', value: binary(builder, 'AddV2', this.#dense(a), this.#dense(b)) };
  }

  #dense(gradient: Gradient): Tensor {
    return gradient.kind === 'dense' ? gradient.value : densify(this.#builder, gradient);
  }

  /**
   * Walks a tape backwards.
   * @param sources what gradients are asked for; no gradient is computed that leads to none of them
   */
  propagate(tape: readonly TapeEntry[], sources: Iterable<Tensor>): void {
    const wanted = new Set(sources);
    const needed = dependents(tape, wanted);
    for (const entry of tape.toReversed()) {
      if (!entry.outputs.some((output) => needed.has(output))) continue;
      const outputGradients = entry.outputs.map((output) => this.getDense(output));
      if (outputGradients.every((gradient) => gradient === undefined)) continue;
      // Nothing reads the outputs' gradients again, so they need not be kept by this map.
      for (const output of entry.outputs) this.#gradients.delete(output);
      const needs = entry.inputs.map((input) => needed.has(input));
      const made = entry.backward(this.#inTurn(outputGradients, entry.inputs, needs), needs);
      this.#accumulateAll(entry.inputs, made, needed, wanted);
    }
  }

  /**
   * Adds what one call gave to its inputs. What the walk goes on with waits for the gradients that are asked for: an engine with as many
   * threads as it has chains to follow would else leave those to the end (a bias' gradient is short, so it goes back into the queue), and
   * keep all that they read.
   */
  #accumulateAll(
    inputs: readonly Tensor[],
    made: readonly (Gradient | undefined)[],
    needed: ReadonlySet<Tensor>,
    wanted: ReadonlySet<Tensor>,
  ): void {
    const before = new Set<GraphNode>();
    inputs.forEach((input, index) => {
      const gradient = made[index];
      if (gradient === undefined || !wanted.has(input)) return;
      this.accumulate(input, gradient);
      const sum = this.#gradients.get(input);
      if (sum !== undefined) before.add(nodeOf(sum));
    });
    inputs.forEach((input, index) => {
      const gradient = made[index];
      if (gradient === undefined || wanted.has(input) || !needed.has(input)) return;
      const waits = gradient.kind === 'dense' && before.size > 0;
      this.accumulate(
        input,
        waits
          ? { ...gradient, value: identity(this.#builder, gradient.value, { controlInputs: [...before] }) }
          : gradient,
      );
    });
  }

  /**
   * The gradients, once what other readers gave to the same inputs is added up. Left to itself the engine would begin with all readers
   * of a tensor (queries, keys and values of an attention), and hold what each of them makes.
   */
  #inTurn(
    outputGradients: readonly (Tensor | undefined)[],
    inputs: readonly Tensor[],
    needs: readonly boolean[],
  ): (Tensor | undefined)[] {
    const sums = inputs.map((input, index) => (needs[index] === true ? this.#gradients.get(input) : undefined));
    const others = sums.flatMap((sum) => (sum?.kind === 'dense' ? [sum.value] : []));
    return outputGradients.map((gradient) => {
      const before = new Set(others.filter((other) => other !== gradient).map(({ node }) => node));
      return gradient === undefined || before.size === 0
        ? gradient
        : identity(this.#builder, gradient, { controlInputs: [...before] });
    });
  }
}

/** The node that a gradient is there after. */
function nodeOf(gradient: Gradient): GraphNode {
  return (gradient.kind === 'dense' ? gradient.value : gradient.values).node;
}

/** The sources and everything on a tape that was computed from them. */
function dependents(tape: readonly TapeEntry[], sources: Iterable<Tensor>): Set<Tensor> {
  const found = new Set(sources);
  for (const { inputs, outputs } of tape)
    if (inputs.some((input) => found.has(input))) for (const output of outputs) found.add(output);
  return found;
}

/** What a tape's calls read and none of them made. */
function leaves(tape: readonly TapeEntry[]): Set<Tensor> {
  const made = new Set(tape.flatMap(({ outputs }) => outputs));
  return new Set(tape.flatMap(({ inputs }) => inputs).filter((input) => !made.has(input)));
}

/**
 * Gradients of a scalar, by walking the builder's tape backwards (reverse mode).
 * @param seed gradient of `loss` itself; 1 where not given
 * @param sources the tensors whose gradients are asked for; all that were not computed from others where not given
 * @throws GraphError NOT_DIFFERENTIABLE when `loss` is not a scalar
 */
export function gradients(
  builder: GraphBuilder,
  loss: Tensor,
  seed: Tensor = builder.constant(1, loss.dtype),
  sources?: Iterable<Tensor>,
): GradientMap {
  if (loss.shape.length !== 0)
    throw new GraphError(
      'NOT_DIFFERENTIABLE',
      `Gradients of "${loss.node.name}" ${formatShape(loss.shape)}: not a scalar`,
    );
  const map = new GradientMap(builder);
  map.accumulate(loss, { kind: 'dense', value: seed });
  builder.withoutTape(() => {
    builder.withCategory('workspace', () => {
      map.propagate(builder.tape, sources ?? leaves(builder.tape));
    });
  });
  return map;
}
