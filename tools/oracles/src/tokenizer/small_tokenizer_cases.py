"""Writes small tokenizers, each with a part that few published ones have, and what Hugging Face tokenizers makes of texts with them.

usage: python small_tokenizer_cases.py   (tokenizers==0.23.3; writes libs/tokenizer/fixtures/small-tokenizers.json.gz)
"""

import gzip
import itertools
import json
import os

import tokenizers

TARGET = os.path.join(os.path.dirname(__file__), "../../../../libs/tokenizer/fixtures/small-tokenizers.json.gz")

TEXTS = [
    *["", " ", "a", "b", "ab", "abc", "abcabc", "aab", "abab ab", " ab  abc ", "aaaa", "aaaaa", "bbbb", "cab\nabc", "abcx", "xabc", "xx", "xxabxx", "x y z", "é", "aéb", "ééé"],
    *["中", "a中b", "中中", "😀a", "a😀😀", "\0", "a\0b", "ab#", "#", "##a", "a#b", "AB", "Abc", "ABC abc", "\u0301", "e\u0301ab", "a\u0301b", "abcabcabcabcabcabc", "c" * 40, "x" * 40, "ab" * 40],
    *["<s>", "</s>", "<s>ab</s>", " <s> ab", "ab <s>  ab", "<m>", "ab <m> ab", "ab<m>ab", "a <m>\t\u3000b", "<m> <m>", "<m><m>", "<r>  ab", "ab<r> ab", "<r><m>", " <r> <m> ", "<lr> <lr>", " <lr> "],
    *["one", "one two", "onetwo", "oneone", "one one", " one ", "xone", "onex", "one.", "éone", "one\u0301", "one_", "one1", "中one", "ONE", "One one", "onet", "on", "<", "<s", "s>", "<S>", "<s><s"],
    *["two words", "two  words", "two wordsx", "two", "▁ab", "▁", "ab▁ab", "a ▁b", "<0x61>", "<0xC3>", "Ⅷ", "½ab", "ABCI", "ﬁab", "ﾊab", "ǅ", "ab\u00a0ab", "ab\u2028ab", "ab\r\nab", "ſ", "K", "İ", "ß"],
]  # fmt: skip


def token(id, content, **flags):
    return dict(id=id, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) | flags | {"id": id}


