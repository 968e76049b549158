import { DatasetError } from './error.ts';
import { show } from './show.ts';

/** A part of a context. */
export interface Answer {
  readonly text: string;
  /** Where in the context it begins, in Unicode code points, as SQuAD has it. */
  readonly start: number;
}

/** Where answers stand. */
export interface AnswersPlace {
  readonly column: string;
  readonly context: string;
  readonly fileName: string;
  readonly row: number;
}

/**
 * The answers of a row: `{text: [...], answer_start: [...]}` as Hugging Face's data sets have them, or a list of
 * `{text, answer_start}` as SQuAD's files have them.
 * @throws DatasetError INVALID_ANSWER that names the answer, its value and what the context has there; MISSING_LABEL
 */
export function answersOf(value: unknown, place: AnswersPlace): Answer[] {
  if (value === null || value === undefined) throw missingAnswer(place);
  const [texts, starts] = Array.isArray(value) ? listsOfObjects(value, place) : listsOf(value, place);
  if (texts.length !== starts.length)
    throw invalid(place, `has ${texts.length} texts and ${starts.length} starts (answer_start)`);
  const positions = characterPositions(place.context);
  return texts.map((text, index) => {
    const number = `answer ${index + 1} of ${texts.length}`;
    if (typeof text !== 'string' || text === '')
      throw invalid(place, `${number}: text is ${show(text)}, expected a string that is not empty`);
    const start = typeof starts[index] === 'bigint' ? Number(starts[index]) : starts[index];
    const unit = typeof start === 'number' ? positions.unitAt(start) : undefined;
    if (typeof start !== 'number' || unit === undefined)
      throw invalid(
        place,
        `${number}: answer_start is ${show(start)}, expected a position within the ${positions.count} characters of the context`,
      );
    if (!place.context.startsWith(text, unit))
      throw invalid(
        place,
        `${number}: at answer_start ${start} the context has ${show(place.context.slice(unit, unit + text.length))}, not ${show(text)}`,
      );
    return { text, start };
  });
}

/** Where the characters of a text begin, in UTF-16 units. */
function characterPositions(text: string): { count: number; unitAt(codePoint: number): number | undefined } {
  if (!/[\ud800-\udfff]/.test(text))
    return {
      count: text.length,
      unitAt: (at) => (Number.isInteger(at) && at >= 0 && at < text.length ? at : undefined),
    };
  const units: number[] = [];
  for (let unit = 0; unit < text.length; unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1) units.push(unit);
  return { count: units.length, unitAt: (at) => units[at] };
}

/** Why a record without an answer is none to train on. */
export function missingAnswer({ column, fileName, row }: AnswersPlace): DatasetError {
  return new DatasetError(
    'MISSING_LABEL',
    fileName,
    `row ${row}: ${show(column)} has no answer (questions without one are for --version-2-with-negative; such rows can be left out with --skip-invalid)`,
  );
}

function listsOf(value: unknown, place: AnswersPlace): [texts: unknown[], starts: unknown[]] {
  const fields = typeof value === 'object' ? (value as Readonly<Record<string, unknown>>) : {};
  const { text, answer_start: starts } = fields;
  if (Array.isArray(text) && Array.isArray(starts)) return [text, starts];
  throw invalid(place, `is ${show(value)}, expected {"text": [...], "answer_start": [...]}`);
}

function listsOfObjects(values: readonly unknown[], place: AnswersPlace): [texts: unknown[], starts: unknown[]] {
  const objects = values.map((value, index) => {
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
    throw invalid(
      place,
      `answer ${index + 1} of ${values.length} is ${show(value)}, expected {"text", "answer_start"}`,
    );
  });
  return [objects.map(({ text }) => text), objects.map(({ answer_start: start }) => start)];
}

function invalid({ column, fileName, row }: AnswersPlace, problem: string): DatasetError {
  return new DatasetError('INVALID_ANSWER', fileName, `row ${row}: ${show(column)} ${problem}`);
}
