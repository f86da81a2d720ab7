"""Our own reader of mathematics: trees, numbers against a second library, regions, canonical forms, bounds."""

import random
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction

import pytest

from r1bench.tasks.grading.mathematics.symbolic import NotUnderstood, TooComplex, canonical, judge, parse
from r1bench.tasks.grading.mathematics.symbolic.arithmetic import Complex, Numeric, OutOfRange, Undefined, Work, pi
from r1bench.tasks.grading.mathematics.symbolic.equality import equal
from r1bench.tasks.grading.mathematics.symbolic.evaluation import Exact, evaluate
from r1bench.tasks.grading.mathematics.symbolic.nodes import Node, show
from r1bench.tasks.grading.mathematics.symbolic.regions import region
from r1bench.tasks.grading.mathematics.symbolic.tokens import tokenize
from r1bench.tasks.grading.mathematics.symbolic.vocabulary import unit_name

TREES = {
    "2x+1": "(1 + 2*x)",
    "1/2x": "1*1/2*x",
    "-x^2": "-(x^2)",
    "2^3^4": "2^(3^4)",
    "\\frac12": "1*1/2",
    "\\frac{\\pi}2": "1/2*pi",
    "\\sqrt[3]{2}": "root(2, 3)",
    "\\sqrt2x": "sqrt(2)*x",
    "\\sin 2x \\cos x": "cos(x)*sin(2*x)",
    "\\sin^2 x": "sin(x)^2",
    "\\sin^{-1} x": "arcsin(x)",
    "\\cos 2\\pi/7": "cos(1/7*2*pi)",
    "\\log_2 x": "log(x, 2)",
    "f(x)": "call(f, x)",
    "x(x+1)": "(1 + x)*x",
    "|x-1|": "abs((-1 + x))",
    "a_{n+1}": "a_n+1",
    "sinx": "sin(x)",
    "xy": "x*y",
    "3 \\text{ cm}^2": "unit(3, cm^2)",
    "(1,2]": "(1, 2]",
    "\\{2,1\\}": "{1, 2}",
    "1 \\le x < 2": "1 <= x < 2",
    "1\\frac{4}{5}": "(1 + 1/5*4)",
}
"""What each text is read as, in the notation of `show`."""
NO_ANSWERS = [
    "",
    "\\frac{",
    "(1",
    "1)",
    "x+",
    "\\begin{cases}1\\end{cases}",
    "\\int x dx",
    "hello world today",
    "2 3",
    "x 2",
    "3!!",
    "a \\to b",
    "💡",
    "#",
]
FORMULAS = {
    "\\sin 3": "sin(3)", "\\cos(100)": "cos(100)", "\\tan 1": "tan(1)", "\\arctan 5": "atan(5)", "\\arcsin(-0.3)": "asin(-3*one/10)",
    "\\arccos 0.9": "acos(9*one/10)", "\\ln 7": "ln(7)", "\\log_3 5": "ln(5)/ln(3)", "e^{-2.5}": "exp(-5*one/2)", "\\pi^e": "pi**e",
    "\\sqrt[5]{7}": "(7*one)**(one/5)", "\\sinh 2": "sinh(2)", "\\tanh 0.1": "tanh(one/10)", "\\cot 2": "cot(2)", "\\sec 3": "sec(3)",
    "\\sin(10^{20})": "sin(10**20)", "e^{i}": "exp(i)", "\\ln(-2)": "ln(-2*one)", "\\sqrt{3-4i}": "sqrt(3-4*i)",
    "(1+i)^{1/3}": "(1+i)**(one/3)", "\\cos(1+2i)": "cos(1+2*i)", "i^i": "i**i", "\\sin(1-i)": "sin(1-i)", "(2-i)^{-3}": "(2-i)**-3",
}  # fmt: skip
"""Formulas, and the same in Python for mpmath."""


@pytest.mark.parametrize(("text", "tree"), TREES.items())
def test_a_text_is_read_as_its_tree(text: str, tree: str) -> None:
    assert show(parse(text)) == tree


@pytest.mark.parametrize("text", NO_ANSWERS)
def test_what_is_no_mathematics_is_not_guessed(text: str) -> None:
    with pytest.raises((NotUnderstood, TooComplex)):
        judge(text, text + " ")


@pytest.mark.parametrize("text", ["x" * 3000, "+".join("x" * 900), "(" * 100 + "x" + ")" * 100, "1," * 100 + "1", "\\sqrt " * 100 + "2"])
def test_more_than_any_answer_is_refused_by_name(text: str) -> None:
    with pytest.raises(TooComplex):
        parse(text)


def test_work_is_bounded_by_count() -> None:
    with pytest.raises(TooComplex, match="work"):
        equal(parse("+".join(f"\\sin({number}x)" for number in range(1, 60))), parse("x"), Work(1000))


@pytest.mark.parametrize(("formula", "python"), FORMULAS.items())
def test_values_agree_with_mpmath(formula: str, python: str) -> None:
    import mpmath

    found = evaluate(parse(formula), {}, Numeric(60, real=False, work=Work()))
    with mpmath.workdps(90):
        names = {
            name: getattr(mpmath, name)
            for name in ("sin", "cos", "tan", "atan", "asin", "acos", "ln", "exp", "sqrt", "sinh", "tanh", "cot", "sec", "pi", "e")
        }
        expected = mpmath.mpc(eval(python, {**names, "i": mpmath.mpc(0, 1), "one": mpmath.mpf(1)}))
        ours = mpmath.mpc(*(str(part) for part in ((found.real, found.imaginary) if isinstance(found, Complex) else (found, Decimal(0)))))
        assert abs(expected - ours) < abs(expected) * 10**-58


