import type { CommandContext } from '../command-context.ts';
import { followJob } from '../jobs/follow-job.ts';
import type { Job, JobResource } from '../jobs/job.ts';
import type { ServiceName } from '../options/common-options.ts';
import type { Progress } from '../progress/progress.ts';
import { startProgress } from '../progress/progress.ts';
import type { ServicePool } from '../services/service-pool.ts';

/** What every stage is given. */
export interface StageContext extends CommandContext {
  readonly pool: ServicePool;
}

/** How a stage's job is shown. */
export interface StageView<Resource, Event> {
  readonly title: string;
  readonly onEvent: (event: Event, progress: Progress) => void;
  /** The line that stays when the job has succeeded. */
  readonly summarize: (resource: Resource) => string;
}

/** Runs a stage's job with its progress shown. */
export async function runStage<Resource extends JobResource, Event>(
  job: Job<Resource, Event>,
  view: StageView<Resource, Event>,
  context: StageContext,
): Promise<Resource> {
  const progress = startProgress(view.title, context.output);
  try {
    const resource = await followJob(job, {
      interrupted: context.interrupt.signal,
      onEvent: (event) => {
        view.onEvent(event, progress);
      },
      onConnectionLost: (service) => {
        // An embedded service's restart is told by its supervisor.
        if (!context.pool.isEmbedded(service as ServiceName)) {
          progress.note(`warning: the connection to ${service} was lost; attaching again`);
        }
      },
      onCancelling: () => {
        progress.note('Stopping: the last step is kept. Press Ctrl-C again to stop at once.');
      },
      serviceFailure: () => context.pool.failureOf(job.service as ServiceName),
    });
    progress.succeed(view.summarize(resource));
    return resource;
  } catch (error) {
    progress.fail();
    throw error;
  }
}
