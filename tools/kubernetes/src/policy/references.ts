import { nameOf, type Manifest, type StringMap } from '../manifest.ts';
import { matches, type Workload } from '../workload.ts';

interface ServiceSpec {
  readonly clusterIP?: string;
  readonly selector?: StringMap;
  readonly ports?: readonly { readonly name?: string; readonly targetPort?: number | string }[];
}

/** What is wrong between manifests: selectors that select nothing, or what they should not, and names of what is not there. */
export function referenceProblems(manifests: readonly Manifest[], workloads: readonly Workload[]): string[] {
  return [
    ...duplicateNames(manifests),
    ...workloads.flatMap((workload) => workloadProblems(workload, manifests, workloads)),
    ...ofKind(manifests, 'Service').flatMap((service) => serviceProblems(service, workloads)),
    ...[...ofKind(manifests, 'PodDisruptionBudget'), ...ofKind(manifests, 'NetworkPolicy')].flatMap((manifest) =>
      selectorProblems(manifest, workloads),
    ),
    ...ofKind(manifests, 'HorizontalPodAutoscaler').flatMap((manifest) => targetProblems(manifest, manifests)),
  ];
}

const ofKind = (manifests: readonly Manifest[], kind: string): Manifest[] =>
  manifests.filter((manifest) => manifest.kind === kind);

function duplicateNames(manifests: readonly Manifest[]): string[] {
  const names = manifests.map(nameOf);
  return names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name} is there twice`);
}

function workloadProblems(
  workload: Workload,
  manifests: readonly Manifest[],
  workloads: readonly Workload[],
): string[] {
  const { manifest, podLabels, selector, pod } = workload;
  const others = workloads.filter((other) => other !== workload);
  const spec = manifest['spec'] as { readonly serviceName?: string };
  const governing = ofKind(manifests, 'Service').find(({ metadata }) => metadata.name === spec.serviceName);
  const hasHeadless = (governing?.['spec'] as ServiceSpec | undefined)?.clusterIP === 'None';
  const isThere = (kind: string, name: string): boolean =>
    ofKind(manifests, kind).some(({ metadata }) => metadata.name === name);
  const problems: [boolean, string][] = [
    [!workload.isService || selector !== undefined, 'it has no selector'],
    [selector === undefined || matches(podLabels, selector), "its selector is not among its pods' labels"],
    [
      selector === undefined || !others.some((other) => matches(other.podLabels, selector)),
      'its selector also selects pods of another one',
    ],
    [manifest.kind !== 'StatefulSet' || hasHeadless, `there is no headless service ${spec.serviceName ?? '(none)'}`],
    ...(pod.volumes ?? []).map(({ configMap }): [boolean, string] => [
      configMap === undefined || isThere('ConfigMap', configMap.name),
      `there is no ConfigMap ${configMap?.name}`,
    ]),
  ];
  return problems.flatMap(([holds, problem]) => (holds ? [] : [`${nameOf(manifest)}: ${problem}`]));
}

function serviceProblems(service: Manifest, workloads: readonly Workload[]): string[] {
  const { selector = {}, ports = [] } = service['spec'] as ServiceSpec;
  const selected = workloads.filter(({ podLabels }) => matches(podLabels, selector));
  if (selected.length !== 1)
    return [`${nameOf(service)}: it selects pods of ${selected.length} workloads, 1 is expected`];
  const containerPorts = selected.flatMap(({ pod }) => pod.containers.flatMap((container) => container.ports ?? []));
  return ports.flatMap(({ name, targetPort }) => [
    ...(name === undefined ? [`${nameOf(service)}: a port has no name`] : []),
    ...(containerPorts.some((port) => port.name === targetPort)
      ? []
      : [`${nameOf(service)}: no container has a port named ${targetPort ?? '(none)'}`]),
  ]);
}

function selectorProblems(manifest: Manifest, workloads: readonly Workload[]): string[] {
  const spec = manifest['spec'] as Record<'selector' | 'podSelector', { readonly matchLabels?: StringMap } | undefined>;
  const labels = (spec.selector ?? spec.podSelector)?.matchLabels ?? {};
  const selected = workloads.filter(({ podLabels }) => matches(podLabels, labels));
  return selected.length === 1
    ? []
    : [`${nameOf(manifest)}: it selects pods of ${selected.length} workloads, 1 is expected`];
}

function targetProblems(manifest: Manifest, manifests: readonly Manifest[]): string[] {
  const { scaleTargetRef } = manifest['spec'] as { scaleTargetRef: { kind: string; name: string } };
  const target = manifests.find(
    ({ kind, metadata }) => kind === scaleTargetRef.kind && metadata.name === scaleTargetRef.name,
  );
  if (target === undefined)
    return [`${nameOf(manifest)}: there is no ${scaleTargetRef.kind} ${scaleTargetRef.name} to scale`];
  const hasReplicas = (target['spec'] as { replicas?: number }).replicas !== undefined;
  return hasReplicas ? [`${nameOf(target)}: replicas is set and would undo what ${nameOf(manifest)} does`] : [];
}
