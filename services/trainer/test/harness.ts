import { DatasetSpec, Split } from '@pemmican/contract/vocabulary';
import {
  PredictRequest,
  RunState,
  TrainingOptions,
  type CreateRunRequest,
  type Run,
  type WatchRunResponse,
} from '@pemmican/contract/trainer';
import { describeStatus, type Failure } from '@pemmican/testkit';
import type { TrainerProcess } from './trainer-process.ts';

/** What the tiny model for masked language modeling has beside its layers. */
export const MASKING_HEAD = {
  'cls.predictions.bias': [125],
  'cls.predictions.transform.dense.weight': [32, 32],
  'cls.predictions.transform.dense.bias': [32],
  'cls.predictions.transform.LayerNorm.weight': [32],
  'cls.predictions.transform.LayerNorm.bias': [32],
};

export interface RunFields {
  readonly model: string;
  readonly output: string;
  readonly train: string;
  readonly validation?: string;
  readonly options?: Parameters<typeof TrainingOptions.fromPartial>[0];
  readonly dataset?: Partial<DatasetSpec>;
  readonly memoryBudgetBytes?: number;
  readonly resumeFromCheckpoint?: string;
}

/** A request with everything that is not named at its default; two steps where the options do not say. */
export function runRequest(fields: RunFields): CreateRunRequest {
  const files: DatasetSpec['files'] = [{ split: Split.TRAIN, uri: fields.train, format: 0 }];
  if (fields.validation !== undefined) files.push({ split: Split.VALIDATION, uri: fields.validation, format: 0 });
  return {
    requestId: '',
    validateOnly: false,
    spec: {
      modelUri: fields.model,
      outputUri: fields.output,
      dataset: DatasetSpec.fromPartial({
        files,
        textColumn: '',
        textPairColumn: '',
        labelColumn: '',
        skipInvalid: false,
        maxSequenceLength: 32,
        recordKind: 0,
        docStride: undefined,
        questionColumn: '',
        contextColumn: '',
        answersColumn: '',
        version2WithNegative: false,
        ...fields.dataset,
      }),
      options: TrainingOptions.fromPartial({ maxSteps: 2, perDeviceTrainBatchSize: 8, ...fields.options }),
      memoryBudgetBytes: fields.memoryBudgetBytes ?? 0,
      resumeFromCheckpoint: fields.resumeFromCheckpoint ?? '',
      memorySampleIntervalMs: 0,
    },
  };
}

/** Predictions of a file by a model, in batches of 16. */
export function predictRequest(model: string, file: string): PredictRequest {
  return PredictRequest.fromPartial({
    modelUri: model,
    dataset: { files: [{ split: Split.TEST, uri: file }], maxSequenceLength: 32 },
    batchSize: 16,
  });
}

/** Starts a run, follows it and gives how it ended, with its events. */
export async function finish(
  trainer: TrainerProcess,
  fields: RunFields,
): Promise<{ run: Run; events: WatchRunResponse[] }> {
  const { name } = await trainer.create(runRequest(fields));
  const events: WatchRunResponse[] = [];
  for await (const event of trainer.watch(name, '')) events.push(event);
  return { run: await trainer.get(name), events };
}

/** What a failed run tells. */
export function failureOf(run: Run): Failure {
  if (run.state !== RunState.FAILED || run.error === undefined) throw new Error(`State of the run is ${run.state}`);
  return describeStatus(run.error);
}
