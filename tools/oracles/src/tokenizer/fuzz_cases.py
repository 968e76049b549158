"""Writes random texts with the ids that Hugging Face tokenizers gives them, one JSON object a line.

usage: fuzz_cases.py TOKENIZER_JSON CORPUS_JSON COUNT SEED > cases.jsonl
"""

import json
import random
import sys

from tokenizers import Tokenizer

path, corpus_path, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
tokenizer = Tokenizer.from_file(path)
tokenizer.no_padding()
tokenizer.no_truncation()
rng = random.Random(seed)
corpus = [row["text"] for row in json.load(open(corpus_path, encoding="utf-8")) if row and row["text"]]
added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
BLOCKS = [(0x20, 0x7F), (0xA0, 0x17F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF),
          (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2190, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x4FFF), (0xAC00, 0xAD00), (0xFB00, 0xFB4F),
          (0xFE00, 0xFFEF), (0x1F300, 0x1F6FF), (0x20000, 0x20100)]  # fmt: skip


def character():
    low, high = rng.choice(BLOCKS) if rng.random() < 0.95 else (1, 0x10FFFF)
    c = rng.randint(low, high)
    return "" if 0xD800 <= c < 0xE000 else chr(c)


def text():
    kind = rng.random()
    if kind < 0.3:
        return "".join(character() for _ in range(rng.randint(0, 30)))
    line = rng.choice(corpus)
    for _ in range(rng.randint(0, 6)):
        at = rng.randint(0, len(line))
        piece = rng.choice([character(), character() * 2, rng.choice(added), " ", "  ", "\t", "\n", "\u0301", "\r\n", "\u00a0", "'", "x" * 101])
        line = line[:at] + piece + line[at + rng.randint(0, 2):]
    return line


for _ in range(count):
    case = {"text": text()}
    if rng.random() < 0.25:
        case["textPair"] = text()
    if rng.random() < 0.4:
        case["maxLength"] = rng.choice([4, 5, 8, 16, 33, 128])
        tokenizer.enable_truncation(case["maxLength"])
    else:
        tokenizer.no_truncation()
    encoding = tokenizer.encode(case["text"], case.get("textPair"))
    case["ids"], case["typeIds"] = encoding.ids, encoding.type_ids
    print(json.dumps(case))
