"""Where a completion ends, and what was said until then.

A model ends its turn with the token that its chat template writes behind an answer, which need not be the `eos` of its configuration:
Qwen2.5 bases have `<|endoftext|>` there and `<|im_end|>` in the template. Both end a completion, in any prompt template: an instructed
model that is asked in plain text still ends its turn in its own way. The template's token is found by rendering a conversation and
looking behind the answer. Limit: a turn that ends in words (`User:` on a new line) ends no completion; what follows them is left out
when it is graded (`thinking.first_turn`).
"""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness.checkpoints import read_object
from r1bench.harness.errors import CheckpointError, quoted
from r1bench.harness.models.chat import render_conversations
from r1bench.harness.models.tokenizer import text_of
from r1bench.harness.records import Completion, FinishReason
from r1bench.harness.thinking import MARK, SOLUTION, SPECIAL

QUESTION, ANSWER, REPLY = "r1benchasks", "r1benchanswers", "r1benchreplies"
"""What is said in the conversation that is rendered: words that no template has."""
TO_A_TOOL = ("<|eom_id|>", "<|call|>", "<|observation|>")
"""Tokens with which Llama 3, gpt-oss and GLM hand over to a tool; there is none, so that what followed would be invented."""
BETWEEN_MESSAGES, SEVERAL_MESSAGES = "<|end|>", ("<|channel|>", "<|content|>")
"""What ends a message, and not the turn, where a turn has several of them: reasoning and answer of gpt-oss and Solar."""
CLOSING_TAG = re.compile(r"</\w{2,}>")
"""A tag that closes something inside the turn, such as `</answer>`; `</s>` is none."""


class Drawn(NamedTuple):
    """One finished sequence."""

    row: int
    """Its place in the list of requests."""
    tokens: list[int]
    """What was generated, the token that ended it included."""
    is_stopped: bool
    """True: it ended by itself; False: its budget ended."""
    logprobs: list[float] | None = None
    """Of its tokens, where they were asked for."""


def end_tokens_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a completion: by the model's generation_config, by the tokenizer, by its chat template.

    What is no token number of the model (None, -1, beyond its vocabulary) is left out.
    """
    named = getattr(model.generation_config, "eos_token_id", None)
    found = [*(named if isinstance(named, list | tuple) else [named]), tokenizer.eos_token_id, *turn_ends(tokenizer)]
    size = model.config.get_text_config().vocab_size
    return frozenset(token for token in found if type(token) is int and 0 <= token < size)


def endless(place: str) -> str:
    """A line about a checkpoint without such tokens."""
    cure = "name it as eos_token_id in generation_config.json"
    return f"checkpoint {place} names no token that ends a completion, so that each goes on until its budget ends; {cure}"


def unused_stops(place: str) -> str:
    """A line about texts to stop at that a checkpoint's generation_config.json names; '' without any."""
    named = (read_object(Path(place) / "generation_config.json") or {}).get("stop_strings")
    if not named:
        return ""
    return f"checkpoint {place} names stop_strings {quoted(named)}, which end no completion here: only the tokens that end a turn do"


def turn_ends(tokenizer: Any) -> set[int]:
    """The tokens that end a turn by a tokenizer's chat template, and those that hand it to a tool."""
    controls = control_tokens(tokenizer)
    return {controls[text] for text in (*template_ends(tokenizer, controls), *TO_A_TOOL) if text in controls}


def template_ends(tokenizer: Any, controls: Mapping[str, int]) -> list[str]:
    """The control tokens that a chat template writes behind an answer: the one behind the last answer of a conversation first."""
    texts = conversations(tokenizer)
    behind = [text.rpartition(ANSWER)[2].partition(REPLY)[0] for text in texts]
    has_several = any(mark in text for text in texts for mark in SEVERAL_MESSAGES)
    ends = [first_of(controls, text) for text in behind]
    return [text for text in ends if text and not (has_several and text == BETWEEN_MESSAGES)]


def answer_end(tokenizer: Any) -> str:
    """The token that a model should end an answer with, as text: the chat template's, otherwise `eos`; '' where there is neither."""
    ends = template_ends(tokenizer, control_tokens(tokenizer))
    return ends[0] if ends else tokenizer.eos_token or ""


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """The tokens that stand for no text: those called special, and added ones that are written alike. Marks of reasoning and answer,
    which a tokenizer may call special too, are text."""
    added = {token.content: (number, token.special) for number, token in tokenizer.added_tokens_decoder.items()}
    is_text = {text: any(mark.fullmatch(text) for mark in (MARK, SOLUTION, CLOSING_TAG)) or not text.strip() for text in added}
    return {text: number for text, (number, is_special) in added.items() if (is_special or SPECIAL.fullmatch(text)) and not is_text[text]}


def first_of(controls: Mapping[str, int], text: str) -> str:
    """The control token that a text holds first, the longest of those that begin at one place; '' without any."""
    places = [(text.find(control), -len(control), control) for control in controls if control in text]
    return min(places)[2] if places else ""


def conversations(tokenizer: Any) -> list[str]:
    """Conversations in a tokenizer's chat template: one that the answer ends, and one in which the user replies to it; without those that
    it cannot write."""
    asked, answered, replied = (("user", QUESTION), ("assistant", ANSWER), ("user", REPLY))
    forms = [forms_of(turns) for turns in ([asked, answered], [asked, answered, replied])]
    try:
        texts = iter(render_conversations(tokenizer, [form for each in forms for form in each]))
    except CheckpointError:  # a template that cannot be used, which prompts.py refuses where it is asked for
        return []
    written = [[text for text in islice(texts, len(each)) if text and ANSWER in text] for each in forms]
    return [each[0] for each in written if each]


def forms_of(turns: Sequence[tuple[str, str]]) -> list[list[dict[str, Any]]]:
    """Turns (role, what was said) as templates want them: as texts, as lists of parts, behind a system prompt."""
    plain: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in turns]
    parts: list[dict[str, Any]] = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns]
    return [plain, parts, [{"role": "system", "content": ""}, *plain]]


def completion_of(
    tokenizer: Any, prefill: str, num_prompt_tokens: int, drawn: Drawn, end_tokens: frozenset[int], seconds: float = 0.0
) -> Completion:
    """What was drawn after a prompt, as a completion: all its tokens as text, special ones too, and apart from it the one that ended it."""
    reason: FinishReason = "stop" if drawn.is_stopped else "length"
    num_said = len(drawn.tokens) - (drawn.is_stopped and drawn.tokens[-1] in end_tokens)
    text, end = text_of(tokenizer, drawn.tokens[:num_said]), text_of(tokenizer, drawn.tokens[num_said:])
    return Completion(text, reason, len(drawn.tokens), num_prompt_tokens, seconds, prefill, end)
