import { formatShape, shapesEqual } from './dimension.ts';
import { GraphError } from './error.ts';
import type { GraphBuilder, TapeEntry } from './graph-builder.ts';
import { binary } from './ops/arithmetic.ts';
import { densify } from './ops/embedding.ts';
import { addRowsInPlace } from './ops/scatter.ts';
import type { Gradient, Tensor } from './tensor.ts';

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

  /** Walks a tape backwards. */
  propagate(tape: readonly TapeEntry[]): void {
    for (const entry of tape.toReversed()) {
      const outputGradients = entry.outputs.map((output) => this.getDense(output));
      if (outputGradients.every((gradient) => gradient === undefined)) continue;
      // Nothing reads the outputs' gradients again, so they need not be kept by this map.
      for (const output of entry.outputs) this.#gradients.delete(output);
      entry.backward(outputGradients).forEach((gradient, index) => {
        const input = entry.inputs[index];
        if (gradient !== undefined && input !== undefined) this.accumulate(input, gradient);
      });
    }
  }
}

/**
 * Gradients of a scalar, by walking the builder's tape backwards (reverse mode).
 * @param seed gradient of `loss` itself; 1 where not given
 * @throws GraphError NOT_DIFFERENTIABLE when `loss` is not a scalar
 */
export function gradients(
  builder: GraphBuilder,
  loss: Tensor,
  seed: Tensor = builder.constant(1, loss.dtype),
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
      map.propagate(builder.tape);
    });
  });
  return map;
}