def bpe(vocab, merges=(), **options):
    base = {"dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    return {"type": "BPE"} | base | {"vocab": {piece: index for index, piece in enumerate(vocab)}, "merges": list(merges)} | options


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LETTERS = ["<unk>", "a", "b", "c", "▁", "ab", "abc", "bc", "▁a", "▁ab", "aa", "aaa", "#", "é"]
MERGES = ["a b", "ab c", "b c", "▁ a", "▁a b", "a a", "aa a"]
MARKED = ["<unk>", "a", "b", "c", "#a", "#b", "#c", "ab", "#bc", "abc", "aa", "#aa"]
MARKED_MERGES = ["a #b", "#b #c", "ab #c", "a #a", "#a #a"]
ENDED = ["<unk>", "a", "b", "c", "a</w>", "b</w>", "c</w>", "ab", "ab</w>", "abc</w>", "bc</w>"]
ENDED_MERGES = ["a b", "a b</w>", "b c</w>", "ab c</w>"]
PIECES = [["<unk>", 0.0], ["▁", -2.0], ["a", -3.0], ["b", -3.5], ["ab", -4.0], ["▁a", -3.2], ["▁ab", -4.1], ["abc", -5.5], ["c", -3.7], ["aa", -6.0], ["é", -7.0], ["中", -7.5], ["bc", -7.2]]
WORDS = {word: index for index, word in enumerate(["[UNK]", "a", "ab", "abc", "##a", "##b", "##c", "##bc", "x", "##x", "one", "two", "#", "[CLS]", "[SEP]", "##é", "words", "中", "e", "."])}
WORD_PIECE = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": WORDS}
ALL_BYTES = [chr(b) for b in range(33, 127)] + [chr(b) for b in range(161, 173)] + [chr(b) for b in range(174, 256)] + [chr(256 + n) for n in range(68)]
BYTE_LEVEL_VOCAB = [*ALL_BYTES, "ab", "abc", "Ġab", "Ġa", "aa"]
BYTE_LEVEL_MERGES = ["a b", "ab c", "Ġ a", "Ġa b", "a a"]
SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
STRIPPING = [
    token(13, "<s>"), token(14, "</s>"), token(100, "<m>", lstrip=True), token(101, "<r>", rstrip=True), token(102, "<lr>", lstrip=True, rstrip=True),
    token(103, "one", single_word=True, special=False), token(104, "two words", special=False, normalized=True), token(105, "onet", special=False),
]  # fmt: skip
NORMALIZED = [token(100, "abc", special=False, normalized=True), token(101, "ABC", special=False), token(102, "é", special=False, normalized=True), token(103, "One", special=False, normalized=True, single_word=True), token(104, "<S>", normalized=True)]

TOKENIZERS = {
    "BPE that loses unknown characters": {"model": bpe(LETTERS, MERGES)},
    "BPE with an unknown token": {"model": bpe(LETTERS, MERGES, unk_token="<unk>")},
    "BPE that joins unknown characters": {"model": bpe(LETTERS, MERGES, unk_token="<unk>", fuse_unk=True)},
    "BPE with bytes": {"model": bpe(LETTERS + BYTES, MERGES, unk_token="<unk>", fuse_unk=True, byte_fallback=True), "normalizer": SPACES},
    "BPE with some of the bytes": {"model": bpe(LETTERS + BYTES[:200], MERGES, unk_token="<unk>", fuse_unk=True, byte_fallback=True), "normalizer": SPACES},
    "BPE with bytes before a split": {"model": bpe(LETTERS + BYTES, MERGES, unk_token="<unk>", byte_fallback=True), "pre_tokenizer": METASPACE},
    "BPE that takes whole pieces": {"model": bpe([*LETTERS, "cab", "abab"], MERGES, unk_token="<unk>", ignore_merges=True), "pre_tokenizer": {"type": "WhitespaceSplit"}},
    "BPE with a prefix inside of words": {"model": bpe(MARKED, MARKED_MERGES, unk_token="<unk>", continuing_subword_prefix="#"), "pre_tokenizer": {"type": "Whitespace"}},
    "BPE with a suffix at the ends of words": {"model": bpe(ENDED, ENDED_MERGES, unk_token="<unk>", end_of_word_suffix="</w>"), "pre_tokenizer": {"type": "Whitespace"}},
    "BPE with a suffix, of CLIP": {
        "model": bpe(ENDED, ENDED_MERGES, unk_token="<unk>", end_of_word_suffix="</w>"),
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\w+|[^\\w\\s]+"}, "behavior": "Removed", "invert": True},
    },
    "BPE with the same merge twice": {"model": bpe(LETTERS, [*MERGES, "a b", "b c"], unk_token="<unk>")},
    "byte-level BPE": {"model": bpe(BYTE_LEVEL_VOCAB, BYTE_LEVEL_MERGES), "pre_tokenizer": BYTE_LEVEL},
    "byte-level BPE that puts a space first": {"model": bpe(BYTE_LEVEL_VOCAB, BYTE_LEVEL_MERGES), "pre_tokenizer": BYTE_LEVEL | {"add_prefix_space": True}, "added_tokens": [token(300, "<s>"), token(301, "<m>", lstrip=True)]},
    "byte-level BPE of RoBERTa": {
        "model": bpe(BYTE_LEVEL_VOCAB, BYTE_LEVEL_MERGES),
        "pre_tokenizer": BYTE_LEVEL,
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 301], "cls": ["<s>", 300], "trim_offsets": True, "add_prefix_space": False},
        "added_tokens": [token(300, "<s>"), token(301, "</s>"), token(302, "<m>", lstrip=True)],
    },
    "byte-level BPE without all bytes": {"model": bpe(["a", "b", "ab", "Ġ", "Ã"], ["a b"], unk_token="b"), "pre_tokenizer": BYTE_LEVEL},
    "byte-level BPE with digits one by one, of SmolLM2": {
        "model": bpe(BYTE_LEVEL_VOCAB, BYTE_LEVEL_MERGES),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL]},
    },
    "byte-level BPE after NFC": {"model": bpe(BYTE_LEVEL_VOCAB, BYTE_LEVEL_MERGES), "normalizer": {"type": "NFC"}, "pre_tokenizer": BYTE_LEVEL},
    "byte-level BPE after NFKC": {"model": bpe(BYTE_LEVEL_VOCAB, BYTE_LEVEL_MERGES), "normalizer": {"type": "NFKC"}, "pre_tokenizer": BYTE_LEVEL},
    "byte-level BPE with a normalizer in place of a pre-tokenizer": {"model": bpe(BYTE_LEVEL_VOCAB, BYTE_LEVEL_MERGES), "normalizer": {"type": "ByteLevel"}},
    "Unigram": {"model": {"type": "Unigram", "unk_id": 0, "vocab": PIECES, "byte_fallback": False}, "pre_tokenizer": METASPACE},
    "Unigram without words": {"model": {"type": "Unigram", "unk_id": 0, "vocab": PIECES, "byte_fallback": False}, "normalizer": SPACES},
    "Unigram with bytes": {"model": {"type": "Unigram", "unk_id": 0, "vocab": PIECES + [[byte, -10.0] for byte in BYTES], "byte_fallback": True}, "pre_tokenizer": METASPACE},
    "Unigram with some of the bytes": {"model": {"type": "Unigram", "unk_id": 0, "vocab": PIECES + [[byte, -10.0] for byte in BYTES[:200]], "byte_fallback": True}, "pre_tokenizer": METASPACE},
    "Unigram with a piece twice": {"model": {"type": "Unigram", "unk_id": 0, "vocab": [*PIECES, ["ab", -9.0]], "byte_fallback": False}, "pre_tokenizer": METASPACE},
    "Unigram of T5": {
        "model": {"type": "Unigram", "unk_id": 0, "vocab": PIECES, "byte_fallback": False},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, METASPACE]},
        "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                           "special_tokens": {"</s>": {"id": "</s>", "ids": [14], "tokens": ["</s>"]}}},
        "added_tokens": [token(14, "</s>")],
    },
    "Unigram of mDeBERTa": {
        "model": {"type": "Unigram", "unk_id": 0, "vocab": PIECES, "byte_fallback": False},
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
        "pre_tokenizer": METASPACE,
        "added_tokens": [token(13, "<m>", lstrip=True), token(14, "</s>")],
    },
    "Unigram, first word only": {"model": {"type": "Unigram", "unk_id": 0, "vocab": PIECES, "byte_fallback": False}, "pre_tokenizer": METASPACE | {"prepend_scheme": "first"}, "added_tokens": STRIPPING},
    "WordPiece": {"model": WORD_PIECE, "normalizer": BERT, "pre_tokenizer": {"type": "BertPreTokenizer"}},
    "WordPiece of cased text": {"model": WORD_PIECE, "normalizer": BERT | {"lowercase": False}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "added_tokens": STRIPPING},
    "WordPiece without a normalizer": {"model": WORD_PIECE, "pre_tokenizer": {"type": "BertPreTokenizer"}},
    "WordPiece of short words": {"model": WORD_PIECE | {"max_input_chars_per_word": 4}, "normalizer": BERT, "pre_tokenizer": {"type": "BertPreTokenizer"}},
    "WordPiece without a prefix": {"model": WORD_PIECE | {"continuing_subword_prefix": ""}, "normalizer": BERT, "pre_tokenizer": {"type": "BertPreTokenizer"}},
    "WordPiece with another split": {"model": WORD_PIECE, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"}},
    "WordPiece with BertProcessing": {"model": WORD_PIECE, "normalizer": BERT, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 14], "cls": ["[CLS]", 13]}},
    "WordLevel": {"model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": WORDS}, "pre_tokenizer": {"type": "Whitespace"}},
    "added tokens that take white space": {"model": bpe(LETTERS, MERGES, unk_token="<unk>"), "added_tokens": STRIPPING},
    "added tokens that take white space, after Metaspace": {"model": bpe(LETTERS, MERGES, unk_token="<unk>"), "pre_tokenizer": METASPACE, "added_tokens": STRIPPING},
    "added tokens that take white space, after Prepend": {
        "model": bpe(LETTERS + BYTES, MERGES, unk_token="<unk>", fuse_unk=True, byte_fallback=True),
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, SPACES]},
        "added_tokens": [token(300, "<s>"), token(301, "<m>", lstrip=True), token(302, "<r>", rstrip=True), token(303, "one", single_word=True)],
    },
    "added tokens in normalized text": {"model": bpe(LETTERS, MERGES, unk_token="<unk>"), "normalizer": {"type": "Lowercase"}, "added_tokens": NORMALIZED},
    "added tokens in normalized text of BERT": {"model": WORD_PIECE, "normalizer": BERT, "pre_tokenizer": {"type": "BertPreTokenizer"}, "added_tokens": NORMALIZED},
    "added tokens in normalized text that gets spaces": {"model": bpe(LETTERS, MERGES, unk_token="<unk>"), "normalizer": SPACES, "added_tokens": [token(100, "two words", special=False, normalized=True), token(101, "ab ab", special=False)]},
    "added tokens in text without a normalizer": {"model": bpe(LETTERS, MERGES, unk_token="<unk>"), "added_tokens": NORMALIZED},
    "a template around both texts": {
        "model": bpe(LETTERS, MERGES, unk_token="<unk>"),
        "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            {"type": "TemplateProcessing",
             "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 1}}, {"SpecialToken": {"id": "<x>", "type_id": 2}}],
             "pair": [{"Sequence": {"id": "B", "type_id": 3}}, {"SpecialToken": {"id": "<x>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 1}}],
             "special_tokens": {"<s>": {"id": "<s>", "ids": [13], "tokens": ["<s>"]}, "<x>": {"id": "<x>", "ids": [14, 15], "tokens": ["<x>", "<y>"]}}}]},
        "added_tokens": [token(13, "<s>"), token(14, "</s>")],
    },
}  # fmt: skip

