/**
 * Everything that has to hold before a change lands, in the order in which a mistake is found soonest.
 * `node tools/checks/src/run-all.ts [NAME...]` runs all steps or those whose name contains one of the words.
 * @module
 */
import { runStep, type Step, type StepOutcome } from './step.ts';

const NX = { command: 'nx', environment: { NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false', CI: 'true' } };

const STEPS: readonly Step[] = [
  { name: 'formatting', command: 'prettier', arguments: ['--check', '--log-level', 'warn', '.'] },
  { name: 'protos: format and lint', command: 'buf', arguments: ['lint'] },
  {
    name: 'protos: nothing breaks released clients',
    command: 'buf',
    arguments: ['breaking', '--against', 'proto/released.binpb'],
  },
  { name: 'generated code is current', command: 'node', arguments: ['tools/checks/src/generated-code.ts'] },
  {
    name: 'layers',
    command: 'depcruise',
    arguments: ['--config', '.dependency-cruiser.cjs', 'libs', 'services', 'tools'],
  },
  // One program for all projects: types shared by 25 programs are read once.
  { name: 'types', command: 'tsc', arguments: ['-p', 'tsconfig.json'] },
  { name: 'lint', command: 'eslint', arguments: ['libs', 'services', 'tools'] },
  { name: 'tests under Deno', command: 'node', arguments: ['tools/checks/src/deno.ts'] },
  // One project at a time: each engine test takes both cores and up to 3 GB.
  { name: 'tests', ...NX, arguments: ['run-many', '-t', 'test', '--parallel=1', '--output-style=static'] },
];

const words = process.argv.slice(2);
const chosen = words.length === 0 ? STEPS : STEPS.filter((step) => words.some((word) => step.name.includes(word)));
if (chosen.length === 0) {
  console.error(`No step matches "${words.join(' ')}"; there are: ${STEPS.map((step) => step.name).join(', ')}`);
  process.exit(2);
}

const outcomes: StepOutcome[] = [];
for (const step of chosen) outcomes.push(await runStep(step));

const sum = (key: 'passedTestCount' | 'failedTestCount' | 'skippedTestCount'): number =>
  outcomes.reduce((total, outcome) => total + outcome[key], 0);
const failed = outcomes.filter((outcome) => !outcome.isPassed);
console.log('\n── summary');
for (const outcome of outcomes) {
  const tests = outcome.passedTestCount + outcome.failedTestCount;
  console.log(
    `${outcome.isPassed ? '✔' : '✖'} ${outcome.name.padEnd(42)} ${(outcome.elapsedMs / 1000).toFixed(1).padStart(7)} s${tests > 0 ? `  ${tests} tests` : ''}`,
  );
  for (const name of outcome.failedTestNames) console.log(`    ✖ ${name}`);
}
// A step that failed without a failed test (a type error, say) counts as one failure.
const failures = sum('failedTestCount') + failed.filter((outcome) => outcome.failedTestCount === 0).length;
console.log(`\n${sum('passedTestCount')} passed, ${failures} failed, ${sum('skippedTestCount')} skipped`);
process.exitCode = failed.length === 0 ? 0 : 1;
