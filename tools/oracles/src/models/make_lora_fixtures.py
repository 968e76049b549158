"""LoRA on the tiny models of make_fixtures.py, by PEFT: logits, loss and the gradient of every parameter that it trains, in
float64 from weights that float32 holds exactly, with PEFT's own names. Needs peft beside transformers.

    python tools/oracles/src/models/make_lora_fixtures.py libs/models/fixtures [lora | lora-seq2seq | lora-tokens | lora-rows]
"""

import gzip
import json
import os
import sys

import torch
import transformers
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

from model_classes import model_class
from seq2seq_cases import SEQ2SEQ_FAMILIES, build, seq2seq_config

CLASSES = {
    "bert": "Bert", "distilbert": "DistilBert", "deberta-v2": "DebertaV2", "electra": "Electra", "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta", "mpnet": "MPNet", "gpt2": "GPT2", "llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3",
    "gemma2": "Gemma2", "gemma3_text": "Gemma3Text", "t5": "T5", "mt5": "MT5",
}
# PEFT has no default for these two.
TARGETS = {"distilbert": ["q_lin", "v_lin"], "mpnet": ["attn.q", "attn.v"]}
BASE = {"r": 3, "lora_alpha": 6}
# (family, part of the case's name, what LoraConfig is given)
CASES = [
    *((family, "", BASE) for family in CLASSES if family not in SEQ2SEQ_FAMILIES),
    ("bert", "regression", {"r": 2, "lora_alpha": 5, "use_rslora": True, "target_modules": "all-linear"}),
    ("bert", "masked-lm, tied", {**BASE, "target_modules": "all-linear"}),
    ("bert", "gelu_new", {**BASE, "target_modules": ["layer.1.attention.self.key", "output.dense"]}),
    ("deberta-v2", "projections of their own", {**BASE, "target_modules": "all-linear"}),
    ("roberta", "", {**BASE, "target_modules": "all-linear"}),
    ("gpt2", "regression", {**BASE, "target_modules": "all-linear"}),
    ("gpt2", "causal-lm, tied", BASE),
    ("llama", "causal-lm, tied", BASE),
    ("llama", "causal-lm, untied", {**BASE, "target_modules": "all-linear"}),
    ("llama", "biases", {**BASE, "target_modules": ["gate_proj", "down_proj"]}),
]

SEQ2SEQ_CASES = [
    *((family, "", BASE) for family in SEQ2SEQ_FAMILIES),
    ("t5", "gated-gelu", {**BASE, "target_modules": "all-linear"}),
]
ENCODERS = ["bert", "distilbert", "electra", "roberta", "xlm-roberta", "mpnet", "deberta-v2"]
# Heads of a class a token, and of a start and an end. PEFT refuses "all-linear" of both: it would adapt the head too.
TOKEN_CASES = [
    *((family, task, BASE) for task in ("token-classification", "question-answering") for family in ENCODERS),
    ("electra", "token-classification", {**BASE, "target_modules": ["embeddings_project", "key", "output.dense"]}),
    ("distilbert", "question-answering", {**BASE, "target_modules": ["lin1", "out_lin"]}),
]
# Adapters with embedding rows beside them, by PEFT's trainable_token_indices: those that the batch uses, the last first, or all
# where the output matrix is the same matrix.
ROWS_CASES = [
    *((family, "", {**BASE, "trainable_token_indices": "used"}) for family in CLASSES if family != "t5"),
    ("t5", "relu, tied", {**BASE, "trainable_token_indices": "all"}),
    ("t5", "gated-gelu", {**BASE, "trainable_token_indices": "used"}),
    ("gpt2", "causal-lm, tied", {**BASE, "trainable_token_indices": "all"}),
    ("llama", "causal-lm, tied", {**BASE, "trainable_token_indices": "all"}),
    ("llama", "causal-lm, untied", {**BASE, "trainable_token_indices": "used"}),
]
TASK_TYPES = {
    "causal-lm": "CAUSAL_LM", "masked-lm": None, "question-answering": "QUESTION_ANS", "seq2seq-lm": "SEQ_2_SEQ_LM",
    "token-classification": "TOKEN_CLS",
}


def numbers(tensor):
    assert torch.isfinite(tensor).all()
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def labels_of(case, mask, ids):
    labels = torch.tensor(case["labels"])
    if case["task"] == "regression":
        return labels.double()
    if case["task"] == "sequence-classification":
        return labels
    if case["task"] == "causal-lm":
        return torch.where(mask == 1, ids, -100)
    places = torch.tensor(case.get("decoderInputIds", case["inputIds"]))
    whole = torch.full((places.numel(),), -100)
    whole[case["targetPositions"]] = labels
    return whole.reshape(len(ids), -1)


def read_case(folder, family, part):
    name = part if part == "question-answering" else family
    document = json.loads(gzip.open(os.path.join(folder, f"{name}.json.gz")).read())
    return document, next(
        case for case in document["cases"] if part in case["name"] and case.get("family", family) == family)


