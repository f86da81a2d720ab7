r"""Whether a completion keeps to the format that it was asked for, rule by rule.

Styles (`options["style"]`; STYLES says which rules each requires):

    think-answer   <think>...</think> <answer>...</answer> and nothing else: the R1-Zero prompt (arXiv 2501.12948, Table 1)
    think-only     <think>...</think> and then any text: what R1's chat template leads to
    boxed          one terminated \boxed{...} outside the reasoning, nothing but its unit behind it; thinking may be marked, soundly, or not

Tags count only as they are written there; another spelling (`<Think>`, `<thinking>`) breaks a rule of its own. A prefill counts as
part of the completion, so one that opens `<think>` wants no second. A rule on something that has to be there is broken where it is
missing; a rule on something that must not happen holds where there is nothing. The rules do not depend on the style, only which of
them are required does. Left out: whether the answer is right (the other graders), whether the reasoning is more than a dot.

    r1bench grade format rows.jsonl          {"response": "<think>a</think>b", "style": "think-only"}

One pass over the tags and one over the braces: linear time on any input.
"""

import re
from itertools import pairwise
from typing import NamedTuple

from r1bench.harness import thinking
from r1bench.harness.errors import GraderError
from r1bench.tasks.data.tables import read_table
from r1bench.tasks.grading.finding import extraction
from r1bench.tasks.grading.request import GradeRequest, Judgement

DEFAULT_STYLE = "think-answer"
TABLES = read_table(__package__, "format.json")
RULES: dict[str, str] = TABLES["rules"]
"""Every rule, in the order in which they are looked at, and what is said of a completion that breaks it."""
STYLES: dict[str, list[str]] = TABLES["styles"]
"""Style -> the rules that it requires."""
ENDINGS: dict[str, list[str]] = TABLES["endings"]
"""Style -> what a completion that was cut could have gone on with (for boxed see `could_be_kept`)."""
BEYOND_REPAIR: list[str] = TABLES["beyond_repair"]
"""Rules that stay broken whatever follows: looked at first, so that the endings need not be tried."""

TAG = re.compile(r"</?(?:think(?:ing)?|answer)>", re.IGNORECASE | re.ASCII)
EXACT = ("<think>", "</think>", "<answer>", "</answer>")
THINK, END_THINK, ANSWER, END_ANSWER = range(4)
CUT_TAG = re.compile(r"</?[a-z]{0,6}\Z")
CUT_UNIT = re.compile(r"\\[a-z]{0,6}\s?(?:\{[^{}]{0,30})?\Z|\^\{?(?:\\[a-z]{0,4})?\Z")
BRACES = re.compile(r"(\\(?:boxed|fbox)\s{0,3}\{)|\\.|[{}]", re.DOTALL)
AFTER_BOX = re.compile(
    r"(?:[^\S\n]|[$*)\]}%°]|\\[\])%,; ]|\^\{?(?:\\circ|\d)\}?|\\(?:text|mathrm|mbox)\s?\{[^{}]{1,30}\})*+"
    r"(?:[A-Za-z][A-Za-z.²³°/-]{0,19}+(?:[^\S\n]|(?![A-Za-z]))){0,4}+[\u4e00-\u9fff]{0,8}+"
    r"(?:[\s$.,;!*。，；！)\]}]|\\[\])]|</answer>|\\end\{[a-z*]{1,12}\})*+"
)
"""What may stand behind a box: a unit (at most four words of its own line), the end of the formula, of the emphasis, of the sentence."""


class Piece(NamedTuple):
    """An exactly spelt tag."""

    kind: int
    start: int
    end: int


class Boxes(NamedTuple):
    """The boxes of a text."""

    spans: list[tuple[int, int]]
    """Where the contents of the complete ones begin and end, in order; of nested ones the outermost."""
    num_open: int
    """Braces to be closed before the first box that is not terminated is."""


