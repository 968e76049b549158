/** How good answers are, as the official script of SQuAD says it, but from 0 to 1. */
export interface AnswerScores {
  /** Share of the questions whose answer is one of the right ones. */
  readonly exact_match: number;
  /** Mean F1 of the answers' words. */
  readonly f1: number;
}

// Python's str.split(): JavaScript's own white space has U+FEFF and lacks the separators of ASCII and U+0085.
const WHITE_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
// Python's string.punctuation.
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
// Python's \b: next to nothing that is a letter, a number or an underscore.
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** Lower case, without punctuation, articles and surplus white space. */
export function normalizeAnswer(text: string): string {
  return wordsOf(text).join(' ');
}

/** Words of a normalized answer. */
function wordsOf(text: string): string[] {
  const plain = text.toLowerCase().replace(PUNCTUATION, '').replace(ARTICLES, ' ');
  return plain.split(WHITE_SPACE).filter((word) => word !== '');
}

/**
 * Scores of the answers to questions.
 * @param predicted by question
 * @param expected by question, the answers that are right
 * @param allowsUnanswered as the script of SQuAD 2.0 does it, whose answers may be nothing; otherwise that of SQuAD 1.1
 */
export function answerScores(
  predicted: readonly string[],
  expected: readonly (readonly string[])[],
  allowsUnanswered: boolean,
): AnswerScores {
  let [exactSum, f1Sum] = [0, 0];
  predicted.forEach((text, question) => {
    const right = rightAnswers(expected[question] ?? [], allowsUnanswered);
    exactSum += Math.max(0, ...right.map((answer) => Number(normalizeAnswer(answer) === normalizeAnswer(text))));
    f1Sum += Math.max(0, ...right.map((answer) => wordF1(text, answer, allowsUnanswered)));
  });
  return { exact_match: exactSum / predicted.length, f1: f1Sum / predicted.length };
}

/** In SQuAD 2.0, an answer of which nothing is left is none, and nothing is right where there is none. */
function rightAnswers(answers: readonly string[], allowsUnanswered: boolean): readonly string[] {
  if (!allowsUnanswered) return answers;
  const kept = answers.filter((answer) => normalizeAnswer(answer) !== '');
  return kept.length > 0 ? kept : [''];
}

/** F1 of the words of two answers, each as often as it comes. */
function wordF1(predicted: string, expected: string, allowsUnanswered: boolean): number {
  const [predictedWords, expectedWords] = [wordsOf(predicted), wordsOf(expected)];
  if (allowsUnanswered && (predictedWords.length === 0 || expectedWords.length === 0))
    return Number(predictedWords.length === expectedWords.length);
  const counts = new Map<string, number>();
  for (const word of expectedWords) counts.set(word, (counts.get(word) ?? 0) + 1);
  let sameCount = 0;
  for (const word of predictedWords) {
    const left = counts.get(word) ?? 0;
    if (left > 0) sameCount++;
    counts.set(word, left - 1);
  }
  if (sameCount === 0) return 0;
  const [precision, recall] = [sameCount / predictedWords.length, sameCount / expectedWords.length];
  return (2 * precision * recall) / (precision + recall);
}