PAIRS = [("ab abc", "xx"), ("", "abc"), ("abc", ""), ("", ""), ("abcabc ab", "a b c a b c a"), ("<s>ab", "ab</s>")]
LENGTHS = [*range(4, 9), 12]
# Texts that were split into words already: every text as a word, and few enough to be cut.
SPLIT_TEXTS = [TEXTS[start : start + 7] for start in range(0, len(TEXTS), 7)] + [["ab"], [], ["", " "]]
CUT_SPLIT_TEXTS = [["ab", "abcabc", "one", "xx"], ["", "abc", "a b"]]


def cases(document):
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(document))
    examples = [(text,) for text in TEXTS] + PAIRS
    plain = [(example, special, None, "right", "longest_first") for example in examples for special in (True, False)]
    cut = [
        (example, special, length, side, strategy)
        for example in [("abcabc ab a b",), *PAIRS]
        for special, length, side, strategy in itertools.product((True, False), LENGTHS, ("right", "left"), ("longest_first", "only_first", "only_second"))
        if len(example) == 2 or strategy != "only_second"
    ]
    for example, special, length, side, strategy in plain + cut:
        if length is None:
            tokenizer.no_truncation()
        else:
            tokenizer.enable_truncation(length, direction=side, strategy=strategy)
        try:
            encoding = tokenizer.encode(*example, add_special_tokens=special)
            ids, types = encoding.ids, encoding.type_ids
        except Exception:  # what is refused there has to be refused here
            ids, types = None, None
        yield [list(example), special, length, side, strategy, ids, types]


