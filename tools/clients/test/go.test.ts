import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { buildGoProgram, packGo } from '../src/go.ts';
import { CLIENTS_FOLDER } from '../src/places.ts';
import { checkExample, type ExampleCommand } from './example.ts';
import { missingTool } from './missing-tool.ts';

const TIMEOUT = { timeout: 600_000 };
const skip = missingTool('go', 'version');

// A project of a user's: outside of the repository, a module that names the client's.
const project = mkdtempSync(path.join(tmpdir(), 'pemmican-go-'));
after(() => rmSync(project, { recursive: true, force: true }));

const GO: ExampleCommand = { command: path.join(project, 'program'), arguments: [] };

before(async () => {
  if (skip !== false) return;
  await packGo();
  await buildGoProgram(path.join(CLIENTS_FOLDER, 'go', 'example', 'watchrun', 'main.go'), project);
}, TIMEOUT);

test('the Go example goes on over a connection that is cut', { ...TIMEOUT, skip }, (t) => checkExample(t, GO, 'cut'));
test('the Go example calls a server with a certificate and tokens', { ...TIMEOUT, skip }, (t) =>
  checkExample(t, GO, 'guarded'),
);
