r"""Turns an answer's text, LaTeX or plain, into tokens: `2\sqrt{3}` and `2*sqrt(3)` give nearly the same ones.

A token's kind is 'number' (its digits), 'symbol', 'function', 'argument' (a command with arguments, such as \frac), 'sign' (operators,
brackets, relations, separators), 'text' (the words inside \text{...}, or plain words), 'begin' / 'end' (of a matrix). Everything here
takes time linear in the text. Left out: grammar (parser.py); what no table of vocabulary.py has, which raises NotUnderstood.
"""

import re
import unicodedata
from typing import NamedTuple

from r1bench.tasks.grading.mathematics.symbolic import vocabulary
from r1bench.tasks.grading.mathematics.symbolic.nodes import NotUnderstood, TooComplex

MAX_LENGTH = 2_000
MAX_TOKENS = 700
MAX_TEXT = 200
MAX_CONDITION = 60

TOKEN = re.compile(
    r"""(?P<space>\s+|\\[,;:!>\s]|~)
    |(?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:(?<=\d)E[+-]?\d{1,4}|(?<=\.\d)e[+-]?\d{1,4}|e\d{1,3}(?![\d.]))?)
    |\\(?P<environment>begin|end)\s*\{\s*(?P<name>[a-zA-Z]+)\*?\s*\}
    |\\(?P<command>[A-Za-z]+)
    |(?P<row>\\\\(?:\[[^\]\\]{0,9}\])?)
    |\\(?P<escaped>.)
    |(?P<word>[A-Za-z]+)
    |(?P<sign>\*\*|<=|>=|!=|==|<>|->|=>|=<|.)""",
    re.VERBOSE | re.DOTALL,
)
THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])")
REPEATING = re.compile(r"(\d{0,30}\.\d{0,30})\\(?:overline|bar)\s*\{(\d{1,30})\}")
SEPARATED = re.compile(r"(?<=\d)(?:\{,\}|,\s*\\!|\\[,!])\s*(?=\d{3}(?!\d))")
UNION = re.compile(r"(?<=[)\]}])\s*U\s*(?=[(\[{\\])")
NULL_DELIMITER = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)\s*\.")
BOXED = re.compile(r"\s*\\f?box(?:ed)?\s*\{(.*)\}\s*", re.DOTALL)
CONDITION = re.compile(
    r"([a-zA-Z])\s*(?:\\in\s*(?:\\math(?:bb|bf|rm)\s*)?(?:Z|\{\s*Z\s*\})|\\text\s*\{\s*is an(?:y)? integer\s*\}|is an(?:y)? integer)"
    r"\s*(?:\\right\s*)?(\)?)[\s.]*$"
)
"""What an answer with a parameter ends in: `(k\\in\\mathbb{Z})`, `, k \\in \\mathbb Z`, `\\text{ where } k\\in\\mathbb{Z}`."""
BEFORE_CONDITION = re.compile(
    r"(?:[\s,;~]|\\[ ,;:!]|\\q?quad|\\left(?![A-Za-z]))*(\(?)\s*"
    r"(?:\\(?:text|mbox|mathrm)\s*\{[\s,]{0,9}(?:where|for|with|for any|for all)?[\s,]{0,9}\}"
    r"|where|for any|for all|for)?(?:\s|\\[ ,;:!])*$"
)
COLUMNS = re.compile(r"\s*\{[lcr|\s]{0,40}\}")
MATHEMATICAL = re.compile(r"\\(?![ ,;:!])|[{}^_=<>+*/()\[\]|\d]")
POWER = re.compile(r"\s*\^?\s*\d$")
SIGNS = {"**": "^", "==": "=", "<>": "!=", "=<": "<=", "->": "", "=>": "", "%": "%", "\\": "setminus"}
KEPT_SIGNS = frozenset("+-*/^_!%,;()[]{}|=<>&':")
ESCAPED = {"{": "\\{", "}": "\\}", "%": "%", "&": "and", "_": "_", "#": "", "|": "", "-": "", "/": ""}


class Token(NamedTuple):
    """One unit of the text."""

    kind: str
    value: str
    spaced: bool = False
    """White space stood before it."""


END = Token("end of text", "")


