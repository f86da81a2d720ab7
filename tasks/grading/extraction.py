r"""Finds the answer in an answer part. Left out: what the answer means (integers.py, mathematics.py).

The rules, in order; the first that finds something decides:
1. The content of the last complete `<answer>...</answer>` is all that the rules below look at, and is itself the answer if none of
   them finds one in it.
2. The last complete, non-empty `\boxed{...}` or `\fbox{...}`, with braces matched (innermost if nested).
3. An unterminated box with no complete one before it: no answer. What stands in a broken box is never an answer.
4. The last line `#### x` where x is a number (otherwise it is a Markdown heading).
5. What follows the last "answer is", "answer:", "答案是": the formula if it begins with one, else the sentence.
6. numeric graders: the last number of the text; others: the whole text if it is one short line with at most one word.
Rules 6 are not used on a completion that ran out of tokens: its last number is an accident.

Only the last 100,000 characters are looked at. Flags: 'unboxed' for an answer from rules 4-6 or a bare `<answer>`, then the name of the
rule; 'unterminated_box' (a box was begun after the answer), 'several_boxes' (not all alike), 'empty_box', 'answer_tag', 'cut'.
"""

import re
from typing import NamedTuple

from r1bench.tasks.grading import integers

WINDOW = 100_000
LONGEST_LINE = 60
BRACES = re.compile(r"(\\(?:boxed|fbox)\s*\{)|\\.|[{}]", re.DOTALL)
HASH_LINE = re.compile(r"^####[ \t]*(\S[^\n]{0,200})$", re.MULTILINE)
PHRASE = re.compile(
    r"(?:\banswer\b(?:[ \t]+[^\s.:=]{1,20}){0,6}?[ \t*]*(?:\bis\b|\bare\b|\bbe\b|[:：=])"
    r"|答案\*{0,2}[ \t]*(?:应该|应)?(?:[是为為][:：]?|[:：]))"
    r"[ \t*:：]*(\S[^\n]{0,400})",
    re.IGNORECASE,
)
ON_NEXT_LINE = re.compile(r"((?:answer|答案)\**[ \t]*[:：]?\**|####)[ \t]*\n\s*", re.IGNORECASE)
FORMULA = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
SENTENCE_END = re.compile(r"[.!?](?=\s)|[。；！？]|\*\*")
NUMBER = re.compile(r"(?<![\w.])[-−]?(?:\\?\$)?\d(?:[\d,]*\d)?(?:\.\d+)?(?:\s?/\s?\d+)?|(?<![\w.])[-−]?\.\d+")
WORD = re.compile(r"(?<![\\A-Za-z])(?!(?:exp|sqrt|sin|cos|tan|log|ln|pi)\b)[A-Za-z]{2,}")


class Extraction(NamedTuple):
    """An answer as it stands in the text, or None, with remarks on how it was found."""

    extracted: str | None
    flags: tuple[str, ...]


class Boxes(NamedTuple):
    """The boxes of a text."""

    contents: list[str]
    """Of complete, non-empty boxes, in order of where they begin."""
    flags: tuple[str, ...]


def extract(answer_part: str, numeric: bool, complete: bool = True) -> Extraction:
    """The answer in an answer part, by the rules above.

    Args:
        answer_part: what `thinking.split` says is the answer part.
        numeric: the grader knows numbers only, so the last number may count as the answer.
        complete: the completion ended by itself, so its end may be taken for the answer.
    """
    flags: tuple[str, ...] = ("cut",) if len(answer_part) > WINDOW else ()
    text = answer_part[-WINDOW:]
    tagged = _answer_tag(text)
    if tagged is not None:
        inner = _extract(tagged, numeric, complete=False)
        extracted = tagged.strip() if inner.extracted is None else inner.extracted
        boxed = inner.extracted is not None and "unboxed" not in inner.flags
        rest = tuple(flag for flag in inner.flags if flag != "unboxed")
        return Extraction(extracted, flags + (() if boxed else ("unboxed",)) + ("answer_tag",) + rest)
    found = _extract(text, numeric, complete)
    return Extraction(found.extracted, flags + found.flags)


