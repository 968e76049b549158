"""Writes the adversarial strings with the ids that Hugging Face tokenizers gives them.

usage: python adversarial_cases.py CACHE_FOLDER   (tokenizers==0.23.3; writes libs/tokenizer/fixtures/adversarial.json.gz)

The cache is what `node tools/setup/src/main.ts assets tokenizers` and `... test` have filled. Ids are with special tokens.
"""

import gzip
import json
import os
import sys

import tokenizers
from adversarial_strings import TEXTS

TARGET = os.path.join(os.path.dirname(__file__), "../../../../libs/tokenizer/fixtures/adversarial.json.gz")


def main(cache):
    ids = {}
    for place in ("models", "tokenizers"):
        for name in sorted(os.listdir(os.path.join(cache, place))):
            path = os.path.join(cache, place, name, "tokenizer.json")
            if not os.path.exists(path):
                continue
            tokenizer = tokenizers.Tokenizer.from_file(path)
            tokenizer.no_padding()
            tokenizer.no_truncation()
            ids[f"{place}/{name}"] = [tokenizer.encode(text).ids for text in TEXTS]
    document = {"version": tokenizers.__version__, "texts": TEXTS, "ids": ids}
    with gzip.GzipFile(TARGET, "wb", compresslevel=9, mtime=0) as file:
        file.write(json.dumps(document, separators=(",", ":")).encode())


main(sys.argv[1])
