r"""Answers that are words and no mathematics: `\text{east}`, `Friday`, `\text{A, C}`, `\text{1:03 PM}`, `(B)`, 椭圆.

Words are compared without regard to letter case, stops, hyphens and spaces; lists of words without regard to order; a choice letter
also to the letter with the text of its choice behind it (`(B)\ 42`); numbers in circles (`①③`) are a list. Left out: meaning (`six` is
not 6 here, nor `true` yes).
"""

import re

from r1bench.tasks.grading.mathematics.symbolic import vocabulary

TEXT_COMMAND = r"\\(?:text|mbox|textbf|textrm|textit|textnormal|mathrm|mathbf|rm|bf|operatorname)"
WRAPPED = re.compile(rf"{TEXT_COMMAND}\s*\{{([^{{}}]*)\}}")
SPACING = re.compile(r"\\[,;:! ]|\\(?:quad|qquad|displaystyle|limits)(?![A-Za-z])|~|\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])\.?")
LETTER = re.compile(r"\(?([A-J])\)?")
CHOICE = re.compile(r"\(?([A-J])\)?(?:[.:)\s].*)?", re.DOTALL)
MARKED_CHOICE = re.compile(r"(?:\(([A-J])\)|([A-J])[.:)](?=\s|$))(?:\s.*)?", re.DOTALL)
BARE_WORD = re.compile(r"[^\W\d_]{4,}|[A-Z]{3}|[Yy]es|[Nn]o|[Oo]dd|[\u3400-\u9fff]+")
TEXT_CONTENT = re.compile(r"[^\W\d_].*|\d.*[^\W\d_].*|\(?[A-Z]\)?|\d{1,2}:\d\d", re.DOTALL)
CHINESE = re.compile(r"[\u3400-\u9fff]{2,}")
CIRCLED = re.compile(r"\\textcircled\s*\{\s*(?:\\\w+\s*\{)?\s*(\d{1,2})\s*\}{1,2}")
CIRCLES = re.compile(r"[①-⑳][①-⑳\s,，、;；和]*")
SEPARATOR = re.compile(r"\s*(?:,|;|\band\b)\s*(?:and\s+)?")
PLAIN_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}(?![A-Za-z])|[\u3400-\u9fff]{2,}")
MAX_LENGTH = 200
NOT_PROSE = frozenset(vocabulary.FUNCTIONS) | vocabulary.SYMBOL_WORDS.keys() | vocabulary.UNITS | vocabulary.MATRICES | {"and", "union"}


def words_of(text: str) -> str | None:
    """The words of an answer that is words and no mathematics: wrapped in a text command, or one bare word."""
    if len(text) > MAX_LENGTH:
        return None
    bare = SPACING.sub(" ", _circled(text).replace("$", "")).strip(" .,")
    if CIRCLES.fullmatch(bare) or (CHINESE.search(bare) and not re.search(r"[\\=^_]", bare)):
        return bare
    inside = re.fullmatch(r"\((.*)\)", bare)
    wrapped = WRAPPED.fullmatch(inside[1] if inside else bare)
    inner = (wrapped[1] if wrapped else bare).strip()
    letter = LETTER.fullmatch(inner)
    if letter and (wrapped or inner.startswith("(")):
        return letter[1]
    if wrapped:
        return " ".join(inner.split()) if TEXT_CONTENT.fullmatch(inner) and not re.search(r"[\\^_=]", inner) else None
    if BARE_WORD.fullmatch(inner) and inner not in vocabulary.FUNCTIONS and inner not in vocabulary.SYMBOL_WORDS:
        return inner
    return None


def same_words(words: str, answer: str) -> bool:
    """Whether an answer says the words of a gold."""
    given = " ".join(WRAPPED.sub(r" \1 ", SPACING.sub(" ", _circled(answer[:MAX_LENGTH]).replace("$", ""))).replace("*", "").split())
    if len(words) == 1:
        choice = CHOICE.fullmatch(given)
        return bool(choice) and choice[1] == words  # type: ignore[index]
    return _items(words) == _items(given)


def choice_of(answer: str) -> str | None:
    """The letter of an answer that is marked as a choice: `(B)`, `\\mathrm{(B)}`, `(C) 4`, `C. 4`."""
    choice = MARKED_CHOICE.fullmatch(" ".join(WRAPPED.sub(r" \1 ", SPACING.sub(" ", answer[:MAX_LENGTH].replace("$", ""))).split()))
    return (choice[1] or choice[2]) if choice else None


def is_prose(text: str) -> bool:
    """Whether a text has words that are no mathematics: no parser of formulas should be asked."""
    words = PLAIN_WORD.findall(WRAPPED.sub(r" \1 ", text))
    return sum(word not in NOT_PROSE for word in words) >= 3 or any(len(word) > 12 for word in words)


def _circled(text: str) -> str:
    """The text with `\\textcircled{1}` as ①."""
    return CIRCLED.sub(lambda found: chr(0x245F + int(found[1])) if 1 <= int(found[1]) <= 20 else found[0], text)


def _items(words: str) -> list[str]:
    """The words of a list in order of the alphabet, without case, stops and spaces."""
    if CIRCLES.fullmatch(words.strip()):
        return sorted(letter for letter in words if "①" <= letter <= "⑳")
    items = SEPARATOR.split(words.strip().strip("()").casefold())
    return sorted("".join(letter for letter in item if letter.isalnum() or letter == ":") for item in items)
