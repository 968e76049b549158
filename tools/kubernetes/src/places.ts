import path from 'node:path';
import { findAsset } from '@pemmican/setup';
import { KubernetesError } from './error.ts';

/** Root of the repository. */
export const REPOSITORY_FOLDER: string = path.resolve(import.meta.dirname, '../../..');
export const CHART_FOLDER: string = path.join(REPOSITORY_FOLDER, 'deploy/helm/pemmican');
export const KUSTOMIZE_FOLDER: string = path.join(REPOSITORY_FOLDER, 'deploy/kustomize');

/** Version of Kubernetes whose schemas manifests are checked by, and that the cluster is built from. */
export const KUBERNETES_VERSION = '1.37.2';

/** @throws KubernetesError NOT_SET_UP */
async function assetFolder(name: 'kubernetes-programs' | 'kubernetes-schemas'): Promise<string> {
  const { folder, isReady } = await findAsset(name);
  if (isReady) return folder;
  throw new KubernetesError(
    'NOT_SET_UP',
    `${folder} is not there; run \`node tools/setup/src/main.ts assets ${name}\``,
  );
}

/** Path of helm. @throws KubernetesError NOT_SET_UP */
export const helmProgram = async (): Promise<string> => path.join(await assetFolder('kubernetes-programs'), 'helm');
/** Path of kubectl. @throws KubernetesError NOT_SET_UP */
export const kubectlProgram = async (): Promise<string> =>
  path.join(await assetFolder('kubernetes-programs'), 'kubectl');
/** Folder of Kubernetes' JSON schemas. @throws KubernetesError NOT_SET_UP */
export const schemasFolder = (): Promise<string> => assetFolder('kubernetes-schemas');
