"""One prompt exactly as a checkpoint reads it, token by token (`r1bench tasks show TASK --checkpoint CHECKPOINT`).

    print(show_prompt("gsm8k", "my-model", data=Path("test.jsonl")).render())

Only configuration and tokenizer are loaded. Limit: a token that holds part of a character is shown by its name in the vocabulary.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import click

from r1bench.harness.checkpoints import find_checkpoint, read_object
from r1bench.harness.errors import CheckpointError, UnknownNameError, UsageError
from r1bench.harness.models import prompts, turns, weights
from r1bench.harness.models.config import check_type
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.records import Checkpoint
from r1bench.harness.tables import plain

BETWEEN, OPENED, CLOSED = "·", "⟦", "⟧"
SHOWN = {" ": "␣", "\t": "→", "\n": "↵\n"}
"""What stands for white space; where the prompt itself has one of these signs, an escape stands for it."""
SIGNS = frozenset(f"{BETWEEN}{OPENED}{CLOSED}␣→↵")


class Token(NamedTuple):
    """A token of the vocabulary."""

    id: int
    text: str
    is_special: bool


@dataclass(frozen=True)
class ShownPrompt:
    """What a model reads of one problem, and how it ends what it says."""

    task: str
    checkpoint: str
    template: str
    problem_id: str
    text: str
    tokens: tuple[Token, ...]
    ends: tuple[Token, ...]
    """The tokens that end a completion."""
    prefill: str
    """The end of the prompt that belongs to the answer."""
    remarks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values; a token as its number, its text and whether it is special."""
        found = asdict(self)
        listed = {key: [token._asdict() for token in getattr(self, key)] for key in ("tokens", "ends")}
        return {**found, **listed, "num_tokens": len(self.tokens), "remarks": list(self.remarks)}

    def render(self, *, in_colour: bool = False) -> str:
        """The facts, then the prompt: tokens apart, special ones marked, white space visible. Colours take the place of the marks."""
        ends = ", ".join(f"{visible(token.text)} ({token.id})" for token in self.ends) or "none: every completion runs to its budget"
        facts = [
            f"problem    {plain(self.problem_id)} of {self.task}, template {self.template}, as {plain(self.checkpoint)} reads it",
            f"tokens     {len(self.tokens)}",
            f"ends with  {ends}",
            f"prefill    {visible(self.prefill) or 'none'}",
            *(f"note       {plain(remark)}" for remark in self.remarks),
        ]
        return "\n".join([*facts, "", coloured(self.tokens) if in_colour else marked(self.tokens)])


def show_prompt(
    task_name: str,
    place: str,
    *,
    template: str | None = None,
    problem: str | None = None,
    data: Path | None = None,
    columns: dict[str, str] | None = None,
) -> ShownPrompt:
    """What a checkpoint reads of a problem of a task, the first unless one is named.

    Raises UsageError, CheckpointError, DataError.
    """
    from r1bench.tasks import get_task
    from r1bench.tasks.data.loading import load_problems
    from r1bench.tasks.templates import TEMPLATES

    task = get_task(task_name)
    if (template or task.template) not in TEMPLATES:
        raise UnknownNameError("template", str(template), TEMPLATES, "docs/tasks.md")
    chosen, checkpoint = TEMPLATES[template or task.template], find_checkpoint(place)
    problems = {each.id: each for each in load_problems(task, data, columns)}
    if problem is not None and problem not in problems:
        ids = list(problems)
        raise UsageError(f"{task.name} has no problem {problem!r} among {len(ids)}, which begin with {ids[0]!r} and end with {ids[-1]!r}")
    asked = problems[problem] if problem is not None else next(iter(problems.values()))
    tokenizer = load_tokenizer(checkpoint)
    [read] = prompts.make_prompts(tokenizer, chosen, [(asked.id, asked.prompt)])
    tokens = tokens_of(tokenizer, read.tokens)
    ends = tuple(tokens_of(tokenizer, [number])[0] for number in sorted(end_tokens(checkpoint, tokenizer)))
    said = (
        task.name,
        place,
        chosen.name,
        asked.id,
        read.text,
        tokens,
        ends,
        prompts.prefill_of(read.text, prompts.ending_of(tokenizer, chosen)),
    )
    is_chat = prompts.is_chat(tokenizer, chosen)
    plain_instead = [f"the checkpoint {prompts.NO_CHAT_TEMPLATE}"] if chosen.kind == "chat" and not is_chat else []
    return ShownPrompt(*said, (*plain_instead, *remarks(tokenizer, is_chat, read.tokens)))


