import { Metadata, type Client, type MethodDefinition } from '@grpc/grpc-js';

/** What of a method a call takes: its path, and how a request becomes bytes. */
export type CalledMethod = Pick<MethodDefinition<never, unknown>, 'path' | 'requestSerialize'>;

/**
 * Calls any method with any number of messages, whatever it takes and gives: on the wire a unary call is a stream of one.
 * @returns the bytes of the responses
 * @throws ServiceError
 */
export async function callRaw(
  client: Client,
  path: string,
  messages: readonly Buffer[],
  options: { readonly metadata?: Metadata; readonly deadlineMs?: number } = {},
): Promise<Buffer[]> {
  const same = (bytes: Buffer): Buffer => bytes;
  const deadline = Date.now() + (options.deadlineMs ?? 60_000);
  const stream = client.makeBidiStreamRequest(path, same, same, options.metadata ?? new Metadata(), { deadline });
  for (const message of messages) stream.write(message);
  stream.end();
  const responses: Buffer[] = [];
  for await (const response of stream) responses.push(response as Buffer);
  return responses;
}

/** The same with requests in place of bytes. */
export function callMethod(
  client: Client,
  method: CalledMethod,
  requests: readonly object[],
  options: { readonly metadata?: Metadata; readonly deadlineMs?: number } = {},
): Promise<Buffer[]> {
  const messages = requests.map((request) => method.requestSerialize(request as never));
  return callRaw(client, method.path, messages, options);
}

/**
 * Calls a service's method by its name in the contract, `GetRun`.
 * @throws ServiceError; Error where there is no such method
 */
export function callNamed(
  client: Client,
  service: Readonly<Record<string, CalledMethod>>,
  name: string,
  ...requests: readonly object[]
): Promise<Buffer[]> {
  const method = service[`${name.charAt(0).toLowerCase()}${name.slice(1)}`];
  if (method === undefined) throw new Error(`There is no method ${name}`);
  return callMethod(client, method, requests);
}
