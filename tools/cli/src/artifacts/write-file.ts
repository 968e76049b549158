import { once } from 'node:events';

import type { ServiceError } from '@grpc/grpc-js';
import { UploadedFile } from '@pemmican/contract/artifacts';
import type { ArtifactServiceClient, WriteArtifactResponse, WriteTarget } from '@pemmican/contract/artifacts';

import { toRpcFailure } from '../rpc-failure.ts';
import { SERVICE } from './artifact-connection.ts';

/**
 * Sends bytes of a file in one call, no faster than they are taken.
 * @returns the file as the service has it then
 * @throws RpcFailure
 */
export async function writeFile(
  client: ArtifactServiceClient,
  target: WriteTarget,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<UploadedFile> {
  const answer = Promise.withResolvers<WriteArtifactResponse>();
  const call = client.writeArtifact((error: ServiceError | null, response) => {
    if (error === null) answer.resolve(response);
    else answer.reject(toRpcFailure(error, SERVICE));
  });
  let isAnswered = false;
  const answered = answer.promise.then(
    () => (isAnswered = true),
    () => (isAnswered = true),
  );
  const cancel = (): void => {
    call.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    call.write({ content: { $case: 'target', value: target } });
    for await (const chunk of chunks) {
      if (isAnswered) break;
      const value = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const isTaken = call.write({ content: { $case: 'data', value } });
      if (!isTaken) await Promise.race([once(call, 'drain'), answered]);
    }
    if (!isAnswered) call.end();
    return (await answer.promise).file ?? UploadedFile.create();
  } catch (error) {
    call.cancel();
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
