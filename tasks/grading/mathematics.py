r"""Decides whether two mathematical answers are equal where text and exact numbers suffice, and prepares the others for Math-Verify.

In order, cheapest first: identical text after normalisation; two exact numbers (integers.py); numbers in a base (`4210_{5}`); words
(`\text{east}`); lists with an ellipsis and ratios, which are compared as text only. What is left goes to Math-Verify in a worker
process (workers.py, math_worker.py). Differences from Math-Verify 0.9 on its own: golds need no `$`; words are compared as words
and not as products of letters; exact numbers are compared exactly (`0.333333` is not `1/3`); bases count; a unit is dropped only
where it is written as one (Math-Verify takes the `t` of `3t` for tons).

Left out: percent conventions (`50%` equals 50, as units are dropped), units that have to be converted, equality up to a constant.
"""

import re
from fractions import Fraction

from r1bench.tasks.grading import integers

VERSION = "1"
MAX_LENGTH = 2_000
"""Longer answers are not looked at: no published answer is longer than a tenth of this."""

TEXT_COMMAND = r"\\(?:text|mbox|textbf|textrm|textit|mathrm|mathbf|rm|bf|operatorname)"
SPACING = re.compile(r"\\[,;:! ]|\\(?:quad|qquad|displaystyle|limits)(?![A-Za-z])|~|\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])\.?")
WRAPPED = re.compile(rf"{TEXT_COMMAND}\s*\{{([^{{}}]*)\}}")
BASED = re.compile(r"([0-9A-Za-z]+)_\{?(\d{1,2})\}?")
CHOICE = re.compile(r"\(?([A-J])\)?(?:[.:)\s].*)?")
WORDS = re.compile(r"[^\W\d_]{2,}(?:[\s'-]+[^\W\d_]+)*|[A-Z]")
BARE_WORD = re.compile(r"[^\W\d_]{5,}|[\u3400-\u9fff]+")
ELLIPSIS = re.compile(r"\\[lcdv]?dots[bcimo]?(?![A-Za-z])|\.\.\.|…")
UNICODE = {
    "∞": "\\infty ", "π": "\\pi ", "×": "\\times ", "·": "\\cdot ", "⋅": "\\cdot ", "÷": "/", "≤": "\\le ", "≥": "\\ge ",
    "≠": "\\ne ", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ", "±": "\\pm ", "°": "^\\circ ", "θ": "\\theta ", "½": "\\frac{1}{2}",
}  # fmt: skip
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])")
TEXT_UNIT = re.compile(rf"(?<=[\w)}}\s])\s*{TEXT_COMMAND}\s*\{{[^{{}}]*[A-Za-z%][^{{}}]*\}}\s*(?:\^\{{?\d\}}?)?\s*$")
PLAIN_UNIT = re.compile(
    r"(?<=[\w)}])\s+(?:sq(?:uare|\.)?\s+)?(?:cm|mm|km|ft|feet|foot|inch(?:es)?|miles?|met(?:er|re)s?|units?|degrees?|hours?|minutes?|"
    r"seconds?|dollars?|cents?)(?:\s*\^\{?\d\}?)?\s*$"
)
FUNCTIONS = "sin|cos|tan|cot|sec|csc|log|ln|exp|arcsin|arccos|arctan|min|max|gcd|lcm"


def normalised(text: str) -> str:
    """The text without spaces and without markup that does not change its meaning."""
    text = SPACING.sub("", text.replace("\\$", "").replace("$", "").translate(integers.FULL_WIDTH))
    text = re.sub(r"\\[dtc]frac(?![A-Za-z])", r"\\frac", text)
    text = re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text)
    text = WRAPPED.sub(r"\1", re.sub(r"\^\{?\\circ\}?|°", "", text))
    text = re.sub(r"_\{(\w)\}", r"_\1", re.sub(r"\^\{(\w)\}", r"^\1", text))
    return re.sub(r"[\s*]+", "", text).rstrip(".,;:")


def compare(gold: str, answer: str) -> tuple[bool, str] | None:
    """Verdict and reason, or None where only Math-Verify can tell. Two empty texts are not equal."""
    left, right = normalised(gold), normalised(answer)
    if not left or not right:
        return False, "empty"
    if left == right:
        return True, "equal text"
    numbers = _constant(gold), integers.parse(answer)
    if None not in numbers:
        return numbers[0] == numbers[1], "equal numbers" if numbers[0] == numbers[1] else "numbers differ"
    bases = BASED.fullmatch(left), BASED.fullmatch(right)
    if bases[0] and (bases[1] or right.isalnum()):
        is_equal = bases[0][1] == (bases[1][1] if bases[1] else right) and (not bases[1] or bases[0][2] == bases[1][2])
        return is_equal, "equal in its base" if is_equal else "differs in digits or base"
    if (words := _words(gold)) is not None:
        is_equal = _same_words(words, answer)
        return is_equal, "equal words" if is_equal else "words differ"
    if ELLIPSIS.search(gold) or ELLIPSIS.search(answer) or ":" in left or ":" in right:
        return False, "differs as text"
    return None


