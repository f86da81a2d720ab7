"""What programs say, print and give back, whatever it is: it never raises in the harness, and honest values keep their meaning.

Run: make test PYTEST_ARGS=tests/harness/sandbox/test_sandbox_values.py
"""

import ast
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from puppets import DEFINED, PuppetSandbox, value

from r1bench.harness.sandbox import Calls, Examined, Script, jobs
from r1bench.harness.sandbox.codec import CodecError, TooLargeError, decode, encode, shown
from r1bench.harness.sandbox.examiner import Corrections, correct_numpy
from r1bench.harness.sandbox.frames import HEAD, KINDS, framed
from r1bench.tasks.grading.programs.grader import CodeGrader
from r1bench.tasks.grading.request import GradeRequest

OUTCOMES = {"correct", "wrong", "failed"}
HUGE = st.integers(-5, 5).map(lambda number: number * 10**5000)
KEYS = st.one_of(
    *(st.none(), st.booleans(), HUGE, st.integers(), st.floats(), st.complex_numbers(), st.binary(max_size=4), st.fractions()),
    *(st.text(st.characters(codec=None), max_size=4), st.decimals(allow_nan=False), st.just(Decimal("NaN")), st.dates(), st.datetimes()),
    *(st.times(), st.timedeltas(), st.datetimes(timezones=st.just(UTC)), st.builds(range, HUGE, HUGE, st.integers(1, 3))),
)
VALUES = st.recursive(
    KEYS,
    lambda inner: st.one_of(
        *(st.lists(inner, max_size=4), st.tuples(inner, inner), st.sets(KEYS, max_size=3), st.frozensets(KEYS, max_size=3)),
        *(st.lists(inner, max_size=3).map(deque), st.lists(KEYS, max_size=3).map(Counter)),
        *(st.dictionaries(KEYS, inner, max_size=3).map(made) for made in (dict, OrderedDict, dict.keys, dict.values, dict.items)),
        st.dictionaries(KEYS, inner, max_size=3).map(lambda entries: defaultdict(list, entries)),
    ),
    max_leaves=8,
)
JSON = st.recursive(st.none() | st.integers() | st.floats() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3))
LETTERS = st.sampled_from(
    [*"ltszdhifcbaro", "Fraction", "Decimal", "datetime", "deque", "Counter", "keys", "0x" + "f" * 5000, "1e99999999"]
)
FORMS = st.recursive(LETTERS | JSON, lambda inner: st.lists(inner, max_size=5), max_leaves=12)
BODIES = st.one_of(
    st.binary(max_size=30), VALUES.map(encode), FORMS.map(lambda form: repr(form).replace("'", '"').encode("utf-8", "replace"))
)
FRAMES = st.one_of(
    st.builds(framed, st.sampled_from(KINDS), BODIES),
    st.builds(lambda kind, size, body: HEAD.pack(kind, size) + body, st.integers(0, 255), st.integers(0, 2**32 - 1), BODIES),
    st.binary(max_size=40),
)
TESTS: list[dict[str, Any]] = [
    {"kind": "stdin", "cases": [{"input": "", "output": "1"}]},
    {"kind": "call", "entry_point": "f", "cases": [{"args": [1], "expected": {"1": [2.5]}}]},
    {"kind": "asserts", "code": "assert f(1) == {1: (2, 3)}"},
    {"kind": "asserts", "code": "assert abs(f(1)) == 2"},
    {"kind": "reference", "entry_point": "f", "code": "def f(x): return x", "cases": [{"args": "(1,)"}]},
    {"kind": "reference", "entry_point": "f", "code": "def f(x): return x", "cases": [{"args": "(1,)"}], "compare": "set"},
    {"kind": "reference", "entry_point": "f", "code": "def f(x): return x", "cases": [{"args": "(1,)"}], "compare": "truth"},
]


