"""Asks Hugging Face tokenizers about every Unicode scalar value and returns its character tables.

Nothing here comes from a Unicode data file: the library mixes several Unicode versions (its own crates' tables), so
the only source that cannot be wrong is the library itself.
"""

from tokenizers import normalizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def each(normalizer, prefix="", suffix=""):
    """{code point: what it becomes between prefix and suffix}, one call a code point (no separator is safe everywhere)."""
    out = {}
    for c in CODE_POINTS:
        r = normalizer.normalize_str(prefix + chr(c) + suffix)
        if prefix:
            assert r.startswith(prefix)
            r = r[len(prefix) :]
        if suffix:
            assert r.endswith(suffix)
            r = r[: len(r) - len(suffix)]
        out[c] = r
    return out


def pieces(pre_tokenizer):
    """{code point: number of pieces of 'aCa'}"""
    return {c: len(pre_tokenizer.pre_tokenize_str("a" + chr(c) + "a")) for c in CODE_POINTS}


def bert(**flags):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    options.update(flags)
    return normalizers.BertNormalizer(**options)
