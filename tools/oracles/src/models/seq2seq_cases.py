"""Tiny encoder-decoders in PyTorch for make_fixtures.py: sources and targets with padding, loss, logits and every gradient."""

import json

import torch
import transformers
from transformers.models.t5.modeling_t5 import T5Attention

from model_classes import model_class

TARGET_LENGTH = 5
# Few buckets that widen early, so that short sequences reach every branch.
T5 = dict(
    d_model=12, d_kv=5, d_ff=20, num_layers=2, num_decoder_layers=3, num_heads=3, relative_attention_num_buckets=8,
    relative_attention_max_distance=6, dropout_rate=0.0, layer_norm_epsilon=1e-6, decoder_start_token_id=0,
)
# family -> (classes, [(case, whether the output matrix is the embedding matrix, config changes)])
SEQ2SEQ_FAMILIES = {
    "t5": ("T5", [
        ("relu, tied", True, {**T5, "feed_forward_proj": "relu"}),
        ("gated-gelu, untied", False, {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
        ("tied without scaling", True, {**T5, "feed_forward_proj": "gated-silu", "tie_word_embeddings": False}),
    ]),
    "mt5": ("MT5", [
        ("gated-gelu, untied", False, {**T5, "decoder_start_token_id": 2}),
        ("gated-gelu, tied", True, T5),
    ]),
}


def numbers(tensor):
    assert torch.isfinite(tensor).all()
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def target_labels(batch_size, vocab):
    """Targets with padding at the end of two rows, as labels: it has no loss."""
    labels = torch.randint(2, vocab, (batch_size, TARGET_LENGTH), generator=torch.Generator().manual_seed(7))
    labels[0, 2] = labels[1, 0]
    labels[1, 3:] = -100
    labels[2, 1:] = -100
    return labels


def build(classes, is_tied, config):
    """
    transformers ties the output matrix whatever a config says, unless a checkpoint has both. Its normalization takes mean
    squares in float32 whatever the weights are: PyTorch's own in its place keeps float64.
    """
    model = model_class(classes, "seq2seq-lm")(config)
    for norm in model.modules():
        if type(norm).__name__ in ("T5LayerNorm", "MT5LayerNorm"):
            norm.forward = lambda x, norm=norm: torch.nn.functional.rms_norm(x, x.shape[-1:], norm.weight, norm.variance_epsilon)
    if not is_tied:
        model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(model.lm_head.weight))
    return model


def seq2seq_config(classes, changes, vocab):
    return getattr(transformers, f"{classes}Config")(
        **{"vocab_size": vocab, "attn_implementation": "eager", **changes})


def run_seq2seq(classes, name, is_tied, changes, batch, vocab, noise):
    config = seq2seq_config(classes, changes, vocab)
    model = build(classes, is_tied, config)
    generator = torch.Generator().manual_seed(20)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            draw = 0.25 * torch.randn(parameter.shape, generator=generator)
            parameter.copy_(draw + 1 if parameter.dim() == 1 else draw)
    weights = {key: parameter.detach().clone() for key, parameter in model.named_parameters()}
    model.double().train()
    ids, mask, types = batch
    labels = target_labels(len(ids), vocab)
    output = model(input_ids=ids, attention_mask=mask, labels=labels)
    output.loss.backward()
    is_target = labels.flatten() != -100
    saved = json.loads(config.to_json_string(use_diff=True))
    return {
        "name": name,
        "task": "seq2seq-lm",
        "config": {
            **{key: value for key, value in saved.items() if key not in noise}, "tie_word_embeddings": is_tied,
        },
        "labelCount": 2,
        "inputIds": ids.flatten().tolist(),
        "attentionMask": mask.flatten().tolist(),
        "tokenTypeIds": types.flatten().tolist(),
        "decoderInputIds": model._shift_right(labels).flatten().tolist(),
        "labels": labels.flatten()[is_target].tolist(),
        "targetPositions": torch.arange(labels.numel())[is_target].tolist(),
        "logits": numbers(output.logits.flatten(0, 1)[is_target]),
        "loss": output.loss.item(),
        "parameters": {
            key: {"shape": list(weights[key].shape), "value": numbers(weights[key]), "gradient": numbers(parameter.grad)}
            for key, parameter in model.named_parameters()
        },
    }


def seq2seq_document(family, batch, vocab, noise):
    classes, cases = SEQ2SEQ_FAMILIES[family]
    size, length = batch[0].shape
    distances = torch.arange(-300, 301)
    return {
        # Of the decoder, at the sizes of the published models.
        "causalBuckets": {"first": -300, "ids": T5Attention._relative_position_bucket(distances, bidirectional=False).tolist()},
        "batch": size, "length": length, "targetLength": TARGET_LENGTH, "vocabRows": vocab,
        "cases": [run_seq2seq(classes, *case, batch, vocab, noise) for case in cases],
    }
