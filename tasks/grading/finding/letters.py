r"""Finds the letter that answers a multiple-choice question. Left out: whether it is the right one (choice.py).

The rules, in order; the first that finds something decides. "Letter" is one of the question's letters, in any case.
1. As in extraction.py: only the last `<answer>...</answer>` is looked at if there is one, and a box begun after the last complete one and
   not finished means that there is no answer.
2. The last complete box that holds a letter (`\boxed{C}`, `\boxed{\text{(C)}}`, `\boxed{C. 4 eV}`) or an option's text. Other boxes are not
   looked at: they hold a quantity on the way.
3. The last statement: "ANSWER: C", "Final: C", "the answer is (C)", "option C is correct", "I choose C", "答案是C", "选C" and the
   announcements of statements.py in other languages, with a letter or an option's text. What is denied ("is not C", "不选C") is none.
4. Only if the text ended by itself: a last line that is a letter ("C", "**(C)**", "C) Paris" if no other option stands before it), the one
   option named in the last line ("so it must be (C)"), or the one option whose text stands in it.
Two letters in one statement ("A or B", "A, B") are one answer, equal to neither.

A letter without brackets or emphasis counts only if no word follows that it could belong to: the A of "the answer is A mixture" is an
article; after "answer:" that holds for A, I and small letters only. A letter beyond the question's choices is returned all the same,
for choice.py to refuse.
"""

import re
import string
from collections.abc import Iterator, Sequence

from r1bench.tasks.grading.finding import extraction, statements
from r1bench.tasks.grading.finding.extraction import Extraction
from r1bench.tasks.grading.integers import FULL_WIDTH, WRAPPED

MOST_STATEMENTS = 100
SHORTEST_OPTION = 3
"""Shorter texts of options are not looked for inside a line."""
BEFORE = (
    r"(?>[\s*_$\"'`:：,\[{<>~]|\\(?:text|mathrm|mathbf|textbf|textrm|boxed|fbox)\s?\{|\\[(\[]|"
    r"(?:option|choice|answer|letter|either|both|probably|likely|therefore|thus|clearly|simply|indeed|选项|選項)\b\s?){0,12}"
)
LETTER = r"[(（\[]?\s?(?:\\[a-z]{4,6}\{)?([A-Za-z])(?![A-Za-z0-9_^=+\-]|['’]\w)"
CLOSE = r"[\s})\]）*$\\.]{0,6}"
AT = re.compile(rf"(?P<before>{BEFORE})(?P<letter>{LETTER})")
SECOND = re.compile(
    rf"{CLOSE}\s?(?:\bor\b|\band\b|,|/|&|或者?|和|、)\s?(?:option\s|choice\s)?{LETTER}(?={CLOSE}(?:$|\n|,|;|or\b|and\b|/|或|和))"
)
CONNECTIVES = (
    "because|since|as|with|for|which|where|that|is|was|and|or|due|by|given|from|here|in|if|hence|so|not|then|but|based|according|to"
)
PART_OF_WORDS = re.compile(rf"\s{{1,3}}(?!(?:{CONNECTIVES})\b)[^\W\d_]")
LOWER_CASE = re.compile(rf"\s{{1,3}}(?!(?:{CONNECTIVES})\b)[a-z]")
WRONG = re.compile(r"[\s)*\]}]{0,4}(?:is|are|was|cannot be|can't be)?\s?(?:n't|not|incorrect|wrong|false|不正确|错误|不对|是错)")
CUE = re.compile(
    r"(?:correct|right|best)\s(?:option|choice|letter)(?:\s[^\s.,;:]{1,15}){0,4}?\s?(?:is\b|[:：])|(?:choice|option|letter)\s?[:：]"
    r"|\bfinal(?:\s(?:choice|option|letter|selection|pick))?\s?[:：]"
    r"|\b(?:choose|select|pick|chose|go with|opt for)\b|\b(?:it|this|that)(?:\sis|['’]s)\s(?=[(*]{0,3}(?-i:[A-Z])\b)"
    r"|(?<!不)(?<!不能)(?<!挑)(?:应|應|故|可)?(?:选择|選擇|选|選)项?(?:[是为]|应为)?[:：]?",
    re.IGNORECASE,
)
CORRECT = re.compile(
    r"(?:\b(?:option|choice|answer)\s|选项|[(（*\s]|^)\s?([A-Za-z])[)）*]{0,3}\s?(?:(?:is|must be|would be|seems)\s"
    r"(?:the\s|therefore\s|thus\s|clearly\s|indeed\s|most\s|only\s|best\s){0,3}(?:correct|right|best|answer)\b|(?:项|選項|选项)?是?正确)",
    re.MULTILINE,
)
LINE = re.compile(
    r"[\s*#>_$\-]{0,6}(?:(?:option|choice)\s)?[(（\[]?(?:\\[a-z]{4,6}\{)?([A-Za-z])[)）\]}*_$\s]{0,5}(?:$|[.:：、]|(?<=[)）*])\s)",
    re.IGNORECASE,
)
PAIR = re.compile(rf"[(]?([A-Z])[)]?(?:,|/|\s(?:or|and))\s?[(]?([A-Z])[)]?(?={CLOSE}$)")
DENIES = re.compile(r"\b(?:not|never|neither|nor|cannot|incorrect|wrong)\b|n['’]t\b|不")
NAMED = re.compile(r"[(（]([A-Za-z])[)）]|\b(?:[Oo]ption|[Cc]hoice|选项)\s?([A-Z])\b|\*\*([A-Z])\*\*")


