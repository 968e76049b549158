"""Writes what each normalizer and pre-tokenizer of Hugging Face tokenizers makes of adversarial texts.

usage: python component_cases.py   (tokenizers==0.23.3; writes libs/tokenizer/fixtures/components.json.gz)
"""

import gzip
import json
import os

import tokenizers
from adversarial_strings import CHARACTERS, HAND_PICKED

TARGET = os.path.join(os.path.dirname(__file__), "../../../../libs/tokenizer/fixtures/components.json.gz")
TEXTS = [text for text in HAND_PICKED if len(text) <= 80] + ["a" + c + " " + c + "1" for c in CHARACTERS]

BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
NORMALIZERS = [
    *({"type": name} for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")),
    BERT,
    BERT | {"lowercase": False},
    BERT | {"lowercase": False, "strip_accents": True},
    BERT | {"strip_accents": False},
    BERT | {"clean_text": False},
    BERT | {"handle_chinese_chars": False, "clean_text": False, "lowercase": False},
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Strip", "strip_left": False, "strip_right": True},
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    {"type": "Replace", "pattern": {"String": "$"}, "content": "$&"},
    {"type": "Replace", "pattern": {"String": ""}, "content": "-"},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": ""},
    {"type": "Replace", "pattern": {"Regex": "a*"}, "content": "-"},
    {"type": "Replace", "pattern": {"Regex": "(?<=a)b|\\bA"}, "content": "$1"},
    {"type": "Replace", "pattern": {"Regex": "[^\\P{M}\\u0301]"}, "content": ""},
    {"type": "Sequence", "normalizers": []},
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"}]},
    {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
    {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
]

BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
EXPRESSIONS = [
    " ",
    "\\s+",
    "\\w+|[^\\w\\s]+",
    "\\p{N}{1,3}",
    "(?=a)",
    "a*",
    "a*?b",
    "(?>a+)b",
    "a++b?",
    "(a|ab)(c|bcd)?",
    "^a|b$",
    "\\Aa|b\\z",
    "(?i)a|b",
    "(?i:'S)|'t",
    "\\p{Han}|\\p{Hiragana}+",
    "[^\\p{L}\\p{N}]",
    "\\P{L}{2}",
    ".",
    "\\n\\r?|\\r",
    "[a-c\\d_-]+",
    "\\bA?",
    "(?<!a)b",
    "\\x41|\\u0301|\\x{1F600}",
    "\\h{2}",
]
PRE_TOKENIZERS = [
    {"type": "BertPreTokenizer"},
    {"type": "Whitespace"},
    {"type": "WhitespaceSplit"},
    {"type": "UnicodeScripts"},
    BYTE_LEVEL,
    BYTE_LEVEL | {"add_prefix_space": True},
    BYTE_LEVEL | {"use_regex": False, "add_prefix_space": True},
    *(METASPACE | {"prepend_scheme": scheme, "split": split} for scheme in ("always", "first", "never") for split in (True, False)),
    METASPACE | {"replacement": "_"},
    {"type": "Digits", "individual_digits": True},
    {"type": "Digits", "individual_digits": False},
    {"type": "CharDelimiterSplit", "delimiter": "a"},
    {"type": "FixedLength", "length": 3},
    *({"type": "Punctuation", "behavior": behavior} for behavior in BEHAVIORS),
    *(
        {"type": "Split", "pattern": {"Regex": "\\s+|a"}, "behavior": behavior, "invert": invert}
        for behavior in BEHAVIORS
        for invert in (False, True)
    ),
    *({"type": "Split", "pattern": {"String": "ab"}, "behavior": behavior, "invert": False} for behavior in BEHAVIORS),
    *({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False} for expression in EXPRESSIONS),
    {"type": "Sequence", "pretokenizers": []},
    {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL]},
    {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL | {"add_prefix_space": True}]},
    {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, METASPACE]},
    {"type": "Sequence", "pretokenizers": [{"type": "Punctuation", "behavior": "Isolated"}, METASPACE | {"prepend_scheme": "first"}]},
    {"type": "Sequence", "pretokenizers": [{"type": "UnicodeScripts"}, {"type": "Whitespace"}]},
]


def tokenizer(**parts):
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"u": 0}, "unk_token": "u"},
    }
    return tokenizers.Tokenizer.from_str(json.dumps(document | parts))


def normalized(component):
    normalizer = tokenizer(normalizer=component).normalizer
    # null for a text that stays as it is
    return [None if found == text else found for text in TEXTS for found in [normalizer.normalize_str(text)]]


def pieces(component):
    pre_tokenizer = tokenizer(pre_tokenizer=component).pre_tokenizer
    return [[piece for piece, _ in pre_tokenizer.pre_tokenize_str(text)] for text in TEXTS]


def main():
    document = {
        "version": tokenizers.__version__,
        "texts": TEXTS,
        "normalizers": [{"component": component, "outputs": normalized(component)} for component in NORMALIZERS],
        "preTokenizers": [{"component": component, "outputs": pieces(component)} for component in PRE_TOKENIZERS],
    }
    with gzip.GzipFile(TARGET, "wb", compresslevel=9, mtime=0) as file:
        file.write(json.dumps(document, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
