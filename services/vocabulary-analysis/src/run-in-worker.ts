import { Worker } from 'node:worker_threads';
import { status as grpcStatus } from '@grpc/grpc-js';
import { context, trace } from '@opentelemetry/api';
import type { AnalysisProgress } from '@pemmican/contract/vocabulary';
import { RpcError } from '@pemmican/rpc';
import type { VocabularyProfile } from '@pemmican/vocabulary';
import type { Phase, WorkerMessage, WorkerSetup, WorkerTask } from './worker/messages.ts';
import { NativeCalls } from './worker/native-calls.ts';
import { fromPlainError, type PlainError } from './worker/plain-error.ts';

const WORKER_FILE = new URL('./worker/main.ts', import.meta.url);
const TRACER_NAME = '@pemmican/vocabulary-analysis';

export interface WorkerHooks {
  /** Ends the thread, wherever it is: at once, or where a native call ends. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AnalysisProgress) => void;
}

/**
 * Runs a task in a thread of its own.
 * @returns the profile; undefined for a check
 * @throws the worker's error with its name and fields; the signal's reason
 */
export async function runInWorker(task: WorkerTask, hooks: WorkerHooks = {}): Promise<VocabularyProfile | undefined> {
  const { signal } = hooks;
  signal?.throwIfAborted();
  const nativeCalls = new NativeCalls();
  const setup: WorkerSetup = { ...task, nativeCalls: nativeCalls.shared };
  const worker = new Worker(WORKER_FILE, { workerData: setup, execArgv: [], name: `analysis ${task.kind}` });
  const span = context.active();
  const { promise, resolve, reject } = Promise.withResolvers<VocabularyProfile | undefined>();
  const onAbort = (): void => {
    reject(signal?.reason as Error);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  worker.on('message', (message: WorkerMessage) => {
    if (message.type === 'progress') hooks.onProgress?.(message.progress);
    else if (message.type === 'phase') context.with(span, recordPhase, undefined, message.phase);
    else if (message.type === 'failed') reject(toError(message.error));
    else resolve(message.type === 'analyzed' ? message.profile : undefined);
  });
  worker.on('error', reject);
  worker.on('exit', (code) => {
    reject(new Error(`The thread of an analysis ended with ${code} and no result`));
  });
  try {
    return await promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await nativeCalls.end();
    await worker.terminate();
  }
}

/** The thread has no tracer of its own: its phases become spans here, with their own times. */
function recordPhase({ name, startMs, endMs }: Phase): void {
  trace.getTracer(TRACER_NAME).startSpan(name, { startTime: startMs }).end(endMs);
}

/** The error again, as far as the service's rules look at it. */
function toError(error: PlainError): Error {
  const { reason, message, metadata } = error;
  if (reason === undefined) return fromPlainError(error);
  return new RpcError({
    code: grpcStatus.FAILED_PRECONDITION,
    reason,
    message,
    ...(metadata === undefined ? {} : { metadata }),
  });
}
