import { createServer } from 'node:net';
import { StackError } from './error.ts';

/** Where everything of the stack listens: nothing of it is for other machines. */
export const HOST = '127.0.0.1';

/** What listens, and the port that it takes where nobody names another. */
export const DEFAULT_PORTS = {
  'vocabulary-analysis': 50051,
  'embedding-surgery': 50052,
  trainer: 50053,
  'vocabulary-analysis-metrics': 9464,
  'embedding-surgery-metrics': 9465,
  'trainer-metrics': 9466,
  'otlp-grpc': 4317,
  'otlp-http': 4318,
  'collector-metrics': 8888,
  prometheus: 9090,
  dashboards: 3000,
} as const;
export type PortName = keyof typeof DEFAULT_PORTS;
export type Ports = Readonly<Record<PortName, number>>;

export const PORT_NAMES = Object.keys(DEFAULT_PORTS) as readonly PortName[];

/** Reads `NAME=PORT`. @throws StackError BAD_USAGE */
export function parsePort(text: string): readonly [PortName, number] {
  const [name = '', value = ''] = text.split('=', 2);
  const known = PORT_NAMES.find((each) => each === name);
  if (known === undefined)
    throw new StackError('BAD_USAGE', `There is no port "${name}"; there are ${PORT_NAMES.join(', ')}`);
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65_535)
    throw new StackError('BAD_USAGE', `The port of ${name} is a number from 0 (any free one) to 65535, not "${value}"`);
  return [known, port];
}

/**
 * Finds a port for everything that will listen.
 * @param wanted port by name, 0 for any free one
 * @throws StackError PORT_TAKEN that names what wants which port
 */
export async function choosePorts(wanted: Ports, names: readonly PortName[]): Promise<Ports> {
  // All are held until all are found: no free one is found twice.
  const held = await Promise.allSettled(names.map(async (name) => [name, await hold(name, wanted[name])] as const));
  const chosen: Record<PortName, number> = { ...wanted };
  for (const result of held) {
    if (result.status === 'rejected') continue;
    const [name, { port, release }] = result.value;
    chosen[name] = port;
    await release();
  }
  const failed = held.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return chosen;
}

interface HeldPort {
  readonly port: number;
  readonly release: () => Promise<void>;
}

function hold(name: PortName, wanted: number): Promise<HeldPort> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on (${cause.code})`;
      reject(
        new StackError(
          'PORT_TAKEN',
          `Port ${wanted} of ${HOST}, which ${name} wants, ${why}: end what listens there, or give another with ` +
            `--port ${name}=PORT (0 is any free one)`,
          { cause },
        ),
      );
    });
    server.listen(wanted, HOST, () => {
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      resolve({
        port,
        release: () =>
          new Promise((released) => {
            server.close(() => {
              released();
            });
          }),
      });
    });
  });
}
