"""What a model reads: the text of a problem in its template, and its token numbers.

Left out: few-shot prompts and system prompts.
"""

from typing import Any

from r1bench.harness.records import Template


def render(tokenizer: Any, template: Template, problem: str) -> str:
    """The text a model reads. A chat template is the checkpoint's own; without one the text stands alone, with a line break."""
    text = template.fill(problem)
    if template.kind == "plain":
        return text
    if not tokenizer.chat_template:
        return text + "\n"
    return tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False)


def encode(tokenizer: Any, template: Template, text: str) -> list[int]:
    """Token numbers; a chat template brings its own special tokens, plain text gets the tokenizer's."""
    is_rendered = template.kind == "chat" and bool(tokenizer.chat_template)
    return tokenizer(text, add_special_tokens=not is_rendered)["input_ids"]


def prefill_of(text: str) -> str:
    """What the prompt already says of the answer: R1 chat templates end in '<think>\\n'."""
    return text[text.rindex("<think>") :] if text.rstrip().endswith("<think>") else ""