def tokenize(text: str) -> list[Token]:
    """The tokens of a text.

    Raises:
        NotUnderstood: a sign or command that is in no table.
        TooComplex: too long.
    """
    if len(text) > MAX_LENGTH:
        raise TooComplex("longer than any answer")
    text = prepared(text)
    tokens: list[Token] = []
    position, depth, spaced = 0, 0, False
    while position < len(text):
        grouped = THOUSANDS.match(text, position) if depth == 0 and text[position].isdigit() else None
        found = grouped or TOKEN.match(text, position)
        assert found is not None
        if grouped:
            new, position = [Token("number", grouped[0].replace(",", ""), spaced)], grouped.end()
        else:
            new, position = _tokens_of(found, text, spaced)
        depth += sum((token.value in ("(", "[", "\\{")) - (token.value in (")", "]", "\\}")) for token in new if token.kind == "sign")
        spaced = not new
        tokens += new
        if len(tokens) > MAX_TOKENS:
            raise TooComplex("has more parts than any answer")
    return tokens


def prepared(text: str) -> str:
    """The text with Unicode signs as LaTeX, and without dollars, null delimiters, thousands separators and a closing full stop."""
    text = text.replace("\\$", "").replace("$", "")
    if not text.isascii():
        text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+", lambda power: f"^{{{power[0].translate(vocabulary.SUPERSCRIPTS)}}}", text)
        text = re.sub(r"[₀₁₂₃₄₅₆₇₈₉]+", lambda index: f"_{{{index[0].translate(vocabulary.SUBSCRIPTS)}}}", text)
        text = "".join(letter if letter.isascii() else _to_latex(letter) for letter in text)
    if boxed := BOXED.fullmatch(text):
        text = boxed[1]
    text = SEPARATED.sub("", NULL_DELIMITER.sub("", text))
    text = _with_condition(REPEATING.sub(_repeating, text))
    return UNION.sub(r" \\cup ", text).strip().rstrip(".,;: \t\n")


def _with_condition(text: str) -> str:
    """The text with the condition that its parameter is an integer, if it ends in one, after a comma."""
    found = CONDITION.search(text, max(len(text) - MAX_CONDITION, 0))
    if found is None:
        return text
    start = max(found.start() - MAX_CONDITION, 0)
    before = BEFORE_CONDITION.search(text, start, found.start())
    if before is None or bool(before[1]) != bool(found[2]) or not text[: before.start()].strip():
        return text
    return f"{text[: before.start()]}, {found[1]} \\in \\mathbb{{Z}}"


def words_of(text: str) -> str:
    """The words inside a text command, in lower case, separated by single spaces."""
    return " ".join(text.replace("\\", " ").replace("~", " ").replace("{", " ").replace("}", " ").replace(".", " ").lower().split())


def _to_latex(letter: str) -> str:
    known = vocabulary.UNICODE.get(letter)
    if known is not None:
        return known
    plain = unicodedata.normalize("NFKC", letter)
    if len(plain) == 1 and unicodedata.category(letter) != "No" and (plain.isascii() or plain in vocabulary.UNICODE):
        return vocabulary.UNICODE.get(plain, plain)
    raise NotUnderstood(f"the sign {letter!a}")


def _repeating(found: re.Match[str]) -> str:
    """`0.1\\overline{6}` as a fraction."""
    whole, _, digits = found[1].partition(".")
    shift, period = 10 ** len(digits), 10 ** len(found[2]) - 1
    fixed = int((whole or "0") + digits)
    return f"(({fixed * period + int(found[2])})/{shift * period})"


def _tokens_of(found: re.Match[str], text: str, spaced: bool) -> tuple[list[Token], int]:
    """The tokens that one match stands for, and where to read on."""
    kind, end = found.lastgroup, found.end()
    if kind == "space":
        return [], end
    if kind == "number":
        return [Token("number", found[0], spaced)], end
    if kind == "name":
        if found["name"] not in vocabulary.MATRICES:
            raise NotUnderstood(f"the environment {found['name']!r}")
        columns = COLUMNS.match(text, end) if found["name"] == "array" and found["environment"] == "begin" else None
        return [Token(found["environment"], found["name"], spaced)], columns.end() if columns else end
    if kind == "command":
        return _command(found["command"], text, end, spaced)
    if kind == "row":
        return [Token("sign", "\\\\", spaced)], end
    if kind == "word":
        return _word(found[0], spaced), end
    if kind == "escaped" and found["escaped"] in "()[]":
        return [], end
    value = ESCAPED.get(found["escaped"], "") if kind == "escaped" else SIGNS.get(found[0], found[0])
    if (kind == "sign" and value in (".", "")) or (len(value) == 1 and value not in KEPT_SIGNS) or not value:
        raise NotUnderstood(f"the sign {found[0]!a}")
    return [Token("sign", value, spaced)], end


