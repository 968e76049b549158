import { metrics, type ObservableCallback } from '@opentelemetry/api';
import { nameOfState, type JobState } from './job-kind.ts';

/** Bounds in seconds, from a small analysis to a long run. */
const DURATION_BOUNDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400];

/** How many jobs of a collection wait and run, and how they ended. */
export class JobMetrics {
  readonly #attributes: { readonly 'pemmican.collection': string };
  readonly #durations;
  readonly #jobs;
  readonly #observe: ObservableCallback;

  /** @param count jobs that wait and that run now */
  constructor(collection: string, count: () => { readonly waiting: number; readonly running: number }) {
    const meter = metrics.getMeter('@pemmican/jobs');
    this.#attributes = { 'pemmican.collection': collection };
    this.#durations = meter.createHistogram('pemmican.job.duration', {
      unit: 's',
      description: 'How long jobs ran, from their first start to their end',
      advice: { explicitBucketBoundaries: DURATION_BOUNDS },
    });
    this.#jobs = meter.createObservableGauge('pemmican.jobs', {
      unit: '{job}',
      description: 'Jobs that are not final',
    });
    this.#observe = (result) => {
      const { waiting, running } = count();
      result.observe(waiting, { ...this.#attributes, 'pemmican.state': 'queued' });
      result.observe(running, { ...this.#attributes, 'pemmican.state': 'running' });
    };
    this.#jobs.addCallback(this.#observe);
  }

  /** Records a job that has become final. */
  end(state: JobState, startTime: Date | undefined, endTime: Date): void {
    const seconds = startTime === undefined ? 0 : (endTime.getTime() - startTime.getTime()) / 1000;
    this.#durations.record(seconds, { ...this.#attributes, 'pemmican.state': nameOfState(state) });
  }

  close(): void {
    this.#jobs.removeCallback(this.#observe);
  }
}
