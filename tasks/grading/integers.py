r"""Reads a number from an answer's text, exactly and without a computer algebra system: AIME, AMC, GSM8K, arithmetic.

Accepted: sign, leading zeros (`025`), decimals (`70.0`, `.5`), thousands separators (`1,000`, `1\,000`, `1{,}000`), fractions
(`3/4`, `\frac34`), mixed numbers (`1\frac{4}{5}`, `1 4/5`), full-width digits and those of any script, Chinese numerals (`三百零五`),
emphasis (`**70**`), ordinals (`12^{th}`), `$`, `\$`, `\text{...}` and a unit around the number, the right side of an equation
(`m+n=70`), a closing full stop. Percent and degrees count as units, `50%` is 50 (conventions.py has other readings), and so do
"million" and "dozen": published golds leave them out.

Left out: everything that would have to be worked out (sums, powers, roots, scientific notation), lists (`41, 42`), two equations
(`x=1, y=2`) and intervals. These are not numbers here, and so never equal to one. Text over 200 characters is not read.
"""

import re
from fractions import Fraction

from r1bench.tasks.grading.conventions import DEFAULTS, Conventions

MAX_LENGTH = 200

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "−–﹣"), "-") | {0x3002: "."}
EMPTY_MARKUP = re.compile(
    r"\\(?:displaystyle|left|right|bigl?|bigr)(?![A-Za-z])|\\[()\[\];:]|(?<![\w)])[*`\"]{1,3}|[*`\"]{1,3}(?![\w(])|(?<!\\)\$|\\(?:quad|qquad)(?![A-Za-z])"
)
CURRENCY = re.compile(r"^\s*([+-]?)\s*(?:US|USD|RMB)?\s*(?:\\\$|[$€£¥￥])\s*")
WRAPPED = re.compile(
    r"\\(?:text|mbox|mathrm|mathbf|textbf|textrm|boldsymbol|operatorname|boxed|fbox|bm|textit|mathit)\s*\{([^{}]*)\}"
    r"(\^\{?\d\}?)?"
)
DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|°|\\degrees?(?![A-Za-z])")
NO_UNIT = r"(?!\s*(?:and|or|to|plus|minus|times|over|squared|cubed|factorial)\b)"
UNIT = (
    rf"{NO_UNIT}(?:\s*\\?%|\s*[^\W\d_]{{2}}[^\d=<>+*^\\{{}}|;]*(?:\^\{{?[23]\}}?)?|\s+[mghslLCFKNJW](?:\^\{{?[23]\}}?)?|"
    r"\s*[\u3400-\u9fff][^\d=<>+*^\\{}|;]*)?"
)
ORDINAL = re.compile(r"(?<=\d)\s*\^?\s*\{?\s*\\?(?:text|mathrm|mbox|textsuperscript)?\{?\s*(?:st|nd|rd|th)\s*\}{0,2}(?![A-Za-z])")
DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
DECIMAL = re.compile(rf"([+-]?)\s*({DIGITS}(?:\.\d+)?|\.\d+){UNIT}")
RATIO = re.compile(rf"([+-]?)\s*({DIGITS})\s*/\s*({DIGITS}){UNIT}")
ARGUMENT = r"(?:\{\s*(-?\d+)\s*\}|\s*(\d))"
MIXED = re.compile(rf"([+-]?)\s*(\d+)\s+(\d+)\s*/\s*(\d+){UNIT}")
FRACTION = re.compile(rf"([+-]?)\s*({DIGITS}(?=\s*\\))?\s*\\[dtc]?frac{ARGUMENT}{ARGUMENT}{UNIT}")
PERCENT = re.compile(r"%|\bper\s?cent|百分")
SECOND_EQUATION = re.compile(r"=[^=]*(?:[,;][\s\\,;!]*[A-Za-z]|[、和或]|\b(?:and|or)\b|\\\\|\\q?quad)[^=]*=")
CHINESE = re.compile(
    r"(负?)([零〇一二两三四五六七八九十][零〇一二两三四五六七八九十百千万亿]{0,20}?)"
    r"(?:[个元只条人天次名岁米克吨分秒本张块支辆颗棵页倍种]|[厘千毫平立]方?[米克]|公里|公斤|小时|分钟)?"
)
CHINESE_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000}
CHINESE_GROUPS = {"万": 10**4, "亿": 10**8}


