import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CLIENTS_FOLDER, REPOSITORY_FOLDER } from './places.ts';
import { run } from './run.ts';

const FOLDER = path.join(CLIENTS_FOLDER, 'go');
const PLUGINS = ['google.golang.org/protobuf/cmd/protoc-gen-go', 'google.golang.org/grpc/cmd/protoc-gen-go-grpc'];

/** A Go build without C, so that nothing but Go's own tools is needed. Modules and build results go where Go keeps them. */
async function goBuild(folder: string, ...parameters: readonly string[]): Promise<void> {
  await run('go', ['build', '-buildvcs=false', ...parameters], { folder, environment: { CGO_ENABLED: '0' } });
}

/**
 * Generates the Go module `pemmican.example/client`.
 * @returns its folder, which a `replace` in another module's go.mod can name
 */
export async function packGo(): Promise<string> {
  await goBuild(FOLDER, '-o', 'bin/', ...PLUGINS);
  await rm(path.join(FOLDER, 'pemmican'), { recursive: true, force: true });
  const protos = path.join(REPOSITORY_FOLDER, 'proto');
  await run('buf', ['generate', protos, '--path', path.join(protos, 'pemmican')], { folder: FOLDER });
  return FOLDER;
}

/**
 * Builds a program of a module of its own that uses the client.
 * @param source its only file
 * @returns the program
 */
export async function buildGoProgram(source: string, project: string): Promise<string> {
  await mkdir(project, { recursive: true });
  await copyFile(source, path.join(project, 'main.go'));
  // The same versions as the client's module has.
  const client = await readFile(path.join(FOLDER, 'go.mod'), 'utf8');
  const required = `\nrequire pemmican.example/client v0.0.0\nreplace pemmican.example/client => ${FOLDER}\n`;
  const module = client.replace(/^module .*/, 'module example').replace(/\ntool \([^)]*\)\n/, '');
  await writeFile(path.join(project, 'go.mod'), module + required);
  await copyFile(path.join(FOLDER, 'go.sum'), path.join(project, 'go.sum'));
  await goBuild(project, '-mod=mod', '-o', 'program', '.');
  return path.join(project, 'program');
}
