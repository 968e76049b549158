/**
 * Thread of one analysis: tokenizing takes a core for itself, and the service goes on answering beside it. It loads neither
 * gRPC nor the contract, which would double the time that it takes to start.
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import { analyze, check } from './analyze.ts';
import { merge } from './merge.ts';
import type { WorkerMessage, WorkerSetup } from './messages.ts';
import { toPlainError } from './plain-error.ts';

const task = workerData as WorkerSetup;
const send = (message: WorkerMessage): void => parentPort?.postMessage(message);

try {
  if (task.kind === 'check') {
    await check(task.request, task.hub);
    send({ type: 'checked' });
  } else if (task.kind === 'merge') {
    send({ type: 'analyzed', profile: await merge(task.request) });
  } else {
    const profile = await analyze(task.request, {
      hub: task.hub,
      limits: task.limits,
      nativeCalls: task.nativeCalls,
      onProgress: (progress) => {
        send({ type: 'progress', progress });
      },
      onPhase: (phase) => {
        send({ type: 'phase', phase });
      },
    });
    send({ type: 'analyzed', profile });
  }
} catch (error) {
  send({ type: 'failed', error: toPlainError(error) });
}
