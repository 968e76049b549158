import type { CommandContext } from '../command-context.ts';
import type { ReduceOptions } from '../commands/reduce.ts';
import { toServiceLocation } from '../options/location.ts';
import { ServicePool } from '../services/service-pool.ts';
import { reduceStage } from '../stages/surgery-stage.ts';

/** `pemmican reduce` */
export async function reduce(options: ReduceOptions, context: CommandContext): Promise<void> {
  await using pool = await ServicePool.open(['embedding-surgery'], options, context);
  const result = await reduceStage(
    {
      modelUri: toServiceLocation(options.model),
      vocabulary: { $case: 'profileUri', value: toServiceLocation(options.vocabulary) },
      outputUri: toServiceLocation(options.output),
      padToMultipleOf: options.padToMultipleOf,
      exportTokenizer: options.exportTokenizer === true,
      overwrite: options.overwrite === true,
      restrictOutput: options.restrictedSoftmax === true,
    },
    { ...context, pool },
  );
  context.output.print(`Reduced checkpoint: ${result.outputUri}`);
  context.output.document(result);
}
