import type { RunSpec } from '@pemmican/contract/trainer';
import type { HubOptions } from '@pemmican/storage';
import type { AvailableDevices } from '../devices.ts';
import type { EventSink } from './event-sink.ts';
import type { RunFolder } from './run-folder.ts';

/** What a run is started with. */
export interface TrainRequest extends AvailableDevices {
  /** Resource name, which marks the checkpoints in a folder as this run's. */
  readonly runName: string;
  readonly spec: RunSpec;
  /** Above 0 the run had a process before: it goes on from its newest checkpoint, if it had come to one. */
  readonly restartCount: number;
  readonly signal: AbortSignal;
  readonly hub: HubOptions;
}

/** A run with where it writes and to whom it tells what happens. */
export interface RunContext {
  readonly request: TrainRequest;
  readonly sink: EventSink;
  readonly folder: RunFolder;
}
