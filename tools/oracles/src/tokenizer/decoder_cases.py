"""Writes what each decoder of Hugging Face tokenizers makes of tokens, and what transformers' clean-up makes of that.

usage: python decoder_cases.py   (tokenizers==0.23.3, transformers==5.23.0; writes libs/tokenizer/fixtures/decoders.json.gz)
"""

import gzip
import json
import os
import random

import tokenizers
import transformers

TARGET = os.path.join(os.path.dirname(__file__), "../../../../libs/tokenizer/fixtures/decoders.json.gz")
SPECIAL = ["<pad>", "</s>", "<unk>", "<extra_id_0>"]
PLAIN_ADDED = ["<added>", "▁plus"]
TOKENS = [
    *SPECIAL, *PLAIN_ADDED, "▁", "▁the", "▁a", "▁▁", "▁▁b", "c▁", "d▁▁", "e▁f", "ing", ".", "▁.", "▁!", "▁,", "▁?", "'", "▁'", "▁n't", "n't",
    "▁'s", "'m", "▁'ve", " ", "  x ", "x  ", "Ġ", "Ġhi", "Ċ", "âĤ¬", "â", "Ĥ", "¬", "é", "ü", "東京", "▁東", "🙂", "\u0301", "ﬁ", "$&", "##s",
    *(f"<0x{byte}>" for byte in ("41", "E2", "82", "AC", "f0", "9F", "99", "80", "C3", "0A", "20", "EF", "BB", "BF", "GG", "+4")), "<0x4>", "<0x041>",
]
REPLACE = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
DECODERS = [
    None,
    METASPACE,
    METASPACE | {"prepend_scheme": "first"},
    METASPACE | {"prepend_scheme": "never"},
    {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
    REPLACE,
    {"type": "Replace", "pattern": {"Regex": "[▁ ]+"}, "content": "$&"},
    {"type": "Fuse"},
    {"type": "ByteFallback"},
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "Sequence", "decoders": []},
    {"type": "Sequence", "decoders": [REPLACE, {"type": "ByteFallback"}, {"type": "Fuse"}]},
    {"type": "Sequence", "decoders": [REPLACE, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    # Nothing is stripped off an end that is not there: the library fails there.
    {"type": "Sequence", "decoders": [METASPACE, {"type": "Fuse"}, {"type": "Strip", "content": "c", "start": 2, "stop": 0}]},
    {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, METASPACE]},
]


def tokenizer_json(decoder):
    added = [dict(id=TOKENS.index(token), content=token, single_word=False, lstrip=False, rstrip=False, normalized=False,
                  special=token in SPECIAL) for token in SPECIAL + PLAIN_ADDED]
    vocabulary = {token: index for index, token in enumerate(TOKENS)}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": None,
        "post_processor": None, "decoder": decoder, "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }


assert len(set(TOKENS)) == len(TOKENS)
generator = random.Random(11)
# Some ids have no token.
lists = [[]] + [[index] for index in range(len(TOKENS))] + [
    [generator.randrange(len(TOKENS) + 2) for _ in range(generator.randint(2, 9))] for _ in range(300)]
cases = []
for decoder in DECODERS:
    document = tokenizer_json(decoder)
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(document))
    cleaning = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=True, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    cases.append({
        "tokenizer": document,
        "whole": [tokenizer.decode(ids, skip_special_tokens=False) for ids in lists],
        "plain": [tokenizer.decode(ids, skip_special_tokens=True) for ids in lists],
        "cleaned": [cleaning.decode(ids, skip_special_tokens=True) for ids in lists],
    })
with gzip.GzipFile(TARGET, "wb", mtime=0) as file:
    file.write(json.dumps({"lists": lists, "cases": cases}, ensure_ascii=False, separators=(",", ":")).encode())
