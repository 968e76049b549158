import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { CLIENTS_FOLDER, cacheOf } from '../src/places.ts';
import { installPython, packPython } from '../src/python.ts';
import { checkExample, type ExampleCommand } from './example.ts';

const TIMEOUT = { timeout: 180_000 };

// A project of a user's: outside of the repository, with the package installed from its wheel.
const project = mkdtempSync(path.join(tmpdir(), 'pemmican-python-'));
const example = path.join(project, 'watch_run.py');
after(() => rmSync(project, { recursive: true, force: true }));
before(async () => {
  await installPython(await packPython(), path.join(project, 'packages'));
  copyFileSync(path.join(CLIENTS_FOLDER, 'python', 'example', 'watch_run.py'), example);
});

const PYTHON: ExampleCommand = {
  command: path.join(cacheOf('python'), 'bin', 'python'),
  arguments: [example],
  environment: { PYTHONPATH: path.join(project, 'packages') },
};

test('the Python example goes on over a connection that is cut', TIMEOUT, (t) => checkExample(t, PYTHON, 'cut'));
test('the Python example calls a server with a certificate and tokens', TIMEOUT, (t) =>
  checkExample(t, PYTHON, 'guarded'),
);
