"""Real models in PyTorch, float64: loss, logits and the gradient norm of every parameter for one batch of real sentences.

    python tools/oracles/src/training/real_weights.py MODELS_FOLDER SENTENCES.json libs/training/fixtures/real-weights.json.gz
"""

import gzip
import json
import os
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSequenceClassification

ROWS, MAX_LENGTH = 4, 48
CASES = [
    ("splade-tiny", "masked-lm", AutoModelForMaskedLM),
    ("SmolLM2-135M-Instruct", "causal-lm", AutoModelForCausalLM),
    ("SmolLM2-135M-Instruct", "sequence-classification", AutoModelForSequenceClassification),
    ("all-mpnet-base-v2", "sequence-classification", AutoModelForSequenceClassification),
]


def run(folder, name, task, auto_class, texts):
    place = os.path.join(folder, name)
    tokenizer = Tokenizer.from_file(os.path.join(place, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_LENGTH)
    # No dropout, and a head that needs no random numbers.
    options = {"num_labels": 2} if task == "sequence-classification" else {}
    model = auto_class.from_pretrained(place, attn_implementation="eager", dtype=torch.float64, **options).eval()
    heads = {}
    if task == "sequence-classification":
        for key, parameter in model.named_parameters():
            if key.startswith(("classifier.", "score.")):
                values = 0.05 * torch.cos(torch.arange(parameter.numel(), dtype=torch.float64)).reshape(parameter.shape)
                parameter.data.copy_(values)
                heads[key] = list(parameter.shape)
    rows = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    length = max(map(len, rows))
    pad = model.config.pad_token_id
    ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    places = torch.arange(ids.numel()).reshape(ids.shape)
    is_target = torch.zeros_like(mask, dtype=torch.bool)
    if task == "causal-lm":
        is_target[:, :-1] = mask[:, 1:] == 1
        predicted = ids.roll(-1, dims=1)
    elif task == "masked-lm":
        # The README of the reference results: no random masks.
        for row, tokens in enumerate(rows):
            for position in range(1, len(tokens) - 1):
                is_target[row, position] = position % 5 == 2
        predicted = ids
        ids = torch.where(is_target, torch.tensor(tokenizer.token_to_id("[MASK]")), ids)
    else:
        labels = torch.arange(ROWS) % 2
    output = model(input_ids=ids, attention_mask=mask)
    # Not transformers' own loss: it goes back to float32, where log_softmax over 49,152 logits is off by 1.5e-5 and the
    # gradients of some normalizations by 4e-4 (SmolLM2).
    logits = output.logits
    if task != "sequence-classification":
        logits, labels = logits.flatten(0, 1)[places[is_target]], predicted[is_target]
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    gradients = {key: parameter.grad.double().norm().item() for key, parameter in model.named_parameters()}
    case = {
        "model": name, "task": task, "batch": ROWS, "length": length, "heads": heads,
        "inputIds": ids.flatten().tolist(), "attentionMask": mask.flatten().tolist(),
        "loss": loss.item(), "gradientNorms": gradients,
    }
    if task == "sequence-classification":
        return {**case, "labels": labels.tolist(), "logits": output.logits.flatten().tolist()}
    return {**case, "labels": predicted[is_target].tolist(), "targetPositions": places[is_target].tolist()}


models, sentences, target = sys.argv[1:]
texts = [row["text"] for row in json.load(open(sentences))[:ROWS]]
cases = [run(models, *case, texts) for case in CASES]
with open(target, "wb") as file:
    file.write(gzip.compress(json.dumps({"cases": cases}, separators=(",", ":")).encode(), mtime=0))
