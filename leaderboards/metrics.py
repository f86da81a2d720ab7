"""What a run says besides its score: format, length, languages, and whether it is complete. Functions over one `Run`.

Left out: standard errors (r1bench.harness.statistics) and tables. Tokens and words are those that the run recorded.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from r1bench.harness import statistics
from r1bench.harness.records import OUTCOMES, Run, Sample

MIXED_WORDS = 2
"""A script with fewer words than this in a reasoning is a name or a quotation, not mixing."""
MIXED_SHARE = 0.1
"""The smaller script's least share of the words of a mixed reasoning."""


class Mean(NamedTuple):
    """A mean per problem and its standard error over questions and samples; None where unknown."""

    value: float | None
    error: float | None


def shortfall(run: Run) -> str:
    """'' for a complete run, otherwise 'incomplete 512/1000': samples received and asked for."""
    if run.is_complete:
        return ""
    counts = [len(samples) for samples in run.samples_by_problem().values()]
    n, num_problems = run.manifest.n, run.manifest.num_problems
    return f"incomplete {sum(min(count, n) for count in counts)}/{num_problems * n}"


def rows(run: Run, value: Callable[[Sample], float]) -> list[list[float]]:
    """One row per problem, in order of problem id, with the value of each of its samples."""
    return [[value(sample) for sample in samples] for _, samples in sorted(run.samples_by_problem().items())]


def outcome_counts(run: Run) -> dict[str, int]:
    """Samples by outcome; all five are always there."""
    outcomes = [sample.grade.outcome for sample in run.samples]
    return {outcome: outcomes.count(outcome) for outcome in OUTCOMES}


def mean_tokens(run: Run, tokens: Callable[[Sample], int]) -> Mean:
    """Mean over problems of a token count, over the samples whose completion has one (imported text has none)."""
    counted = [
        [float(tokens(sample)) for sample in samples if sample.completion.num_tokens > 0] for samples in run.samples_by_problem().values()
    ]
    known = [row for row in counted if row]
    if not known:
        return Mean(None, None)
    return Mean(math.fsum(statistics.question_means(known)) / len(known), statistics.total_error(known))


def han_share(run: Run) -> float | None:
    """Share of Chinese words among the Latin and Chinese words of all reasonings; None without any word."""
    latin = sum(sample.languages.get("latin", 0) for sample in run.samples)
    han = sum(sample.languages.get("han", 0) for sample in run.samples)
    return han / (latin + han) if latin + han else None


def is_mixed(sample: Sample) -> bool:
    """Whether a reasoning mixes languages: both scripts have 2 words or more and the smaller has 10 % of them or more.

    The criterion is ours. DeepSeek-R1 names language mixing (arXiv 2501.12948) and rewards the share of target-language
    words, without a threshold.
    """
    latin, han = sample.languages.get("latin", 0), sample.languages.get("han", 0)
    smaller = min(latin, han)
    return smaller >= MIXED_WORDS and smaller >= MIXED_SHARE * (latin + han)


def mixed_share(run: Run) -> float | None:
    """Share of samples whose reasoning is mixed; None where no words were counted."""
    if han_share(run) is None:
        return None
    return sum(is_mixed(sample) for sample in run.samples) / len(run.samples)
