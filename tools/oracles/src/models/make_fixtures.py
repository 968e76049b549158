"""Tiny models of every family in PyTorch: logits, loss and every gradient, in float64 from weights that float32 holds exactly.

    python tools/oracles/src/models/make_fixtures.py libs/models/fixtures [FAMILY ...]
"""

import gzip
import json
import os
import sys

import torch
import transformers
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from model_classes import model_class
from seq2seq_cases import SEQ2SEQ_FAMILIES, seq2seq_document

BATCH, LENGTH, VOCAB = 3, 7, 23
BERT = dict(
    hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, max_position_embeddings=9,
    type_vocab_size=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12,
)
# Positions of RoBERTa's kin begin after the padding token's.
ROBERTA = {**BERT, "max_position_embeddings": 11, "type_vocab_size": 1, "pad_token_id": 1}
DEBERTA = {
    **{key: value for key, value in BERT.items() if key not in ("layer_norm_eps", "type_vocab_size")},
    "layer_norm_eps": 1e-7, "relative_attention": True, "pad_token_id": 0,
}
LLAMA = dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=20,
    max_position_embeddings=9, rms_norm_eps=1e-5, pad_token_id=0, bos_token_id=2, eos_token_id=3,
)
GEMMA = {**LLAMA, "num_hidden_layers": 3, "head_dim": 6, "query_pre_attn_scalar": 5, "sliding_window": 5}

# family -> (classes, [(case, labels, config changes)])
FAMILIES = {
    "bert": ("Bert", [
        ("gelu, three classes", 3, {**BERT, "hidden_act": "gelu", "pad_token_id": 0}),
        ("gelu_new, two classes", 2, {**BERT, "hidden_act": "gelu_new", "pad_token_id": 0}),
        ("relu, regression", 1, {**BERT, "hidden_act": "relu", "pad_token_id": 0}),
    ]),
    "distilbert": ("DistilBert", [
        ("three classes", 3, dict(dim=12, n_layers=2, n_heads=3, hidden_dim=20, max_position_embeddings=9, dropout=0.0,
                                  attention_dropout=0.0, seq_classif_dropout=0.0, pad_token_id=0)),
    ]),
    "deberta-v2": ("DebertaV2", [
        ("as v3: shared projections, buckets, normalized positions", 3, {
            **DEBERTA, "share_att_key": True, "position_buckets": 4, "norm_rel_ebd": "layer_norm", "pos_att_type": "p2c|c2p",
            "position_biased_input": False, "type_vocab_size": 0}),
        ("projections of their own, position input, token types", 2, {
            **DEBERTA, "pos_att_type": ["c2p", "p2c"], "type_vocab_size": 2}),
        ("content to position only, regression", 1, {
            **DEBERTA, "pos_att_type": ["c2p"], "position_buckets": 6, "position_biased_input": False, "type_vocab_size": 0}),
        ("as v2's largest: a convolution", 3, {
            **DEBERTA, "share_att_key": True, "position_buckets": 4, "norm_rel_ebd": "layer_norm", "pos_att_type": "p2c|c2p",
            "position_biased_input": False, "type_vocab_size": 0, "conv_kernel_size": 3, "conv_act": "gelu"}),
        ("a convolution of five with its default activation, regression", 1, {
            **DEBERTA, "pos_att_type": ["c2p", "p2c"], "type_vocab_size": 2, "conv_kernel_size": 5}),
    ]),
    "electra": ("Electra", [
        ("projected embeddings", 2, {**BERT, "embedding_size": 8, "pad_token_id": 0}),
        ("embeddings of the hidden size, regression", 1, {**BERT, "embedding_size": 12, "pad_token_id": 0}),
    ]),
    "roberta": ("Roberta", [("two classes", 2, ROBERTA)]),
    "xlm-roberta": ("XLMRoberta", [("regression", 1, ROBERTA)]),
    "mpnet": ("MPNet", [
        ("three classes", 3, {key: value for key, value in ROBERTA.items() if key != "type_vocab_size"}),
    ]),
    "gpt2": ("GPT2", [
        ("three classes", 3, dict(n_embd=12, n_layer=2, n_head=3, n_positions=9, resid_pdrop=0.0, embd_pdrop=0.0,
                                  attn_pdrop=0.0, pad_token_id=0, bos_token_id=2, eos_token_id=3)),
        ("scores scaled by layer, regression", 1, dict(
            n_embd=12, n_layer=2, n_head=3, n_positions=9, n_inner=20, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            pad_token_id=0, bos_token_id=2, eos_token_id=3, scale_attn_by_inverse_layer_idx=True)),
    ]),
    "llama": ("Llama", [
        ("grouped queries", 3, LLAMA),
        ("biases, scaled positions, regression", 1, {
            **LLAMA, "num_key_value_heads": 4, "attention_bias": True, "mlp_bias": True,
            "rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                                "high_freq_factor": 4.0, "original_max_position_embeddings": 6},
        }),
    ]),
    "qwen2": ("Qwen2", [
        ("sliding window in the last layer", 2,
         {**LLAMA, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}),
    ]),
    "qwen3": ("Qwen3", [("two classes", 2, {**LLAMA, "head_dim": 6})]),
    "gemma2": ("Gemma2", [("soft cap and sliding window", 2, {**GEMMA, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0})]),
    "gemma3_text": ("Gemma3Text", [
        ("local and global positions", 2, {
            **GEMMA,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
            },
        }),
    ]),
}
USES_TOKEN_TYPES = {"bert", "electra", "deberta-v2"}
DECODERS = {"gpt2", "llama", "qwen2", "qwen3", "gemma2", "gemma3_text"}
# Beside the tied and the untied one.
MORE_LANGUAGE_MODELS = {
    "deberta-v2": [
        ("masked-lm, head of its own", {"legacy": False}),
        ("masked-lm, head of its own, a convolution", {"legacy": False, "tie_word_embeddings": False, "conv_kernel_size": 3}),
    ],
}
# What a saved config has beside the model's architecture.
NOISE = {"architectures", "transformers_version", "dtype", "id2label", "label2id", "use_cache"}


