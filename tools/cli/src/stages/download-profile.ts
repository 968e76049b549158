import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import type { VocabularyAnalysisServiceClient } from '@pemmican/contract/vocabulary';

import { CliError, EXIT_CODE } from '../cli-error.ts';
import { RpcFailure } from '../rpc-failure.ts';
import { readStream } from '../services/call.ts';

const SERVICE = 'vocabulary-analysis';
const GRPC_UNAVAILABLE = 14;
const MAX_ATTEMPTS = 5;

/**
 * Fetches the profile of a succeeded analysis into a file that appears under its name only when it is whole. A stream that
 * breaks off is continued from the last byte that arrived.
 * @throws CliError when the bytes do not have the digest that the service told
 */
export async function downloadProfile(
  client: VocabularyAnalysisServiceClient,
  analysisName: string,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const target = path.resolve(file);
  await mkdir(path.dirname(target), { recursive: true });
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${randomUUID()}.partial`);
  try {
    await using handle = await open(temporary, 'wx');
    const digest = await receive(client, analysisName, signal, async (data) => {
      await handle.write(data);
    });
    if (digest.expected !== '' && digest.actual !== digest.expected) {
      throw new CliError(
        EXIT_CODE.FAILURE,
        `The profile of ${analysisName} arrived damaged: its digest is ${digest.actual}, not ${digest.expected}`,
      );
    }
    await handle.sync();
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function receive(
  client: VocabularyAnalysisServiceClient,
  name: string,
  signal: AbortSignal,
  write: (data: Uint8Array) => Promise<void>,
): Promise<{ readonly actual: string; readonly expected: string }> {
  const hash = createHash('sha256');
  let expected = '';
  let offset = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      for await (const chunk of readStream(SERVICE, client.downloadProfile({ name, offset }), signal)) {
        hash.update(chunk.data);
        await write(chunk.data);
        offset += chunk.data.length;
        expected = chunk.digest;
      }
      return { actual: `sha256:${hash.digest('hex')}`, expected };
    } catch (error) {
      const isAway = error instanceof RpcFailure && error.code === GRPC_UNAVAILABLE;
      if (!isAway || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}
