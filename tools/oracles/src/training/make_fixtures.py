"""Twelve steps of tiny models in PyTorch, in float64 from weights that float32 holds exactly: transformers' own model, parameter
groups (Trainer.get_decay_parameter_names) and schedules (get_scheduler), torch's AdamW and clip_grad_norm_.

    python tools/oracles/src/training/make_fixtures.py libs/training/fixtures/tiny-runs.json.gz
"""

import base64
import fnmatch
import gzip
import json
import sys

import numpy
import torch
from transformers import (
    BertConfig, BertForQuestionAnswering, BertForSequenceClassification, BertForTokenClassification, LlamaConfig, LlamaForCausalLM,
    LlamaForSequenceClassification, RobertaConfig, RobertaForSequenceClassification, Trainer, get_scheduler,
)

VOCAB, RECORDS, BATCH, EPOCHS = 40, 34, 12, 4  # 34 records: steps of 12, 12 and 10 rows
BASE = {
    "numLabels": 2, "schedule": "linear", "warmupSteps": 0, "learningRate": 1e-3, "weightDecay": 0.0, "beta1": 0.9, "beta2": 0.999,
    "epsilon": 1e-8, "maxGradNorm": 1.0,
}
CASES = {
    "linear": {},
    "cosine with warm-up": {"schedule": "cosine", "warmupSteps": 3},
    "constant": {"schedule": "constant"},
    "constant with warm-up": {"schedule": "constant_with_warmup", "warmupSteps": 4},
    "weight decay 0.01": {"weightDecay": 0.01, "schedule": "linear", "warmupSteps": 2},
    "weight decay 2, schedule longer than the run": {"weightDecay": 2.0, "schedulerTotalSteps": 20},
    "hard clipping": {"maxGradNorm": 0.05},
    "no clipping": {"maxGradNorm": 0.0},
    "other betas and epsilon": {"beta1": 0.7, "beta2": 0.9, "epsilon": 1e-4},
    "regression": {"numLabels": 1},
    "three classes": {"numLabels": 3},
    "RoBERTa, weight decay 0.01": {"model": "roberta", "weightDecay": 0.01},
    "Llama, weight decay 0.01": {"model": "llama", "weightDecay": 0.01},
    "Llama, causal language model": {"model": "llama-lm", "weightDecay": 0.01},
    "BERT, token classification": {"model": "bert-tokens", "numLabels": 3, "weightDecay": 0.01},
    "BERT, question answering": {"model": "bert-answers", "weightDecay": 0.01},
    "Llama, untied causal language model": {"model": "llama-lm-untied"},
    "frozen embeddings, weight decay 0.01": {"weightDecay": 0.01, "frozen": ["bert.embeddings.word_embeddings.weight"]},
    "frozen embeddings and first layer": {"frozen": ["bert.embeddings.*", "*.layer.0.*"]},
    "Llama, causal language model, frozen embeddings": {
        "model": "llama-lm", "weightDecay": 0.01, "frozen": ["model.embed_tokens.weight"]},
    # Of each record some tokens are only read, as a prompt's or a user's are.
    "Llama, causal language model, masked labels": {"model": "llama-lm", "weightDecay": 0.01, "isMasked": True},
}
ENCODER = dict(
    vocab_size=VOCAB, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12, pad_token_id=0, hidden_act="gelu", attn_implementation="eager",
)
DECODER = dict(
    vocab_size=VOCAB, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=20,
    max_position_embeddings=10, pad_token_id=0, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
)
MODELS = {
    "bert": (BertForSequenceClassification, BertConfig, {**ENCODER, "max_position_embeddings": 10, "type_vocab_size": 2}),
    "bert-tokens": (BertForTokenClassification, BertConfig, {**ENCODER, "max_position_embeddings": 10, "type_vocab_size": 2}),
    "bert-answers": (BertForQuestionAnswering, BertConfig, {**ENCODER, "max_position_embeddings": 10, "type_vocab_size": 2}),
    "roberta": (RobertaForSequenceClassification, RobertaConfig, {**ENCODER, "max_position_embeddings": 11, "type_vocab_size": 1}),
    "llama": (LlamaForSequenceClassification, LlamaConfig, DECODER),
    "llama-lm": (LlamaForCausalLM, LlamaConfig, {**DECODER, "tie_word_embeddings": True}),
    "llama-lm-untied": (LlamaForCausalLM, LlamaConfig, {**DECODER, "tie_word_embeddings": False}),
}


TASKS = {
    "bert-answers": "question-answering", "bert-tokens": "token-classification", "llama-lm": "causal-lm", "llama-lm-untied": "causal-lm",
}
# What a saved config has beside the model's architecture.
NOISE = {"architectures", "transformers_version", "dtype", "id2label", "label2id", "use_cache"}


def encode(tensors):
    return base64.b64encode(numpy.concatenate([t.detach().double().numpy().ravel() for t in tensors]).astype("<f4").tobytes()).decode()


