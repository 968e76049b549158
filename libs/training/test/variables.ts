// Variables of a session, written and read whole. Each in as few runs as can be: the engine optimizes the graph anew for each set
// of fetches, half a second a run.
import type { BlockPort, GraphSession, TensorValue, VariablePort } from '@pemmican/graph';
import type { TrainingProgram } from '../src/mod.ts';

/** A variable with the name that it goes by. */
export interface NamedVariable {
  readonly name: string;
  readonly shape: readonly number[];
  readonly port: VariablePort;
}

/** The weights of a program, by the names of their parameters. */
export function weightsOf(program: Pick<TrainingProgram, 'parameters'>): NamedVariable[] {
  return program.parameters.map(({ spec: { name, shape }, weight }) => ({ name, shape, port: weight }));
}

/** @param valueOf float32, row-major, of the variable's shape */
export function writeVariables(
  session: GraphSession,
  variables: readonly NamedVariable[],
  valueOf: (variable: NamedVariable) => Float32Array,
): void {
  const feeds: Record<string, TensorValue> = {};
  for (const variable of variables) {
    const { shape, port } = variable;
    if (port.kind === 'blocks') {
      const rows = Int32Array.from({ length: shape[0] ?? 0 }, (_, row) => row);
      feeds[port.rowsFeed] = { dtype: 'int32', shape: [rows.length], data: rows };
    }
    feeds[port.valuesFeed] = { dtype: 'float32', shape, data: valueOf(variable) };
  }
  const inBlocks = variables.map(({ port }) => port).filter((port) => port.kind === 'blocks');
  const runAll = (fetchOf: (port: BlockPort) => string): void => {
    if (inBlocks.length > 0) session.run({}, inBlocks.map(fetchOf));
  };
  runAll(({ beginFetch }) => beginFetch);
  session.run(feeds, variables.map(({ port }) => port.writeFetch)); // prettier-ignore
  runAll(({ endFetch }) => endFetch);
}

/** @returns a copy of each value, by name */
export function readVariables(session: GraphSession, variables: readonly NamedVariable[]): Map<string, Float32Array> {
  const scalar = (value: number): TensorValue => ({ dtype: 'int32', shape: [], data: Int32Array.of(value) });
  const feeds: Record<string, TensorValue> = {};
  for (const { shape, port } of variables) {
    if (port.kind === 'whole') continue;
    feeds[port.firstRowFeed] = scalar(0);
    feeds[port.rowCountFeed] = scalar(shape[0] ?? 0);
  }
  const values = session.run(feeds, variables.map(({ port }) => port.readFetch)); // prettier-ignore
  return new Map(
    variables.map(({ name }, index) => {
      const value = values[index];
      if (value?.dtype !== 'float32') throw new TypeError(`${name} was not read`);
      return [name, value.data.slice()];
    }),
  );
}
