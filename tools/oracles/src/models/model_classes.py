"""Names of transformers' classes."""

import transformers


def model_class(classes, task):
    if task == "masked-lm":
        return getattr(transformers, f"{classes}ForMaskedLM")
    if task == "causal-lm":
        # The class of Gemma 3's text model alone has another name than its classifier.
        name = {"GPT2": "GPT2LMHeadModel", "Gemma3Text": "Gemma3ForCausalLM"}.get(classes, f"{classes}ForCausalLM")
        return getattr(transformers, name)
    if task == "seq2seq-lm":
        return getattr(transformers, f"{classes}ForConditionalGeneration")
    suffixes = {"token-classification": "ForTokenClassification", "question-answering": "ForQuestionAnswering"}
    suffix = suffixes.get(task, "ForSequenceClassification")
    return getattr(transformers, f"{classes}{suffix}")
