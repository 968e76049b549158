"""Opens a restored folder with transformers and prints what it finds, as JSON. open_restored.py FOLDER SOURCE TRAINED KEPT"""

import json
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForSequenceClassification

folder, source, trained, kept = sys.argv[1:]
model, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True, dtype="auto")
before, used, after = (load_file(f"{path}/model.safetensors") for path in (source, trained, folder))
name, trained_name, restored_name = (
    next(key for key in tensors if key.endswith("word_embeddings.weight")) for tensors in (before, used, after)
)
ids = torch.tensor(json.loads(kept))
expected = before[name].clone()
expected[ids] = used[trained_name].to(expected.dtype)
with safe_open(f"{folder}/model.safetensors", "pt") as file:
    metadata = file.metadata()
matrix = model.get_input_embeddings().weight.detach()
torch.manual_seed(0)
inputs = torch.randint(0, model.config.vocab_size, (2, 16))
with torch.no_grad():
    model.eval()
    logits = model(inputs).logits
print(
    json.dumps(
        {
            "class": type(model).__name__,
            "missing": sorted(info["missing_keys"]),
            "unexpected": sorted(info["unexpected_keys"]),
            "mismatched": sorted(map(str, info["mismatched_keys"])),
            "rowsEqual": torch.equal(after[restored_name].view(torch.uint8), expected.view(torch.uint8)),
            "loadedEqual": torch.equal(matrix, expected),
            "headEqual": torch.equal(model.classifier.weight.detach(), used["classifier.weight"]),
            "poolerEqual": torch.equal(
                model.bert.pooler.dense.weight.detach(),
                used.get("bert.pooler.dense.weight", used.get("pooler.dense.weight", before.get("pooler.dense.weight"))),
            ),
            "vocabSize": model.config.vocab_size,
            "labels": model.config.id2label,
            "metadata": metadata,
            "names": list(after)[-3:],
            "finite": bool(torch.isfinite(logits).all()),
        }
    )
)
