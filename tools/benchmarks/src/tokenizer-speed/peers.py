"""How each Python peer is loaded and called: the fastest call that gives ids of a batch of records, one list each.

A peer is three functions: `encode` takes a batch and gives whatever the peer gives, which is what is timed as encoding;
`ids` makes one array of that, as a histogram needs it, timed as part of counting; `lengths` is for the comparison only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Peer:
    version: str
    takes_bytes: bool
    encode: Callable[[list[Any]], Any]
    ids: Callable[[Any], Ids]
    lengths: Callable[[Any], npt.NDArray[np.int64]]


def of_lists(name: str, encode: Callable[[list[str]], list[list[int]]]) -> Peer:
    """A peer that gives a list of ids for each record."""
    return Peer(
        version(name),
        False,
        encode,
        lambda lists: np.fromiter(chain.from_iterable(lists), dtype=np.uint32),
        lambda lists: np.array([len(ids) for ids in lists], dtype=np.int64),
    )


def load_tokenizers(file: str, _encoding: str | None, _threads: int) -> Peer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def ids(encodings: list[Any]) -> Ids:
        flat: list[int] = []
        for encoding in encodings:
            flat += encoding.ids
        return np.array(flat, dtype=np.uint32)

    return Peer(
        version("tokenizers"),
        False,
        lambda records: tokenizer.encode_batch_fast(records, add_special_tokens=False),
        ids,
        lambda encodings: np.array([len(encoding) for encoding in encodings], dtype=np.int64),
    )


def load_gigatoken(file: str, _encoding: str | None, threads: int) -> Peer:
    import awkward
    from gigatoken import Tokenizer

    tokenizer = Tokenizer.from_json(Path(file).read_bytes())
    return Peer(
        version("gigatoken"),
        True,
        lambda records: tokenizer.encode_batch(records, parallel=threads > 1),
        lambda result: np.asarray(awkward.flatten(result)),
        lambda result: np.asarray(awkward.num(result), dtype=np.int64),
    )


def load_nanotoken(file: str, _encoding: str | None, threads: int) -> Peer:
    from nanotoken import Tokenizer

    tokenizer = Tokenizer(file)
    return Peer(
        version("nanotoken"),
        True,
        lambda records: tokenizer.encode_batch(records, add_special_tokens=False, parallel=threads > 1),
        lambda result: result.ids,
        lambda result: np.diff(result.offsets),
    )


def load_tokie(file: str, _encoding: str | None, _threads: int) -> Peer:
    from tokie import Tokenizer

    tokenizer = Tokenizer.from_json(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Peer(
        version("tokie"),
        False,
        lambda records: tokenizer.encode_batch_flat(records, add_special_tokens=False),
        lambda result: np.asarray(result[0]),
        lambda result: np.asarray(result[1]).astype(np.int64),
    )


def load_fastokens(file: str, _encoding: str | None, _threads: int) -> Peer:
    from fastokens import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Peer(
        version("fastokens"),
        False,
        lambda records: tokenizer.encode_batch_flat(records, add_special_tokens=False),
        lambda result: np.frombuffer(result[0], dtype=np.uint32),
        lambda result: np.diff(np.frombuffer(result[1], dtype=np.uint64).astype(np.int64)),
    )


def load_kitoken(file: str, _encoding: str | None, _threads: int) -> Peer:
    from kitoken import Kitoken

    tokenizer = Kitoken.from_tokenizers_file(file)
    return of_lists("kitoken", lambda records: tokenizer.encode_all(records, False))


def load_bpe_openai(_file: str, encoding: str | None, threads: int) -> Peer:
    import bpe_openai

    tokenizer = bpe_openai.get_encoding(encoding)
    return of_lists("bpe-openai", lambda records: tokenizer.encode_ordinary_batch(records, num_threads=threads))


def load_tiktoken(file: str, _encoding: str | None, threads: int) -> Peer:
    """tiktoken downloads its vocabularies; the same one is in tokenizer.json, in GPT-2's letters for bytes."""
    from tiktoken import Encoding

    tokenizer = json.loads(Path(file).read_bytes())
    byte_of = {letter: byte for byte, letter in enumerate(letters_of_bytes())}
    ranks = {bytes(byte_of[letter] for letter in token): rank for token, rank in tokenizer["model"]["vocab"].items()
             if all(letter in byte_of for letter in token)}
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    for content in special:
        ranks.pop(content.encode(), None)
    encoding = Encoding(Path(file).parent.name, pat_str=pattern_of(tokenizer["pre_tokenizer"]), mergeable_ranks=ranks,
                        special_tokens=special)
    return of_lists("tiktoken", lambda records: encoding.encode_ordinary_batch(records, num_threads=threads))


def pattern_of(pre_tokenizer: dict[str, Any]) -> str:
    for part in pre_tokenizer.get("pretokenizers", []):
        if part["type"] == "Split":
            return str(part["pattern"]["Regex"])
    return r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def letters_of_bytes() -> list[str]:
    """GPT-2's table: bytes that print are themselves, the others the letters from U+0100 on."""
    printing = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256))
    return [chr(byte) if byte in printing else chr(256 + next(others)) for byte in range(256)]


PEERS: dict[str, Callable[[str, str | None, int], Peer]] = {
    "tokenizers": load_tokenizers,
    "gigatoken": load_gigatoken,
    "nanotoken": load_nanotoken,
    "tokie": load_tokie,
    "fastokens": load_fastokens,
    "kitoken": load_kitoken,
    "bpe-openai": load_bpe_openai,
    "tiktoken": load_tiktoken,
}
