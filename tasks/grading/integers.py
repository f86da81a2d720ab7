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
from collections.abc import Callable
from fractions import Fraction

from r1bench.tasks.grading.conventions import DEFAULTS, Conventions
from r1bench.tasks.grading.finding import modifiers

MAX_LENGTH = 200

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "−–﹣"), "-") | {0x3002: "."}
EMPTY_MARKUP = re.compile(
    r"\\(?:displaystyle|left|right|bigl?|bigr)(?![A-Za-z])|\\[()\[\];:]|(?<![\w)])[*`\"]{1,3}|[*`\"]{1,3}(?![\w(])|(?<!\\)\$|\\(?:quad|qquad)(?![A-Za-z])"
)
CURRENCY = re.compile(r"^\s*([+-]?)\s*(?:(?:US|USD|RMB)?\s*(?:\\\$|[$€£¥￥])|(?:USD|EUR|GBP|CNY|RMB)(?=\s*\d))\s*")
WRAPPED = re.compile(
    r"\\(?:text|mbox|mathrm|mathbf|textbf|textrm|boldsymbol|operatorname|boxed|fbox|bm|textit|mathit)\s*\{([^{}]*)\}"
    r"(\^\{?\d\}?)?"
)
DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|°|\\degrees?(?![A-Za-z])")
NOT_LETTERS = r"²³¹¼-¾\u2070-\u209c\u2150-\u218b\u2460-\u24ff\u2776-\u2793π"
REST = r"[^\d=<>+*^\\{}|;π√×÷±≤≥≠∞½¼¾⅓⅔·]*"
POWER = rf"(?:\^\{{?-?[1-3]\}}?{REST})?"
UNIT = re.compile(
    rf"(?:\s*(?:\\?%|\\\$|[€£¥₹₽])|\s*\(?(?:[^\W\d_{NOT_LETTERS}]{{2}}|[\u3400-\u9fff]){REST}{POWER}"
    rf"|\s*[ap]\.\s?m\.?|\s+[mghslLCFKNJWVA](?:\^\{{?[23]\}}?|[²³])?(?:\s*/{REST}{POWER})?)?"
)
MULTIPLE = re.compile(
    r"\s*(?:(?=[百千万亿])([百千](?![克米瓦卡帕焦赫伏分]))?([万亿]{0,2})"
    r"|(?=hundred|thousand)(hundred)?\s*(thousand)?\b(?!\s*(?:[mb]illion|dozen)))",
    re.IGNORECASE,
)
ORDINAL = re.compile(r"(?<=\d)\s*\^?\s*\{?\s*\\?(?:text|mathrm|mbox|textsuperscript)?\{?\s*(?:st|nd|rd|th)\s*\}{0,2}(?![A-Za-z])")
DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
DECIMAL = re.compile(rf"([+-]?)\s*({DIGITS}(?:\.\d+)?|\.\d+)")
RATIO = re.compile(rf"([+-]?)\s*({DIGITS})\s*/\s*({DIGITS})")
ARGUMENT = r"(?:\{\s*(-?\d+)\s*\}|\s*(\d))"
MIXED = re.compile(r"([+-]?)\s*(\d+)\s+(\d+)\s*/\s*(\d+)")
FRACTION = re.compile(rf"([+-]?)\s*({DIGITS}(?=\s*\\))?\s*\\[dtc]?frac{ARGUMENT}{ARGUMENT}")
PERCENT = re.compile(r"%|\bper\s?cent|百分")
SECOND_EQUATION = re.compile(r"=[^=]*(?:[,;][\s\\,;!]*[A-Za-z]|[、和或]|\b(?:and|or)\b|\\\\|\\q?quad)[^=]*=")
NUMERALS = r"[零〇一二两三四五六七八九十][零〇一二两三四五六七八九十百千万亿]{0,20}"
MEASURE = r"(?:[个元只条人天次名岁米克吨分秒本张块支辆颗棵页倍种]|[厘千毫平立]方?[米克]|公里|公斤|小时|分钟)"
CHINESE = re.compile(rf"(负?)({NUMERALS}?){MEASURE}?")
CHINESE_FRACTION = re.compile(rf"([-负]?)\s*(?:({NUMERALS}|\d{{1,12}})又)?({NUMERALS}|\d{{1,12}})分之({NUMERALS}|\d{{1,12}})\s*{MEASURE}?")
CHINESE_LEAD = re.compile(
    r"^(?:因此|所以|故|即|答案|答|结果|一共|总共|共|总计|大约|约|有|是|为|等于|得|[:,\s]){1,8}(?=[-\d.\\$负零〇一二两三四五六七八九十])"
)
MODULUS = re.compile(r"(?:\\pmod\s*|\(\s*\\?b?mod(?:ulo)?\s*)(\d{1,12})\s*\)?\s*$")
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
        text = WRAPPED.sub(_unwrapped, text)
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
        if re.search(r"[<>!~]\s*$", left) or modifiers.DENIED_LEFT.search(left):
            return None
        text = CURRENCY.sub(r"\1", right.strip())
    text = modifiers.NEGATIVE.sub("-", CHINESE_LEAD.sub("", text))
    text = re.sub(r"(?<=\d)\s?又\s?(?=\d{1,9}\s?/|\\[dt]?frac)", " ", text)
    for pattern, read in READERS:
        found = pattern.match(text)
        if found and (multiple := _multiple(text[found.end() :])):
            value = read(found)
            return None if value is None else value * multiple
    return _chinese(text)


