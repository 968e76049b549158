import { ArtifactServiceClient } from '@pemmican/contract/artifacts';

import { usageError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ServerOptions } from '../options/common-options.ts';
import type { Progress } from '../progress/progress.ts';
import { channelCredentials, channelOptions } from '../services/grpc-client.ts';
import { Patience } from '../services/patience.ts';
import { waitUntilReachable } from '../services/service-pool.ts';

/** What messages call the service. */
export const SERVICE = 'artifacts';

/** The artifacts of a server, and what is done with them. */
export interface ArtifactContext extends CommandContext {
  readonly client: ArtifactServiceClient;
}

/** What becomes of a transfer that is interrupted. */
export const TRANSFER_HINT = { message: 'What has arrived is kept for a while; the same command goes on' };

/**
 * Connects to the server for the length of some work.
 * @throws CliError without a server, or when it cannot be reached
 */
export async function withArtifacts<Result>(
  options: ServerOptions,
  context: CommandContext,
  work: (context: ArtifactContext) => Promise<Result>,
): Promise<Result> {
  const address = options.server;
  if (address === undefined || address.trim() === '')
    throw usageError(
      '--server is needed: without one the services read and write the files of this machine themselves',
    );
  const client = new ArtifactServiceClient(address, channelCredentials(options, address), channelOptions(options));
  try {
    await waitUntilReachable(client, SERVICE, address);
    return await work({ ...context, client });
  } finally {
    client.close();
  }
}

/** Patience that tells of lost connections beside a progress bar. */
export function patienceBeside(progress: Progress): Patience {
  return new Patience(SERVICE, {
    onConnectionLost: () => {
      progress.note('warning: the connection was lost; going on from where it broke off');
    },
  });
}
