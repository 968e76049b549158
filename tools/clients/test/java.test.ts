import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { JAVA_CLASS_PATH, SHORT_LIVED_JVM, packJava } from '../src/java.ts';
import { CLIENTS_FOLDER } from '../src/places.ts';
import { checkExample, type ExampleCommand } from './example.ts';
import { missingTool } from './missing-tool.ts';

const TIMEOUT = { timeout: 600_000 };
const skip = missingTool('mvn', '--version') || missingTool('javac', '-version');

// A folder of a user's: outside of the repository, with the jar on its class path.
const project = mkdtempSync(path.join(tmpdir(), 'pemmican-java-'));
const example = path.join(project, 'WatchRun.java');
after(() => rmSync(project, { recursive: true, force: true }));

const JAVA: ExampleCommand = { command: 'java', arguments: [...SHORT_LIVED_JVM, '-cp', JAVA_CLASS_PATH, example] };

before(async () => {
  if (skip !== false) return;
  await packJava();
  copyFileSync(path.join(CLIENTS_FOLDER, 'java', 'example', 'WatchRun.java'), example);
}, TIMEOUT);

test('the Java example goes on over a connection that is cut', { ...TIMEOUT, skip }, (t) =>
  checkExample(t, JAVA, 'cut'),
);
test('the Java example calls a server with a certificate and tokens', { ...TIMEOUT, skip }, (t) =>
  checkExample(t, JAVA, 'guarded'),
);