def find_letter(answer_part: str, choices: Sequence[str] = (), complete: bool = True) -> Extraction:
    """The letter (upper case, or two: "A, B") that an answer part gives, by the rules above.

    Args:
        choices: the options' texts in order, if they are known.
        complete: the completion ended by itself, so its end may be taken for the answer.
    """
    flags: tuple[str, ...] = ("cut",) if len(answer_part) > extraction.WINDOW else ()
    text = answer_part[-extraction.WINDOW :]
    text = text if text.isascii() else text.translate(FULL_WIDTH)
    if (tagged := extraction.answer_tag(text, complete)) is not None:
        text, flags, complete = tagged.content, (*flags, *tagged.flags), True
    boxes = extraction.find_boxes(text)
    if "unterminated_box" in boxes.flags:
        return Extraction(None, flags + boxes.flags)
    named = _texts(choices)
    for content in reversed(boxes.contents[-MOST_STATEMENTS:]):
        if found := _in_box(content, named):
            return Extraction(found, flags)
    rule, said = "answer_phrase", _last_statement(text, named, complete)
    if said is None and complete:
        rule, said = _closing(text, named)
    return Extraction(said, (*flags, rule)) if said else Extraction(None, flags)


def _texts(choices: Sequence[str]) -> dict[str, str]:
    """Text of an option, alone or after its letter -> its letter; texts that two options share name neither."""
    texts = [_plain(choice) for choice in choices]
    unique = {text: letter for text, letter in zip(texts, string.ascii_uppercase, strict=False) if text and texts.count(text) == 1}
    return unique | {f"{letter.lower()} {text}": letter for text, letter in unique.items()}


def _in_box(content: str, named: dict[str, str]) -> str | None:
    bare = WRAPPED.sub(lambda found: found[1], WRAPPED.sub(lambda found: found[1], content)).replace("\\ ", " ").strip()
    found = re.match(rf"(?:option|choice|answer)?[\s:]{{0,3}}{LETTER}(?=[)）\]]?(?:[.:]?\s|[.:]?$|,|\\|/))", bare, re.IGNORECASE)
    if found is None:
        return named.get(_plain(content))
    if second := SECOND.match(bare, found.end()):
        return f"{found[1]}, {second[1]}".upper()
    is_article = bare[found.start(1) - 1 : found.start(1)] not in ("(", "（", "[") and PART_OF_WORDS.match(bare, found.end())
    return named.get(_plain(content)) if is_article else found[1].upper()


