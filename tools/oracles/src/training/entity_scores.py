"""Scores of entities by seqeval in its default mode, for tags as they should be and for tags as models predict them.

    python tools/oracles/src/training/entity_scores.py libs/training/fixtures/entity-scores.json   (seqeval==1.2.2)
"""

import json
import random
import sys
import warnings

from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities

warnings.simplefilter("ignore")
IOB2 = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
TAG_SETS = {
    "IOB2": IOB2,
    "every scheme": [*IOB2, "E-PER", "S-PER", "E-LOC"],
    "bare tags, types with hyphens, tags of no scheme": ["O", "B", "I", "B-A-B", "I-A-B", "B-B", "X", "Y-PER", ".", "🙂-PER"],
}
BY_HAND = [
    ([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "O", "B-LOC"]]),
    ([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]]),
    ([["B-PER", "I-PER"], ["I-PER"]], [["B-PER", "I-PER"], ["B-PER"]]),
    ([["O", "I-PER", "I-LOC"]], [["O", "B-PER", "B-LOC"]]),
    ([["O", "O"]], [["O", "O"]]),
    ([["O", "O"]], [["B-PER", "O"]]),
    ([["B-PER", "O"]], [["O", "O"]]),
    ([[], ["B-PER"]], [[], ["B-PER"]]),
]


def case(name, expected, predicted):
    return {
        "name": name, "expected": expected, "predicted": predicted,
        "entities": [[type_name, start, end] for type_name, start, end in sorted(set(get_entities(predicted)))],
        "precision": float(precision_score(expected, predicted)), "recall": float(recall_score(expected, predicted)),
        "f1": float(f1_score(expected, predicted)),
    }


def drawn(tags, generator):
    lengths = [generator.randint(0, 12) for _ in range(6)] + [3]
    expected = [[generator.choice(tags) for _ in range(length)] for length in lengths]
    # Most predictions are right, so that entities are.
    predicted = [[tag if generator.random() < 0.8 else generator.choice(tags) for tag in sequence] for sequence in expected]
    return expected, predicted


generator = random.Random(7)
cases = [case("by hand", *pair) for pair in BY_HAND]
cases += [case(name, *drawn(tags, generator)) for name, tags in TAG_SETS.items() for _ in range(20)]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(cases, file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")
