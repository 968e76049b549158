// A small service for the tests: messages are JSON, methods are what a test makes of them.
import {
  credentials,
  makeGenericClientConstructor,
  type ChannelCredentials,
  type Client,
  type MethodDefinition,
} from '@grpc/grpc-js';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import { createLogger, startServer, type Handlers, type RunningServer, type ServerSecurity } from '@pemmican/rpc';

type Json = Record<string, unknown>;

const method = (name: string, isClientStream: boolean, isServerStream: boolean): MethodDefinition<Json, Json> => {
  const serialize = (value: Json): Buffer => Buffer.from(JSON.stringify(value));
  const deserialize = (bytes: Buffer): Json => JSON.parse(bytes.toString()) as Json;
  return {
    path: `/test.Echo/${name}`,
    requestStream: isClientStream,
    responseStream: isServerStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  };
};

const definition = {
  Once: method('Once', false, false),
  Many: method('Many', false, true),
  Collect: method('Collect', true, false),
};

/** What answers the three methods; a method that a test does not use is not implemented. */
export interface EchoMethods {
  readonly once?: (request: Json, signal: AbortSignal) => Promise<Json> | Json;
  readonly many?: (request: Json, signal: AbortSignal) => AsyncIterable<Json>;
  readonly collect?: (requests: AsyncIterable<Json>, signal: AbortSignal) => Promise<Json>;
}

export interface Echo {
  readonly server: RunningServer;
  readonly client: Client & Record<'Once' | 'Many' | 'Collect', (...parameters: never[]) => unknown>;
  readonly close: () => Promise<void>;
}

/** Starts the service on a free port, with a client. */
export async function startEcho(
  handlers: Handlers,
  methods: EchoMethods,
  settings: { security?: ServerSecurity; credentials?: ChannelCredentials } = {},
): Promise<Echo> {
  const missing = (): never => {
    throw new Error('Not implemented by this test');
  };
  const server = await startServer({
    services: [
      {
        name: 'test.Echo',
        definition,
        readMethods: ['Many'],
        implementation: {
          Once: handlers.unary(methods.once ?? missing),
          Many: handlers.serverStream(methods.many ?? missing),
          Collect: handlers.clientStream(methods.collect ?? missing),
        },
      },
    ],
    listen: '127.0.0.1:0',
    descriptorSet: readDescriptorSet(),
    logger: createLogger('test', 'silent'),
    ...(settings.security === undefined ? {} : { security: settings.security }),
  });
  const EchoClient = makeGenericClientConstructor(definition, 'Echo');
  const client = new EchoClient(
    server.address,
    settings.credentials ?? credentials.createInsecure(),
  ) as unknown as Echo['client'];
  return {
    server,
    client,
    close: async () => {
      client.close();
      await server.stop(0);
    },
  };
}
