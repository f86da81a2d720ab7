r"""Finds the answer in an answer part. Left out: what the answer means (integers.py, mathematics/), letters of a choice (letters.py).

The rules, in order; the first that finds something decides:
1. The content of the last `<answer>...</answer>` is all that the rules below look at, rule 5 only for numbers. It is itself the answer if
   none of them finds one in it, or if it is no sentence. Where the text ends by itself, a last `<answer>` may lack its end (it was the
   stop string).
2. The last complete, non-empty `\boxed{...}` or `\fbox{...}`, braces matched, the innermost if nested. Several that differ: still the
   last, flagged.
3. A box that is begun after the last complete one and not finished: no answer, status 'unterminated_box'. Who opens a box again has
   taken back what stood before, and what stands in a broken box is never an answer.
4. What is said in words (statements.py): the later of a line `#### x`, x a number or formula, and an announcement ("the answer is x").
5. Only if the text ended by itself: the answer that it closes with (statements.py).
A list in any of these (`\boxed{41, 42}`) is one answer of two numbers, equal to neither.

Only the last 100,000 characters are looked at, and nothing after a line `Question:` or `Problem:` that follows a box, an `</answer>` or a
line `####`: base models go on to a question of their own.

Flags: 'unboxed' for an answer from rules 4-5 or a bare `<answer>`, with the name of the rule ('hash_mark', 'answer_phrase', 'bold',
'whole_text', 'last_formula', 'last_value', 'last_number'); 'answer_tag', 'unclosed_answer_tag', 'several_answer_tags', 'several_boxes',
'empty_box', 'unterminated_box', 'next_question' (text after it was left out), 'cut' (text before the window was).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from r1bench.tasks.grading import integers
from r1bench.tasks.grading.finding import statements

WINDOW = 100_000
MOST_HASH_LINES = 100
"""So many are looked at, from the last."""
BOX_COMMAND = re.compile(r"\\(?:boxed|fbox)\s*\{")
BRACES = re.compile(r"(\\{1,4}(?:boxed|fbox)\s*\{)|\\.|[{}]", re.DOTALL)
ANSWER_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE | re.ASCII)
HASH_LINE = re.compile(r"^####[ \t]{0,8}(\S[^\n]{0,200})$", re.MULTILINE)
NEXT_QUESTION = re.compile(r"^[ \t>*#]{0,8}(?:Question|Problem)[ \t]?\d{0,3}[*]{0,2}[:：]", re.MULTILINE)
SENTENCE_OF_WORDS = 2
"""Words in an answer tag that make it a sentence to be searched."""


class Extraction(NamedTuple):
    """An answer as it stands in the text, or None, with remarks on how it was found."""

    extracted: str | None
    flags: tuple[str, ...]


class Boxes(NamedTuple):
    """The boxes of a text."""

    contents: list[str]
    """Of complete, non-empty boxes, in order of where they begin."""
    flags: tuple[str, ...]
    first_end: int = -1
    """Where the first of them to be finished ends; -1 without any."""


class Tagged(NamedTuple):
    """What stands in the last answer tag."""

    content: str
    flags: tuple[str, ...]


def extract(answer_part: str, numeric: bool, complete: bool = True) -> Extraction:
    """The answer in an answer part, by the rules above.

    Args:
        answer_part: what `thinking.split` says is the answer part.
        numeric: the grader knows numbers only.
        complete: the completion ended by itself, so its end may be taken for the answer.
    """
    flags: tuple[str, ...] = ("cut",) if len(answer_part) > WINDOW else ()
    text = answer_part[-WINDOW:]
    if (end := _next_question(text)) is not None:
        text, flags = text[:end], (*flags, "next_question")
    tagged = answer_tag(text, complete)
    found = _extract(text, numeric, complete) if tagged is None else _in_tag(tagged, numeric)
    return Extraction(found.extracted, flags + found.flags)


def match_braces(tokens: Iterable[re.Match[str]]) -> tuple[list[tuple[int, int]], list[int]]:
    """Where the contents of complete boxes begin and end, the first to be finished first; and what is left open: where the content of
    a box begins, -1 for other braces. The tokens are braces; one that opens a box has it as its first group."""
    left_open: list[int] = []
    spans: list[tuple[int, int]] = []
    for token in tokens:
        if token[1] or token[0] == "{":
            left_open.append(token.end() if token[1] else -1)
        elif token[0] == "}" and left_open and (start := left_open.pop()) >= 0:
            spans.append((start, token.start()))
    return spans, left_open


def find_boxes(text: str) -> Boxes:
    """Every complete box of a text, in one pass over its braces; `\\{` and `\\}` are not braces."""
    first = BOX_COMMAND.search(text)
    if first is None:
        return Boxes([], ())
    spans, left_open = match_braces(BRACES.finditer(text, first.start()))
    first_end = spans[0][1] + 1 if spans else -1
    spans.sort()
    filled = [(start, end) for start, end in spans if text[start:end].strip()]
    flags = ["empty_box"] if len(filled) < len(spans) else []
    unterminated = [start for start in left_open if start >= 0]
    if unterminated and unterminated[-1] > (filled[-1][0] if filled else -1):
        flags.append("unterminated_box")
    following = [*filled[1:], (len(text), len(text))]
    innermost = [span for span, after in zip(filled, following, strict=False) if after[1] > span[1]]
    contents = [text[start:end].strip() for start, end in innermost]
    if len({"".join(content.split()) for content in contents}) > 1:
        flags.append("several_boxes")
    return Boxes(contents, tuple(flags), first_end)


def _extract(text: str, numeric: bool, complete: bool) -> Extraction:
    boxes = find_boxes(text)
    if "unterminated_box" in boxes.flags:
        return Extraction(None, boxes.flags)
    if boxes.contents:
        return Extraction(boxes.contents[-1], boxes.flags)
    rule, found = _in_words(text, numeric, complete)
    if found is None and complete:
        rule, found = statements.closing(text, numeric)
    return Extraction(found, ("unboxed", rule, *boxes.flags) if found else boxes.flags)


def _in_tag(tagged: Tagged, numeric: bool) -> Extraction:
    """The answer in an answer tag: in a box, stated in a sentence, or all of it."""
    content = tagged.content.strip()
    boxes = find_boxes(content)
    if boxes.contents or "unterminated_box" in boxes.flags:
        return Extraction(None if "unterminated_box" in boxes.flags else boxes.contents[-1], (*tagged.flags, *boxes.flags))
    is_sentence = len(statements.WORD.findall(content[: statements.LONGEST_SENTENCE])) >= SENTENCE_OF_WORDS
    rule, found = "", None
    if is_sentence and not (numeric and integers.parse(content) is not None):
        rule, found = _in_words(content, numeric, complete=True)
        if found is None and numeric:
            rule, found = statements.closing(content, numeric)
    return Extraction(found or content, ("unboxed", *tagged.flags, *([rule] if found else []), *boxes.flags))


def answer_tag(text: str, complete: bool) -> Tagged | None:
    """The content of the last answer tag that holds anything; one that lacks its end counts only as the last, if the text is complete."""
    contents: list[str] = []
    begin: int | None = None
    for tag in ANSWER_TAG.finditer(text):
        if not tag[1]:
            begin = tag.end()
        elif begin is not None:
            contents.append(text[begin : tag.start()])
            begin = None
    flags = ["answer_tag"]
    if begin is not None and complete:
        contents.append(text[begin:])
        flags.append("unclosed_answer_tag" if text[begin:].strip() else "")
    filled = [content for content in contents if content.strip()]
    if len({"".join(content.split()) for content in filled[-100:]}) > 1:
        flags.append("several_answer_tags")
    return Tagged(filled[-1], tuple(flag for flag in flags if flag)) if filled else None


def _next_question(text: str) -> int | None:
    """Where a question begins that the model asks itself after it has answered."""
    may_have = "Question" in text or "Problem" in text
    questions = [question.start() for question in NEXT_QUESTION.finditer(text)] if may_have else []
    if not questions:
        return None
    closed = next((tag.end() for tag in ANSWER_TAG.finditer(text) if tag[1]), -1)
    ends = [find_boxes(text).first_end, closed]
    marked = HASH_LINE.search(text) if "####" in text else None
    ends += [marked.end()] if marked else []
    answered = min((end for end in ends if end >= 0), default=len(text))
    return next((question for question in questions if question > answered), None)


def _in_words(text: str, numeric: bool, complete: bool) -> tuple[str, str | None]:
    """The later of a line `#### x` and an announced answer, with the name of its rule."""
    lines = reversed([*HASH_LINE.finditer(text)][-MOST_HASH_LINES:] if "####" in text else [])
    marked = next((line for line in lines if _is_marked(line[1]) and (complete or line.end() < len(text))), None)
    said = statements.announced(text, numeric, complete)
    if marked and (said is None or said[0] < marked.start()):
        return "hash_mark", marked[1].strip()
    return "answer_phrase", said[1] if said else None


def _is_marked(content: str) -> bool:
    """Whether what follows `####` is an answer and not a heading: a number, or one formula."""
    return integers.parse(content) is not None or bool(statements.FORMULA.fullmatch(content.strip()))
