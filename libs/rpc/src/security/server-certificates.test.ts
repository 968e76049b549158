import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { Client, Server, credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { createLogger } from '../logger.ts';
import { tlsCredentials, type TlsFiles } from './server-certificates.ts';

const CERTIFICATES = path.join(import.meta.dirname, '../../test/certificates');
const file = (name: string): string => path.join(CERTIFICATES, name);
const pem = (name: string): Buffer => readFileSync(file(name));
const RELOAD_MS = 20;

interface LogLine {
  readonly message: string;
  readonly problem?: string;
}

/** A server with nothing on it, and what it logs. */
async function serve(t: TestContext, files: TlsFiles): Promise<{ port: number; log: LogLine[] }> {
  const log: LogLine[] = [];
  const logger = createLogger('test', 'info', (line) => log.push(JSON.parse(line) as LogLine));
  const server = new Server();
  const tls = await tlsCredentials(files, logger, RELOAD_MS);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', tls, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  t.after(() => {
    server.forceShutdown();
  });
  return { port, log };
}

/** Whether a client with these credentials gets a connection. */
async function connects(port: number, client: ChannelCredentials): Promise<boolean> {
  const channel = new Client(`localhost:${port}`, client);
  try {
    return await new Promise((resolve) => {
      channel.waitForReady(Date.now() + 1500, (error) => {
        resolve(error === undefined);
      });
    });
  } finally {
    channel.close();
  }
}

/** Common name of the certificate that a new connection is shown. */
function servedName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: pem('authority.pem'), ALPNProtocols: ['h2'] }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test('tlsCredentials serves clients that trust its authority, and no others', async (t) => {
  const { port } = await serve(t, { certificateFile: file('server.pem'), keyFile: file('server.key') });
  assert.equal(await connects(port, credentials.createSsl(pem('authority.pem'))), true);
  assert.equal(await connects(port, credentials.createSsl(pem('stranger.pem'))), false);
  assert.equal(await connects(port, credentials.createInsecure()), false);
});

test('tlsCredentials with an authority of clients wants a certificate of that authority', async (t) => {
  const { port } = await serve(t, {
    certificateFile: file('server.pem'),
    keyFile: file('server.key'),
    clientCaFile: file('authority.pem'),
  });
  const trust = pem('authority.pem');
  const client = (name: string): ChannelCredentials =>
    credentials.createSsl(trust, pem(`${name}.key`), pem(`${name}.pem`));
  assert.equal(await connects(port, client('client')), true);
  assert.equal(await connects(port, client('client-of-stranger')), false);
  assert.equal(await connects(port, credentials.createSsl(trust)), false);
});

test('tlsCredentials takes a rotated certificate up, and keeps what it has while a rotation is half-written', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-tls-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const [certificateFile, keyFile] = [path.join(folder, 'tls.crt'), path.join(folder, 'tls.key')];
  copyFileSync(file('server.pem'), certificateFile);
  copyFileSync(file('server.key'), keyFile);
  const { port, log } = await serve(t, { certificateFile, keyFile });
  assert.equal(await servedName(port), 'server-before');
  copyFileSync(file('server-rotated.pem'), certificateFile);
  await untilLogged(log, 'certificates stay as they were');
  assert.match(log.at(-1)?.problem ?? '', /tls\.key is not the key of .*tls\.crt/);
  assert.equal(await servedName(port), 'server-before');
  copyFileSync(file('server-rotated.key'), keyFile);
  await untilLogged(log, 'certificates were read again');
  assert.equal(await servedName(port), 'server-after');
  rmSync(certificateFile);
  await delay(5 * RELOAD_MS);
  assert.equal(await servedName(port), 'server-after');
});

async function untilLogged(log: readonly LogLine[], message: string): Promise<void> {
  for (let tries = 0; !log.some((line) => line.message === message); tries++) {
    assert.ok(tries < 500, `"${message}" is not logged`);
    await delay(RELOAD_MS);
  }
}

test('tlsCredentials names the file that is not there, is no PEM, or does not fit', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-tls-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const broken = path.join(folder, 'broken.pem');
  writeFileSync(broken, 'not PEM');
  const logger = createLogger('test', 'silent');
  const [certificateFile, keyFile] = [file('server.pem'), file('server.key')];
  const cases: [TlsFiles, RegExp][] = [
    [{ certificateFile: `${broken}.none`, keyFile }, /broken\.pem\.none cannot be read: ENOENT/],
    [{ certificateFile: broken, keyFile }, /broken\.pem is no certificate in PEM/],
    [{ certificateFile, keyFile: broken }, /broken\.pem is no key in PEM/],
    [{ certificateFile, keyFile: file('client.key') }, /client\.key is not the key of .*server\.pem/],
    [{ certificateFile, keyFile, clientCaFile: broken }, /broken\.pem is no certificate in PEM/],
  ];
  for (const [files, message] of cases) await assert.rejects(tlsCredentials(files, logger), message);
});
