"""Runs one program on its tests, one form of tests after another, and compares what came out: one result per test.

Each function asks for jobs (`yield`), is given how they ended, and returns results. Comparing is done here, outside of the sandbox, as
soon as a run has ended or a value has arrived (`keep`): what is kept of it is how it differs, so that however many programs are judged
together, their outputs are not held together.
"""

import math
import re
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Set, ValuesView
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

from r1bench.harness.sandbox import CallResult, Calls, Ended, Examined, Job, Limits, Script, kinds
from r1bench.tasks.grading.programs.outputs import Conventions, difference_of_texts, difference_of_values
from r1bench.tasks.grading.programs.tests import is_encodable, literal, plain_calls

LIMITS_REACHED = 3
LIMIT_STATUSES = ("time_limit", "memory_limit", "output_limit")
FIRST_BATCHES = (1, 2, 8, 16)
NOT_PLAIN = "returned "
"""How the reason of a call begins that gave an object which does not cross the border of the sandbox."""
RAISED = re.compile(r"(?!RecursionError)[^\W\d]\w*(: |$)")
"""How the reason of a call begins that raised an exception."""
NOT_ASKED = "not_asked"
"""The status of a case that has no right answer; it is not counted."""
MAX_EXPONENT = 1000


class Result(NamedTuple):
    """How one test ended."""

    status: str
    note: str = ""
    seconds: float | None = None


Runs = Generator[list[Job], list[Ended], list[Result]]
Reading = Callable[[Any], Any]
"""What of a value is compared."""


class References(NamedTuple):
    """What references returned, by their code and arguments."""

    known: dict[Any, Sequence[CallResult]]
    running: set[Any]
    """Those that run for one of the programs that are judged together; the others wait for it."""


def run_tests(source: str, tests: Mapping[str, Any], limits: Limits, conventions: Conventions, references: References) -> Runs:
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
        return (yield from run_beside_reference(source, tests, limits, conventions, references))
    return (yield from run_asserts(source, tests, limits))


def run_cases(source: str, cases: Sequence[Mapping[str, str]], limits: Limits, conventions: Conventions) -> Runs:
    """The whole program once for each case, in batches that grow: one that does not end is not run on a hundred cases."""
    results: list[Result] = []
    for batch in batches(cases):
        keeps = [partial(difference_of_texts, expected=case["output"], conventions=conventions) for case in batch]
        ended = yield [Script(source, case["input"], limits, keep) for case, keep in zip(batch, keeps, strict=True)]
        results += [result_of(run.status, run.reason, run.kept, run.cpu_seconds) for run in ended]
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
    job = Calls(source, tests["entry_point"], tuple(tuple(case["args"]) for case in cases), limits)
    return (yield from compare_calls(job, [case["expected"] for case in cases], conventions))


def as_it_is(value: Any) -> Any:
    """The value."""
    return value


def compare_calls(job: Calls, wanted: Sequence[Any], conventions: Conventions, reading: Reading = as_it_is) -> Runs:
    """One result per call, or one in all where the program could not be called."""

    def differs(number: int, value: Any) -> str | None:
        return difference_of_values(reading(value), wanted[number], conventions)

    (ended,) = yield [job._replace(keep=differs)]
    if len(ended.values) != len(wanted):
        return [Result(ended.status, ended.reason)]
    found = [taken_as_there(one, differs, number) if reading is truth else one for number, one in enumerate(ended.values)]
    return [result_of(one.status, one.reason, one.value) for one in found]


def run_asserts(source: str, tests: Mapping[str, Any], limits: Limits) -> Runs:
    """Assertions: as calls whose values are compared here where all of them are that plain, else by examining the program."""
    code, names = tests["code"], tuple(tests[key] for key in ("entry_point",) if key in tests)
    plain = plain_calls(code)
    if plain is None:
        return (yield from run_examined(Examined(source, code, limits, names=names)))
    name, calls = plain
    job = Calls(source, name, tuple(call.arguments for call in calls), limits)
    results = yield from compare_calls(job, [call.expected for call in calls], Conventions(as_json=False))
    if any(result.note.startswith(NOT_PLAIN) and result.status == "runtime_error" for result in results):
        return (yield from run_examined(Examined(source, code, limits, names=(name,))))
    return results


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


