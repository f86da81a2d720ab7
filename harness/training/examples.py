r"""A file of the user's -> what is learned from it: answers, conversations, pairs, labelled responses, one a row.

| fine-tuning                        | columns                                                                                 |
|------------------------------------|-----------------------------------------------------------------------------------------|
| messages                           | `messages` or `conversations`, of {role, content} or {from, value}; `system` beside them |
| a whole prompt, text or messages   | `prompt` with `completion`, `response` or `output`, text or messages                     |
| a question                         | `problem`, `question`, `instruction`, `query` with `completion`, ..., `solution`, `answer` |
| a text, all of it trained          | `text`                                                                                  |

| reward model     | columns                                                                                                    |
|------------------|------------------------------------------------------------------------------------------------------------|
| pairs            | `chosen`, `rejected`: texts with `prompt`, or messages that may hold it, or HH's "\n\nHuman: ..." in a text |
| labelled         | `prompt` with `completion`, `response` or `output`, and `label`: 1 or 0                                     |

The first form counts whose columns a row has. `reasoning` (a column that the user names, or `reasoning_content` of a message) is put
before its answer in <think> marks. Nothing is dropped silently: the first row that cannot be used ends it, by name. Limit: text only, no
tools, no pictures.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from r1bench.harness.errors import DataError, UsageError, quoted
from r1bench.harness.models.conversation import WHOLE, Answered, Dialogue, Message, answer_of
from r1bench.harness.records import Template
from r1bench.tasks.data.loading import read_rows
from r1bench.tasks.data.reading import Row, is_readable
from r1bench.tasks.data.rows import columns_text, value_at

if TYPE_CHECKING:
    from r1bench.backends.job import RewardModel

ANSWERS = ("completion", "response", "output")
KNOWN: dict[str, tuple[str, ...]] = {
    "messages": ("messages", "conversations", "conversation"),
    "prompt": ("prompt",),
    "problem": ("problem", "question", "Question", "Problem", "instruction", "query"),
    "completion": ANSWERS,
    "solution": (*ANSWERS, "solution", "Solution", "answer"),
    "text": ("text",),
    "system": ("system",),
    "chosen": ("chosen",),
    "rejected": ("rejected",),
    "label": ("label",),
    "id": ("id", "unique_id", "prompt_id", "idx"),
    "reasoning": (),
}
"""The columns that are looked for, by what they are for."""
SAME = {"response": "completion", "solution": "completion"}
"""Words of --map for one thing."""
ROLES = {
    "sft": ("messages", "prompt", "problem", "completion", "response", "reasoning", "id"),
    "reward_model": ("prompt", "problem", "completion", "response", "chosen", "rejected", "label", "reasoning", "id"),
}
"""What --map may name a column for, by the algorithm."""
SPEAKERS = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant", "system": "system"}
HH = re.compile(r"\n\n(Human|Assistant):[ ]?")
LABELS = {"1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0, "true": 1.0, "false": 0.0}


class Preferred(NamedTuple):
    """A pair."""

    id: str
    where: str
    prompt: str | list[Message]
    chosen: str
    rejected: str
    rejected_prompt: str | list[Message]
    """The same, but where the conversations parted before their last answers."""


class Labelled(NamedTuple):
    """A response and what is thought of it: 1 good, 0 bad."""

    id: str
    where: str
    prompt: str | list[Message]
    response: str
    label: float


class Columns:
    """The columns of a user's file: the names that he gave, before those that are known.

    Raises UsageError: a name is given for what this algorithm does not read.
    """

    def __init__(self, algorithm: str, given: Mapping[str, str] | None) -> None:
        for role in given or {}:
            if role not in ROLES[algorithm]:
                raise UsageError(f"--map {quoted(role)}: training here reads {', '.join(ROLES[algorithm])}")
        self.given = {SAME.get(role, role): name for role, name in (given or {}).items()}

    def find(self, row: Row, role: str) -> Any:
        """The value of a role in a row; None where the row has none. Raises DataError: a column that the user named is not there."""
        names = (self.given[named],) if (named := SAME.get(role, role)) in self.given else KNOWN[role]
        value = next((value for name in names if (value := value_at(row.fields, name)) is not None), None)
        if value is None and named in self.given:
            known = f"the row has {columns_text(row.fields)}"
            raise DataError(row.where, f"has no column {quoted(names[0])}, which --map {named} names", known)
        return value

    def id(self, row: Row) -> str:
        """The row's own id, or its number in the file."""
        found = self.find(row, "id")
        return str(found) if isinstance(found, str | int) and found != "" else f"row-{row.where.rpartition(':')[2]}"


