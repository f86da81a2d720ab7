"""The chat template of a checkpoint: which one it is, and questions rendered by it.

A template is a program that came with a checkpoint, so it runs in a process of its own (chat_process.py) with bounds on time and memory:
about 0.1 s for all questions of a task. What it leaves out of a question is refused, not sampled.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from r1bench.harness.errors import CheckpointError

DATE = "2025-01-20"
"""What `strftime_now` says in every template, the day on which R1 was published: with today's date no two days had one prompt."""
LARGEST = 1_000_000
"""Characters of a template (the largest of well-known models have 30,000), and of what it may write around a question."""
AT_ONCE = 2000
"""Questions that one process renders,"""
CPU_SECONDS, MEMORY, ADDED = 5, 1 << 29, 50 * LARGEST
"""within so many seconds and bytes, and with so many characters around all of them."""
FILES = ("chat_template.jinja", "additional_chat_templates/*.jinja")


def check_files(folder: Path) -> None:
    """Refuse, before they are read, template files that are no files or too large. Raises CheckpointError."""
    for path in (path for pattern in FILES for path in folder.glob(pattern)):
        if not path.is_file():
            raise CheckpointError(f"checkpoint {folder} cannot be used: {path.relative_to(folder)} is no regular file; copy it again")
        if path.stat().st_size > 4 * LARGEST:
            raise unusable(f"of {folder}", f"{path.name} has {path.stat().st_size:,} bytes, and at most {4 * LARGEST:,} are read")


def template_of(tokenizer: Any) -> str:
    """The checkpoint's chat template; '' where it has none. Of several by name it is `default`. Raises CheckpointError: it has no such."""
    found = tokenizer.chat_template
    if isinstance(found, dict) and found:
        if "default" not in found:
            names = ", ".join(sorted(map(str, found)))
            raise unusable(whence(tokenizer), f"it has several ({names}) and none is named 'default'")
        found = found["default"]
    if not found:
        return ""
    if not isinstance(found, str):
        raise unusable(whence(tokenizer), f"it is {type(found).__name__} and not a text")
    if len(found) > LARGEST:
        raise unusable(whence(tokenizer), f"it has {len(found):,} characters, and at most {LARGEST:,} are read")
    return found


def place_of(tokenizer: Any) -> str:
    """What a message calls the checkpoint of a tokenizer."""
    return str(getattr(tokenizer, "name_or_path", "") or "the checkpoint")


GIVEN, IS_GIVEN = "given with chat.template", "is_chat_template_given"
"""Of a template that is not the checkpoint's own: what a message says, and the mark that its tokenizer carries."""
ASK_WITHOUT = "mend that template, or ask without it: --template plain (in training --set data.template=plain)"


def whence(tokenizer: Any) -> str:
    """Where a tokenizer's chat template is from, as a message says it."""
    return GIVEN if getattr(tokenizer, IS_GIVEN, False) else f"of {place_of(tokenizer)}"


def unusable(where: str, why: str, problem_id: str | None = None, cure: str = ASK_WITHOUT) -> CheckpointError:
    """One line: where the chat template is from (`whence`), what is wrong with it, and what to do."""
    about = "" if problem_id is None else f" for problem {problem_id!r}"
    return CheckpointError(f"the chat template {where} cannot be used{about}: {why.rstrip('.')}; {cure}")


def render_chat(tokenizer: Any, questions: Sequence[str], problem_ids: Sequence[str] | None = None) -> list[str]:
    """The text that a model reads, for each question as the user's turn, up to where the assistant's begins.

    Raises CheckpointError: the template is broken, too slow or too large, or does not hold the question.
    """
    found: list[str] = []
    for start in range(0, len(questions), AT_ONCE):
        asked = json.dumps({"questions": questions[start : start + AT_ONCE]})
        texts, fault, number = _rendered(template_of(tokenizer), variables_of(tokenizer), asked)
        if fault:
            raise unusable(whence(tokenizer), fault, problem_ids[start + number] if problem_ids and number >= 0 else None)
        found += texts
    return found


def render_conversations(tokenizer: Any, conversations: Sequence[Sequence[dict[str, Any]]]) -> list[str | None]:
    """Whole conversations as the chat template writes them, without a beginning of what comes next; None for each that it refuses."""
    asked = json.dumps({"conversations": conversations})
    texts, fault, _ = _rendered(template_of(tokenizer), variables_of(tokenizer), asked)
    return [None] * len(conversations) if fault else list(texts)


def render_turns(
    tokenizer: Any, conversations: Sequence[Sequence[Mapping[str, str]]], names: Sequence[str], *, is_asked: bool
) -> list[str]:
    """Conversations of messages (`role`, `content`) as the chat template writes them.

    Args:
        names: what a message calls each of them.
        is_asked: up to where the assistant's next answer begins; otherwise they end as the last message does.

    Raises CheckpointError: there is no chat template, or it is broken, refuses one of them, or leaves out what a user or a system says.
    """
    if not (template := template_of(tokenizer)):
        raise no_template(place_of(tokenizer))
    found: list[str] = []
    for part in portions(conversations):
        asked = json.dumps({"turns": part, "is_asked": is_asked})
        texts, fault, number = _render(template, variables_of(tokenizer), asked)
        if fault:
            name = names[len(found) + max(number, 0)] if number >= 0 or len(part) == 1 else None
            raise unusable(whence(tokenizer), fault, name, "mend that template, or give another: --set chat.template=FILE.jinja")
        found += texts
    return found


def portions(conversations: Sequence[Sequence[Mapping[str, str]]]) -> Iterator[list[Sequence[Mapping[str, str]]]]:
    """Conversations in portions that one process renders: few, or short ones."""
    part: list[Sequence[Mapping[str, str]]] = []
    length = 0
    for messages in conversations:
        size = sum(len(message["content"]) for message in messages)
        if part and (len(part) >= AT_ONCE or length + size > 4 * LARGEST):
            yield part
            part, length = [], 0
        part.append(messages)
        length += size
    if part:
        yield part


def no_template(place: str) -> CheckpointError:
    """Messages and no chat template."""
    return CheckpointError(
        f"checkpoint {place} has no chat template, and without one messages are no text; give one with --set chat.template=FILE.jinja"
    )


def variables_of(tokenizer: Any) -> str:
    """The special tokens that a template may write, as JSON."""
    return json.dumps(tokenizer.special_tokens_map, sort_keys=True, default=str)


@lru_cache(maxsize=16)
def _rendered(template: str, variables: str, asked: str) -> tuple[tuple[Any, ...], str, int]:
    """As `_render`, and kept, since a run asks several times for its prompts."""
    return _render(template, variables, asked)


def _render(template: str, variables: str, asked: str) -> tuple[tuple[Any, ...], str, int]:
    """(texts, '', -1), or the fault and the question that it came up with."""
    request = {
        **{"template": template, "variables": json.loads(variables), "date": DATE, **json.loads(asked)},
        **{"cpu_seconds": CPU_SECONDS, "memory": MEMORY, "longest": LARGEST, "largest": ADDED},
    }
    done = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("chat_process.py"))],
        input=json.dumps(request).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"},
        check=False,
    )
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return (), f"it takes more than {CPU_SECONDS} s of processor time", -1
    if done.returncode:
        return (), f"rendering it broke off (status {done.returncode}): it needs too much memory, or is nested too deeply", -1
    reply = json.loads(done.stdout)
    return tuple(reply.get("texts", ())), reply.get("fault", ""), reply.get("number", -1)
