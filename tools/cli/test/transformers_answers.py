"""Answers to the questions of a JSONL file, by transformers and tokenizers alone, as run_qa.py finds them, with the mean loss of
the windows, one by one and so without padding: transformers_answers.py FOLDER FILE MAX_LENGTH STRIDE MAX_ANSWER_LENGTH"""

import json
import sys

import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

folder, file = sys.argv[1:3]
max_length, stride, max_answer_length = map(int, sys.argv[3:])
tokenizer = AutoTokenizer.from_pretrained(folder)
model, info = AutoModelForQuestionAnswering.from_pretrained(folder, output_loading_info=True)
model.eval()
answers, logits, losses = [], [], []
for line in open(file, encoding="utf-8"):
    row = json.loads(line)
    encoded = tokenizer(
        row["question"].lstrip(), row["context"], truncation="only_second", max_length=max_length, stride=stride,
        return_overflowing_tokens=True, return_offsets_mapping=True)
    start_char = row["answers"]["answer_start"][0]
    end_char = start_char + len(row["answers"]["text"][0])
    windows, candidates = [], []
    for index, offsets in enumerate(encoded["offset_mapping"]):
        context = [place for place, sequence in enumerate(encoded.sequence_ids(index)) if sequence == 1]
        first, last = 0, 0
        if offsets[context[0]][0] <= start_char and offsets[context[-1]][1] >= end_char:
            first = max(place for place in context if offsets[place][0] <= start_char)
            last = min(place for place in context if offsets[place][1] >= end_char)
        inputs = {name: torch.tensor([encoded[name][index]]) for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded}
        with torch.no_grad():
            output = model(**inputs, start_positions=torch.tensor([first]), end_positions=torch.tensor([last]))
        losses.append(output.loss.item())
        start, end = output.start_logits[0].tolist(), output.end_logits[0].tolist()
        windows.append({"start": start, "end": end})
        candidates += [
            (start[i] + end[j], offsets[i][0], offsets[j][1]) for i in context for j in context if 0 <= j - i < max_answer_length
        ]
    _, begin, stop = max(candidates)
    answers.append({"answer": row["context"][begin:stop], "start": begin, "end": stop})
    logits.append(windows)
print(json.dumps({
    "missing": sorted(info["missing_keys"]), "architecture": type(model).__name__, "answers": answers, "logits": logits,
    "loss": sum(losses) / len(losses),
}))
