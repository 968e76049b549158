import { Metadata, status as grpcStatus, type Client } from '@grpc/grpc-js';
import { callRaw } from '@pemmican/testkit';

export type Code = keyof typeof grpcStatus;

/** One call that no one would make, and how it may end. */
export interface HostileCall {
  /** What is hostile about it. */
  readonly kind: string;
  /** `/package.Service/Method` */
  readonly path: string;
  readonly messages: readonly Buffer[];
  readonly metadata?: Metadata;
  /** Codes that it may end with. */
  readonly allowed: readonly Code[];
  /** The client goes after so long, half of its stream unsent. */
  readonly cancelAfterMs?: number;
  readonly deadlineMs?: number;
}

/** How a call ended. */
export interface Outcome {
  readonly call: HostileCall;
  readonly code: Code;
  readonly message: string;
  readonly wallMs: number;
}

/** Makes a call and gives its code; never rejects. */
export async function attempt(client: Client, call: HostileCall, deadlineMs: number): Promise<Outcome> {
  const startMs = performance.now();
  const told = await (call.cancelAfterMs === undefined
    ? whole(client, call, deadlineMs)
    : halved(client, call, call.cancelAfterMs));
  return { call, wallMs: performance.now() - startMs, ...told };
}

type Told = Pick<Outcome, 'code' | 'message'>;

async function whole(client: Client, call: HostileCall, deadlineMs: number): Promise<Told> {
  const { metadata } = call;
  try {
    await callRaw(client, call.path, call.messages, {
      ...(metadata === undefined ? {} : { metadata }),
      deadlineMs: call.deadlineMs ?? deadlineMs,
    });
    return { code: 'OK', message: '' };
  } catch (error) {
    return told(error);
  }
}

/** Sends what there is, never ends its stream, and goes. */
function halved(client: Client, call: HostileCall, cancelAfterMs: number): Promise<Told> {
  const same = (bytes: Buffer): Buffer => bytes;
  const stream = client.makeBidiStreamRequest(call.path, same, same, call.metadata ?? new Metadata());
  for (const message of call.messages) stream.write(message);
  setTimeout(() => {
    stream.cancel();
  }, cancelAfterMs);
  return new Promise((resolve) => {
    stream.on('data', () => undefined);
    stream.on('error', (error) => {
      resolve(told(error));
    });
    stream.on('end', () => {
      resolve({ code: 'OK', message: '' });
    });
  });
}

function told(error: unknown): Told {
  const { code, details, message } = error as { code?: number; details?: string; message?: string };
  return {
    code: (grpcStatus[code ?? -1] as Code | undefined) ?? 'UNKNOWN',
    message: details ?? message ?? String(error),
  };
}
