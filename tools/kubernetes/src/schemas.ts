import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { nameOf, type Manifest } from './manifest.ts';
import { schemasFolder } from './places.ts';

/** Kinds that no schema of Kubernetes' own describes: they belong to Prometheus' operator. */
const FOREIGN_KINDS: readonly string[] = [
  'monitoring.coreos.com/v1 ServiceMonitor',
  'monitoring.coreos.com/v1 PrometheusRule',
];

/** By which the schemas refer to the file of what they share. */
const DEFINITIONS_ID = '/api/_definitions.json';

/**
 * Kubernetes' JSON schemas of one version, strict: a field that a resource does not have is an error, as it is for
 * `kubectl apply --validate=strict`.
 */
export class Schemas {
  readonly #folder: string;
  readonly #ajv = new Ajv({ allErrors: true, strict: false, logger: false, validateFormats: false });
  readonly #validators = new Map<string, ValidateFunction>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws KubernetesError NOT_SET_UP */
  static async open(): Promise<Schemas> {
    return new Schemas(await schemasFolder());
  }

  /** What is wrong with a manifest by its kind's schema: `StatefulSet x: /spec/replica: ...`. */
  problemsOf(manifest: Manifest): string[] {
    if (FOREIGN_KINDS.includes(`${manifest.apiVersion} ${manifest.kind}`)) return [];
    const validate = this.#validator(manifest);
    if (validate === undefined) return [`${nameOf(manifest)}: ${manifest.apiVersion} has no such kind`];
    if (validate(manifest)) return [];
    return (validate.errors ?? []).map(({ instancePath, message = '', params }) => {
      const field = (params as { additionalProperty?: string }).additionalProperty;
      return `${nameOf(manifest)}: ${instancePath || '/'}: ${message}${field === undefined ? '' : ` (${field})`}`;
    });
  }

  #validator({ apiVersion, kind }: Manifest): ValidateFunction | undefined {
    // `apps/v1` Deployment is in deployment-apps-v1.json, `policy/v1` in ...-policy-v1.json, `v1` in ...-v1.json; of a group with
    // dots the first part counts.
    const version = apiVersion.replace(/^([a-z0-9]+)(?:\.[a-z0-9.-]+)?\//, '$1-');
    const name = `${kind.toLowerCase()}-${version}.json`;
    const known = this.#validators.get(name);
    const file = path.join(this.#folder, name);
    if (known !== undefined || !existsSync(file)) return known;
    this.#addDefinitions();
    const validate = this.#ajv.compile({ ...readSchema(file), $id: name });
    this.#validators.set(name, validate);
    return validate;
  }

  #addDefinitions(): void {
    if (this.#validators.size > 0) return;
    this.#ajv.addSchema(readSchema(path.join(this.#folder, '_definitions.json')), DEFINITIONS_ID);
  }
}

function readSchema(file: string): object {
  const { $schema: _, ...schema } = JSON.parse(readFileSync(file, 'utf8')) as { $schema?: string };
  return schema;
}
