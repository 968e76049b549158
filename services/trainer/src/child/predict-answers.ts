import type { PredictRequest, PredictResponse } from '@pemmican/contract/trainer';
import type { GraphSession } from '@pemmican/graph';
import { DEFAULT_ANSWER_CHOICE, answerQuestions, type AnsweredQuestion, type EncodedDataset } from '@pemmican/training';

// Questions of a response, whose logits may be many.
const QUESTIONS_PER_RESPONSE = 16;

/** Answers to a file's questions in their order, with the logits that they were chosen by. */
export function* predictAnswers(
  session: GraphSession,
  dataset: EncodedDataset,
  request: PredictRequest,
  scoring: { readonly batchSize: number; readonly padId: number },
): Generator<PredictResponse, void, undefined> {
  const defaults = DEFAULT_ANSWER_CHOICE;
  const choice = {
    nBestSize: request.nBestSize ?? defaults.nBestSize,
    maxAnswerLength: request.maxAnswerLength ?? defaults.maxAnswerLength,
    nullScoreDiffThreshold: request.nullScoreDiffThreshold ?? defaults.nullScoreDiffThreshold,
  };
  let firstRecordIndex = 0;
  let pending: AnsweredQuestion[] = [];
  const take = (): PredictResponse => {
    const response = toResponse(firstRecordIndex, pending);
    firstRecordIndex += pending.length;
    pending = [];
    return response;
  };
  for (const answered of answerQuestions(session, dataset, { ...scoring, choice })) {
    pending.push(answered);
    if (pending.length === QUESTIONS_PER_RESPONSE) yield take();
  }
  if (pending.length > 0) yield take();
}

function toResponse(firstRecordIndex: number, answered: readonly AnsweredQuestion[]): PredictResponse {
  const windows = answered.flatMap((each) => each.windows);
  return {
    firstRecordIndex,
    labelCount: 2,
    logits: windows.flatMap(({ startLogits, endLogits }) => [...startLogits, ...endLogits]),
    labelNames: [],
    words: [],
    answers: answered.map(({ text, score, start, end, windows: { length } }) => ({
      ...{ text, score, start, end },
      windowCount: length,
    })),
    windowLengths: windows.map(({ startLogits }) => startLogits.length),
    generatedTexts: [],
  };
}
