import { SequenceError } from './error.ts';
import { EngineInterpreter, isStringValue, type Environment, type Node, type Value } from './jinja-engine.ts';
import { MAX_RANGE, MAX_RENDERED_CHARACTERS, MAX_RENDERING_STEPS } from './limits.ts';
import { isPatchedMethod, newString, patchMethods, strip, textOrNone } from './python-strings.ts';

/** Node of a filter that is applied, of a name or of a name with parameters. */
interface FilterNode extends Node {
  readonly operand: Node;
  readonly filter: Node & {
    readonly value?: unknown;
    readonly callee?: { readonly value?: unknown };
    readonly args?: readonly Node[];
  };
}

/**
 * An interpreter of templates that ends: what a template does is counted, and what it makes is measured. It strips as Python
 * does.
 */
export class BoundedInterpreter extends EngineInterpreter {
  readonly #fileName: string;
  readonly #iterables = new WeakSet<Node>();
  /** Nodes whose value has a method called that the engine has otherwise than Python. */
  readonly #patched = new WeakSet<Node>();
  #stepCount = 0;

  /** @param fileName what error messages call the template */
  constructor(environment: Environment, fileName: string) {
    super(environment);
    this.#fileName = fileName;
  }

  /** @throws SequenceError RENDERING_TOO_LARGE */
  override evaluate(statement: Node | undefined, environment: Environment): Value {
    if (statement?.type === 'For') this.#iterables.add(iterableOf(statement));
    if (statement?.type === 'MemberExpression') {
      const { object, property } = statement as Node & { object: Node; property: Node & { value?: unknown } };
      if (isPatchedMethod(property.value)) this.#patched.add(object);
    }
    const value = this.#trimmed(statement, environment) ?? super.evaluate(statement, environment);
    if (statement !== undefined && this.#patched.has(statement) && isStringValue(value)) patchMethods(value);
    const items = statement !== undefined && this.#iterables.has(statement) ? lengthOf(value.value) : 0;
    this.#stepCount += 1 + items;
    if (this.#stepCount > MAX_RENDERING_STEPS)
      throw this.#tooLarge(`takes more than ${MAX_RENDERING_STEPS} steps; does it end?`);
    if (lengthOf(value.value) > MAX_RENDERED_CHARACTERS)
      throw this.#tooLarge(`makes more than ${MAX_RENDERED_CHARACTERS} characters`);
    return value;
  }

  /** What the filter `trim` makes of a string; undefined for other nodes and values, which the engine evaluates. */
  #trimmed(statement: Node | undefined, environment: Environment): Value | undefined {
    if (statement?.type !== 'FilterExpression') return undefined;
    const { operand, filter } = statement as FilterNode;
    if ((filter.value ?? filter.callee?.value) !== 'trim') return undefined;
    const text = this.evaluate(operand, environment);
    if (!isStringValue(text)) return undefined;
    const [characters] = (filter.args ?? []).map((parameter) => this.evaluate(parameter, environment).value);
    return newString(text, strip(text.value, 'strip', textOrNone(characters)));
  }

  #tooLarge(problem: string): SequenceError {
    return new SequenceError('RENDERING_TOO_LARGE', `${this.#fileName}: a conversation ${problem}`);
  }
}

/** The list that a loop goes through; the engine takes the condition of `for ... if ...` off it. */
function iterableOf(statement: Node): Node {
  const { iterable } = statement as Node & { readonly iterable: Node };
  return iterable.type === 'SelectExpression' ? (iterable as Node & { readonly lhs: Node }).lhs : iterable;
}

function lengthOf(value: unknown): number {
  return typeof value === 'string' || Array.isArray(value) ? value.length : 0;
}

/** `range` of Python, as long as Jinja's sandbox lets it be. */
export function boundedRange(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const count = step === 0 ? Number.NaN : Math.max(0, Math.ceil((stop - start) / step));
  if (!(count <= MAX_RANGE))
    throw new RangeError(`range(${start}, ${stop}, ${step}) has more than ${MAX_RANGE} numbers`);
  return Array.from({ length: count }, (_, index) => start + index * step);
}
