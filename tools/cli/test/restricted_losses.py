"""Losses of a causal language model whose softmax runs over the kept rows only, in PyTorch, as a model of that small a
vocabulary: restricted_losses.py MODEL VOCABULARY_JSON TRAIN_FILE DEV_FILE STEPS BATCH LEARNING_RATE"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, vocabulary, train_file, dev_file, steps, batch_size, learning_rate = sys.argv[1:]
kept = json.load(open(vocabulary, encoding="utf-8"))["keptTokenIds"]
row_of = {token_id: row for row, token_id in enumerate(kept)}
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
rows = torch.nn.Parameter(model.get_input_embeddings().weight.detach()[kept].clone())
model.get_input_embeddings().weight = rows
model.get_input_embeddings().padding_idx = row_of.get(model.get_input_embeddings().padding_idx)
model.lm_head.weight = rows
model.config.vocab_size = len(kept)


def texts(file):
    for line in open(file, encoding="utf-8"):
        ids = tokenizer(json.loads(line)["text"], truncation=True, max_length=128).input_ids
        yield [row_of[token_id] for token_id in ids]


def loss_of(batch):
    length = max(map(len, batch))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in batch])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in batch])
    return model(input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100)).loss


records = list(texts(train_file))
no_decay = [{"params": list(model.parameters()), "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(no_decay, lr=float(learning_rate))
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / int(steps)))
losses = []
for step in range(int(steps)):
    loss = loss_of(records[step * int(batch_size):(step + 1) * int(batch_size)])
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    losses.append(loss.item())
model.eval()
total, count = 0.0, 0
with torch.no_grad():
    for row in texts(dev_file):
        total += loss_of([row]).item() * (len(row) - 1)
        count += len(row) - 1
print(json.dumps({"losses": losses, "evaluationLoss": total / count, "keptCount": len(kept)}))
