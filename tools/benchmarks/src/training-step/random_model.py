"""Makes a checkpoint of random weights in the shape of a published model: random_model.py NAME FOLDER."""

import sys

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

# The configurations of google-bert/bert-base-uncased, FacebookAI/xlm-roberta-base and HuggingFaceTB/SmolLM2-135M.
MODELS = {
    "bert-base": lambda: BertForSequenceClassification(BertConfig(vocab_size=30522)),
    "xlm-roberta-base": lambda: XLMRobertaForSequenceClassification(
        XLMRobertaConfig(vocab_size=250002, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)
    ),
    "smollm2-135m": lambda: LlamaForCausalLM(
        LlamaConfig(
            vocab_size=49152,
            hidden_size=576,
            intermediate_size=1536,
            num_hidden_layers=30,
            num_attention_heads=9,
            num_key_value_heads=3,
            max_position_embeddings=8192,
            rms_norm_eps=1e-5,
            tie_word_embeddings=True,
            pad_token_id=2,
        )
    ),
}

name, folder = sys.argv[1:]
torch.manual_seed(1)
model = MODELS[name]()
model.save_pretrained(folder)
# Nothing is tokenized, but a checkpoint is no checkpoint without its tokenizer.
tokenizer = Tokenizer(WordLevel({str(row): row for row in range(model.config.vocab_size)}, unk_token="0"))
tokenizer.save(f"{folder}/tokenizer.json")