def with_prefix_space(document):
    """What transformers makes of a byte-level tokenizer that is to take words: add_prefix_space=True."""
    pre_tokenizer = document["pre_tokenizer"]
    if pre_tokenizer is None or pre_tokenizer["type"] != "ByteLevel":
        return document
    return document | {"pre_tokenizer": pre_tokenizer | {"add_prefix_space": True}}


def word_cases(document):
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(with_prefix_space(document)))
    plain = [(words, special, None, "right") for words in SPLIT_TEXTS for special in (True, False)]
    cut = list(itertools.product(CUT_SPLIT_TEXTS, (True, False), LENGTHS, ("right", "left")))
    for words, special, length, side in plain + cut:
        if length is None:
            tokenizer.no_truncation()
        else:
            tokenizer.enable_truncation(length, direction=side)
        encoding = tokenizer.encode(words, is_pretokenized=True, add_special_tokens=special)
        word_ids = [-1 if word is None else word for word in encoding.word_ids]
        yield [words, special, length, side, encoding.ids, encoding.type_ids, word_ids]


def main():
    documents = []
    for name, parts in TOKENIZERS.items():
        base = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
        document = base | parts
        documents.append({"name": name, "tokenizer": document, "cases": list(cases(document)), "wordCases": list(word_cases(document))})
        print(name, len(documents[-1]["cases"]), sum(case[5] is None for case in documents[-1]["cases"]))
    with gzip.GzipFile(TARGET, "wb", compresslevel=9, mtime=0) as file:
        file.write(json.dumps({"version": tokenizers.__version__, "tokenizers": documents}, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
