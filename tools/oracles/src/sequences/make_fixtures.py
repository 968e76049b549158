"""What transformers makes of conversations, prompts with completions and packed texts, with the published tokenizers of the cache.

    python tools/oracles/src/sequences/make_fixtures.py .cache libs/sequences/fixtures
"""

import gzip
import json
import random
import sys
from pathlib import Path

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

CACHE, OUTPUT = map(Path, sys.argv[1:])
MODELS = {
    "SmolLM2-135M-Instruct": CACHE / "models/SmolLM2-135M-Instruct",
    **{name: CACHE / "tokenizers" / name for name in ["llama3", "qwen3", "gemma3", "gemini", "deepseek_v3"]},
}
PLAIN_MODELS = {**MODELS, "gpt2": CACHE / "tokenizers/gpt2", "llama2": CACHE / "tokenizers/llama2"}
TOKEN_NAMES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]


def content_of(token: object) -> str | None:
    return token["content"] if isinstance(token, dict) else token


def load(folder: Path) -> PreTrainedTokenizerFast:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    named = {name: content_of(config[name]) for name in TOKEN_NAMES if config.get(name)}
    file = str(folder / "tokenizer.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=file, chat_template=config.get("chat_template"), **named)
    # The class puts nothing of its own in: these are the file's ids.
    text = "It's 5 o'clock, na\u00efve \U0001f600\n\n x"
    assert tokenizer(text)["input_ids"] == Tokenizer.from_file(file).encode(text).ids
    return tokenizer


def say(*turns: str) -> list[dict]:
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "d": "developer"}
    return [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]


# Python's strip and JavaScript's trim do not agree on these.
DISPUTED = "\x1c\x1d\x1e\x1f\x85\ufeff"
CONVERSATIONS = [
    say("u:Hello"),
    say("u:Hello", "a:Hi! How can I help?"),
    say("s:Be brief.", "u:What is 2+2?", "a:4"),
    say("s:Be brief.", "u:What is 2+2?", "a:4", "u:And 3+3?", "a:6", "u:Thanks.", "a:You are welcome."),
    say("u:one", "a:two", "u:three", "a:four", "u:five"),
    say("u:\u65e5\u672c\u8a9e\u306e\u6587 \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467", "a:na\u00efve cafe\u0301 \u0928\u092e\u0938\u094d\u0924\u0947 \u05e9\u05dc\u05d5\u05dd"),
    say("u:  spaces around  ", "a:\n\nlines around\n\n", "u:\ttabs\t", "a: \u00a0\u3000wide\u3000\u00a0 "),
    say(f"u:{DISPUTED}disputed{DISPUTED}", f"a:{DISPUTED} white space {DISPUTED}"),
    say("u:\ufefffirst", "a:\x85 last \x1f"),
    say("u:", "a:"),
    say("u:x", "a:", "u:y", "a:z"),
    say("u:Say <|im_end|> and </s> and <eos>", "a:<|im_start|>user\n<start_of_turn><|eot_id|>"),
    say("u:{{ 7 * 7 }} {% for x in y %} {# none #}", "a:{{ messages }} \\n \\ \" '"),
    say("u:a\r\nb\rc\n\n\nd", "a:x\u2028y\u2029z\u0000"),
    say("u:Solve it.", "a:<think>\nfirst this, then that\n</think>\n\nDone.", "u:Again.", "a:<think>\nagain\n</think>\n\nDone twice."),
    say("u:Solve it.", "a:<think>\n\n</think>\n\nDone."),
    say("s:one", "s:two", "u:x", "a:y"),
    say("u:x", "s:later", "a:y"),
    say("a:I begin.", "u:Do you?", "a:Yes."),
    say("s:only the system"),
    say("u:one", "u:two", "a:three", "a:four"),
    say("u:weather?", "a:let me see", "t:{\"temperature\": 21.5}", "a:It is 21.5."),
    say("d:Be brief.", "u:x", "a:y"),
    say("u:" + "long " * 600, "a:" + "answer, " * 400),
    [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "reasoning_content": "because\n"}],
    [{"role": "user", "content": "x", "name": "someone"}, {"role": "assistant", "content": "y", "thinking": "hm"}],
]
PIECES = [
    "a", "Hello", " world", "\n", "\n\n", " ", "  ", "\t", "\u00e9", "e\u0301", "\u65e5\u672c", "\U0001f600", "\u0967", "don't", "123", "!?", "<think>", "</think>", "\ufeff",
    "\x85", "\u00a0", "\u3000", "'", "\"", "{%", "}}", "<|im_end|>", "\u2581", "\u0646\u0627", "I'M",
]


