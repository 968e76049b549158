"""Mean loss of a predicted token over the records of a JSONL file, by transformers alone, with the ids that are read:
transformers_sequences.py FOLDER FILE KIND LENGTH, where KIND is messages (the folder's chat template has generation blocks), prompts
(as TRL's SFTTrainer) or blocks (as run_clm.py)"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, file, kind, length = sys.argv[1:]
length = int(length)
tokenizer = AutoTokenizer.from_pretrained(folder)
model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
model.eval()
rows = [json.loads(line) for line in open(file, encoding="utf-8")]
sequences = []
if kind == "messages":
    for row in rows:
        out = tokenizer.apply_chat_template(row["messages"], return_dict=True, return_assistant_tokens_mask=True)
        sequences.append((out["input_ids"][:length], out["assistant_masks"][:length]))
elif kind == "prompts":
    for row in rows:
        prompt = tokenizer(text=row["prompt"])["input_ids"]
        ids = tokenizer(text=row["prompt"] + row["completion"] + tokenizer.eos_token)["input_ids"]
        sequences.append((ids[:length], ([0] * len(prompt) + [1] * (len(ids) - len(prompt)))[:length]))
else:
    ids = [token for row in rows for token in tokenizer(row["text"])["input_ids"]]
    sequences = [(ids[at : at + length], [1] * length) for at in range(0, len(ids) // length * length, length)]
# A record of which nothing is predicted is left out.
sequences = [(ids, mask) for ids, mask in sequences if 1 in mask[1:]]
total, count = 0.0, 0
for ids, mask in sequences:
    ids, mask = torch.tensor([ids]), torch.tensor(mask[1:]) == 1
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0, :-1].double()
    total += torch.nn.functional.cross_entropy(logits[mask], ids[0, 1:][mask], reduction="sum").item()
    count += mask.sum().item()
print(json.dumps({
    "missing": sorted(info["missing_keys"]), "loss": total / count, "sequenceCount": len(sequences), "labelCount": count,
    "tokenCount": sum(len(ids) for ids, _ in sequences), "distinctTokenCount": len({token for ids, _ in sequences for token in ids}),
}))
