import { setTimeout as delay } from 'node:timers/promises';
import { credentials, Client } from '@grpc/grpc-js';
import { MAX_STARTS_WITHOUT_PROGRESS } from '@pemmican/jobs';
import { callMethod, followEvents, isServiceGone, type CalledMethod, type Followed } from '@pemmican/testkit';
import type { Random } from '../hostile-requests/random.ts';
import { ServiceUnderTest } from '../service-under-test.ts';

/** What a watcher sees of an event. */
export interface SeenEvent {
  readonly sequence: number;
  readonly resumeToken: string;
}

/** A job as it ended. */
export interface EndedJob {
  readonly isSucceeded: boolean;
  readonly error: string;
}

/** One service's jobs, as far as killing it goes. */
export interface KilledKind {
  /** Folder below `services/`. */
  readonly service: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Longest time from one start to the next kill. */
  readonly maxDelayMs: number;
  readonly create: CalledMethod;
  readonly watch: CalledMethod;
  readonly get: CalledMethod;
  readonly list: CalledMethod;
  /** Request of the job with this number; a request id makes it the same job each time that it is sent. */
  readonly request: (index: number) => object;
  readonly createdName: (response: Buffer) => string;
  readonly seen: (response: Buffer) => SeenEvent;
  /**
   * How far an event says that its job is; 0 where it does not. For services that give a job up which was started
   * {@link MAX_STARTS_WITHOUT_PROGRESS} times without getting further: kills leave it enough progress not to.
   */
  readonly progressMark?: (response: Buffer) => number;
  readonly ended: (response: Buffer) => EndedJob;
  readonly listedCount: (response: Buffer) => number;
  /** What the job left, to the last bit. */
  readonly outcome: (index: number, response: Buffer) => string;
}

/** What came of the kills. */
export interface KillReport {
  readonly service: string;
  readonly kills: number;
  /** Of them, while the service was starting. */
  readonly killsAtStart: number;
  readonly jobs: number;
  readonly events: number;
  /** Times that watchers attached and saw something. */
  readonly attachments: number;
  readonly wallMs: number;
  readonly problems: readonly string[];
}

/** Longest time over all deaths of a job's service. */
const FOLLOW_TIMEOUT_MS = 1_800_000;
const CONNECTION = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 200 };

/** Kills a service at random moments while it works, until that has been done so often and its last job has ended. */
export async function killService(
  kind: KilledKind,
  folder: string,
  kills: number,
  random: Random,
): Promise<KillReport> {
  const startMs = performance.now();
  const problems: string[] = [];
  let service = await ServiceUnderTest.start(kind.service, folder, kind.environment);
  const client = new Client(service.address, credentials.createInsecure(), CONNECTION);
  const counts = { killed: 0, atStart: 0, jobs: 0, events: 0, attachments: 0 };
  const pace = new Pace();
  try {
    // The first one is left alone: all others have to end as it does.
    const expected = await oneJob(kind, client, 0, { counts, pace, problems });
    const kill = async (): Promise<void> => {
      await service.stop();
      counts.killed++;
      pace.countKill();
    };
    const killing = async (): Promise<void> => {
      while (counts.killed < kills) {
        if (kind.progressMark !== undefined) await pace.untilKillIsFair();
        await delay(30 + random.next() * kind.maxDelayMs);
        await kill();
        service = ServiceUnderTest.launch(kind.service, folder, kind.environment);
        // One in eight is killed again before it listens.
        if (random.next() < 1 / 8 && counts.killed < kills && (kind.progressMark === undefined || pace.isKillFair)) {
          await delay(random.next() * 800);
          await kill();
          counts.atStart++;
          service = ServiceUnderTest.launch(kind.service, folder, kind.environment);
        }
        await service.ready;
      }
    };
    const killed = killing();
    for (let index = 1; index === 1 || counts.killed < kills; index++) {
      const outcome = await oneJob(kind, client, index, { counts, pace, problems });
      if (outcome !== expected) problems.push(`job ${index} ended as ${outcome}, an undisturbed one as ${expected}`);
    }
    await killed;
    const listed = kind.listedCount(
      (await callMethod(client, kind.list, [{ pageSize: 1000, pageToken: '' }]))[0] ?? Buffer.alloc(0),
    );
    if (listed !== counts.jobs) problems.push(`${listed} jobs are listed, ${counts.jobs} were created`);
  } finally {
    client.close();
    await service.stop();
  }
  const { killed, atStart, jobs, events, attachments } = counts;
  return {
    service: kind.service,
    kills: killed,
    killsAtStart: atStart,
    jobs,
    events,
    attachments,
    problems,
    wallMs: performance.now() - startMs,
  };
}