def rows_in(data: Path) -> Iterator[Row]:
    """The rows of a file, or of every file in a folder that can be read, by name. Raises DataError: nothing there, or broken."""
    if not data.exists():
        raise DataError(str(data), "does not exist", "give a file or a folder with --data")
    files = sorted(path for path in data.rglob("*") if path.is_file() and is_readable(path)) if data.is_dir() else [data]
    if not files:
        raise DataError(str(data), "holds no file of rows", "give JSONL, JSON, Parquet or CSV with --data")
    for path in files:
        yield from read_rows(path)


def to_learn(row: Row, columns: Columns, template: Template) -> Answered | Dialogue:
    """What a row says to fine-tuning; a bare question is asked in `template`. Raises DataError."""
    is_asked, is_prompted = "problem" in columns.given, "prompt" in columns.given
    if not (is_asked or is_prompted) and (messages := columns.find(row, "messages")) is not None:
        return dialogue(row, columns, conversation(row, "messages", messages))
    prompt = None if is_asked else columns.find(row, "prompt")
    if prompt is not None and (said := columns.find(row, "completion")) is not None:
        if isinstance(prompt, list) or isinstance(said, list):
            before = conversation(row, "prompt", prompt, speaker="user")
            behind = conversation(row, "completion", said, speaker="assistant")
            return dialogue(row, columns, before + behind, len(before))
        return Answered(row.where, WHOLE, text(row, "prompt", prompt), reasoned(row, columns, text(row, "completion", said)))
    question = columns.find(row, "problem")
    if question is not None and (said := columns.find(row, "solution")) is not None:
        return Answered(row.where, template, text(row, "question", question), reasoned(row, columns, text(row, "answer", said)))
    if question is not None or prompt is not None:
        raise DataError(row.where, f"has no answer; its columns are {columns_text(row.fields)}", "name it: --map completion=COLUMN")
    if (whole := columns.find(row, "text")) is not None:
        return Answered(row.where, None, "", text(row, "text", whole))
    wanted = "messages, prompt and completion, problem and solution, or text"
    raise DataError(row.where, f"has none of {wanted}; its columns are {columns_text(row.fields)}", "name them: --map messages=COLUMN")


def dialogue(row: Row, columns: Columns, messages: list[Message], start: int = 0) -> Dialogue:
    """Messages of which an answer can be learned."""
    if isinstance(system := columns.find(row, "system"), str) and system.strip() and messages[0]["role"] != "system":
        messages, start = [{"role": "system", "content": system}, *messages], start + (1 if start else 0)
    places = [place for place, message in enumerate(messages) if place >= start and message["role"] == "assistant"]
    if not places:
        raise DataError(row.where, "has no message of the assistant, and nothing to learn", "add the answer or remove the row")
    if messages[places[0] - 1]["role"] == "assistant" or not places[0]:
        raise DataError(row.where, "begins with a message of the assistant", "put a message of the user before it")
    if not messages[places[-1]]["content"].strip():
        raise DataError(row.where, "the last answer is empty", "fill it in or remove the row")
    return Dialogue(row.where, messages, start)