def draw_model(kind, label_count):
    model_class, config_class, fields = MODELS[kind]
    config = config_class(**fields, num_labels=label_count)
    generator = torch.Generator().manual_seed(20 + label_count)
    model = model_class(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = 0.3 * torch.randn(parameter.shape, generator=generator)
            is_scale = name.endswith(".weight") and parameter.dim() == 1
            parameter.copy_(draw + 1 if is_scale else draw)
    return config, model


def run(name, changes, records):
    options = {**BASE, **changes}
    frozen = options.pop("frozen", [])
    is_masked = options.pop("isMasked", False)
    kind = options.pop("model", "bert")
    config, model = draw_model(kind, options["numLabels"])
    parameters = dict(model.named_parameters())
    initial = f"{kind}/{options['numLabels']}"
    initials[initial] = encode(parameters.values())
    is_language_model = kind.startswith("llama-lm")
    model.double().train()
    for key, parameter in parameters.items():
        parameter.requires_grad = not any(fnmatch.fnmatchcase(key, pattern) for pattern in frozen)
    decayed = set(Trainer.get_decay_parameter_names(None, model))
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for n, p in parameters.items() if n in decayed], "weight_decay": options["weightDecay"]},
            {"params": [p for n, p in parameters.items() if n not in decayed], "weight_decay": 0.0},
        ],
        lr=options["learningRate"], betas=(options["beta1"], options["beta2"]), eps=options["epsilon"],
    )
    steps = EPOCHS * -(-RECORDS // BATCH)
    scheduler = get_scheduler(options["schedule"], optimizer, options["warmupSteps"], options.get("schedulerTotalSteps", steps))
    log = []
    for step in range(steps):
        first = step % 3 * BATCH
        rows = records[first : first + BATCH]
        length = max(len(row["ids"]) for row in rows)
        pad = lambda values: values + [0] * (length - len(values))
        labels = [row["value"] if options["numLabels"] == 1 else row["label"] % options["numLabels"] for row in rows]
        labels = torch.tensor(labels, dtype=torch.double if options["numLabels"] == 1 else torch.long)
        if is_language_model:
            labels = torch.tensor([row["ids"] + [-100] * (length - len(row["ids"])) for row in rows])
            if is_masked:
                without = [row["tokenLabels"] + [-100] * (length - len(row["ids"])) for row in rows]
                labels[torch.tensor(without) == -100] = -100
        if kind == "bert-tokens":
            labels = torch.tensor([row["tokenLabels"] + [-100] * (length - len(row["ids"])) for row in rows])
        targets = {"labels": labels}
        if kind == "bert-answers":
            starts, ends = torch.tensor([row["span"] for row in rows]).T
            targets = {"start_positions": starts, "end_positions": ends}
        types = {"token_type_ids": torch.tensor([pad(row["types"]) for row in rows])} if kind.startswith("bert") else {}
        loss = model(
            input_ids=torch.tensor([pad(row["ids"]) for row in rows]),
            attention_mask=torch.tensor([pad([1] * len(row["ids"])) for row in rows]),
            **targets,
            **types,
        ).loss
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), options["maxGradNorm"] or float("inf"))
        log.append({"learningRate": optimizer.param_groups[0]["lr"], "loss": loss.item(), "gradNorm": norm.item()})
        optimizer.step()
        scheduler.step()
    written = json.loads(config.to_json_string(use_diff=True))
    return {
        "name": name, "options": options, "frozen": frozen, "isMasked": is_masked, "log": log, "initial": initial,
        "task": TASKS.get(kind, "regression" if options["numLabels"] == 1 else "sequence-classification"),
        "config": {key: value for key, value in written.items() if key not in NOISE},
        "parameters": [{"name": n, "shape": list(p.shape), "isDecayed": n in decayed} for n, p in parameters.items()],
        "final": encode(parameters.values()),
    }


generator = torch.Generator().manual_seed(3)
records = []
for index in range(RECORDS):
    length = int(torch.randint(2, 10, (1,), generator=generator))
    # Ids 5 to 24: 15 rows of the matrix are never used, beside [UNK] and its like.
    records.append({
        "ids": torch.randint(5, 25, (length,), generator=generator).tolist(),
        "types": [int(position >= length // 2 and index % 2) for position in range(length)],
        "label": int(torch.randint(0, 6, (1,), generator=generator)),
        "value": round(float(torch.randn(1, generator=generator)), 4),
    })
records[3]["ids"][1] = 0  # the padding token inside a text: attended to, but its row gets no gradient
for index, record in enumerate(records):
    # Some tokens have no label, as the rest of a word's tokens have none; the first of a record always has one.
    first = index % len(record["ids"])
    record["span"] = [first, min(first + index % 3, len(record["ids"]) - 1)]
    record["tokenLabels"] = [-100 if place % 3 == 2 else (index + token) % 3 for place, token in enumerate(record["ids"])]
initials = {}
cases = [run(name, changes, records) for name, changes in CASES.items()]
document = {"records": records, "batchRows": BATCH, "epochs": EPOCHS, "initial": initials, "cases": cases}
with open(sys.argv[1], "wb") as file:
    file.write(gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0))
