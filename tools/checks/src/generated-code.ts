/**
 * Generates all code again and fails when it differs from what lies in the working tree.
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { REPOSITORY_ROOT } from './step.ts';

const GENERATED = ['libs/contract/src', 'libs/graph/src/gen', 'libs/tokenizer/src/fast/engine/gen'];
const snapshot = (): string =>
  execFileSync('sh', ['-c', `find ${GENERATED.join(' ')} -type f | LC_ALL=C sort | xargs sha256sum`], {
    cwd: REPOSITORY_ROOT,
    encoding: 'utf8',
  });

const before = snapshot();
for (const script of ['libs/contract/generate.sh', 'libs/graph/generate.sh', 'libs/tokenizer/assembly/build.sh']) {
  const { status } = spawnSync(script, { cwd: REPOSITORY_ROOT, stdio: 'inherit', shell: true });
  if (status !== 0) process.exit(status ?? 1);
}
const after = snapshot();
if (before === after) {
  console.log(`${before.trimEnd().split('\n').length} generated files are current`);
} else {
  const old = new Set(before.split('\n'));
  const changed = after.split('\n').filter((line) => !old.has(line));
  console.error(`Generated code is not current; commit what \`npm run generate\` writes:\n${changed.join('\n')}`);
  process.exitCode = 1;
}
