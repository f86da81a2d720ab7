"""What else two runs differ in, paired by problem: format, truncation, tokens, languages; and how each problem went.

    differences = compare_measures.measures(run_a, run_b, level=0.95, questions="random")
    differences["truncated"].mean, differences["truncated"].low, differences["truncated"].high

Left out: whether the runs may be compared at all (compare_protocol.py), and text (compare_text.py).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from r1bench.harness import statistics
from r1bench.harness.records import Run, Sample
from r1bench.harness.statistics import PairedDifference, Scores
from r1bench.harness.statistics.evidence import Questions
from r1bench.harness.statistics.ratios import ratio_difference
from r1bench.leaderboards.measures import metrics


class MeasureDifference(NamedTuple):
    """One measure of both runs, over the problems that have it in both. Shares are fractions; None is unknown.

    The intervals of a and b are about questions like these, whatever that of the difference is about.
    """

    key: str
    title: str
    """As tables call it."""
    unit: str
    """'points' (a fraction that is printed in points) or 'tokens'."""
    a: float | None
    b: float | None
    mean: float | None
    """B - A."""
    low: float | None
    high: float | None
    error: float | None
    """Standard error behind low and high."""
    method: str
    """How the interval was made; '' where there is none."""
    num_problems: int
    a_low: float | None = None
    a_high: float | None = None
    b_low: float | None = None
    b_high: float | None = None


class ProblemDifference(NamedTuple):
    """One problem: mean score and number of samples of both sides."""

    id: str
    mean_a: float
    mean_b: float
    n_a: int
    n_b: int

    @property
    def difference(self) -> float:
        """B - A, rounded so that equal means tie."""
        return round(self.mean_b - self.mean_a, 12)


class Kind(NamedTuple):
    """How a measure is read from a sample."""

    key: str
    title: str
    unit: str
    value: Callable[[Sample], float]


KINDS = (
    Kind("score", "score", "points", lambda sample: sample.grade.score),
    Kind("format", "format %", "points", lambda sample: float(sample.format_ok)),
    Kind("truncated", "cut %", "points", lambda sample: float(sample.completion.finish_reason == "length")),
    Kind("mixed", "mixed %", "points", lambda sample: float(metrics.is_mixed(sample))),
    Kind("tokens", "tokens", "tokens", lambda sample: float(sample.completion.num_tokens)),
    Kind("reasoning_tokens", "reasoning", "tokens", lambda sample: float(sample.reasoning_tokens)),
)
HAN = Kind("han", "han words %", "points", lambda sample: float(han_and_words(sample)[0]))
"""A ratio of all words and not a mean over samples, see `han_difference`."""


def noise_floor(run_a: Run, run_b: Run) -> float:
    """Standard error that the nondeterminism of the backends alone gives the difference of scores; 0 where it was not measured."""
    return math.hypot(*(run.noise.error if run.noise else 0.0 for run in (run_a, run_b)))


def measures(run_a: Run, run_b: Run, *, level: float, questions: Questions) -> tuple[dict[str, MeasureDifference], PairedDifference]:
    """Key -> both sides and B - A of every measure of `KINDS`, in that order, then of 'han'; and the paired difference of the scores.

    Both runs have the same problems.
    """
    side_a, side_b = ([samples for _, samples in sorted(run.samples_by_problem().items())] for run in (run_a, run_b))
    has_words = all(any(metrics.words_by_language(sample) for sample in run.samples) for run in (run_a, run_b))
    found, paired = {}, {}
    for kind in KINDS:
        if kind.key == "mixed" and not has_words:
            found[kind.key] = unknown(kind)
        elif kind.unit == "tokens":
            found[kind.key] = token_difference(kind, side_a, side_b, level=level, questions=questions)
        else:
            rows_a, rows_b = ([[kind.value(sample) for sample in samples] for samples in side] for side in (side_a, side_b))
            noise = noise_floor(run_a, run_b) if kind.key == "score" else 0.0
            paired[kind.key] = statistics.paired_difference(rows_a, rows_b, level, questions=questions, noise_error=noise)
            found[kind.key] = from_paired(kind, rows_a, rows_b, paired[kind.key], level)
    return found | {HAN.key: han_difference(side_a, side_b, level=level, questions=questions)}, paired["score"]


def unknown(kind: Kind) -> MeasureDifference:
    """A measure that one of the runs did not record."""
    return MeasureDifference(kind.key, kind.title, kind.unit, None, None, None, None, None, None, "", 0)


def from_paired(kind: Kind, rows_a: Scores, rows_b: Scores, found: PairedDifference, level: float) -> MeasureDifference:
    """B - A of something between 0 and 1."""
    a, b = statistics.pass_at_1(rows_a), statistics.pass_at_1(rows_b)
    interval = found.mean, found.low, found.high, found.interval_error, found.method, found.num_problems
    ends = *statistics.interval(rows_a, level)[:2], *statistics.interval(rows_b, level)[:2]
    return MeasureDifference(kind.key, kind.title, kind.unit, a, b, *interval, *ends)


def han_difference(side_a: list[list[Sample]], side_b: list[list[Sample]], *, level: float, questions: Questions) -> MeasureDifference:
    """B - A of the share of Chinese words in all words (`ratio_difference`); unknown where one side has no words."""
    pairs_a, pairs_b = ([[han_and_words(sample) for sample in samples] for samples in side] for side in (side_a, side_b))
    if not all(any(total for samples in side for _, total in samples) for side in (pairs_a, pairs_b)):
        return unknown(HAN)
    a, b, values, (mean, low, high, error, method) = ratio_difference(pairs_a, pairs_b, level, is_fixed=questions == "fixed")
    return MeasureDifference(HAN.key, HAN.title, HAN.unit, *values, mean, low, high, error, method, len(side_a), *a[:2], *b[:2])


def han_and_words(sample: Sample) -> tuple[int, int]:
    """Chinese words of a reasoning, and all its words."""
    count = metrics.words_by_language(sample)
    return count.get("zh", 0), sum(count.values())


def token_difference(
    kind: Kind, side_a: list[list[Sample]], side_b: list[list[Sample]], *, level: float, questions: Questions
) -> MeasureDifference:
    """B - A of a mean number of tokens, over the problems where both sides have completions of known length.

    The interval is t: over the problems' differences, or for fixed questions over the samples within each problem (Miller 2024), which
    takes two samples of every problem on both sides; with fewer it is that over problems. None for one problem.
    """
    known = [[[kind.value(each) for each in samples if each.completion.num_tokens > 0] for samples in side] for side in (side_a, side_b)]
    pairs = [(row_a, row_b) for row_a, row_b in zip(*known, strict=True) if row_a and row_b]
    if not pairs:
        return unknown(kind)
    rows_a, rows_b = [row for row, _ in pairs], [row for _, row in pairs]
    mean_a, mean_b = statistics.pass_at_1(rows_a), statistics.pass_at_1(rows_b)
    error, method = difference_error(rows_a, rows_b, questions)
    mean = mean_b - mean_a
    half = None if error is None else statistics.student_t(level, max(1, len(pairs) - 1)) * error
    low, high = (None, None) if half is None else (mean - half, mean + half)
    ends = [metrics.count_measure(*metrics.mean_and_error(statistics.question_means(rows)), len(rows), level) for rows in (rows_a, rows_b)]
    own = (each for measure in ends for each in (measure.low, measure.high))
    return MeasureDifference(kind.key, kind.title, kind.unit, mean_a, mean_b, mean, low, high, error, method, len(pairs), *own)


def difference_error(rows_a: Scores, rows_b: Scores, questions: Questions) -> tuple[float | None, str]:
    """Standard error of the mean difference of any two numbers per sample, and how it was made."""
    parts = statistics.resampling_error(rows_a), statistics.resampling_error(rows_b)
    if questions == "fixed" and parts[0] is not None and parts[1] is not None:
        return math.hypot(parts[0], parts[1]), "t-samples"
    means = zip(statistics.question_means(rows_a), statistics.question_means(rows_b), strict=True)
    error = metrics.mean_and_error([b - a for a, b in means])[1]
    return error, "" if error is None else "t"


def by_problem(run_a: Run, run_b: Run) -> tuple[ProblemDifference, ...]:
    """Every problem, those that B wins by most first, those that it loses by most last; ties in order of their ids."""
    scores_a, scores_b = run_a.scores_by_problem(), run_b.scores_by_problem()
    rows_a, rows_b = [*scores_a.values()], [scores_b[problem] for problem in scores_a]
    means = zip(statistics.question_means(rows_a), statistics.question_means(rows_b), strict=True)
    sizes = zip(map(len, rows_a), map(len, rows_b), strict=True)
    found = [ProblemDifference(problem, *both, *counts) for problem, both, counts in zip(scores_a, means, sizes, strict=True)]
    return tuple(sorted(found, key=lambda each: (-each.difference, each.id)))


def identical(difference: MeasureDifference) -> MeasureDifference:
    """The same measure of two copies of one evaluation: the difference is exactly 0."""
    return difference if difference.mean is None else difference._replace(low=0.0, high=0.0, error=0.0, method="identical")


def to_json(found: dict[str, MeasureDifference]) -> dict[str, Any]:
    """Plain JSON values by key."""
    return {key: each._asdict() for key, each in found.items()}
