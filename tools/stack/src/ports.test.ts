import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { DEFAULT_PORTS, HOST, choosePorts, parsePort, PORT_NAMES, type PortName, type Ports } from './ports.ts';

const allFree = Object.fromEntries(PORT_NAMES.map((name) => [name, 0])) as Record<PortName, number>;

test('parsePort reads a name and a port, and refuses others', () => {
  assert.deepEqual(parsePort('prometheus=9091'), ['prometheus', 9091]);
  assert.deepEqual(parsePort('trainer=0'), ['trainer', 0]);
  assert.throws(() => parsePort('trianer=1'), { code: 'BAD_USAGE', message: /^There is no port "trianer"; there are .*trainer,/ }); // prettier-ignore
  for (const text of ['trainer', 'trainer=', 'trainer=x', 'trainer=-1', 'trainer=65536', 'trainer=1e3'])
    assert.throws(() => parsePort(text), { code: 'BAD_USAGE', message: /^The port of trainer is a number from 0/ });
});

test('choosePorts finds a free port for each name, none twice', async () => {
  const ports = await choosePorts(allFree, PORT_NAMES);
  const found = Object.values(ports);
  assert.equal(new Set(found).size, PORT_NAMES.length);
  assert.ok(found.every((port) => port > 0));
});

test('choosePorts names the port that is taken and what wants it, and holds no other', async (t) => {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  t.after(() => {
    server.close();
  });
  const { port } = server.address() as { port: number };
  const wanted: Ports = { ...allFree, trainer: port };
  await assert.rejects(choosePorts(wanted, ['prometheus', 'trainer']), {
    code: 'PORT_TAKEN',
    message: `Port ${port} of 127.0.0.1, which trainer wants, is taken: end what listens there, or give another with --port trainer=PORT (0 is any free one)`,
  });
  // What is not asked for may be taken.
  assert.equal((await choosePorts(wanted, ['prometheus'])).trainer, port);
});

test('DEFAULT_PORTS has no port twice', () => {
  assert.equal(new Set(Object.values(DEFAULT_PORTS)).size, PORT_NAMES.length);
});