def check_style(style: object) -> str | None:
    """Why this is no style, or None if it is one."""
    if isinstance(style, str) and style in STYLES:
        return None
    return f"{style!r:.40} is no style; it must be one of {', '.join(STYLES)}"


def find_boxes(text: str) -> Boxes:
    r"""Every `\boxed{...}` or `\fbox{...}` that is in no other, braces matched; `\{` and `\}` are not braces."""
    first = min((place for place in (text.find("\\boxed"), text.find("\\fbox")) if place >= 0), default=len(text))
    spans, left_open = extraction.match_braces(BRACES.finditer(text, first))
    outermost: list[tuple[int, int]] = []
    for span in sorted(spans):
        if not outermost or span[0] > outermost[-1][1]:
            outermost.append(span)
    broken = next((index for index, start in enumerate(left_open) if start >= 0), len(left_open))
    return Boxes(outermost, len(left_open) - broken)


def rules(text: str, prefill: str = "", style: str | None = None) -> dict[str, bool]:
    """Every rule and whether the completion keeps it; with a style, only the rules that it requires.

    Args:
        text: the completion as generated, without the prefill.
        prefill: what the prompt ended in that belongs to the answer.
    """
    kept = all_rules(prefill + text, thinking.split(text, prefill).answer_part)
    return {rule: kept[rule] for rule in (RULES if style is None else STYLES[style])}


def all_rules(whole: str, answer_part: str) -> dict[str, bool]:
    """`rules` of a completion that was split already; `whole` is its prefill and its text. Special tokens are nothing, as to a reader."""
    whole, answer_part = thinking.without_specials(whole), thinking.without_specials(answer_part)
    kept = {**_tag_rules(whole), **_box_rules(answer_part), "text_outside": bool(TAG.sub("", answer_part).strip())}
    return {rule: kept[rule] for rule in RULES}


def keeps_format(text: str, prefill: str = "") -> bool:
    """Whether prefill and completion together are one reasoning and one answer, neither empty, and nothing else."""
    return all(rules(text, prefill, DEFAULT_STYLE).values())


def judge(request: GradeRequest) -> Judgement:
    """Correct if all rules of the style hold, otherwise wrong, with the first broken one as the reason.

    'truncated' where the completion ran out of tokens and some ending (ENDINGS) would have made it keep all rules: nothing that it
    said was against them. A completion that had broken a rule already is wrong, cut or not. `details["lenient"]` says whether an
    answer can be found all the same; `extracted` is that answer.
    """
    style = request.options.get("style", DEFAULT_STYLE)
    if reason := check_style(style):
        raise GraderError(f"grader 'format': {reason}")
    if request.finish_reason == "error":
        return Judgement("failed", 0.0, reason="generation ended in an error")
    was_cut = request.finish_reason == "length"
    part = thinking.split(request.text, request.prefill)
    every = all_rules(request.prefill + request.text, part.answer_part)
    kept = {rule: every[rule] for rule in STYLES[style]}
    extracted = extraction.extract(thinking.without_specials(part.answer_part), False, complete=not was_cut).extracted
    details = {"style": style, "rules": kept, "lenient": extracted is not None}
    broken = [RULES[rule] for rule, holds in kept.items() if not holds]
    if not broken:
        return Judgement("correct", 1.0, extracted, "keeps the format", details=details)
    if was_cut and could_be_kept(request.text, request.prefill, style):
        return Judgement("truncated", 0.0, extracted, broken[0], details=details)
    return Judgement("wrong", 0.0, extracted, broken[0], details=details)


