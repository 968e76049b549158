/** In place of where a token begins or ends: it is of no part of a context, so that no answer is made of it. */
export const NOT_IN_CONTEXT = -1;

/** What the windows of a data set are of: each is a record of its own, and several may be of one question. */
export interface QuestionWindows {
  /** By window, which question it is of; ascending. */
  readonly windowQuestions: Uint32Array;
  /**
   * By window, the token that its answer begins with and the token that it ends with, `[2 * windowCount]`: the classification
   * token for both where the window has no answer.
   */
  readonly spans: Int32Array;
  /**
   * By token of all windows, where in its context it begins, in Unicode code points, or {@link NOT_IN_CONTEXT}. Empty where no
   * answers are to be told, as in training.
   */
  readonly tokenStarts: Int32Array;
  /** By token of all windows, where in its context it ends, or {@link NOT_IN_CONTEXT}. */
  readonly tokenEnds: Int32Array;
  /** By question. */
  readonly contexts: readonly string[];
  /** By question, the answers that are right; none where it has none. */
  readonly answers: readonly (readonly string[])[];
  /** Whether a question may have no answer (SQuAD 2.0). */
  readonly allowsUnanswered: boolean;
}

/** Places of a window's tokens in the context, {@link NOT_IN_CONTEXT} for others. */
export interface TokenPlaces {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * The tokens that an answer begins and ends with (transformers' run_qa.py), but for one thing: where an answer begins in the
 * last token of a window, run_qa.py goes on past it and names the last token of the padded window as its start.
 * @param answer positions in the context; undefined where there is none
 * @param noAnswer the token that stands for no answer in this window
 */
export function answerSpan(
  { starts, ends }: TokenPlaces,
  answer: { readonly start: number; readonly end: number } | undefined,
  noAnswer: number,
): [first: number, last: number] {
  const isInContext = (start: number): boolean => start !== NOT_IN_CONTEXT;
  let [first, last] = [starts.findIndex(isInContext), starts.findLastIndex(isInContext)];
  if (answer === undefined || first < 0) return [noAnswer, noAnswer];
  const isWhole = (starts[first] ?? 0) <= answer.start && (ends[last] ?? 0) >= answer.end;
  if (!isWhole) return [noAnswer, noAnswer];
  const lowest = first;
  const highest = last;
  while (first < highest && (starts[first + 1] ?? 0) <= answer.start) first++;
  while (last > lowest && (ends[last - 1] ?? 0) >= answer.end) last--;
  return [first, last];
}

/** Collects the windows of questions. */
export class QuestionWindowsBuilder {
  readonly #windowQuestions: number[] = [];
  readonly #spans: number[] = [];
  readonly #tokenStarts: number[] = [];
  readonly #tokenEnds: number[] = [];
  readonly #contexts: string[] = [];
  readonly #answers: (readonly string[])[] = [];
  readonly #options: { readonly allowsUnanswered: boolean; readonly keepsPlaces: boolean };

  /** @param options `keepsPlaces`: whether answers are to be told, which takes two numbers a token */
  constructor(options: { readonly allowsUnanswered: boolean; readonly keepsPlaces: boolean }) {
    this.#options = options;
  }

  /** Begins a question, whose windows follow. */
  addQuestion(context: string, answers: readonly string[]): void {
    this.#contexts.push(context);
    this.#answers.push(answers);
  }

  addWindow({ starts, ends }: TokenPlaces, span: readonly [first: number, last: number]): void {
    this.#windowQuestions.push(this.#contexts.length - 1);
    this.#spans.push(...span);
    if (!this.#options.keepsPlaces) return;
    for (const start of starts) this.#tokenStarts.push(start);
    for (const end of ends) this.#tokenEnds.push(end);
  }

  build(): QuestionWindows {
    return {
      windowQuestions: Uint32Array.from(this.#windowQuestions),
      spans: Int32Array.from(this.#spans),
      tokenStarts: Int32Array.from(this.#tokenStarts),
      tokenEnds: Int32Array.from(this.#tokenEnds),
      contexts: this.#contexts,
      answers: this.#answers,
      allowsUnanswered: this.#options.allowsUnanswered,
    };
  }
}
