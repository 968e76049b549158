import type { Manifest, StringMap } from './manifest.ts';

/** The parts of a pod that the policies look at; the schemas have checked the rest. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly imagePullPolicy?: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly resources?: { readonly requests?: StringMap; readonly limits?: StringMap };
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly privileged?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly runAsNonRoot?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
    readonly seccompProfile?: { readonly type?: string };
  };
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
}

export interface Probe {
  readonly grpc?: { readonly port: number };
  readonly httpGet?: { readonly port: number | string };
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly sizeLimit?: string };
  readonly hostPath?: unknown;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: {
    readonly runAsNonRoot?: boolean;
    readonly runAsUser?: number;
    readonly seccompProfile?: { readonly type?: string };
  };
}

/** Something that makes pods, with what it makes them of. */
export interface Workload {
  readonly manifest: Manifest;
  readonly pod: PodSpec;
  readonly podLabels: StringMap;
  /** Labels by which it knows its pods; undefined where it makes one pod or counts them otherwise. */
  readonly selector?: StringMap;
  /** Names of the volumes that its claim templates make. */
  readonly claimNames: readonly string[];
  /** Whether its pods are to go on until they are ended, and so have probes. */
  readonly isService: boolean;
}

interface WorkloadSpec {
  readonly selector?: { readonly matchLabels?: StringMap };
  readonly template?: { readonly metadata?: { readonly labels?: StringMap }; readonly spec: PodSpec };
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
}

/** The manifests that make pods. */
export function workloadsOf(manifests: readonly Manifest[]): Workload[] {
  return manifests.flatMap((manifest): Workload[] => {
    if (manifest.kind === 'Pod') {
      const pod = manifest['spec'] as PodSpec;
      return [{ manifest, pod, podLabels: manifest.metadata.labels ?? {}, claimNames: [], isService: false }];
    }
    const { template, selector, volumeClaimTemplates = [] } = (manifest['spec'] ?? {}) as WorkloadSpec;
    if (template === undefined) return [];
    return [
      {
        manifest,
        pod: template.spec,
        podLabels: template.metadata?.labels ?? {},
        ...(selector?.matchLabels === undefined ? {} : { selector: selector.matchLabels }),
        claimNames: volumeClaimTemplates.map(({ metadata }) => metadata.name),
        isService: manifest.kind !== 'Job',
      },
    ];
  });
}

/** Whether labels have every one of a selector's. */
export const matches = (labels: StringMap, selector: StringMap): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);
