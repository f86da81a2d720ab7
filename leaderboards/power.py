"""`r1bench power`: what a comparison of a given size could show and what it would cost, before anything is spent.

    found = power.forecast(power.planning("aime24"), num_problems=30, samples=16, tokens=power.ceiling(32768))
    print(power_text.render(found))

The variance within problems comes from a baseline run where there is one, otherwise from a table of planning values. Left out: the
formulas (r1bench.harness.statistics.power), and looking up tasks and runs (cli_compare.py).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.records import Run
from r1bench.harness.statistics import sequential
from r1bench.harness.statistics.power import Plan, plan, samples_needed
from r1bench.harness.statistics.spread import variance as variance_of
from r1bench.leaderboards import metrics

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Samples per problem in the table."""
CORRELATION = 0.5
"""Of the true scores of two checkpoints over problems: Miller 2024 (arXiv 2411.00640) reports 0.3 to 0.7."""
UNKNOWN_PASS_RATE = 0.5
"""Where the variance of right or wrong is largest."""


class Spread(NamedTuple):
    """How scores vary, in squared fractions, and where that is known from."""

    within: float
    """Mean over problems of the variance of one sample's score within its problem."""
    between: float
    """Variance over problems of their true scores."""
    source: str

    @property
    def question_variance(self) -> float:
        """Variance over problems of the true difference of two checkpoints with `CORRELATION`."""
        return 2 * self.between * (1 - CORRELATION)


class Tokens(NamedTuple):
    """Generated tokens of one completion, and where that is known from."""

    per_completion: float
    source: str


PLANNING: dict[str, tuple[float, float]] = {
    # Within and between problems, for models that solve part of the set. They give the errors that others print: AIME24 at 1, 16 and 64
    # samples 9.1, 6.5 and 6.4 points (lighteval #661), MATH-500 at 1 and 4 samples 1.6 and 1.3, GSM8K 0.9 and 0.7.
    "aime24": (0.13, 0.12),
    "aime25": (0.13, 0.12),
    "gpqa_diamond": (0.13, 0.10),
    "gsm8k": (0.05, 0.06),
    "math500": (0.06, 0.07),
}


class Row(NamedTuple):
    """One size: the least difference that would be shown, and the tokens of a run. Fractions."""

    samples: int
    samples_baseline: int
    fixed: float
    """On these very questions."""
    random: float
    """On questions like these."""
    tokens: float
    """Of the candidate's run."""


class Adaptive(NamedTuple):
    """Samples per problem of the adaptive gate for a margin, and of a fixed size with the same error rates (alpha on both sides)."""

    mean_samples: float
    """On average, for a candidate as good as the baseline."""
    most_samples: int
    fixed_samples: int


@dataclass(frozen=True)
class Forecast:
    """What a comparison of this size can show. Fractions, except where points are named."""

    task: str
    num_problems: int
    asked: Row
    rows: tuple[Row, ...]
    questions: str
    """'fixed' or 'random': which of the two the margin is about."""
    margin: float
    alpha: float
    power: float
    spread: Spread
    tokens: Tokens
    samples_needed: int | None
    """Samples per problem of the candidate that detect the margin, with the baseline as it is planned; None where no number does."""
    samples_needed_both: int | None
    """Samples per problem of both runs that do; None where no number does."""
    problems_needed: int | None
    """Problems like these with the asked samples that detect it; None where they are enough already."""
    adaptive: "Adaptive | None"
    """What the adaptive gate, topping up both runs, would need for it; None where it does not apply."""
    noise_floor: float | None
    """Difference below which the baseline's backend alone hides everything; None where it was not measured."""


def planning(task: str, pass_rate: float | None = None) -> Spread:
    """Planning values of a task; with a pass rate, or for a task that has none, the most that right-or-wrong scores can vary.

    p (1 - p) bounds the variance within problems; the part between problems is then planned as half of it, as it is in `PLANNING`.
    """
    if pass_rate is None and task in PLANNING:
        return Spread(*PLANNING[task], f"planning value for {task}, from published errors")
    rate = UNKNOWN_PASS_RATE if pass_rate is None else pass_rate
    most = rate * (1 - rate)
    given = f"pass rate {rate:g}" if pass_rate is not None else f"no planning value for {task}, pass rate taken as {rate:g}"
    return Spread(most, most / 2, f"{given}: the most that p (1 - p) allows, so likely too large")


