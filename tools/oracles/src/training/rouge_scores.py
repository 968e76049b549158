"""F1 of ROUGE-1, ROUGE-2 and ROUGE-L without stemming, by Google's rouge_score.

    python tools/oracles/src/training/rouge_scores.py libs/training/fixtures/rouge-scores.json   (rouge-score==0.1.2)
"""

import json
import random
import sys

from rouge_score import rouge_scorer

TYPES = ["rouge1", "rouge2", "rougeL"]
BY_HAND = [
    ("the cat sat on the mat", "the cat sat on the mat"),
    ("the cat sat on the mat", "the mat sat on the cat"),
    ("the cat", "the the the cat cat"),
    ("one", "one"),
    ("one two", "one"),
    ("", "words"),
    ("words", ""),
    ("", ""),
    ("...", "!?"),
    ("Don't STOP: it's 3.14%", "don t stop it s 3 14"),
    ("running runs", "run runner"),
    ("naïve café", "na ve caf"),
    ("\u212aelvin \u0130stanbul", "kelvin i stanbul"),
    ("東京 は 首都", "東京 は 首都"),
    ("line one\nline two\ttab\u00a0hard", "line two tab hard line one"),
    ("a_b a-b aB", "a b a b ab"),
    ("ΑΣ x", "ας x"),
]
WORDS = ["the", "a", "cat", "dog", "Cat", "sat", "on", "mat,", "mat.", "it's", "3.5", "été", "—", "of"]

generator = random.Random(5)
pairs = BY_HAND + [
    tuple(" ".join(generator.choice(WORDS) for _ in range(generator.randint(0, 30))) for _ in range(2)) for _ in range(120)
]
scorer = rouge_scorer.RougeScorer(TYPES, use_stemmer=False)
cases = []
for target, prediction in pairs:
    scores = scorer.score(target, prediction)
    cases.append({"target": target, "prediction": prediction, **{name: scores[name].fmeasure for name in TYPES}})
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(cases, file, separators=(",", ":"))
    file.write("\n")