def test_pi_is_right_to_its_last_digit() -> None:
    assert str(pi(50))[:52] == "3.14159265358979323846264338327950288419716939937510"


def test_random_rational_functions_are_equal_exactly_when_fractions_say_so() -> None:
    choose = random.Random(7)
    for _ in range(200):
        a, b, c, d = (choose.randint(-9, 9) for _ in range(4))
        left, right = f"({a}x+{b})({c}x+{d})", f"{a * c}x^2+{a * d + b * c}x+{b * d}"
        assert judge(left, right).is_equal is True
        assert judge(left, f"{right}+\\frac{{1}}{{10^{{40}}}}").is_equal is False


def test_the_decimal_context_of_the_caller_changes_nothing() -> None:
    pairs = [
        ("\\sqrt{12}", "2\\sqrt3"),
        ("\\sin 1", "\\cos(\\pi/2-1)"),
        ("\\sqrt{12}", "2\\sqrt3+10^{-20}"),
        ("(1,\\sqrt2)", "1<x<1.41421356"),
    ]
    expected = [judge(*pair).is_equal for pair in pairs]
    assert expected == [True, True, False, False]
    with localcontext() as context:
        context.prec, context.Emax = 2, 3
        assert [judge(*pair).is_equal for pair in pairs] == expected
    assert getcontext().prec == 28


@pytest.mark.parametrize("text", ["9^{9^{9^9}}", "(10^9)!", "e^{e^{e^{e^9}}}", "2^{-9^{9^9}\\cdot 10^9}"])
def test_values_out_of_range_are_known_at_once(text: str) -> None:
    with pytest.raises(OutOfRange):
        evaluate(parse(text), {}, Numeric(30, real=True, work=Work()))


@pytest.mark.parametrize("text", ["1/0", "0^0", "\\ln 0", "\\sqrt{-1}", "(-1)!", "\\infty-\\infty", "\\arcsin 2", "\\ln(-1)"])
def test_values_that_do_not_exist_are_undefined(text: str) -> None:
    with pytest.raises(Undefined):
        evaluate(parse(text), {}, Numeric(30, real=True, work=Work()))


def test_what_cannot_be_told_is_neither_equal_nor_different() -> None:
    assert judge("9^{9^9}+1", "9^{9^9}").is_equal is None
    assert judge("9^{9^{9^9}}", "9^{9^{9^8}} + 1").is_equal is None


def test_exact_values_are_exact() -> None:
    assert evaluate(parse("\\frac{1}{3}+0.5"), {}, Exact(Work())) == Fraction(5, 6)
    assert evaluate(parse("\\binom{x}{2}"), {"x": Fraction(7)}, Exact(Work())) == 21


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("x < 2, x > 3", [("-Infinity", "2"), ("3", "Infinity")]),
        ("x > 2, x < 3", [("2", "3")]),
        ("[1,2] \\cup [2,3)", [("1", "3")]),
        ("\\{1\\} \\cup (1,2)", [("1", "2")]),
        ("[0,5] \\cap (3,9)", [("3", "5")]),
        ("[0,5] \\setminus \\{2\\}", [("0", "2"), ("2", "5")]),
        ("(3,1)", []),
    ],
)
def test_regions_are_normal(text: str, pieces: list[tuple[str, str]]) -> None:
    found = region(parse(text), Work())
    assert found is not None
    assert [(str(piece.low), str(piece.high)) for piece in found.pieces] == pieces


def test_regions_with_variables_in_their_ends_are_none() -> None:
    assert region(parse("(a,b)"), Work()) is None
    assert region(parse("2x < 4"), Work()) is None


@pytest.mark.parametrize(
    ("one", "other"), [("x+1", "1 + x"), ("0.5", "\\frac12"), ("2, 1", "1,2"), ("y=2x", "2x"), ("3\\text{ cm}", "3"), ("2\\cdot x", "x*2")]
)
def test_spellings_have_one_canonical_form(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"), [("(2x)^2", "2x^2"), ("(1,2)", "(2,1)"), ("[1,2)", "(1,2)"), ("-x^2", "(-x)^2"), ("1/(2x)", "1/2x"), ("x<1", "x>1")]
)
def test_different_answers_have_different_canonical_forms(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_units_have_one_spelling() -> None:
    assert unit_name("square centimeters") == unit_name("cm^2") == unit_name("sq cm")
    assert unit_name("feet") == unit_name("ft") != unit_name("inches")


def test_tokens_of_plain_text_and_latex_are_alike() -> None:
    assert [token.value for token in tokenize("2*sqrt(3)")] == ["2", "*", "sqrt", "(", "3", ")"]
    assert [token.value for token in tokenize("2\\cdot\\sqrt{3}")] == ["2", "*", "sqrt", "{", "3", "}"]
    assert parse("2*sqrt(3)") == parse("2\\cdot\\sqrt{3}") == Node("*", (parse("2"), Node("sqrt", (parse("3"),))))
