import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { status as grpcStatus } from '@grpc/grpc-js';
import type { DownloadProfileResponse } from '@pemmican/contract/vocabulary';
import { RpcError, invalidArgument } from '@pemmican/rpc';

/** Bytes of a response, as the contract promises. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * A profile's bytes from an offset on, in chunks; each is read when the client has taken the one before.
 * @throws RpcError INVALID_ARGUMENT, OUT_OF_RANGE
 */
export async function* downloadProfile(
  file: string,
  offset: number,
): AsyncGenerator<DownloadProfileResponse, void, undefined> {
  if (offset < 0) throw invalidArgument([{ field: 'offset', description: `is ${offset}, must not be negative` }]);
  await using handle = await open(file);
  const { size } = await handle.stat();
  if (offset > size) {
    throw new RpcError({
      code: grpcStatus.OUT_OF_RANGE,
      reason: 'OFFSET_OUT_OF_RANGE',
      message: `Offset ${offset} is past the end of the profile of ${size} bytes`,
      metadata: { value: String(offset), limit: String(size) },
    });
  }
  const digest = `sha256:${await sha256(file)}`;
  for (let position = offset; position < size; position += CHUNK_BYTES) {
    const data = Buffer.alloc(Math.min(CHUNK_BYTES, size - position));
    const { bytesRead } = await handle.read(data, 0, data.length, position);
    if (bytesRead < data.length) throw new Error(`${file} ended at byte ${position + bytesRead}, it had ${size}`);
    yield { offset: position, data, totalSizeBytes: size, digest };
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