/** Knows how many kills came since a job last got further than ever. */
class Pace {
  #furthest = 0;
  #killsWithoutProgress = 0;

  get isKillFair(): boolean {
    return this.#killsWithoutProgress < MAX_STARTS_WITHOUT_PROGRESS - 1;
  }

  countKill(): void {
    this.#killsWithoutProgress++;
  }

  startJob(): void {
    this.#furthest = 0;
    this.#killsWithoutProgress = 0;
  }

  see(progressMark: number): void {
    if (progressMark <= this.#furthest) return;
    this.#furthest = progressMark;
    this.#killsWithoutProgress = 0;
  }

  async untilKillIsFair(): Promise<void> {
    while (!this.isKillFair) await delay(20);
  }
}

/** What is noted of the jobs. */
interface Notes {
  readonly counts: { jobs: number; events: number; attachments: number };
  readonly pace: Pace;
  readonly problems: string[];
}

/** Creates a job and follows it to its end, over all deaths of its service; gives what it left. */
async function oneJob(
  kind: KilledKind,
  client: Client,
  index: number,
  { counts, pace, problems }: Notes,
): Promise<string> {
  const insist = async (method: CalledMethod, request: object): Promise<Buffer> => {
    for (;;) {
      try {
        return (await callMethod(client, method, [request]))[0] ?? Buffer.alloc(0);
      } catch (error) {
        if (!isServiceGone(error)) throw error;
        await delay(20);
      }
    }
  };
  // Before the call: a kill may come when the job is stored, and its name not told.
  pace.startJob();
  const name = kind.createdName(await insist(kind.create, kind.request(index)));
  counts.jobs++;
  let eventCount = 0;
  const first = await follow(kind, client, name, (event, bytes) => {
    eventCount = event.sequence;
    pace.see(kind.progressMark?.(bytes) ?? 0);
  });
  counts.attachments += first.attachmentCount;
  const again = await follow(kind, client, name);
  if (again.last?.sequence !== eventCount)
    problems.push(`${name}: its watcher saw ${eventCount} events, one that comes later ${again.last?.sequence}`);
  counts.events += eventCount;
  const response = await insist(kind.get, { name });
  const { isSucceeded, error } = kind.ended(response);
  if (!isSucceeded) problems.push(`${name}: ended with ${error}`);
  return isSucceeded ? kind.outcome(index, response) : error;
}

/** Follows a job to its end, over all deaths of its service. */
function follow(
  kind: KilledKind,
  client: Client,
  name: string,
  onEvent: (event: SeenEvent, bytes: Buffer) => void = () => undefined,
): Promise<Followed<SeenEvent>> {
  const same = (bytes: Buffer): Buffer => bytes;
  return followEvents({
    watch: async function* (resumeToken) {
      const request = kind.watch.requestSerialize({ name, resumeToken } as never);
      for await (const bytes of client.makeServerStreamRequest(kind.watch.path, same, same, request)) {
        const event = kind.seen(bytes as Buffer);
        onEvent(event, bytes as Buffer);
        yield event;
      }
    },
    retryDelayMs: 20,
    timeoutMs: FOLLOW_TIMEOUT_MS,
  });
}
