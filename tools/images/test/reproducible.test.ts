import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { buildImage, testImages } from '../src/mod.ts';
import { REPOSITORY_FOLDER, SERVICE_NAMES } from '../src/services.ts';
import { contextFolder } from '../src/stage/context.ts';

const quiet = (): void => undefined;

interface Bill {
  readonly components: readonly {
    readonly purl: string;
    readonly name: string;
    readonly version: string;
    readonly licenses?: unknown;
  }[];
}

/** `NAME@VERSION` of everything but development dependencies, as npm finds it. */
function npmList(service: string): Set<string> {
  const args = [
    'ls',
    '--all',
    '--parseable',
    '--long',
    '--omit=dev',
    '--package-lock-only',
    '--workspace',
    `services/${service}`,
  ];
  const lines = execFileSync('npm', args, { cwd: REPOSITORY_FOLDER, encoding: 'utf8', maxBuffer: 1e8 })
    .trim()
    .split('\n');
  return new Set(lines.flatMap((line) => line.split(':')[1] ?? []));
}

/** What npm lists and no image has: the workspaces above, builds for other systems, types. */
const IS_NOT_IN_IMAGES = /^(?:pemmican-monorepo|@types\/.*|undici-types|@koromix\/koffi-(?!linux-x64@).*)@/;

test('two builds without a cache give the same layers', { timeout: 120_000 }, async () => {
  const { docker, base } = await testImages();
  const options = { service: 'embedding-surgery', device: 'cpu', base, isCacheUnused: true } as const;
  const first = await buildImage(docker, { ...options, tag: 'test-first' }, quiet);
  const second = await buildImage(docker, { ...options, tag: 'test-second' }, quiet);
  assert.ok(first.layers.length > 1);
  assert.deepEqual(second.layers, first.layers);
  await docker.run(['image', 'rm', first.name, second.name]);
});

test('labels of an image say what it is, of which version and revision, and under which licence', async () => {
  const { docker, nameOf } = await testImages();
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: REPOSITORY_FOLDER, encoding: 'utf8' }).trim();
  for (const service of SERVICE_NAMES) {
    const label = (name: string): Promise<string | undefined> =>
      docker.label(nameOf(service), `org.opencontainers.image.${name}`);
    assert.equal(await label('title'), `pemmican ${service}`);
    assert.equal(await label('version'), '0.1.0');
    assert.equal(await label('licenses'), 'Apache-2.0');
    assert.match((await label('revision')) ?? '', new RegExp(`^${commit}(?:-modified)?$`));
    assert.match((await label('source')) ?? '', /^(?:unknown|https:\/\/.+)$/);
  }
});

test(
  'the bill of materials in an image lists the packages that npm lists of the workspace',
  { timeout: 120_000 },
  async () => {
    const { docker, nameOf } = await testImages();
    const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-bill-'));
    try {
      for (const service of SERVICE_NAMES) {
        const container = (await docker.run(['create', nameOf(service)])).trim();
        const copied = path.join(folder, service);
        await docker.run(['cp', `${container}:/app/sbom.cdx.json`, copied]);
        await docker.run(['rm', '--volumes', container]);
        const text = readFileSync(copied, 'utf8');
        assert.equal(
          text,
          readFileSync(path.join(contextFolder(service, 'cpu'), 'sbom.cdx.json'), 'utf8'),
          'beside it, too',
        );
        const { components } = JSON.parse(text) as Bill;
        for (const { purl, licenses } of components) assert.ok(licenses !== undefined, `${purl} has no licence`);
        const npm = npmList(service);
        const ours = new Set(
          components.filter(({ purl }) => purl.startsWith('pkg:npm/')).map(({ name, version }) => `${name}@${version}`),
        );
        assert.ok(ours.size > 100, `${ours.size} components`);
        assert.deepEqual(
          [...ours].filter((entry) => !npm.has(entry)),
          [],
        );
        const missing = [...npm].filter((entry) => !ours.has(entry) && !IS_NOT_IN_IMAGES.test(entry));
        const itself = `@pemmican/${service}@0.1.0`;
        // Of TensorFlow's packages the trainer has the addon alone, and not what their JavaScript needs.
        if (service !== 'trainer') assert.deepEqual(missing, [itself]);
        const libraries = components.filter(({ purl }) => purl.startsWith('pkg:pypi/')).map(({ name }) => name);
        assert.deepEqual(libraries, service === 'trainer' ? ['tensorflow-cpu'] : []);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