def end_tokens(checkpoint: Checkpoint, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a completion, found without the weights. Raises CheckpointError: the configuration cannot be read."""
    from transformers import AutoConfig, GenerationConfig

    try:
        config = AutoConfig.from_pretrained(checkpoint.path, trust_remote_code=False, local_files_only=True)
        is_named = Path(checkpoint.path, "generation_config.json").is_file()
        said = GenerationConfig.from_pretrained(checkpoint.path) if is_named else GenerationConfig.from_model_config(config)
    except weights.UNREADABLE as error:
        check_type(read_object(Path(checkpoint.path, "config.json")) or {}, checkpoint.path)
        raise CheckpointError(f"checkpoint {checkpoint.path} has no usable configuration: {weights.one_line(error)}") from error
    return turns.end_tokens_of(SimpleNamespace(generation_config=said, config=config), tokenizer)


def remarks(tokenizer: Any, is_chat: bool, tokens: Sequence[int]) -> list[str]:
    """What may surprise about the tokens of a prompt."""
    found, lead = [], prompts.before_a_text(tokenizer)
    if is_chat and lead and tokens[: len(lead)] != lead:
        names = " ".join(token.text for token in tokens_of(tokenizer, lead))
        found.append(f"the chat template does not begin with {names}, which the tokenizer puts before a plain text; it is read as it is")
    if tokens[-1] == tokenizer.eos_token_id:
        found.append("the chat template ends the prompt with the token that ends a text; it is read as it is")
    return found


def tokens_of(tokenizer: Any, numbers: Sequence[int]) -> tuple[Token, ...]:
    """Tokens with the text that each adds behind the one before it, which is where decoders put spaces."""
    special, found, before = tokenizer.added_tokens_decoder, [], None
    for number in numbers:
        text = added_text(tokenizer, before, number)
        if "\ufffd" in text or not text:
            text = str(tokenizer.convert_ids_to_tokens(number))
        found.append(Token(number, text, number in special))
        before = number
    return tuple(found)


def added_text(tokenizer: Any, before: int | None, number: int) -> str:
    """What a token adds to a text that ends in another."""

    def decoded(*numbers: int) -> str:
        return tokenizer.decode(list(numbers), skip_special_tokens=False, clean_up_tokenization_spaces=False)

    alone = decoded(number)
    if before is None:
        return alone
    first, both = decoded(before), decoded(before, number)
    return both[len(first) :] if both.startswith(first) and "\ufffd" not in first else alone


def visible(text: str) -> str:
    """White space and control characters as signs and escapes; a line break without the break."""
    return seen(text).replace("\n", "")


def seen(text: str) -> str:
    """The same, with a real line break behind the sign of one."""
    letters = (SHOWN.get(letter) or (letter if letter.isprintable() and letter not in SIGNS else escape(letter)) for letter in text)
    return "".join(letters)


def escape(letter: str) -> str:
    """'\\x1b', '\\xb7', '\\u2028'."""
    return letter.encode("ascii", "backslashreplace").decode() if ord(letter) > 127 else repr(letter)[1:-1]


def marked(tokens: Sequence[Token]) -> str:
    """Tokens with a dot between them, special ones in brackets."""
    return BETWEEN.join(f"{OPENED}{seen(token.text)}{CLOSED}" if token.is_special else seen(token.text) for token in tokens)


def coloured(tokens: Sequence[Token]) -> str:
    """Tokens in two colours by turns, special ones reversed."""
    colours = ({"fg": "cyan"}, {"fg": "yellow"})
    styles = ({"fg": "magenta", "reverse": True} if token.is_special else colours[number % 2] for number, token in enumerate(tokens))
    return "".join(click.style(seen(token.text), **style) for token, style in zip(tokens, styles, strict=True))