def graded(sandbox: PuppetSandbox, tests: dict[str, Any]) -> Any:
    """The judgement of a program that a puppet plays."""
    grader = CodeGrader()
    grader.sandbox = sandbox
    return grader.grade([GradeRequest("```python\ndef f(x): return x\n```", tests=tests, options={"float_tolerance": 0.1})])[0]


# nothing that a program says raises in the harness


@pytest.mark.parametrize("tests", TESTS, ids=lambda tests: f"{tests['kind']} {tests.get('compare', '')}")
@settings(max_examples=25)
@given(frames=st.lists(FRAMES, max_size=4), printed=st.binary(max_size=20), status=st.sampled_from([0, 1, -9, -31, -64]))
def test_no_message_of_a_program_breaks_the_harness(tests: dict[str, Any], frames: list[bytes], printed: bytes, status: int) -> None:
    sandbox = PuppetSandbox(DEFINED, *frames, printed=printed, end={"status": status})
    assert graded(sandbox, tests).outcome in OUTCOMES


@pytest.mark.parametrize("tests", TESTS, ids=lambda tests: f"{tests['kind']} {tests.get('compare', '')}")
@settings(max_examples=25)
@given(said=VALUES, kind=st.sampled_from(["value", "opaque", "raised"]))
def test_no_value_of_a_program_breaks_the_harness(tests: dict[str, Any], said: Any, kind: str) -> None:
    judged = graded(PuppetSandbox(DEFINED, value(said, kind)), tests)
    assert judged.outcome in OUTCOMES
    assert judged.reason.isprintable()


@settings(max_examples=25)
@given(st.lists(FRAMES, max_size=3))
def test_a_program_that_says_anything_at_all_from_its_first_byte_on_gets_a_status(frames: list[bytes]) -> None:
    for job in (Script("1"), Calls("1", "f", ((1,), (2,))), Examined("1", "assert f(1)")):
        assert PuppetSandbox(*frames).run([job])[0].status


@given(FORMS)
def test_a_form_of_a_stranger_is_a_plain_value_or_an_error(form: Any) -> None:
    try:
        found = decode(repr(form).replace("'", '"').encode())
    except CodecError:
        return
    assert 0 < len(shown(found)) <= 200
    assert encode(found)


@given(VALUES)
def test_any_value_can_be_shown_in_few_letters(given_value: Any) -> None:
    assert 0 < len(shown(given_value)) <= 200


def test_after_too_much_in_all_calls_together_each_further_call_has_its_own_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "VALUE_BYTES", 10_000)
    job = Calls("1", "f", ((1,),) * 7, keep=lambda number, found: number)
    ended = PuppetSandbox(DEFINED, *[value([[]] * 50)] * 7, end={"cause": "done"}).run([job])[0]
    assert [each.value for each in ended.values] == [0, *[None] * 6]
    assert {each.reason for each in ended.values[1:]} == {"gave too much in all calls together"}


# honest values keep their meaning

HONEST = [
    Fraction(1, 3), Decimal("2.50"), Decimal("NaN"), Decimal("-Infinity"), date(2024, 2, 29), time(1, 2, 3, 4), timedelta(-1, 5, 7),
    datetime(2024, 2, 29, 1, 2, 3, 4), datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-3))), UTC, deque([1, [2]], 3), Counter("abca"),
    OrderedDict([(2, 1), (1, 2)]), {1: [2]}.keys(), {1: [2]}.values(), {1: [2]}.items(), range(10**5000),
]  # fmt: skip


@pytest.mark.parametrize("honest", HONEST, ids=lambda honest: type(honest).__name__)
def test_a_value_of_the_standard_library_comes_back_as_it_was(honest: Any) -> None:
    found = decode(encode([honest]))[0]
    assert type(found) is type(honest)
    assert found == honest if isinstance(honest, range) else repr(found) == repr(honest)


def test_a_default_that_is_a_function_is_left_behind_and_a_builtin_one_is_kept() -> None:
    assert decode(encode(defaultdict(list, a=[1])))["b"] == []
    assert decode(encode(defaultdict(lambda: 1, a=2))).default_factory is None


