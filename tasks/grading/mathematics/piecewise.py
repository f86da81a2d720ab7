r"""Functions that are defined by cases: `\begin{cases} x^2 & x \ge 0 \\ -x & x < 0 \end{cases}`.

Two are equal if their cases are, in any order: the values as expressions, the conditions as inequalities. Left out: cases that split
the line at other places but state the same function; `otherwise` is only `otherwise`.
"""

import re

from r1bench.tasks.grading.mathematics import symbolic
from r1bench.tasks.grading.mathematics.spellings import ROW

MAX_LENGTH = 600
MAX_CASES = 12
CASES = re.compile(
    r"\s*(?:[A-Za-z]\w{0,3}(?:\s*\([a-z]\))?\s*=)?\s*(?:\\left\s*\\\{)?\s*\\begin\s*\{d?cases\}(.*)\\end\s*\{d?cases\}\s*(?:\\right\s*\.?)?[\s.]*",
    re.DOTALL,
)
CONDITION_WORD = re.compile(
    r"\\(?:text|mbox|mathrm)\s*\{\s*,?\s*(?:if|when|for|otherwise|else)\s*,?\s*\}|(?<![A-Za-z\\])(?:if|when|for)(?![A-Za-z])"
)
OTHERWISE = re.compile(r"otherwise|else")
Case = tuple[str, str]


def cases_of(text: str) -> list[Case] | None:
    """The value and the condition of each case; None if the text has no cases with conditions."""
    found = CASES.fullmatch(text) if len(text) <= MAX_LENGTH and "cases" in text else None
    if found is None:
        return None
    rows = [row for row in ROW.split(found[1]) if row.strip(" ,;\n")]
    pairs = [row.split("&", 1) for row in rows]
    if not 0 < len(rows) <= MAX_CASES or any(len(pair) < 2 for pair in pairs):
        return None
    return [(value.strip(" ,;\n"), _condition(condition)) for value, condition in pairs]


def same_cases(expected: list[Case], given: list[Case]) -> bool:
    """Whether each case has its equal on the other side.

    Raises:
        NotUnderstood, TooComplex: see symbolic.judge.
    """
    left = list(given)
    for case in expected:
        match = next((other for other in left if all(_same(*pair) for pair in zip(case, other, strict=True))), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _condition(text: str) -> str:
    return "otherwise" if OTHERWISE.search(text) else CONDITION_WORD.sub(" ", text).strip(" ,;.\n")


def _same(one: str, other: str) -> bool:
    if "otherwise" in (one, other) or one == other:
        return one == other
    return bool(symbolic.judge(one, other).is_equal)
