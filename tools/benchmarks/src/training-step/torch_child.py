"""The PyTorch side of the training-step benchmark: the same model folder and batches, eager attention, AdamW, clipping."""

import json
import sys
import time

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification


def status_bytes(field):
    line = next(line for line in open("/proc/self/status") if line.startswith(field))
    return int(line.split()[1]) * 1024


plan = json.load(open(sys.argv[1]))
torch.set_num_threads(2)
torch.manual_seed(42)
base_bytes = status_bytes("VmRSS:")
config = AutoConfig.from_pretrained(plan["modelFolder"], num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
model = AutoModelForSequenceClassification.from_pretrained(plan["modelFolder"], config=config, attn_implementation="eager", dtype=torch.float32)
if plan["gradientCheckpointing"]:
    model.gradient_checkpointing_enable()
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.0)
step_ms, losses = [], []
for batch in plan["batches"]:
    shape = (batch["rowCount"], batch["length"])
    ids = torch.tensor(batch["inputIds"]).reshape(shape)
    mask = torch.tensor(batch["attentionMask"]).reshape(shape)
    labels = torch.tensor(batch["labels"])
    start = time.perf_counter()
    loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
    step_ms.append(1e3 * (time.perf_counter() - start))
print(json.dumps({"stepMs": step_ms, "losses": losses, "baseBytes": base_bytes, "peakBytes": status_bytes("VmHWM:")}))
