import { setTimeout as delay } from 'node:timers/promises';
import { status as grpcStatus } from '@grpc/grpc-js';

/** What of a message of a Watch method following takes. */
export interface FollowedEvent {
  readonly sequence: number;
  readonly resumeToken: string;
}

export interface FollowOptions<Event extends FollowedEvent> {
  /** Attaches after the event with this token; before the first one where it is empty. */
  readonly watch: (resumeToken: string) => AsyncIterable<Event>;
  /** Last event that was seen already. */
  readonly after?: FollowedEvent;
  /** True ends the following. */
  readonly onEvent?: (event: Event) => unknown;
  /** Which errors mean that the service is away; {@link isServiceGone} where not given. */
  readonly isGone?: (error: unknown) => boolean;
  readonly retryDelayMs?: number;
  /** From when on an absence is an error. */
  readonly timeoutMs: number;
}

/** What came of following. */
export interface Followed<Event extends FollowedEvent> {
  /** Undefined where nothing has come. */
  readonly last: Event | undefined;
  /** Times that something was seen, or the end, after attaching. */
  readonly attachmentCount: number;
  /** Whether the stream has ended by itself. */
  readonly isEnded: boolean;
}

const DEFAULT_RETRY_DELAY_MS = 50;

/**
 * Follows a job's events to its end over every death of its service, each time from the last resume token on.
 * @throws Error where an event is missing or comes twice; what `isGone` does not take, or takes too late
 */
export async function followEvents<Event extends FollowedEvent>(
  options: FollowOptions<Event>,
): Promise<Followed<Event>> {
  const { watch, after, onEvent, isGone = isServiceGone, retryDelayMs = DEFAULT_RETRY_DELAY_MS } = options;
  const deadline = performance.now() + options.timeoutMs;
  let last: Event | undefined;
  let attachmentCount = 0;
  for (;;) {
    let hasSeen = false;
    try {
      for await (const event of watch((last ?? after)?.resumeToken ?? '')) {
        const expected = ((last ?? after)?.sequence ?? 0) + 1;
        if (event.sequence !== expected)
          throw new RangeError(`Event ${event.sequence} came, ${expected} was to come: one is missing, or came twice`);
        if (!hasSeen) attachmentCount++;
        hasSeen = true;
        last = event;
        if (onEvent?.(event) === true) return { last, attachmentCount, isEnded: false };
      }
      return { last, attachmentCount: hasSeen ? attachmentCount : attachmentCount + 1, isEnded: true };
    } catch (error) {
      if (error instanceof RangeError || !isGone(error) || performance.now() > deadline) throw error;
      await delay(retryDelayMs);
    }
  }
}

/** Whether nobody answered, or nobody any more: UNAVAILABLE, CANCELLED, and INTERNAL for a connection that was reset. */
export function isServiceGone(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  if (code === grpcStatus.UNAVAILABLE || code === grpcStatus.CANCELLED) return true;
  return code === grpcStatus.INTERNAL && /RST_STREAM|ECONNRESET|closed/i.test(String(error));
}
