import { fork, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { engineEnvironment } from '@pemmican/engine';
import type { ChildMessage, ParentMessage } from './child/messages.ts';

const CHILD_MAIN = path.join(import.meta.dirname, 'child/main.ts');

// A cancelled child ends after its step and a checkpoint; past this it is taken to hang.
const MAX_CANCEL_MS = 300_000;

/** How a child process ended. */
export type ChildEnd =
  | { readonly type: 'succeeded'; readonly result: Uint8Array }
  | { readonly type: 'failed'; readonly status: Uint8Array }
  | { readonly type: 'cancelled' }
  /** It ended without saying how: it was killed, or it crashed. */
  | { readonly type: 'died'; readonly exitCode: number | null; readonly signal: string | null };

export interface ChildRequest {
  readonly message: Exclude<ParentMessage, { type: 'cancel' }>;
  /** Bytes that tensors may take; 0 means no limit. */
  readonly memoryBudgetBytes: number;
  readonly tensorflow: 'cpu' | 'gpu';
  /** The service's own environment, which the child inherits. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asks the child to stop. */
  readonly signal: AbortSignal;
  /** Called with everything that the child tells before its end. */
  readonly onMessage: (message: ChildMessage) => void;
  readonly onStart?: (pid: number) => void;
}

/** Runs a child process to its end. */
export function runChild(request: ChildRequest): Promise<ChildEnd> {
  const child = fork(CHILD_MAIN, [], {
    // Bytes travel as bytes, not as JSON.
    serialization: 'advanced',
    // The engine's loader reads process.argv and some flags of Node; a child gets none of its parent's.
    execArgv: [],
    env: {
      ...request.environment,
      PEMMICAN_TENSORFLOW: request.tensorflow,
      ...engineEnvironment({ memoryBudgetBytes: request.memoryBudgetBytes }),
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  offerToKernel(child.pid);
  return follow(child, request);
}

/**
 * Where memory runs out, in a container or on the machine, the kernel is to kill the run, which goes on from its last checkpoint,
 * and not the service. More than the default may be set by anybody (proc(5)).
 */
function offerToKernel(pid: number | undefined): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // It has ended already, or there is no such thing here: the kernel chooses by size then.
  }
}

function follow(child: ChildProcess, request: ChildRequest): Promise<ChildEnd> {
  return new Promise((resolve, reject) => {
    let end: ChildEnd | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    const send = (message: ParentMessage): void => {
      // A child that is gone is told nothing; its exit says the rest.
      child.send(message, () => undefined);
    };
    const cancel = (): void => {
      send({ type: 'cancel' });
      killTimer = setTimeout(() => child.kill('SIGKILL'), MAX_CANCEL_MS);
    };
    child.on('error', reject);
    child.on('message', (message: ChildMessage) => {
      if (message.type === 'succeeded' || message.type === 'failed' || message.type === 'cancelled') end = message;
      else request.onMessage(message);
    });
    child.once('close', (exitCode, signal) => {
      clearTimeout(killTimer);
      request.signal.removeEventListener('abort', cancel);
      resolve(end ?? { type: 'died', exitCode, signal });
    });
    request.signal.addEventListener('abort', cancel, { once: true });
    if (child.pid !== undefined) request.onStart?.(child.pid);
    send(request.message);
    if (request.signal.aborted) cancel();
  });
}
