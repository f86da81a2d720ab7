"""Rows of programming benchmarks -> Problems: the shapes that tests and limits are published in, brought to those of the code grader.

What the code grader reads is said in programs/tests.py. Left out: which columns a benchmark has (its own file). A reference solution
becomes the gold, which no verdict depends on: `r1bench tasks check` runs it. Nothing that is read here is ever executed or unpickled.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from r1bench.harness.canonical import parse_json
from r1bench.harness.records import Problem
from r1bench.tasks.data.rows import BadRow, columns_text
from r1bench.tasks.grading.programs.tests import check_tests

CONTEST_HINT = "\n\nRead the input from standard input and print the answer to standard output."
KEPT = ("difficulty", "platform", "contest_id", "contest_date", "rating", "title", "index", "source", "question_title")
MEGABYTE = 1 << 20
PYTHON = ("PYTHON3", "python", "python3", 3)
"""How CodeContests marks solutions in Python 3."""


def problem_of(
    fields: Mapping[str, Any],
    *,
    id: str,
    prompt: str,
    tests: dict[str, Any],
    solutions: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Problem:
    """A checked problem.

    Raises:
        BadRow: there is no question, or the tests cannot be run.
    """
    if not prompt.strip():
        raise BadRow("the problem is empty", "fill it in or remove the row")
    if reason := check_tests(tests):
        raise BadRow(f"the tests cannot be used: {reason}", "correct them or remove the row")
    metadata = {name: fields[name] for name in KEPT if isinstance(fields.get(name), str | int | float)}
    return Problem(id, prompt, tuple(dict.fromkeys(solutions)), metadata=metadata, tests=tests, options=dict(options or {}))


def text_of(fields: Mapping[str, Any], *names: str) -> str:
    """The first of these columns that is there and text; BadRow if none is."""
    for name in names:
        if isinstance(fields.get(name), str):
            return fields[name]
    raise BadRow(f"has no text in {' or '.join(names)}; its columns are {columns_text(fields)}", "check which file this is")


def parsed(value: Any, name: str) -> Any:
    """A column that may hold JSON as text."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError as error:
        raise BadRow(f"column {name} is not JSON ({error})", "fetch the file again") from error


def cases_of(value: Any, name: str) -> list[dict[str, Any]]:
    """Pairs of input and output from any shape they are published in, as [{"input", "output"}] with other keys kept.

    Known shapes: a list of {"input", "output"}, of these with {"stdin"} and {"stdout"} inside (SandboxFusion), and one object of two
    lists, "input" and "output" (CodeContests) or "inputs" and "outputs" (APPS, TACO); each also as JSON text.
    """
    value = parsed(value, name)
    if value is None:
        return []
    if isinstance(value, dict):
        inputs, outputs = (value.get(f"{word}s", value.get(word)) for word in ("input", "output"))
        if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
            raise BadRow(f"column {name} has no equally long lists 'input' and 'output'", "fetch the file again")
        value = [{"input": one, "output": other} for one, other in zip(inputs, outputs, strict=True)]
    if not isinstance(value, list) or not all(isinstance(case, dict) for case in value):
        raise BadRow(f"column {name} is no list of cases", "each case must have an input and an output")
    return [{**case, "input": inner(case.get("input"), "stdin"), "output": inner(case.get("output"), "stdout")} for case in value]


def inner(value: Any, key: str) -> Any:
    """The text of an input or output; some benchmarks wrap it, some have it in lines."""
    if isinstance(value, dict):
        value = value.get(key)
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return value


def stdin_tests(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The tests of a program that reads standard input; repeated cases are kept once."""
    pairs = [{"input": case["input"], "output": case["output"]} for case in cases]
    return {"kind": "stdin", "cases": list({json.dumps(pair): pair for pair in pairs}.values())}


def limits_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The published limits of time (seconds) and memory (MB), as options of the grader; none where they are not stated."""
    seconds, megabytes = fields.get("time_limit"), fields.get("memory_limit")
    if isinstance(seconds, dict):  # CodeContests
        seconds = (seconds.get("seconds") or 0) + (seconds.get("nanos") or 0) / 1e9
    if isinstance(fields.get("memory_limit_bytes"), int):
        megabytes = fields["memory_limit_bytes"] / MEGABYTE
    limits = {"time_limit": seconds, "memory_limit": megabytes}
    return {name: value for name, value in limits.items() if isinstance(value, int | float) and not isinstance(value, bool) and value > 0}


def solutions_of(value: Any) -> list[str]:
    """The first solution in Python, without its fence; none where there is none."""
    if isinstance(value, dict):  # CodeContests: {"language": [...], "solution": [...]}
        pairs = zip(value.get("language") or [], value.get("solution") or [], strict=False)
        value = [solution for language, solution in pairs if language in PYTHON]
    texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str) and text.strip()]
    return [unfenced(texts[0])] if texts else []


def unfenced(text: str) -> str:
    """A program without the fence around it."""
    lines = text.strip().split("\n")
    is_fenced = len(lines) > 2 and lines[0].startswith("```") and lines[-1].strip() == "```"
    return "\n".join(lines[1:-1]) if is_fenced else text
