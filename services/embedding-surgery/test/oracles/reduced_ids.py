"""Kept ids and the ids of a reduced tokenizer, by Hugging Face's own library.

usage: reduced_ids.py kept TOKENIZER_JSON MAX_LENGTH RECORDS_JSON...
       reduced_ids.py compare TOKENIZER_JSON REDUCED_TOKENIZER_JSON TOKEN_ID_MAP_JSON MAX_LENGTH RECORDS_JSON...
       reduced_ids.py compare_auto TOKENIZER_JSON REDUCED_FOLDER TOKEN_ID_MAP_JSON MAX_LENGTH RECORDS_JSON...
       reduced_ids.py encode TOKENIZER_JSON TEXT...
RECORDS_JSON: a JSON array of objects with "text" and "class"; rows whose class is null are left out.
kept prints the ids that occur and those of added tokens, ascending. compare prints rows, tokens, different (rows whose ids
are not the reduced ids of the full ones) and outside (rows with an id that has no row). compare_auto does so with transformers'
AutoTokenizer on the reduced side. encode prints the ids of each text, without special tokens.
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


def compare_with(encode, full_file, map_file, max_length, files):
    full = load(full_file, max_length)
    reduced_id = {full_id: row for row, full_id in enumerate(json.load(open(map_file))["keptTokenIds"])}
    result = {"rows": 0, "tokens": 0, "different": 0, "outside": 0}
    for text in texts(files):
        ids, actual = full.encode(text).ids, encode(text)
        result["rows"] += 1
        result["tokens"] += len(ids)
        result["different"] += actual != [reduced_id.get(full_id, -1) for full_id in ids]
        result["outside"] += any(row >= len(reduced_id) for row in actual)
    return result


def compare(full_file, reduced_file, map_file, max_length, *files):
    reduced = load(reduced_file, max_length)
    return compare_with(lambda text: reduced.encode(text).ids, full_file, map_file, max_length, files)


def compare_auto(full_file, reduced_folder, map_file, max_length, *files):
    from transformers import AutoTokenizer

    reduced = AutoTokenizer.from_pretrained(reduced_folder)

    def encode(text):
        return reduced(text, truncation=True, max_length=int(max_length))["input_ids"]

    return compare_with(encode, full_file, map_file, max_length, files)


def encode(tokenizer_file, *texts):
    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


VERBS = {"kept": kept, "compare": compare, "compare_auto": compare_auto, "encode": encode}
print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
