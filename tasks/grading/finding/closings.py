r"""Finds the answer that a text closes with. Only for texts that ended by themselves: the end of any other is an accident.

Only the last line counts, apart from courtesies ("I hope this helps"). A text that breaks off inside a formula, or offers to go on with
the work ("would you like me to"), closes with nothing. In order:
- bold: the last `**...**` of the line, if that is a value and no heading ("**Step 3**"); a word only at the line's end, after "is";
- formula: the one that the text ends in, if it is led to by "is", ":" or the like, stands alone, or is an equation that concludes, also
  with a condition behind it (`Thus $f(x)=2x$ for all real $x$`); or several joined by "and", "or" or commas, all of them, if the first is
  led to;
- value (expressions only): the line, if it is no more than a value, or what follows its last "is", "equals" or "=";
- number: what the last sentence with a number states (sentences.py), questions apart. For an expression it must be stated clearly.

Left out: announced answers (statements.py).
"""

import re

from r1bench.tasks.grading.finding.sentences import CONCLUSION, direct_number, opening, stated_number
from r1bench.tasks.grading.finding.statements import (
    FORMULA,
    LEADS_TO,
    LIST_NUMBER,
    LONGEST_LINE,
    SENTENCE_END,
    WORD,
    bold_value,
    content_of,
    formulas_at,
    is_value,
    last_consequence,
)

LONGEST_VALUE = 80
COURTESY = re.compile(
    r"\W{0,4}(?:I hope|hope this|let me know|feel free|(?:is )?there anything|thank|please let)|[`}\])\s]+$|-{3,}$"
    r"|\\end\{[a-z]{1,12}\*?\}$",
    re.IGNORECASE,
)
OFFER = re.compile(
    r"(?:let me know|would you|do you|if you)\b[^.\n]{0,40}?\b(?:like|want|need)(?: me)? to (?!explain|clarify|know|see|understand)",
    re.IGNORECASE,
)
FORMULA_MARKS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
EMPHASIS = re.compile(r"(?<![\w)*])\*{2,}|\*{2,}(?![\w(*])")
LINK = re.compile(r"\b(?:is|are|was|equals|equal to|simplifies to|becomes)\b|=|[:：](?!\d)")
QUALIFIED = re.compile(r"\s{0,3}(?:\(?for (?:all|any|every|each|some)|,?\s?(?:where|with|whenever))\b", re.IGNORECASE)
CHINESE_SENTENCE = re.compile(r"[\u3400-\u9fff][，：:,\s]{0,3}(?:\$|\\[(\[])|[\u3400-\u9fff][，：:；]")
"""Chinese words that lead to a formula, or go on after a comma or colon: not an answer by themselves, as 充分不必要条件 is one."""
LAST_OF_SEVERAL = re.compile(r"(?:\b(?:and|or)|或者?|和)\s{0,3}$")
SUPPOSES = re.compile(r"\b(?:let|set|substitut\w*|calculate|solve|use|find|where|with|if|when|for|form)\b", re.IGNORECASE)


def closing_bold(text: str, numeric: bool) -> str | None:
    """The value in bold in the last line."""
    return bold_value(_last_line(text), numeric)


def closing_formula(text: str, numeric: bool) -> str | None:
    """The formula that the text ends in, if it is stated and not only mentioned."""
    if not _last_line(text):
        return None
    tail = text[-2 * LONGEST_LINE :].rstrip().rstrip(".。").rstrip("*").rstrip(".。").rstrip()
    begin, end = next((pair for pair in FORMULA_MARKS if tail.endswith(pair[1])), ("", ""))
    start = tail.rfind(begin, 0, -len(end)) if begin else -1
    if start < 0:
        return None
    content, line = last_consequence(tail[start + len(begin) : -len(end)]), tail[:start].rpartition("\n")[2]
    is_alone = not line.strip(" \t*-•>")
    concludes = "=" in content and (begin in ("$$", "\\[") or (bool(CONCLUSION.match(line)) and len(WORD.findall(line)) == 1))
    is_stated = bool(LEADS_TO.search(tail[:start])) or is_alone or concludes
    return content if is_stated and is_value(content, numeric) else None


