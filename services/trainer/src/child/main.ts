/**
 * Process of one run or prediction, forked by the trainer. It is told what to do by its first message and ends by itself.
 * @module
 */
import { PredictRequest, PredictResponse, RunResult, RunSpec } from '@pemmican/contract/trainer';
import { Status } from '@pemmican/contract/google';
import { withRemoteContext } from '@pemmican/telemetry';
import { startTelemetry } from '@pemmican/telemetry/sdk';
import { readConfig } from '../config.ts';
import { toStatus } from '../status.ts';
import { EventSink } from './event-sink.ts';
import type { ParentMessage } from './messages.ts';
import { listenToParent, sendToParent } from './parent-channel.ts';
import { predictRun } from './predict-run.ts';
import { trainRun } from './train-run.ts';

const cancellation = new AbortController();
const { tensorflow, cpuDeviceCount, hub, artifactRoots } = readConfig(process.env);
const telemetry = startTelemetry({ serviceName: 'pemmican-trainer-run', serviceVersion: '0.1.0' });

async function perform(message: Exclude<ParentMessage, { type: 'cancel' }>): Promise<void> {
  if (message.type === 'train') {
    const sink = new EventSink(message.restartCount);
    const result = await trainRun(
      {
        runName: message.runName,
        spec: RunSpec.decode(message.spec),
        restartCount: message.restartCount,
        signal: cancellation.signal,
        tensorflow,
        cpuDeviceCount,
        hub,
      },
      sink,
    );
    await sendToParent({ type: 'succeeded', result: RunResult.encode(result).finish() });
    return;
  }
  for await (const response of predictRun(PredictRequest.decode(message.request), {
    tensorflow,
    hub,
    artifactRoots,
    signal: cancellation.signal,
  })) {
    cancellation.signal.throwIfAborted();
    await sendToParent({ type: 'prediction', response: PredictResponse.encode(response).finish() });
  }
  await sendToParent({ type: 'succeeded', result: new Uint8Array() });
}

async function main(message: Exclude<ParentMessage, { type: 'cancel' }>): Promise<void> {
  try {
    await withRemoteContext(message.traceContext, () => perform(message));
  } catch (error) {
    if (cancellation.signal.aborted && error === cancellation.signal.reason) await sendToParent({ type: 'cancelled' });
    else await sendToParent({ type: 'failed', status: Status.encode(toStatus(error)).finish() });
  }
  await telemetry.shutdown();
  // libtensorflow keeps threads; nothing of ours is left to do.
  process.exit(0);
}

// Ctrl-C reaches the whole process group; the service decides when a run stops.
process.on('SIGINT', () => undefined);
listenToParent((message) => {
  if (message.type === 'cancel') cancellation.abort();
  else void main(message);
});
