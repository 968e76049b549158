"""Gives the ids of Hugging Face's `tokenizers` over a binary pipe; tools/checks/src/tokenizer-differential is its client.

usage: serve_tokenizers.py TOKENIZER_JSON

All integers are 32-bit little endian. Request: bytes of the header, header (JSON: special, pairs, maxLength, side, strategy), number of
texts, length in bytes of each, their UTF-8 bytes. With `pairs` each two texts are one example. Answer: for each example the number of its
ids, or 0xffffffff where the library raised an error; the number of all ids; the ids; the type ids, a byte each.
"""

import array
import json
import os
import struct
import sys

# One core: others measure on this machine.
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # noqa: E402

ERROR = 0xFFFFFFFF


def read(source, count):
    data = source.read(count)
    if len(data) < count:
        sys.exit(0)
    return data


def word(source):
    return struct.unpack("<I", read(source, 4))[0]


def encode_each(tokenizer, examples, special):
    for example in examples:
        try:
            yield tokenizer.encode(*(example if isinstance(example, tuple) else (example,)), add_special_tokens=special)
        except Exception:  # the library's own: which one does not matter, ours has to refuse as well
            yield None


def encode(tokenizer, examples, special):
    try:
        # The fast one leaves out the type ids of pairs where there is no post-processor.
        encode_batch = tokenizer.encode_batch if isinstance(examples[0], tuple) else tokenizer.encode_batch_fast
        return encode_batch(examples, add_special_tokens=special)
    except Exception:
        return list(encode_each(tokenizer, examples, special))


def serve(path, source, sink):
    tokenizer = tokenizers.Tokenizer.from_file(path)
    tokenizer.no_padding()
    sink.write(json.dumps({"version": tokenizers.__version__}).encode() + b"\n")
    sink.flush()
    while True:
        header = json.loads(read(source, word(source)))
        lengths = array.array("I", read(source, 4 * word(source)))
        data = read(source, sum(lengths))
        texts, at = [], 0
        for length in lengths:
            texts.append(data[at : at + length].decode("utf-8"))
            at += length
        if header.get("maxLength") is None:
            tokenizer.no_truncation()
        else:
            tokenizer.enable_truncation(header["maxLength"], direction=header["side"], strategy=header["strategy"])
        examples = list(zip(texts[::2], texts[1::2])) if header["pairs"] else texts
        counts, ids, types = array.array("I"), array.array("I"), bytearray()
        for encoding in encode(tokenizer, examples, header["special"]):
            if encoding is None:
                counts.append(ERROR)
                continue
            found = encoding.ids
            counts.append(len(found))
            ids.extend(found)
            types += bytes(encoding.type_ids)
        sink.write(counts.tobytes() + struct.pack("<I", len(ids)) + ids.tobytes() + types)
        sink.flush()


if __name__ == "__main__":
    # What the library prints (panics of Rust) must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    serve(sys.argv[1], sys.stdin.buffer, answers)
