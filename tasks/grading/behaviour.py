r"""How a completion reasons: length, repetition, loops, reflection, changes of mind, code. Counting only; no verdict on the answer.

Of the reasoning, which is the whole completion where none is marked; `loop...` and `answer...` of the whole completion. 1 and 0 for yes
and no:

    reasoning_words                   words; in scripts without spaces (Chinese, Japanese, Thai, ...) every character is one
    reasoning_tokens                  the completion's tokens by the reasoning's share of its characters; left out if not known
    truncated, empty_reasoning        ran out of tokens; nothing stands between the tags, or nowhere
    loop, loop_period, loop_repeats   ends in a cycle; its shortest period in characters; how often it goes round
    counting_loop                     ends in a cycle if every number is taken for the same ("the 609th row, the 610th row, ...")
    repeated, repeated_passages       shares of 4-grams and of 20-grams of words that stood before (of 8 and 40 characters
                                      in scripts without spaces)
    reflection_r1, _dr_grpo, _zh      words of the lists below; and per 1,000 tokens (`reflection_r1_per_1000`, ...)
    answers, answer_switches          final answers stated (boxes, "the answer is 5", `<answer>`); how often the next was another
    code_blocks, code_share           fenced blocks of code; share of characters in these and in lines of Python elsewhere
    longest_paragraph                 characters between blank lines, at most
    rule:..., style:...               each rule and each style of format.py

Where tokens are not known, `per_1000` is per 1,000 words. Repeated 4-grams (Welleck et al. 2019, arXiv 1908.04319, seq-rep-4) grow with
the length of sound reasoning too (traces of R1's distilled models: 0.02 of 350 words, 0.24 of 5,500), 20-grams hardly do (0.00, 0.01):
a text that copies itself shows there. A loop repeats its reflection words too: read them beside `loop`. Known false alarms: two boxes for
two parts of one answer are a switch; "but", "check", "evaluate" and "error" of plain prose; 等等 is also "and so on". Left out:
mixed languages (languages/), whether a reflection leads anywhere."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from r1bench.harness import thinking
from r1bench.tasks.grading import format as format_grader
from r1bench.tasks.grading.request import GradeRequest, Judgement

R1_WORDS = ("wait", "mistake", "however", "but", "retry", "error", "verify", "wrong", "evaluate", "check")
"""DeepSeek-R1, arXiv 2501.12948 v2, C.2. Whole words as listed: 'mistakes' is none, the 'check' of 'double-check' is one."""
DR_GRPO_WORDS = (
    "recheck", "rethink", "reassess", "reevaluate", "re-evaluate", "reevaluation", "re-examine", "reexamine", "reconsider", "reanalyze",
    "double-check", "check again", "think again", "verify again", "go over the steps",
)  # fmt: skip
"""Liu et al. 2025, arXiv 2503.20783 (they had a model confirm the hits; we do not)."""
ZH_WORDS = ("等等", "等一下", "稍等", "失误", "然而", "不过", "但是", "重试", "再试", "错误", "验证", "不对", "错了", "评估", "检查")
"""Ours; found anywhere, as Chinese has no spaces."""
WORD_LISTS = {"reflection_r1": R1_WORDS, "reflection_dr_grpo": DR_GRPO_WORDS}
BESIDE = re.compile(r"[a-z0-9_]")

WORD_GRAMS, LETTER_GRAMS = (4, 20), (8, 40)
MOST_UNITS = 12_288
"""Words or characters, from the end, in which repetitions are counted."""
LOOP_WINDOW = 32_768
"""Characters, from the end, in which a cycle is looked for: periods of up to a third of it are seen."""
LOOP_REPEATS, LOOP_LENGTH = 3, 200
"""A cycle goes round at least so often and is at least so many characters long in all: a row of dashes is none."""
LOOP_PROBE = 64
"""The last so many characters of a loop stood there one period before (true up to LOOP_LENGTH * (1 - 1 / LOOP_REPEATS))."""
MOST_COPIED, SHORTEST_COPY = 0.5, 100  # share of long n-grams; words that a reasoning must have to be judged by it
STEP = 256
"""Characters that are compared at once."""

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
FENCE, PLAIN = "```", ("", "latex", "tex", "math", "text", "txt", "plaintext", "markdown", "md", "none")
CODE_STARTS = ("def ", "class ", "import ", "from ", "print(", "for ")
CODE_LINE = re.compile(
    r"def \w{1,60}\(|class \w{1,60}[:(]|import [\w.]{1,60}(?: as \w{1,60})?(?:,[\w, ]{1,80})?\s*$|from [\w.]{1,60} import |print\("
    r"|for \w{1,60}(?:, ?\w{1,60})? in [\w.]{1,60}(?:\([^\n]{0,120}\))?:\s*$"
)
NOUNS = ("answer", "Answer", "ANSWER", "答案")
VALUE = (
    r"\$\$?[^$\n]{1,200}\$|\\\([^\n]{1,200}?\\\)|\\\[[^\]]{1,200}?\\\]|[-−+]?\d[\d,./]{0,40}+|\(?[A-E](?=\)|\s{0,3}(?:[.,;:*\n。，]|\Z))"
)
STATEMENT = re.compile(
    r"(?:[Aa]nswer|ANSWER)(?: (?:to|for|of|here)[^.:=?!\n]{1,40}?)?[ *]{0,3}(?:is|:|=|would be|should be|must be)[\s*:]{0,4}"
    r"(?:(?:just|simply|then|therefore|indeed|thus|probably|actually|still|really|now|equal to|exactly|approximately|about) ){0,2}"
    rf"({VALUE})(?![^\S\n]{{0,2}}+\?)|答案(?:应该|应)?[是为為:：][:： ]{{0,3}}({VALUE})"
)
ANSWER_TAG = re.compile(r"<answer>([^<]{1,200})</answer>", re.IGNORECASE)
LONGEST_ANSWER = 200
DECORATION = re.compile(
    r"\\(?:left|right|displaystyle|q?quad)(?![A-Za-z])|\\(?:boxed|fbox)|\\[()\[\],;:! ]|\\?\$|[\s*]"
    r"|\\(?:text|mathrm|mbox|h?v?phantom)\s?\{[^{}]{0,60}\}|_\{?\d{1,2}\}?\Z"
)
MARKUP = re.compile(r"\\[A-Za-z]+|[\s{}$]")
FRACTION = re.compile(r"\\[dt]?frac\{([^{}]{1,40})\}\{([^{}]{1,40})\}")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
ZERO_DECIMALS = re.compile(r"(?<=\d)\.0{1,20}(?!\d)")


class Loop(NamedTuple):
    """The cycle that a text ends in."""

    period: int
    """Characters."""
    length: int
    """Characters of the end of the text that repeat with this period, within the window."""


def measure(text: str, prefill: str = "", finish_reason: str = "stop", num_tokens: int = 0) -> dict[str, float]:
    """All keys of the table above, for one completion.

    Args:
        text: the completion as generated, without the prefill.
        prefill: what the prompt ended in that belongs to the answer.
        num_tokens: of the whole completion; 0 where they are not known.
    """
    part = thinking.split(text, prefill)
    reasoning = text if part.state == "absent" else part.reasoning
    pieces, unspaced = reasoning.split(), count_unspaced(reasoning)
    num_words = unspaced + len(UNSPACED_RUN.sub(" ", reasoning).split()) if unspaced else len(pieces)
    found: dict[str, float] = {"reasoning_words": num_words}
    if num_tokens > 0:
        found["reasoning_tokens"] = round(num_tokens * len(reasoning) / max(len(text), 1), 2)
    found["truncated"] = int(finish_reason == "length")
    found["empty_reasoning"] = int(not reasoning.strip())
    loop = find_loop(text)
    counting = loop or find_loop(re.sub(r"\d+", "0", text[-LOOP_WINDOW:]))
    found["loop"] = int(loop is not None)
    found["loop_period"], found["loop_repeats"] = (loop.period, round(loop.length / loop.period, 2)) if loop else (0, 0)
    found["counting_loop"] = int(counting is not None)
    found["repeated"], found["repeated_passages"] = repeated_shares(pieces, unspaced)
    found |= _reflections(reasoning, unspaced, found.get("reasoning_tokens", num_words))
    answers = stated_answers(text)
    found["answers"] = len(answers)
    found["answer_switches"] = sum(one != other for one, other in pairwise(answers))
    found["code_blocks"], found["code_share"] = code_in(reasoning)
    found["longest_paragraph"] = max(map(len, reasoning.split("\n\n")))
    kept = format_grader.all_rules(prefill + text, part.answer_part)
    found |= {f"rule:{rule}": int(holds) for rule, holds in kept.items()}
    return found | {f"style:{style}": int(all(kept[rule] for rule in needed)) for style, needed in format_grader.STYLES.items()}


def judge(request: GradeRequest) -> Judgement:
    """Correct if the completion does not degenerate: no loop, no copies of itself, a reasoning that is not empty, an end of its own.

    It copies itself if more than MOST_COPIED of its long passages stood before (`repeated_passages`; sound texts of real models have 0.19
    at most, loops more than 0.8). 'truncated' where it ran out of tokens; a loop or a copy is wrong, cut or not. Counting loops, reflection
    and code are in `details` and decide nothing.
    """
    if request.finish_reason == "error":
        return Judgement("failed", 0.0, reason="generation ended in an error")
    found = measure(request.text, request.prefill, request.finish_reason)
    if found["loop"]:
        reason = f"ends in a loop: {found['loop_period']:.0f} characters, {found['loop_repeats']:.0f} times"
        return Judgement("wrong", 0.0, reason=reason, details=found)
    if found["repeated_passages"] > MOST_COPIED and found["reasoning_words"] >= SHORTEST_COPY:
        return Judgement("wrong", 0.0, reason="copies itself", details=found)
    if found["truncated"]:
        return Judgement("truncated", 0.0, reason="ran out of tokens", details=found)
    if found["empty_reasoning"]:
        return Judgement("wrong", 0.0, reason="the reasoning is empty", details=found)
    return Judgement("correct", 1.0, reason="does not degenerate", details=found)


def count_unspaced(text: str) -> int:
    """Characters of scripts that are written without spaces."""
    return 0 if text.isascii() else sum(map(len, UNSPACED_RUN.findall(text)))


def find_loop(text: str) -> Loop | None:
    """The cycle of the shortest period that a text ends in, or None; exact, within the last LOOP_WINDOW characters.

    A text ends in a cycle of period p for as long as each of its last characters equals the one p before it. That length less p is the
    value at p of the Z-function of the reversed text (Gusfield 1997, 1.4), which tries all periods in linear time.
    """
    end = text[-LOOP_WINDOW:]
    most = len(end) // LOOP_REPEATS
    stood = end.rfind(end[-LOOP_PROBE:], 0, -1)
    if len(end) < LOOP_LENGTH or stood < 0 or len(end) - LOOP_PROBE - stood > most:
        return None
    backwards, left, right = end[::-1], 0, 0
    matched = [0] * (most + 1)
    for period in range(1, most + 1):
        known = min(matched[period - left], right - period) if period < right else 0
        if period + known >= right:
            known = common_prefix(backwards, period, known)
            left, right = period, period + known
        matched[period] = known
        if period + known >= max(LOOP_LENGTH, LOOP_REPEATS * period):
            return Loop(period, period + known)
    return None


def common_prefix(text: str, place: int, known: int) -> int:
    """How many characters from `place` on are those that the text begins with, if `known` of them are."""
    if text[known : known + 1] != text[place + known : place + known + 1]:
        return known
    size = len(text)
    while place + known + STEP <= size and text[known : known + STEP] == text[place + known : place + known + STEP]:
        known += STEP
    while place + known < size and text[known] == text[place + known]:
        known += 1
    return known


def repeated_shares(pieces: list[str], unspaced: int) -> tuple[float, float]:
    """Shares of short and of long n-grams that stood before: 1 - distinct / all, 0 where a text is too short for one.

    n-grams are of words; of characters (white space left out) where most are of scripts without spaces. Those of words are told apart by
    64-bit hashes, the long ones by those of the short ones that they consist of.

    Args:
        pieces: the text, split at white space.
        unspaced: how many characters are of scripts without spaces.
    """
    if unspaced and 2 * unspaced > sum(map(len, pieces)):
        letters = "".join(pieces)[-MOST_UNITS:]
        totals = [len(letters) - n + 1 for n in LETTER_GRAMS]
        distinct = [len({letters[i : i + n] for i in range(total)}) for n, total in zip(LETTER_GRAMS, totals, strict=True)]
    else:
        words, (short, long) = pieces[-MOST_UNITS:], WORD_GRAMS
        numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
        row = [numbers[word] for word in words]
        hashes = [*map(hash, zip(*(row[i:] for i in range(short)), strict=False))]
        totals = [len(words) - short + 1, len(words) - long + 1]
        long_hashes = [*map(hash, zip(*(hashes[i:] for i in range(0, long, short)), strict=False))]
        distinct = [len(set(hashes)), len(set(long_hashes))]
    shares = [round(1 - each / total, 6) if total > 0 else 0.0 for each, total in zip(distinct, totals, strict=True)]
    return shares[0], shares[1]


def occurrences(text: str, word: str) -> Iterator[int]:
    """Where a word begins in a text, without overlaps."""
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + len(word))


def count_word(text: str, word: str) -> int:
    """How often a word stands in a text in lower case as a whole: no ASCII letter, digit or underscore beside it."""
    beside = (text[place - 1 : place] + text[place + len(word) : place + len(word) + 1] for place in occurrences(text, word))
    return sum(not BESIDE.search(letters) for letters in beside)


def _reflections(reasoning: str, unspaced: int, length: float) -> dict[str, float]:
    """The count of each word list and the same per 1,000 tokens or words."""
    line = reasoning.encode("ascii", "replace").decode("ascii").lower().replace("\n", " ")
    counts = {name: sum(count_word(line, word) for word in words) for name, words in WORD_LISTS.items()}
    counts["reflection_zh"] = sum(map(reasoning.count, ZH_WORDS)) if unspaced else 0
    found: dict[str, float] = {}
    for name, count in counts.items():
        found[name] = count
        found[f"{name}_per_1000"] = round(1000 * count / length, 3) if length else 0.0
    return found


def stated_answers(text: str) -> list[str]:
    """The final answers that a completion states, in order, without differences of formatting."""
    boxes = [(start, text[start:end]) for start, end in format_grader.find_boxes(text).spans if end - start <= LONGEST_ANSWER]
    found = boxes + _spans_without(boxes, _statements(text))
    found += _spans_without(sorted(found), [(tag.start(1), tag[1]) for tag in ANSWER_TAG.finditer(text)])
    return [plain for _, answer in sorted(found) if (plain := plain_answer(answer))]


def _statements(text: str) -> list[tuple[int, str]]:
    """Where each "the answer is ..." has its answer, and the answer."""
    nouns = sorted(place for noun in NOUNS for place in occurrences(text, noun))
    stated = [found for place in nouns if (found := STATEMENT.match(text, place))]
    return [(found.start(found.lastindex or 0), found[found.lastindex or 0]) for found in stated]


def _spans_without(known: list[tuple[int, str]], spans: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Those of the spans in which none of the known ones begins, which would be the same statement once more."""
    starts = [place for place, _ in known]
    return [(place, said) for place, said in spans if bisect_left(starts, place) == bisect_left(starts, place + len(said))]