def find_boxes(text: str) -> Boxes:
    """Every complete box of a text, in one pass over its braces; `\\{` and `\\}` are not braces."""
    open_braces: list[int | None] = []
    spans: list[tuple[int, int]] = []
    for token in BRACES.finditer(text):
        if token[1]:
            open_braces.append(token.end())
        elif token[0] == "{":
            open_braces.append(None)
        elif token[0] == "}" and open_braces:
            start = open_braces.pop()
            if start is not None:
                spans.append((start, token.start()))
    spans.sort()
    filled = [(start, end) for start, end in spans if text[start:end].strip()]
    flags = ["empty_box"] if len(filled) < len(spans) else []
    unterminated = [start for start in open_braces if start is not None]
    if unterminated and unterminated[-1] > (filled[-1][0] if filled else -1):
        flags.append("unterminated_box")
    following = [*filled[1:], (len(text), len(text))]
    innermost = [span for span, after in zip(filled, following, strict=False) if after[1] > span[1]]
    contents = [text[start:end].strip() for start, end in innermost]
    if len({"".join(content.split()) for content in contents}) > 1:
        flags.append("several_boxes")
    return Boxes(contents, tuple(flags))


def _extract(text: str, numeric: bool, complete: bool) -> Extraction:
    boxes = find_boxes(text)
    if boxes.contents:
        return Extraction(boxes.contents[-1], boxes.flags)
    if "unterminated_box" in boxes.flags:
        return Extraction(None, boxes.flags)
    for rule, found in (("hash_mark", _hash_mark(text)), ("answer_phrase", _answer_phrase(text, numeric))):
        if found:
            return Extraction(found, ("unboxed", rule, *boxes.flags))
    if complete and numeric and (number := _last_number(text)):
        return Extraction(number, ("unboxed", "last_number", *boxes.flags))
    if complete and not numeric and (line := _whole_text(text)):
        return Extraction(line, ("unboxed", "whole_text", *boxes.flags))
    return Extraction(None, boxes.flags)


def _answer_tag(text: str) -> str | None:
    lower = text.lower() if text.isascii() else re.sub("[A-Z]", lambda letter: letter[0].lower(), text)
    end = lower.rfind("</answer>")
    start = lower.rfind("<answer>", 0, max(end, 0))
    content = text[start + len("<answer>") : end] if start >= 0 else ""
    return content if content.strip() else None


def _hash_mark(text: str) -> str | None:
    marked = [line[1].strip() for line in HASH_LINE.finditer(text) if integers.parse(line[1]) is not None]
    return marked[-1] if marked else None


def _answer_phrase(text: str, numeric: bool) -> str | None:
    phrases = PHRASE.findall(ON_NEXT_LINE.sub(r"\1 ", text))
    for rest in reversed(phrases[-10:]):
        if found := _first_answer(rest, numeric):
            return found
    return None


def _first_answer(rest: str, numeric: bool) -> str | None:
    """The answer at the beginning of what follows "answer is"."""
    formula = FORMULA.match(rest)
    if formula:
        rest = next(group for group in formula.groups() if group)
    else:
        rest = SENTENCE_END.split(rest + "\n", maxsplit=1)[0].strip().rstrip(".,;:")
    if numeric and integers.parse(rest) is None:
        number = NUMBER.search(rest)
        return number[0] if number else None
    if not numeric and not formula and len(WORD.findall(rest)) > 6:
        return None
    return rest.strip("* \t") or None


def _last_number(text: str) -> str | None:
    numbers = NUMBER.findall(text[-10_000:])
    return numbers[-1] if numbers else None


def _whole_text(text: str) -> str | None:
    line = text.strip()
    if not line or len(line) > LONGEST_LINE or "\n" in line or len(WORD.findall(line)) > 1:
        return None
    return line.strip("*").strip()
