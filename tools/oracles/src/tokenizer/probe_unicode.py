"""Asks Hugging Face tokenizers about every Unicode scalar value and returns its character tables.

Nothing here comes from a Unicode data file: the library mixes several Unicode versions (its own crates' tables), so
the only source that cannot be wrong is the library itself.
"""

import unicodedata

from tokenizers import Regex, normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
ALL_TEXT = "".join(map(chr, CODE_POINTS))
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cs Cn".split()


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


def matching(pattern):
    """The code points that a regular expression for one character matches."""
    rest = set()
    for _, (start, end) in pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(ALL_TEXT):
        rest.update(CODE_POINTS[start:end])
    return set(CODE_POINTS) - rest


def combining_classes():
    """
    {code point: canonical combining class above 0} as the library orders marks: each is asked against one mark of every
    class, whose own classes are older than any version of Unicode in question.
    """
    nfd = normalizers.NFD()
    swaps = lambda first, second: first != second and nfd.normalize_str("a" + first + second) == "a" + second + first  # noqa: E731
    reference = {}
    for c in map(chr, CODE_POINTS):
        # Marks of the oldest versions come first; those that are too new for the library do not move at all.
        k = unicodedata.combining(c)
        if k and nfd.normalize_str(c) == c and (swaps(c, "\u0334") or swaps("\u0345", c)):
            reference.setdefault(k, c)
    ladder = sorted(reference.items())
    for (low, x), (high, y) in zip(ladder, ladder[1:]):
        assert low < high and swaps(y, x) and not swaps(x, y)
    out = {}
    for c in map(chr, CODE_POINTS):
        lowest, highest = ladder[0][1], ladder[-1][1]
        if nfd.normalize_str(c) != c or not (swaps(c, lowest) or swaps(highest, c)):
            continue
        above = [k for k, mark in ladder if swaps(mark, c)]
        below = [k for k, mark in ladder if swaps(c, mark)]
        between = [k for k, _ in ladder if (not above or k < above[0]) and (not below or k > below[-1])]
        assert len(between) == 1, (hex(ord(c)), between)
        out[ord(c)] = between[0]
    return out


def scripts():
    """{code point: number of its script} for the UnicodeScripts pre-tokenizer, without characters of no script."""
    split = pre_tokenizers.UnicodeScripts().pre_tokenize_str
    representatives, numbers = [], {}
    for c in CODE_POINTS:
        # What has no script is lost when it comes first.
        if not split(chr(c)):
            continue
        candidates = [numbers[c - 1]] if c - 1 in numbers else []
        candidates += range(1, len(representatives) + 1)
        same = next((n for n in candidates if len(split(representatives[n - 1] + chr(c))) == 1), None)
        if same is None:
            representatives.append(chr(c))
            same = len(representatives)
        numbers[c] = same
    return numbers
