"""Compares a reduced tokenizer with the full one it was made of, by Hugging Face's own library.

usage: reduced_ids.py FULL_TOKENIZER_JSON REDUCED_TOKENIZER_JSON TOKEN_ID_MAP_JSON MAX_LENGTH RECORDS_JSON...
RECORDS_JSON: a JSON array of objects with "text" and "class"; rows whose class is null are left out.
Prints one JSON object: rows, tokens, different (rows whose ids are not the reduced ids of the full ones), outside (rows
with an id that has no row).
"""
import json
import sys

from tokenizers import Tokenizer

full_file, reduced_file, map_file, max_length, *record_files = sys.argv[1:]
full, reduced = Tokenizer.from_file(full_file), Tokenizer.from_file(reduced_file)
for tokenizer in (full, reduced):
    tokenizer.no_padding()
    tokenizer.enable_truncation(int(max_length))
manifest = json.load(open(map_file))
reduced_id = {full_id: row for row, full_id in enumerate(manifest["keptTokenIds"])}
unk_row = reduced_id[full.token_to_id("[UNK]") or full.token_to_id("<unk>")]
result = {"rows": 0, "tokens": 0, "different": 0, "outside": 0}
for file in record_files:
    for record in json.load(open(file)):
        if record["class"] is None or record["text"] is None:
            continue
        ids = full.encode(record["text"]).ids
        actual = reduced.encode(record["text"]).ids
        result["rows"] += 1
        result["tokens"] += len(ids)
        result["different"] += actual != [reduced_id.get(i, unk_row) for i in ids]
        result["outside"] += any(i >= len(reduced_id) for i in actual)
print(json.dumps(result))
