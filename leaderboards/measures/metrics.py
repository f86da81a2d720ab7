"""What a run says besides its score: format, behaviour, mean length, and whether it is complete. Functions over one `Run`.

Left out: several samples per problem (sampled.py), quantiles of the length (lengths.py), standard errors (r1bench.harness.statistics),
tables. Languages are in languages.py and named here too. Tokens, words and counts are those that the run recorded when it was graded
(`Sample.behaviour`, keys in tasks/grading/behaviour.py); what was not recorded is None or missing, never 0.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from r1bench.harness.records import OUTCOMES, Run, Sample
from r1bench.leaderboards.measures.languages import (
    MIXED_SHARE,
    MIXED_WORDS,
    by_target,
    chinese,
    han_share,
    is_mixed,
    mixed_share,
    mixing,
    words_by_language,
)
from r1bench.leaderboards.measures.means import Mean, Measure, count_measure, mean_and_error, score_measure, share_measure

__all__ = [
    "MIXED_SHARE",
    "MIXED_WORDS",
    "Mean",
    "Measure",
    "Strictness",
    "asked_style",
    "behaviours",
    "by_target",
    "chinese",
    "han_share",
    "is_mixed",
    "length_unit",
    "mean_tokens",
    "mixed_share",
    "mixing",
    "outcome_counts",
    "recorded",
    "rows",
    "rule_rates",
    "strictness",
    "words_by_language",
]

STYLE, RULE, PER_1000 = "style:", "rule:", "_per_1000"
ASKED_BY = {"boxed": "boxed"}
"""Template -> the style of format that it asks for; the others ask for, or are measured by, think-answer."""
REFLECTIONS = ("reflection_r1", "reflection_dr_grpo", "reflection_zh")
SHARES = ("truncated", "empty_reasoning", "loop", "counting_loop", "repeated", "repeated_passages", "code_share")
"""What is recorded between 0 and 1; all else are counts."""
NOT_AVERAGED = ("loop_period", "loop_repeats")
"""Of no meaning over completions most of which have no loop."""


class Strictness(NamedTuple):
    """What keeping to a format costs: the score as graded, the score of what also keeps the format, and their difference."""

    style: str
    lenient: float
    strict: float
    strict_error: float | None
    strict_low: float
    strict_high: float
    tax: float
    """lenient - strict: the score of what is right and breaks the format. Never negative."""
    tax_error: float | None
    tax_low: float
    tax_high: float


def rows(run: Run, value: Callable[[Sample], float]) -> list[list[float]]:
    """One row per problem, in order of problem id, with the value of each of its samples."""
    return [[value(sample) for sample in samples] for _, samples in sorted(run.samples_by_problem().items())]


def outcome_counts(run: Run) -> dict[str, int]:
    """Samples by outcome; all five are always there."""
    outcomes = [sample.grade.outcome for sample in run.samples]
    return {outcome: outcomes.count(outcome) for outcome in OUTCOMES}


def mean_tokens(run: Run, tokens: Callable[[Sample], int]) -> Mean:
    """Mean over problems of a token count, over the samples whose completion has one (imported text has none)."""
    counted = [[tokens(sample) for sample in samples if sample.completion.num_tokens > 0] for samples in run.samples_by_problem().values()]
    return Mean(*mean_and_error([sum(row) / len(row) for row in counted if row]))


def asked_style(run: Run) -> str:
    """The style of format that a run's template asks for."""
    return ASKED_BY.get(run.manifest.template, "think-answer")


def recorded(run: Run, prefix: str) -> list[str]:
    """What stands behind a prefix in the behaviour of every sample, in the order of the first."""
    return [key.removeprefix(prefix) for key in _shared_keys(run) if key.startswith(prefix)]


def _shared_keys(run: Run) -> list[str]:
    """The keys that every sample's behaviour has, in the order of the first."""
    if not run.samples:
        return []
    first = run.samples[0].behaviour.keys()
    shared = set(first).intersection(*(sample.behaviour for sample in run.samples if sample.behaviour.keys() != first))
    return [key for key in first if key in shared]


def _behaviours(run: Run) -> list[list[dict[str, float]]]:
    """What was recorded of each sample, by problem."""
    return [[sample.behaviour for sample in samples] for samples in run.samples_by_problem().values()]


