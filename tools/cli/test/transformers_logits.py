"""Logits of a folder's model for the texts of a JSONL file, by transformers alone: transformers_logits.py FOLDER FILE"""

import json
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder, file = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model, info = AutoModelForSequenceClassification.from_pretrained(
    folder, dtype=torch.float32, output_loading_info=True
)
model.eval()
texts = [json.loads(line)["text"] for line in open(file, encoding="utf-8")]
logits = []
for text in texts:
    # One by one: a decoder without a padding token takes no batch.
    encoded = tokenizer(text, truncation=True, max_length=128, return_tensors="pt")
    with torch.no_grad():
        logits += model(**encoded).logits.tolist()
print(json.dumps({"missing": sorted(info["missing_keys"]), "vocabSize": model.config.vocab_size, "logits": logits}))
