"""humaneval, humaneval_plus: 164 functions to complete from their signature and docstring. Sources: Chen et al., arXiv 2107.03374; Liu
et al., arXiv 2305.01210 (EvalPlus: the same functions, 80 times as many tests).

Not in R1's paper: sampling follows its protocol, n = 4 is ours. The prompt is code; the template asks for the whole function in a fenced
block, and with `--template none` a base model continues the very text. Canonical solutions are the golds.
"""

from dataclasses import replace
from typing import Any

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks.programming import problem_of, text_of
from r1bench.tasks.rows import BadRow
from r1bench.tasks.task import Task


def read_row(fields: dict[str, Any], number: int) -> Problem:
    """A row of HumanEval; 3 seconds for all of its assertions, as human-eval gives them."""
    return replace(read_function(fields, number), options={"time_limit": 3})


def read_plus_row(fields: dict[str, Any], number: int) -> Problem:
    """A row of HumanEval+, whose tests are a table of inputs; HumanEval's own would pass for them, and are refused."""
    if "inputs" not in text_of(fields, "test"):
        raise BadRow("has the tests of HumanEval and not those of HumanEval+", "give EvalPlus's file with --data, or use humaneval")
    return read_function(fields, number)


def read_function(fields: dict[str, Any], number: int) -> Problem:
    """A row of either."""
    prompt = text_of(fields, "prompt")
    tests = {"kind": "check", "entry_point": text_of(fields, "entry_point"), "code": text_of(fields, "test")}
    solution = fields.get("canonical_solution")
    return problem_of(
        fields,
        id=str(fields.get("task_id") or f"HumanEval/{number - 1}"),
        prompt=prompt,
        tests=tests,
        solutions=[prompt + solution] if isinstance(solution, str) else [],
    )


HUMANEVAL = Task(
    name="humaneval",
    version="1",
    summary="164 Python functions to complete",
    grader="code",
    template="complete",
    sampling=Sampling(n=4, temperature=0.6, top_p=0.95, max_tokens=32768),
    num_problems=164,
    read_row=read_row,
)
HUMANEVAL_PLUS = Task(
    name="humaneval_plus",
    version="1",
    summary="164 Python functions to complete, with EvalPlus's tests",
    grader="code",
    template="complete",
    sampling=HUMANEVAL.sampling,
    num_problems=164,
    read_row=read_plus_row,
)
