r"""Decides whether two mathematical answers are equal, and prepares for Math-Verify the few that only it can read.

The layers, cheapest first; the first that has a verdict gives it:
0. Different spellings of one thing become one (spellings.py); no layer sees the others.
1. 'text': the same text after normalisation.
2. 'number': two exact numbers (integers.py).
3. 'base': digits with a base (`4210_{5}`). 'words': `\text{east}` (words.py). Ellipses, congruences, ratios and times of day are
   compared as text only.
4. 'expression': both are understood by our own parser (symbolic/; functions by cases: piecewise.py), which is exact, bounded, and
   runs in this process.
5. 'math-verify': what that parser does not read (sums with bounds, integrals, cases ...) goes to Math-Verify 0.9 in a worker process
   (workers.py, math_worker.py), unless it is prose or too long.

Differences from Math-Verify on its own: golds need no `$`; words are words and not products of letters; numbers are exact (`0.333333`
is not `1/3`, 2^-99 not 2^-98); bases count; a unit is dropped only where it is written as one; alternatives of inequalities are unions.
Conventions that graders contradict each other on are options (conventions.py). Left out: units that have to be converted, the form that
a problem asks for (lowest terms apart), proofs of equality.
"""

import re
from typing import NamedTuple

from r1bench.tasks.grading import integers
from r1bench.tasks.grading.conventions import DEFAULTS, Conventions
from r1bench.tasks.grading.mathematics import piecewise, symbolic, words
from r1bench.tasks.grading.mathematics.spellings import one_spelling
from r1bench.tasks.grading.mathematics.symbolic import vocabulary
from r1bench.tasks.grading.mathematics.words import SPACING, TEXT_COMMAND, WRAPPED

MAX_LENGTH = 2_000
"""Longer answers are not looked at: no published answer is longer than a tenth of this."""
MAX_FORMULA = 300
"""Longer formulas are not given to Math-Verify, whose regular expressions take more than linear time."""

BASED = re.compile(r"(-?[0-9A-Za-z]+(?:\.\d+)?)_\{?(\d{1,2})\}?")
APPROXIMATELY = re.compile(r"\\approx|≈")
RATIO_SIGN = re.compile(r"\{:\}|\\colon(?![A-Za-z])|[∶：]")
CONTINUED = re.compile(r"(?:\.\d{1,50}|[,;][^,;…]{0,30})…$")
"""A decimal or a list that goes on; after anything else three dots are punctuation."""
CONGRUENT = re.compile(r"\\equiv|≡")
MINUTES = re.compile(r"\d\s*(?:'{1,2}|[′″]|\^\{?\\prime\}?)$")
MODULUS = re.compile(r"\\[pb]?mod|\\text\{mod\}|(?<![A-Za-z\\])mod(?![A-Za-z])")
ELLIPSIS = re.compile(r"\\[lcdv]?dots[bcimo]?(?![A-Za-z])|\.\.\.|…")
UNICODE = {letter: vocabulary.UNICODE[letter] for letter in "∞π×·⋅≤≥≠∪∩∈±°θ½"} | {"÷": "/"}
TEXT_UNIT = re.compile(rf"(?<=[\w)}}\s])\s*{TEXT_COMMAND}\s*\{{[^{{}}]*[A-Za-z%][^{{}}]*\}}\s*(?:\^\{{?\d\}}?)?\s*$")
FUNCTIONS = "sin|cos|tan|cot|sec|csc|log|ln|exp|arcsin|arccos|arctan|min|max|gcd|lcm"


class Decision(NamedTuple):
    """A verdict on a pair, the reason and the layer that found it."""

    outcome: str
    """correct, wrong, unparsed, failed, or ask: only Math-Verify can tell."""
    reason: str
    layer: str


class Canonical(NamedTuple):
    """The fixed form of an answer."""

    text: str
    is_understood: bool
    """False where it is only the text without spaces and markup."""


def normalised(text: str) -> str:
    """The text without spaces and without markup that does not change its meaning."""
    text = SPACING.sub("", text.replace("\\$", "").replace("$", "").translate(integers.FULL_WIDTH)).strip(" *")
    text = re.sub(r"\\[dtc]frac(?![A-Za-z])", r"\\frac", text)
    text = re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\^\{?\\circ\}?|°", "°" if "\\pi" in text or "π" in text else "", ELLIPSIS.sub("…", text))
    text = WRAPPED.sub(r"\1", RATIO_SIGN.sub(":", text))
    text = re.sub(r"_\{(\w)\}", r"_\1", re.sub(r"\^\{(\w)\}(?!\d)", r"^\1", text))
    text = re.sub(r"\s+(?!\d)|(?<!\d)\s+", "", text).rstrip(".,;:")
    return text if CONTINUED.search(text) else text.rstrip("….,;:")


