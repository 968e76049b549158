import { DEFAULT_DOC_STRIDE, DEFAULT_MAX_SEQUENCE_LENGTHS, DatasetError, type DatasetRecord } from '@pemmican/dataset';
import { TokenizerError, type PlacedText, type TextWindow } from '@pemmican/tokenizer';
import {
  EncodedDatasetBuilder,
  NOT_IN_CONTEXT,
  QuestionWindowsBuilder,
  answerSpan,
  type EncodedDataset,
  type TokenPlaces,
} from '@pemmican/training';
import { PreconditionError } from '../precondition-error.ts';
import type { ModelTokenIds } from './model-token-ids.ts';
import type { DataRequest } from './prepared-data.ts';
import type { PreparedModel } from './prepared-model.ts';

// Questions after which the process looks at its messages: some milliseconds.
const QUESTIONS_PER_BREATH = 32;

/** Turns questions and their contexts into windows, with the places of tokens and of answers, as transformers' run_qa.py does. */
export class QuestionEncoder {
  readonly #prepared: PreparedModel;
  readonly #request: DataRequest;
  readonly #tokenIds: ModelTokenIds;
  readonly #onSkip: () => void;
  readonly #maxLength: number;
  readonly #stride: number;
  // Questions to one context follow each other.
  #lastContext: { readonly text: string; readonly placed: PlacedText } | undefined;

  constructor(prepared: PreparedModel, request: DataRequest, tokenIds: ModelTokenIds, onSkip: () => void) {
    this.#prepared = prepared;
    this.#request = request;
    this.#tokenIds = tokenIds;
    this.#onSkip = onSkip;
    this.#maxLength = request.dataset.maxSequenceLength || DEFAULT_MAX_SEQUENCE_LENGTHS.questions;
    this.#stride = request.dataset.docStride ?? DEFAULT_DOC_STRIDE;
    if (this.#maxLength > prepared.model.maxSequenceLength)
      throw new PreconditionError(
        'SEQUENCE_TOO_LONG',
        `max_sequence_length ${this.#maxLength} is over the model's ${prepared.model.maxSequenceLength} positions`,
      );
  }

  /**
   * Encodes records in their order: each becomes as many windows as its context needs.
   * @param keepsPlaces whether their answers are to be told
   */
  async encodeAll(
    records: AsyncIterable<DatasetRecord>,
    fileName: string,
    keepsPlaces: boolean,
  ): Promise<EncodedDataset> {
    const dataset = new EncodedDatasetBuilder();
    const allowsUnanswered = this.#request.dataset.version2WithNegative;
    const questions = new QuestionWindowsBuilder({ allowsUnanswered, keepsPlaces });
    for await (const record of records) {
      const windows = this.#windowsOf(record, fileName);
      if (windows === undefined) continue;
      questions.addQuestion(record.textPair ?? '', record.answers?.map(({ text }) => text) ?? []);
      for (const window of windows) {
        const places = this.#placesOf(window);
        questions.addWindow(places, answerSpan(places, firstAnswer(record), this.#noAnswerIn(window)));
        dataset.add(this.#tokenIds.toRows(window.ids, `${fileName}, row ${record.row}`), window.typeIds, 0);
      }
      if (record.index % QUESTIONS_PER_BREATH === 0) await this.#request.breathe();
    }
    return { ...dataset.build(), questions: questions.build() };
  }

  /** The windows of a record; undefined where it is left out. */
  #windowsOf({ text, textPair = '', row }: DatasetRecord, fileName: string): TextWindow[] | undefined {
    const { tokenizer } = this.#prepared;
    const [question, context] = [tokenizer.place(text), this.#placeContext(textPair)];
    const [maxLength, stride] = [this.#maxLength, this.#stride];
    try {
      return this.#isContextFirst
        ? tokenizer.windows(context, question, { maxLength, stride, cutText: 'first' })
        : tokenizer.windows(question, context, { maxLength, stride, cutText: 'second' });
    } catch (error) {
      if (!(error instanceof TokenizerError)) throw error;
      if (!this.#request.dataset.skipInvalid)
        throw new DatasetError('INVALID_TEXT', fileName, `row ${row}: ${error.message}`, { cause: error });
      this.#onSkip();
      return undefined;
    }
  }

  #placeContext(text: string): PlacedText {
    if (this.#lastContext?.text !== text) this.#lastContext = { text, placed: this.#prepared.tokenizer.place(text) };
    return this.#lastContext.placed;
  }

  /** The context is on the side of the padding. */
  get #isContextFirst(): boolean {
    return this.#prepared.tokenizer.paddingSide === 'left';
  }

  #placesOf({ sequenceIds, starts, ends }: TextWindow): TokenPlaces {
    const context = this.#isContextFirst ? 0 : 1;
    const ofContext = (places: Uint32Array): Int32Array =>
      Int32Array.from(places, (place, token) => (sequenceIds[token] === context ? place : NOT_IN_CONTEXT));
    return { starts: ofContext(starts), ends: ofContext(ends) };
  }

  /** The token that stands for no answer: the classification token, or the first one. */
  #noAnswerIn({ ids }: TextWindow): number {
    return Math.max(0, ids.indexOf(this.#prepared.tokenizer.clsTokenId ?? -1));
  }
}

/** The one that is trained on, as in run_qa.py. */
function firstAnswer({ answers }: DatasetRecord): { start: number; end: number } | undefined {
  const [answer] = answers ?? [];
  return answer === undefined ? undefined : { start: answer.start, end: answer.start + Array.from(answer.text).length };
}
