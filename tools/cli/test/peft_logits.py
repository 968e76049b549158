"""Logits of an adapter folder for the texts of a JSONL file, by PEFT and transformers alone: peft_logits.py FOLDER FILE"""

import json
import sys

import torch
from peft import AutoPeftModelForSequenceClassification
from transformers import AutoTokenizer

folder, file = sys.argv[1:]
model = AutoPeftModelForSequenceClassification.from_pretrained(folder)
model.eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
texts = [json.loads(line)["text"] for line in open(file, encoding="utf-8")]


def logits_of(model):
    logits = []
    for text in texts:
        with torch.no_grad():
            logits += model(**tokenizer(text, truncation=True, max_length=128, return_tensors="pt")).logits.tolist()
    return logits


adapted = logits_of(model)
with model.disable_adapter():
    base = logits_of(model)
print(json.dumps({"logits": adapted, "base": base, "merged": logits_of(model.merge_and_unload())}))
