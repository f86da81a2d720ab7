r"""Takes out of a text what belongs to no language, and cuts the rest into words. Left out: which language a word is of (labelling.py).

Passed over: fenced and inline code, formulas between `$..$`, `$$..$$`, `\(..\)`, `\[..\]` and `\begin..\end`, LaTeX commands with their
arguments, sub- and superscripts in braces, tags and `<|special|>` tokens, URLs, e-mail addresses, file names, numbers and whatever
holds a digit, single letters of ASCII and up to two Greek ones (variables), snake_case, camelCase and capitals of up to five letters
(identifiers, labels of points). An opening `$` is followed by no space and a closing one neither preceded by one nor followed by a
digit, so that prices are no formulas. A fence that is never closed reaches to the end.

Words are cut by a fixed rule per script: letters between spaces or punctuation, except that in Chinese and Japanese every Han character
is a word and every run of hiragana or of katakana is one, and that Thai counts one word for every four characters begun.
Elisions are cut (`l'angle`: `l`, which is a single letter, and `angle`), English contractions are not (`don't`).

Every pattern is linear on any text: what may repeat is possessive or ends at its own delimiter.
"""

import re
import unicodedata
from itertools import pairwise
from typing import NamedTuple

MASK = re.compile(
    r"""
      ```[^`]*+(?:`{1,2}(?!`)[^`]*+)*+(?:```|\Z)
    | `[^`\n]{1,300}+`
    | \$\$[^$]{1,4000}+\$\$
    | \$(?=[^\s$])[^$\n]{1,400}+(?<=[^\s\\])\$(?!\d)
    | \\\([^\\]*+(?:\\[^()\[\]][^\\]*+)*+\\\)
    | \\\[[^\\]*+(?:\\[^()\[\]][^\\]*+)*+\\\]
    | \\begin\{([a-z]{1,20}\*?)\}[^\\]*+(?:\\(?!(?:begin|end)\{)[^\\]*+)*+\\end\{\1\}
    | (?P<glue>\\[A-Za-z]++\*?(?:\[[^\]\n]{0,40}+\])?(?:\{[^{}\n]{0,200}+\}){0,3} | [_^]\{[^{}\n]{0,60}+\} | \\[$%&\#_{}])
    | <\|[^|<>\n]{1,60}+\|>
    | </?[A-Za-z][\w:-]{0,30}+(?:\s++[\w:-]{1,30}+\s*+=\s*+(?:"[^"<>\n]{0,200}+"|'[^'<>\n]{0,200}+'|[^\s<>"']{1,200}+)){0,8}+\s*+/?>
    """,
    re.VERBOSE,
)
URL = re.compile(r"(?:(?:https?|ftp)://|www\.)[^\s<>\"'，。）、]++")
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,64}+\.[\w.-]{1,64}+", re.ASCII)
ENDING = re.compile(r"\.(?:com|org|net|edu|gov|py|js|cpp|txt|csv|json|html|md|pdf)\b", re.ASCII)
FILE = re.compile(r"(?<![\w.])\w[\w.]{0,80}(?<=\w)" + ENDING.pattern, re.ASCII)

LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
ASCII_RUN = re.compile(r"[A-Za-z0-9_]++(?:'[A-Za-z]++)*+")
SCRIPT = re.compile(
    rf"""
      (?P<latin>[{LETTERS}0-9_]++(?:['’][{LETTERS}]++)*+)
    | (?P<han>[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]++)
    | (?P<kana>[\u3041-\u309f]++ | [\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9f]++)
    | (?P<ko>[\uac00-\ud7af\u1100-\u11ff\u3131-\u318e]++)
    | (?P<ru>[\u0400-\u052f]++)
    | (?P<th>[\u0e01-\u0e3a\u0e40-\u0e4e]++)
    | (?P<bn>[\u0980-\u09e3][\u0980-\u09e3\u200c\u200d]*+)
    | (?P<te>[\u0c00-\u0c63][\u0c00-\u0c63\u200c\u200d]*+)
    | (?P<hi>[\u0900-\u0963\u0971-\u097f][\u0900-\u0963\u0971-\u097f\u200c\u200d]*+)
    | (?P<ar>[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f][\u0620-\u065f\u066e-\u06ef\u06fa-\u06ff\u0750-\u077f\u200c]*+)
    | (?P<he>[\u05d0-\u05ea\u05f0-\u05f4]++)
    | (?P<el>[\u0370-\u03ff\u1f00-\u1fff]{{3,}}+)
    | (?P<other>[\u0530-\u058f\u0700-\u08ff\u0a00-\u0bff\u0c80-\u0dff\u0e80-\u139f\u1780-\u18af]{{2,}}+)
    """,
    re.VERBOSE,
)
RUN = re.compile(r"(?=\w)(?:" + re.sub(r"\(\?P<\w+>", "(?:", SCRIPT.pattern) + ")", re.VERBOSE)
"""The same without groups, for findall; looking ahead first saves trying every script on every space."""
CONTRACTED = frozenset({"d", "ll", "m", "re", "s", "t", "ve"})
"""What follows the apostrophe of an English contraction; anything else after one is a word of its own."""
LONGEST_LABEL = 5
"""Capitals up to this length are labels and abbreviations (ABC, GCD), which belong to no language."""
THAI_WORD = 4
"""Characters; PyThaiNLP's words of the Thai MGSM questions have 4.2 on average."""


class Word(NamedTuple):
    """A word, or a run of letters of one script that counts as several."""

    script: str
    """'latin', 'han', 'kana', 'other', or the language where a script stands for one: 'ko', 'ru', 'th', ..."""
    text: str
    num_words: int = 1
    """As how many words it counts."""


def mask(text: str) -> str:
    """The text without code, formulas, tags and addresses; single letters, numbers and identifiers are still there.

    An underscore stands for what letters may touch, so that these do not become a word of their own.
    """
    if "://" in text or "www." in text:
        text = URL.sub("_", text)
    if "@" in text:
        text = EMAIL.sub("_", text)
    text = MASK.sub(lambda found: "_" if found["glue"] else " ", text)
    return FILE.sub("_", text) if ENDING.search(text) else text


def words_of(text: str) -> list[Word]:
    """The words of a text in their order, without anything that belongs to no language."""
    return cut(mask(text))


def cut(text: str) -> list[Word]:
    """The words of a text that is masked already."""
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    found = (ASCII_RUN if text.isascii() else RUN).findall(text)
    words = {run: _words_in(run) for run in set(found)}
    return [word for run in found for word in words[run]]


def _words_in(run: str) -> list[Word]:
    """The words in a run of letters of one script."""
    script = "latin" if run.isascii() else SCRIPT.match(run).lastgroup or "other"  # type: ignore[union-attr]
    if script == "latin":
        return _latin_words(run)
    count = len(run) if script == "han" else -(-len(run) // THAI_WORD) if script == "th" else 1
    return [Word(script, run, count)]


def _latin_words(run: str) -> list[Word]:
    """The words in a run of Latin letters, digits, underscores and apostrophes."""
    if run.isalpha():
        return [] if _is_symbol(run) else [Word("latin", run)]
    if any(letter == "_" or letter.isdigit() for letter in run):
        return []
    parts: list[str] = []
    for part in run.replace("’", "'").split("'"):
        if parts and part.lower() in CONTRACTED:
            parts[-1] += "'" + part
        else:
            parts.append(part)
    return [Word("latin", part) for part in parts if not _is_symbol(part)]


def _is_symbol(part: str) -> bool:
    """Whether letters are a variable, a label or an identifier and not a word."""
    if part.islower() and len(part) > 1 and part[1] != "'":
        return False
    letters = part.partition("'")[0]
    if len(letters) == 1:
        return letters.isascii() and (part == letters or letters not in "Ii")
    if letters.isupper():
        return len(letters) <= LONGEST_LABEL
    return not letters[1:].islower() and any(one.islower() and next_one.isupper() for one, next_one in pairwise(letters))
