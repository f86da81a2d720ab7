"""The code grader: programs found in texts, outputs compared, attacks refused, honest programs passed."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from fakes_code import PlayedSandbox, isolated_grader
from hypothesis import given
from hypothesis import strategies as st

from r1bench.harness.errors import GraderError
from r1bench.harness.sandbox import Calls, Examined, Script
from r1bench.tasks.grading.programs.finding import find_program
from r1bench.tasks.grading.programs.grader import CodeGrader, check_options
from r1bench.tasks.grading.programs.outputs import Conventions, difference_of_texts, difference_of_values
from r1bench.tasks.grading.programs.tests import check_tests
from r1bench.tasks.grading.request import GradeRequest, Judgement

CASES = Path(__file__).parents[2] / "cases"
PROGRAMS = json.loads((CASES / "programs.json").read_text(encoding="utf-8"))
CODE = json.loads((CASES / "code.json").read_text(encoding="utf-8"))
STDIN = {"kind": "stdin", "cases": [{"input": str(number), "output": str(number)} for number in range(50)]}
ECHO = "```python\nprint(input())\n```"
DEEP = eval("[" * 120 + "]" * 120)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6
)


def request_of(case: dict[str, Any]) -> GradeRequest:
    return GradeRequest(
        case["response"], finish_reason=case.get("finish_reason", "stop"), tests=case["tests"], options=case.get("options", {})
    )


@pytest.fixture(scope="module")
def judged() -> dict[str, Judgement]:
    """Every case of code.json, graded in one call."""
    with isolated_grader() as grader:
        return dict(zip([case["name"] for case in CODE], grader.grade([request_of(case) for case in CODE]), strict=True))


def grade_with(played: PlayedSandbox, *requests: GradeRequest) -> list[Judgement]:
    grader = CodeGrader()
    grader.sandbox = played  # type: ignore[assignment]
    return grader.grade(requests)


@pytest.mark.parametrize("case", PROGRAMS, ids=lambda case: case["name"])
def test_the_program_is_found(case: dict[str, Any]) -> None:
    found = find_program(case["text"], case.get("prefill", ""), case.get("prompt", ""), case.get("names", ()))
    if "program" not in case:
        assert (found.readings, found.reason) == ((), case["reason"])
        return
    reading = found.readings[case.get("reading", 0)]
    assert (reading.strip("\n") if case.get("trimmed") else reading) == (
        case["program"].strip("\n") if case.get("trimmed") else case["program"]
    )
    assert list(found.flags) == case.get("flags", list(found.flags))
    assert found.is_open == case.get("is_open", found.is_open)


@pytest.mark.parametrize("case", CODE, ids=lambda case: case["name"])
def test_a_program_gets_its_verdict(case: dict[str, Any], judged: dict[str, Judgement]) -> None:
    found = judged[case["name"]]
    assert (found.outcome, found.score) == (case["outcome"], float(case["outcome"] == "correct"))
    expected = [case["status"]] if "status" in case else case.get("statuses")
    assert expected is None or found.details["status"] in expected
    assert {name: found.details[name] for name in ("passed", "total") if name in case} == {
        name: case[name] for name in ("passed", "total") if name in case
    }


def test_no_attack_breaks_the_sandbox(judged: dict[str, Judgement]) -> None:
    named = {case["name"] for case in CODE if case["outcome"] == "failed"}
    assert {name for name, found in judged.items() if found.outcome == "failed"} == named


def test_what_a_program_says_can_be_stored_and_shown(judged: dict[str, Judgement]) -> None:
    for found in judged.values():
        assert json.dumps([found.reason, found.details], ensure_ascii=False).encode()
        assert found.reason.isprintable()


def test_every_case_says_why_and_has_a_name_of_its_own() -> None:
    assert all(case["why"] and case["source"] for case in (*PROGRAMS, *CODE))
    assert len({case["name"] for case in CODE}) == len(CODE)


def test_a_broken_sandbox_is_no_verdict() -> None:
    found = grade_with(PlayedSandbox("sandbox_error"), GradeRequest(ECHO, tests=STDIN))[0]
    assert (found.outcome, found.details["status"]) == ("failed", "sandbox_error")


def test_a_program_that_does_not_end_is_not_run_on_every_case() -> None:
    played = PlayedSandbox("time_limit")
    found = grade_with(played, GradeRequest(ECHO, tests=STDIN))[0]
    assert (len(played.jobs), found.details["status"], found.details["total"]) == (3, "time_limit", 50)


def test_what_is_expected_never_goes_into_the_sandbox_with_the_program() -> None:
    secret = 987654321
    forms: list[dict[str, Any]] = [
        {"kind": "stdin", "cases": [{"input": "1", "output": str(secret)}]},
        {"kind": "call", "entry_point": "f", "cases": [{"args": [1], "expected": secret}]},
        {"kind": "asserts", "code": f"assert f(1) == {secret}"},
        {"kind": "asserts", "code": f"assert abs(f(1)) == {secret}"},
    ]
    played = PlayedSandbox("runtime_error")
    grade_with(played, *(GradeRequest("```python\ndef f(x): return x\n```", tests=tests) for tests in forms))
    seen = [(job.source, getattr(job, "stdin", ""), getattr(job, "arguments", "")) for job in played.jobs]
    assert [type(job) for job in played.jobs] == [Script, Calls, Calls, Examined]
    assert str(secret) not in repr(seen)


def test_the_first_reading_that_compiles_is_the_program() -> None:
    played = PlayedSandbox("compile_error")
    text = "The program:\nx = int(input())\nprint(x)\nGood luck."
    grade_with(played, GradeRequest(text, tests=STDIN))
    assert [job.source for job in played.jobs] == [text, "x = int(input())\nprint(x)"]


def test_outputs_of_many_programs_are_not_held_together() -> None:
    class Talkative(PlayedSandbox):
        def played(self, job: Any) -> Any:
            self.stdout = "x" * 4_000_000 + job.stdin
            return super().played(job)

    tracemalloc.start()
    grade_with(Talkative("finished"), *[GradeRequest(ECHO, tests=STDIN)] * 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000  # of 1.6 GB in all


def test_requests_are_answered_in_their_order() -> None:
    texts = [ECHO, "nothing", ECHO.replace("input()", "1")]
    found = grade_with(PlayedSandbox("finished", "0"), *(GradeRequest(text, tests=STDIN) for text in texts))
    assert [each.outcome for each in found] == ["wrong", "unparsed", "wrong"]


def test_generation_that_failed_is_not_graded() -> None:
    assert grade_with(PlayedSandbox("finished"), GradeRequest(ECHO, finish_reason="error", tests=STDIN))[0].outcome == "failed"


@pytest.mark.parametrize("tests", [None, {}, {"kind": "stdin", "cases": []}])
def test_a_request_without_tests_is_a_fault_and_no_zero(tests: Any) -> None:
    with pytest.raises(GraderError, match="check the problems"):
        CodeGrader().grade([GradeRequest(ECHO, tests=tests)])


@pytest.mark.parametrize(
    ("tests", "reason"),
    [
        ({}, "unknown kind None"),
        ({"kind": "unit"}, "known: stdin, call, asserts, check"),
        ({"kind": "stdin"}, "'cases' is missing or empty"),
        ({"kind": "stdin", "cases": []}, "'cases' is missing or empty"),
        ({"kind": "stdin", "cases": {"a": 1}}, "'cases' is missing or empty"),
        ({"kind": "stdin", "cases": [1]}, "case 1 is a int"),
        ({"kind": "stdin", "cases": [{"input": "1", "output": "1"}, {"input": "1"}]}, "case 2 has no 'output'"),
        ({"kind": "stdin", "cases": [{"input": 1, "output": "1"}]}, "'input' is a int; it must be text"),
        ({"kind": "stdin", "cases": [{"input": "\ud800", "output": "1"}]}, "lone surrogate"),
        ({"kind": "call", "entry_point": "f", "cases": [{"args": 1, "expected": 1}]}, "'args' is a int; it must be a list"),
        ({"kind": "call", "entry_point": "f", "cases": [{"args": [1]}]}, "has no 'expected'"),
        ({"kind": "call", "cases": [{"args": [], "expected": 1}]}, "'entry_point' is missing"),
        ({"kind": "call", "entry_point": "f()", "cases": [{"args": [], "expected": 1}]}, "must be the name of a function"),
        ({"kind": "call", "entry_point": "a.b.c", "cases": [{"args": [], "expected": 1}]}, "must be the name of a function"),
        ({"kind": "call", "entry_point": "f", "cases": [{"args": [DEEP], "expected": 1}]}, "case 1: 'args' cannot be sent"),
        ({"kind": "call", "entry_point": "f", "cases": [{"args": [1], "expected": DEEP}]}, "which no program can return"),
        ({"kind": "asserts", "code": f"assert f({DEEP}) == 1"}, "'code' holds a value nested deeper"),
        ({"kind": "asserts"}, "'code' is missing"),
        ({"kind": "asserts", "code": ["assert 1"]}, "'code' is a list"),
        ({"kind": "asserts", "code": "assert f(1) =="}, "does not compile (invalid syntax in line 1)"),
        ({"kind": "asserts", "code": "f(1)"}, "asserts nothing"),
        ({"kind": "asserts", "code": ""}, "asserts nothing"),
        ({"kind": "asserts", "code": "assert_equal(f(1), 1)"}, "asserts nothing"),
        ({"kind": "asserts", "code": "def assert_equal(a, b): pass\nassert_equal(f(1), 1)"}, "asserts nothing"),
        ({"kind": "asserts", "code": "class T:\n    def test(self): self.assertEqual(f(1), 2)"}, "asserts nothing"),
        ({"kind": "check", "entry_point": "f", "code": "assert f(1)"}, "does not define check"),
        ({"kind": "check", "entry_point": "f", "code": "def check(c): pass"}, "asserts nothing"),
        ({"kind": "asserts", "code": "assert f(1) == 1", "setup": "import ("}, "'setup' does not compile"),
        ({"kind": "asserts", "entry_point": 1, "code": "assert f(1) == 1"}, "'entry_point' is 1"),
        ({"kind": "reference", "entry_point": "f", "code": "def f(): pass", "cases": [{"args": "f(1)"}]}, "no literal tuple"),
    ],
)
def test_tests_that_cannot_be_used_are_named(tests: dict[str, Any], reason: str) -> None:
    assert reason in str(check_tests(tests))


@pytest.mark.parametrize(
    "code", ["import pytest\nwith pytest.raises(ValueError): f(1)", "from pytest import raises as r\nr(ValueError, f, 1)"]
)
def test_expecting_an_exception_by_pytest_is_an_assertion(code: str) -> None:
    assert check_tests({"kind": "asserts", "code": code}) is None


def test_tests_of_every_form_are_taken() -> None:
    assert {check_tests(case["tests"]) for case in CODE} == {None}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"timeout": 1}, "unknown option 'timeout'"),
        ({"time_limit": 0}, "must be above 0"),
        ({"time_limit": "2"}, "must be a number"),
        ({"float_tolerance": float("nan")}, "must be a number"),
        ({"layout": "words"}, "'lines' or 'tokens'"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], reason: str) -> None:
    assert reason in str(check_options(options))


@given(st.text())
def test_a_text_is_equal_to_itself_however_its_ends_are_spaced(text: str) -> None:
    for layout in ("lines", "tokens"):
        assert difference_of_texts(f"\n {text} \n\n", text, Conventions(layout)) is None  # type: ignore[arg-type]


@given(st.text(), st.text())
def test_comparing_texts_is_symmetric(one: str, other: str) -> None:
    assert (difference_of_texts(one, other, Conventions()) is None) == (difference_of_texts(other, one, Conventions()) is None)


@given(VALUES)
def test_a_value_is_equal_to_what_json_makes_of_it(value: Any) -> None:
    assert difference_of_values(value, json.loads(json.dumps(value)), Conventions()) is None


@given(VALUES, VALUES)
def test_values_compare_as_python_does(one: Any, other: Any) -> None:
    assert (difference_of_values(one, other, Conventions(as_json=False)) is None) == (one == other) or "nan" in repr((one, other))


def test_depth_is_no_limit_to_comparing() -> None:
    deep: Any = 0
    for _ in range(100_000):
        deep = [deep]
    assert difference_of_values(deep, deep, Conventions()) is None
    assert difference_of_values(deep, [[0]], Conventions()) is not None


STRANGE = (
    "`",
    "```python\n",
    "a,",
    "if " + ": " * 10,
    "<answer>",
    "x[",
    "<|",
    " \n",
    "def f(\n",
    "~~~\n",
    "```a```",
    "\t\n",
    "x=",
    "(",
    "    \n",
)


@pytest.mark.parametrize("piece", STRANGE, ids=repr)
@pytest.mark.parametrize("prompt", ["", "def f(x):\n"])
def test_long_and_strange_texts_are_searched(piece: str, prompt: str) -> None:
    text = piece * (300_000 // len(piece))
    found = find_program(text, prompt=prompt, names=("f",))
    assert bool(found.readings) != bool(found.reason)
    assert len(found.text) <= len(text)
