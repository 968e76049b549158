"""What transformers' run_qa.py and the official script of SQuAD make of questions: spans of answers, answers of logits, scores.

    python tools/oracles/src/training/question_answering.py libs/training/fixtures/question-answering.json.gz   (numpy)

`squad_scores` is the logic of evaluate-v1.1.py and evaluate-v2.0.py (https://rajpurkar.github.io/SQuAD-explorer), `postprocess` that of
`postprocess_qa_predictions` in transformers' examples/pytorch/question-answering/utils_qa.py, `label` that of `prepare_train_features` in
run_qa.py, kept within the context.
"""

import collections
import gzip
import json
import random
import re
import string
import sys

import numpy as np

NONE = -1


def normalize_answer(s):
    s = "".join(ch for ch in s.lower() if ch not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", s).split())


def f1_of(prediction, truth, version_2):
    predicted, expected = normalize_answer(prediction).split(), normalize_answer(truth).split()
    if version_2 and (len(expected) == 0 or len(predicted) == 0):
        return int(expected == predicted)
    same = sum((collections.Counter(predicted) & collections.Counter(expected)).values())
    if same == 0:
        return 0
    precision, recall = same / len(predicted), same / len(expected)
    return 2 * precision * recall / (precision + recall)


def squad_scores(prediction, answers, version_2):
    if version_2:
        answers = [answer for answer in answers if normalize_answer(answer)] or [""]
    exact = max(int(normalize_answer(prediction) == normalize_answer(answer)) for answer in answers)
    return exact, max(f1_of(prediction, answer, version_2) for answer in answers)


def postprocess(features, context, n_best_size, max_answer_length, version_2, threshold):
    """The text, its place and its probability."""
    min_null, prelim = None, []
    for start_logits, end_logits, offsets in features:
        null_score = start_logits[0] + end_logits[0]
        if min_null is None or min_null["score"] > null_score:
            min_null = {"offsets": (0, 0), "score": null_score, "start_logit": start_logits[0], "end_logit": end_logits[0]}
        for start in np.argsort(start_logits)[-1 : -n_best_size - 1 : -1].tolist():
            for end in np.argsort(end_logits)[-1 : -n_best_size - 1 : -1].tolist():
                if offsets[start] is None or offsets[end] is None or end < start or end - start + 1 > max_answer_length:
                    continue
                prelim.append({
                    "offsets": (offsets[start][0], offsets[end][1]), "score": start_logits[start] + end_logits[end],
                    "start_logit": start_logits[start], "end_logit": end_logits[end]})
    if version_2:
        prelim.append(min_null)
    predictions = sorted(prelim, key=lambda x: x["score"], reverse=True)[:n_best_size]
    if version_2 and not any(p["offsets"] == (0, 0) for p in predictions):
        predictions.append(min_null)
    for p in predictions:
        p["text"] = context[p["offsets"][0] : p["offsets"][1]]
    if len(predictions) == 0 or (len(predictions) == 1 and predictions[0]["text"] == ""):
        return None  # run_qa.py makes the word "empty" of it
    scores = np.array([p["score"] for p in predictions])
    probabilities = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    chosen = 0
    if version_2:
        chosen = next(i for i, p in enumerate(predictions) if p["text"] != "")
        best = predictions[chosen]
        if min_null["score"] - best["start_logit"] - best["end_logit"] > threshold:
            chosen = next(i for i, p in enumerate(predictions) if p["offsets"] == (0, 0))
    best = predictions[chosen]
    return {"start": best["offsets"][0], "end": best["offsets"][1], "score": float(probabilities[chosen])}


def label(offsets, start_char, end_char):
    """The tokens of an answer; (0, 0) where the window has not all of it."""
    context = [place for place, pair in enumerate(offsets) if pair is not None]
    first, last = context[0], context[-1]
    if not (offsets[first][0] <= start_char and offsets[last][1] >= end_char):
        return [0, 0]
    # Here run_qa.py goes on to the end of the padded window where the answer begins in the last token.
    while first <= context[-1] and offsets[first][0] <= start_char:
        first += 1
    while last >= context[0] and offsets[last][1] >= end_char:
        last -= 1
    return [first - 1, last + 1]


def window(rng, begin, context_tokens):
    """A question of some tokens between special ones, tokens of one to four characters with spaces between, a special one."""
    offsets, at = [None] * rng.randint(2, 6), begin
    for _ in range(context_tokens):
        at += rng.randint(0, 1)
        length = rng.randint(1, 4)
        offsets.append([at, at + length])
        at += length
    return [*offsets, None], at


def predictions(rng):
    context = "".join(rng.choice("abcdefgh ") for _ in range(400))
    for case in range(60):
        features, begin = [], 0
        for _ in range(rng.randint(1, 3)):
            offsets, at = window(rng, begin, rng.randint(1, 30))
            begin = (begin + at) // 2
            # Logits of their own, so that no order is left to chance.
            logits = np.random.default_rng(case * 7 + len(features)).normal(size=(2, len(offsets))).astype(np.float32)
            logits[:, 0] += rng.choice([0, 3])
            features.append((logits[0], logits[1], offsets))
        options = (rng.choice([1, 3, 20]), rng.choice([1, 4, 30]), rng.random() < 0.5, rng.choice([-2.0, 0.0, 1.5]))
        yield {
            "windows": [{"start": start.tolist(), "end": end.tolist(), "offsets": offsets} for start, end, offsets in features],
            "nBestSize": options[0], "maxAnswerLength": options[1], "allowsUnanswered": options[2], "nullScoreDiffThreshold": options[3],
            "answer": postprocess(features, context.replace(" ", "x"), *options),
        }


def spans(rng):
    for _ in range(120):
        offsets, end = window(rng, rng.randint(0, 30), rng.randint(1, 12))
        start_char = rng.randint(0, end + 3)
        end_char = start_char + rng.randint(1, 9)
        yield {"offsets": offsets, "start": start_char, "end": end_char, "span": label(offsets, start_char, end_char)}


TEXTS = [
    "the", "The Cat", "a cat", "cat", "cat cat dog", "dog cat", "An  apple, a day!", "théâtre", "the-end", "U.S.A.", "usa", "", ".", "a\u00a0the\u2003b",
    "the_end", "\u00e0 la carte", "ÉCOLE the école", "don't", "dont", "It’s", "東京 the 大阪", "the\u0301 a", "1,000", "1000", "a\x1cb", "\ufeffthe", "İ", "ΑΣ", "thé the",
]  # fmt: skip


def main():
    rng = random.Random(3)
    scores = []
    for _ in range(250):
        prediction, answers = rng.choice(TEXTS), [rng.choice(TEXTS) for _ in range(rng.randint(1, 3))]
        version_2 = rng.random() < 0.5
        if version_2 and rng.random() < 0.3:
            answers = []
        scores.append([prediction, answers, version_2, *squad_scores(prediction, answers, version_2)])
    document = {
        "normalized": [[text, normalize_answer(text)] for text in TEXTS], "scores": scores, "predictions": list(predictions(rng)), "spans": list(spans(rng)),
    }  # fmt: skip
    with gzip.GzipFile(sys.argv[1], "wb", compresslevel=9, mtime=0) as file:
        file.write(json.dumps(document, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