def compare(gold: str, answer: str, conventions: Conventions = DEFAULTS) -> Decision:
    """Verdict, reason and layer. Two empty texts are not equal."""
    gold, answer = one_spelling(gold), one_spelling(answer)
    left, right = normalised(gold), normalised(answer)
    if not left or not right:
        return Decision("wrong", "empty", "text")
    if left == right and conventions.units == "ignore":
        return Decision("correct", "equal text", "text")
    is_continued = "…" in left + right
    decided = (None if is_continued else _numbers(gold, answer, conventions)) or _as_text(gold, answer, left, right, conventions)
    return decided or _expressions(gold, answer, conventions)


def is_ratio(plain: str) -> bool:
    """Whether a normalised text is a ratio or a time of day, which are compared as text."""
    return ":" in plain and "{" not in plain


def unusable(gold: str) -> str | None:
    """Why no layer in this process can judge by a gold, or None if one can."""
    gold = one_spelling(gold)
    plain = normalised(gold)
    is_text = (
        words.words_of(gold) is not None
        or is_ratio(plain)
        or ELLIPSIS.search(gold)
        or BASED.fullmatch(plain)
        or MODULUS.search(plain)
        or piecewise.cases_of(gold)
    )
    if is_text or integers.parse(gold) is not None:
        return None
    try:
        decision = symbolic.judge(gold, gold)
    except (symbolic.NotUnderstood, symbolic.TooComplex) as error:
        return f"is not understood ({error})"
    return None if decision.is_equal else f"is not equal to itself ({decision.reason})"


def may_be_asked(text: str, reason: str | None) -> bool:
    """Whether Math-Verify may be asked about a gold that `unusable` gives this reason for."""
    return reason is not None and reason.startswith("is not understood") and len(text) <= MAX_FORMULA and not words.is_prose(text)


def canonical(answer: str) -> Canonical:
    """An answer in a fixed form: answers that differ in spelling only have the same one, different answers have different ones."""
    answer = one_spelling(answer)
    if (number := integers.parse(answer)) is not None:
        return Canonical(str(number), True)
    if (said := words.words_of(answer)) is not None:
        return Canonical(said.casefold() if len(said) > 1 else said, True)
    if (shown := symbolic.canonical(answer)) is not None:
        return Canonical(shown, True)
    return Canonical(normalised(answer), False)


def _numbers(gold: str, answer: str, conventions: Conventions) -> Decision | None:
    """The verdict on two numbers, where no convention looks at how they are written."""
    if conventions.units == "require" or conventions.unreduced_fractions == "reject":
        return None
    if "=" in gold or APPROXIMATELY.search(gold + answer):  # an equation is no number, although its right side is
        return None
    is_equal = integers.equal(gold, answer, conventions)
    if is_equal is None:
        return None
    return Decision("correct", "equal numbers", "number") if is_equal else Decision("wrong", "numbers differ", "number")


def _as_text(gold: str, answer: str, left: str, right: str, conventions: Conventions) -> Decision | None:
    """The verdict on what is no expression: digits in a base, words, ellipses, ratios."""
    bases = BASED.fullmatch(left), BASED.fullmatch(right)
    if bases[0] and (bases[1] or right.lstrip("-").isalnum()):
        digits, base = (bases[1][1], bases[1][2]) if bases[1] else (right, None)
        allowed = {"require": {bases[0][2]}, "optional": {bases[0][2], None}, "ignore": {base}}[conventions.base_subscripts]
        is_equal = digits.casefold() == bases[0][1].casefold() and base in allowed
        return Decision("correct" if is_equal else "wrong", "equal in its base" if is_equal else "differs in digits or base", "base")
    if (expected := words.words_of(gold)) is not None:
        is_equal = words.same_words(expected, answer)
        return Decision("correct" if is_equal else "wrong", "equal words" if is_equal else "words differ", "words")
    if (cases := piecewise.cases_of(gold)) is not None:
        return _by_cases(cases, answer)
    if re.fullmatch(r"[A-J]", left) and (choice := words.choice_of(answer)) is not None:
        return Decision("correct" if choice == left else "wrong", "choice letter", "words")
    if words.words_of(answer) is not None:
        return Decision("wrong", "words instead of mathematics", "words")
    if bool(MINUTES.search(left)) != bool(MINUTES.search(right)) and integers.DEGREES.search(gold + answer):
        return Decision("wrong", "minutes and degrees", "text")
    if CONGRUENT.search(left + right) or MODULUS.search(left):
        left, right = _congruence(left), _congruence(right)
        is_equal = left == right
        return Decision("correct", "equal text", "text") if is_equal else Decision("wrong", "differs as text", "text")
    if "…" in left + right or is_ratio(left) or (re.fullmatch(r"-?\d+", left) and re.fullmatch(r"-?\d+:\d+", right)):
        is_equal = left.casefold() == right.casefold()
        return Decision("correct", "equal text", "text") if is_equal else Decision("wrong", "differs as text", "text")
    return None


