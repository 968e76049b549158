#!/usr/bin/env node
// Starts the command under the repository's pinned Node, whatever Node runs this file. Plain JavaScript that old
// versions of Node parse as well.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import module from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const repositoryFolder = path.resolve(packageFolder, '../..');
const mainFile = path.join(packageFolder, 'src/main.ts');
const pinnedNode = path.join(repositoryFolder, 'node_modules/node/bin/node');

// Types are stripped from the sources once, and not by each process of each command. In the user's own folder: what is
// cached is code.
process.env.NODE_COMPILE_CACHE ??= path.join(
  process.env.PEMMICAN_CACHE_DIR ?? path.join(os.homedir(), '.cache/pemmican'),
  'compiled',
);

function startUnderPinnedNode() {
  const args = [mainFile, ...process.argv.slice(2)];
  // A true exec where this Node has it (22.15 and later): no second process that signals would have to pass through.
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(pinnedNode, [pinnedNode, ...args], process.env);
  }
  // The IPC channel tells the command when this launcher is killed.
  const child = spawn(pinnedNode, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`pemmican: cannot start ${pinnedNode}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? code : 128 + (os.constants.signals[signal] ?? 0));
  });
}

if (!existsSync(pinnedNode)) {
  process.stderr.write(
    `pemmican: the pinned Node is missing (${pinnedNode}).\nRun \`npm run setup\` in ${repositoryFolder} first.\n`,
  );
  process.exit(3);
} else if (realpathSync(process.execPath) === realpathSync(pinnedNode)) {
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  await import(mainFile);
} else {
  startUnderPinnedNode();
}
