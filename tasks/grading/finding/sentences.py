r"""The number that a sentence states: "It is 18 dollars, since 20 - 2 = 18, in step 3" states 18.

Left out: which sentence is asked (statements.py), what a number is worth (integers.py). The rules:
1. Numbers that state nothing are not looked at: labels (step 3, equation (2), case 1, 第3步), exponents, indices, arguments of a
  command or function, parts of a time or of a term (`3x`), what is denied or only bounds (not 5, less than 5); ordinals (the 3rd)
  only if there is nothing else.
2. Reasons ("since ...", "because ...", brackets) are left out if a number stands outside them.
3. If the sentence begins with its answer ("It is 18 ...", or 18 after "the answer is"): that number, or the result of the
   arithmetic that begins with it.
4. Else the last number that is led to: after "is", "equals", "=" or the like.
5. Else the first number after "the answer is" and after "Therefore, 18 ...", the last number elsewhere.
6. Numbers joined by "or" (also "or maybe"), "and" or commas are returned together, and so is an expression that is not worked out:
  neither is a number.
7. Where there are no digits: the only number in Chinese numerals (小明有三十五个苹果).
"""

import re
from typing import NamedTuple

from r1bench.tasks.grading import integers

VALUE = r"(?>[-−]?(?:\\?[$€£¥￥])?(?:\d+\s\d{1,4}/\d{1,4}(?![\d/])|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:\s?/\s?\d+)?%?)|[-−]?\.\d+)"
NUMBER = re.compile(
    rf"(?<![A-Za-z0-9_.^\\])(?<![\^_a-z]\{{)(?<!\d[:：]){VALUE}"
    r"(?![:：]\d|[A-Za-z](?![A-Za-z])|[_^(!²³π√]|\s?\\(?!text|mathrm|mbox|circ|[%,;! )\]]))"
)
JOINT = r"\s{0,3}(?>(?:,|，|、|;|\bor\b|\band\b|或者?|和)\s{0,3}){1,2}"
HEDGE = r"(?:\b(?:or|ou|oder)\b|或者?)\s{1,3}(?:maybe|perhaps|possibly|probably|else|even|rather|alternatively)?\s{0,3}"
EITHER = re.compile(rf"{VALUE}(?>\s{{0,3}}(?:{HEDGE}|[,，]?\s{{0,3}}(?:maybe|perhaps|possibly)\s{{0,3}}){VALUE}){{1,20}}")
"""Also where words follow, as behind no comma: "5 or maybe 6 apples"."""
LIST = re.compile(rf"{VALUE}(?>(?:{JOINT}{VALUE}){{1,20}})(?=\s*(?:[.,;:)。]|$))")
ARITHMETIC = re.compile(rf"{VALUE}(?>(?:\s?(?:\*\*|[-+*/×·÷^−])\s?{VALUE}){{1,20}})")
UNSOLVED = re.compile(
    r"\s?(?:\*\*|[-+*/×·÷^−])\s?(?:[\d(（\[\\$√π]|[A-Za-z](?![A-Za-z]))|\s(?:times|plus|minus|(?:more|less|fewer) than)\b"
)
LED_TO = re.compile(
    r"(?:\b(?:is|are|was|were|be|equals?|to|has|have|becomes|makes|making|giving|leaving|totals|totaling)|[=≈:：是为]|等[于於])\s{0,3}"
    r"(?:(?:about|approximately|exactly|only|just|now|therefore|thus)\s){0,2}[\\($]{0,3}$"
)
LONGEST_LEAD = 40
EQUALS = re.compile(r"[=≈]\s{0,3}[\\$]{0,2}$")
ASSIGNED = re.compile(r"(?<![A-Za-z])[A-Za-z]\s?[=≈]\s{0,3}[\\$]{0,2}$")
CHINESE_NUMBER = re.compile(
    rf"(?!十分(?!钟))(?<![零〇一二两三四五六七八九十百千万亿第几数每星期月初])({integers.NUMERALS})({integers.MEASURE}?)"
    r"(?![零〇一二两三四五六七八九十百千万亿月日号期时点])"
)
LABEL = re.compile(
    r"(?:\b(?:step|equation|eqn?|part|case|problem|question|example|figure|fig|table|method|option|section|chapter|note|theorem|lemma|"
    r"item|exercise|stage|phase|appendix|approach|solution|formula|condition|rule)s?\.?|第|步骤|情况|方程|公式|图|表|问题|例)"
    r"\s{0,3}(?:no\.?|number|#)?\s{0,2}[(（]?(?:\d{1,3}\s?(?:,|and|or|to|-|–|和)\s?){0,3}$"
    r"|[A-Za-z¹²³]\($"
    r"|(?:\bnot|n['’]t|\bcannot|\bthan|\bbetween|不是)\s{0,3}(?:equal to\s|be\s|exactly\s)?[\\$]{0,2}(?:\d{1,3}\s(?:and|or)\s)?$",
    re.IGNORECASE,
)
LONGEST_LABEL = 40
ORDINAL = re.compile(r"(?:st|nd|rd|th)(?![A-Za-z])")
FRACTION = re.compile(r"((?<=\d)\s?)?\\[dtc]?frac\s?\{?(\d{1,20})\}?\s?\{?(\d{1,20})\}?")
REASON = re.compile(r"[,;，；]\s{0,3}(?:as|given|where|due to|so that)\b|\b(?:since|because)\b|因为|由于", re.IGNORECASE)
BRACKETS = re.compile(r"(?<=[^\W_])\s?（[^（）]*）|(?<=[^\W_$])\s\([^()]*\)")
CONDITION = re.compile(
    r"\W{0,4}(?:(?:so|thus|hence|therefore|then|and)\W{1,3})?(?:since|because|as|if|when|given|for)\b[^,，]*[,，]", re.IGNORECASE
)
CONNECTIVE = r"(?:so|thus|hence|therefore|then|finally|and|yes|no|ok|所以|因此|故)\b\W{1,3}"
OPENING = re.compile(
    rf"\W{{0,6}}(?:(?:{CONNECTIVE})?(?P<verb>(?:it|that|this|there|they)\s(?:is|are|was|were|must be|will be|has|have|equals)\b|"
    rf"(?:it|that|there)['’]s\b|这是|共有|一共|总共)|{CONNECTIVE}(?=[\\($*]{{0,3}}\d))",
    re.IGNORECASE,
)
CONCLUSION = re.compile(rf"\W{{0,6}}{CONNECTIVE}", re.IGNORECASE)
DIRECT = re.compile(
    r"[\s\\($*]{0,4}(?:(?:about|approximately|exactly|only|just|now|the|therefore|thus)\s|[A-Za-z]\s?=\s?){0,2}[\s\\($*]{0,4}$",
    re.IGNORECASE,
)