def test_a_view_of_an_ordered_dict_crosses_as_that_of_a_dict() -> None:
    assert decode(encode(OrderedDict(a=1).items())) == {"a": 1}.items()


def test_an_ordered_dict_crosses_in_its_own_order() -> None:
    ordered = OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    assert list(decode(encode(ordered))) == ["b", "a"]


def test_a_subclass_of_a_number_of_the_standard_library_does_not_cross() -> None:
    class Liar(Fraction):
        def __eq__(self, other: object) -> bool:
            return True

    with pytest.raises(CodecError, match="no plain value"):
        encode(Liar(1, 2))


@pytest.mark.parametrize(
    "form",
    [
        *('["o"]', '["o","Fraction",1]', '["o","Fraction",1,0]', '["o","Decimal","sNaN"]', '["o","Decimal","x"]', '["o","date",0,1,1]'),
        *('["o",["l"],1]', '["o","deque",["l"],-1]', '["o","defaultdict","eval",["d"]]', '["o","timezone",["o","timedelta",9,0,0]]'),
        *('["o","Counter",["l"]]', '["o","timedelta",9999999999,0,0]', '["o","Fraction",true,2]', '["o","os.system","true"]'),
        '["o","Fraction",["i","0x' + "f" * 17000 + '"],3]',
    ],
)
def test_parts_that_make_no_value_are_refused(form: str) -> None:
    with pytest.raises(CodecError):
        decode(form.encode())


@pytest.mark.parametrize("made", [dict.fromkeys, set, frozenset], ids=["dict", "set", "frozenset"])
@pytest.mark.parametrize("step", [1, 0.5, 7919, 1 << 20], ids=str)
def test_a_hundred_thousand_honest_keys_cross(made: Any, step: float) -> None:
    many = made([number * step for number in range(100_000)])
    assert decode(encode(many)) == many


