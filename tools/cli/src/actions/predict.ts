import { Split } from '@pemmican/contract/vocabulary';

import type { CommandContext } from '../command-context.ts';
import type { PredictOptions } from '../commands/predict.ts';
import { toColumnSpec } from '../options/dataset-spec.ts';
import { toServiceLocation } from '../options/location.ts';
import { toTask } from '../options/training-spec.ts';
import { ServicePool } from '../services/service-pool.ts';
import { predictStage } from '../stages/predict-stage.ts';
import { predictionDocument, renderPrediction } from '../views/prediction-view.ts';
import { TextScores } from '../views/text-scores.ts';

/** `pemmican predict` */
export async function predict(options: PredictOptions, context: CommandContext): Promise<void> {
  await using pool = await ServicePool.open(['trainer'], options, context);
  const { output } = context;
  let count = 0;
  const texts = new TextScores();
  const predictions = await predictStage(
    {
      modelUri: toServiceLocation(options.model),
      dataset: {
        ...toColumnSpec(options, [[Split.TEST, options.file]]),
        // Only a column that is named has to be there: there need be no targets.
        targetColumn: options.targetColumn ?? options.summaryColumn ?? '',
      },
      batchSize: options.perDeviceEvalBatchSize,
      task: toTask(options.task),
      memoryBudgetBytes: options.memoryBudget ?? 0,
      baseModelUri: options.baseModel === undefined ? '' : toServiceLocation(options.baseModel),
      nBestSize: options.nBestSize,
      maxAnswerLength: options.maxAnswerLength,
      nullScoreDiffThreshold: options.nullScoreDiffThreshold,
    },
    { ...context, pool },
    (prediction) => {
      // One JSON object a line, as they come: a large file's predictions never wait in memory.
      if (!output.isJson) output.print(renderPrediction(count, prediction, options.task));
      count += 1;
      if (prediction.generated !== undefined) texts.add(prediction.generated);
      return output.isJson;
    },
  );
  for (const line of texts.lines()) output.note(line);
  output.document({ ...predictionDocument(predictions), ...texts.document() });
}
