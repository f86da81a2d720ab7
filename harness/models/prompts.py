"""What a model reads: the text of a problem in its template, and its token numbers.

    made = make_prompts(tokenizer, template, [(problem.id, problem.prompt), ...])       # text and tokens of each, checked

Left out: few-shot prompts and system prompts of ours; those that a chat template adds by itself stay.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from r1bench.harness.errors import DataError
from r1bench.harness.models.chat import render_chat, template_of
from r1bench.harness.records import Template
from r1bench.harness.thinking import opening_of

QUESTION = "r1benchasks"
"""A question of which no template has the word."""
LONGEST_PREFILL = 400


NO_CHAT_TEMPLATE = "has no chat template: it is asked in plain text with a line break behind it"


class Read(NamedTuple):
    """What a model reads of one problem."""

    text: str
    tokens: list[int]


def make_prompts(tokenizer: Any, template: Template, problems: Sequence[tuple[str, str]]) -> list[Read]:
    """(problem id, question) pairs as a model reads them.

    Raises:
        CheckpointError: the chat template cannot be used.
        DataError: naming the problem: its prompt has no tokens, or is no text.
    """
    texts = render_all(tokenizer, template, problems)
    found = []
    for (problem_id, _), text in zip(problems, texts, strict=True):
        where = f"problem {problem_id!r}"
        try:
            tokens = encode(tokenizer, template, text)
        except (TypeError, UnicodeError) as error:  # half of a pair of surrogates
            raise DataError(where, f"its prompt cannot become tokens ({type(error).__name__})", "mend its text") from error
        if not tokens:
            raise DataError(
                where, "its prompt has no tokens, and a model cannot begin with nothing", "mend its text or use another template"
            )
        found.append(Read(text, tokens))
    return found


def is_chat(tokenizer: Any, template: Template) -> bool:
    """Whether a problem is the user's turn in the checkpoint's own chat template, which brings its own special tokens."""
    return template.kind == "chat" and bool(template_of(tokenizer))


def render_all(tokenizer: Any, template: Template, problems: Sequence[tuple[str, str]]) -> list[str]:
    """The texts that a model reads, for (problem id, question) pairs.

    A chat template is the checkpoint's own; without one the text stands alone, with a line break. Raises CheckpointError.
    """
    filled = [template.fill(question) for _, question in problems]
    if is_chat(tokenizer, template):
        return render_chat(tokenizer, filled, [problem_id for problem_id, _ in problems])
    return filled if template.kind == "plain" else [text + "\n" for text in filled]


def render(tokenizer: Any, template: Template, problem: str) -> str:
    """The text of one question; for many `render_all` takes much less time."""
    return render_all(tokenizer, template, [("", problem)])[0]


def encode(tokenizer: Any, template: Template, text: str) -> list[int]:
    """Token numbers. A chat template brings its own special tokens; plain text gets those that the tokenizer puts before a text.

    What the tokenizer would put behind it (T5 and others end every text in `eos`) is left out: the text is to be continued. The token
    that begins a text stands there once, also where text and tokenizer both bring it.
    """
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    if not is_chat(tokenizer, template):
        tokens = before_a_text(tokenizer) + tokens
    bos = tokenizer.bos_token_id
    while bos is not None and tokens[:2] == [bos, bos]:
        tokens = tokens[1:]
    return tokens


def before_a_text(tokenizer: Any) -> list[int]:
    """The special tokens that the tokenizer puts before every text."""
    whole, bare = (tokenizer("a", add_special_tokens=is_whole)["input_ids"] for is_whole in (True, False))
    starts = [start for start in range(len(whole)) if bare and whole[start : start + len(bare)] == bare]
    return whole[: starts[0]] if starts else []


def ending_of(tokenizer: Any, template: Template) -> str:
    """What every prompt of a template says behind the question; of a chat template behind all of the user's turn."""
    asked = replace(template, text="{problem}") if is_chat(tokenizer, template) else template
    return render(tokenizer, asked, QUESTION).rpartition(QUESTION)[2]


def prefill_of(text: str, ending: str) -> str:
    """What a prompt already says of the answer: R1's chat template ends in '<think>\\n', others in '[THINK]' or in '<think>\\nOkay,\\n'.

    Args:
        ending: of the template, so that marks in the question open nothing. A template that ends this prompt in another way (some look
            for '/no_think' in the question) is taken by its last characters.
    """
    return opening_of(ending if text.endswith(ending) else text[-LONGEST_PREFILL:])