def measured(run: Run) -> tuple[Spread | None, Tokens | None]:
    """What a complete run says of both: variance within and between problems (one-way random effects), and tokens.

    None for the spread with one sample per problem or one problem; None for tokens where they are not known (imported text).
    """
    if missing := metrics.shortfall(run):
        raise UsageError(f"baseline {run.id} is {missing} samples; finish it by running the same evaluation again")
    scores = metrics.rows(run, lambda sample: sample.grade.score)
    mean = metrics.mean_tokens(run, lambda sample: sample.completion.num_tokens).value
    size = f"{run.manifest.num_problems} problems x {run.manifest.n} samples of run {run.id}"
    tokens = None if mean is None else Tokens(mean, f"mean of {size}")
    if min(map(len, scores)) < 2 or len(scores) < 2:
        return None, tokens
    within = sum(variance_of(row) for row in scores) / len(scores)
    between = variance_of(statistics.question_means(scores)) - sum(variance_of(row) / len(row) for row in scores) / len(scores)
    return Spread(within, max(0.0, between), f"measured over {size}"), tokens


def ceiling(max_tokens: int) -> Tokens:
    """The most that a completion can cost, where no run says what it does cost."""
    return Tokens(max_tokens, "the most that the protocol allows; give --baseline for a measured mean")


def row_of(spread: Spread, num_problems: int, samples: int, samples_baseline: int | None, tokens: Tokens, **rates: float) -> Row:
    """One size. The baseline has as many samples as the candidate unless it is said how many."""
    held = samples_baseline or samples
    fixed = plan(spread.within, num_problems, held, samples, **rates)
    random = plan(spread.within, num_problems, held, samples, question_variance=spread.question_variance, **rates)
    return Row(samples, held, fixed.detectable, random.detectable, num_problems * samples * tokens.per_completion)


def forecast(
    spread: Spread,
    *,
    task: str,
    num_problems: int,
    samples: int,
    tokens: Tokens,
    samples_baseline: int | None = None,
    margin: float = 0.02,
    alpha: float = 0.05,
    power: float = 0.8,
    questions: str = "fixed",
    noise_error: float | None = None,
) -> Forecast:
    """What this size can show, the table around it, and what the margin (a fraction) would take."""
    rates = {"alpha": alpha, "power": power}
    sizes = sorted({*SIZES, samples})
    rows = [row_of(spread, num_problems, size, samples_baseline, tokens, **rates) for size in sizes]
    asked = rows[sizes.index(samples)]
    extra = spread.question_variance if questions == "random" else 0.0
    needed, both = (
        samples_needed(spread.within, num_problems, margin, samples_a=held, question_variance=extra, **rates)
        for held in (samples_baseline, None)
    )
    here = plan(spread.within, num_problems, samples_baseline or samples, samples, question_variance=extra, **rates)
    return Forecast(
        task=task,
        num_problems=num_problems,
        asked=asked,
        rows=tuple(rows),
        questions=questions,
        margin=margin,
        spread=spread,
        tokens=tokens,
        samples_needed=needed,
        samples_needed_both=both,
        problems_needed=more_problems(here, margin),
        adaptive=adaptive(spread, num_problems, margin, alpha) if questions == "fixed" else None,
        noise_floor=None if noise_error is None else noise_error * 2**0.5 * here.detectable / here.error,
        **rates,
    )


def more_problems(here: Plan, margin: float) -> int | None:
    """Problems of this kind that bring the detectable difference down to the margin: the squared error falls with their number."""
    if here.detectable <= margin:
        return None
    return -int(-here.num_problems * (here.detectable / margin) ** 2 // 1)


def adaptive(spread: Spread, num_problems: int, margin: float, alpha: float) -> Adaptive | None:
    """What the triangular test of `gate --adaptive` would need for this margin; None where no number of samples is enough."""
    try:
        found = sequential.design(-margin, 0.0, variance=spread.within, num_problems=num_problems, alpha_above=alpha, alpha_below=alpha)
    except UsageError:
        return None
    foreseen = sequential.foresee(found, 0.0)
    return Adaptive(foreseen.mean_samples, foreseen.most_samples, found.fixed_samples)


def to_json(found: Forecast) -> dict[str, Any]:
    """Plain JSON values: fractions, except margin_points."""
    named = ("task", "num_problems", "questions", "margin", "alpha", "power", "problems_needed", "noise_floor")
    needed = {"samples_needed": found.samples_needed, "samples_needed_both": found.samples_needed_both}
    return {
        **{name: getattr(found, name) for name in named},
        **needed,
        "margin_points": 100 * found.margin,
        "asked": found.asked._asdict(),
        "rows": [row._asdict() for row in found.rows],
        "spread": {**found.spread._asdict(), "question_variance": found.spread.question_variance},
        "tokens": found.tokens._asdict(),
        "adaptive": found.adaptive and found.adaptive._asdict(),
    }