class Stated(NamedTuple):
    """A number as a sentence states it."""

    text: str
    """As it stands there."""
    is_clear: bool
    """Led to by "is" or the like, or the only number of a sentence that concludes; else it is only the likeliest."""


def opening(sentence: str) -> int | None:
    """Where the answer of a sentence begins that opens with it: "It is 18 dollars for 3 people"; None for other sentences."""
    found = OPENING.match(sentence)
    if found is None:
        return None
    return found.end() if found["verb"] else 0


def stated_number(sentence: str, start: int | None) -> Stated | None:
    """The number that the sentence states by the rules above; None if it holds none.

    Args:
        sentence: one sentence of bounded length, without emphasis.
        start: where its answer begins, if it opens with its answer.
    """
    tail, numbers = _without_reasons(plain(sentence[start or 0 :]))
    if not numbers:
        return None if re.search(r"\d", sentence) else _chinese_number(sentence)
    if start is not None and DIRECT.fullmatch(tail[: numbers[0].start()]):
        return Stated(_result(tail, numbers) or _whole(tail, numbers[0]), is_clear=True)
    led = [number for number in numbers if LED_TO.search(tail[max(number.start() - LONGEST_LEAD, 0) : number.start()])]
    solved = [number for number in led if not UNSOLVED.match(tail, number.end())]
    if solved or led:
        return Stated(_whole(tail, (solved or led)[-1]), is_clear=True)
    is_conclusion = start is not None or bool(CONCLUSION.match(sentence))
    return Stated(_whole(tail, numbers[-1] if start is None else numbers[0]), is_clear=is_conclusion and len(numbers) == 1)


