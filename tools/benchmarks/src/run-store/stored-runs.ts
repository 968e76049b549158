import { DeviceMemorySource, Run, RunResult, RunSpec, RunState, WatchRunResponse } from '@pemmican/contract/trainer';
import type { RunStore } from '@pemmican/run-store';

type Event = NonNullable<WatchRunResponse['event']>;

export interface RunShape {
  readonly stepCount: number;
  readonly sampleCount: number;
  /** Stopped half-way; otherwise it has succeeded. */
  readonly isPaused: boolean;
}

const START_MS = Date.UTC(2026, 0, 5);
// A week of 10,000 runs is one a minute.
const MS_PER_RUN = 60_000;

/** Stores a run with the events that a run of a classifier has, in the transactions that the trainer makes of them. */
export function storeRun(store: RunStore, index: number, shape: RunShape): void {
  const createTime = new Date(START_MS + index * MS_PER_RUN);
  const spec = RunSpec.fromPartial({
    modelUri: `/srv/pemmican/models/all-MiniLM-L6-v2/reduced-${index}`,
    outputUri: `/srv/pemmican/runs/2026-week-2/experiment-${index}`,
    dataset: {
      files: [
        { split: 1, uri: `/srv/pemmican/data/reviews/part-${index}/train.jsonl` },
        { split: 2, uri: `/srv/pemmican/data/reviews/part-${index}/validation.jsonl` },
      ],
      textColumn: 'text',
      labelColumn: 'label',
      maxSequenceLength: 128,
    },
    options: {
      learningRate: 5e-5,
      numTrainEpochs: 3,
      perDeviceTrainBatchSize: 16,
      seed: index,
      evalSteps: 25,
      saveSteps: 25,
    },
  });
  const resource = (name: string, uid: string, fields: Partial<Run>): Run =>
    Run.fromPartial({ name, uid, state: RunState.QUEUED, spec, createTime, ...fields });
  const encode = (event: Event): Uint8Array =>
    WatchRunResponse.encode({ sequence: 0, resumeToken: '', eventTime: undefined, event }).finish();
  const { resource: stored } = store.create({
    requestId: `request-${index}`,
    requestDigest: index.toString(16).padStart(64, '0'),
    spec: new TextEncoder().encode('{"traceContext":{}}'),
    state: RunState.QUEUED,
    resource: (name, uid) => Run.encode(resource(name, uid, {})).finish(),
    event: (name, uid) => encode({ $case: 'stateChange', value: resource(name, uid, {}) }),
  });
  const { name, uid } = stored;
  const startTime = new Date(createTime.getTime() + 1000);
  const change = (fields: Partial<Run>, isFinal = false): void => {
    const run = resource(name, uid, { startTime, ...fields });
    store.append(name, encode({ $case: 'stateChange', value: run }), {
      state: run.state,
      isFinal,
      resource: Run.encode(run).finish(),
    });
  };
  const emit = (event: Event, step: number): void => {
    const progress = {
      step,
      totalSteps: shape.stepCount,
      epoch: step / 20,
      restartCount: 0,
      checkpointStep: step - (step % 25),
    };
    const run = resource(name, uid, { startTime, state: RunState.RUNNING, progress });
    store.append(name, encode(event), { state: run.state, isFinal: false, resource: Run.encode(run).finish() });
  };
  change({ state: RunState.RUNNING });
  for (const phase of ['load', 'tokenize', 'build-graph', 'train'])
    emit({ $case: 'phase', value: { phase, previousPhase: '', previousPhasePeakBytes: 412_000_000 + index } }, 0);
  const samplesPerStep = shape.sampleCount / shape.stepCount;
  let samples = 0;
  const stepCount = shape.isPaused ? Math.floor(shape.stepCount / 2) : shape.stepCount;
  for (let step = 1; step <= stepCount; step++) {
    const [loss, gradNorm] = [2 / step + (index % 7) / 100, 1 + (step % 5) / 10];
    emit(stepEvent({ step, loss, gradNorm, epoch: step / 20 }), step);
    for (; samples < step * samplesPerStep; samples++)
      store.append(
        name,
        encode(
          eventOf({
            $case: 'deviceMemory',
            value: {
              source: DeviceMemorySource.HOST,
              processBytes: 512e6 + step,
              totalBytes: 64e9,
              usedBytes: 8e9 + step,
              freeBytes: 56e9 - step,
            },
          }),
        ),
      );
    if (step % 25 !== 0) continue;
    emit(eventOf({ $case: 'evaluation', value: { step, loss } }), step);
    emit(
      eventOf({ $case: 'checkpoint', value: { step, uri: `/srv/pemmican/runs/${index}/checkpoint-${step}` } }),
      step,
    );
  }
  if (shape.isPaused) {
    change({ state: RunState.PAUSED });
    return;
  }
  emit(
    { $case: 'phase', value: { phase: 'export', previousPhase: 'train', previousPhasePeakBytes: 530_000_000 } },
    stepCount,
  );
  const result = RunResult.fromPartial({
    stepCount,
    finalLoss: 0.1 + index / 1e6,
    parameterCount: 22_713_216,
    vocabRows: 4328,
  });
  change({ state: RunState.SUCCEEDED, result, endTime: new Date(startTime.getTime() + 50_000) }, true);
}

function stepEvent(value: { step: number; loss: number; gradNorm: number; epoch: number }): Event {
  return eventOf({
    $case: 'step',
    value: {
      ...value,
      totalSteps: 50,
      learningRate: 5e-5,
      tokenCount: 1_024 * value.step,
      elapsedMs: 812.5,
      processResidentBytes: 512e6,
    },
  });
}

/** An event with everything that is not named at its default. */
function eventOf(fields: Parameters<typeof WatchRunResponse.fromPartial>[0]['event']): Event {
  const { event } = WatchRunResponse.fromPartial({ event: fields });
  if (event === undefined) throw new TypeError('An event has a case');
  return event;
}
