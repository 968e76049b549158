import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeTar, type TarEntry } from '../archive/tar.ts';
import type { DockerClient } from '../docker-client.ts';
import { ImagesError } from '../error.ts';
import { runCommand } from '@pemmican/setup';
import { withParents } from '../stage/application-entries.ts';

/** Name of the base image that is made of this machine's own Node. */
export const LOCAL_BASE: string = `pemmican/node:${process.versions.node}`;
const INPUTS_LABEL = 'pemmican.base.inputs';

// Loaded at run time, and so not among what ldd tells of node: names of hosts, what TensorFlow and other addons want, and what
// cuDNN (libz) and CUPTI (libutil) do, without which TensorFlow uses no GPU.
const FURTHER_LIBRARIES = [
  'libnss_dns.so.2',
  'libnss_files.so.2',
  'libresolv.so.2',
  'librt.so.1',
  'libutil.so.1',
  'libz.so.1',
];
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Makes a base image where there is no registry to have one from: this machine's Node and the C and C++ libraries that it runs
 * with, names of hosts and authorities' certificates. No shell, no package manager, nothing else. Does nothing where it is there.
 * @returns its name
 * @throws ImagesError
 */
export async function ensureLocalBase(docker: DockerClient, report: (line: string) => void): Promise<string> {
  const entries = withParents(await baseEntries());
  const inputs = digestOf(entries);
  if ((await docker.label(LOCAL_BASE, INPUTS_LABEL)) === inputs) return LOCAL_BASE;
  const begin = performance.now();
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-base-'));
  try {
    const archive = path.join(folder, 'base.tar');
    await writeTar(archive, entries);
    const changes = ['ENV PATH=/usr/bin', `LABEL ${INPUTS_LABEL}=${inputs}`].flatMap((line) => ['--change', line]);
    await docker.run(['import', ...changes, '-', LOCAL_BASE], { inputFile: archive });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  report(`${LOCAL_BASE} made in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  return LOCAL_BASE;
}

async function baseEntries(): Promise<TarEntry[]> {
  const libraries = await librariesOf(process.execPath);
  const folder = path.dirname(libraries.find((file) => /\/libc\.so\.6$/.test(file)) ?? '');
  const further = FURTHER_LIBRARIES.map((name) => path.join(folder, name));
  const files = [...new Set([...libraries, ...further])].filter((file) => existsSync(file));
  return [
    fileEntry('usr/bin/node', process.execPath, 0o755),
    ...files.map((file) => fileEntry(file.slice(1), file, 0o755)),
    ...(existsSync(CERTIFICATES) ? [fileEntry(CERTIFICATES.slice(1), CERTIFICATES, 0o644)] : []),
    textEntry('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
    textEntry('etc/passwd', 'root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/nonexistent:/nonexistent\n'),
    textEntry('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
    { type: 'folder', path: 'tmp', mode: 0o1777 },
  ];
}

/** Shared libraries that a program is started with, by the paths that it looks for them. */
async function librariesOf(program: string): Promise<string[]> {
  const { code, stdout, output } = await runCommand('ldd', [program]);
  const found = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].flatMap(([, file]) => file ?? []);
  if (code !== 0 || found.length === 0)
    throw new ImagesError('MALFORMED', `ldd cannot tell the libraries of ${program}:\n${output.trim()}`);
  return found;
}

function fileEntry(at: string, file: string, mode: number): TarEntry {
  const source = realpathSync(file);
  return { type: 'file', path: at, mode, source, sizeBytes: statSync(source).size };
}

function textEntry(at: string, content: string): TarEntry {
  return { type: 'file', path: at, content: Buffer.from(content) };
}

function digestOf(entries: readonly TarEntry[]): string {
  const hash = createHash('sha256');
  for (const entry of entries) {
    hash.update(JSON.stringify({ ...entry, source: undefined, content: undefined }));
    if (entry.type === 'file') hash.update('content' in entry ? entry.content : readFileSync(entry.source));
  }
  return hash.digest('hex');
}
