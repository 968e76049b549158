"""Writes digests of what Hugging Face tokenizers makes of every Unicode scalar value.

usage: python unicode_digests.py   (tokenizers==0.23.3; writes libs/tokenizer/fixtures/unicode-digests.json)

generate_tables.py asks about one code point at a time and takes minutes; this asks about all in one text, in another way.
"""

import hashlib
import json
import os
import unicodedata

import tokenizers
from component_cases import tokenizer
from generate_tables import SCRIPTS
from probe_unicode import CATEGORIES, CODE_POINTS

TARGET = os.path.join(os.path.dirname(__file__), "../../../../libs/tokenizer/fixtures/unicode-digests.json")
# In parts: what the library does to a text takes more than its length.
PART = 1024
LINES = ["".join("a" + chr(c) + "b\n" for c in CODE_POINTS[start : start + PART]) for start in range(0, len(CODE_POINTS), PART)]
# Without anything between them: classes begin and end at the same code points as here.
RUNS = ["".join(map(chr, CODE_POINTS[start : start + PART])) for start in range(0, len(CODE_POINTS), PART)]
# Every mark beside marks of all classes, in both orders.
MARKS = [c for c in CODE_POINTS if unicodedata.combining(chr(c))]
LADDER = [min(c for c in MARKS if unicodedata.combining(chr(c)) == k) for k in sorted({unicodedata.combining(chr(c)) for c in MARKS})]
ORDERS = ["".join(f"a{chr(x)}{chr(y)}\na{chr(y)}{chr(x)}\n" for y in LADDER) for x in MARKS]
OFF = {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
NORMALIZERS = [
    *({"type": name} for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")),
    *(OFF | {flag: True} for flag in ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")),
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "NFC"}]},
    {"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "NFKC"}]},
]
SETS = [*(f"\\p{{{name}}}" for name in [*CATEGORIES, *"LMNPSZ", *SCRIPTS] if name not in ("Cs", "Cn")), "\\s", "\\w", "[\\w]", "\\d", "\\h", "(?i:s)", "(?i:k)", "."]
PRE_TOKENIZERS = [
    {"type": "BertPreTokenizer"},
    {"type": "Whitespace"},
    {"type": "WhitespaceSplit"},
    {"type": "UnicodeScripts"},
    {"type": "Digits", "individual_digits": True},
    {"type": "Punctuation", "behavior": "Isolated"},
    *({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Contiguous", "invert": False} for expression in SETS),
]


def sha(parts):
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def main():
    document = {"version": tokenizers.__version__, "marks": "".join(map(chr, MARKS)), "ladder": "".join(map(chr, LADDER)), "normalizers": [], "preTokenizers": []}
    for component in NORMALIZERS:
        normalize = tokenizer(normalizer=component).normalizer.normalize_str
        document["normalizers"].append({"component": component, "lines": sha(map(normalize, LINES)), "orders": sha(map(normalize, ORDERS))})
        print(component, flush=True)
    for component in PRE_TOKENIZERS:
        split = tokenizer(pre_tokenizer=component).pre_tokenizer.pre_tokenize_str
        pieces = [piece for part in RUNS for piece, _ in split(part)]
        document["preTokenizers"].append({"component": component, "pieces": len(pieces), "runs": sha(piece + "\n" for piece in pieces)})
        print(component, len(pieces), flush=True)
    with open(TARGET, "w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


main()
