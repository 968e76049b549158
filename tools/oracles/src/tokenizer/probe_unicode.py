"""Asks Hugging Face tokenizers about every Unicode scalar value and returns its character tables.

Nothing here comes from a Unicode data file: the library mixes several Unicode versions (its own crates' tables), so
the only source that cannot be wrong is the library itself.
"""

import base64
import struct
import unicodedata

from tokenizers import normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def lines(normalizer, texts):
    """Normalizes many texts in one call; none of them may hold U+0001, which separates them."""
    block = 20000
    out = []
    for start in range(0, len(texts), block):
        part = texts[start : start + block]
        result = normalizer.normalize_str("\x01".join(part)).split("\x01")
        assert len(result) == len(part), (len(result), len(part))
        out.extend(result)
    return out


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


def combining_classes(nfd):
    """{code point: canonical combining class}, for code points that do not decompose."""
    normalizer = normalizers.NFD()
    swapped = lambda x, y: normalizer.normalize_str("a" + x + y) == "a" + y + x
    references = {}
    for c in CODE_POINTS:
        k = unicodedata.combining(chr(c))
        if k and nfd[c] == chr(c) and k not in references:
            references[k] = chr(c)
    high, low = references[240], references[1]
    candidates = [c for c in CODE_POINTS if nfd[c] == chr(c) and (swapped(high, chr(c)) or swapped(chr(c), low))]
    ordered = sorted(references)
    # A reference only serves if the library agrees that it has a class of its own.
    ordered = [k for k in ordered if ord(references[k]) in set(candidates)]
    classes = {}
    for c in candidates:
        below = [k for k in ordered if swapped(chr(c), references[k])]
        above = [k for k in ordered if swapped(references[k], chr(c))]
        left = [k for k in ordered if k not in below and k not in above]
        assert len(left) == 1, (hex(c), left)
        classes[c] = left[0]
    return classes


def compositions(nfd):
    """[(first, last, composite)] of canonical composition, without Hangul."""
    normalizer = normalizers.NFC()
    out = []
    for c in CODE_POINTS:
        if nfd[c] == chr(c) or 0xAC00 <= c <= 0xD7A3 or normalizer.normalize_str(chr(c)) != chr(c):
            continue
        first = normalizer.normalize_str(nfd[c][:-1])
        assert len(first) == 1, hex(c)
        assert normalizer.normalize_str(first + nfd[c][-1]) == chr(c)
        out.append((ord(first), ord(nfd[c][-1]), c))
    return out


def one_mark_a_grapheme():
    """A charsmap that turns any grapheme of under six bytes into one X, so that Precompiled counts graphemes."""
    # Darts double array: unit 0 is the root; its children sit at offset ^ byte. Every lead byte is a leaf.
    size = 1024
    units = [0] * size
    offset = 256
    value_offset = 512
    units[0] = offset << 10
    for byte in range(1, 256):
        if 0x80 <= byte < 0xC0:
            continue
        node = offset ^ byte
        # label = byte, has_leaf, and an offset that leads to one shared value unit
        target = node ^ value_offset
        units[node] = byte | (1 << 8) | (target << 10)
    units[value_offset] = (1 << 31) | 0  # value 0: offset of "X" in the blob
    blob = struct.pack("<I", size * 4) + struct.pack("<%dI" % size, *units) + b"X\0"
    return normalizers.Precompiled(blob)


def expected(graphemes):
    return sum(1 if len(g.encode()) < 6 else len(g) for g in graphemes)


