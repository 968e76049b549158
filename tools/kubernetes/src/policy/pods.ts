import type { Workload } from '../workload.ts';

/** What is wrong with a pod by itself: the Pod Security Standard "restricted", and no rights in the cluster. */
export function podProblems({ pod, claimNames }: Workload): string[] {
  const { securityContext = {}, volumes = [] } = pod;
  const problems: [boolean, string][] = [
    [pod.automountServiceAccountToken === false, 'automountServiceAccountToken is not false'],
    [pod.serviceAccountName !== undefined, 'serviceAccountName is missing'],
    [pod.hostNetwork !== true && pod.hostPID !== true && pod.hostIPC !== true, 'it shares namespaces of the node'],
    [securityContext.runAsNonRoot === true, 'runAsNonRoot is not true'],
    [(securityContext.runAsUser ?? 0) > 0, 'runAsUser is no number above 0'],
    [securityContext.seccompProfile?.type === 'RuntimeDefault', 'seccompProfile is not RuntimeDefault'],
    [volumes.every(({ hostPath }) => hostPath === undefined), 'it mounts a path of the node'],
  ];
  const unlimited = volumes.filter(({ emptyDir }) => emptyDir !== undefined && emptyDir.sizeLimit === undefined);
  const names = [...volumes.map(({ name }) => name), ...claimNames];
  const mounts = [...(pod.initContainers ?? []), ...pod.containers].flatMap(({ volumeMounts = [] }) => volumeMounts);
  return [
    ...problems.flatMap(([holds, problem]) => (holds ? [] : [problem])),
    ...unlimited.map(({ name }) => `emptyDir ${name} has no sizeLimit`),
    ...mounts.filter(({ name }) => !names.includes(name)).map(({ name }) => `there is no volume ${name} to mount`),
    ...names
      .filter((name) => !mounts.some((mount) => mount.name === name))
      .map((name) => `volume ${name} is mounted nowhere`),
  ];
}
