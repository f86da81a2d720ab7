"""What two runs differ in, measure by measure of the table, paired by problem; and how each problem went.

    found = measures(a, b, score_difference(a, b, level=0.95), level=0.95)
    found["truncated"].mean, found["truncated"].low, found["truncated"].high

The sides are what the board shows of each run (`r1bench.leaderboards.measures.measured`).
"""

import math
from typing import Any, NamedTuple

from r1bench.harness import statistics
from r1bench.harness.statistics import PairedDifference, Scores
from r1bench.harness.statistics.evidence import Questions
from r1bench.harness.statistics.ratios import ratio_difference
from r1bench.harness.tally import Tally
from r1bench.leaderboards.measures import MEASURES, THINK_ANSWER, Measure, Value, asked_style, mean_and_error, measured
from r1bench.leaderboards.protocol import paired


class MeasureDifference(NamedTuple):
    """One measure of both runs, and their difference over the problems that have it in both. Shares are fractions; None is unknown.

    The intervals of a and b are about questions like these, whatever that of the difference is about.
    """

    key: str
    title: str
    """As tables call it."""
    unit: str
    """'points' (a fraction that is printed in points) or 'tokens'."""
    a: float | None = None
    a_low: float | None = None
    a_high: float | None = None
    b: float | None = None
    b_low: float | None = None
    b_high: float | None = None
    mean: float | None = None
    """B - A."""
    low: float | None = None
    high: float | None = None
    error: float | None = None
    """Standard error behind low and high."""
    method: str = ""
    """How the interval was made; '' where there is none."""
    num_problems: int = 0


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


def noise_floor(a: Tally, b: Tally) -> float:
    """Standard error that the nondeterminism of the backends alone gives the difference of scores; 0 where it was not measured."""
    return math.hypot(a.noise_error, b.noise_error)


def score_difference(a: Tally, b: Tally, *, level: float, questions: Questions = "random") -> PairedDifference:
    """B - A of the scores of two runs, over the problems that have samples in both (`paired`), as are all differences here."""
    rows_a, rows_b = (run.rows("score") for run in paired(a, b))
    return statistics.paired_difference(rows_a, rows_b, level, questions=questions, noise_error=noise_floor(a, b))


def measures(
    a: Tally, b: Tally, scores: PairedDifference, *, level: float, questions: Questions = "random"
) -> dict[str, MeasureDifference]:
    """Key -> both sides and B - A of every measure of the table. `scores`: what `score_difference` says of them.

    The form of think-answer stands beside the form that is asked for where that is another one.
    """
    found = {}
    for key, measure in MEASURES.items():
        if key == "think_answer" and asked_style(a.manifest.template) == THINK_ANSWER:
            continue
        value_a, value_b = (measured(tally, key, level) for tally in (a, b))
        fields = _side("a", value_a) | _side("b", value_b)
        if key == "score":
            fields |= _of_shares(scores)
        elif value_a and value_b:
            fields |= _difference(measure, *paired(a, b), level, questions)
        found[key] = MeasureDifference(key, measure.title, measure.unit, **fields)
    return found


def _side(letter: str, value: Value | None) -> dict[str, Any]:
    """What one of the runs says of a measure, by field."""
    return {letter: value.value, f"{letter}_low": value.low, f"{letter}_high": value.high} if value else {}


def _difference(measure: Measure, a: Tally, b: Tally, level: float, questions: Questions) -> dict[str, Any]:
    """B - A of a measure, by field; nothing where no problem has it in both."""
    if measure.whole:
        rows = ((run.rows(measure.key), run.rows(measure.whole)) for run in (a, b))
        pairs_a, pairs_b = ([[*zip(*both, strict=True)] for both in zip(*each, strict=True)] for each in rows)
        found = ratio_difference(pairs_a, pairs_b, level, is_fixed=questions == "fixed").difference
        return {**found._asdict(), "num_problems": len(a.problems)}
    known = [[[value for value in row if value == value] for row in run.rows(measure.key)] for run in (a, b)]
    both = [(row_a, row_b) for row_a, row_b in zip(*known, strict=True) if row_a and row_b]
    rows_a, rows_b = [row for row, _ in both], [row for _, row in both]
    if not both:
        return {}
    if measure.unit == "points":
        return _of_shares(statistics.paired_difference(rows_a, rows_b, level, questions=questions))
    return _of_counts(rows_a, rows_b, level, questions)


def _of_shares(found: PairedDifference) -> dict[str, Any]:
    """B - A of something between 0 and 1, by field."""
    named = {key: getattr(found, key) for key in ("mean", "low", "high", "method", "num_problems")}
    return {**named, "error": found.interval_error}


def _of_counts(rows_a: Scores, rows_b: Scores, level: float, questions: Questions) -> dict[str, Any]:
    """B - A of a mean number of tokens, by field.

    The interval is t: over the problems' differences, or for fixed questions over the samples within each problem (Miller 2024), which
    takes two samples of every problem on both sides; with fewer it is that over problems. None for one problem.
    """
    parts = statistics.resampling_error(rows_a), statistics.resampling_error(rows_b)
    differences = [b - a for a, b in zip(statistics.question_means(rows_a), statistics.question_means(rows_b), strict=True)]
    mean, (error, method) = statistics.pass_at_1(rows_b) - statistics.pass_at_1(rows_a), (mean_and_error(differences)[1], "t")
    if questions == "fixed" and parts[0] is not None and parts[1] is not None:
        error, method = math.hypot(parts[0], parts[1]), "t-samples"
    found: dict[str, Any] = {"mean": mean, "error": error, "num_problems": len(rows_a)}
    if error is None:
        return found
    half = statistics.student_t(level, max(1, len(rows_a) - 1)) * error
    return {**found, "low": mean - half, "high": mean + half, "method": method}


def by_problem(a: Tally, b: Tally) -> tuple[ProblemDifference, ...]:
    """Every problem, those that B wins by most first, those that it loses by most last; ties in order of their ids."""
    a, b = paired(a, b)
    means = [statistics.question_means(run.rows("score")) for run in (a, b)]
    found = map(ProblemDifference, a.problems, *means, a.counts, b.counts)
    return tuple(sorted(found, key=lambda each: (-each.difference, each.id)))


def identical(difference: MeasureDifference) -> MeasureDifference:
    """The same measure of two copies of one evaluation: the difference is exactly 0."""
    return difference if difference.mean is None else difference._replace(low=0.0, high=0.0, error=0.0, method="identical")
