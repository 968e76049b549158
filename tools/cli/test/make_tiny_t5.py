"""Tiny random encoder-decoders as save_pretrained writes them, with a Unigram tokenizer of T5's kind that was trained on the
texts of a JSONL file: make_tiny_t5.py FOLDER FILE"""

import json
import os
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SHAPE = dict(
    d_model=16, d_kv=6, d_ff=24, num_layers=2, num_decoder_layers=3, num_heads=3, relative_attention_num_buckets=8,
    relative_attention_max_distance=12, decoder_start_token_id=0,
)
# name -> (class, whether the output matrix is the embedding matrix, config)
MODELS = {
    "t5": ("T5", True, {**SHAPE, "feed_forward_proj": "relu"}),
    "t5-v1.1": ("T5", False, {**SHAPE, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    "mt5": ("MT5", False, SHAPE),
}

folder, file = sys.argv[1:]
texts = [value for line in open(file, encoding="utf-8") for value in json.loads(line).values() if isinstance(value, str)]
tokenizer = Tokenizer(models.Unigram())
tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace("  ", " ")])
tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
tokenizer.decoder = decoders.Metaspace()
extra = [f"<extra_id_{index}>" for index in range(3)]
tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(
    vocab_size=300, special_tokens=["<pad>", "</s>", "<unk>", *extra], unk_token="<unk>", show_progress=False))
tokenizer.post_processor = processors.TemplateProcessing(
    single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))])
fast = transformers.PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", additional_special_tokens=extra)
for name, (classes, is_tied, fields) in MODELS.items():
    torch.manual_seed(7)
    # More rows than the tokenizer has ids, as the published models have.
    config = getattr(transformers, f"{classes}Config")(**fields, vocab_size=tokenizer.get_vocab_size() + 7)
    model = getattr(transformers, f"{classes}ForConditionalGeneration")(config)
    if not is_tied:
        model.lm_head.weight = torch.nn.Parameter(0.3 * torch.randn(model.lm_head.weight.shape))
        model.all_tied_weights_keys.pop("lm_head.weight")
    target = os.path.join(folder, name)
    model.save_pretrained(target)
    if name == "mt5":
        # As older checkpoints have it: the one embedding matrix by three names.
        weights = load_file(os.path.join(target, "model.safetensors"))
        copies = {f"{stack}.embed_tokens.weight": weights["shared.weight"].clone() for stack in ("encoder", "decoder")}
        save_file({**copies, **weights}, os.path.join(target, "model.safetensors"), metadata={"format": "pt"})
    fast.save_pretrained(target)