def to_value(row: Row, columns: Columns, spec: "RewardModel") -> Preferred | Labelled:
    """What a row says to a reward model: a pair or a labelled response, as `algorithm.loss` wants it. Raises DataError."""
    chosen, rejected, label = (columns.find(row, role) for role in ("chosen", "rejected", "label"))
    is_pair, is_labelled = chosen is not None and rejected is not None, label is not None
    if spec.loss == "pointwise" and not is_labelled:
        cure = "--set algorithm.loss=pairwise learns from chosen and rejected" if is_pair else "name it: --map label=COLUMN"
        raise DataError(row.where, f"has no label; its columns are {columns_text(row.fields)}", cure)
    if spec.loss == "pairwise" and not is_pair:
        cure = "--set algorithm.loss=pointwise learns from labels" if is_labelled else "name them: --map chosen=COLUMN,rejected=COLUMN"
        raise DataError(row.where, f"has no chosen and rejected; its columns are {columns_text(row.fields)}", cure)
    return pair(row, columns, spec, chosen, rejected) if is_pair and spec.loss == "pairwise" else labelled(row, columns, spec, label)


def pair(row: Row, columns: Columns, spec: "RewardModel", chosen: Any, rejected: Any) -> Preferred:
    """A pair, with the prompt from its own column or from the beginning of both conversations."""
    given = columns.find(row, "prompt")
    given = columns.find(row, "problem") if given is None else given
    sides = [split_off(row, name, value, given) for name, value in (("chosen", chosen), ("rejected", rejected))]
    (prompt, good), (other, bad) = sides
    if first_question(prompt) != first_question(other):
        raise DataError(row.where, "chosen and rejected answer different questions", "give both the same prompt, or remove the row")
    good, bad = (read_of(row, spec, response, name) for name, response in (("chosen", good), ("rejected", bad)))
    if (prompt, good) == (other, bad):
        is_left = "once their reasoning is left out " if spec.reads == "answer" and chosen != rejected else ""
        cure = "remove the row, or read the reasoning too: --set algorithm.reads=response" if is_left else "remove the row"
        raise DataError(row.where, f"chosen and rejected are the same {is_left}".strip(), cure)
    return Preferred(columns.id(row), row.where, prompt, good, bad, other)


def labelled(row: Row, columns: Columns, spec: "RewardModel", label: Any) -> Labelled:
    """A labelled response."""
    value = LABELS.get(str(label).strip().lower()) if isinstance(label, bool | int | float | str) else None
    if value is None:
        raise DataError(row.where, f"the label is {quoted(label)}", "it must be 1 (good) or 0 (bad)")
    given, response = columns.find(row, "prompt"), columns.find(row, "completion")
    given = columns.find(row, "problem") if given is None else given
    if response is None:
        raise DataError(row.where, f"has no response; its columns are {columns_text(row.fields)}", "name it: --map response=COLUMN")
    prompt, said = split_off(row, "response", response, given)
    said = reasoned(row, columns, said)
    return Labelled(columns.id(row), row.where, prompt, read_of(row, spec, said, "response"), value)


def split_off(row: Row, name: str, value: Any, given: Any) -> tuple[str | list[Message], str]:
    """The prompt and the response in one of a pair: a whole conversation, or an answer to the prompt that is given."""
    if isinstance(value, str) and HH.match(value):
        messages = hh_messages(value)
    elif isinstance(value, list):
        messages = conversation(row, name, value)
        if given is not None and (len(messages) == 1 or messages[0]["role"] == "assistant"):
            messages = conversation(row, "prompt", given, speaker="user") + messages
    elif given is None:
        cure = "name it: --map prompt=COLUMN, or write messages"
        raise DataError(row.where, f"has no prompt; its columns are {columns_text(row.fields)}", cure)
    elif isinstance(given, list) or HH.match(given if isinstance(given, str) else ""):
        before = conversation(row, "prompt", given) if isinstance(given, list) else hh_messages(given)
        if before and before[-1] == {"role": "assistant", "content": ""}:
            before = before[:-1]
        messages = [*before, {"role": "assistant", "content": text(row, name, value)}]
    else:
        return text(row, "prompt", given), text(row, name, value)
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise DataError(row.where, f"{name} does not end in an answer of the assistant behind a prompt", "add it or remove the row")
    *before, last = messages
    is_question = len(before) == 1 and before[0]["role"] == "user"
    return before[0]["content"] if is_question else before, last["content"]


