import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import { createRequire } from 'node:module';
import { connect, createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface S3rver {
  readonly httpServer: Server;
  readonly middleware: ((context: S3rverContext, next: () => Promise<void>) => Promise<void>)[];
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
}
interface S3rverContext {
  readonly path: string;
  readonly state: object;
  mountPath?: string;
}
type S3rverClass = new (options: Readonly<Record<string, unknown>>) => S3rver;

// The one account that s3rver knows; it checks signatures with it.
const ACCESS_KEY_ID = 'S3RVER';
const SECRET_ACCESS_KEY = 'S3RVER';

/** Marks of long listings are encrypted with DES by s3rver 5.0.0, which OpenSSL 3 has no more. They get another cipher. */
function replaceDes(): void {
  const crypto = createRequire(import.meta.url)('node:crypto') as Record<
    'createCipheriv' | 'createDecipheriv',
    (algorithm: string, key: Buffer, vector: Buffer) => unknown
  >;
  for (const name of ['createCipheriv', 'createDecipheriv'] as const) {
    const original = crypto[name];
    crypto[name] = (algorithm, key, vector) =>
      algorithm === 'des'
        ? original('aes-128-cbc', Buffer.concat([key, key]), Buffer.concat([vector, vector]))
        : original(algorithm, key, vector);
  }
}

/**
 * A server that speaks S3, checks signatures and keeps its objects in a temporary folder. Clients reach it by way of a relay that
 * can break connections off and be shut.
 */
export class S3TestServer {
  /** `METHOD PATH [RANGE]` of each request, in their order. */
  readonly requests: string[] = [];
  readonly endpoint: string;
  readonly #server: S3rver;
  readonly #relay: TcpServer;
  readonly #folder: string;
  readonly #sockets = new Set<Socket>();
  readonly #port: number;
  /** Connections to break off, and after how many bytes of an answer. */
  #cuts: { count: number; afterBytes: number } = { count: 0, afterBytes: 0 };

  private constructor(server: S3rver, relay: TcpServer, folder: string, port: number) {
    this.#server = server;
    this.#relay = relay;
    this.#folder = folder;
    this.#port = (relay.address() as AddressInfo).port;
    this.endpoint = `http://127.0.0.1:${this.#port}`;
    server.httpServer.prependListener('request', ({ method, url, headers }: IncomingMessage) => {
      this.requests.push([method, url, headers.range].filter((part) => part !== undefined).join(' '));
    });
    relay.on('connection', (socket) => {
      this.#pass(socket, port);
    });
  }

  static async start(...buckets: string[]): Promise<S3TestServer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-s3-'));
    replaceDes();
    const Server = createRequire(import.meta.url)('@20minutes/s3rver') as S3rverClass;
    const server = new Server({
      port: 0,
      address: '127.0.0.1',
      silent: true,
      directory: folder,
      configureBuckets: buckets.map((name) => ({ name, configs: [] })),
    });
    // Of a bucket, clients sign `/BUCKET/` as S3 does; version 5.0.0 checks `/BUCKET`. So it adds the slash.
    server.middleware.unshift(async (context, next) => {
      if (/^\/[^/]+\/$/.test(context.path)) {
        Object.defineProperty(context.state, 'vhost', { get: () => true, set: () => undefined });
        context.mountPath = '/';
      }
      await next();
    });
    const { port } = await server.run();
    const relay = createServer();
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    return new S3TestServer(server, relay, folder, port);
  }

  /** What a process needs to reach the server, in the variables of Amazon's own tools. No file of this machine has a say. */
  get environment(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL_S3: this.endpoint,
      AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY,
      AWS_REGION: 'us-east-1',
      AWS_CONFIG_FILE: path.join(this.#folder, 'no-config'),
      AWS_SHARED_CREDENTIALS_FILE: path.join(this.#folder, 'no-credentials'),
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  }

  /** Makes many small objects at once, which takes seconds by requests. */
  seed(bucket: string, keys: readonly string[], body: string): void {
    for (const key of keys) {
      const file = path.join(this.#folder, bucket, `${key}._S3rver_`);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(`${file}object`, body);
      writeFileSync(`${file}metadata.json`, '{}');
    }
  }

  /** Breaks the next `count` connections off, each when so many bytes of answers have come over it. */
  cut(count: number, afterBytes: number): void {
    this.#cuts = { count, afterBytes };
    // Connections that are open already have brought bytes of other answers.
    this.#dropConnections();
  }

  /** As if the server had died: connections break, and new ones are refused until `open`. */
  async shut(): Promise<void> {
    const closed = once(this.#relay, 'close');
    this.#relay.close();
    this.#dropConnections();
    await closed;
  }

  async open(): Promise<void> {
    this.#relay.listen(this.#port, '127.0.0.1');
    await once(this.#relay, 'listening');
  }

  async stop(): Promise<void> {
    if (this.#relay.listening) await this.shut();
    this.#server.httpServer.closeAllConnections();
    await this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(client: Socket, port: number): void {
    const upstream = connect(port, '127.0.0.1');
    let cameBytes = 0;
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (bytes) => {
      cameBytes += bytes.length;
      const isCut = this.#cuts.count > 0 && cameBytes >= this.#cuts.afterBytes;
      if (isCut) {
        this.#cuts.count -= 1;
        client.end(bytes.subarray(0, bytes.length - (cameBytes - this.#cuts.afterBytes)), () => client.destroy());
        upstream.destroy();
      } else if (!client.write(bytes)) {
        upstream.pause();
        client.once('drain', () => upstream.resume());
      }
    });
  }
}
