r"""Finds the answer that a text states in words. Left out: boxes, tags and `####` lines (extraction.py), how a text ends
(closings.py), what an answer means.

Announced (`announced`): what follows the last "answer is", "answer:", a heading "Answer", `"answer":` in JSON, or the like in Chinese,
Japanese, Korean, Spanish, Portuguese, French, Italian, German, Russian, Bengali, Swahili, Telugu and Thai, "故选", and "所以……等于".
An announcement that denies or only bounds ("is not", "must be less than") is none. An expression is the formula that follows, or formulas
joined by "and", "or" or commas, or a sentence of a few words; a number is what the sentence states (sentences.py).
"""

import re
from collections.abc import Iterator

from r1bench.tasks.grading import integers
from r1bench.tasks.grading.finding.sentences import LABEL, LIST, NUMBER, ORDINAL, direct_number, stated_number

LONGEST_LINE = 600
LONGEST_SENTENCE = 400
MOST_WORDS = 6
"""An announced expression has no more words than this; what has is prose."""
MOST_ANNOUNCEMENTS = 100
"""So many are looked at, from the last."""

LATIN_NOUNS = ("answer", "respuesta", "resposta", "réponse", "reponse", "risposta", "antwort", "jibu")
NOUNS = (*LATIN_NOUNS, "ответ", "答", "답", "等于", "等於", "故选", "故選", "คำตอบ", "উত্তর", "సమాధానం")
ANNOUNCEMENT = re.compile(
    r"\banswers?\b(?!\s(?:choice|option))[\"'*_)]{0,4}(?:[ \t]{1,4}[^\s.,;:=!?]{1,20}){0,8}?[ \t*_]{0,4}(?:\b(?:is|are|be|equals)\b|[:：=])"
    r"|\b(?:respuesta|resposta|r[ée]ponse|risposta|antwort|ответ|jibu)\b\**(?:[ \t]{1,4}[^\s.,;:=!?]{1,20}){0,4}?[ \t*]{0,4}"
    r"(?:\b(?:es|é|est|è|ist|lautet|beträgt|равен|это|ni)\b|[:：=—–])"
    r"|(?:答案|答え|解答|(?<![回解])答(?=\**[:：])|คำตอบ|উত্তর|సమాధానం|정답|답)\**[ \t]{0,4}(?:应该|應該|应|就)?"
    r"(?:[是为為选選]|は|คือ|은|는|হল|হলো|[:：=])|故[选選](?:择|擇)?[:：]?",
    re.IGNORECASE,
)
HEADING = re.compile(
    r"^[^\w\n]{0,8}(?:\d{1,2}[.)][ \t]{0,3})?(?:the[ \t]|final[ \t]|correct[ \t]){0,2}(?:answer|最终答案|答案)[^\w\n]{0,8}\n",
    re.IGNORECASE | re.MULTILINE,
)
CONCLUSION = re.compile(r"所以|因此|故|综上|总共|共")
FILLER = re.compile(
    r"(?:[\s*_:：,，\"'`>]|=(?!=)|(?:therefore|thus|then|simply|just|hence|indeed|now|clearly|exactly|equal to|given by)\b){0,24}",
    re.IGNORECASE,
)
DENIAL = re.compile(
    r"[\s*]{0,4}(?:not\b|n't|never\b|(?:(?:strictly|of the|of|an?|the|some)\s)?(?:less|more|greater|fewer|smaller|larger|at least|at most|"
    r"between|within|integer|whole number|number of|form|divisible|multiple)\b|不(?:是|能|会|应|可能))",
    re.IGNORECASE,
)
DENIED_BEFORE = re.compile(
    r"(?:(?:\bnot|n['’]t|\bnever|\bcannot)\s(?:\w{1,12}\s)?(?:think|believe|say|claim|mean|conclude|choose|select|pick|be)\b[^,.;:!?\n]*"
    r"|(?:\bnot|n['’]t|\bnor|\bneither|\brather than|\binstead of)\s{1,2}(?:the\s)?(?:correct\s|final\s|right\s|option\s)?[(*]{0,2}"
    r"|不(?:是|能|会|应|可能)[^，。；：\n]{0,6})$",
    re.IGNORECASE,
)
FORMULA = re.compile(r"(?<!\\)\$\$?((?:[^$\\]|\\.){1,2000})\$\$?|\\\((.{1,2000}?)\\\)|\\\[(.{1,2000}?)\\\]", re.DOTALL)
JOINT = re.compile(r"\s{0,3}(?:,|，|、|;|\bor\b|\band\b|或者?|和){1,2}\s{0,3}(?=\$|\\[(\[])")
SENTENCE_END = re.compile(r"[.!?](?=[\s\"*)]|$)|[。；！？\n]|\\n(?![a-z])|\*\*(?![\w(])|\"(?=\s*[,}\n]|$)")
REASON = re.compile(r"[,;，；]\s{0,3}(?:since|because|as|given|where|due to)\b|\b(?:since|because)\b|因为|由于", re.IGNORECASE)
WORD = re.compile(r"(?<![\\A-Za-z])(?!(?:exp|sqrt|sin|cos|tan|log|ln|pi)\b)[A-Za-z]{2,}")
BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
LEADS_TO = re.compile(
    r"(?:\b(?:is|are|be|equals|to|get|have|find|obtain|gives|yields|was)|[=≡≈:：是为於于得]|\\implies|⇒|→)[\s*]{0,4}$", re.IGNORECASE
)
LIST_NUMBER = re.compile(r"[\s>*#(-]{0,8}\d{1,2}[.)、](?=[\s*])")
NEGATION = re.compile(r"\b(?:cannot|not|never)\b|n['’]t\b", re.IGNORECASE)
IMPLIES = re.compile(r"\\(?:Rightarrow|implies|Longrightarrow|therefore)(?![A-Za-z])|⇒|∴")
LINKS = re.compile(r"\b(?:is|are|was|equals|simplifies to)\b")
VERB = re.compile(r"[\s,]{0,3}(?:is|are|has|have|can|will|must)\b")
NO_ANSWER = re.compile(
    r"(?:wrong|correct|incorrect|different|same|unique|clear|obvious|known|unknown|given|forbidden|possible|impossible|not)\b.*"
    r"|(?:right|here|there|below|above|that|this|it|as|in|of|at|on|to|the|an?|follows)",
    re.IGNORECASE | re.DOTALL,
)
"""Words that say something about an answer."""


