"""What a model reads: the text of a problem in its template, and its token numbers.

Left out: few-shot prompts and system prompts.
"""

from dataclasses import replace
from typing import Any

from r1bench.harness.records import Template
from r1bench.harness.thinking import opening_of

QUESTION = "r1benchasks"
"""A question of which no template has the word."""
LONGEST_PREFILL = 400


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


def ending_of(tokenizer: Any, template: Template) -> str:
    """What every prompt of a template says behind the question; of a chat template behind all of the user's turn."""
    is_rendered = template.kind == "chat" and bool(tokenizer.chat_template)
    asked = replace(template, text="{problem}") if is_rendered else template
    return render(tokenizer, asked, QUESTION).rpartition(QUESTION)[2]


def prefill_of(text: str, ending: str) -> str:
    """What a prompt already says of the answer: R1's chat template ends in '<think>\\n', others in '[THINK]' or in '<think>\\nOkay,\\n'.

    Args:
        ending: of the template, so that marks in the question open nothing. A template that ends this prompt in another way (some look
            for '/no_think' in the question) is taken by its last characters.
    """
    return opening_of(ending if text.endswith(ending) else text[-LONGEST_PREFILL:])