def is_percentage(text: str) -> bool:
    """Whether the number of a text carries a percent sign or word."""
    return bool(PERCENT.search(text.translate(FULL_WIDTH)[:MAX_LENGTH]))


def equal(gold: str, answer: str, conventions: Conventions = DEFAULTS) -> bool | None:
    r"""Whether two texts state the same number; None if either states none.

    `conventions.percent` decides between a percentage and a plain number; `tolerance` is relative to the gold. A modulus that only the
    answer names (`100 \pmod{1000}`) is left out.
    """
    expected, given = parse(gold), parse(answer)
    if given is None and "mod" in answer and "mod" not in gold:
        given = _residue(answer)
    if expected is None or given is None:
        return None
    factors = [Fraction(1)]
    if is_percentage(gold) != is_percentage(answer) and conventions.percent != "unit":
        scale = Fraction(100) if is_percentage(gold) else Fraction(1, 100)
        factors = [scale] if conventions.percent == "fraction" else [Fraction(1), scale]
    return any(abs(given * factor - expected) <= conventions.tolerance * abs(expected) for factor in factors)


def _unwrapped(found: re.Match[str]) -> str:
    """What a text command leaves: words before the number nothing, unless they change it; words behind it all, for `_multiple` to judge."""
    content, power = found[1], found[2] or ""
    if re.search(r"\d", content):
        return content + power
    is_before = not re.search(r"\d", found.string[: found.start()].rpartition("=")[2])
    is_kept = (
        modifiers.precedes_as_change(content) if is_before else bool(re.search(r"[^\W\d_]", content)) or modifiers.OPERATORS.search(content)
    )
    return f" {content}{power} " if is_kept else f" {power}"


def _multiple(rest: str) -> int | None:
    """By what the text behind a number multiplies it: 1 for a unit or nothing, None if the number goes on there."""
    found = MULTIPLE.match(rest)
    factor = 1
    if found and found[0].strip():
        names = (CHINESE_UNITS.get(found[1] or ""), found[3] and 100, found[4] and 1000)
        for value in (*names, *(CHINESE_GROUPS[group] for group in found[2] or "")):
            factor *= value or 1
        rest = rest[found.end() :]
    return factor if UNIT.fullmatch(rest) and not modifiers.follows_as_change(rest) else None


def _residue(answer: str) -> Fraction | None:
    r"""The number before a modulus: `100 \text{ (mod 1000)}` is 100. `100 \bmod 7` and `100 \pmod 7` would have to be worked out."""
    if len(answer) > MAX_LENGTH:
        return None
    bare = re.sub(r"\\(?:text|mathrm|operatorname)\b|\\[ ,;]|[{}$~]", " ", answer).rstrip(". ")
    found = MODULUS.search(bare)
    value = parse(bare[: found.start()]) if found else None
    return value if found and value is not None and abs(value) < int(found[1]) else None


def _chinese(text: str) -> Fraction | None:
    """A whole number or a fraction in Chinese numerals: 三百零五 is 305, 五又三分之一 16/3, 5分之一 1/5."""
    if found := CHINESE_FRACTION.fullmatch(text):
        whole, below, above = (_chinese_whole(part) if part else 0 for part in (found[2], found[3], found[4]))
        return _divided("-" if found[1] else "", whole, str(above), str(below))
    found = CHINESE.fullmatch(text)
    if not found:
        return None
    value = _chinese_whole(found[2])
    return Fraction(-value if found[1] else value)


def _chinese_whole(numerals: str) -> int:
    """The value of digits or Chinese numerals. Numerals without units are read one by one: 二〇二四 is 2024."""
    if numerals[0].isdecimal():
        return int(numerals)
    if len(numerals) > 1 and all(numeral in CHINESE_DIGITS for numeral in numerals):
        return int("".join(str(CHINESE_DIGITS[numeral]) for numeral in numerals))
    total = section = digit = 0
    for numeral in numerals:
        if numeral in CHINESE_DIGITS:
            digit = CHINESE_DIGITS[numeral]
        elif numeral in CHINESE_UNITS:
            section, digit = section + (digit or 1) * CHINESE_UNITS[numeral], 0
        else:
            total, section, digit = (total + section + digit) * CHINESE_GROUPS[numeral], 0, 0
    return total + section + digit


def _divided(sign: str, whole: int, above: str, below: str) -> Fraction | None:
    numerator, denominator = int(above.replace(",", "")), int(below.replace(",", ""))
    if denominator == 0:
        return None
    value = whole + Fraction(numerator, denominator)
    return -value if sign == "-" else value


READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Fraction | None]], ...] = (
    (DECIMAL, lambda found: Fraction(found[1] + found[2].replace(",", ""))),
    (RATIO, lambda found: _divided(found[1], 0, found[2], found[3])),
    (MIXED, lambda found: _divided(found[1], int(found[2]), found[3], found[4])),
    (FRACTION, lambda found: _divided(found[1], int((found[2] or "0").replace(",", "")), found[3] or found[4], found[5] or found[6])),
)
"""Ways to write a number, and what each is worth."""