def announced(text: str, numeric: bool, complete: bool) -> tuple[int, str] | None:
    """Where the last announced answer begins and what it is, or None.

    Args:
        complete: the text ended by itself; else an announcement that runs to its end may be half of one.
    """
    for _, begin in announcements(text):
        if begin < len(text) and (answer := _announced_at(text, begin, numeric, complete)) is not None:
            return begin, answer
    return None


def announcements(text: str) -> Iterator[tuple[int, int]]:
    """Where something is announced that is not denied, and where what is announced begins; the last first."""
    for start in _nouns(text):
        end = _announcement_end(text, start)
        if end is not None and not DENIAL.match(text, end) and not is_denied(text, start):
            yield start, FILLER.match(text, end).end()  # type: ignore[union-attr]


def is_denied(text: str, start: int) -> bool:
    """Whether the clause that leads up to a place denies what follows: "I do not think the answer is"."""
    return bool(DENIED_BEFORE.search(text[max(start - 40, 0) : start]))


def bold_value(line: str, numeric: bool) -> str | None:
    """The last value in bold of a line; a word only at its end, after "is" or the like."""
    for bold in reversed(list(BOLD.finditer(line))):
        before, content, after = line[: bold.start()].strip(" \t*-•>"), bold[1].strip(), line[bold.end() :].strip(" \t.。!")
        is_heading = (not before and bool(after)) or content.endswith((":", "："))
        is_word = not numeric and not after and bool(LEADS_TO.search(before)) and re.fullmatch(r"[^\W\d_]{2,20}", content.rstrip("."))
        if not is_heading and (is_word or is_value(content, numeric)):
            return content.rstrip(".,;。")
    return None


def is_value(content: str, numeric: bool) -> bool:
    """Whether a marked text can be an answer: a number (or several), for expressions anything with at most one word in it."""
    number = NUMBER.search(content)
    before = content[: number.start()] if number else ""
    if LIST_NUMBER.match(content) or content.count("{") != content.count("}") or (_num_words(before) and LABEL.search(before)):
        return False
    if numeric:
        return integers.parse(content) is not None or bool(LIST.fullmatch(content))
    return _num_words(content) <= 1 and bool(re.search(r"\d|[\\$√π^=(]|^[A-Za-z]$", content))


