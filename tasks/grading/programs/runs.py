"""Runs one program on its tests, one form of tests after another, and compares what came out: one result per test.

Each function asks for jobs (`yield`), is given how they ended, and returns results. Comparing is done here, outside of the sandbox.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from r1bench.harness.sandbox import CallResult, Calls, Ended, Examined, Job, Limits, Script
from r1bench.tasks.grading.programs.outputs import Conventions, difference_of_texts, difference_of_values
from r1bench.tasks.grading.programs.tests import is_encodable, literal, plain_calls

LIMITS_REACHED = 3
LIMIT_STATUSES = ("time_limit", "memory_limit", "output_limit")
FIRST_BATCHES = (1, 2, 8, 16)


class Result(NamedTuple):
    """How one test ended."""

    status: str
    note: str = ""
    seconds: float | None = None


Runs = Generator[list[Job], list[Ended], list[Result]]
Expected = dict[Any, tuple[CallResult, ...]]
"""What references returned, by their code and arguments."""


def run_tests(source: str, tests: Mapping[str, Any], limits: Limits, conventions: Conventions, expected: Expected) -> Runs:
    """One result per test of a program; a single one where it does not compile, and where test code is not a list of asserts."""
    kind = tests["kind"]
    if not is_encodable(source):
        return [Result("compile_error", "the program holds half of a character (a lone surrogate)")]
    if kind == "stdin":
        return (yield from run_cases(source, tests["cases"], limits, conventions))
    if kind == "call":
        return (yield from run_calls(source, tests, limits, conventions))
    if kind == "check":
        return (yield from run_examined(Examined(source, tests["code"], limits, tests["entry_point"])))
    if kind == "reference":
        return (yield from run_beside_reference(source, tests, limits, conventions, expected))
    return (yield from run_asserts(source, tests, limits))


def run_cases(source: str, cases: Sequence[Mapping[str, str]], limits: Limits, conventions: Conventions) -> Runs:
    """The whole program once for each case, in batches that grow: one that does not end is not run on a hundred cases."""
    results: list[Result] = []
    for batch in batches(cases):
        ended = yield [Script(source, case["input"], limits) for case in batch]
        for case, run in zip(batch, ended, strict=True):
            note = difference_of_texts(run.stdout, case["output"], conventions) if run.status == "finished" else None
            results.append(result_of(run.status, run.reason, note, run.cpu_seconds))
        at_limit = [result for result in results if result.status in LIMIT_STATUSES]
        if results[0].status == "compile_error":
            return results[:1]
        if len(at_limit) >= LIMITS_REACHED:
            not_run = Result(at_limit[-1].status, f"not run after {LIMITS_REACHED} tests that reached a limit")
            return results + [not_run] * (len(cases) - len(results))
    return results


def batches(cases: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """1, 2, 8, 16, 16, ... cases."""
    start, sizes = 0, iter(FIRST_BATCHES)
    while start < len(cases):
        size = next(sizes, FIRST_BATCHES[-1])
        yield cases[start : start + size]
        start += size


def result_of(status: str, reason: str, difference: str | None, seconds: float | None = None) -> Result:
    """The result of a test that ended so and showed this difference."""
    if status != "finished":
        return Result(status, reason, seconds)
    return Result("passed" if difference is None else "wrong_answer", difference or "", seconds)


def run_calls(source: str, tests: Mapping[str, Any], limits: Limits, conventions: Conventions) -> Runs:
    """Calls of a function, their values compared with the expected ones."""
    cases = tests["cases"]
    ended = yield [Calls(source, tests["entry_point"], tuple(tuple(case["args"]) for case in cases), limits)]
    return compared(ended[0], [case["expected"] for case in cases], conventions)


def compared(ended: Ended, expected: Sequence[Any], conventions: Conventions) -> list[Result]:
    """One result per call; one in all where the program could not be called."""
    if len(ended.values) != len(expected):
        return [Result(ended.status, ended.reason)]
    pairs = zip(ended.values, expected, strict=True)
    return [result_of(one.status, one.reason, difference(one, other, conventions)) for one, other in pairs]


def difference(given: CallResult, expected: Any, conventions: Conventions) -> str | None:
    """None, or how the value of a call differs."""
    return difference_of_values(given.value, expected, conventions) if given.status == "finished" else None


def run_asserts(source: str, tests: Mapping[str, Any], limits: Limits) -> Runs:
    """Assertions: as calls whose values are compared here where all of them are that plain, else by examining the program."""
    code, names = tests["code"], tuple(tests[key] for key in ("entry_point",) if key in tests)
    plain = plain_calls(code)
    if plain is None:
        return (yield from run_examined(Examined(source, code, limits, names=names)))
    name, calls = plain
    ended = yield [Calls(source, name, tuple(call.arguments for call in calls), limits)]
    if any(answer.reason.startswith("returned ") for answer in ended[0].values):  # a value that Calls does not bring back
        return (yield from run_examined(Examined(source, code, limits, names=(name,))))
    return compared(ended[0], [call.expected for call in calls], Conventions(as_json=False))


def run_examined(job: Examined) -> Runs:
    """Test code beside the program: one result per assert that the sandbox counts, or one in all."""
    (ended,) = yield [job]
    results = [result_of_assert(value) for value in ended.values]
    if ended.passed:
        return results or [Result("passed")]
    if all(result.status == "passed" for result in results):  # it failed elsewhere, such as in a loop of asserts
        results.append(result_of_assert(CallResult(ended.status, ended.reason, False)))
    return results


def result_of_assert(found: CallResult) -> Result:
    """An assert that did not hold because the program raised something is a runtime error."""
    if found.status == "finished" and found.value is not True and not found.reason.startswith("AssertionError"):
        return Result("runtime_error", found.reason)
    return result_of(found.status, found.reason, None if found.value is True else found.reason)


def run_beside_reference(source: str, tests: Mapping[str, Any], limits: Limits, conventions: Conventions, expected: Expected) -> Runs:
    """Calls of the program and, in another process and once for all programs, of the reference."""
    name, code, texts = tests["entry_point"], tests["code"], tuple(case["args"] for case in tests["cases"])
    arguments = tuple(literal(text) for text in texts)
    known = expected.get((name, code, texts))
    jobs: list[Job] = [Calls(source, name, arguments, limits)]
    ended = yield jobs if known else [*jobs, Calls(code, name, arguments, limits)]
    wanted = known or ended[1].values
    if len(wanted) != len(texts) or any(one.status == "sandbox_error" for one in wanted):
        return [Result("sandbox_error", f"the reference could not be run ({ended[-1].status}: {ended[-1].reason})")]
    expected[name, code, texts] = wanted
    compare = COMPARISONS[tests.get("compare", "equal")]
    pairs = [(index, compare(one)) for index, one in enumerate(wanted)]
    usable = [(index, one) for index, one in pairs if one.status == "finished"]
    if not usable:
        return [Result("sandbox_error", f"the reference fails on every case ({wanted[0].reason})")]
    if len(ended[0].values) != len(texts):
        return [Result(ended[0].status, ended[0].reason)]
    given = [compare(ended[0].values[index]) for index, _ in usable]
    return [
        result_of(one.status, one.reason, difference(one, other.value, conventions)) for one, (_, other) in zip(given, usable, strict=True)
    ]


def distinct_parts(found: CallResult) -> CallResult:
    """The distinct parts of a value in a fixed order, each written out whole, for functions whose result has none."""
    if not isinstance(found.value, list | tuple | set | frozenset):
        return found
    return found._replace(value=sorted({written(part) for part in found.value}))


def written(value: Any) -> str:
    """A plain value as text, the same for what Python calls equal; lists and tuples are one. The sandbox bounds size and depth."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return hex(value)  # of True too, which is 1; decimal digits would be refused from 4,300 on
    if isinstance(value, list | tuple):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, set | frozenset):
        return f"{{{','.join(sorted(map(written, value)))}}}"
    if isinstance(value, dict):
        return f"{{{','.join(sorted(f'{written(name)}:{written(part)}' for name, part in value.items()))}}}"
    return repr(value)


def truth(found: CallResult) -> CallResult:
    """A truth value as it is; of anything else, also of an object that is not plain, whether it is there."""
    if found.reason.startswith("returned "):
        return CallResult("finished", "", True)
    return found if isinstance(found.value, bool) else found._replace(value=found.value is not None)


COMPARISONS: dict[str, Callable[[CallResult], CallResult]] = {"equal": lambda found: found, "set": distinct_parts, "truth": truth}
"""By the `compare` of tests beside a reference."""