def grapheme_classes():
    """{code point: class} where a class is what the library's grapheme rules can tell apart."""
    normalizer = one_mark_a_grapheme()
    count = lambda text: len(normalizer.normalize_str(text))

    def joined(text, together, apart):
        """True if text is cut as `together`, False if as `apart`, None if the two cannot be told apart."""
        a, b = expected(together), expected(apart)
        if a == b:
            return None
        n = count(text)
        assert n in (a, b), (text.encode("unicode_escape"), n, a, b)
        return n == a

    M, N = "\u0301", "\u0302"
    out = {}
    for c in CODE_POINTS:
        s = chr(c)
        if s in "\r\n":
            continue
        if joined("a" + s, ["a" + s], ["a", s]):
            # Extend, ZWJ or SpacingMark: joins what precedes it.
            pict = joined("\u00a9" + s + "\u200d\u00a9" + M, ["\u00a9" + s + "\u200d\u00a9" + M], ["\u00a9" + s + "\u200d", "\u00a9" + M])
            zwj = joined("\u00a9" + s + "\u00a9" + M, ["\u00a9" + s + "\u00a9" + M], ["\u00a9" + s, "\u00a9" + M])
            if zwj:
                out[c] = "ZWJ"
                continue
            k = "\u0915\u094d"
            incb = joined(k + s + "\u0915" + M, [k + s + "\u0915" + M], [k + s, "\u0915" + M])
            linker = joined("\u0915" + s + "\u0915" + M, ["\u0915" + s + "\u0915" + M], ["\u0915" + s, "\u0915" + M])
            if linker:
                out[c] = "Linker"
            elif not pict:
                out[c] = "SpacingMark" if not incb else "SpacingMarkInConjunct"
            else:
                out[c] = "Extend" if incb else "ExtendOutsideConjunct"
            continue
        if joined(s + "a", [s + "a"], [s, "a"]):
            out[c] = "Prepend"
            continue
        if not joined(s + M + N, [s + M + N], [s, M + N]):
            out[c] = "Control"
            continue
        L, V, T = "\u1100", "\u1161", "\u11a8"
        tail = s + M
        after = [joined(x + tail, [x + tail], [x, tail]) for x in (L, V, T)]
        before = [joined(s + x + M, [s + x + M], [s, x + M]) for x in (L, V, T)]
        key = (tuple(map(bool, after)), tuple(map(bool, before)))
        hangul = {
            ((True, False, False), (True, True, False)): "L",
            ((True, True, False), (False, True, True)): "V",
            ((False, True, True), (False, False, True)): "T",
            ((True, False, False), (False, True, True)): "LV",
            ((True, False, False), (False, False, True)): "LVT",
            ((False,) * 3, (False,) * 3): None,
        }[key]
        if hangul:
            out[c] = hangul
            continue
        if joined(s + "\u200d\u00a9" + M, [s + "\u200d\u00a9" + M], [s + "\u200d", "\u00a9" + M]):
            out[c] = "ExtendedPictographic"
            continue
        k = "\u094d"
        if joined(s + k + "\u0915" + M, [s + k + "\u0915" + M], [s + k, "\u0915" + M]):
            out[c] = "Consonant"
            continue
    return out


def probe():
    """All tables, as plain dicts and lists."""
    nfd = each(normalizers.NFD())
    nfkd = each(normalizers.NFKD())
    tables = {}
    white_space = pieces(pre_tokenizers.WhitespaceSplit())
    tables["whiteSpace"] = [c for c in CODE_POINTS if white_space[c] == 2]
    punctuation = pieces(pre_tokenizers.Punctuation())
    tables["punctuation"] = [c for c in CODE_POINTS if punctuation[c] == 3]
    bert_pieces = pieces(pre_tokenizers.BertPreTokenizer())
    assert [c for c in CODE_POINTS if bert_pieces[c] == 3] == tables["punctuation"]
    assert [c for c in CODE_POINTS if bert_pieces[c] == 2] == tables["whiteSpace"]
    numeric = pieces(pre_tokenizers.Digits(True))
    tables["numeric"] = [c for c in CODE_POINTS if numeric[c] == 3]
    words = pieces(pre_tokenizers.Whitespace())
    tables["word"] = [c for c in CODE_POINTS if words[c] == 1]
    assert [c for c in CODE_POINTS if words[c] == 2] == tables["whiteSpace"]  # \s is white space
    clean = each(bert(clean_text=True), "a", "a")
    tables["bertRemoved"] = [c for c in CODE_POINTS if clean[c] == ""]
    assert all(clean[c] in ("", chr(c), " ") for c in CODE_POINTS)
    spaced = [c for c in CODE_POINTS if clean[c] == " "]
    assert set(spaced) == set(tables["whiteSpace"]) - set(tables["bertRemoved"])
    chinese = each(bert(handle_chinese_chars=True), "a", "a")
    tables["bertChinese"] = [c for c in CODE_POINTS if chinese[c] == " " + chr(c) + " "]
    assert all(chinese[c] == chr(c) for c in CODE_POINTS if c not in set(tables["bertChinese"]))
    accents = each(bert(strip_accents=True))
    tables["nonspacingMark"] = [c for c in CODE_POINTS if nfd[c] == chr(c) and accents[c] == ""]
    marks = each(normalizers.StripAccents())
    tables["combiningMark"] = [c for c in CODE_POINTS if marks[c] == ""]
    lower = each(normalizers.Lowercase())
    assert lower == each(bert(lowercase=True))
    tables["lowercase"] = {c: lower[c] for c in CODE_POINTS if lower[c] != chr(c)}
    hangul = range(0xAC00, 0xD7A4)
    tables["canonicalDecomposition"] = {c: nfd[c] for c in CODE_POINTS if nfd[c] != chr(c) and c not in hangul}
    tables["compatibilityDecomposition"] = {c: nfkd[c] for c in CODE_POINTS if nfkd[c] != nfd[c]}
    tables["combiningClass"] = combining_classes(nfd)
    tables["composition"] = compositions(nfd)
    tables["grapheme"] = grapheme_classes()
    return tables
