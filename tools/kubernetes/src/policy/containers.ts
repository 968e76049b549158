import type { Container, PodSpec, Workload } from '../workload.ts';

/** A version or a digest: what is installed twice is the same twice. */
const PINNED_IMAGE = /^[^\s@]+(?::(?!latest$)[A-Za-z0-9_][\w.-]*|@sha256:[0-9a-f]{64})$/;
const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const;
const RESOURCES = ['cpu', 'memory'] as const;

/** What is wrong with a container by itself. */
export function containerProblems(container: Container, workload: Workload): string[] {
  return [
    ...imageProblems(container),
    ...portProblems(container),
    ...(workload.isService ? probeProblems(container) : []),
    ...resourceProblems(container),
    ...securityProblems(container),
    ...mountProblems(container, workload.pod),
    ...environmentProblems(container),
  ];
}

function imageProblems({ image, imagePullPolicy }: Container): string[] {
  return [
    ...(PINNED_IMAGE.test(image) ? [] : [`image ${image} has no version of its own`]),
    ...(imagePullPolicy === undefined ? ['imagePullPolicy is left to the cluster'] : []),
  ];
}

function portProblems({ ports = [] }: Container): string[] {
  const unnamed = ports.filter(({ name }) => name === undefined);
  const names = ports.map(({ name }) => name);
  return [
    ...unnamed.map(({ containerPort }) => `port ${containerPort} has no name`),
    ...(new Set(names).size === names.length ? [] : ['two ports have one name']),
  ];
}

function probeProblems(container: Container): string[] {
  const ports = container.ports ?? [];
  return PROBES.flatMap((kind) => {
    const probe = container[kind];
    if (probe === undefined) return [`${kind} is missing`];
    const port = probe.grpc?.port ?? probe.httpGet?.port;
    if (port === undefined) return [`${kind} asks neither by gRPC nor by HTTP`];
    const isThere = ports.some(({ name, containerPort }) => port === name || port === containerPort);
    return isThere ? [] : [`${kind} asks port ${port}, which the container does not have`];
  });
}

function resourceProblems({ resources }: Container): string[] {
  return [
    ...RESOURCES.filter((name) => resources?.requests?.[name] === undefined).map((name) => `no request for ${name}`),
    ...(resources?.limits?.['memory'] === undefined ? ['no limit of memory'] : []),
  ];
}

/** What the Pod Security Standard "restricted" asks of a container, and a root file system that nobody can write. */
function securityProblems({ securityContext = {} }: Container): string[] {
  const { capabilities } = securityContext;
  const problems: [boolean, string][] = [
    [securityContext.allowPrivilegeEscalation === false, 'allowPrivilegeEscalation is not false'],
    [securityContext.privileged !== true, 'it is privileged'],
    [securityContext.readOnlyRootFilesystem === true, 'readOnlyRootFilesystem is not true'],
    [securityContext.runAsNonRoot === true, 'runAsNonRoot is not true'],
    [capabilities?.drop?.includes('ALL') === true, 'capabilities do not drop ALL'],
    [(capabilities?.add ?? []).length === 0, 'capabilities are added'],
    [securityContext.seccompProfile?.type === 'RuntimeDefault', 'seccompProfile is not RuntimeDefault'],
  ];
  return problems.flatMap(([holds, problem]) => (holds ? [] : [problem]));
}

/** A mount of a part of a secret's volume (`subPath`) would keep a rotated one out. */
function mountProblems({ volumeMounts = [] }: Container, { volumes = [] }: PodSpec): string[] {
  const secrets = volumes.filter(({ secret }) => secret !== undefined).map(({ name }) => name);
  const paths = volumeMounts.map(({ mountPath }) => mountPath);
  return [
    ...volumeMounts
      .filter(({ name, subPath }) => subPath !== undefined && secrets.includes(name))
      .map(({ name }) => `${name} is a secret that is mounted by subPath`),
    ...(new Set(paths).size === paths.length ? [] : ['two volumes are mounted at one path']),
  ];
}

function environmentProblems({ env = [] }: Container): string[] {
  const names = env.map(({ name }) => name);
  return names
    .filter((name, index) => names.indexOf(name) !== index)
    .map((name) => `variable ${name} is set more than once`);
}
