import { isLanguageModeling } from '@pemmican/models';
import { ENTITY_METRICS, type TrainingOptions } from '@pemmican/training';
import { PreconditionError } from '../precondition-error.ts';
import { breathe } from './parent-channel.ts';
import { prepareData, type PreparedData } from './prepared-data.ts';
import type { PreparedModel } from './prepared-model.ts';
import type { RunContext } from './run-context.ts';

/**
 * Prepares the splits that a run reads, and tells what was left out of them.
 * @throws PreconditionError DATASET_MISSING, TAGS_WITHOUT_NAMES; what {@link prepareData} throws
 */
export async function prepareTrainingData(
  prepared: PreparedModel,
  { request, sink }: Pick<RunContext, 'request' | 'sink'>,
  trainingOptions: TrainingOptions,
): Promise<PreparedData> {
  const { dataset, options } = request.spec;
  if (dataset === undefined) throw new PreconditionError('DATASET_MISSING', 'The run has no data set');
  const data = await prepareData(prepared, {
    dataset,
    task: trainingOptions.task,
    labelCount: options?.numLabels ?? 0,
    labelNames: options?.labelNames ?? [],
    labelsAllTokens: options?.labelAllTokens ?? false,
    unkeptTokensToUnk: options?.unkeptTokensToUnk ?? false,
    needsLabels: !isLanguageModeling(trainingOptions.task),
    breathe: () => {
      request.signal.throwIfAborted();
      return breathe();
    },
  });
  requireMetric(data, trainingOptions);
  if (data.skippedRecordCount > 0)
    await sink.log(
      'warning',
      `${data.skippedRecordCount} records without text or label, or with wrong answers, were left out`,
    );
  for (const note of data.notes ?? []) await sink.log('info', note);
  if (data.mappedToUnkCount > 0)
    await sink.log('warning', `${data.mappedToUnkCount} token ids that have no row were mapped to the unknown token`);
  return data;
}

/** @throws PreconditionError TAGS_WITHOUT_NAMES */
function requireMetric({ labelNames }: PreparedData, { task, metricForBestModel }: TrainingOptions): void {
  const isOfEntities = (ENTITY_METRICS as readonly string[]).includes(metricForBestModel);
  if (task !== 'token-classification' || labelNames !== undefined || !isOfEntities) return;
  throw new PreconditionError(
    'TAGS_WITHOUT_NAMES',
    `metric_for_best_model is ${metricForBestModel}, which counts entities, and the tags are numbers without names that say what an entity is; name them, or choose accuracy or loss`,
  );
}
