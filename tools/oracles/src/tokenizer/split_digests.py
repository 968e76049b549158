"""Writes digests of how Hugging Face tokenizers splits every short text over alphabets that have each class of characters.

usage: python split_digests.py   (tokenizers==0.23.3; writes libs/tokenizer/fixtures/split-digests.json)
"""

import hashlib
import itertools
import json
import os

import tokenizers
from tokenizers import Regex, pre_tokenizers

FIXTURES = os.path.join(os.path.dirname(__file__), "../../../../libs/tokenizer/fixtures")
# What the patterns tell apart; contractions; Chinese and Japanese among punctuation; digits of a newer Unicode than the patterns'.
ALPHABETS = ["aA1\u00bd \n\t\u00a0's./\u0301\u4e2d\u01c5\x01", "'sStrevmlLd\u017fa ", "1\u4e2d\u30d5\u309ca.+\x01 \n\u0301_\u00e9", "1\u00b2\U00011de1\u0661\u4e2da \n's.\u3000"]
LENGTH = 4
CL100K = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|DIGITS| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
PATTERNS = {
    "gpt2": ["'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"],
    # Behind Digits.
    "gpt2-digits": ["'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"],
    "cl100k": [CL100K.replace("DIGITS", "\\p{N}{1,3}")],
    "qwen": [CL100K.replace("DIGITS", "\\p{N}")],
    "o200k": [
        f"[^\\r\\n\\p{{L}}\\p{{N}}]?[\\p{{Lu}}\\p{{Lt}}\\p{{Lm}}\\p{{Lo}}\\p{{M}}]*[\\p{{Ll}}\\p{{Lm}}\\p{{Lo}}\\p{{M}}]+{CONTRACTION}"
        f"|[^\\r\\n\\p{{L}}\\p{{N}}]?[\\p{{Lu}}\\p{{Lt}}\\p{{Lm}}\\p{{Lo}}\\p{{M}}]+[\\p{{Ll}}\\p{{Lm}}\\p{{Lo}}\\p{{M}}]*{CONTRACTION}"
        "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    ],
    "deepseek": [
        "\\p{N}{1,3}",
        "[一-龥぀-ゟ゠-ヿ]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
    ],
}


def texts():
    for alphabet in ALPHABETS:
        for length in range(1, LENGTH + 1):
            for characters in itertools.product(alphabet, repeat=length):
                yield "".join(characters)


def splitter(family, patterns):
    if family == "gpt2-digits":  # as published: with the pattern that ByteLevel has built in
        return [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    return [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]


def digest(family, patterns):
    split = pre_tokenizers.Sequence(splitter(family, patterns)).pre_tokenize_str
    sha = hashlib.sha256()
    for text in texts():
        sha.update(("|".join(str(end - start) for _, (start, end) in split(text)) + "\n").encode())
    return sha.hexdigest()


def main():
    document = {
        "version": tokenizers.__version__,
        "alphabets": ALPHABETS,
        "length": LENGTH,
        "patterns": PATTERNS,
        # Of lines, one a text: lengths of its pieces in code points, joined by "|".
        "digests": {family: digest(family, patterns) for family, patterns in PATTERNS.items()},
    }
    with open(os.path.join(FIXTURES, "split-digests.json"), "w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


main()