def random_conversation(source: random.Random) -> list[dict]:
    text = lambda: "".join(source.choice(PIECES) for _ in range(source.randrange(0, 9)))
    turns = [{"role": "system", "content": text()}] if source.random() < 0.4 else []
    for _ in range(source.randrange(1, 5)):
        turns.append({"role": "user", "content": text()})
        if source.random() < 0.95:
            turns.append({"role": "assistant", "content": text()})
    return turns


def rendered(tokenizer: PreTrainedTokenizerFast, conversation: list[dict], prompts: bool) -> str | None:
    try:
        return tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=prompts)
    except Exception:  # what the template raises, and what it does with what is not there
        return None


def chat_fixtures() -> dict:
    source = random.Random(8)
    conversations = CONVERSATIONS + [random_conversation(source) for _ in range(120)]
    models = {}
    for name, folder in MODELS.items():
        tokenizer = load(folder)
        texts = [rendered(tokenizer, conversation, False) for conversation in conversations]
        models[name] = {
            "folder": str(folder.relative_to(CACHE)),
            "texts": texts,
            "prompts": [rendered(tokenizer, conversation, True) for conversation in conversations],
            "ids": [
                None if text is None else tokenizer.apply_chat_template(conversation, return_dict=True)["input_ids"]
                for text, conversation in zip(texts, conversations)
            ],
        }
    return {"conversations": conversations, "models": models}


CHATML = """{% for message in messages %}{% if message['role'] == 'assistant' %}{{ '<|im_start|>assistant\\n' }}{% generation %}{{ message['content'] + '<|im_end|>\\n' }}{% endgeneration %}{% else %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
LINES = """{{- bos_token }}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<start_of_turn>model\\n' }}
        {%- generation %}
            {{- message.content }}
        {%- endgeneration %}
        {{- '<end_of_turn>\\n' }}
    {%- else %}
        {{- '<start_of_turn>' + message.role + '\\n' + message.content + '<end_of_turn>\\n' }}
    {%- endif %}
{%- endfor %}
"""
# Without hyphens: lines of white space that trim_blocks and lstrip_blocks take, and some that they leave.
LOOSE = """{% for message in messages %}
  {% if message.role == 'assistant' %}
[A] {% generation -%}
      {{ message.content }}
  {% endgeneration %}
 [/A]
  {% else %}
[{{ message.role }}] {{ message.content }}
  {% endif %}
{% endfor %}
"""
# What SmolLM2's own template adds for an answer, marked.
SMOLLM_MARKED = """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' + '\n'}}{% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' + '\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
GENERATION_TEMPLATES = {"chatml": CHATML, "lines": LINES, "loose": LOOSE, "smollm": SMOLLM_MARKED}


def mask_fixtures(conversations: list[dict]) -> list[dict]:
    cases = []
    for name, folder in MODELS.items():
        tokenizer = load(folder)
        for template_name, template in GENERATION_TEMPLATES.items():
            tokenizer.chat_template = template
            for index, conversation in enumerate(conversations[:80]):
                out = tokenizer.apply_chat_template(conversation, return_dict=True, return_assistant_tokens_mask=True)
                text = tokenizer.apply_chat_template(conversation, tokenize=False)
                cases.append({
                    "model": name, "template": template_name, "conversation": index, "text": text, "ids": out["input_ids"],
                    "mask": "".join(map(str, out["assistant_masks"])),
                    "isQuirk": any(is_quirk(tokenizer, text, start, end) for start, end in spans_of(tokenizer, conversation)),
                })
    return cases


