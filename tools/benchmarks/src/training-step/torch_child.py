"""The PyTorch side of the training-step benchmark: the same model and batches, eager attention, AdamW, clipping.

Arms: `full`; `reduced`, as the paper's reference implementation does it (load the model, slice the matrix, train the
used rows; a tied output matrix shrinks along, which makes it a softmax over the used rows only); `trainable-tokens`, PEFT's
TrainableTokensConfig over the same rows with everything else trained too.
"""

import gc
import json
import os
import sys
import time

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification


def status_bytes(field):
    line = next(line for line in open("/proc/self/status") if line.startswith(field))
    return int(line.split()[1]) * 1024


def device_bytes():
    """What the first GPU holds, as NVML tells it."""
    import pynvml

    pynvml.nvmlInit()
    return pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0)).used


def keep_rows(model, config, kept):
    """Replaces the embedding matrix, and the output matrix where it is tied, by the kept rows."""
    embeddings = model.get_input_embeddings()
    rows = torch.nn.Parameter(embeddings.weight.detach()[kept].clone())
    embeddings.weight = rows
    embeddings.num_embeddings = len(kept)
    if embeddings.padding_idx is not None:
        embeddings.padding_idx = kept.index(embeddings.padding_idx)
    output = model.get_output_embeddings()
    if output is not None and config.tie_word_embeddings:
        output.weight = rows
        output.out_features = len(kept)
        model.config.vocab_size = len(kept)
    gc.collect()


def with_trainable_tokens(model, kept):
    from peft import TrainableTokensConfig, get_peft_model

    embeddings = model.get_input_embeddings()
    name = next(name for name, module in model.named_modules() if module is embeddings).split(".")[-1]
    model = get_peft_model(model, TrainableTokensConfig(target_modules=[name], token_indices=kept))
    for name, parameter in model.named_parameters():
        is_full_matrix = name.endswith("base_layer.weight") or ("original_module" in name and "embed" in name)
        parameter.requires_grad_(not is_full_matrix)
    return model


def build_model(plan):
    config = AutoConfig.from_pretrained(plan["modelFolder"], num_labels=2)
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout", "classifier_dropout"):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    kind = AutoModelForCausalLM if plan["task"] == "causal-lm" else AutoModelForSequenceClassification
    model = kind.from_pretrained(plan["modelFolder"], config=config, attn_implementation="eager", dtype=torch.float32)
    if plan["arm"] == "reduced":
        keep_rows(model, config, plan["keptFullTokenIds"])
    if plan["arm"] == "trainable-tokens":
        model = with_trainable_tokens(model, plan["keptFullTokenIds"])
    if plan["gradientCheckpointing"]:
        model.config.use_cache = False
        model.gradient_checkpointing_enable()
    model.train()
    return model


plan = json.load(open(sys.argv[1]))
torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.manual_seed(42)
device = "cuda" if plan["device"] == "gpu" else "cpu"
if device == "cuda":
    before_bytes = device_bytes()
    torch.zeros(1, device=device)
    base_bytes = device_bytes() - before_bytes
else:
    base_bytes = status_bytes("VmRSS:")
model = build_model(plan).to(device)
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=5e-5, weight_decay=0.0)
step_ms, losses = [], []
for batch in plan["batches"]:
    shape = (batch["rowCount"], batch["length"])
    ids = torch.tensor(batch["inputIds"]).reshape(shape).to(device)
    mask = torch.tensor(batch["attentionMask"]).reshape(shape).to(device)
    labels = ids.masked_fill(mask == 0, -100) if plan["task"] == "causal-lm" else torch.tensor(batch["labels"]).to(device)
    start = time.perf_counter()
    with torch.autocast(device, torch.bfloat16, enabled=plan["bf16"]):
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    losses.append(loss.item())
    if device == "cuda":
        torch.cuda.synchronize()
    step_ms.append(1e3 * (time.perf_counter() - start))
peak_bytes = device_bytes() - before_bytes if device == "cuda" else status_bytes("VmHWM:")
print(json.dumps({"stepMs": step_ms, "losses": losses, "baseBytes": base_bytes, "peakBytes": peak_bytes}))
