"""What else two runs differ in, paired by problem: format, truncation, tokens, languages; and how each problem went.

    differences = compare_measures.measures(run_a, run_b, level=0.95, questions="random")
    differences["truncated"].mean, differences["truncated"].low, differences["truncated"].high

Left out: whether the runs may be compared at all (compare_protocol.py), and text (compare_text.py).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from r1bench.harness import statistics
from r1bench.harness.records import Run, Sample
from r1bench.harness.statistics import PairedDifference, Scores
from r1bench.harness.statistics.evidence import Questions
from r1bench.harness.statistics.paired import one_sided_p
from r1bench.harness.statistics.spread import variance
from r1bench.leaderboards import metrics


class MeasureDifference(NamedTuple):
    """One measure of both runs, over the problems that have it in both. Shares are fractions; None is unknown."""

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


def two_sided_p(difference: PairedDifference) -> float:
    """How surprising this would be if neither were better.

    The sign-flip test where the interval is about other questions too; where it is about these very questions, twice the smaller of the
    one-sided p values behind the interval, which the differences between problems do not enter.
    """
    if difference.method != "satterthwaite":
        return difference.p_value
    sides = [one_sided_p(difference, 0.0, side="above"), one_sided_p(difference, 0.0, side="below")]
    return min(1.0, 2 * min(sides))


def noise_floor(run_a: Run, run_b: Run) -> float:
    """Standard error that the nondeterminism of the backends alone gives the difference of scores; 0 where it was not measured."""
    return math.hypot(*(run.noise.error if run.noise else 0.0 for run in (run_a, run_b)))


def measures(
    run_a: Run, run_b: Run, *, level: float, questions: Questions
) -> tuple[dict[str, MeasureDifference], dict[str, PairedDifference]]:
    """Key -> B - A of every measure of `KINDS`, in that order, and the paired differences behind the shares among them.

    Both runs have the same problems.
    """
    side_a, side_b = ([samples for _, samples in sorted(run.samples_by_problem().items())] for run in (run_a, run_b))
    has_words = all(any(metrics.words_by_language(sample) for sample in run.samples) for run in (run_a, run_b))
    found, behind = {}, {}
    for kind in KINDS:
        if kind.key == "mixed" and not has_words:
            found[kind.key] = unknown(kind)
        elif kind.unit == "tokens":
            found[kind.key] = token_difference(kind, side_a, side_b, level=level, questions=questions)
        else:
            rows_a, rows_b = ([[kind.value(sample) for sample in samples] for samples in side] for side in (side_a, side_b))
            noise = noise_floor(run_a, run_b) if kind.key == "score" else 0.0
            behind[kind.key] = statistics.paired_difference(rows_a, rows_b, level, questions=questions, noise_error=noise)
            found[kind.key] = from_paired(kind, rows_a, rows_b, behind[kind.key])
    return found, behind


def unknown(kind: Kind) -> MeasureDifference:
    """A measure that one of the runs did not record."""
    return MeasureDifference(kind.key, kind.title, kind.unit, None, None, None, None, None, None, "", 0)


def from_paired(kind: Kind, rows_a: Scores, rows_b: Scores, found: PairedDifference) -> MeasureDifference:
    """B - A of something between 0 and 1."""
    a, b = statistics.pass_at_1(rows_a), statistics.pass_at_1(rows_b)
    interval = found.mean, found.low, found.high, found.interval_error, found.method, found.num_problems
    return MeasureDifference(kind.key, kind.title, kind.unit, a, b, *interval)


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
    return MeasureDifference(kind.key, kind.title, kind.unit, mean_a, mean_b, mean, low, high, error, method, len(pairs))


def difference_error(rows_a: Scores, rows_b: Scores, questions: Questions) -> tuple[float | None, str]:
    """Standard error of the mean difference of any two numbers per sample, and how it was made."""
    parts = statistics.resampling_error(rows_a), statistics.resampling_error(rows_b)
    if questions == "fixed" and parts[0] is not None and parts[1] is not None:
        return math.hypot(parts[0], parts[1]), "t-samples"
    if len(rows_a) < 2:
        return None, ""
    means = zip(statistics.question_means(rows_a), statistics.question_means(rows_b), strict=True)
    return math.sqrt(variance([b - a for a, b in means]) / len(rows_a)), "t"


def by_problem(run_a: Run, run_b: Run) -> tuple[ProblemDifference, ...]:
    """Every problem, those that B wins by most first, those that it loses by most last; ties in order of their ids."""
    scores_a, scores_b = run_a.scores_by_problem(), run_b.scores_by_problem()
    found = [
        ProblemDifference(problem, mean_of(scores_a[problem]), mean_of(scores_b[problem]), len(scores_a[problem]), len(scores_b[problem]))
        for problem in scores_a
    ]
    return tuple(sorted(found, key=lambda each: (-each.difference, each.id)))


def mean_of(scores: Sequence[float]) -> float:
    """Of the samples of one problem."""
    return math.fsum(scores) / len(scores)


def identical(difference: MeasureDifference) -> MeasureDifference:
    """The same measure of two copies of one evaluation: the difference is exactly 0."""
    return difference if difference.mean is None else difference._replace(low=0.0, high=0.0, error=0.0, method="identical")


def to_json(found: dict[str, MeasureDifference]) -> dict[str, Any]:
    """Plain JSON values by key."""
    return {key: each._asdict() for key, each in found.items()}
