"""mbpp, mbpp_sanitized, mbpp_plus: short Python functions from a sentence and three tests. Sources: Austin et al., arXiv 2108.07732; Liu et
al., arXiv 2305.01210 (EvalPlus).

The test split is task ids 11 to 510; rows of other splits in the same file are left out. As in the paper, the question shows the tests.
mbpp_plus is read from EvalPlus's table on the hub (column `test`) or from its file MbppPlus.jsonl, which has inputs and a reference
solution but no expected values: these are computed by running the reference in the sandbox. JSON turned that file's tuples into lists;
KINDS_OF_ARGUMENTS turns them back, by the list of tasks that EvalPlus keeps for it (its data/mbpp.py). Sampling: as humaneval.
"""

from collections.abc import Callable, Mapping
from typing import Any

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks.data.programming import problem_of, text_of
from r1bench.tasks.data.rows import BadRow, OtherRow
from r1bench.tasks.task import Task

TEST_SPLIT = range(11, 511)
SHOW_TESTS = "{question}\n\nIt must pass these tests:\n\n{tests}"
SHOW_NAME = "{question}\n\nThe function is called `{name}`."


def read_row(fields: dict[str, Any], number: int) -> Problem:
    """A row of MBPP's test split, full or sanitized."""
    if number_of(fields) not in TEST_SPLIT:
        raise OtherRow("of another split")
    return read_any_row(fields, number)


def read_any_row(fields: dict[str, Any], number: int) -> Problem:
    """A row of MBPP, whatever its split."""
    lists = {name: fields.get(name) or [] for name in ("test_imports", "test_list")}
    for name, lines in lists.items():
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise BadRow(f"column {name} is no list of lines", "fetch the file again")
    tests = {"kind": "asserts", "code": "\n".join((*lists["test_imports"], *lists["test_list"])).replace("\r\n", "\n")}
    if isinstance(fields.get("test_setup_code"), str) and fields["test_setup_code"].strip():
        tests["after"] = fields["test_setup_code"].replace("\r\n", "\n")
    question = text_of(fields, "text", "prompt").strip()
    return problem_of(
        fields,
        id=f"Mbpp/{number_of(fields)}",
        prompt=SHOW_TESTS.format(question=question, tests="\n".join(lists["test_list"])),
        tests=tests,
        solutions=[fields["code"].replace("\r\n", "\n")] if isinstance(fields.get("code"), str) else [],
    )


def read_plus_row(fields: dict[str, Any], number: int) -> Problem:
    """A row of MBPP+: EvalPlus's table (column `test`) or its file of inputs (column `plus_input`)."""
    if "plus_input" not in fields:
        problem = read_any_row(fields, number)
        asserts = {"kind": "asserts", "code": text_of(fields, "test")}
        return problem_of(fields, id=problem.id, prompt=problem.prompt, tests=asserts, solutions=problem.gold)
    name, solution = text_of(fields, "entry_point"), text_of(fields, "canonical_solution")
    inputs: list[Any] = [fields.get(column) for column in ("base_input", "plus_input")]
    if not all(isinstance(group, list) and all(isinstance(arguments, list) for arguments in group) for group in inputs):
        raise BadRow("columns base_input and plus_input are no lists of arguments", "fetch the file again")
    restore = KINDS_OF_ARGUMENTS.get(number_of(fields), list)
    asked = [arguments for group in inputs for arguments in group if not is_unanswered(number_of(fields), arguments)]
    try:
        cases = [{"args": as_literal(tuple(restore(arguments)))} for arguments in asked]
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadRow(f"arguments are not of the kinds that this task has ({error})", "fetch the file again") from error
    tests: dict[str, Any] = {"kind": "reference", "entry_point": name, "code": solution, "cases": cases}
    if name in COMPARISONS:
        tests["compare"] = COMPARISONS[name]
    return problem_of(
        fields,
        id=f"Mbpp/{number_of(fields)}",
        prompt=SHOW_NAME.format(question=text_of(fields, "prompt").strip("\n'\" "), name=name),
        tests=tests,
        solutions=[solution],
        options={"float_tolerance": max(float(fields.get("atol") or 0), 1e-6)},
    )


