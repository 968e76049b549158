#!/usr/bin/env python3
"""Writes a tiny Llama as GGUF (random weights in Q4_1, Q8_0 and F32) and what transformers and gguf make of it.
usage: make_tiny_llama.py OUT_DIR      (needs transformers 5.23, torch, accelerate, gguf 0.19.0, safetensors)
The expected tokenizer has the rule for digits that transformers' GGUF reader leaves out, and not the post-processor that
it puts there, an empty template."""
import json, os, sys
import gguf
import numpy as np
import torch
from gguf.quants import dequantize
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

out = os.path.abspath(sys.argv[1])
os.makedirs(out, exist_ok=True)
random = np.random.default_rng(2)
HIDDEN, LAYERS, HEADS, KEY_VALUE_HEADS, INTERMEDIATE, POSITIONS = 32, 1, 4, 2, 32, 64
specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
letters = ["a", "b", "\u00c3", "\u00a9", "\u0120", "1", "9"]
merges = ["\u0120 a", "\u00c3 \u00a9", "\u0120a b", "1 9", "\u0120 \u0120"]
pieces = specials + letters + [merge.replace(" ", "") for merge in merges]
TEMPLATE = "{% for message in messages %}{{ '<|im_start|>' + message['content'] + '<|im_end|>' }}{% endfor %}"
Q = gguf.GGMLQuantizationType


def blocks(rows, columns, scale_bytes, weight_bytes):
    """Blocks of 32 weights: random half-precision scales and random weights, so that no quantizer has a say."""
    count = rows * columns // 32
    scales = random.normal(0, 0.02, (count, scale_bytes // 2)).astype("<f2").view(np.uint8)
    weights = random.integers(0, 256, (count, weight_bytes), dtype=np.uint8)
    return np.concatenate([scales, weights], 1).reshape(rows, -1)


def q4_1(rows, columns):
    return blocks(rows, columns, 4, 16), Q.Q4_1


def q8_0(rows, columns):
    return blocks(rows, columns, 2, 32), Q.Q8_0


def f32(size):
    return random.normal(1, 0.1, size).astype("<f4"), Q.F32


tensors = {"token_embd.weight": q8_0(len(pieces), HIDDEN), "output_norm.weight": f32(HIDDEN)}
for layer in range(LAYERS):
    for name, rows, columns in (
        ("attn_q", HIDDEN, HIDDEN),
        ("attn_k", HIDDEN * KEY_VALUE_HEADS // HEADS, HIDDEN),
        ("attn_v", HIDDEN * KEY_VALUE_HEADS // HEADS, HIDDEN),
        ("attn_output", HIDDEN, HIDDEN),
        ("ffn_gate", INTERMEDIATE, HIDDEN),
        ("ffn_up", INTERMEDIATE, HIDDEN),
        ("ffn_down", HIDDEN, INTERMEDIATE),
    ):
        tensors[f"blk.{layer}.{name}.weight"] = q4_1(rows, columns)
    for name in ("attn_norm", "ffn_norm"):
        tensors[f"blk.{layer}.{name}.weight"] = f32(HIDDEN)

file = os.path.join(out, "model.gguf")
writer = gguf.GGUFWriter(file, "llama")
writer.add_block_count(LAYERS)
writer.add_context_length(POSITIONS)
writer.add_embedding_length(HIDDEN)
writer.add_feed_forward_length(INTERMEDIATE)
writer.add_head_count(HEADS)
writer.add_head_count_kv(KEY_VALUE_HEADS)
writer.add_rope_freq_base(100000.0)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_vocab_size(len(pieces))
writer.add_rope_dimension_count(HIDDEN // HEADS)
writer.add_add_space_prefix(False)
writer.add_add_bos_token(False)
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("smollm")
writer.add_token_list(pieces)
writer.add_token_types([3] * len(specials) + [1] * (len(pieces) - len(specials)))
writer.add_token_merges(merges)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_unk_token_id(0)
writer.add_pad_token_id(2)
writer.add_chat_template(TEMPLATE)
for name, (data, kind) in tensors.items():
    writer.add_tensor(name, data, raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

model = AutoModelForCausalLM.from_pretrained(out, gguf_file="model.gguf", dtype=torch.float32)
state = {name: value.contiguous() for name, value in model.state_dict().items() if name != "lm_head.weight"}
# Where transformers leaves rows where they are, its weights are those of the gguf package, bit for bit.
down, kind = tensors["blk.0.ffn_down.weight"]
assert np.array_equal(state["model.layers.0.mlp.down_proj.weight"].numpy(), dequantize(down, kind))
embedding, kind = tensors["token_embd.weight"]
assert np.array_equal(state["model.embed_tokens.weight"].numpy(), dequantize(embedding, kind))
save_file(state, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})

tokenizer = AutoTokenizer.from_pretrained(out, gguf_file="model.gguf")
tokenizer.backend_tokenizer.save(os.path.join(out, "tokenizer.json"))
path = os.path.join(out, "tokenizer.json")
parsed = json.load(open(path, encoding="utf-8"))
# `tokenizer.ggml.pre = smollm` cuts off every digit before words are found.
parsed["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, parsed["pre_tokenizer"]]}
parsed["post_processor"] = None
json.dump(parsed, open(path, "w", encoding="utf-8"), ensure_ascii=False, indent=1)
config = {**model.config.to_dict(), "architectures": [type(model).__name__]}
json.dump({name: config[name] for name in sorted(config) if name not in ("quantization_config", "_name_or_path")},
          open(os.path.join(out, "config.json"), "w"), indent=1, default=str)