def spans_of(tokenizer: PreTrainedTokenizerFast, conversation: list[dict]) -> list[tuple[int, int]]:
    from transformers.utils.chat_template_utils import render_jinja_template
    _, indices = render_jinja_template([conversation], chat_template=tokenizer.chat_template, return_assistant_tokens_mask=True, **tokenizer.special_tokens_map)
    return indices[0]


def is_quirk(tokenizer: PreTrainedTokenizerFast, text: str, start: int, end: int) -> bool:
    """Where transformers labels what it does not mean to: blocks without a character; blocks whose last character is of several
    tokens, of which char_to_token finds the first; and of none (the second half of a composed character), so that all that
    follows is labelled."""
    if start == end:
        return True
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return sum(first <= end - 1 < last for first, last in offsets) != 1


PROMPTS = [
    ("Translate: cheese\n", "fromage"),
    ("Translate: cheese", " fromage"),
    ("Question: what is 2+2?\nAnswer:", " 4"),
    ("", "All of it."),
    ("No completion.", ""),
    ("Ends in a sp", "lit word"),
    ("Two spaces  ", "  and two more"),
    ("A line\n", "\n\nand lines"),
    ("\u65e5\u672c\u8a9e", "\u306e\u6587 \U0001f600"),
    ("Already ended", " here{eos}"),
    ("x" * 300, "y z" * 100),
]


def prompt_fixtures() -> list[dict]:
    """TRL's SFTTrainer: tokenize the prompt, and the prompt with its completion; mask as many tokens as the prompt has."""
    cases = []
    for name, folder in PLAIN_MODELS.items():
        tokenizer = load(folder)
        for prompt, completion in PROMPTS:
            given = completion.replace("{eos}", tokenizer.eos_token)
            ended = given if given.endswith(tokenizer.eos_token) else given + tokenizer.eos_token
            prompt_ids = tokenizer(text=prompt)["input_ids"]
            ids = tokenizer(text=prompt + ended)["input_ids"]
            cases.append({
                "model": name, "folder": str(folder.relative_to(CACHE)), "prompt": prompt, "completion": given, "ids": ids,
                "labels": ([-100] * len(prompt_ids) + ids[len(prompt_ids):])[:len(ids)],
                "isUnlike": ids[:len(prompt_ids)] != prompt_ids,
            })
    return cases


def group_texts(examples: dict, block_size: int) -> dict:
    """run_clm.py's, word for word but for the formatting."""
    concatenated_examples = {k: [token for ids in examples[k] for token in ids] for k in examples.keys()}
    total_length = len(concatenated_examples[list(examples.keys())[0]])
    total_length = (total_length // block_size) * block_size
    result = {
        k: [t[i : i + block_size] for i in range(0, total_length, block_size)] for k, t in concatenated_examples.items()
    }
    result["labels"] = result["input_ids"].copy()
    return result


def packing_fixtures() -> list[dict]:
    source = random.Random(9)
    texts = ["".join(source.choice(PIECES) for _ in range(source.randrange(0, 60))) for _ in range(40)]
    cases = []
    for name in ["gpt2", "llama3", "gemma3"]:
        tokenizer = load(PLAIN_MODELS[name])
        encoded = tokenizer(texts)
        for block_size in [2, 7, 32, 128]:
            blocks = group_texts({"input_ids": encoded["input_ids"]}, block_size)
            total = sum(map(len, encoded["input_ids"]))
            cases.append({
                "folder": str(PLAIN_MODELS[name].relative_to(CACHE)), "blockSize": block_size, "texts": texts,
                "blocks": blocks["input_ids"], "restTokenCount": total % block_size,
            })
    return cases


def write(name: str, document: object) -> None:
    text = json.dumps(document, separators=(",", ":"))
    (OUTPUT / name).write_bytes(gzip.compress(text.encode(), mtime=0))


chats = chat_fixtures()
write("conversations.json.gz", chats)
write("assistant-masks.json.gz", {"templates": GENERATION_TEMPLATES, "cases": mask_fixtures(chats["conversations"])})
write("prompts.json.gz", prompt_fixtures())
write("packing.json.gz", packing_fixtures())