def is_unanswered(number: int, arguments: list[Any]) -> bool:
    """Whether the right answer has millions of parts, more than a program can hand over: five inputs of combinations_colors."""
    return number == 255 and arguments != [] and isinstance(arguments[-1], int) and arguments[-1] > 70


def number_of(fields: Mapping[str, Any]) -> int:
    """The task id: 11 or 'Mbpp/11'."""
    digits = str(fields.get("task_id", "")).rpartition("/")[2]
    if not digits.isdecimal() or len(digits) > 9:
        raise BadRow("has no task_id", "MBPP's rows are told apart by it; fetch the file again")
    return int(digits)


def as_literal(value: Any) -> str:
    """A value as a Python literal; infinity, which has none, as a number too large for a float."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_literal(key)}: {as_literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple | set) and value:
        brackets = {list: "[]", tuple: "()"}.get(type(value), "{}")
        comma = "," if isinstance(value, tuple) else ""
        return brackets[0] + ", ".join(as_literal(part) for part in value) + comma + brackets[1]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "1e999" if value > 0 else "-1e999"
    return repr(value)


def tuples(arguments: list[Any]) -> list[Any]:
    """Each argument a tuple."""
    return [tuple(argument) for argument in arguments]


def lists_of_tuples(arguments: list[Any]) -> list[Any]:
    """Each argument a list of tuples."""
    return [tuples(argument) for argument in arguments]


def first(restore: Callable[[list[Any]], list[Any]]) -> Callable[[list[Any]], list[Any]]:
    """Only the first argument restored."""
    return lambda arguments: [*restore(arguments[:1]), *arguments[1:]]


def deep_tuples(value: Any) -> Any:
    """Every list in a value a tuple."""
    return tuple(map(deep_tuples, value)) if isinstance(value, list) else value


RESTORED: dict[Callable[[list[Any]], list[Any]], tuple[int, ...]] = {
    tuples: (2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809),
    lists_of_tuples: (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780),
    first(lists_of_tuples): (75, 413, 444, 753),
    first(tuples): (250, 307, 405, 446, 617, 720, 763, 808),
    lambda arguments: [arguments[0], *tuples(arguments[1:])]: (106, 750),
    lambda arguments: [tuple(map(tuple, argument)) for argument in arguments]: (259, 401, 445),
    lambda arguments: [tuple(tuple(part) if isinstance(part, list) else part for part in arguments[0])]: (278,),
    lambda arguments: [deep_tuples(argument) for argument in arguments]: (580, 615, 791),
    lambda arguments: [{key: tuple(part) for key, part in arguments[0].items()}, *arguments[1:]]: (722,),
    lambda arguments: [[set(part) if isinstance(part, list) and part else {} for part in arguments[0]]]: (115,),
    lambda arguments: [float(arguments[0]), complex(arguments[1])]: (124,),
    lambda arguments: [complex(arguments[0])]: (252,),
}
"""How arguments are restored -> in which tasks."""
KINDS_OF_ARGUMENTS = {number: restore for restore, numbers in RESTORED.items() for number in numbers}
SETS = ("Diff", "common_in_nested_lists", "extract_singly", "find_char_long", "find_dissimilar", "intersection_array", "larg_nnum")
TRUTHS = ("check_str", "text_match_three", "text_starta_endb")
COMPARISONS = dict.fromkeys((*SETS, "similar_elements"), "set") | dict.fromkeys(TRUTHS, "truth")
"""Functions whose results EvalPlus compares as sets, or only as found or not."""
SAMPLING = Sampling(n=4, temperature=0.6, top_p=0.95, max_tokens=32768)
MBPP = Task("mbpp", "1", "500 short Python functions (test split)", "code", "program", SAMPLING, 500, read_row=read_row)
MBPP_SANITIZED = Task(
    "mbpp_sanitized", "1", "257 short Python functions, checked by hand (test split)", "code", "program", SAMPLING, 257, read_row=read_row
)
MBPP_PLUS = Task(
    "mbpp_plus", "2", "378 short Python functions, with EvalPlus's tests", "code", "program", SAMPLING, 378, read_row=read_plus_row
)