def numbers(tensor):
    # A row that sees nothing (a window of padding) is NaN in float64, where transformers' mask overflows its float32 softmax.
    assert torch.isfinite(tensor).all()
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def batch(pad):
    """Token ids with padding at the end of two rows, and the padding token inside a text: attended to, its row gets no gradient."""
    ids = torch.randint(2, VOCAB, (BATCH, LENGTH), generator=torch.Generator().manual_seed(3))
    ids[0, 0] = ids[1, 0]
    ids[0, 3] = pad
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    mask[2, 3:] = 0
    ids[mask == 0] = pad
    types = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 0]])
    return ids, mask, types


def labels_of(task, label_count, ids, mask):
    """Labels as transformers takes them, and the places (in all tokens) that have one with what they predict."""
    if task == "regression":
        return torch.tensor([0.5, -1.25, 2.0]).double(), None, None
    if task == "sequence-classification":
        return torch.tensor([1, 0, label_count - 1]), None, None
    if task == "question-answering":
        # Starts and ends; a place that is no answer's is the first token's.
        return torch.tensor([[1, 0, 2], [3, 0, 2]]), None, None
    places = torch.arange(BATCH * LENGTH).reshape(BATCH, LENGTH)
    if task == "causal-lm":
        labels = torch.where(mask == 1, ids, -100)
        is_target = torch.zeros_like(mask, dtype=torch.bool)
        is_target[:, :-1] = labels[:, 1:] != -100
        predicted = labels.roll(-1, dims=1)
    elif task == "token-classification":
        # Some tokens have no label, as the rest of a word's tokens have none.
        is_target = (mask == 1) & (places % 4 != 2)
        labels = predicted = torch.where(is_target, places % label_count, -100)
    else:
        drawn = torch.randint(2, VOCAB, (BATCH, LENGTH), generator=torch.Generator().manual_seed(5))
        is_target = (mask == 1) & (places % 3 == 1)
        labels = predicted = torch.where(is_target, drawn, -100)
    return labels, places[is_target], predicted[is_target]


def named_parameters(model):
    """A tied matrix by the embedding's name; XLM-R registers its head first."""
    names = {}
    for key, parameter in model.named_parameters(remove_duplicate=False):
        known = names.get(id(parameter), (key, parameter))[0]
        names[id(parameter)] = (key if known.endswith("decoder.weight") else known, parameter)
    return list(names.values())


