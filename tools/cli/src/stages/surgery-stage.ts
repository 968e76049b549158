import { SurgeryResult } from '@pemmican/contract/surgery';
import type { ReduceSpec, RestoreSpec, SurgeryProgress } from '@pemmican/contract/surgery';

import { surgeryJob } from '../jobs/kinds.ts';
import { formatBytes, formatCount } from '../output/units.ts';
import type { StageContext } from './stage.ts';
import { runStage } from './stage.ts';

/** Reduces a checkpoint to its used rows. */
export async function reduceStage(spec: ReduceSpec, context: StageContext): Promise<SurgeryResult> {
  return surgeryStage(
    'Reduce',
    { $case: 'reduce', value: spec },
    (result) =>
      `${formatCount(result.fullVocabSize)} → ${formatCount(result.reducedVocabSize)} rows, ` +
      `${formatBytes(result.sourceBytes)} → ${formatBytes(result.outputBytes)}`,
    context,
  );
}

/** Writes trained rows back into the full checkpoint. */
export async function restoreStage(spec: RestoreSpec, context: StageContext): Promise<SurgeryResult> {
  return surgeryStage(
    'Restore',
    { $case: 'restore', value: spec },
    (result) =>
      result.mergedModuleCount > 0
        ? `an adapter merged into ${formatCount(result.mergedModuleCount)} matrices${result.mergedRowCount > 0 ? ` and ${formatCount(result.mergedRowCount)} embedding rows` : ''}, ${formatBytes(result.outputBytes)}`
        : `${formatCount(result.reducedVocabSize)} trained rows written back into ${formatCount(result.fullVocabSize)}, ` +
          formatBytes(result.outputBytes),
    context,
  );
}

async function surgeryStage(
  title: string,
  operation: { $case: 'reduce'; value: ReduceSpec } | { $case: 'restore'; value: RestoreSpec },
  summarize: (result: SurgeryResult) => string,
  context: StageContext,
): Promise<SurgeryResult> {
  const surgery = await runStage(
    surgeryJob(context.pool.surgery, { operation }),
    {
      title,
      onEvent: (event, progress) => {
        if (event.$case === 'progress') progress.update(share(event.value), describe(event.value));
      },
      summarize: ({ result }) => summarize(result ?? SurgeryResult.create()),
    },
    context,
  );
  return surgery.result ?? SurgeryResult.create();
}

function share(progress: SurgeryProgress): number {
  return progress.totalBytes > 0 ? progress.writtenBytes / progress.totalBytes : 0;
}

function describe(progress: SurgeryProgress): string {
  return `${formatBytes(progress.writtenBytes)} of ${formatBytes(progress.totalBytes)}  ${progress.tensorName}`;
}