def chained(count: int, size: int) -> list[int]:
    """Keys for a dict of 2 ** size places: half fill one chain of places, and half walk along it."""
    mask, chain = (1 << size) - 1, [1]
    while len(chain) < count // 2:
        chain.append((chain[-1] * 5 + 1) & mask)
    return chain + [chain[0] + (number << size) for number in range(1, count // 2 + 1)]


@pytest.mark.parametrize(("count", "size"), [(20_000, 15), (170_000, 18)])
def test_keys_that_were_chosen_to_collide_are_refused_without_a_table(count: int, size: int) -> None:
    with pytest.raises(CodecError, match="equal hashes"):
        decode(b'["d",' + b",".join(b"%d,1" % key for key in chained(count, size)) + b"]")


def test_half_a_million_keys_are_too_many() -> None:
    with pytest.raises(TooLargeError):
        decode(encode(set(range(500_000))))


# what published tests let pass


def corrected(code: str) -> dict[str, Any]:
    """The names that test code defines once it is corrected."""
    copy, copy_of_testing = ModuleType("np"), ModuleType("testing")  # of numpy: this process needs the true one
    copy.__dict__.update(vars(np), testing=copy_of_testing)
    copy_of_testing.__dict__.update(vars(np.testing))
    correct_numpy(copy, copy_of_testing)
    names: dict[str, Any] = {"np": copy}
    exec(compile(ast.fix_missing_locations(Corrections().visit(ast.parse(code))), "t", "exec"), names)
    return names


@pytest.mark.parametrize(
    ("one", "other", "is_close"),
    [
        *(([], 2.5, False), (2.5, [], False), ([7], [], False), ([[]], [1.0], False), ([1.0], [1.0, 1.0], False), ([2.5], 2.5, False)),
        *((2.5, 2.5, True), ([1.0, 2.0], (1.0, 2.0), True), (np.array([0.0, 0.0]), 0, True), (np.array([]), 0, False), ([], [], True)),
    ],
)
def test_arrays_are_close_only_if_they_are_of_one_shape(one: Any, other: Any, is_close: bool) -> None:
    names = corrected("def same(a, b): return bool(np.allclose(a, b=b)), bool(np.isclose(a, b).all())")
    assert names["same"](one, other) == (is_close, is_close)
    thrown = corrected("def same(a, b): np.testing.assert_allclose(a, b)")["same"]
    if not is_close:
        with pytest.raises(AssertionError):
            thrown(one, other)


EMPTY = ("[]", "()", "range(0)", "[[]]")
STRETCHED = (
    *("np.equal(x, y).all()", "not np.not_equal(x, y).any()", "np.all(np.abs(np.subtract(x, y)) < 1e-6)", "np.less(x, y + 1).all()"),
    *("(np.array(x) == y).all()", "not (np.asarray(x) != y).any()", "np.linalg.norm(np.array(x) - y) < 1e-6", "np.all(x == np.array(y))"),
    *("(np.array(x).flatten() == y).all()", "(np.round(x, 2) == y).all()", "np.testing.assert_array_equal(x, y) is None"),
    *("np.testing.assert_array_less(x, y + 1) is None", "(lambda same: same(x, y))(np.allclose)", "all(map(np.isclose, [x], [y]))"),
)


@pytest.mark.parametrize("text", STRETCHED)
def test_nothing_is_no_answer_however_numpy_compares_it(text: str) -> None:
    holds = corrected(f"def holds(x, y):\n    assert {text}\n    return True")["holds"]
    for empty in EMPTY:
        with pytest.raises(AssertionError):
            holds(eval(empty), 2.5)
    assert holds(2.5, 2.5)


@pytest.mark.parametrize("text", ["np.allclose(np.array(x), 2.5)", "np.allclose(x, np.float64(2.5))", "np.equal(x, 2.5).all()"])
def test_a_list_of_one_number_is_not_that_number(text: str) -> None:
    same = corrected(f"def same(x): return bool({text})")["same"]
    assert (same([2.5]), same(2.5)) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        *("np.array([]).size == 0", "(np.array([]) == np.array([])).all()", "np.array([]).tolist() == []", "(np.array([]) >= 0).all()"),
        *("np.testing.assert_array_equal([], []) is None", "repr(np.array([])) == 'array([], dtype=float64)'", "np.array([]).sum() == 0"),
        *("(np.diff(np.array([5])) == 1).all()", "np.allclose(np.array([5]) - np.array([5]), 0)", "(np.array([5]) == 5).all()"),
        *("np.allclose(np.array([0, 0]), 0)", "np.isclose([1, 2], [1, 2], rtol=np.array([0.1, 0.2])).all()", "np.less([1, 2], 10).all()"),
        *("np.allclose(np.array(2.5), 2.5)", "np.array(2.5) == np.float64(2.5)", "np.equal(3, 3)", "np.subtract([[1, 2]], 1)[0][1] == 1"),
        *("np.testing.assert_equal([[1], [2, 3]], [[1], [2, 3]]) is None", "np.testing.assert_equal({'a': 1}, {'a': 1}) is None"),
        *("np.equal.outer([1, 2], [1, 2]).sum() == 2", "np.array([5])[0] == 5", "np.append(np.array([]), 1).tolist() == [1]"),
        *(
            "np.vectorize(np.isclose)([1.0], [1.0]).all()",
            "not np.allclose([3], [1, 2, 3])",
            "np.testing.assert_array_less([1, 2], 9) is None",
        ),
    ],
)
def test_honest_tests_by_numpy_hold(text: str) -> None:
    assert corrected(f"def holds(): return bool({text})")["holds"]()


def test_a_polynomial_far_below_zero_is_no_root() -> None:
    same = corrected("def _poly(x): return x\ndef same(x): return _poly(x) <= 1e-4")["same"]
    assert (same(-5.0), same(5.0), same(1e-5)) == (False, False, True)