def run(family, classes, name, task, label_count, changes):
    config = getattr(transformers, f"{classes}Config")(
        vocab_size=VOCAB, num_labels=label_count, attn_implementation="eager", **changes)
    model = model_class(classes, task)(config)
    generator = torch.Generator().manual_seed(20)
    with torch.no_grad():
        for key, parameter in named_parameters(model):
            draw = 0.4 * torch.randn(parameter.shape, generator=generator)
            is_scale = key.endswith(".weight") and parameter.dim() == 1 and not family.startswith("gemma")
            parameter.copy_(draw + 1 if is_scale else draw)
    weights = {key: parameter.detach().clone() for key, parameter in named_parameters(model)}
    model.double().train()
    ids, mask, types = batch(config.pad_token_id)
    labels, places, predicted = labels_of(task, label_count, ids, mask)
    type_ids = {"token_type_ids": types} if family in USES_TOKEN_TYPES else {}
    is_span = task == "question-answering"
    targets = {"start_positions": labels[0], "end_positions": labels[1]} if is_span else {"labels": labels}
    output = model(input_ids=ids, attention_mask=mask, **targets, **type_ids)
    output.loss.backward()
    saved = json.loads(config.to_json_string(use_diff=True))
    if is_span:
        logits = torch.stack([output.start_logits, output.end_logits])
    else:
        logits = output.logits if places is None else output.logits.flatten(0, 1)[places]
    return {
        "name": name,
        "task": task,
        "config": {key: value for key, value in saved.items() if key not in NOISE},
        "labelCount": label_count,
        "inputIds": ids.flatten().tolist(),
        "attentionMask": mask.flatten().tolist(),
        "tokenTypeIds": types.flatten().tolist(),
        "labels": (labels.flatten() if places is None else predicted).tolist(),
        **({} if places is None else {"targetPositions": places.tolist()}),
        "logits": numbers(logits),
        "loss": output.loss.item(),
        "parameters": {
            key: {"shape": list(weights[key].shape), "value": numbers(weights[key]), "gradient": numbers(parameter.grad)}
            # An untied head's output matrix has a bias of its own beside the one that is tied otherwise.
            for key, parameter in named_parameters(model) if parameter.grad is not None
        },
    }


def cases_of(family, classes, cases):
    """
    Every case as a classifier, the first configuration of an encoder as a classifier of tokens too, and the first
    configuration as a language model, tied and untied.
    """
    for name, label_count, changes in cases:
        task = "regression" if label_count == 1 else "sequence-classification"
        yield run(family, classes, name, task, label_count, changes)
    if family not in DECODERS:
        yield run(family, classes, "token-classification", "token-classification", 3, cases[0][2])
    task = "causal-lm" if family in DECODERS else "masked-lm"
    changes = cases[0][2]
    for is_tied in (True, False):
        name = f"{task}, {'tied' if is_tied else 'untied'}"
        yield run(family, classes, name, task, 2, {**changes, "tie_word_embeddings": is_tied})
    for name, more in MORE_LANGUAGE_MODELS.get(family, []):
        yield run(family, classes, name, task, 2, {**changes, **more})


def question_answering():
    """The first configuration of each encoder with the head that finds answers."""
    for family, (classes, cases) in FAMILIES.items():
        if family not in DECODERS:
            changes = {**cases[0][2], **({"qa_dropout": 0.0} if family == "distilbert" else {})}
            yield {"family": family, **run(family, classes, "question-answering", "question-answering", 2, changes)}


def tables():
    """Relative position buckets and rotary frequencies by themselves, where tiny models would not reach every branch."""
    ropes = []
    for parameters, head_size in [
        ({"rope_type": "default", "rope_theta": 10000.0}, 64),
        ({"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0}, 256),
        ({"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}, 64),
    ]:
        config = transformers.LlamaConfig(
            hidden_size=head_size, num_attention_heads=1, num_hidden_layers=1, rope_parameters=dict(parameters))
        kind = parameters["rope_type"]
        function = LlamaRotaryEmbedding.compute_default_rope_parameters if kind == "default" else ROPE_INIT_FUNCTIONS[kind]
        ropes.append({"parameters": parameters, "headSize": head_size, "inverseFrequencies": function(config)[0].tolist()})
    distances = torch.arange(-300, 301)
    return {
        "buckets": {"first": -300, "ids": MPNetEncoder.relative_position_bucket(distances).tolist()},
        "logBuckets": {"first": -600, "bucketCount": 256, "maxPosition": 512,
                       "ids": make_log_bucket_position(torch.arange(-600, 601), 256, 512).long().tolist()},
        "ropes": ropes,
    }


def write(folder, name, document):
    with open(os.path.join(folder, f"{name}.json.gz"), "wb") as file:
        file.write(gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0))


folder, wanted = sys.argv[1], sys.argv[2:]
for family, (classes, cases) in FAMILIES.items():
    if wanted and family not in wanted:
        continue
    write(folder, family, {"batch": BATCH, "length": LENGTH, "vocabRows": VOCAB,
                           "cases": list(cases_of(family, classes, cases))})
for family in SEQ2SEQ_FAMILIES:
    if not wanted or family in wanted:
        write(folder, family, seq2seq_document(family, batch(0), VOCAB, NOISE))
sizes = {"batch": BATCH, "length": LENGTH, "vocabRows": VOCAB}
if not wanted or "question-answering" in wanted:
    write(folder, "question-answering", {**sizes, "cases": list(question_answering())})
if not wanted:
    write(folder, "tables", tables())
