"""Mean loss of a predicted token over the texts of a JSONL file, by transformers alone: transformers_loss.py FOLDER FILE"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, file = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
model.eval()
total, count = 0.0, 0
for line in open(file, encoding="utf-8"):
    ids = tokenizer(json.loads(line)["text"], truncation=True, max_length=128, return_tensors="pt").input_ids
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0, :-1].double()
    total += torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
    count += ids.shape[1] - 1
print(json.dumps({"missing": sorted(info["missing_keys"]), "loss": total / count}))
