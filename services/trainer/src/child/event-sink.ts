import { RunProgress, WatchRunResponse, type WatchRunResponse as WatchRunMessage } from '@pemmican/contract/trainer';
import { sendToParent } from './parent-channel.ts';

type RunEvent = NonNullable<WatchRunMessage['event']>;

/** Tells the service what happens, with the progress that goes with it. */
export class EventSink {
  #progress: RunProgress;

  constructor(restartCount: number) {
    this.#progress = { step: 0, totalSteps: 0, epoch: 0, restartCount, checkpointStep: 0 };
  }

  async emit(event: RunEvent, progress: Partial<RunProgress> = {}): Promise<void> {
    this.#progress = { ...this.#progress, ...progress };
    const message: WatchRunMessage = { sequence: 0, resumeToken: '', eventTime: undefined, event };
    await sendToParent({
      type: 'event',
      event: WatchRunResponse.encode(message).finish(),
      progress: RunProgress.encode(this.#progress).finish(),
    });
  }

  log(severity: 'info' | 'warning', message: string): Promise<void> {
    return this.emit({ $case: 'log', value: { severity, message } });
  }
}
