r"""Reads a number from an answer's text, exactly and without a computer algebra system: AIME, AMC, GSM8K, arithmetic.

Accepted: sign, leading zeros (`025`), decimals (`70.0`, `.5`), thousands separators (`1,000`, `1\,000`, `1{,}000`), fractions
(`3/4`, `\frac34`, `1\frac{4}{5}`), full-width digits, emphasis (`**70**`), ordinals (`12^{th}`), `$`, `\$`, `\text{...}` and a unit
around the number, the right side of an equation (`m+n=70`), a closing full stop. Percent and degrees count as units: `50%` is 50.

Left out: everything that would have to be worked out (sums, powers, roots, scientific notation), lists (`41, 42`) and intervals.
These are not numbers here, and so never equal to one. Text over 200 characters is not read.
"""

import re
from fractions import Fraction

MAX_LENGTH = 200

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "−–﹣"), "-") | {0x3002: "."}
EMPTY_MARKUP = re.compile(
    r"\\(?:displaystyle|left|right|bigl?|bigr)(?![A-Za-z])|\\[()\[\]]|[*`\"]|\\[!;:]|(?<!\\)\$|\\(?:quad|qquad)(?![A-Za-z])"
)
CURRENCY = re.compile(r"^\s*([+-]?)\s*(?:US|USD|RMB)?\s*(?:\\\$|[$€£¥￥])\s*")
WRAPPED = re.compile(
    r"\\(?:text|mbox|mathrm|mathbf|textbf|textrm|boldsymbol|operatorname|boxed|fbox|bm|textit|mathit)\s*\{([^{}]*)\}"
    r"(\^\{?\d\}?)?"
)
DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|°|\\degrees?(?![A-Za-z])")
UNIT = (
    r"(?:\s*\\?%|\s*[^\W\d_]{2}[^\d=<>+*^\\{}|;]*(?:\^\{?[23]\}?)?|\s+[mghslLCFKNJW](?:\^\{?[23]\}?)?|"
    r"\s*[\u3400-\u9fff][^\d=<>+*^\\{}|;]*)?"
)
ORDINAL = re.compile(r"(?<=\d)\s*\^?\s*\{?\s*\\?(?:text|mathrm|mbox|textsuperscript)?\{?\s*(?:st|nd|rd|th)\s*\}{0,2}(?![A-Za-z])")
DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
DECIMAL = re.compile(rf"([+-]?)\s*({DIGITS}(?:\.\d*)?|\.\d+){UNIT}")
RATIO = re.compile(rf"([+-]?)\s*({DIGITS})\s*/\s*({DIGITS}){UNIT}")
ARGUMENT = r"(?:\{\s*(-?\d+)\s*\}|\s*(\d))"
FRACTION = re.compile(rf"([+-]?)\s*({DIGITS}(?=\s*\\))?\s*\\[dtc]?frac{ARGUMENT}{ARGUMENT}{UNIT}")


def without_markup(text: str) -> str:
    """The text without what stands around a number: emphasis, `$`, wrappers, separators, degrees."""
    text = text.translate(FULL_WIDTH).strip()
    text = CURRENCY.sub(r"\1", text)
    text = re.sub(r"\{,\}\s*|,\s*\\!\s*", ",", text)
    text = re.sub(r"(?<=\d)\\,(?=\d{3})", ",", text).replace("\\,", " ").replace("\\ ", " ").replace("~", " ")
    text = EMPTY_MARKUP.sub("", DEGREES.sub(" ", ORDINAL.sub(" ", text)))
    for _ in range(3):
        text = WRAPPED.sub(lambda found: found[1] + (found[2] or "") if re.search(r"\d", found[1]) else " ", text)
    text = re.sub(r"^\((.*)\)$", r"\1", CURRENCY.sub(r"\1", text.strip()))
    return text.strip().rstrip(".,;: \t\n").strip()


def parse(text: str) -> Fraction | None:
    """The exact number that the text states, or None if it does not state exactly one."""
    if len(text) > MAX_LENGTH:
        return None
    text = without_markup(text)
    if "=" in text:
        left, _, right = text.rpartition("=")
        if re.search(r"[<>!~]\s*$", left):
            return None
        text = CURRENCY.sub(r"\1", right.strip())
    for read in (_decimal, _ratio, _fraction):
        if (value := read(text)) is not None:
            return value
    return None


def _decimal(text: str) -> Fraction | None:
    found = DECIMAL.fullmatch(text)
    if not found:
        return None
    digits = found[2].replace(",", "")
    return Fraction(found[1] + (digits + "0" if digits.endswith(".") else digits))


def _ratio(text: str) -> Fraction | None:
    found = RATIO.fullmatch(text)
    return _divided(found[1], 0, found[2], found[3]) if found else None


def _fraction(text: str) -> Fraction | None:
    found = FRACTION.fullmatch(text)
    if not found:
        return None
    whole = int((found[2] or "0").replace(",", ""))
    return _divided(found[1], whole, found[3] or found[4], found[5] or found[6])


def _divided(sign: str, whole: int, above: str, below: str) -> Fraction | None:
    numerator, denominator = int(above.replace(",", "")), int(below.replace(",", ""))
    if denominator == 0:
        return None
    value = whole + Fraction(numerator, denominator)
    return -value if sign == "-" else value