def could_be_kept(text: str, prefill: str, style: str) -> bool:
    """Whether a text that was cut could have gone on to keep a style's rules. A tag or a unit that was cut in two does not count."""
    begun = CUT_TAG.search(text[-10:])
    if begun and any(tag.startswith(begun[0]) for tag in EXACT):
        text = text[: len(text) - len(begun[0])]
    part = thinking.split(text, prefill)
    num_open = find_boxes(part.answer_part).num_open
    if style == "boxed" and not num_open and (unit := CUT_UNIT.search(text[-50:])):
        text = text[: len(text) - len(unit[0])]
    kept = rules(text, prefill, style)
    if not all(kept.get(rule, True) for rule in BEYOND_REPAIR):
        return False
    endings = ENDINGS.get(style, [])
    if style == "boxed":
        endings = ["x</think>\\boxed{x}"] if part.state == "unfinished" else ["", "\\boxed{x}", "x" + "}" * num_open]
    return any(all(rules(text + ending, prefill, style).values()) for ending in endings)


def _tag_rules(whole: str) -> dict[str, bool]:
    """The rules on tags, of prefill and completion together."""
    found = list(TAG.finditer(whole))
    pieces = [Piece(EXACT.index(tag[0]), tag.start(), tag.end()) for tag in found if tag[0] in EXACT]
    misspelt = [tag[0].lower() for tag in found if tag[0] not in EXACT]
    kinds = [piece.kind for piece in pieces]
    in_order = list(dict.fromkeys(kinds))
    thoughts, answers = [kind for kind in kinds if kind < ANSWER], [kind for kind in kinds if kind >= ANSWER]
    return {
        "think_exact": not any("think" in tag for tag in misspelt),
        "think_open": THINK in kinds,
        "think_first": whole.lstrip().startswith(EXACT[THINK]),
        "think_closed": thoughts[-1:] != [THINK],
        "think_once": kinds.count(THINK) <= 1 and kinds.count(END_THINK) <= 1,
        "reasoning_filled": _is_filled(whole, pieces, kinds),
        "answer_exact": not any("answer" in tag for tag in misspelt),
        "not_nested": not any(kind in (THINK, ANSWER) and after in (THINK, ANSWER) for kind, after in pairwise(kinds)),
        "in_order": in_order == sorted(in_order),
        "answer_closed": answers[-1:] != [ANSWER],
        "answer_once": kinds.count(ANSWER) <= 1 and kinds.count(END_ANSWER) <= 1,
        "nothing_after_answer": not whole[max([piece.end for piece in pieces if piece.kind == END_ANSWER], default=len(whole)) :].strip(),
        **_answer_rules(whole, pieces),
    }


def _is_filled(whole: str, pieces: list[Piece], kinds: list[int]) -> bool:
    """Whether there is text between the first <think> and the next </think> or the end."""
    if THINK not in kinds:
        return False
    first = kinds.index(THINK)
    end = next((piece.start for piece in pieces[first:] if piece.kind == END_THINK), len(whole))
    return bool(TAG.sub("", whole[pieces[first].end : end]).strip())


def _answer_rules(whole: str, pieces: list[Piece]) -> dict[str, bool]:
    """The rules on the first <answer> that stands outside the reasoning."""
    is_thinking, before = False, Piece(END_ANSWER, 0, 0)
    for index, piece in enumerate(pieces):
        if piece.kind == ANSWER and not is_thinking:
            end = pieces[index + 1].start if index + 1 < len(pieces) else len(whole)
            is_alone = before.kind != END_THINK or not whole[before.end : piece.start].strip()
            return {"answer_outside": True, "answer_filled": bool(whole[piece.end : end].strip()), "nothing_between": is_alone}
        if piece.kind in (THINK, END_THINK):
            is_thinking = piece.kind == THINK
        before = piece
    return {"answer_outside": False, "answer_filled": False, "nothing_between": True}


def _box_rules(part: str) -> dict[str, bool]:
    """The rules on boxes, of the answer part."""
    boxes = find_boxes(part)
    rest = part[boxes.spans[-1][1] + 1 :] if boxes.spans else ""
    return {
        "box_closed": boxes.num_open == 0,
        "box_outside": any(part[start:end].strip() for start, end in boxes.spans),
        "box_once": len(boxes.spans) <= 1,
        "nothing_after_box": AFTER_BOX.fullmatch(rest) is not None,
    }
