import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { REPOSITORY_FOLDER } from '../cache.ts';
import { SetupError } from '../error.ts';
import type { SetupOptions } from '../progress.ts';
import { runCommand } from '../run-command.ts';
import { ensureProgram, findProgram, type FoundProgram, type ProgramSource } from './program.ts';

const MANIFEST = path.join(REPOSITORY_FOLDER, 'deploy/observability/collector/builder.yaml');
const manifest = readFileSync(MANIFEST, 'utf8');
/** The builder is of the release that it builds. */
const VERSION = /^ {2}version: (\S+)$/m.exec(manifest)?.[1] ?? '';

const COLLECTOR: ProgramSource = {
  name: 'otelcol',
  variable: 'PEMMICAN_OTEL_COLLECTOR',
  command: 'otelcol',
  recipe: `procedure 1; ${createHash('sha256').update(manifest).digest('hex')}`,
  sizeBytes: 600e6,
  inFolder: (folder) => ({ command: path.join(folder, 'otelcol'), args: [] }),
  make: build,
};

async function build(folder: string, options: SetupOptions): Promise<void> {
  if ((await runCommand('go', ['version'])).code !== 0)
    throw new SetupError(
      'MISSING_TOOL',
      'The OpenTelemetry Collector is built by Go, and `go version` fails: install Go, or set PEMMICAN_OTEL_COLLECTOR ' +
        'to a collector',
    );
  options.onProgress?.(`otelcol: building the OpenTelemetry Collector ${VERSION} with Go (some minutes, once)`);
  const sources = path.join(folder, 'sources');
  // At the lowest priority: a build of minutes should not be felt.
  const { code, output } = await runCommand(
    'nice',
    [
      ...['-n', '19', 'go', 'run', `go.opentelemetry.io/collector/cmd/builder@v${VERSION}`],
      ...['--config', MANIFEST, '--output-path', sources],
    ],
    { folder, environment: { CGO_ENABLED: '0', GOWORK: 'off' }, isEndedWithUs: true },
  );
  if (code !== 0) throw new SetupError('BUILD_FAILED', `Go could not build the collector:\n${output.trim()}`);
  await rename(path.join(sources, 'otelcol'), path.join(folder, 'otelcol'));
  await rm(sources, { recursive: true });
}

/** The OpenTelemetry Collector: what `PEMMICAN_OTEL_COLLECTOR` names, else the path's, else the one in the cache. */
export function findCollector(): Promise<FoundProgram | undefined> {
  return findProgram(COLLECTOR);
}

/**
 * The OpenTelemetry Collector, built where it is nowhere yet: minutes.
 * @throws SetupError MISSING_TOOL, BUILD_FAILED, NO_SPACE
 */
export function ensureCollector(options: SetupOptions = {}): Promise<FoundProgram> {
  return ensureProgram(COLLECTOR, options);
}
