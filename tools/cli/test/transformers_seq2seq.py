"""Mean loss of a target's token over the records of a JSONL file, by transformers alone, records by themselves and in padded
batches, and the texts that it writes of the first ones, as long as a target at the most:
transformers_seq2seq.py FOLDER FILE PREFIX MAX_SOURCE_LENGTH MAX_TARGET_LENGTH"""

import json
import sys

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, DataCollatorForSeq2Seq

folder, file, prefix, max_source, max_target = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model, info = AutoModelForSeq2SeqLM.from_pretrained(folder, output_loading_info=True)
model.eval()
collate = DataCollatorForSeq2Seq(tokenizer, model=model, label_pad_token_id=-100)


def features(record):
    # As run_summarization.py's preprocess_function.
    inputs = tokenizer(prefix + record["article"], max_length=int(max_source), truncation=True)
    labels = tokenizer(text_target=record["highlights"], max_length=int(max_target), truncation=True)
    return {**inputs, "labels": labels["input_ids"]}


def loss_of(size):
    total, count = 0.0, 0
    for start in range(0, len(records), size):
        batch = collate([features(record) for record in records[start:start + size]])
        targets = (batch["labels"] != -100).sum().item()
        with torch.no_grad():
            total += model(**batch).loss.item() * targets
        count += targets
    return total / count


def texts(count):
    inputs = tokenizer.pad([
        tokenizer(prefix + record["article"], max_length=int(max_source), truncation=True) for record in records[:count]
    ], return_tensors="pt")
    # Its cache has as many layers as the encoder, whatever the decoder has.
    ids = model.generate(**inputs, num_beams=1, do_sample=False, max_new_tokens=int(max_target), use_cache=False)
    return tokenizer.batch_decode(ids, skip_special_tokens=True)


records = [json.loads(line) for line in open(file, encoding="utf-8")]
print(json.dumps({
    "missing": sorted(info["missing_keys"]),
    "architecture": type(model).__name__,
    "isTied": model.lm_head.weight is model.shared.weight,
    "texts": texts(17),
    "loss": loss_of(1),
    "paddedLoss": loss_of(8),
    "tokenCount": sum(len(features(record)["input_ids"]) + len(features(record)["labels"]) for record in records),
}))
