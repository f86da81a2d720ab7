r"""The grader 'language': in which languages a model reasons, and how much of it in the one that it should.

R1 rewards the share of target-language words in the chain of thought (arXiv 2501.12948, Eq. 7) and does not say how words are cut or
told apart. What is a word, and what (formulas, code, names of variables) is none, is masking.py's affair; which language it is of,
labelling.py's. docs/measured/language.md has the measurements behind both, and their known faults.

    judge(GradeRequest("We add 3, luego restamos 2.", language="en")).details["words"]      # {'en': 2, 'es': 2}

Left out: whether the words make sense; the answer part.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from r1bench.harness import thinking
from r1bench.harness.records import Outcome
from r1bench.tasks.data.tables import read_table
from r1bench.tasks.grading.languages.labelling import label
from r1bench.tasks.grading.languages.masking import words_of
from r1bench.tasks.grading.request import GradeRequest, Judgement

LANGUAGES: dict[str, str] = read_table(__package__, "languages.json")["names"]
CORRECT_SHARE = 0.9
"""A reasoning is in the target language if more than this share of its words are."""
MIXED_WORDS = 2
"""A reasoning is mixed if its languages other than the most frequent one have this many words or more,"""
MIXED_SHARE = 0.1
"""and this share of all words or more."""


class Stretch(NamedTuple):
    """Words in a row in one language."""

    language: str
    num_words: int
    opening: str
    """Its first words."""


def check_target(tag: str) -> str | None:
    """Why a language cannot be a target, or None if it can; only the first part of a BCP 47 tag counts (zh-Hant is zh)."""
    if primary(tag) in LANGUAGES:
        return None
    return f"cannot tell the words of language {tag!r:.40}; known: {', '.join(LANGUAGES)}"


def primary(tag: str) -> str:
    """The language of a BCP 47 tag: 'zh' for 'zh-Hans-CN' and 'ZH_cn'."""
    return tag.strip().replace("_", "-").partition("-")[0].lower()


def judge(request: GradeRequest) -> Judgement:
    """The share of target-language words in the reasoning; in the whole text where no reasoning is marked.

    The score is the share; correct: it exceeds CORRECT_SHARE; unparsed (score 0): there is no word. A truncated reasoning is judged
    by what there is of it. The target is options['target'], else the request's language.

    Raises:
        ValueError: a target whose words cannot be told from others.
    """
    target = str(request.options.get("target") or request.language)
    if reason := check_target(target):
        raise ValueError(reason)
    thought = thinking.split(request.text, request.prefill)
    reasoning = request.text if thought.state == "absent" else thought.reasoning
    stretches = stretches_of(reasoning, hint=primary(target))
    counts = _counts(stretches)
    total = sum(counts.values())
    share = counts.get(primary(target), 0) / total if total else 0.0
    outcome: Outcome = "unparsed" if not total else "correct" if share > CORRECT_SHARE else "wrong"
    foreign = [stretch for stretch in stretches if stretch.language != primary(target)]
    details: dict[str, Any] = {
        "target": primary(target),
        "words": counts,
        "mixed": is_mixed(counts),
        "switches_per_1000_words": round(1000 * max(len(stretches) - 1, 0) / total, 3) if total else None,
        "prompt_language": main_language(request.prompt),
        "examples": [[stretch.language, stretch.opening] for stretch in foreign[:5]],
    }
    reason = f"{share:.1%} of {total} words are {LANGUAGES[primary(target)]}" if total else "no words"
    return Judgement(outcome, share, next(iter(counts), None), reason, details=details)


def is_mixed(counts: dict[str, int]) -> bool:
    """Whether words by language are a mixture: see MIXED_WORDS and MIXED_SHARE, which are ours; DeepSeek-R1 names no threshold."""
    foreign = sum(counts.values()) - max(counts.values(), default=0)
    return foreign >= MIXED_WORDS and foreign >= MIXED_SHARE * sum(counts.values())


def main_language(text: str) -> str | None:
    """The language of most words of a text; None without any."""
    return next(iter(words_by_language(text)), None)


def words_by_language(text: str, hint: str | None = None) -> dict[str, int]:
    """Language -> number of words, the most frequent first; 'other' for scripts that stand in no table.

    Args:
        hint: the language that the text is expected in; it decides only where the words do not.
    """
    return _counts(stretches_of(text, hint))


def stretches_of(text: str, hint: str | None = None) -> list[Stretch]:
    """The text as stretches of one language each, in their order; what is no word is left out."""
    words = words_of(thinking.without_specials(text))
    labels = label(words, hint)
    is_pure = len(set(labels)) < 2
    changes = () if is_pure else (place for place, (one, other) in enumerate(pairwise(labels), start=1) if one != other)
    bounds = [0, *changes, len(words)]
    return [
        Stretch(
            labels[first],
            sum(word.num_words for word in words[first:last]),
            " ".join(word.text for word in words[first : min(first + 6, last)])[:60],
        )
        for first, last in pairwise(bounds)
        if first < last
    ]


def _counts(stretches: Iterable[Stretch]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for stretch in stretches:
        counts[stretch.language] += stretch.num_words
    return dict(counts.most_common())
