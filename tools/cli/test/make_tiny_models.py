"""Tiny random models of several families as save_pretrained writes them, each with a real tokenizer:
make_tiny_models.py FOLDER FAMILY=TOKENIZER_FOLDER[=BF16] ..."""

import os
import shutil
import sys

import torch
import transformers

ENCODER = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24, max_position_embeddings=140)
DECODER = {**ENCODER, "num_key_value_heads": 2}
FAMILIES = {
    "xlm-roberta": ("XLMRobertaModel", "XLMRobertaConfig", {**ENCODER, "type_vocab_size": 1, "pad_token_id": 1}),
    "distilbert": ("DistilBertModel", "DistilBertConfig", dict(
        dim=16, n_layers=2, n_heads=4, hidden_dim=24, max_position_embeddings=140)),
    "electra": ("ElectraModel", "ElectraConfig", {**ENCODER, "embedding_size": 12}),
    "deberta-v2": ("DebertaV2Model", "DebertaV2Config", {
        **ENCODER, "relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0}),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", dict(n_embd=16, n_layer=2, n_head=4, n_positions=140)),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {
        **DECODER, "head_dim": 8, "tie_word_embeddings": True, "pad_token_id": 151643}),
    "qwen3-untied": ("Qwen3ForCausalLM", "Qwen3Config", {
        **DECODER, "head_dim": 8, "tie_word_embeddings": False, "pad_token_id": 151643}),
    "bert-untied": ("BertForMaskedLM", "BertConfig", {**ENCODER, "tie_word_embeddings": False}),
    "bert-tied": ("BertForMaskedLM", "BertConfig", {**ENCODER, "tie_word_embeddings": True}),
}

folder, chosen = sys.argv[1], [argument.split("=") for argument in sys.argv[2:]]
for family, tokenizer_folder, *dtype in chosen:
    model_class, config_class, fields = FAMILIES[family]
    vocab_size = transformers.PreTrainedTokenizerFast(tokenizer_file=os.path.join(tokenizer_folder, "tokenizer.json")).backend_tokenizer.get_vocab_size()
    torch.manual_seed(7)
    # Larger weights than a fresh model's, so that every record gets its own logits.
    config = getattr(transformers, config_class)(**fields, vocab_size=vocab_size, initializer_range=0.3)
    model = getattr(transformers, model_class)(config)
    if dtype == ["BF16"]:
        model = model.to(torch.bfloat16)
    target = os.path.join(folder, family)
    model.save_pretrained(target)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(tokenizer_folder, name), target)
