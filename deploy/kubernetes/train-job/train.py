"""Fine-tunes a checkpoint that `pemmican reduce --export-tokenizer` made: plain PyTorch and transformers, one process or many.

    python train.py --model REDUCED --train-file FILE.json --output TRAINED
    torchrun --nproc-per-node 8 train.py ...

Nothing here knows of reduced vocabularies but two lines: the tokenizer is the exported one, which yields reduced ids, and the token
id map goes along, without which `pemmican restore` takes nothing back. FILE.json is an array of objects, or has one a line.
"""

import argparse
import json
import math
import os
import shutil

import torch
from tokenizers import Tokenizer
from torch.nn.parallel import DistributedDataParallel
from transformers import AutoModelForSequenceClassification, get_linear_schedule_with_warmup


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="folder that pemmican reduce made")
    parser.add_argument("--train-file", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--text-column", default="text")
    parser.add_argument("--label-column", default="label")
    parser.add_argument("--max-seq-length", type=int, default=128, help="as it was for pemmican analyze")
    parser.add_argument("--num-train-epochs", type=int, default=1)
    parser.add_argument("--per-device-train-batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--warmup-ratio", type=float, default=0.1)
    parser.add_argument("--max-grad-norm", type=float, default=1.0)
    parser.add_argument("--dropout", choices=["auto", "0"], default="auto")
    parser.add_argument("--metrics-file", help="one JSON object a step")
    return parser.parse_args()


def read_records(path, text_column, label_column):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.split("\n") if line.strip()]
    rows = [row for row in rows if row.get(label_column) is not None]
    return [row[text_column] for row in rows], [int(row[label_column]) for row in rows]


def main():
    options = parse_arguments()
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if torch.cuda.is_available() else torch.device("cpu")
    if world > 1:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")

    tokenizer = Tokenizer.from_file(os.path.join(options.model, "reduced-tokenizer", "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(options.max_seq_length)
    texts, labels = read_records(options.train_file, options.text_column, options.label_column)
    encoded = [encoding.ids for encoding in tokenizer.encode_batch(texts)]

    # A model that is no classifier yet gets a head for the labels that occur.
    changes = {} if json.load(open(os.path.join(options.model, "config.json"))).get("id2label") else {"num_labels": max(labels) + 1}
    if options.dropout == "0":
        changes |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
    model = AutoModelForSequenceClassification.from_pretrained(options.model, dtype=torch.float32, **changes).to(device).train()
    pad = model.config.pad_token_id or 0
    trained = DistributedDataParallel(model) if world > 1 else model

    size = options.per_device_train_batch_size
    batch_count = math.ceil(len(encoded) / (size * world))
    step_count = options.num_train_epochs * batch_count
    optimizer = torch.optim.AdamW(trained.parameters(), lr=options.learning_rate, weight_decay=0.0)
    scheduler = get_linear_schedule_with_warmup(optimizer, math.ceil(options.warmup_ratio * step_count), step_count)
    metrics = open(options.metrics_file, "w", encoding="utf-8") if options.metrics_file and rank == 0 else None
    for step in range(step_count):
        first = (step % batch_count * world + rank) * size
        # The last batches may leave a process without records: it takes the first ones again.
        first = first if first < len(encoded) else 0
        rows, targets = encoded[first : first + size], labels[first : first + size]
        length = max(map(len, rows))
        ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows], device=device)
        loss = trained(input_ids=ids, attention_mask=mask, labels=torch.tensor(targets, device=device)).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained.parameters(), options.max_grad_norm)
        if metrics is not None:
            values = {"step": step + 1, "loss": loss.item(), "gradNorm": norm.item(), "learningRate": scheduler.get_last_lr()[0]}
            print(json.dumps(values), file=metrics, flush=True)
        optimizer.step()
        scheduler.step()

    if rank == 0:
        model.save_pretrained(options.output)
        shutil.copy(os.path.join(options.model, "pemmican-token-id-map.json"), options.output)
    if world > 1:
        torch.distributed.destroy_process_group()


main()
