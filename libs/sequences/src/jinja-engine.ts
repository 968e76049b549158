import * as jinja from '@huggingface/jinja';

/** A node of a parsed template. */
export interface Node {
  readonly type: string;
}

/** What a node evaluates to. */
export interface Value {
  readonly type: string;
  readonly value: unknown;
}

export interface StringValue extends Value {
  readonly constructor: new (text: string) => StringValue;
  readonly value: string;
  /** Methods by name. */
  readonly builtins: Map<string, Value>;
}

export interface FunctionValue extends Value {
  readonly constructor: new (call: FunctionValue['value']) => FunctionValue;
  readonly value: (parameters: readonly Value[], environment: Environment) => Value;
}

export function isStringValue(value: Value): value is StringValue {
  return value.type === 'StringValue';
}

/** Variables of a template. */
export interface Environment {
  set(name: string, value: unknown): void;
}

/** Goes through a parsed template, node by node: `run` and every node call `evaluate`. */
export interface Interpreter {
  run(program: unknown): Value;
  evaluate(statement: Node | undefined, environment: Environment): Value;
}

/** What is used of the engine. Its own declarations of these classes lack file extensions, so that they do not resolve. */
interface Engine {
  readonly Environment: new () => Environment;
  readonly Interpreter: new (environment: Environment) => Interpreter;
  readonly Template: new (source: string) => { readonly parsed: unknown; render(items: object): string };
}

const engine = jinja as unknown as Engine;
export const newEnvironment = (): Environment => new engine.Environment();
export const EngineInterpreter: Engine['Interpreter'] = engine.Interpreter;
/** Parses a template as transformers does: with `trim_blocks` and `lstrip_blocks`. */
export const parseTemplate = (source: string): unknown => new engine.Template(source).parsed;
export const renderTemplate = (source: string, items: object): string => new engine.Template(source).render(items);