def plain_answer(answer: str) -> str:
    r"""An answer without formatting: `$x = \dfrac{1}{2}$.` and `1/2` are both '1/2'. Only for telling answers of one text apart."""
    plain = (DECORATION.sub("", answer) or MARKUP.sub("", answer)).replace("−", "-").rpartition("=")[2]
    plain = FRACTION.sub(r"\1/\2", plain)
    plain = THOUSANDS.sub("", plain).strip(".,;:(){}").casefold()
    return ZERO_DECIMALS.sub("", plain)


def code_in(text: str) -> tuple[int, float]:
    """Fenced blocks of code, and the share of characters in these and in lines of Python elsewhere.

    A fence is one of code if it names a language (PLAIN are none) or holds a line of Python: models set formulas and tables in bare
    fences. One that is never closed goes on to the end.
    """
    lines = text.split("\n")
    blocks, in_code, fenced = 0, 0, 0
    is_open = is_code = False
    for line in lines:
        bare = line.lstrip(" \t")
        is_python = bare.startswith(CODE_STARTS) and CODE_LINE.match(bare) is not None
        if bare.startswith(FENCE) and not is_open:
            is_open, fenced = True, len(line)
            is_code = bare[len(FENCE) :].strip().lower() not in PLAIN
        elif is_open:
            fenced, is_code = fenced + len(line), is_code or is_python
            if bare.startswith(FENCE):
                blocks, in_code, is_open = blocks + is_code, in_code + is_code * fenced, False
        elif is_python:
            in_code += len(line)
    if is_open:
        blocks, in_code = blocks + is_code, in_code + is_code * fenced
    total = sum(map(len, lines))
    return blocks, round(in_code / total, 6) if total else 0.0
