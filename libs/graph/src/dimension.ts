import { GraphError } from './error.ts';

/**
 * One dimension of a shape that is known when the graph is built up to named symbols: `coefficient * product(symbols)`,
 * for example `12 * batch * length`. A plain number is a dimension without symbols.
 */
export type Dimension = number | SymbolicDimension;

/** A product of symbols, sorted by name so that equal products are equal lists. */
export interface SymbolicDimension {
  readonly coefficient: number;
  readonly symbols: readonly string[];
}

export type Shape = readonly Dimension[];

/** A dimension that is only known when the graph runs. */
export function symbol(name: string): Dimension {
  return { coefficient: 1, symbols: [name] };
}

function parts(dimension: Dimension): SymbolicDimension {
  return typeof dimension === 'number' ? { coefficient: dimension, symbols: [] } : dimension;
}

/** The product of dimensions. */
export function multiplyDimensions(...dimensions: Dimension[]): Dimension {
  let coefficient = 1;
  const symbols: string[] = [];
  for (const dimension of dimensions) {
    const part = parts(dimension);
    coefficient *= part.coefficient;
    symbols.push(...part.symbols);
  }
  return symbols.length === 0 ? coefficient : { coefficient, symbols: symbols.sort() };
}

/** Number of elements of a shape. */
export function elementCount(shape: Shape): Dimension {
  return multiplyDimensions(...shape);
}

export function dimensionsEqual(a: Dimension, b: Dimension): boolean {
  const left = parts(a);
  const right = parts(b);
  return (
    left.coefficient === right.coefficient &&
    left.symbols.length === right.symbols.length &&
    left.symbols.every((name, index) => name === right.symbols[index])
  );
}

export function shapesEqual(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, index) => dimensionsEqual(dimension, b[index] ?? -1));
}

/**
 * The value of a dimension.
 * @throws GraphError UNBOUND_SYMBOL
 */
export function evaluateDimension(dimension: Dimension, bindings: Readonly<Record<string, number>>): number {
  const part = parts(dimension);
  let value = part.coefficient;
  for (const name of part.symbols) {
    const bound = bindings[name];
    if (bound === undefined) throw new GraphError('UNBOUND_SYMBOL', `Symbol "${name}" has no value`);
    value *= bound;
  }
  return value;
}

/** `[12*batch*length, 384]`, as error messages print it. */
export function formatShape(shape: Shape): string {
  const one = (dimension: Dimension): string => {
    const { coefficient, symbols } = parts(dimension);
    if (symbols.length === 0) return String(coefficient);
    return [...(coefficient === 1 ? [] : [String(coefficient)]), ...symbols].join('*');
  };
  return `[${shape.map(one).join(', ')}]`;
}

/** The shape that numpy-style broadcasting of two shapes gives, or undefined where they do not fit. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dimension[] = [];
  for (let index = 0; index < rank; index++) {
    const left = a[a.length - rank + index] ?? 1;
    const right = b[b.length - rank + index] ?? 1;
    if (left === 1) result.push(right);
    else if (right === 1 || dimensionsEqual(left, right)) result.push(left);
    else return undefined;
  }
  return result;
}
