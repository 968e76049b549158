"""Tags of the words of a JSONL file, by transformers alone, with the mean loss of the words' first tokens:
transformers_tags.py FOLDER FILE MAX_LENGTH"""

import json
import sys

import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

folder, file, max_length = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder, add_prefix_space=True)
model, info = AutoModelForTokenClassification.from_pretrained(folder, output_loading_info=True)
model.eval()
labels, logits_of_words, total, count = [], [], 0.0, 0
for line in open(file, encoding="utf-8"):
    row = json.loads(line)
    encoded = tokenizer(
        row["tokens"], is_split_into_words=True, truncation=True, max_length=int(max_length), return_tensors="pt")
    # run_ner.py: the tag is on a word's first token.
    targets, previous = [], None
    for word in encoded.word_ids():
        is_first = word is not None and word != previous
        targets.append(model.config.label2id[row["ner_tags"][word]] if is_first else -100)
        previous = word
    with torch.no_grad():
        logits = model(**encoded).logits[0].double()
    total += torch.nn.functional.cross_entropy(logits, torch.tensor(targets), reduction="sum").item()
    count += sum(target != -100 for target in targets)
    firsts = {word: logits[place] for place, word in enumerate(encoded.word_ids()) if targets[place] != -100}
    labels.append([model.config.id2label[int(firsts[word].argmax())] if word in firsts else None for word in range(len(row["tokens"]))])
    logits_of_words.append([firsts[word].tolist() if word in firsts else None for word in range(len(row["tokens"]))])
print(json.dumps({
    "missing": sorted(info["missing_keys"]), "architecture": type(model).__name__, "id2label": model.config.id2label,
    "labels": labels, "logits": logits_of_words, "loss": total / count,
}))
