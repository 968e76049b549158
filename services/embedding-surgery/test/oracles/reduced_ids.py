"""Kept ids and the ids of a reduced tokenizer, by Hugging Face's own library.

usage: reduced_ids.py kept TOKENIZER_JSON MAX_LENGTH RECORDS_JSON...
       reduced_ids.py compare TOKENIZER_JSON REDUCED_TOKENIZER_JSON TOKEN_ID_MAP_JSON MAX_LENGTH RECORDS_JSON...
RECORDS_JSON: a JSON array of objects with "text" and "class"; rows whose class is null are left out.
kept prints the ids that occur and those of added tokens, ascending. compare prints rows, tokens, different (rows whose ids
are not the reduced ids of the full ones) and outside (rows with an id that has no row).
"""
import json
import sys

from tokenizers import Tokenizer


def load(file, max_length):
    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_padding()
    tokenizer.enable_truncation(int(max_length))
    return tokenizer


def texts(files):
    for file in files:
        for record in json.load(open(file)):
            if record["class"] is not None and record["text"] is not None:
                yield record["text"]


def kept(tokenizer_file, max_length, *files):
    tokenizer = load(tokenizer_file, max_length)
    ids = set(tokenizer.get_added_tokens_decoder())
    for text in texts(files):
        ids |= set(tokenizer.encode(text).ids)
    return sorted(ids)


def compare(full_file, reduced_file, map_file, max_length, *files):
    full, reduced = load(full_file, max_length), load(reduced_file, max_length)
    reduced_id = {full_id: row for row, full_id in enumerate(json.load(open(map_file))["keptTokenIds"])}
    result = {"rows": 0, "tokens": 0, "different": 0, "outside": 0}
    for text in texts(files):
        ids, actual = full.encode(text).ids, reduced.encode(text).ids
        result["rows"] += 1
        result["tokens"] += len(ids)
        result["different"] += actual != [reduced_id.get(full_id, -1) for full_id in ids]
        result["outside"] += any(row >= len(reduced_id) for row in actual)
    return result


print(json.dumps({"kept": kept, "compare": compare}[sys.argv[1]](*sys.argv[2:])))
