/**
 * `node tools/kubernetes/src/cluster/build-programs.ts`: builds the programs of a cluster into the cache.
 * @module
 */
import { KubernetesError } from '../error.ts';
import { buildPrograms, programsFolder } from './programs.ts';

try {
  await buildPrograms((line) => {
    console.error(`kubernetes: ${line}`);
  });
  console.log(programsFolder());
} catch (error) {
  if (!(error instanceof KubernetesError)) throw error;
  console.error(`kubernetes: ${error.message}`);
  process.exitCode = 1;
}
