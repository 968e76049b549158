import { metrics, type Attributes } from '@opentelemetry/api';
import {
  DeviceMemorySource,
  type DeviceMemorySample,
  type StepMetrics,
  type WatchRunResponse,
} from '@pemmican/contract/trainer';
import { observeLiving, type Observe } from './living-gauge.ts';

/** Bounds in seconds of an optimizer step. */
const STEP_BOUNDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];

interface ActiveRun {
  /** Least number that no other run has now. */
  readonly slot: number;
  step?: StepMetrics;
  /** Latest sample of each device. */
  readonly samples: Map<number, DeviceMemorySample>;
}

/**
 * What runs do: steps, tokens, losses, and the memory of devices (`hw.gpu.*` of OpenTelemetry's semantic conventions for hardware).
 * What is of one run is told by its slot, of which there are as many as runs at a time: a series for each name would stay for ever.
 */
export class RunMetrics {
  readonly #runs = new Map<string, ActiveRun>();
  readonly #steps;
  readonly #tokens;
  readonly #durations;

  constructor() {
    const meter = metrics.getMeter('@pemmican/trainer');
    this.#steps = meter.createCounter('pemmican.training.steps', { unit: '{step}', description: 'Optimizer steps' });
    this.#tokens = meter.createCounter('pemmican.training.tokens', {
      unit: '{token}',
      description: 'Tokens that steps trained on, without padding',
    });
    this.#durations = meter.createHistogram('pemmican.training.step.duration', {
      unit: 's',
      description: 'How long optimizer steps took',
      advice: { explicitBucketBoundaries: STEP_BOUNDS },
    });
    const gauge = (name: string, unit: string, description: string, value: (step: StepMetrics) => number): void => {
      observeLiving(meter.createObservableGauge(name, { unit, description }), (observe) => {
        for (const { slot, step } of this.#runs.values())
          if (step !== undefined) observe(value(step), { 'pemmican.slot': slot });
      });
    };
    gauge('pemmican.training.loss', '1', 'Loss of the latest step', (step) => step.loss);
    gauge(
      'pemmican.training.gradient_norm',
      '1',
      'Gradient norm before clipping, of the latest step',
      (step) => step.gradNorm,
    );
    gauge('pemmican.training.learning_rate', '1', 'Learning rate of the latest step', (step) => step.learningRate);
    gauge('pemmican.training.progress', '1', 'Share of the steps that are done', (step) => step.step / step.totalSteps);
    const ofDevices = (
      name: string,
      unit: string,
      description: string,
      observeSample: (sample: DeviceMemorySample, slot: number, observe: Observe) => void,
    ): void => {
      observeLiving(meter.createObservableGauge(name, { unit, description }), (observe) => {
        for (const { slot, samples } of this.#runs.values())
          for (const sample of samples.values()) observeSample(sample, slot, observe);
      });
    };
    ofDevices('hw.gpu.memory.usage', 'By', 'Memory of the GPU in use', (sample, _, observe) => {
      if (isGpu(sample)) observe(sample.usedBytes, gpuAttributes(sample));
    });
    ofDevices('hw.gpu.memory.limit', 'By', 'Memory of the GPU', (sample, _, observe) => {
      if (isGpu(sample)) observe(sample.totalBytes, gpuAttributes(sample));
    });
    ofDevices('hw.gpu.utilization', '1', 'Share of the time in which the GPU computed', (sample, _, observe) => {
      if (isGpu(sample) && sample.utilization !== undefined) observe(sample.utilization, gpuAttributes(sample));
    });
    ofDevices(
      'pemmican.run.memory.usage',
      'By',
      "Memory of the run's process on the device",
      (sample, slot, observe) => {
        observe(sample.processBytes, {
          'pemmican.slot': slot,
          'pemmican.memory.source': isGpu(sample) ? 'nvml' : 'host',
          'hw.id': String(sample.deviceIndex),
        });
      },
    );
  }

  /** Takes up what a run has told. */
  record(run: string, event: NonNullable<WatchRunResponse['event']>): void {
    const active = this.#runs.get(run) ?? { slot: this.#freeSlot(), samples: new Map<number, DeviceMemorySample>() };
    this.#runs.set(run, active);
    if (event.$case === 'deviceMemory') active.samples.set(event.value.deviceIndex, event.value);
    if (event.$case !== 'step') return;
    active.step = event.value;
    this.#steps.add(1);
    this.#tokens.add(event.value.tokenCount);
    this.#durations.record(event.value.elapsedMs / 1000);
  }

  #freeSlot(): number {
    const taken = new Set(this.#runs.values().map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot++;
    return slot;
  }

  /** Forgets a run that no longer goes on. */
  end(run: string): void {
    this.#runs.delete(run);
  }
}

const isGpu = ({ source }: DeviceMemorySample): boolean => source === DeviceMemorySource.NVML;

const gpuAttributes = ({ deviceIndex, deviceName }: DeviceMemorySample): Attributes => ({
  'hw.id': String(deviceIndex),
  'hw.name': deviceName,
});
