import type { SurgeryResult } from '@pemmican/contract/surgery';

import type { CommandContext } from '../command-context.ts';
import type { RestoreOptions } from '../commands/restore.ts';
import { toServiceLocation } from '../options/location.ts';
import { ServicePool } from '../services/service-pool.ts';
import { restoreStage } from '../stages/surgery-stage.ts';

function describe({ mergedModuleCount, mergedRowCount, fullVocabSize, unusedRowFactor }: SurgeryResult): string {
  if (mergedModuleCount > 0)
    return mergedRowCount > 0
      ? `An adapter was merged into ${mergedModuleCount} of its matrices and ${mergedRowCount} of its ${fullVocabSize} embedding rows; no other row changed.`
      : `An adapter was merged into ${mergedModuleCount} of its matrices; all others and every embedding row are byte-identical to the source.`;
  return unusedRowFactor === 1
    ? 'Unused rows are byte-identical to the source.'
    : `Unused rows are decayed by ${unusedRowFactor}.`;
}

/** `pemmican restore` */
export async function restore(options: RestoreOptions, context: CommandContext): Promise<void> {
  await using pool = await ServicePool.open(['embedding-surgery'], options, context);
  const result = await restoreStage(
    {
      modelUri: toServiceLocation(options.model),
      trainedUri: toServiceLocation(options.trained),
      outputUri: toServiceLocation(options.output),
      unusedRowDecay: options.unusedRowDecay === true,
      overwrite: options.overwrite === true,
    },
    { ...context, pool },
  );
  context.output.print(`Restored checkpoint: ${result.outputUri}\n${describe(result)}`);
  context.output.document(result);
}
