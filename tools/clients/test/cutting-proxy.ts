import net, { type AddressInfo, type Socket } from 'node:net';

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

  /** @param afterBytes what the server may send on the first connection before it is cut */
  static async start(targetPort: number, afterBytes: number): Promise<CuttingProxy> {
    const server = net.createServer();
    const proxy = new CuttingProxy(server);
    server.on('connection', (client) => {
      proxy.#connect(client, targetPort, proxy.connectionCount++ === 0 ? afterBytes : Infinity);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #connect(client: Socket, targetPort: number, limitBytes: number): void {
    const target = net.connect(targetPort, '127.0.0.1');
    let sentBytes = 0;
    target.on('data', (chunk) => {
      sentBytes += chunk.length;
      if (sentBytes < limitBytes) {
        client.write(chunk);
        return;
      }
      // What was under way is lost, too.
      this.cutCount++;
      client.destroy();
      target.destroy();
    });
    client.on('data', (chunk) => target.write(chunk));
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
