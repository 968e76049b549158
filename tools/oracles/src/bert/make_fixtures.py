"""Tiny BERTs in PyTorch: logits, loss and every gradient, in float64 from weights that float32 holds exactly.

    python tools/oracles/src/bert/make_fixtures.py libs/models/fixtures/tiny-bert.json.gz
"""

import gzip
import json
import sys

import torch
from transformers import BertConfig, BertForSequenceClassification

CASES = [
    {"name": "gelu, three classes", "hidden_act": "gelu", "num_labels": 3},
    {"name": "gelu_new, two classes", "hidden_act": "gelu_new", "num_labels": 2},
    {"name": "relu, regression", "hidden_act": "relu", "num_labels": 1},
]
BATCH, LENGTH, VOCAB = 3, 7, 23


def numbers(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def run(case, ids, mask, types):
    config = BertConfig(
        vocab_size=VOCAB, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
        max_position_embeddings=9, type_vocab_size=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        layer_norm_eps=1e-12, pad_token_id=0, hidden_act=case["hidden_act"], num_labels=case["num_labels"],
        attn_implementation="eager",
    )
    generator = torch.Generator().manual_seed(20)
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = 0.4 * torch.randn(parameter.shape, generator=generator)
            parameter.copy_(draw + 1 if name.endswith("LayerNorm.weight") else draw)
    weights = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    model.double().train()
    labels = torch.tensor([0.5, -1.25, 2.0]).double() if case["num_labels"] == 1 else torch.tensor([1, 0, case["num_labels"] - 1])
    output = model(input_ids=ids, attention_mask=mask, token_type_ids=types, labels=labels)
    output.loss.backward()
    written = {key: value for key, value in json.loads(config.to_json_string(use_diff=False)).items() if value is not None}
    return {
        "name": case["name"],
        "config": {key: written[key] for key in (
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings",
            "type_vocab_size", "hidden_dropout_prob", "attention_probs_dropout_prob", "layer_norm_eps", "pad_token_id", "hidden_act", "model_type",
        )},
        "labelCount": case["num_labels"],
        "labels": labels.tolist(),
        "logits": numbers(output.logits),
        "loss": output.loss.item(),
        "parameters": {
            name: {"shape": list(weights[name].shape), "value": numbers(weights[name]), "gradient": numbers(parameter.grad)}
            for name, parameter in model.named_parameters()
        },
    }


ids = torch.randint(1, VOCAB, (BATCH, LENGTH), generator=torch.Generator().manual_seed(3))
ids[0, 0] = ids[1, 0]
ids[0, 3] = 0  # the padding token inside a text: attended to, but its row gets no gradient
mask = torch.ones_like(ids)
mask[1, 5:] = 0
mask[2, 3:] = 0
ids[mask == 0] = 0
types = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 0]])
document = {
    "batch": BATCH, "length": LENGTH,
    "inputIds": ids.flatten().tolist(), "attentionMask": mask.flatten().tolist(), "tokenTypeIds": types.flatten().tolist(),
    "cases": [run(case, ids, mask, types) for case in CASES],
}
with open(sys.argv[1], "wb") as file:
    file.write(gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0))
