// A kind of job for the tests: counts, an event a number, and stops where the test tells it to.
import type { Codec, JobContext, JobEvent, JobKind, JobResource, JobWatchMessage, StartLimit } from '@pemmican/jobs';
import { RpcError, invalidArgument } from '@pemmican/rpc';

export interface CountSpec {
  /** Counts from 1 to this. */
  readonly to: number;
  /** Throws at this number. */
  readonly failAt?: number;
}

export type CountResource = JobResource<CountSpec, { count: number }, { sum: number }>;

export interface CountTypes {
  spec: CountSpec;
  progress: { count: number };
  result: { sum: number };
  resource: CountResource;
  event: JobEvent;
}

/** JSON that brings dates back. */
function jsonCodec<Message>(): Codec<Message> {
  return {
    encode: (message) => ({ finish: () => new TextEncoder().encode(JSON.stringify(message)) }),
    decode: (bytes) =>
      JSON.parse(new TextDecoder().decode(bytes), (key, value: unknown) =>
        key.endsWith('Time') && typeof value === 'string' ? new Date(value) : value,
      ) as Message,
  };
}

/** What the jobs of a kind do when they run, for the tests to look at and to steer. */
export class CountingKind implements JobKind<CountTypes> {
  readonly collection = 'counts';
  readonly specCodec = jsonCodec<CountSpec>();
  readonly resourceCodec = jsonCodec<CountResource>();
  readonly watchMessageCodec = jsonCodec<JobWatchMessage<JobEvent>>();
  /** Jobs that were begun, and whether each had run before. */
  readonly begun: { readonly name: string; readonly isRecovered: boolean }[] = [];
  readonly startLimit: StartLimit<CountTypes> = {
    progressMark: ({ count }) => count,
    failure: ({ name }, startCount) => new RangeError(`${name} was started ${startCount} times`),
  };
  #gate: { readonly open: Promise<void>; readonly release: () => void } | undefined;

  /** Makes jobs wait before their first number, until {@link release}. */
  hold(): void {
    let release = (): void => undefined;
    const open = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#gate = { open, release };
  }

  release(): void {
    this.#gate?.release();
    this.#gate = undefined;
  }

  createResource(fields: CountResource): CountResource {
    return fields;
  }

  validate(spec: CountSpec): Promise<void> {
    return spec.to > 0
      ? Promise.resolve()
      : Promise.reject(invalidArgument([{ field: 'spec.to', description: `is ${spec.to}, must be positive` }]));
  }

  async execute(context: JobContext<CountTypes>): Promise<{ sum: number }> {
    this.begun.push({ name: context.name, isRecovered: context.isRecovered });
    const aborted = new Promise<never>((_, reject) => {
      context.signal.addEventListener('abort', () => {
        reject(context.signal.reason as Error);
      });
    });
    aborted.catch(() => undefined);
    await Promise.race([this.#gate?.open, aborted]);
    let sum = 0;
    for (let count = 1; count <= context.spec.to; count++) {
      context.signal.throwIfAborted();
      if (count === context.spec.failAt) throw new RangeError(`${count} is too much`);
      sum += count;
      context.emit({ $case: 'counted', value: count }, { count });
      await new Promise(setImmediate);
    }
    return { sum };
  }

  toStatus(error: unknown): ReturnType<RpcError['toStatus']> {
    const message = error instanceof Error ? error.message : String(error);
    return new RpcError({ code: 11, reason: 'COUNT_FAILED', message }).toStatus();
  }
}