def _chinese_number(sentence: str) -> Stated | None:
    """The only number in Chinese numerals: with a measure word (三个), or of several numerals; 一个 is an article if there is another."""
    numbers = [number for number in CHINESE_NUMBER.finditer(sentence) if len(number[1]) > 1 or number[2]]
    stated = [number for number in numbers if number[1] != "一"] or numbers
    return Stated(stated[0][0], is_clear=True) if len(stated) == 1 else None


def direct_number(sentence: str) -> str | None:
    """The number that a sentence opens with as its answer ("There are 70 ways"), unless it is part of an expression."""
    start = opening(sentence)
    number = NUMBER.search(sentence, start) if start else None
    if number is None or not DIRECT.fullmatch(sentence[start : number.start()]) or UNSOLVED.match(sentence, number.end()):
        return None
    return number[0]


def _without_reasons(sentence: str) -> tuple[str, list[re.Match[str]]]:
    """The sentence and its numbers without what only gives reasons, if a number is left."""
    numbers = _numbers(sentence)
    bare = BRACKETS.sub(lambda found: " " * len(found[0]), sentence)
    if condition := CONDITION.match(bare):
        bare = " " * condition.end() + bare[condition.end() :]
    if left := _numbers(bare):
        sentence, numbers = bare, left
    for reason in REASON.finditer(sentence):
        if before := [number for number in numbers if number.end() <= reason.start()]:
            return sentence[: reason.start()], before
    return sentence, numbers


def _result(sentence: str, numbers: list[re.Match[str]]) -> str | None:
    """The result of the arithmetic that begins with the first number: the last right side before a comma."""
    clause = re.split(r"[,;，；](?!\d)", sentence[numbers[0].end() :], maxsplit=1)[0]
    end = numbers[0].end() + len(clause)
    results = [one for one in numbers if one.end() <= end and EQUALS.search(sentence[max(one.start() - 6, 0) : one.start()])]
    results = [one for one in results if not UNSOLVED.match(sentence, one.end()) and not ASSIGNED.search(sentence[: one.start()])]
    return results[-1][0] if results else None


def _whole(sentence: str, number: re.Match[str]) -> str:
    """The number with all that it is part of: a list, a sum, an expression that is not worked out."""
    if UNSOLVED.match(sentence, number.end()) and not sentence[number.end() :].lstrip()[:1].isalpha():
        return re.split(r"[,;，；](?!\d)|\.\s", sentence[number.start() :], maxsplit=1)[0].strip().rstrip(".$")
    for group in (*LIST.finditer(sentence), *EITHER.finditer(sentence), *ARITHMETIC.finditer(sentence)):
        if group.start() <= number.start() < group.end():
            is_tuple = sentence[group.start() - 1 : group.start()] == "(" and sentence[group.end() : group.end() + 1] == ")"
            return f"({group[0]})" if is_tuple else group[0]
    is_formula = sentence[number.end() : number.end() + 1] == "$"
    return number[0].removeprefix("$") if is_formula else number[0]


def plain(sentence: str) -> str:
    """The sentence with text commands and fractions of numbers written plainly."""
    if "\\" not in sentence:
        return sentence
    return FRACTION.sub(
        lambda found: f"{' ' if found[1] is not None else ''}{found[2]}/{found[3]}", integers.WRAPPED.sub(lambda found: found[1], sentence)
    )


def _numbers(sentence: str) -> list[re.Match[str]]:
    numbers = [(number, sentence[max(number.start() - LONGEST_LABEL, 0) : number.start()]) for number in NUMBER.finditer(sentence)]
    found = [number for number, before in numbers if not LABEL.search(before)]
    return [number for number in found if not ORDINAL.match(sentence, number.end())] or found
