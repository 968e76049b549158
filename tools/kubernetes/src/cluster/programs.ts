import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder, runCommand, withLock, type CommandOutcome } from '@pemmican/setup';
import { KubernetesError } from '../error.ts';
import { KUBERNETES_VERSION } from '../places.ts';

const ETCD_VERSION = '3.7.3';
const KUBERNETES_PROGRAMS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet'] as const;

/** What a cluster consists of beside containerd, runc and the network's plugins, which are the system's own. */
export const CLUSTER_PROGRAMS = ['etcd', ...KUBERNETES_PROGRAMS, 'pause'] as const;
export type ClusterProgram = (typeof CLUSTER_PROGRAMS)[number];

// One line for each module, in place of the folders that Kubernetes' own go.mod takes from its repository.
const STAGING_LINE = /^\s*(?:replace )?(k8s\.io\/\S+) => \.\/staging\/src\//gm;
/** What holds a pod's namespaces: it waits for its end. */
const PAUSE_SOURCE = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
}
`;

/** The folder of the programs of this version. */
export function programsFolder(): string {
  return path.join(cacheFolder(), 'kubernetes', `cluster-${KUBERNETES_VERSION}`);
}

/** Which programs have not been built. */
export function missingPrograms(): ClusterProgram[] {
  return CLUSTER_PROGRAMS.filter((name) => !existsSync(path.join(programsFolder(), name)));
}

/**
 * Builds what is missing out of Go modules; a quarter of an hour on two cores. Each program appears when it is whole.
 * @throws KubernetesError NOT_SET_UP without Go, CLUSTER_FAILED with what Go said
 */
export async function buildPrograms(report: (line: string) => void): Promise<void> {
  if (missingPrograms().length === 0) return;
  if ((await go(['version'], process.cwd())).code !== 0)
    throw new KubernetesError('NOT_SET_UP', 'Kubernetes is built by Go 1.26 or later, and `go version` fails');
  await mkdir(programsFolder(), { recursive: true });
  await withLock(programsFolder(), report, async () => {
    const sources = path.join(programsFolder(), 'sources');
    for (const name of missingPrograms()) {
      const begin = performance.now();
      report(`building ${name}`);
      await buildProgram(name, sources);
      report(`built ${name} in ${((performance.now() - begin) / 1000).toFixed(0)} s`);
    }
    await rm(sources, { recursive: true, force: true });
  });
}

async function buildProgram(name: ClusterProgram, sources: string): Promise<void> {
  const folder = path.join(sources, name === 'etcd' || name === 'pause' ? name : 'kubernetes');
  await mkdir(folder, { recursive: true });
  const partial = path.join(programsFolder(), `${name}.partial`);
  const build = ['build', '-p', '2', '-trimpath'];
  if (name === 'pause') {
    await writeFile(path.join(folder, 'go.mod'), 'module local/pause\n\ngo 1.26\n');
    await writeFile(path.join(folder, 'main.go'), PAUSE_SOURCE);
    await goOrThrow([...build, '-ldflags', '-s -w', '-o', partial, '.'], folder);
  } else if (name === 'etcd') {
    const require = `require go.etcd.io/etcd/server/v3 v${ETCD_VERSION}`;
    await writeFile(path.join(folder, 'go.mod'), `module local/etcd\n\ngo 1.26\n\n${require}\n`);
    await goOrThrow([...build, '-ldflags', '-s -w', '-o', partial, 'go.etcd.io/etcd/server/v3'], folder);
  } else {
    if (!existsSync(path.join(folder, 'go.mod'))) await writeKubernetesModule(folder);
    await goOrThrow([...build, '-ldflags', versionFlags(), '-o', partial, `k8s.io/kubernetes/cmd/${name}`], folder);
  }
  await rename(partial, path.join(programsFolder(), name));
}

/**
 * A module of our own that requires Kubernetes: `go install` refuses its go.mod, which takes other modules from folders beside it. Those
 * are published too, as v0.37.2 for v1.37.2.
 */
async function writeKubernetesModule(folder: string): Promise<void> {
  const download = await goOrThrow(['mod', 'download', '-json', `k8s.io/kubernetes@v${KUBERNETES_VERSION}`], folder);
  const { Dir: moduleFolder } = JSON.parse(download.stdout) as { Dir: string };
  const text = await readFile(path.join(moduleFolder, 'go.mod'), 'utf8');
  const stagingVersion = `v0.${KUBERNETES_VERSION.replace(/^1\./, '')}`;
  const replacements = [...text.matchAll(STAGING_LINE)].map(([, name]) => `\t${name} => ${name} ${stagingVersion}`);
  const lines = [
    'module local/kubernetes',
    ...(text.match(/^(?:go \S+|godebug \w+=\S+)$/gm) ?? []),
    ...(text.match(/^godebug \([^)]*\)/m) ?? []),
    `require k8s.io/kubernetes v${KUBERNETES_VERSION}`,
    ...(text.match(/^require \([^)]*\)/gm) ?? []),
    `replace (\n${[...new Set(replacements)].join('\n')}\n)`,
  ];
  await cp(path.join(moduleFolder, 'go.sum'), path.join(folder, 'go.sum'));
  await runCommand('chmod', ['u+w', path.join(folder, 'go.sum')]);
  await writeFile(path.join(folder, 'go.mod'), `${lines.join('\n\n')}\n`);
}

function versionFlags(): string {
  const [major, minor] = KUBERNETES_VERSION.split('.');
  const values = { gitVersion: `v${KUBERNETES_VERSION}`, gitMajor: major, gitMinor: minor, gitTreeState: 'archive' };
  const flags = Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  return `-s -w ${flags.join(' ')}`;
}

/** Go at the lowest priority: a build of a quarter of an hour should not be felt. */
function go(args: readonly string[], folder: string): Promise<CommandOutcome> {
  return runCommand('nice', ['-n', '19', 'go', ...args], {
    folder,
    environment: { CGO_ENABLED: '0', GOFLAGS: '-mod=mod', GOWORK: 'off', GO111MODULE: 'on' },
  });
}

async function goOrThrow(args: readonly string[], folder: string): Promise<CommandOutcome> {
  const outcome = await go(args, folder);
  if (outcome.code === 0) return outcome;
  throw new KubernetesError('CLUSTER_FAILED', `go ${args[0]} failed:\n${outcome.stderr.trim().slice(-4000)}`);
}
