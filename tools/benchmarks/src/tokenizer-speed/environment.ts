/**
 * Where the benchmark's files are, and the peers' packages, which are installed below the cache folder once.
 * @module
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CACHE_FOLDER, oraclePython } from '@pemmican/testkit';
import { REFERENCE_PACKAGES, type Peer } from './peers.ts';

export const FOLDER: string = join(CACHE_FOLDER, 'benchmarks', 'tokenizer-speed');
export const NPM_FOLDER: string = join(FOLDER, 'npm-peers');
const PYTHON_FOLDER = join(FOLDER, 'python-peers');
export const PYTHON: string = join(PYTHON_FOLDER, 'bin', 'python');

/** Why a package is not there, by package; empty where all is well. */
export type InstallFailures = Readonly<Record<string, string>>;

export function tokenizerFile(name: string): string {
  for (const folder of ['tokenizers', 'models']) {
    const file = join(CACHE_FOLDER, folder, name, 'tokenizer.json');
    if (existsSync(file)) return file;
  }
  throw new RangeError(`No tokenizer ${name} below ${CACHE_FOLDER}; node tools/setup/src/main.ts assets fetches it`);
}

export function corpusFile(name: string): string {
  const file = join(CACHE_FOLDER, 'corpora', `${name}.txt`);
  if (existsSync(file)) return file;
  throw new RangeError(`No corpus ${file}; node tools/benchmarks/src/corpora.ts ${name} makes it`);
}

const run = promisify(execFile);

async function install(
  stampFile: string,
  packages: readonly string[],
  installOne: (name: string) => Promise<unknown>,
): Promise<Record<string, string>> {
  const failures = existsSync(stampFile) ? (JSON.parse(readFileSync(stampFile, 'utf8')) as Record<string, string>) : {};
  for (const name of packages) {
    if (failures[name] === '') continue;
    console.error(`installing ${name}`);
    failures[name] = await installOne(name).then(
      () => '',
      (error: unknown) =>
        /(?:ERROR: |npm error ).*/.exec(String((error as { stderr?: string }).stderr))?.[0] ?? String(error),
    );
    writeFileSync(stampFile, JSON.stringify(failures, null, 1));
  }
  return failures;
}

/** Installs what is missing of the reference and the peers, each package by itself, since some have no build for a machine. */
export async function installPeers(peers: readonly Peer[]): Promise<InstallFailures> {
  mkdirSync(NPM_FOLDER, { recursive: true });
  if (!existsSync(PYTHON)) await run(oraclePython(), ['-m', 'venv', PYTHON_FOLDER]);
  const packagesOf = (language: Peer['language']): string[] =>
    peers.filter((peer) => peer.language === language).flatMap((peer) => peer.packages);
  const python = await install(
    join(PYTHON_FOLDER, 'installed.json'),
    [...REFERENCE_PACKAGES, ...packagesOf('Python')],
    (name) =>
      run(PYTHON, [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-input',
        '--disable-pip-version-check',
        '--only-binary=:all:',
        name,
      ]),
  );
  if (!existsSync(join(NPM_FOLDER, 'package.json')))
    writeFileSync(join(NPM_FOLDER, 'package.json'), '{ "private": true }\n');
  const node = await install(join(NPM_FOLDER, 'installed.json'), packagesOf('Node'), (name) =>
    run(
      'npm',
      ['install', '--prefix', NPM_FOLDER, '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', name],
      {
        cwd: NPM_FOLDER,
      },
    ),
  );
  for (const name of REFERENCE_PACKAGES)
    if (python[name] !== '') throw new Error(`The reference does not install: ${name}: ${python[name]}`);
  return Object.fromEntries([...Object.entries(python), ...Object.entries(node)].filter(([, reason]) => reason !== ''));
}
