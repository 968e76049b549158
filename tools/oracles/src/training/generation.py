"""What transformers' `generate` writes greedily with tiny random encoder-decoders, in float64.

    python tools/oracles/src/training/generation.py libs/training/fixtures/generation.json.gz
"""

import gzip
import json
import sys

import torch
import transformers

torch.set_grad_enabled(False)

VOCAB, RECORDS, MAX_SOURCE, MAX_NEW = 40, 11, 9, 24
# Few buckets that widen early, so that what is written reaches the last one.
SHAPE = dict(
    d_model=12, d_kv=5, d_ff=20, num_layers=2, num_decoder_layers=3, num_heads=3, relative_attention_num_buckets=8,
    relative_attention_max_distance=10, dropout_rate=0.1, vocab_size=VOCAB, pad_token_id=0,
)
# (name, classes, whether the output matrix is the embedding matrix, ids of the end, config)
CASES = [
    ("T5, tied", "T5", True, [1], {**SHAPE, "feed_forward_proj": "relu", "decoder_start_token_id": 0}),
    ("T5 v1.1, its own output matrix, two ends", "T5", False, [1, 7], {
        **SHAPE, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "decoder_start_token_id": 0}),
    ("mT5, starts with another token", "MT5", False, [1], {**SHAPE, "decoder_start_token_id": 5}),
]


def draw(model, seed, is_tied, ends):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        # Small embeddings, and attention that turns with the position: a token would only repeat itself otherwise.
        size = 0.3 if name == "shared.weight" else 4.0 if "relative_attention_bias" in name else 1.0
        # Rounded to few digits, so that the fixture is short and float32 holds it exactly.
        value = torch.round(64 * torch.randn(parameter.shape, generator=generator) * size) / 64
        parameter.copy_(value + 1 if parameter.dim() == 1 else value)
        if name == ("shared.weight" if is_tied else "lm_head.weight"):
            # Ends that come.
            parameter[ends] *= 2


def written(model, sources, ends, size):
    """Ids behind the start token, without what fills up, by record."""
    found = []
    for start in range(0, len(sources), size):
        rows = sources[start:start + size]
        length = max(map(len, rows))
        ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
        output = model.generate(
            input_ids=ids, attention_mask=mask, num_beams=1, do_sample=False, max_new_tokens=MAX_NEW, eos_token_id=ends,
            # Its cache has as many layers as the encoder, whatever the decoder has.
            use_cache=False)
        for row in output[:, 1:].tolist():
            end = next((place + 1 for place, token in enumerate(row) if token in ends), len(row))
            assert all(token == 0 for token in row[end:])
            found.append(row[:end])
    return found


def leads(model, sources, sequences, start_token):
    """By how much each token leads the next likely one: rounding must not decide."""
    for source, sequence in zip(sources, sequences):
        read = torch.tensor([[start_token, *sequence[:-1]]])
        best = model(input_ids=torch.tensor([source]), decoder_input_ids=read).logits[0].double().topk(2).values
        yield (best[:, 0] - best[:, 1]).min().item()


def is_telling(sequences):
    """Of several lengths, one cut off, and with more in them than one token that is repeated."""
    varied = [each for each in sequences if len(set(each)) > 4]
    return len(set(map(len, sequences))) > 3 and max(map(len, sequences)) == MAX_NEW and len(varied) > 2


def build(classes, is_tied, fields):
    config = getattr(transformers, f"{classes}Config")(**fields)
    model = getattr(transformers, f"{classes}ForConditionalGeneration")(config)
    if not is_tied:
        model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(model.lm_head.weight))
    return config, model.eval()


def run(name, classes, is_tied, ends, fields):
    sources_of = torch.Generator().manual_seed(3)
    sources = [torch.randint(2, VOCAB, (int(length),), generator=sources_of).tolist() + [1]
               for length in torch.randint(1, MAX_SOURCE, (RECORDS,), generator=sources_of)]
    for seed in range(500):
        config, model = build(classes, is_tied, fields)
        draw(model, seed, is_tied, ends)
        sequences = written(model, sources, ends, RECORDS)
        print(name, seed, sorted(map(len, sequences)), sorted(len(set(each)) for each in sequences), file=sys.stderr)
        if is_telling(sequences) and sequences == written(model, sources, ends, 4) and min(
                leads(model, sources, sequences, config.decoder_start_token_id)) > 1e-3:
            break
    else:
        raise SystemExit(f"{name}: no seed will do")
    saved = json.loads(config.to_json_string(use_diff=False))
    fields = {"model_type": saved["model_type"], **fields, "tie_word_embeddings": is_tied}
    return {
        "name": name, "seed": seed, "config": fields, "maxNewTokens": MAX_NEW, "padTokenId": 0,
        "startTokenId": config.decoder_start_token_id, "endTokenIds": ends, "sources": sources, "sequences": sequences,
        "parameters": {
            key: {"shape": list(parameter.shape), "value": parameter.detach().flatten().tolist()}
            for key, parameter in model.named_parameters()
        },
    }


cases = [run(*case) for case in CASES]
with gzip.GzipFile(sys.argv[1], "wb", mtime=0) as file:
    file.write(json.dumps(cases, separators=(",", ":")).encode())
