import { TensorflowSession, releaseMemory } from '@pemmican/engine';
import { hasTargetSequence, isLanguageModeling, requireTask, type Task } from '@pemmican/models';
import type { PredictRequest, PredictResponse, PredictedWords } from '@pemmican/contract/trainer';
import { buildGenerationProgram, buildPredictionProgram, predictLogits, type EncodedDataset } from '@pemmican/training';
import { toTask } from '../convert-options.ts';
import { PreconditionError } from '../precondition-error.ts';
import { generationSettings } from './generation-settings.ts';
import { paddingTokenId } from './model-token-ids.ts';
import { requireRoomForWeights } from './memory-budget.ts';
import { breathe } from './parent-channel.ts';
import { predictAnswers } from './predict-answers.ts';
import { predictTexts } from './predict-texts.ts';
import { prepareData } from './prepared-data.ts';
import { outputRows } from './prepared-model.ts';
import { openPredictionModel, type ModelPlaces } from './prediction-model.ts';
import { wordsWithTokens, type SplitWords } from './split-words.ts';

const DEFAULT_BATCH_SIZE = 16;

export interface PredictRunOptions extends ModelPlaces {
  readonly tensorflow: 'cpu' | 'gpu';
  /** Ends writing between two tokens. */
  readonly signal?: AbortSignal;
}

/** Logits of a file's records, or what is written of them, batch by batch in file order. */
export async function* predictRun(
  request: PredictRequest,
  options: PredictRunOptions,
): AsyncGenerator<PredictResponse, void, undefined> {
  const task = toTask(request.task);
  if (hasTargetSequence(task)) {
    yield* writeTexts(request, task, options);
    return;
  }
  if (isLanguageModeling(task))
    throw new PreconditionError('NO_LOGITS', `There are no logits of a record to predict in ${task}`);
  const predicting = await openPredictionModel(request.modelUri, request.baseModelUri, options, task);
  const { base, model, headLabelCount: labelCount } = predicting;
  requireTask(model, task, base.folder.name);
  if (labelCount === undefined)
    throw new PreconditionError(
      'HEAD_MISSING',
      `${base.folder.name}: has no ${model.headWeightName(task)}, so there is nothing to predict with`,
    );
  if (request.dataset === undefined) throw new PreconditionError('DATASET_MISSING', 'The prediction has no file');
  const data = await prepareData(base, {
    dataset: request.dataset,
    task,
    labelCount,
    unkeptTokensToUnk: false,
    needsLabels: false,
    breathe,
  });
  const records = [...data.splits.values()][0];
  const words = [...data.words.values()][0];
  if (records === undefined) throw new PreconditionError('DATASET_MISSING', 'The prediction has no file');
  const program = buildPredictionProgram(model, { task, labelCount, vocabRows: base.vocabRows });
  requireRoomForWeights(
    program.parameters.map(({ spec }) => spec.shape),
    request.memoryBudgetBytes,
  );
  const session = TensorflowSession.open(program.savedModel, { build: options.tensorflow });
  try {
    await predicting.load(session, program, task, labelCount);
    releaseMemory();
    const scoring = { batchSize: request.batchSize || DEFAULT_BATCH_SIZE, padId: paddingTokenId(base) };
    if (records.questions !== undefined) {
      for (const response of predictAnswers(session, records, request, scoring)) {
        yield response;
        await breathe();
      }
      return;
    }
    let firstRecordIndex = 0;
    for (const { rowCount, logits } of predictLogits(session, records, { ...scoring, task })) {
      yield {
        firstRecordIndex,
        labelCount,
        logits: Array.from(logits),
        labelNames: firstRecordIndex === 0 ? labelNames(predicting.config, labelCount) : [],
        words: words === undefined ? [] : predictedWords(records, words, firstRecordIndex, rowCount),
        answers: [],
        windowLengths: [],
        generatedTexts: [],
      };
      firstRecordIndex += rowCount;
      await breathe();
    }
  } finally {
    session.dispose();
    await predicting.close();
  }
}

async function* writeTexts(
  request: PredictRequest,
  task: Task,
  options: PredictRunOptions,
): AsyncGenerator<PredictResponse, void, undefined> {
  const { tensorflow, signal } = options;
  const predicting = await openPredictionModel(request.modelUri, request.baseModelUri, options, task);
  const { base, model } = predicting;
  try {
    requireTask(model, task, base.folder.name);
    const settings = generationSettings(base, task);
    if (request.dataset === undefined) throw new PreconditionError('DATASET_MISSING', 'The prediction has no file');
    const { splits, targetTexts } = await prepareData(base, {
      dataset: request.dataset,
      task,
      labelCount: 0,
      unkeptTokensToUnk: false,
      needsLabels: false,
      needsTargets: false,
      breathe,
    });
    const [dataset, texts = []] = [[...splits.values()][0], [...(targetTexts?.values() ?? [])][0]];
    if (dataset === undefined) throw new PreconditionError('DATASET_MISSING', 'The prediction has no file');
    const rows = { vocabRows: base.vocabRows, outputRows: outputRows(base, task) };
    const program = buildGenerationProgram(model, rows);
    requireRoomForWeights(
      program.parameters.map(({ spec }) => spec.shape),
      request.memoryBudgetBytes,
    );
    const session = TensorflowSession.open(program.savedModel, { build: tensorflow });
    try {
      await predicting.load(session, program, task, 0);
      releaseMemory();
      const scoring = { request, batchSize: request.batchSize || DEFAULT_BATCH_SIZE, padId: paddingTokenId(base) };
      yield* predictTexts(session, { dataset, targetTexts: texts }, base, settings, scoring, async () => {
        await breathe();
        signal?.throwIfAborted();
      });
    } finally {
      session.dispose();
    }
  } finally {
    await predicting.close();
  }
}

/** Which words of records the logits of a batch are for. */
function predictedWords(
  { offsets }: EncodedDataset,
  { wordIds, wordCounts }: SplitWords,
  firstRecord: number,
  recordCount: number,
): PredictedWords[] {
  return Array.from({ length: recordCount }, (_, index) => {
    const record = firstRecord + index;
    const wordIndices = wordsWithTokens(wordIds.subarray(offsets[record], offsets[record + 1]));
    return { wordCount: wordCounts[record] ?? 0, wordIndices };
  });
}

function labelNames(config: Readonly<Record<string, unknown>>, labelCount: number): string[] {
  const id2label = config['id2label'];
  const names = typeof id2label === 'object' && id2label !== null ? (id2label as Record<string, unknown>) : {};
  return Array.from({ length: labelCount }, (_, index) => {
    const name = names[String(index)];
    return typeof name === 'string' ? name : `LABEL_${index}`;
  });
}
