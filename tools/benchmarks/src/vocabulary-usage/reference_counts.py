"""Counts token ids of JSONL files with Hugging Face's tokenizers.

usage: python reference_counts.py < JOBS   (tokenizers==0.23.3)

JOBS is a JSON list of {"tokenizer": FILE, "kind": "text" | "pair" | "words", "maxLength": N, "files": [FILE, ...]}. Prints
one JSON line a job: a list a file of [id, count] in ascending order.
"""

import collections
import functools
import json
import sys

import tokenizers

BATCH = 1024


# Jobs of one tokenizer come one after another, of texts and of words.
@functools.lru_cache(maxsize=2)
def open_tokenizer(path, are_texts_words, max_length):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    pre_tokenizer = document["pre_tokenizer"]
    # What transformers makes of a byte-level tokenizer that is to take words.
    if are_texts_words and pre_tokenizer is not None and pre_tokenizer["type"] == "ByteLevel":
        pre_tokenizer["add_prefix_space"] = True
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(document))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


def inputs(path, kind):
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if kind == "words":
                yield record["tokens"]
            elif kind == "pair":
                yield record["text"], record["text_pair"]
            else:
                yield record["text"]


def count(tokenizer, path, kind):
    counts = collections.Counter()
    batch = []

    def flush():
        for encoding in tokenizer.encode_batch_fast(batch, is_pretokenized=kind == "words"):
            counts.update(encoding.ids)
        batch.clear()

    for each in inputs(path, kind):
        batch.append(each)
        if len(batch) == BATCH:
            flush()
    flush()
    return sorted(counts.items())


for job in json.load(sys.stdin):
    tokenizer = open_tokenizer(job["tokenizer"], job["kind"] == "words", job["maxLength"])
    print(json.dumps([count(tokenizer, path, job["kind"]) for path in job["files"]]), flush=True)