def _by_cases(expected: list[piecewise.Case], answer: str) -> Decision:
    """The verdict on a function that is defined by cases."""
    given = piecewise.cases_of(answer)
    if given is None:
        return Decision("wrong", "not given by cases", "expression")
    try:
        is_equal = piecewise.same_cases(expected, given)
    except (symbolic.NotUnderstood, symbolic.TooComplex) as error:
        return Decision("unparsed", f"not understood: {error}", "expression")
    return Decision("correct" if is_equal else "wrong", "equal cases" if is_equal else "cases differ", "expression")


def _congruence(plain: str) -> str:
    r"""`3\pmod{7}` for each way of writing it; what is congruent is left out."""
    return re.sub(r"[(){}\s]", "", MODULUS.sub("mod", re.sub(r"^[A-Za-z](?:\\equiv|≡)(?=.*mod)", "", plain)))


def _expressions(gold: str, answer: str, conventions: Conventions) -> Decision:
    """The verdict of our parser, or whom to ask."""
    try:
        decision = symbolic.judge(gold, answer, conventions)
        if decision.is_equal is None:
            return Decision("failed", decision.reason, "expression")
        if not decision.is_equal and (separate := _with_separate_digits(gold)) is not None:
            decision = symbolic.judge(separate, answer, conventions)
        return Decision("correct" if decision.is_equal else "wrong", decision.reason, "expression")
    except symbolic.TooComplex as error:
        return Decision("unparsed", str(error), "expression")
    except symbolic.NotUnderstood as error:
        if words.is_prose(answer) or _is_sentence(answer):
            return Decision("unparsed", "a sentence instead of mathematics", "expression")
        if len(gold) + len(answer) > MAX_FORMULA or answer.count("{") > 60:
            return Decision("unparsed", f"not understood: {error}", "expression")
        return Decision("ask", str(error), "math-verify")


def _is_sentence(text: str) -> bool:
    """Whether a value has words behind it that are no unit, as in `36 \\text{ or more}`, which Math-Verify would leave out."""
    try:
        symbolic.parse(text)
    except symbolic.NotUnderstood as error:
        return str(error) == "a sentence"
    except symbolic.TooComplex:
        return False
    return False


def _with_separate_digits(gold: str) -> str | None:
    """`331,121`, read as one number above, as the list of two that it may also be."""
    return gold.replace(",", ", ") if re.fullmatch(r"\s*\$?\d{1,3}(?:,\d{3})+\$?\s*", gold) else None


def to_latex(text: str) -> str:
    r"""The answer as one line of LaTeX without `$`, ready to be put between `$` for Math-Verify.

    Plain notation becomes LaTeX (`pi/2`, `exp(16)`, `2*x`, `x**2`, `\sqrt(2)`), upright letters become variables, "and" and "or" commas.
    """
    text = one_spelling(text).replace("\\$", "").replace("$", "").translate(integers.FULL_WIDTH)
    text = "".join(UNICODE.get(letter, letter) for letter in text)
    text = re.sub(r"(?<=\d)(?:,\s*\\!\s*|\\,|\{,\})(?=\d{3})", "", text)
    text = re.sub(rf",?\s*{TEXT_COMMAND}\s*\{{\s*(?:,?\s*)?(?:and|or)\s*\}}", ",", text)
    text = TEXT_UNIT.sub("", text) or text
    text = re.sub(r"\\math(?:rm|bf|it)\s*(?:\{([A-Za-z])\}|\s([A-Za-z]))", r"\1\2", text)
    text = re.sub(r"^\s*[A-Za-z]\s*\\in(?![A-Za-z])\s*", "", text)
    if not re.search(r"\\(?!sqrt|pi|infty|cdot|times|circ)[A-Za-z]", text):
        text = _plain_to_latex(text)
    text = re.sub(r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}", text.replace("**", "^"))
    text = re.sub(r"\\[dtc]frac(?![A-Za-z])", r"\\frac", text)
    return re.sub(r"\s+", " ", text.replace("*", "\\cdot ")).strip().rstrip("\\.,;: ")


def _plain_to_latex(text: str) -> str:
    text = re.sub(r"\s+(?:and|or)\s+", ", ", text.replace("**", "^"))
    text = re.sub(r"(?<![A-Za-z])(pi|infinity|inf|oo)(?![A-Za-z])", lambda name: "\\pi " if name[1] == "pi" else "\\infty ", text)
    text = re.sub(rf"(?<![A-Za-z])({FUNCTIONS})(?=[\s(^])", r"\\\1", text)
    return re.sub(r"(?<![A-Za-z])sqrt\s*\(", r"\\sqrt(", text)
