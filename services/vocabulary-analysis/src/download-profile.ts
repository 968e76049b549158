import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { status as grpcStatus } from '@grpc/grpc-js';
import type { DownloadProfileResponse } from '@pemmican/contract/vocabulary';
import { RpcError } from '@pemmican/rpc';

const CHUNK_BYTES = 1024 * 1024;

/**
 * A profile's bytes from an offset on, in chunks.
 * @throws RpcError OUT_OF_RANGE
 */
export async function* downloadProfile(
  file: string,
  offset: number,
): AsyncGenerator<DownloadProfileResponse, void, undefined> {
  const bytes = await readFile(file);
  if (offset < 0 || offset > bytes.length) {
    throw new RpcError({
      code: grpcStatus.OUT_OF_RANGE,
      reason: 'OFFSET_OUT_OF_RANGE',
      message: `Offset ${offset} is outside of the profile of ${bytes.length} bytes`,
    });
  }
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  for (let position = offset; position < bytes.length; position += CHUNK_BYTES) {
    yield {
      offset: position,
      data: bytes.subarray(position, position + CHUNK_BYTES),
      totalSizeBytes: bytes.length,
      digest,
    };
  }
}
