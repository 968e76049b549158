import { createHash } from 'node:crypto';
import net from 'node:net';
import path from 'node:path';

/**
 * Runs `action` while no other process of this machine runs one with the same folder, and waits for its turn.
 *
 * The lock is a listening socket with a name in Linux's abstract namespace: the kernel gives it to one process and takes
 * it back when that process ends, however it ends, so there is no lock file that could be left behind. Who waits holds a
 * connection to the owner and learns from its end that the turn is over.
 */
export async function withLock(folder, report, action) {
  const name = `\0pemmican-setup:${createHash('sha256').update(path.resolve(folder)).digest('hex').slice(0, 32)}`;
  let isReported = false;
  for (;;) {
    const server = await listen(name);
    if (server !== undefined) {
      try {
        return await action();
      } finally {
        server.release();
      }
    }
    await waitForOwner(name, (owner) => {
      if (!isReported) report(`waiting for another set-up of this folder (process ${owner})`);
      isReported = true;
    });
  }
}

function listen(name) {
  return new Promise((resolve, reject) => {
    const waiting = new Set();
    const server = net.createServer((socket) => {
      waiting.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => waiting.delete(socket));
      socket.unref();
      socket.write(`${process.pid}\n`);
    });
    server.unref();
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(name, () => {
      const release = () => {
        server.close();
        for (const socket of waiting) socket.destroy();
      };
      resolve({ release });
    });
  });
}

function waitForOwner(name, onOwner) {
  return new Promise((resolve) => {
    const socket = net.connect(name);
    socket.setEncoding('utf8');
    socket.on('data', (text) => onOwner(text.trim()));
    // An owner that ended between our two calls refuses the connection: the next try decides.
    socket.on('error', () => undefined);
    socket.on('close', () => setTimeout(resolve, 20));
  });
}