def without_markup(text: str) -> str:
    """The text without what stands around a number: emphasis, `$`, wrappers, separators, degrees."""
    text = text.translate(FULL_WIDTH).strip()
    text = CURRENCY.sub(r"\1", text)
    text = re.sub(r"\{,\}\s*|,\s*\\!\s*", ",", text).replace("\\!", "")
    text = text.replace("\\approx", "=").replace("≈", "=")
    text = re.sub(r"(?<=\d)\\,(?=\d{3})", ",", text).replace("\\,", " ").replace("\\ ", " ").replace("~", " ")
    text = EMPTY_MARKUP.sub(" ", DEGREES.sub(" ", ORDINAL.sub(" ", text)))
    for _ in range(3):
        text = WRAPPED.sub(lambda found: found[1] + (found[2] or "") if re.search(r"\d", found[1]) else " ", text)
    text = re.sub(r"^\((.*)\)$", r"\1", CURRENCY.sub(r"\1", text.strip()))
    return text.strip().rstrip(".,;: \t\n").strip()


def parse(text: str) -> Fraction | None:
    """The exact number that the text states, or None if it does not state exactly one."""
    if len(text) > MAX_LENGTH:
        return None
    if SECOND_EQUATION.search(text):
        return None
    text = without_markup(text)
    if "=" in text:
        left, _, right = text.rpartition("=")
        if re.search(r"[<>!~]\s*$", left):
            return None
        text = CURRENCY.sub(r"\1", right.strip())
    for read in (_decimal, _ratio, _mixed, _fraction, _chinese):
        if (value := read(text)) is not None:
            return value
    return None


def is_percentage(text: str) -> bool:
    """Whether the number of a text carries a percent sign or word."""
    return bool(PERCENT.search(text.translate(FULL_WIDTH)[:MAX_LENGTH]))


def equal(gold: str, answer: str, conventions: Conventions = DEFAULTS) -> bool | None:
    """Whether two texts state the same number; None if either states none.

    `conventions.percent` decides between a percentage and a plain number; `tolerance` is relative to the gold.
    """
    expected, given = parse(gold), parse(answer)
    if expected is None or given is None:
        return None
    factors = [Fraction(1)]
    if is_percentage(gold) != is_percentage(answer) and conventions.percent != "unit":
        scale = Fraction(100) if is_percentage(gold) else Fraction(1, 100)
        factors = [scale] if conventions.percent == "fraction" else [Fraction(1), scale]
    return any(abs(given * factor - expected) <= conventions.tolerance * abs(expected) for factor in factors)


def _decimal(text: str) -> Fraction | None:
    found = DECIMAL.fullmatch(text)
    if not found:
        return None
    digits = found[2].replace(",", "")
    return Fraction(found[1] + digits)


def _ratio(text: str) -> Fraction | None:
    found = RATIO.fullmatch(text)
    return _divided(found[1], 0, found[2], found[3]) if found else None


def _mixed(text: str) -> Fraction | None:
    found = MIXED.fullmatch(text)
    return _divided(found[1], int(found[2]), found[3], found[4]) if found else None


def _chinese(text: str) -> Fraction | None:
    """A whole number in Chinese numerals: 三百零五 is 305. Digits without units are read one by one: 二〇二四 is 2024."""
    found = CHINESE.fullmatch(text)
    if not found:
        return None
    sign, numerals = (-1 if found[1] else 1), found[2]
    if len(numerals) > 1 and all(numeral in CHINESE_DIGITS for numeral in numerals):
        return sign * Fraction("".join(str(CHINESE_DIGITS[numeral]) for numeral in numerals))
    total = section = digit = 0
    for numeral in numerals:
        if numeral in CHINESE_DIGITS:
            digit = CHINESE_DIGITS[numeral]
        elif numeral in CHINESE_UNITS:
            section, digit = section + (digit or 1) * CHINESE_UNITS[numeral], 0
        else:
            total, section, digit = (total + section + digit) * CHINESE_GROUPS[numeral], 0, 0
    return Fraction(sign * (total + section + digit))


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
