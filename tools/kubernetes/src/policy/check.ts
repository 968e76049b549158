import { nameOf, type Manifest } from '../manifest.ts';
import { workloadsOf } from '../workload.ts';
import { containerProblems } from './containers.ts';
import { podProblems } from './pods.ts';
import { referenceProblems } from './references.ts';

/** What a set of manifests, as it would be applied, does not keep of our policy; empty where it keeps all of it. */
export function policyProblems(manifests: readonly Manifest[]): string[] {
  const workloads = workloadsOf(manifests);
  return [
    ...workloads.flatMap((workload) => {
      const name = nameOf(workload.manifest);
      const containers = [...(workload.pod.initContainers ?? []), ...workload.pod.containers];
      return [
        ...podProblems(workload).map((problem) => `${name}: ${problem}`),
        ...containers.flatMap((container) =>
          containerProblems(container, workload).map((problem) => `${name}, ${container.name}: ${problem}`),
        ),
      ];
    }),
    ...referenceProblems(manifests, workloads),
  ];
}