def _command(name: str, text: str, end: int, spaced: bool) -> tuple[list[Token], int]:
    if name in vocabulary.SKIPPED_COMMANDS:
        return [], end
    for kind, known in vocabulary.COMMANDS.items():
        if name in known:
            return [Token(kind, known[name], spaced)], end
    if name in vocabulary.TEXT_COMMANDS or name in vocabulary.FONT_COMMANDS:
        return _text(name, text, end, spaced)
    for function in vocabulary.TRIGONOMETRIC | {"log", "ln"}:
        if name.startswith(function):  # \cotx
            return [Token("function", function, spaced), *_word(name[len(function) :], False)], end
    raise NotUnderstood(f"the command \\{name[:20]}")


def _braced(text: str, start: int) -> tuple[str, int]:
    """What stands between the braces (or the one sign) after a text command, and where to read on."""
    while start < len(text) and text[start].isspace():
        start += 1
    if start >= len(text) or text[start] == "\\":
        return "", start
    if text[start] != "{":
        return text[start], start + 1
    depth = 0
    for position in range(start, min(len(text), start + MAX_TEXT)):
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0:
            return text[start + 1 : position], position + 1
    raise NotUnderstood("a text without end")


def _text(command: str, text: str, start: int, spaced: bool) -> tuple[list[Token], int]:
    """The tokens of a text or font command: a conjunction, words, or nothing, where its braces hold mathematics that is read on."""
    is_font = command in vocabulary.FONT_COMMANDS
    if command in ("rm", "bf", "it"):  # switches: what they hold for is not in braces of their own
        return [], start
    content, end = _braced(text, start)
    words = words_of(content)
    bare = content.strip()
    if not words:
        return [], end
    if words.strip(", ") in ("and", "or", ""):
        return [Token("sign", words.strip(", ") or ",", spaced)], end
    if is_font and words in vocabulary.FUNCTIONS:
        return [Token("function", vocabulary.FUNCTIONS[words], spaced)], end
    if command == "mathbb" and bare in ("R", "Z", "N", "Q", "C"):
        return [Token("symbol", f"set {bare}", spaced)], end
    if is_font and len(content) == 1 and content.isalpha():
        return [Token("symbol", content, spaced)], end
    if POWER.sub("", words) in vocabulary.UNITS:
        return [Token("text", words, spaced)], end
    if MATHEMATICAL.search(content) if is_font else bare.replace(".", "").replace(",", "").isdigit():
        return [], start
    return [Token("text", words, spaced)], end


def _word(run: str, spaced: bool) -> list[Token]:
    """A run of letters: a known word, a product of a few letters and known functions, or words that are no mathematics."""
    lower = run.lower()
    if lower in ("and", "or"):
        return [Token("sign", lower, spaced)]
    if lower in ("in", "union", "intersect") and spaced:
        return [Token("text", lower, spaced)] if lower == "in" else [Token("sign", "cup" if lower == "union" else "cap", spaced)]
    if run in vocabulary.FUNCTIONS:
        return [Token("function", vocabulary.FUNCTIONS[run], spaced)]
    if run in vocabulary.SYMBOL_WORDS:
        return [Token("symbol", vocabulary.SYMBOL_WORDS[run], spaced)]
    if len(run) > 1 and lower in vocabulary.UNITS:
        return [Token("text", lower, spaced)]
    pieces = _letters(run)
    if pieces is None:
        return [Token("text", lower, spaced)]
    return [Token(kind, value, spaced and index == 0) for index, (kind, value) in enumerate(pieces)]


def _letters(run: str) -> list[tuple[str, str]] | None:
    """`sinx` as sin x and `xy` as x y; None for what looks like a word."""
    pieces: list[tuple[str, str]] = []
    position = num_letters = 0
    while position < len(run) and len(run) <= 12:
        for name in ("arcsin", "arccos", "arctan", "sqrt", "sin", "cos", "tan", "cot", "log", "ln", "pi"):
            if run.startswith(name, position):
                pieces.append(("symbol", "pi") if name == "pi" else ("function", name))
                position += len(name)
                break
        else:
            pieces.append(("symbol", run[position]))
            position, num_letters = position + 1, num_letters + 1
    return pieces if position == len(run) and num_letters <= 3 else None