def _last_statement(text: str, named: dict[str, str], complete: bool) -> str | None:
    """The letter of the last statement that is not denied."""
    places: list[tuple[int, int]] = [*statements.announcements(text)]
    places += [(cue.start(), cue.end()) for cue in [*CUE.finditer(text)][-MOST_STATEMENTS:] if not statements.is_denied(text, cue.start())]
    said: list[tuple[int, str]] = []
    for start, begin in places:
        if not statements.DENIAL.match(text, begin) and (found := _letter_at(text, begin, named, complete)):
            said.append((start, found))
    said += [(found.start(1), found[1]) for found in [*CORRECT.finditer(text)][-MOST_STATEMENTS:] if _is_free(text, found)]
    return max(said)[1].upper() if said else None


def _is_free(text: str, found: re.Match[str]) -> bool:
    """Whether a letter that is called correct is not an article in lower case and not denied."""
    return (found[1].isupper() or text[found.start(1) - 1] in "(（") and not statements.is_denied(text, found.start(1))


def _letter_at(text: str, begin: int, named: dict[str, str], complete: bool) -> str | None:
    """The letter or the option's text that stands here."""
    found = AT.match(text, begin)
    if found is not None:
        end, letter = found.end(), found[3]
        if second := SECOND.match(text, end):
            return f"{letter}, {second[1]}".upper()
        around = text[max(begin - 3, 0) : found.start(3)]
        is_marked = bool(re.search(r"[(（\[*{$\"'`]\s?$", around)) or text[end : end + 1] in (")", "）")
        could_be_word = letter.islower() or letter in "AI"
        follows_colon = text[max(begin - 6, 0) : found.start(3)].rstrip(" \t\n*_").endswith((":", "："))
        is_loose = bool(PART_OF_WORDS.match(text, end)) if could_be_word else not follows_colon and bool(LOWER_CASE.match(text, end))
        is_lone = letter.isupper() or is_marked or re.match(r"[\s.)\]}*]*(?:$|\n)", text[end : end + 8]) is not None
        is_whole = complete or end < len(text)
        if is_whole and not WRONG.match(text, end) and (is_marked or (is_lone and not is_loose)):
            return letter
    line = text[begin : begin + statements.LONGEST_SENTENCE].partition("\n")[0]
    return named.get(_plain(line)) if named else None


def _closing(text: str, named: dict[str, str]) -> tuple[str, str | None]:
    """The letter that the last line is or names, or the option whose text it holds, with the name of the rule."""
    lines = [line for line in text[-4 * statements.LONGEST_LINE :].splitlines() if line.strip()][-2:]
    if not lines:
        return "last_letter", None
    found, before = LINE.match(lines[-1]), LINE.match(lines[0]) if len(lines) == 2 else None
    if pair := PAIR.match(lines[-1].strip(" *_$")):
        return "last_letter", f"{pair[1]}, {pair[2]}".upper()
    if found:
        is_option = bool(before) and before[1].upper() != found[1].upper() and len(lines[-1].strip()) > found.end()  # type: ignore[index]
        return "last_letter", None if is_option or WRONG.match(lines[-1], found.end(1)) else found[1].upper()
    letters = {letter.upper() for letter in _named_in(lines[-1])}
    if letters:
        return "last_letter", letters.pop() if len(letters) == 1 else None
    return "option_text", named.get(_plain(text[-2 * statements.LONGEST_LINE :])) or _option_in(lines[-1], named)


def _option_in(line: str, named: dict[str, str]) -> str | None:
    """The only option whose text a line holds, if the line denies nothing."""
    if DENIES.search(line) or len(line) > statements.LONGEST_LINE:
        return None
    plain = f" {_plain(line)} "
    held = {letter for text, letter in named.items() if len(text) >= SHORTEST_OPTION and f" {text} " in plain}
    return held.pop() if len(held) == 1 else None


def _named_in(line: str) -> Iterator[str]:
    """The options that a line names and does not deny."""
    for found in NAMED.finditer(line):
        if not statements.is_denied(line, found.start()) and not WRONG.match(line, found.end()):
            yield found[1] or found[2] or found[3]


def _plain(text: str) -> str:
    """A text as options are compared: without markup, case, repeated spaces and a closing full stop; empty if it is too long to be one."""
    if len(text) > 2 * statements.LONGEST_LINE:
        return ""
    text = WRAPPED.sub(lambda found: found[1], text.replace("$", "").replace("\\(", "").replace("\\)", ""))
    return " ".join(re.sub(r"[*`_]+", "", text).split()).strip(".,;: ").casefold()
