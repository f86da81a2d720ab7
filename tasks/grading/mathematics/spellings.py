r"""One spelling for what answers spell in several ways: wrappers, colours, number sets, bases, repeating digits.

    one_spelling("\\({\\large 0.\\dot3}\\)")    # "0.\\overline{3}"

Everything here takes time linear in the text. Left out: what spelling does not change but normalisation does (layers.py).
"""

import re

MAX_LENGTH = 400
"""Longer texts are left alone: none of these spellings occurs in them."""
DELIMITED = re.compile(r"\\\((.*)\\\)|\\\[(.*)\\\]", re.DOTALL)
STYLE = re.compile(
    r"\\(?:large|Large|LARGE|huge|Huge|small|normalsize|bold)(?![A-Za-z])\s*|\\(?:text)?color\s*\{[A-Za-z]{1,20}\}|\s*\\blacksquare\s*$"
)
SYSTEM = re.compile(r"(?:\\left\s*\\\{)?\s*\\begin\s*\{cases\}(.*)\\end\s*\{cases\}\s*", re.DOTALL)
ROW = re.compile(r"\\\\(?:\[[^\]\\]{0,9}\])?")
RESTRICTED = re.compile(
    r"(?:(?<=[\d})a-ei-z])|\s|\\[ ,;:!]|\\q?quad(?![A-Za-z]))\s{0,3}(?:\\left\s*)?"
    r"[(（]([^()（）]{1,40}(?:[<>≤≥≠]|\\[lg]e|\\ne)[^()（）]{0,40}?)(?:\\right\s*)?[)）]\s*$"
)
"""`(x > 0)` after an equation."""
BOLD_SET = re.compile(r"\\(?:mathbf|bf|Bbb)\s*(?:\{\s*([RZQ])\s*\}|(?<=[ f])([RZQ])(?![A-Za-z]))|\\mathbb\s+([RZQNC])(?![A-Za-z])")
SET_DIFFERENCE = re.compile(r"(\\mathbb\s*\{?\s*[RZ]\s*\}?|[)\]])\s*-\s*(?=(?:\\left\s*)?\\\{)")
BASE_MARK = re.compile(r"_\s*\{\s*\((\d{1,2})\)\s*\}\s*$")
BASE_WORD = re.compile(r"_\s*\{\s*\\text\s*\{\s*([a-z]{3,7})\s*\}\s*\}\s*$")
BASE_DIGITS = re.compile(r"\s*\(\s*(\d[0-9A-Fa-f]{0,60})\s*\)\s*(?=_\s*\{?\s*\d{1,2}\s*\}?\s*$)")
BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "twelve": 12, "sixteen": 16}
DOTTED = re.compile(r"\\dot\s*\{?(\d)\}?(\d{0,30})\\dot\s*\{?(\d)\}?")
REPEATED = re.compile(r"(?<=[\d.])\\(?:overline|bar|dot)\s*\{?(\d)(?![\d])\}?")
PHRASE = re.compile(r"\s*(?:\\(?:text|mbox|mathrm|textbf)\s*\{([^{}]*)\}|([A-Za-z \u3400-\u9fff]{2,40}))[\s.]*")
PHRASES = {
    "all real numbers": r"\mathbb{R}", "all reals": r"\mathbb{R}", "the real numbers": r"\mathbb{R}", "real numbers": r"\mathbb{R}",
    "no solution": r"\emptyset", "no solutions": r"\emptyset", "no real solution": r"\emptyset", "no real solutions": r"\emptyset",
    "empty set": r"\emptyset", "the empty set": r"\emptyset", "无解": r"\emptyset", "空集": r"\emptyset", "infinity": r"\infty",
}  # fmt: skip


def one_spelling(text: str) -> str:
    """The text with each of these things written in one way."""
    if len(text) > MAX_LENGTH:
        return text
    text = _without_wrappers(text.replace("$", "") if "\\$" not in text else text)
    if phrase := PHRASE.fullmatch(text):
        said = " ".join((phrase[1] or phrase[2] or "").strip(" .").lower().split())
        return PHRASES.get(said, text)
    if "\\" not in text and "_" not in text and "(" not in text and "（" not in text:
        return text
    text = _without_wrappers(STYLE.sub("", text))
    if (system := SYSTEM.fullmatch(text)) and "&" not in system[1]:  # equations that hold together, not cases
        text = ", ".join(line.strip(" ,;") for line in ROW.split(system[1]) if line.strip(" ,;"))
    text = BOLD_SET.sub(lambda found: f"\\mathbb{{{found[1] or found[2] or found[3]}}}", text)
    if (found := RESTRICTED.search(text)) and "=" in text[: found.start()]:
        text = f"{text[: found.start()]}, {found[1]}"
    text = SET_DIFFERENCE.sub(r"\1 \\setminus ", text)
    text = BASE_WORD.sub(lambda found: f"_{{{BASES[found[1]]}}}" if found[1] in BASES else found[0], BASE_MARK.sub(r"_{\1}", text))
    text = DOTTED.sub(r"\\overline{\1\2\3}", BASE_DIGITS.sub(r"\1", text))
    return REPEATED.sub(r"\\overline{\1}", text)


def _without_wrappers(text: str) -> str:
    """The text without `\\(...\\)` and braces around all of it."""
    for _ in range(4):
        text = text.strip()
        if found := DELIMITED.fullmatch(text):
            inner = found[1] or found[2] or ""
            if "\\(" in inner or "\\[" in inner:
                return text
            text = inner
        elif text.startswith("{") and text.endswith("}") and _closing(text) == len(text) - 1:
            text = text[1:-1]
        else:
            break
    return text


def _closing(text: str) -> int:
    """Where the brace that the text begins with is closed."""
    depth, is_escaped = 0, False
    for position, letter in enumerate(text):
        if not is_escaped:
            depth += (letter == "{") - (letter == "}")
        if depth == 0:
            return position
        is_escaped = letter == "\\" and not is_escaped
    return -1
