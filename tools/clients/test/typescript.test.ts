import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { CLIENTS_FOLDER } from '../src/places.ts';
import { installTypescript, packTypescript } from '../src/typescript.ts';
import { checkExample } from './example.ts';

const TIMEOUT = { timeout: 180_000 };

// A project of a user's: outside of the repository, with the package installed from its tarball.
const project = mkdtempSync(path.join(tmpdir(), 'pemmican-typescript-'));
const example = path.join(project, 'watch-run.ts');
after(() => rmSync(project, { recursive: true, force: true }));
before(async () => {
  await installTypescript(await packTypescript(), project);
  writeFileSync(path.join(project, 'package.json'), '{ "type": "module" }\n');
  copyFileSync(path.join(CLIENTS_FOLDER, 'typescript', 'example', 'watch-run.ts'), example);
});

const NODE = { command: 'node', arguments: [example] };
const DENO = {
  command: 'deno',
  arguments: ['run', '--no-lock', '--no-prompt', '--allow-net', '--allow-read', '--allow-env', example],
};

for (const [runtime, command] of [
  ['Node', NODE],
  ['Deno', DENO],
] as const) {
  test(`the TypeScript example goes on over a connection that is cut, under ${runtime}`, TIMEOUT, (t) =>
    checkExample(t, command, 'cut'),
  );
  test(`the TypeScript example calls a server with a certificate and tokens, under ${runtime}`, TIMEOUT, (t) =>
    checkExample(t, command, 'guarded'),
  );
}
