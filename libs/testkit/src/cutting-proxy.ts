import net, { type AddressInfo, type Socket } from 'node:net';

/** Where a connection is cut. */
export interface Cut {
  /** Bytes after which it is cut. */
  readonly afterBytes: number;
  /** Whose bytes count; the server's where not given. */
  readonly of?: 'client' | 'server';
  /** Called when it is cut. */
  readonly onCut?: () => void;
}

/** Stands between a client and a server, and cuts their first connection in the middle, as networks do. */
export class CuttingProxy {
  readonly #server: net.Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that came, and how many of them were cut. */
  connectionCount = 0;
  cutCount = 0;

  private constructor(server: net.Server) {
    this.#server = server;
  }

  /** @param cut of the first connection */
  static async start(targetPort: number, cut: Cut): Promise<CuttingProxy> {
    const server = net.createServer();
    const proxy = new CuttingProxy(server);
    server.on('connection', (client) => {
      proxy.#connect(client, targetPort, proxy.connectionCount++ === 0 ? cut : undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #connect(client: Socket, targetPort: number, cut: Cut | undefined): void {
    const target = net.connect(targetPort, '127.0.0.1');
    const pass = (from: Socket, to: Socket, limitBytes: number): void => {
      let passedBytes = 0;
      from.on('data', (chunk) => {
        passedBytes += chunk.length;
        if (passedBytes < limitBytes) {
          // The sender is held up where the receiver is slow, as by a network.
          if (!to.write(chunk)) from.pause();
          return;
        }
        // What was under way is lost, too.
        this.cutCount++;
        client.destroy();
        target.destroy();
        cut?.onCut?.();
      });
      to.on('drain', () => from.resume());
    };
    const { afterBytes = Infinity, of = 'server' } = cut ?? {};
    pass(target, client, of === 'server' ? afterBytes : Infinity);
    pass(client, target, of === 'client' ? afterBytes : Infinity);
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
