import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { CuttingProxy, endProcess, forkService } from '@pemmican/testkit';
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
  for (const name of ['watch_run.py', 'transfer.py'])
    copyFileSync(path.join(CLIENTS_FOLDER, 'python', 'example', name), path.join(project, name));
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

test(
  'the Python example of a transfer goes on over a connection that is cut, with the same digest',
  TIMEOUT,
  async (t) => {
    const root = path.join(project, 'root');
    mkdirSync(root);
    const file = path.join(project, 'weights.bin');
    const bytes = randomBytes(6_000_000);
    writeFileSync(file, bytes);
    const { child, listening } = forkService('embedding-surgery', {
      PEMMICAN_LISTEN: '127.0.0.1:0',
      PEMMICAN_STATE_DIRECTORY: path.join(project, 'state'),
      PEMMICAN_ARTIFACT_ROOTS: root,
      PEMMICAN_LOG_LEVEL: 'error',
    });
    t.after(() => endProcess(child, 'SIGTERM'));
    const address = await listening;
    const port = Number(address.slice(address.lastIndexOf(':') + 1));
    const proxy = await CuttingProxy.start(port, { afterBytes: 3_000_000, of: 'client' });
    t.after(() => proxy.stop());
    const { stdout } = await promisify(execFile)(
      PYTHON.command,
      [path.join(project, 'transfer.py'), '--server', `localhost:${proxy.port}`, '--file', file],
      { env: { ...process.env, ...PYTHON.environment } },
    );
    assert.equal(proxy.cutCount, 1);
    const starts = [...stdout.matchAll(/sending from byte (\d+)/g)].map(([, offset]) => Number(offset));
    assert.equal(starts[0], 0);
    assert.ok((starts.at(-1) ?? 0) > 500_000, stdout);
    assert.match(
      stdout,
      new RegExp(`uploaded: ${root}/[^]*downloaded: sha256:${createHash('sha256').update(bytes).digest('hex')}`),
    );
  },
);
