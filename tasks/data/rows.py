"""A row of any published benchmark -> a Problem. Left out: reading files (reading.py), checks across rows (loading.py).

Columns are found by the names that benchmarks use (PROBLEM_COLUMNS, GOLD_COLUMNS, ID_COLUMNS), the first that a row has; the user's
own names come first. A name with dots reaches into a nested column (`reward_model.ground_truth`, `choices.message.content`,
`outputs.0.text`).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from r1bench.harness.errors import quoted
from r1bench.harness.records import Problem
from r1bench.tasks.data.reading import Finding, Row
from r1bench.tasks.grading.finding import extraction
from r1bench.tasks.task import Task

PROBLEM_COLUMNS = ("problem", "question", "Question", "Problem", "prompt")
GOLD_COLUMNS = ("answer", "final_answer", "expected_answer", "gold", "Answer")
SOLUTION_COLUMNS = ("solution", "Solution")
ID_COLUMNS = ("id", "unique_id", "task_id", "idx")
KEPT_COLUMNS = ("level", "subject", "type", "year")
ROLES = ("problem", "gold", "id", "year")
"""What a user may map a column to."""
INSTRUCTION = re.compile(r"Please reason step by step,? and put your final answer within \\boxed\{\}\.?\s*$", re.IGNORECASE)


class BadRow(Exception):
    """A row that cannot become a problem; turned into a Finding with its place."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.problem, self.cure = problem, cure


class OtherRow(Exception):
    """A row that is no problem of this task, such as one of another split in the same file: left out, and counted."""


def to_problem(task: Task, row: Row, number: int, columns: Mapping[str, str]) -> Problem | Finding | None:
    """The problem that a row holds, or what is wrong with it; None where it is no problem of this task.

    Args:
        number: the row's position in the data, for an id where there is no column for one.
        columns: the user's own names, role -> column.
    """
    if task.filter_year and year_of(row, columns) not in (None, task.filter_year):
        return None
    try:
        problem = task.read_row(row.fields, number) if task.read_row is not None else _to_problem(task, row.fields, number, columns)
        return replace(problem, options={**task.options, **problem.options})
    except OtherRow:
        return None
    except BadRow as bad:
        return Finding(row.where, bad.problem, bad.cure)


def year_of(row: Row, columns: Mapping[str, str]) -> int | None:
    """The year of a row, or None if it has none."""
    value = _find(row.fields, [columns.get("year", "year")])
    try:
        return None if value is None else int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _to_problem(task: Task, fields: dict[str, Any], number: int, columns: Mapping[str, str]) -> Problem:
    text, metadata = _question(_required(fields, columns, "problem", PROBLEM_COLUMNS)), {}
    stripped, instruction = text, INSTRUCTION.search(text)
    if instruction:
        stripped, metadata["stripped_instruction"] = text[: instruction.start()].rstrip(), instruction[0].strip()
    if not stripped.strip():
        raise BadRow("the problem is empty", "fill it in or remove the row")
    golds = _gold(task, fields, columns)
    if any("\ud800" <= letter <= "\udfff" for letter in stripped + "".join(golds)):
        raise BadRow("the text holds half of a character (a lone surrogate)", "write that character whole or remove it")
    own_id = _find(fields, [columns["id"]] if "id" in columns else ID_COLUMNS)
    metadata |= {name: fields[name] for name in KEPT_COLUMNS if isinstance(fields.get(name), str | int | float)}
    return Problem(
        id=f"{task.name}-{number}" if own_id is None or own_id == "" else str(own_id),
        prompt=stripped.strip(),
        gold=golds,
        metadata=metadata,
    )


def value_at(fields: Mapping[str, Any], name: str) -> Any:
    """The value of a column, or of one inside it by dots; None where there is none. Of a list a number takes one, a name that of each."""
    value: Any = fields
    for part in [name] if name in fields else name.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal():
            value = value[int(part)] if len(part) < 10 and int(part) < len(value) else None
        elif isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
            value = [each.get(part) for each in value]
        else:
            value = None
    return value


def _find(fields: Mapping[str, Any], names: Any) -> Any:
    """The value of the first of these columns that is there and not null."""
    return next((value for name in names if (value := value_at(fields, name)) is not None), None)


def columns_text(fields: Mapping[str, Any]) -> str:
    """The names of a row's columns, as a message lists them; one that holds nothing is there and of no use."""
    return ", ".join(f"{name:.40}{' (null)' if value is None else ''}" for name, value in list(fields.items())[:12]) or "none"


def _required(fields: dict[str, Any], columns: Mapping[str, str], role: str, known: tuple[str, ...]) -> Any:
    names = (columns[role],) if role in columns else known
    value = _find(fields, names)
    if value is None:
        wanted = f"column {quoted(names[0])}" if role in columns else f"column for the {role} ({', '.join(names)})"
        raise BadRow(f"has no {wanted}; its columns are {columns_text(fields)}", f"name the column: --map {role}=COLUMN")
    return value


def _question(value: Any) -> str:
    """The text of a question, which may be a conversation: its last user turn."""
    if isinstance(value, list) and value and all(isinstance(turn, dict) for turn in value):
        turns = [turn for turn in value if turn.get("role", turn.get("from")) in ("user", "human")]
        value = turns[-1].get("content", turns[-1].get("value")) if turns else None
        if value is None:
            raise BadRow("the conversation has no user turn", "each turn needs role and content (or from and value)")
    if not isinstance(value, str):
        raise BadRow(f"the problem is a {type(value).__name__}", "it must be text or a conversation")
    return value


def _gold(task: Task, fields: dict[str, Any], columns: Mapping[str, str]) -> tuple[str, ...]:
    solution = None if "gold" in columns or _find(fields, GOLD_COLUMNS) is not None else _find(fields, SOLUTION_COLUMNS)
    if solution is not None:
        return (_from_solution(task, str(solution)),)
    value = _required(fields, columns, "gold", (*GOLD_COLUMNS, *SOLUTION_COLUMNS))
    values = value if isinstance(value, list | tuple) else [value]
    golds = tuple(_marked(task, _as_text(each)) for each in values)
    if not golds or not all(golds):
        raise BadRow("the gold answer is empty", "fill it in or remove the row")
    return tuple(dict.fromkeys(golds))


def _as_text(value: Any) -> str:
    """A gold answer as text: 27.0 and 27 are both '27'."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRow(f"the gold answer is a {type(value).__name__}", "it must be text, a number, or a list of these")
    if not math.isfinite(value):
        raise BadRow(f"the gold answer is {value}", "give a finite number")
    return str(int(value)) if value == int(value) else repr(value)


def _marked(task: Task, gold: str) -> str:
    """The final answer of a worked solution, after the task's mark; other golds unchanged."""
    if not task.answer_mark or ("\n" not in gold and task.answer_mark not in gold):
        return gold
    if task.answer_mark not in gold:
        raise BadRow(f"the gold answer has no {task.answer_mark!r}", "end the solution with that mark and the answer")
    return gold.rpartition(task.answer_mark)[2].strip()


def _from_solution(task: Task, solution: str) -> str:
    """The final answer of a row that has only a solution: after the task's mark, or in its last box."""
    if task.answer_mark and task.answer_mark in solution:
        return _marked(task, solution)
    boxes = extraction.find_boxes(solution[-extraction.WINDOW :]).contents
    if not boxes:
        raise BadRow("the solution has no \\boxed answer", "name the column of the answer: --map gold=COLUMN")
    return boxes[-1]
