import { KubernetesError } from './error.ts';
import { parseManifests, type Manifest } from './manifest.ts';
import { kubectlProgram } from './places.ts';
import { runCommand } from '@pemmican/setup';

/**
 * What `kubectl kustomize` makes of a folder.
 * @throws KubernetesError REFUSED with kubectl's own message
 */
export async function buildKustomization(folder: string): Promise<Manifest[]> {
  const { code, stdout, stderr } = await runCommand(await kubectlProgram(), ['kustomize', folder]);
  if (code !== 0) throw new KubernetesError('REFUSED', stderr.trim());
  return parseManifests(stdout, `kubectl kustomize ${folder}`);
}