def content_of(formula: re.Match[str]) -> str:
    """What stands between the marks of a formula."""
    content = next(group for group in formula.groups() if group is not None)
    return last_consequence(content)


def last_consequence(content: str) -> str:
    """What stands after the last implication of a formula."""
    return IMPLIES.split(content)[-1].strip()


def _nouns(text: str) -> list[int]:
    """Where words for "answer" stand, the last first; a search for each is many times faster than one pattern for all."""
    lower = text.lower()
    lower = lower if len(lower) == len(text) else text  # a few letters have two in lower case
    places: list[int] = []
    for noun in NOUNS:
        place = lower.rfind(noun)
        for _ in range(MOST_ANNOUNCEMENTS):
            if place < 0:
                break
            places.append(place)
            place = lower.rfind(noun, 0, place)
    return sorted(places, reverse=True)[:MOST_ANNOUNCEMENTS]


def _announcement_end(text: str, start: int) -> int | None:
    """Where what is announced by the noun at this place begins, if it announces anything."""
    if text[start] == "等":
        line_start = max(text.rfind("\n", 0, start) + 1, start - 80)
        return start + 2 if CONCLUSION.search(text, line_start, start) else None
    if found := ANNOUNCEMENT.match(text, start):
        return None if NEGATION.search(found[0]) else found.end()
    heading = HEADING.match(text, max(text.rfind("\n", 0, start) + 1, start - 40))
    return heading.end() if heading else None


def _announced_at(text: str, begin: int, numeric: bool, complete: bool) -> str | None:
    """The answer that stands at the beginning of what is announced."""
    formulas = formulas_at(text, begin)
    if len(formulas) > 1:
        return text[begin : formulas[-1].end()]
    if formulas and not VERB.match(text, formulas[0].end()) and (not numeric or re.search(r"\d", formulas[0][0])):
        return content_of(formulas[0])
    rest = text[begin : begin + LONGEST_SENTENCE]
    stop = SENTENCE_END.search(rest)
    if not complete and stop is None and begin + len(rest) == len(text):
        return None
    sentence = rest[: stop.start() if stop else len(rest)].strip().rstrip(".,;:．").strip('*`" \t')
    reason = REASON.search(sentence, 1)
    if reason and (not numeric or NUMBER.search(sentence[: reason.start()])):
        sentence = sentence[: reason.start()].rstrip()
    if numeric and integers.parse(sentence) is None:
        stated = stated_number(sentence, 0)
        return stated.text if stated else None
    return sentence if numeric else _expression(sentence, rest.partition("\n")[0])


def _expression(sentence: str, line: str) -> str | None:
    """The expression that an announced sentence states: a formula, a value in bold, a number, or a few words."""
    if number := direct_number(sentence):
        return number
    part = LINKS.split(sentence)[-1].strip()
    formulas = [formula for formula in FORMULA.finditer(part) if _num_words(content_of(formula)) <= 1]
    if len(formulas) == 1 and _num_words(part[: formulas[0].start()]) <= MOST_WORDS:
        return content_of(formulas[0])
    begun = line.find("**")
    if 0 <= begun < len(sentence) + 2 and (bold := bold_value(line, numeric=False)):
        return bold
    if NO_ANSWER.fullmatch(part):
        return None
    if _num_words(part) <= 1:
        return part or None
    stated = stated_number(sentence, 0)
    if stated and stated.is_clear and not re.search(rf"\d{ORDINAL.pattern}|[\\^√π]", part):
        return stated.text
    return part if _num_words(sentence) <= MOST_WORDS else None


def formulas_at(text: str, begin: int) -> list[re.Match[str]]:
    """The formula that begins here and those joined to it; a formula has at most one word, or it is text between two dollar signs."""
    formulas: list[re.Match[str]] = []
    while len(formulas) < 10 and (formula := FORMULA.match(text, begin)) and _num_words(content_of(formula)) <= 1:
        formulas.append(formula)
        joint = JOINT.match(text, formula.end())
        if joint is None:
            break
        begin = joint.end()
    return formulas


def _num_words(text: str) -> int:
    return len(WORD.findall(text))
