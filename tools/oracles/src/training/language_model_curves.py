"""Fine-tuning runs of real language models in PyTorch, float64: loss and gradient norm of every step, on the full vocabulary and
restricted to the ids that the records use (the reference PEMA, which cuts a tied output matrix too).

    python tools/oracles/src/training/language_model_curves.py MODELS_FOLDER SENTENCES.json \
        libs/training/fixtures/language-model-curves.json.gz

Batches in file order, no dropout, no random masks: of a record's n tokens those at 1 <= p <= n - 2 with p % 5 == 2 are masked and
predicted. AdamW without decay, linear schedule with warm-up, clipping at 1.
"""

import gzip
import json
import math
import os
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, get_linear_schedule_with_warmup

MAX_LENGTH, LEARNING_RATE, MAX_GRAD_NORM = 32, 5e-5, 1.0
CASES = [
    ("splade-tiny", "masked-lm", AutoModelForMaskedLM, {"batch": 8, "steps": 24, "warmup": 3}),
    ("SmolLM2-135M-Instruct", "causal-lm", AutoModelForCausalLM, {"batch": 4, "steps": 8, "warmup": 1}),
]


def restrict(model, kept):
    """Rows of the kept ids only, in input, output and output bias."""
    embedding, output = model.get_input_embeddings(), model.get_output_embeddings()
    assert model.config.tie_word_embeddings
    weight = torch.nn.Parameter(embedding.weight.detach()[kept].clone())
    embedding.weight, embedding.num_embeddings = weight, len(kept)
    output.weight, output.out_features = weight, len(kept)
    if embedding.padding_idx is not None:
        embedding.padding_idx = kept.index(embedding.padding_idx)
    if output.bias is not None:
        bias = torch.nn.Parameter(output.bias.detach()[kept].clone())
        output.bias = bias
        model.cls.predictions.bias = bias
    model.config.vocab_size = len(kept)


def batches(rows, task, pad, mask):
    """Ids, attention mask, the flat places of what is predicted, and the ids there; in full ids."""
    for group in rows:
        length = max(map(len, group))
        ids = torch.tensor([row + [pad] * (length - len(row)) for row in group])
        attention = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in group])
        if task == "causal-lm":
            is_target = torch.zeros_like(ids, dtype=torch.bool)
            is_target[:, :-1] = attention[:, 1:] == 1
            predicted, inputs = ids.roll(-1, dims=1), ids
        else:
            position, count = torch.arange(length)[None], attention.sum(1, keepdim=True)
            is_target = (position >= 1) & (position <= count - 2) & (position % 5 == 2)
            predicted, inputs = ids, ids.masked_fill(is_target, mask)
        places = torch.arange(ids.numel()).reshape(ids.shape)[is_target]
        yield inputs, attention, places, predicted.flatten()[places]


def run(place, auto_class, steps, warmup, kept, data):
    model = auto_class.from_pretrained(place, attn_implementation="eager", dtype=torch.float64).eval()
    row_of = None
    if kept is not None:
        restrict(model, kept)
        row_of = torch.full((max(kept) + 1,), -1)
        row_of[torch.tensor(kept)] = torch.arange(len(kept))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    scheduler = get_linear_schedule_with_warmup(optimizer, warmup, steps)
    log = []
    for inputs, attention, places, labels in data:
        if row_of is not None:
            inputs, labels = row_of[inputs], row_of[labels]
        logits = model(input_ids=inputs, attention_mask=attention).logits
        # transformers' own loss goes back to float32.
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1)[places], labels)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
        log.append({"learningRate": scheduler.get_last_lr()[0], "loss": loss.item(), "gradNorm": norm.item()})
        optimizer.step()
        scheduler.step()
    return log


def main():
    models, sentences, output = sys.argv[1:]
    texts = [row["text"] for row in json.load(open(sentences, encoding="utf-8")) if row and row["class"] is not None]
    cases = []
    for name, task, auto_class, sizes in CASES:
        place = os.path.join(models, name)
        tokenizer = Tokenizer.from_file(os.path.join(place, "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_LENGTH)
        encoded = [e.ids for e in tokenizer.encode_batch(texts[: sizes["batch"] * sizes["steps"]])]
        special = [i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special]
        pad = json.load(open(os.path.join(place, "config.json")))["pad_token_id"]
        kept = sorted({i for row in encoded for i in row} | set(special) | {pad})
        rows = [encoded[i : i + sizes["batch"]] for i in range(0, len(encoded), sizes["batch"])]
        data = list(batches(rows, task, pad, tokenizer.token_to_id("[MASK]")))
        assert len(data) == sizes["steps"] == math.ceil(len(encoded) / sizes["batch"])
        arms = {}
        for arm, ids in (("full", None), ("restricted", kept)):
            arms[arm] = run(place, auto_class, sizes["steps"], sizes["warmup"], ids, data)
            print(name, arm, len(kept), *(f"{step['loss']:.6f}" for step in arms[arm]))
        cases.append({
            "model": name, "task": task, "keptTokenIds": kept, "arms": arms,
            "batches": [
                {
                    "shape": list(inputs.shape), "inputIds": inputs.flatten().tolist(),
                    "attentionMask": attention.flatten().tolist(), "targetPositions": places.tolist(), "labels": labels.tolist(),
                }
                for inputs, attention, places, labels in data
            ],
        })  # fmt: skip
    with gzip.GzipFile(output, "wb", mtime=0) as file:
        file.write(json.dumps({"cases": cases}, separators=(",", ":")).encode())


main()