def closing_formulas(text: str) -> str | None:
    """The formulas that the last line ends in, joined by "and" or the like and led to: "The solutions are $x=1$ and $x=2$"."""
    line = _last_line(text)
    for formula in FORMULA.finditer(line):
        if not LEADS_TO.search(line[: formula.start()]):
            continue
        joined = formulas_at(line, formula.start())
        if len(joined) < 2 or line[joined[-1].end() :].strip(" .。*") or not LAST_OF_SEVERAL.search(line[: joined[-1].start()]):
            continue
        if all(is_value(content_of(one), numeric=False) for one in joined):
            return line[joined[0].start() : joined[-1].end()]
    return None


def concluded_equation(text: str) -> str | None:
    """The equation that the last sentence concludes, if only a condition follows: "Thus $f(x)=2x$ for all real $x$"."""
    sentence = [sentence for sentence in _sentences(_last_line(text)) if sentence.strip()][-1:] or [""]
    formula = FORMULA.search(sentence[0])
    if formula is None or not QUALIFIED.match(sentence[0], formula.end()):
        return None
    before, content = sentence[0][: formula.start()], content_of(formula)
    is_conclusion = bool(CONCLUSION.match(sentence[0])) and len(WORD.findall(before)) == 1
    return content if is_conclusion and "=" in content and is_value(content, numeric=False) else None


def closing_value(text: str) -> str | None:
    """The expression that the last line is, or that follows its last "is" or the like."""
    line = CONCLUSION.sub("", EMPHASIS.sub("", _last_line(text)).strip(" \t*-•>"), count=1).rstrip(".。 ")
    if 0 < len(line) <= LONGEST_VALUE and is_value(line, numeric=False):
        return None if CHINESE_SENTENCE.search(line) else line
    sentence = _sentences(line)[-1]
    if number := direct_number(sentence):
        return number
    links = [*LINK.finditer(sentence)]
    if not links or SUPPOSES.search(sentence):
        return None
    value = sentence[links[-1].end() :].strip()
    is_balanced = value.count("$") % 2 == 0 and value.count("(") == value.count(")")
    return value if len(value) <= LONGEST_VALUE and is_balanced and is_value(value, numeric=False) else None


def closing_number(text: str, only_clear: bool) -> str | None:
    """The number that the last sentence with one states; with `only_clear` only if it is led to, or the only one of a conclusion."""
    line = EMPHASIS.sub("", _last_line(text))
    line = LIST_NUMBER.sub("", line, count=1) if LIST_NUMBER.match(line) else line
    for sentence in reversed(_sentences(line)):
        if stated := stated_number(sentence, opening(sentence)):
            return stated.text if stated.is_clear or not only_clear else None
    return None


def _last_line(text: str) -> str:
    """The last line that says something; empty if the text breaks off inside a formula or offers to go on with the work."""
    tail = text[-4 * LONGEST_LINE :]
    if max(tail.rfind("\\["), tail.rfind("\\(")) > max(tail.rfind("\\]"), tail.rfind("\\)")):
        return ""
    for line in reversed([line.strip() for line in tail.splitlines() if line.strip()]):
        if OFFER.search(line):
            return ""
        if not COURTESY.match(line):
            return line[-LONGEST_LINE:]
    return ""


def _sentences(line: str) -> list[str]:
    """The sentences of a line that are no questions; at least one, which may be empty."""
    sentences, start = [], 0
    for stop in SENTENCE_END.finditer(line):
        if stop[0] not in "?？":
            sentences.append(line[start : stop.start()])
        start = stop.end()
    return [*sentences, line[start:]]
