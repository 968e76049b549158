import { parseAllDocuments } from 'yaml';
import { KubernetesError } from './error.ts';

/** Labels, annotations, selectors. */
export type StringMap = Readonly<Record<string, string>>;

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: StringMap;
  readonly annotations?: StringMap;
}

/** A resource of Kubernetes as it stands in a file; what its kind asks for beside is left to the schemas. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
}

/** `StatefulSet pemmican-trainer`, as messages name it. */
export const nameOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name}`;

/**
 * Reads a stream of YAML documents; empty ones count for nothing.
 * @throws KubernetesError MALFORMED for what is no YAML or no resource
 */
export function parseManifests(text: string, source: string): Manifest[] {
  const manifests: Manifest[] = [];
  for (const document of parseAllDocuments(text)) {
    const [problem] = document.errors;
    if (problem !== undefined) throw new KubernetesError('MALFORMED', `${source}: ${problem.message}`);
    const value: unknown = document.toJS();
    if (value === null || value === undefined) continue;
    if (!isManifest(value))
      throw new KubernetesError('MALFORMED', `${source}: a document has no apiVersion, kind or metadata.name`);
    manifests.push(value);
  }
  return manifests;
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const { apiVersion, kind, metadata } = value as Record<string, unknown>;
  const name = (metadata as Record<string, unknown> | undefined)?.['name'];
  return typeof apiVersion === 'string' && typeof kind === 'string' && typeof name === 'string';
}