def run_beside_reference(source: str, tests: Mapping[str, Any], limits: Limits, conventions: Conventions, references: References) -> Runs:
    """Calls of the program, compared with what the reference returns. A case on which that raises is not asked; where it does not finish
    one (a limit, an end of the process, a value that does not cross), the tests judge nobody."""
    name, code, texts = tests["entry_point"], tests["code"], tuple(case["args"] for case in tests["cases"])
    arguments, reading = tuple(literal(text) for text in texts), READINGS[tests.get("compare", "equal")]
    answers = yield from answers_of_reference((name, code, texts), Calls(code, name, arguments, limits), references)
    if len(answers) != len(texts):
        return [Result("tests_error", f"the reference cannot be run: {answers[0].status} ({answers[0].reason})")] * len(texts)
    answers = [taken_as_there(answer, lambda _, found: found) if reading is truth else answer for answer in answers]
    unasked = [number for number, answer in enumerate(answers) if RAISED.match(answer.reason) and answer.status == "runtime_error"]
    for number, answer in enumerate(answers):
        if answer.status != "finished" and (number not in unasked or len(unasked) == len(answers)):
            note = f"the reference does not finish on case {number + 1} of {len(texts)}: {answer.status} ({answer.reason})"
            return [Result("sandbox_error" if answer.status == "sandbox_error" else "tests_error", note)] * len(texts)
    asked = [number for number, answer in enumerate(answers) if answer.status == "finished"]
    job = Calls(source, name, tuple(arguments[number] for number in asked), limits)
    results = yield from compare_calls(job, [reading(answers[number].value) for number in asked], conventions, reading)
    return results + [Result(NOT_ASKED, f"the reference raises on case {number + 1} ({answers[number].reason})") for number in unasked]


def answers_of_reference(key: Any, job: Calls, references: References) -> Generator[list[Job], list[Ended], Sequence[CallResult]]:
    """What a reference returned: run once for all programs, and once more where it did not finish, which an accident may have caused."""
    while key in references.running:
        yield []
    if key in references.known:
        return references.known[key]
    references.running.add(key)
    for _ in range(2):
        (ended,) = yield [job]
        answers = ended.values or (CallResult(ended.status, ended.reason),)
        if ended.status == "finished":
            break
    references.running.remove(key)
    if ended.status != "sandbox_error":
        references.known[key] = answers
    return answers


def taken_as_there(found: CallResult, keep: Callable[[int, Any], Any], number: int = 0) -> CallResult:
    """A call that gave an object which is not plain, for tests that ask only whether there is something."""
    return CallResult("finished", "", keep(number, True)) if found.reason.startswith(NOT_PLAIN) else found


def distinct_parts(value: Any) -> Any:
    """The distinct parts of a value in a fixed order, each written out whole, for functions whose result has none."""
    return sorted(set(map(written, value))) if isinstance(value, list | tuple | Set | ValuesView | deque) else value


def written(value: Any) -> str:
    """A plain value as text, the same for what Python calls equal; lists and tuples are one. The sandbox bounds size and depth."""
    if isinstance(value, int | float | Fraction | Decimal | complex):
        return written_number(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, set | frozenset):
        return f"{{{','.join(sorted(map(written, value)))}}}"
    if isinstance(value, dict):
        return f"{{{','.join(sorted(f'{written(name)}:{written(part)}' for name, part in value.items()))}}}"
    if isinstance(value, range):
        return f"range({','.join(map(hex, (value.start, value.stop, value.step)))})"
    parts = kinds.apart(value)
    return repr(value) if parts is None else f"{parts[0]}({','.join(map(written, parts[1:]))})"


def written_number(value: Any) -> str:
    """A number as text: whole ones of any kind in hexadecimal digits, since decimal ones would be refused from 4,300 on."""
    if isinstance(value, complex) and value.imag == 0:
        value = value.real
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < MAX_EXPONENT:
        value = Fraction(value)
    if isinstance(value, Fraction) and value == (near := near_float(value)):
        value = near
    if isinstance(value, float | Fraction) and value == value // 1 and abs(value) != math.inf:
        value = int(value)
    return (
        hex(value)
        if isinstance(value, int)
        else f"{value.numerator:x}/{value.denominator:x}"
        if isinstance(value, Fraction)
        else repr(value)
    )


def near_float(value: Fraction) -> float:
    """The nearest float; infinity where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def truth(value: Any) -> Any:
    """A truth value as it is; of anything else, whether it is there."""
    return value if isinstance(value, bool) else value is not None


READINGS: dict[str, Reading] = {"equal": as_it_is, "set": distinct_parts, "truth": truth}
"""What of a value is compared with the reference's, by the `compare` of tests."""