def needs_no_parsing(gold: str) -> bool:
    """Whether `compare` alone can judge any answer to this gold."""
    plain = normalised(gold)
    is_text = _words(gold) is not None or ":" in plain or ELLIPSIS.search(gold) or BASED.fullmatch(plain)
    return bool(is_text) or _constant(gold) is not None


def to_latex(text: str) -> str:
    r"""The answer as one line of LaTeX without `$`, ready to be put between `$` for Math-Verify.

    Plain notation becomes LaTeX (`pi/2`, `exp(16)`, `2*x`, `x**2`, `\sqrt(2)`), upright letters become variables, "and" and "or" commas.
    """
    text = text.replace("\\$", "").replace("$", "").translate(integers.FULL_WIDTH)
    if not text.isascii():
        text = _unicode_to_latex(text)
    text = re.sub(r"(?<=\d)(?:,\s*\\!\s*|\\,|\{,\})(?=\d{3})", "", text)
    text = re.sub(rf",?\s*{TEXT_COMMAND}\s*\{{\s*(?:,?\s*)?(?:and|or)\s*\}}", ",", text)
    text = PLAIN_UNIT.sub("", TEXT_UNIT.sub("", text) or text)
    text = re.sub(r"\\math(?:rm|bf|it)\s*(?:\{([A-Za-z])\}|\s([A-Za-z]))", r"\1\2", text)
    text = re.sub(r"^\s*[A-Za-z]\s*\\in(?![A-Za-z])\s*", "", text)
    if not re.search(r"\\(?!sqrt|pi|infty|cdot|times|circ)[A-Za-z]", text):
        text = _plain_to_latex(text)
    text = re.sub(r"(?<=\d)i(?![A-Za-z])", " i", text)
    if TRIGONOMETRY.search(text):
        text = re.sub(r"(\d+(?:\.\d+)?)\s*\^\s*(?:\{\s*\\circ\s*\}|\\circ)", r"(\\frac{\1\\pi}{180})", text)
    text = re.sub(r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}", text.replace("**", "^"))
    text = re.sub(r"\\[dtc]frac(?![A-Za-z])", r"\\frac", text)
    text = re.sub(r"\\frac\s*(\\[A-Za-z]+|\w)\s*(\\[A-Za-z]+|\w)", _braced_fraction, re.sub(r"\\phantom\s*(?:\{[^{}]*\}|\S)", "", text))
    return re.sub(r"\s+", " ", text.replace("*", "\\cdot ")).strip().rstrip("\\.,;: ")


def _braced_fraction(found: re.Match[str]) -> str:
    takes_argument = found[1] in ("\\sqrt", "\\text", "\\mathrm") or found[2] in ("\\sqrt", "\\text", "\\mathrm")
    return found[0] if takes_argument else f"\\frac{{{found[1]}}}{{{found[2]}}}"


def _constant(gold: str) -> Fraction | None:
    """The number that a gold is; an equation (`x + y = 0`) is none, although its right side is."""
    return None if "=" in gold else integers.parse(gold)


def _plain_to_latex(text: str) -> str:
    text = re.sub(r"\s+(?:and|or)\s+", ", ", text.replace("**", "^"))
    text = re.sub(r"(?<![A-Za-z])(pi|infinity|inf|oo)(?![A-Za-z])", lambda name: "\\pi " if name[1] == "pi" else "\\infty ", text)
    text = re.sub(rf"(?<![A-Za-z])({FUNCTIONS})(?=[\s(^])", r"\\\1", text)
    return re.sub(r"(?<![A-Za-z])sqrt\s*\(", r"\\sqrt(", text)


def _unicode_to_latex(text: str) -> str:
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda power: f"^{{{power[0].translate(SUPERSCRIPTS)}}}", text)
    text = re.sub(r"√\s*(?:\(([^()]*)\)|(\d+(?:\.\d+)?|[A-Za-z]))", lambda root: f"\\sqrt{{{root[1] or root[2]}}}", text)
    return "".join(UNICODE.get(letter, letter) for letter in text)


def _words(text: str) -> str | None:
    """The words of an answer that is words and no mathematics: wrapped in a text command, or one bare word of five letters or more."""
    bare = SPACING.sub(" ", text.replace("$", "")).strip().rstrip(".")
    wrapped = re.fullmatch(rf"{TEXT_COMMAND}\s*\{{([^{{}}]*)\}}", bare)
    inner = (wrapped[1] if wrapped else bare).strip()
    choice = re.fullmatch(r"\(?([A-J])\)?", inner)
    if choice and (wrapped or inner.startswith("(")):
        return choice[1]
    if (wrapped and WORDS.fullmatch(inner)) or BARE_WORD.fullmatch(inner):
        return " ".join(inner.split())
    return None


def _same_words(words: str, answer: str) -> bool:
    given = " ".join(WRAPPED.sub(r" \1 ", SPACING.sub(" ", answer.replace("$", ""))).replace("*", "").split()).rstrip(".")
    if len(words) == 1:
        choice = CHOICE.fullmatch(given)
        return bool(choice) and choice[1] == words  # type: ignore[index]
    return given.strip("()").casefold() == words.casefold()
