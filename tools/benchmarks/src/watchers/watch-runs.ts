/**
 * One process of the benchmark of watchers: attaches to a run as often as asked for and reports what every one of them has seen
 * once the run has ended.
 * @module
 */
import { createHash } from 'node:crypto';
import { credentials } from '@grpc/grpc-js';
import { TrainerServiceClient, type WatchRunResponse } from '@pemmican/contract/trainer';

/** What the process says at its end. */
export interface WatchersReport {
  readonly watcherCount: number;
  /** Events that the first watcher saw. */
  readonly eventCount: number;
  /** Watchers whose sequences have a hole, repeat one or are not the first one's, and those that ended with an error. */
  readonly problems: readonly string[];
}

// HTTP/2 servers allow some hundred streams a connection; users have a connection each anyway.
const WATCHERS_PER_CONNECTION = 50;

const [address = '', name = '', count = '0'] = process.argv.slice(2);
const watcherCount = Number(count);

interface Seen {
  sequence: number;
  readonly digest: ReturnType<typeof createHash>;
  problem?: string;
}

function watch(client: TrainerServiceClient): Promise<Seen> {
  const seen: Seen = { sequence: 0, digest: createHash('sha256') };
  return new Promise((resolve) => {
    const call = client.watchRun({ name, resumeToken: '' });
    call.on('data', ({ sequence, resumeToken }: WatchRunResponse) => {
      if (sequence !== seen.sequence + 1) seen.problem ??= `${sequence} after ${seen.sequence}`;
      seen.sequence = sequence;
      seen.digest.update(resumeToken);
    });
    call.on('error', (error) => {
      seen.problem ??= error.message;
      resolve(seen);
    });
    call.on('end', () => {
      resolve(seen);
    });
  });
}

const clients = Array.from(
  { length: Math.ceil(watcherCount / WATCHERS_PER_CONNECTION) },
  () => new TrainerServiceClient(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
);
const watchers = Array.from({ length: watcherCount }, (_, index) => {
  const client = clients[Math.floor(index / WATCHERS_PER_CONNECTION)];
  if (client === undefined) throw new RangeError(`There is no client for watcher ${index}`);
  return watch(client);
});
const all = await Promise.all(watchers);
const digests = all.map(({ digest }) => digest.digest('hex'));
const problems = all.flatMap(({ problem, sequence }, index) => {
  if (problem !== undefined) return [`watcher ${index}: ${problem}`];
  return digests[index] === digests[0] ? [] : [`watcher ${index} saw other events, ${sequence} of them`];
});
const report: WatchersReport = { watcherCount, eventCount: all[0]?.sequence ?? 0, problems };
process.send?.(report);
for (const client of clients) client.close();
process.disconnect();
