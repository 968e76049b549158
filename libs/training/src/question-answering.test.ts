import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { NOT_IN_CONTEXT, answerScores, answerSpan, normalizeAnswer, predictAnswer, type TokenPlaces } from './mod.ts';

type Offsets = readonly (readonly [start: number, end: number] | null)[];

/** By tools/oracles/src/training/question_answering.py: the logic of run_qa.py and of SQuAD's official scripts. */
interface Fixture {
  readonly normalized: readonly (readonly [text: string, normalized: string])[];
  readonly scores: readonly (readonly [
    predicted: string,
    answers: string[],
    allowsUnanswered: boolean,
    exactMatch: number,
    f1: number,
  ])[];
  readonly predictions: readonly {
    readonly windows: readonly { readonly start: number[]; readonly end: number[]; readonly offsets: Offsets }[];
    readonly nBestSize: number;
    readonly maxAnswerLength: number;
    readonly allowsUnanswered: boolean;
    readonly nullScoreDiffThreshold: number;
    readonly answer: { readonly start: number; readonly end: number; readonly score: number } | null;
  }[];
  readonly spans: readonly {
    readonly offsets: Offsets;
    readonly start: number;
    readonly end: number;
    readonly span: number[];
  }[];
}

const fixture = JSON.parse(
  gunzipSync(readFileSync(path.resolve(import.meta.dirname, '../fixtures/question-answering.json.gz'))).toString(),
) as Fixture;

const placesOf = (offsets: Offsets): TokenPlaces => ({
  starts: Int32Array.from(offsets, (place) => place?.[0] ?? NOT_IN_CONTEXT),
  ends: Int32Array.from(offsets, (place) => place?.[1] ?? NOT_IN_CONTEXT),
});

test("normalizeAnswer leaves what SQuAD's script leaves", () => {
  for (const [text, normalized] of fixture.normalized)
    assert.equal(normalizeAnswer(text), normalized, JSON.stringify(text));
});

test("answerScores gives the scores of SQuAD's scripts, 1.1 and 2.0", () => {
  for (const [predicted, answers, allowsUnanswered, exactMatch, f1] of fixture.scores) {
    const found = answerScores([predicted], [answers], allowsUnanswered);
    const shown = JSON.stringify([predicted, answers, allowsUnanswered]);
    assert.equal(found.exact_match, exactMatch, shown);
    // The same few operations in the same order.
    assert.equal(found.f1, f1, shown);
  }
  const expected = fixture.scores.filter(([, , allowsUnanswered]) => allowsUnanswered);
  const all = answerScores(expected.map(([predicted]) => predicted), expected.map(([, answers]) => answers), true); // prettier-ignore
  const mean = expected.reduce((sum, [, , , exactMatch]) => sum + exactMatch, 0) / expected.length;
  assert.ok(Math.abs(all.exact_match - mean) < 1e-12 && all.exact_match > 0.05 && all.exact_match < 0.95);
});

test('predictAnswer chooses the answers of run_qa.py, with their probabilities', () => {
  let noneCount = 0;
  for (const { windows, answer, ...options } of fixture.predictions) {
    const found = predictAnswer(
      windows.map(({ start, end, offsets }) => ({
        ...placesOf(offsets),
        startLogits: Float32Array.from(start),
        endLogits: Float32Array.from(end),
      })),
      options,
    );
    if (answer === null) {
      assert.deepEqual([found.start, found.end], [0, 0]);
      continue;
    }
    assert.deepEqual([found.start, found.end], [answer.start, answer.end], JSON.stringify(options));
    // numpy's exponentials and sums of at most twenty are in float32.
    assert.ok(Math.abs(found.score - answer.score) < 1e-6, `${found.score}, numpy ${answer.score}`);
    if (answer.end === 0) noneCount++;
  }
  assert.ok(noneCount > 5 && noneCount < fixture.predictions.length / 2, String(noneCount));
});

test('predictAnswer tells nothing where no token is of the context', () => {
  const window = { ...placesOf([null, null]), startLogits: Float32Array.of(1, 2), endLogits: Float32Array.of(1, 2) };
  const options = { nBestSize: 20, maxAnswerLength: 30, allowsUnanswered: false, nullScoreDiffThreshold: 0 };
  assert.deepEqual(predictAnswer([window], options), { start: 0, end: 0, score: 0 });
});

test('answerSpan labels the tokens that run_qa.py labels', () => {
  let wholeCount = 0;
  for (const { offsets, start, end, span } of fixture.spans) {
    assert.deepEqual(answerSpan(placesOf(offsets), { start, end }, 0), span, JSON.stringify([offsets, start, end]));
    if (span[1] !== 0) wholeCount++;
  }
  assert.ok(wholeCount > 20 && wholeCount < 110, String(wholeCount));
  const places = placesOf([null, [0, 2], [3, 5], null]);
  assert.deepEqual(answerSpan(places, undefined, 0), [0, 0]);
  // The last token of the window, not the special one after it.
  assert.deepEqual(answerSpan(places, { start: 3, end: 5 }, 0), [2, 2]);
  assert.deepEqual(answerSpan(placesOf([null, null]), { start: 0, end: 1 }, 1), [1, 1]);
});
