"""
A tiny random T5 that has its one matrix by four names, and what transformers makes of it reduced, trained and restored.
shared_t5.py KEPT_TOKEN_IDS reads requests, an array of JSON a line, and answers each with a line of JSON:
    ["make", FOLDER]
    ["train", SOURCE, REDUCED, TRAINED]   trains the reduced folder a step, and tells what it found in it
    ["open", RESTORED, SOURCE, TRAINED]
"""

import json
import os
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5ForConditionalGeneration

VOCAB_SIZE = 40
NAMES = ["shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"]


def make(folder):
    config = T5Config(
        vocab_size=VOCAB_SIZE, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=3, decoder_start_token_id=0,
        relative_attention_num_buckets=8, relative_attention_max_distance=12, dropout_rate=0.0,
    )
    torch.manual_seed(11)
    model = T5ForConditionalGeneration(config)
    with torch.no_grad():
        model.shared.weight.mul_(0.2)
    model.save_pretrained(folder)
    # What PyTorch's own files have, as converters of other people's write it: a tensor a name.
    tensors = {key: value.clone() for key, value in model.state_dict().items()}
    assert all(name in tensors for name in NAMES)
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(folder, "tokenizer.json"), "w") as file:
        file.write("{}")


def load(folder):
    model, info = T5ForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    problems = {key: sorted(map(str, info[key])) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    return model.eval(), [name for names in problems.values() for name in names]


def inputs(vocab_size):
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(1, vocab_size, (3, length), generator=generator) for length in (7, 5)]


def logits(model, ids):
    with torch.no_grad():
        return model(input_ids=ids[0], decoder_input_ids=ids[1]).logits


def stored(folder):
    return load_file(os.path.join(folder, "model.safetensors"))


def train(source, reduced, trained):
    (full, _), (model, problems) = load(source), load(reduced)
    ids = inputs(len(kept))
    theirs = logits(full, [kept[side] for side in ids])[..., kept]
    difference = (logits(model, ids) - theirs).abs().max().item()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0)
    model(input_ids=ids[0], labels=ids[1]).loss.backward()
    optimizer.step()
    model.save_pretrained(trained)
    answer = {"problems": problems, "isTied": model.lm_head.weight is model.shared.weight, "difference": difference}
    return {**answer, "vocabSize": model.config.vocab_size, "savedNames": [name for name in NAMES if name in stored(trained)]}


def open_restored(restored, source, trained):
    (model, problems), (small, _) = load(restored), load(trained)
    before, used, after = stored(source), stored(trained), stored(restored)
    expected = before["shared.weight"].clone()
    expected[kept] = used["shared.weight"]
    ids = inputs(len(kept))
    difference = logits(model, [kept[side] for side in ids])[..., kept] - logits(small, ids)
    answer = {"problems": problems, "isTied": model.lm_head.weight is model.shared.weight}
    return {
        **answer,
        "difference": difference.abs().max().item(),
        "vocabSize": model.config.vocab_size,
        "hasSourceNames": list(after) == list(before),
        "rowsEqual": [torch.equal(after[name], expected) for name in NAMES],
        "rowsMoved": not torch.equal(expected, before["shared.weight"]),
        "restEqual": all(torch.equal(after[name], used[name]) for name in after if name not in NAMES),
    }


kept = torch.tensor(json.loads(sys.argv[1]))
for line in sys.stdin:
    verb, *folders = json.loads(line)
    print(json.dumps({"make": make, "train": train, "open": open_restored}[verb](*folders)), flush=True)
