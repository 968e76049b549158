import { TensorflowSession } from '@pemmican/engine';
import { isLanguageModeling, requireTask } from '@pemmican/models';
import type { PredictRequest, PredictResponse, PredictedWords } from '@pemmican/contract/trainer';
import { buildPredictionProgram, predictLogits, type EncodedDataset } from '@pemmican/training';
import { toTask } from '../convert-options.ts';
import type { HubOptions } from '@pemmican/storage';
import { PreconditionError } from '../precondition-error.ts';
import { paddingTokenId } from './model-token-ids.ts';
import { breathe } from './parent-channel.ts';
import { predictAnswers } from './predict-answers.ts';
import { prepareData } from './prepared-data.ts';
import { openPredictionModel } from './prediction-model.ts';
import { wordsWithTokens, type SplitWords } from './split-words.ts';

const DEFAULT_BATCH_SIZE = 16;

/** Logits of a file's records, batch by batch in file order. */
export async function* predictRun(
  request: PredictRequest,
  options: { readonly tensorflow: 'cpu' | 'gpu'; readonly hub: HubOptions },
): AsyncGenerator<PredictResponse, void, undefined> {
  const task = toTask(request.task);
  if (task === 'seq2seq-lm')
    throw new PreconditionError(
      'NO_LOGITS',
      "predict gives logits of records, and writes no text; transformers' generate does, with the folder that was trained for seq2seq-lm",
    );
  if (isLanguageModeling(task))
    throw new PreconditionError('NO_LOGITS', `There are no logits of a record to predict in ${task}`);
  const predicting = await openPredictionModel(request.modelUri, request.baseModelUri, options.hub, task);
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
  const session = TensorflowSession.open(program.savedModel, { build: options.tensorflow });
  try {
    await predicting.load(session, program, task, labelCount);
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
      };
      firstRecordIndex += rowCount;
      await breathe();
    }
  } finally {
    session.dispose();
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