def _means(problems: Sequence[Sequence[Mapping[str, float]]], key: str) -> list[float]:
    """The mean of one recorded thing in each problem."""
    if all(len(samples) == 1 for samples in problems):
        return [float(samples[0][key]) for samples in problems]
    value = itemgetter(key)
    return [sum(map(value, samples)) / len(samples) for samples in problems]


def strictness(run: Run, style: str, level: float = 0.95) -> Strictness | None:
    """Strict and lenient score and the format tax; None where it was not recorded whether the completions keep this style.

    strict counts a sample's score only if it keeps the format, the tax only if it does not: both are taken within each sample, so their
    intervals (`statistics.interval`) are of paired differences, and lenient = strict + tax exactly.
    """
    key = STYLE + style
    if not run.samples or (style != "think-answer" and not all(key in sample.behaviour for sample in run.samples)):
        return None
    kept, lost = [], []
    for samples in run.samples_by_problem().values():
        scores = [sample.grade.score for sample in samples]
        keeps = [sample.behaviour.get(key, sample.format_ok) for sample in samples]
        kept.append([score * keep for score, keep in zip(scores, keeps, strict=True)])
        lost.append([score * (1 - keep) for score, keep in zip(scores, keeps, strict=True)])
    strict, tax = score_measure(kept, level), score_measure(lost, level)
    return Strictness(style, strict.value + tax.value, *strict, *tax)


def _measure(means: Sequence[float], key: str, level: float) -> Measure:
    """A recorded thing from its mean in each problem: a share has `mean_interval`, a count `count_measure`."""
    if key in SHARES or key.startswith(RULE):
        return share_measure(means, level)
    return count_measure(*mean_and_error(means), len(means), level)


def rule_rates(run: Run, level: float = 0.95) -> dict[str, Measure]:
    """Format rule -> the share of samples that keep it."""
    problems = _behaviours(run)
    return {rule: _measure(_means(problems, RULE + rule), RULE + rule, level) for rule in recorded(run, RULE)}


def length_unit(run: Run) -> str:
    """'tokens' if every sample's reasoning is counted in tokens, otherwise 'words'; '' where nothing was recorded."""
    for unit in ("tokens", "words"):
        if run.samples and all(f"reasoning_{unit}" in sample.behaviour for sample in run.samples):
            return unit
    return ""


def _per_1000(counts: Sequence[float], lengths: Sequence[float], level: float) -> Measure:
    """A count per 1,000 of a length, all of one over all of the other: a long reasoning weighs more than a short one.

    Ratio of means over problems with its linearised standard error (Cochran 1977, section 6.4), without the finite-population factor.
    None without any length; the error is None for one problem.
    """
    total, size = math.fsum(lengths), len(lengths)
    if not total:
        return Measure(None, None, None, None)
    share = math.fsum(counts) / total
    if not share:
        found = count_measure(0.0, 0.0 if size > 1 else None, size, level)
        return found if found.high is None else found._replace(high=1000 * found.high * size / total)
    squares = math.fsum((count - share * length) ** 2 for count, length in zip(counts, lengths, strict=True))
    return count_measure(1000 * share, 1000 * math.sqrt(squares * size / (size - 1)) / total if size > 1 else None, size, level)


def behaviours(run: Run, level: float = 0.95) -> dict[str, Measure]:
    """Everything recorded about how the completions reason, averaged; counts of reflection also per 1,000 tokens of reasoning.

    Means over problems. Shares have `statistics.mean_interval`, counts a t interval. The two kinds of length (`reasoning_words`,
    `reasoning_tokens`) are among them, as more of anything may only be longer. Per 1,000 words where not all tokens are known
    (`length_unit`).
    """
    problems, keys = _behaviours(run), recorded(run, "")
    plain = [key for key in keys if ":" not in key and not key.endswith(PER_1000) and key not in NOT_AVERAGED]
    means = {key: _means(problems, key) for key in plain}
    found = {key: _measure(each, key, level) for key, each in means.items()}
    lengths = next((means[key] for key in ("reasoning_tokens", "reasoning_words") if key in means), None)
    if lengths is not None:
        found |= {key + PER_1000: _per_1000(means[key], lengths, level) for key in REFLECTIONS if key in means}
    return found