def run(folder, family, part, changes):
    document, case = read_case(folder, family, part)
    task = case["task"]
    if task == "seq2seq-lm":
        is_tied = case["config"].pop("tie_word_embeddings")
        model = build(CLASSES[family], is_tied, seq2seq_config(CLASSES[family], case["config"], document["vocabRows"]))
    else:
        config = getattr(transformers, f"{CLASSES[family]}Config")(
            **{**case["config"], "num_labels": case["labelCount"], "attn_implementation": "eager"})
        model = model_class(CLASSES[family], task)(config)
    own = dict(model.named_parameters(remove_duplicate=False))
    with torch.no_grad():
        for key, parameter in case["parameters"].items():
            own[key].copy_(torch.tensor(parameter["value"]).reshape(parameter["shape"]))
    kind = TASK_TYPES.get(task, "SEQ_CLS")
    given = {"target_modules": TARGETS.get(family), **changes}
    if "trainable_token_indices" in changes:
        used = range(document["vocabRows"]) if changes["trainable_token_indices"] == "all" else set(
            case["inputIds"] + case.get("decoderInputIds", []))
        given["trainable_token_indices"] = sorted(used, reverse=True)
    peft_config = LoraConfig(task_type=kind, fan_in_fan_out=family == "gpt2", **given)
    model = get_peft_model(model, peft_config).double().train()
    if "trainable_token_indices" in given and task == "seq2seq-lm" and not is_tied:
        # PEFT takes any T5's output matrix for the embedding matrix and puts the rows into it, too.
        head = model.base_model.model.lm_head
        model.base_model.model.lm_head = head.token_adapter.get_base_layer()
    generator = torch.Generator().manual_seed(9)
    trained = [(key, parameter) for key, parameter in model.named_parameters() if parameter.requires_grad]
    with torch.no_grad():
        for key, parameter in trained:
            if "lora_" in key:
                parameter.copy_((0.3 * torch.randn(parameter.shape, generator=generator)).float())
            elif "trainable_tokens_delta" in key:
                # Not the model's own rows: what is read in their place has to be seen.
                parameter.add_((0.3 * torch.randn(parameter.shape, generator=generator)).float())
                parameter.copy_(parameter.float())
    shape = (document["batch"], document["length"])
    ids, mask, types = (torch.tensor(case[key]).reshape(shape) for key in ("inputIds", "attentionMask", "tokenTypeIds"))
    uses_types = {"token_type_ids": types} if family in ("bert", "electra", "deberta-v2") else {}
    is_span = task == "question-answering"
    if is_span:
        starts, ends = torch.tensor(case["labels"]).reshape(2, -1)
        # PeftModelForQuestionAnswering takes token types and does not hand them on; the model in it gets them.
        output = model.base_model(
            input_ids=ids, attention_mask=mask, start_positions=starts, end_positions=ends, **uses_types)
    else:
        output = model(input_ids=ids, attention_mask=mask, labels=labels_of(case, mask, ids), **uses_types)
    output.loss.backward()
    logits = torch.stack([output.start_logits, output.end_logits]) if is_span else output.logits
    if "targetPositions" in case:
        logits = logits.flatten(0, 1)[case["targetPositions"]]
    saved = get_peft_model_state_dict(model)
    by_pointer = {parameter.data_ptr(): parameter for _, parameter in trained}
    merged = model.merge_and_unload().state_dict()
    changed = "token_adapter.trainable_tokens_delta" if "trainable_token_indices" in given else "lora_A.weight"
    first = next(key for key in saved if changed in key).removeprefix("base_model.model.").replace(changed, "weight")
    return {
        "family": family, "case": case["name"],
        "given": {"rank": changes["r"], "alpha": changes["lora_alpha"], "useRslora": changes.get("use_rslora", False),
                  "targetModules": [given["target_modules"]] if given["target_modules"] == "all-linear"
                  else (changes.get("target_modules") or []),
                  **({"tokenIds": given["trainable_token_indices"]} if "trainable_token_indices" in given else {})},
        "adapterConfig": {
            "task_type": kind, "modules_to_save": sorted(set(peft_config.modules_to_save or [])),
            "target_modules": sorted(peft_config.target_modules)},
        "loss": output.loss.item(), "logits": numbers(logits),
        "saved": {
            key: {"shape": list(value.shape), "value": numbers(value), "gradient": numbers(by_pointer[value.data_ptr()].grad)}
            for key, value in saved.items()
        },
        "merged": {"name": first, "value": numbers(merged[first])},
    }


folder, wanted = sys.argv[1], sys.argv[2:]
for name, cases in (("lora", CASES), ("lora-seq2seq", SEQ2SEQ_CASES), ("lora-tokens", TOKEN_CASES), ("lora-rows", ROWS_CASES)):
    if wanted and name not in wanted:
        continue
    document = {"cases": [run(folder, *case) for case in cases]}
    with open(os.path.join(folder, f"{name}.json.gz"), "wb") as file:
        file.write(gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0))
