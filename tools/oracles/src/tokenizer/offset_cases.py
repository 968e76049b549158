"""Writes where in a text Hugging Face tokenizers finds tokens, and the windows that it cuts pairs of texts into.

usage: python offset_cases.py MINILM_TOKENIZER_JSON E5_TOKENIZER_JSON GPT2_TOKENIZER_JSON
(tokenizers==0.23.3; writes libs/tokenizer/fixtures/offsets.json.gz)
"""

import gzip
import json
import os
import random
import sys

import tokenizers

from adversarial_strings import CHARACTERS, HAND_PICKED
from component_cases import NORMALIZERS, tokenizer as with_parts
from small_tokenizer_cases import BYTE_LEVEL, BYTE_LEVEL_MERGES, BYTE_LEVEL_VOCAB, TEXTS, TOKENIZERS, bpe, token

TARGET = os.path.join(os.path.dirname(__file__), "../../../../libs/tokenizer/fixtures/offsets.json.gz")
# Byte-level tokens lose their white space in one of these ways.
TRIMMED = {
    f"byte-level BPE, prefix space {prefix}, processor {processor['type']}": {
        "model": bpe(BYTE_LEVEL_VOCAB, BYTE_LEVEL_MERGES), "pre_tokenizer": BYTE_LEVEL | {"add_prefix_space": prefix}, "post_processor": processor,
        "added_tokens": [token(300, "<s>"), token(301, "</s>"), token(302, "<m>", lstrip=True), token(303, "<r>", rstrip=True)],
    }
    for prefix in (True, False)
    for processor in (
        BYTE_LEVEL | {"add_prefix_space": prefix},
        BYTE_LEVEL | {"add_prefix_space": not prefix},
        BYTE_LEVEL | {"trim_offsets": False},
        {"type": "RobertaProcessing", "sep": ["</s>", 301], "cls": ["<s>", 300], "trim_offsets": True, "add_prefix_space": prefix},
        {"type": "Sequence", "processors": [BYTE_LEVEL, {"type": "RobertaProcessing", "sep": ["</s>", 301], "cls": ["<s>", 300], "trim_offsets": True, "add_prefix_space": True}]},
    )
}  # fmt: skip
SPACED = ["  ab", " ab", "\u00a0ab", "ab  abc ", "a \u3000 b", " \U0001f600 ab", "\U0001f600ab \U0001f468\u200d\U0001f469", " <m> ab", "ab <m>", "<r>  ab ", "\n\nab\n", " "]
WORDS = ["the", "Café", "naïve", "e\u0301cole", "ﬁnal", "東京", "東京都は", "😀", "👩\u200d👩\u200d👧", "don't", "1,234.5", "STRASSE", "straße", "İstanbul", "½", "ｶﾞ", "한국어", "हिन्दी", "\u200b", "(x)", "ab"]


def flat(offsets):
    return [place for pair in offsets for place in pair]


def placed(tokenizer, texts):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encodings = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    return [[encoding.ids, flat(encoding.offsets)] for encoding in encodings]


def sentence(rng, count):
    return "".join(rng.choice(["", " ", " ", " ", "  ", "\n"]) + rng.choice(WORDS) for _ in range(count))


def windows(tokenizer, rng, count):
    """Pairs as question answering cuts them; the text that stays whole may come first or second."""
    for _ in range(count):
        whole, cut = sentence(rng, rng.randint(0, 4)), sentence(rng, rng.randint(1, 40))
        max_length, stride = rng.choice([(24, 5), (32, 8), (48, 16), (400, 128)])
        cuts_second = rng.random() < 0.8
        first, second = (whole, cut) if cuts_second else (cut, whole)
        tokenizer.no_truncation()
        length = len(tokenizer.encode(whole, add_special_tokens=False).ids) + tokenizer.num_special_tokens_to_add(True)
        if max_length - length <= stride:  # the library panics
            continue
        tokenizer.enable_truncation(max_length, stride=stride, strategy="only_second" if cuts_second else "only_first")
        encoding = tokenizer.encode(first, second)
        # The library gives windows after the first one the types 0 and 1 whatever the template says, so only those of the first count.
        found = [
            [each.ids, each.type_ids if each is encoding else [], [-1 if s is None else s for s in each.sequence_ids], flat(each.offsets)]
            for each in [encoding, *encoding.overflowing]
        ]
        yield [first, second, max_length, stride, "second" if cuts_second else "first", found]


def small_tokenizers():
    base = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    for index, (name, parts) in enumerate({**TOKENIZERS, **TRIMMED}.items()):
        document = base | parts
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps(document))
        # Without a post-processor the library forgets which text a token of a window is of.
        pairs = list(windows(tokenizer, random.Random(index), 12)) if parts.get("post_processor") else []
        yield {"name": name, "tokenizer": document, "texts": placed(tokenizer, TEXTS + SPACED), "pairs": pairs}


def normalizers():
    """Each character of a normalized text as a token of its own."""
    texts = [text for text in HAND_PICKED if len(text) <= 40] + ["a" + c + " " + c + "1" for c in CHARACTERS]
    outputs = []
    for component in NORMALIZERS:
        tokenizer = with_parts(normalizer=component, pre_tokenizer={"type": "FixedLength", "length": 1})
        outputs.append({"component": component, "offsets": [flat(tokenizer.encode(text).offsets) for text in texts]})
    return {"texts": texts, "outputs": outputs}


def published(paths):
    texts = [text for text in HAND_PICKED if len(text) <= 80]
    rng = random.Random(11)
    texts += [sentence(rng, 12) for _ in range(60)] + ["".join(rng.choice(CHARACTERS) for _ in range(8)) for _ in range(150)]
    for path in paths:
        tokenizer = tokenizers.Tokenizer.from_file(path)
        yield {"texts": texts, "places": placed(tokenizer, texts), "pairs": list(windows(tokenizer, random.Random(5), 60))}


def main():
    document = {
        "version": tokenizers.__version__, "smallTexts": TEXTS + SPACED, "small": list(small_tokenizers()),
        "normalizers": normalizers(), "published": dict(zip(["minilm", "e5", "gpt2"], published(sys.argv[1:]))),
    }  # fmt: skip
    with gzip.GzipFile(TARGET, "wb", compresslevel=9, mtime=0) as file:
        file.write(json.dumps(document, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
