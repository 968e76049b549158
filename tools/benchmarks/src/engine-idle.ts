/**
 * Resident bytes of a process that has loaded the engine and a small graph, and nothing else: what a run's process takes
 * beside its tensors. `node tools/benchmarks/src/engine-idle.ts`
 * @module
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { engineEnvironment, TensorflowSession } from '@pemmican/engine';
import { GraphBuilder, encodeSavedModel } from '@pemmican/graph';

const CHILD = 'child';
const RUNS = 5;

function residentBytes(): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

if (process.argv[2] === CHILD) {
  const builder = new GraphBuilder({});
  const anchor = builder.constant(1);
  const session = TensorflowSession.open(encodeSavedModel(builder, anchor));
  session.run({}, [`${anchor.node.name}:0`]);
  console.log(residentBytes());
  process.exit(0);
}
const measured = Array.from({ length: RUNS }, () =>
  Number(
    execFileSync(process.execPath, [import.meta.filename, CHILD], {
      env: { ...process.env, ...engineEnvironment() },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ),
).sort((a, b) => a - b);
console.log(
  `Idle engine: ${measured.map((bytes) => (bytes / 1e6).toFixed(0)).join(', ')} MB resident (${RUNS} processes)`,
);
