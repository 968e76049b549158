/**
 * `node tools/kubernetes/src/kustomize-base.ts [--check]`: writes deploy/kustomize/base from the chart, or says whether it is what
 * the chart makes.
 * @module
 */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { renderChart } from './helm.ts';
import type { Manifest } from './manifest.ts';
import { KUSTOMIZE_FOLDER } from './places.ts';

const BASE_FOLDER = path.join(KUSTOMIZE_FOLDER, 'base');
const HEADER = '# Made of the Helm chart by `node tools/kubernetes/src/kustomize-base.ts`; change the chart.\n';
const COMPONENT = 'app.kubernetes.io/component';
/** What only Helm reads. */
const HELM_LABELS: readonly string[] = ['helm.sh/chart', 'app.kubernetes.io/managed-by'];
const HELM_ANNOTATION = /^helm\.sh\//;

/** Files of the base by their names. */
export async function kustomizeBase(): Promise<Map<string, string>> {
  const manifests = (await renderChart()).filter(
    ({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined,
  );
  const files = new Map<string, Manifest[]>();
  for (const manifest of manifests) {
    const component = manifest.metadata.labels?.[COMPONENT] ?? '';
    const isService = manifests.some(
      ({ kind, metadata }) => kind === 'StatefulSet' && metadata.labels?.[COMPONENT] === component,
    );
    const name = `${isService ? component : 'shared'}.yaml`;
    files.set(name, [...(files.get(name) ?? []), withoutHelm(manifest)]);
  }
  const names = [...files.keys()].sort();
  const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: names };
  return new Map([
    ['kustomization.yaml', HEADER + stringify(kustomization)],
    ...names.map((name): [string, string] => [
      name,
      HEADER + (files.get(name) ?? []).map((manifest) => stringify(manifest, { lineWidth: 0 })).join('---\n'),
    ]),
  ]);
}

/** The same without Helm's labels and annotations, wherever they stand, and without the namespace of one release. */
function withoutHelm(manifest: Manifest): Manifest {
  const text = JSON.stringify(manifest, (key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !['labels', 'annotations'].includes(key)) return value;
    const kept = Object.entries(value).filter(([name]) => !HELM_LABELS.includes(name) && !HELM_ANNOTATION.test(name));
    return kept.length === 0 ? undefined : Object.fromEntries(kept);
  });
  const { namespace: _, ...metadata } = (JSON.parse(text) as Manifest).metadata;
  return { ...(JSON.parse(text) as Manifest), metadata };
}

/** Names of files of the base that are not what the chart makes. */
export async function staleBaseFiles(): Promise<string[]> {
  const made = await kustomizeBase();
  const found = await readdir(BASE_FOLDER).catch(() => []);
  const names = [...new Set([...made.keys(), ...found])].sort();
  const checks = names.map(async (name) => {
    const text = await readFile(path.join(BASE_FOLDER, name), 'utf8').catch(() => undefined);
    return text === made.get(name) ? [] : [name];
  });
  return (await Promise.all(checks)).flat();
}

async function writeBase(): Promise<void> {
  await rm(BASE_FOLDER, { recursive: true, force: true });
  await mkdir(BASE_FOLDER, { recursive: true });
  for (const [name, text] of await kustomizeBase()) await writeFile(path.join(BASE_FOLDER, name), text);
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const stale = await staleBaseFiles();
    for (const name of stale) console.error(`deploy/kustomize/base/${name} is not what the chart makes`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else await writeBase();
}