def hh_messages(value: str) -> list[Message]:
    """The messages of a conversation in the form of Anthropic's HH data."""
    parts = HH.split(value)[1:]
    return [
        {"role": "user" if speaker == "Human" else "assistant", "content": said.strip()}
        for speaker, said in zip(parts[::2], parts[1::2], strict=True)
    ]


def first_question(prompt: str | list[Message]) -> str:
    """What a conversation begins with."""
    return prompt.strip() if isinstance(prompt, str) else next((each["content"] for each in prompt if each["role"] == "user"), "").strip()


def read_of(row: Row, spec: "RewardModel", response: str, name: str) -> str:
    """What the reward model reads of a response; that somebody said nothing can be judged too."""
    if spec.reads == "response" or not response.strip():
        return response
    if not (answer := answer_of(response)):
        cure = "remove the row, or read the reasoning too: --set algorithm.reads=response"
        raise DataError(row.where, f"no answer stands behind the reasoning of {name}", cure)
    return answer


def reasoned(row: Row, columns: Columns, answer: str) -> str:
    """An answer behind the reasoning that stands in a column of its own, where the user names one."""
    reasoning = columns.find(row, "reasoning")
    return answer if reasoning is None else thought(text(row, "reasoning", reasoning), answer)


def thought(reasoning: str, answer: str) -> str:
    """Reasoning and answer as one text."""
    return f"<think>\n{reasoning.strip()}\n</think>\n\n{answer}"


def conversation(row: Row, name: str, value: Any, speaker: str = "") -> list[Message]:
    """Messages as {role, content}; a text is the message of `speaker`, where one is given. Raises DataError."""
    if isinstance(value, str) and speaker:
        value = [{"role": speaker, "content": value}]
    if isinstance(value, dict):
        value = [value]
    if value == []:
        raise DataError(row.where, f"{name} holds no message", "fill it in or remove the row")
    if not isinstance(value, list):
        raise DataError(row.where, f"{name} is {kind_of(value)} and not a list of messages", "write [{role, content}, ...]")
    return [message_of(row, f"{name}[{number}]", each) for number, each in enumerate(value)]


def message_of(row: Row, name: str, value: Any) -> Message:
    """One message."""
    if not isinstance(value, dict):
        raise DataError(row.where, f"{name} is {kind_of(value)} and not a message", "write {role, content}")
    role = value.get("role") if value.get("role") is not None else value.get("from")
    if not isinstance(role, str) or role.lower() not in SPEAKERS:
        raise DataError(row.where, f"{name} has the role {quoted(role)}", f"use one of {', '.join(SPEAKERS)}")
    if value.get("tool_calls"):
        raise DataError(row.where, f"{name} calls tools, and there are none", "write what is said as content, or remove the row")
    said = value.get("content") if "content" in value else value.get("value")
    if isinstance(said, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in said):
        said = "".join(part["text"] for part in said)
    reasoning, content = value.get("reasoning_content"), text(row, name, said, may_be_empty=True)
    if isinstance(reasoning, str) and reasoning.strip():
        content = thought(text(row, name, reasoning), content)
    return {"role": SPEAKERS[role.lower()], "content": content}


def text(row: Row, name: str, value: Any, *, may_be_empty: bool = False) -> str:
    """A text that can become tokens. Raises DataError."""
    if not isinstance(value, str):
        raise DataError(row.where, f"{name} is {kind_of(value)} and not a text", "write it as a text, or name another column with --map")
    if not (value.strip() or may_be_empty):
        raise DataError(row.where, f"{name} is empty", "fill it in or remove the row")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise DataError(row.where, f"{name} holds half of a character (a lone surrogate)", "write that character whole or remove it")
    return value


def kind_of(value: Any) -> str:
    """What a value is, as a message says it."""
    names = {"NoneType": "missing", "list": "a list", "dict": "an object", "str": "a text"}
    return names.get(type(value).__name__, f"the {type(value).__name__} {quoted(value)}")
