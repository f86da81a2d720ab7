"""`r1bench power`: what a comparison of a given size could show and what it would cost, before anything is spent.

    found = power.forecast(power.planning("aime24"), num_problems=30, samples=16, tokens=power.ceiling(32768))
    print(power.render(found))

The variance within problems comes from a baseline run where there is one, otherwise from a table of planning values.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from r1bench.harness import statistics, tables
from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import sequential
from r1bench.harness.statistics.power import Plan, plan, samples_needed
from r1bench.harness.tally import Tally
from r1bench.leaderboards.compare.text import problems_text
from r1bench.leaderboards.measures import measured
from r1bench.leaderboards.protocol import check_complete

COLUMNS = (8, 9, 16, 21, 14)
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
    score: float | None = None
    """Mean score, where it is known: near 0 and 1 errors depend on it."""

    @property
    def question_variance(self) -> float:
        """Variance over problems of the true difference of two checkpoints with `CORRELATION`."""
        return 2 * self.between * (1 - CORRELATION)


class Noise(NamedTuple):
    """What the backend's own nondeterminism gives, as `eval --repeat-check` measured it on the baseline."""

    error: float
    """Standard error of the measured run's pass@1."""
    samples: int
    """Per problem of that run."""
    num_problems: int

    @property
    def variance(self) -> float:
        """Of one sample's score: the error falls with the samples and problems that it is a mean over, as `evaluation/repeat.py` has it."""
        return self.error**2 * self.samples * self.num_problems


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
    baseline_samples: int | None
    """Samples per problem that the baseline has and keeps; None where it gets as many as the candidate."""
    samples_needed: int | None
    """Samples per problem that detect the margin: of the candidate where the baseline keeps its own, else of both; None where none do."""
    samples_needed_both: int | None
    """Samples per problem of both runs that do; None where no number does."""
    problems_needed: int | None
    """Problems like these with the asked samples that detect it; None where they are enough already."""
    adaptive: "Adaptive | None"
    """What the adaptive gate, topping up both runs, would need for it; None where it does not apply."""
    noise: Noise | None
    """Of the baseline; the candidate's is taken to be the same. In every figure here; None where it was not measured."""
    noise_floor: float | None
    """Standard error of the difference that this alone gives the asked size; None where it was not measured."""


def planning(task: str, pass_rate: float | None = None) -> Spread:
    """Planning values of a task; with a pass rate, or for a task that has none, the most that right-or-wrong scores can vary.

    p (1 - p) bounds the variance within problems; the part between problems is then planned as half of it, as it is in `PLANNING`.
    """
    if pass_rate is None and task in PLANNING:
        return Spread(*PLANNING[task], f"planning value for {task}, from published errors")
    rate = UNKNOWN_PASS_RATE if pass_rate is None else pass_rate
    given = f"pass rate {rate:.3g}" if pass_rate is not None else f"no planning value for {task}, pass rate taken as {rate:g}"
    return _most(rate, given, pass_rate)


def _most(rate: float, why: str, score: float | None) -> Spread:
    """No more within problems than p (1 - p) of a pass rate."""
    most = rate * (1 - rate)
    return Spread(most, most / 2, f"{why}: the most that p (1 - p) allows, so likely too large", score)


def of_baseline(tally: Tally) -> tuple[Spread, Tokens | None]:
    """What a complete run says of both: variance within and between problems (`statistics.variance_parts`), and tokens.

    With one sample per problem, or one problem, the spread is the most that its pass rate allows. None for tokens where they are not known
    (imported text).
    """
    check_complete(tally)
    scores, length = tally.rows("score"), measured(tally, "tokens")
    if tally.failed:  # a problem that is left with one sample does not say how its samples vary
        scores = [row for row in scores if len(row) > 1] or scores
    size = f"{tally.size.replace(' x ', ' problems x ')} samples of run {tally.id}"
    tokens = None if length is None else Tokens(length.value, f"mean of {size}")
    parts, rate = statistics.variance_parts(scores), statistics.pass_at_1(scores)
    if parts.within is None or parts.between is None:
        why = "which do not say how samples of one problem vary" if tally.manifest.n == 1 else "too few to say how problems vary"
        of = f"{problems_text(tally.manifest.num_problems)} x {tally.manifest.n} of run {tally.id}"
        return _most(rate, f"pass rate {rate:.3g} over {of}, {why}", rate), tokens
    return Spread(parts.within, parts.between, f"measured over {size}", rate), tokens


def ceiling(max_tokens: int, *, has_baseline: bool = False) -> Tokens:
    """The most that a completion can cost, where no run says what it does cost."""
    why = "the baseline's completions were not counted" if has_baseline else "give --baseline for a measured mean"
    return Tokens(max_tokens, f"the most that the protocol allows; {why}")


def row_of(spread: Spread, num_problems: int, samples: int, samples_baseline: int | None, tokens: Tokens, **rates: float) -> Row:
    """One size. The baseline has as many samples as the candidate unless it is said how many it keeps. `rates` as of `plan`."""
    held = samples_baseline or samples
    fixed = plan(spread.within, num_problems, held, samples, score=spread.score, **rates)
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
    noise: Noise | None = None,
) -> Forecast:
    """What this size can show, the table around it, and what the margin (a fraction) would take.

    Args:
        samples_baseline: what the baseline has and keeps, whatever the candidate gets; None where it gets as many.
        noise: of the baseline's backend; the candidate's is taken to be the same.
    """
    noise_variance = noise.variance if noise else 0.0
    rates = {"alpha": alpha, "power": power, "noise_variance": noise_variance}
    sizes = sorted({*SIZES, samples})
    rows = [row_of(spread, num_problems, size, samples_baseline, tokens, **rates) for size in sizes]
    asked = rows[sizes.index(samples)]
    extra = spread.question_variance if questions == "random" else 0.0
    needed, both = (
        samples_needed(spread.within, num_problems, margin, samples_a=held, question_variance=extra, score=spread.score, **rates)
        for held in (samples_baseline, None)
    )
    here = plan(spread.within, num_problems, samples_baseline or samples, samples, question_variance=extra, score=spread.score, **rates)
    return Forecast(
        task=task,
        num_problems=num_problems,
        asked=asked,
        rows=tuple(rows),
        questions=questions,
        margin=margin,
        spread=spread,
        tokens=tokens,
        alpha=alpha,
        power=power,
        baseline_samples=samples_baseline,
        samples_needed=needed,
        samples_needed_both=both,
        problems_needed=more_problems(here, margin),
        adaptive=adaptive(max(spread.within, noise_variance), num_problems, margin, alpha, spread.score) if questions == "fixed" else None,
        noise=noise,
        noise_floor=None if noise is None else (noise_variance * (1 / here.samples_a + 1 / here.samples_b) / num_problems) ** 0.5,
    )


def more_problems(here: Plan, margin: float) -> int | None:
    """Problems of this kind that bring the detectable difference down to the margin: the squared error falls with their number."""
    if here.detectable <= margin:
        return None
    return -int(-here.num_problems * (here.detectable / margin) ** 2 // 1)


def adaptive(variance: float, num_problems: int, margin: float, alpha: float, score: float | None = None) -> Adaptive | None:
    """What the triangular test of `gate --adaptive` would need for this margin; None where no number of samples is enough."""
    try:
        found = sequential.design(
            -margin, 0.0, variance=variance, num_problems=num_problems, alpha_above=alpha, alpha_below=alpha, score=score
        )
    except UsageError:
        return None
    foreseen = sequential.foresee(found, 0.0)
    return Adaptive(foreseen.mean_samples, foreseen.most_samples, found.fixed_samples)


def to_json(found: Forecast) -> dict[str, Any]:
    """Plain JSON values: fractions, except margin_points."""
    first = ("task", "num_problems", "questions", "margin", "alpha", "power", "problems_needed", "noise_floor")
    names = (*first, "baseline_samples", "samples_needed", "samples_needed_both")
    return {
        **{name: getattr(found, name) for name in names},
        "margin_points": 100 * found.margin,
        "asked": found.asked._asdict(),
        "rows": [row._asdict() for row in found.rows],
        "spread": {**found.spread._asdict(), "question_variance": found.spread.question_variance},
        "tokens": found.tokens._asdict(),
        "noise": found.noise and found.noise._asdict(),
        "adaptive": found.adaptive and found.adaptive._asdict(),
    }


def tokens_text(count: float) -> str:
    """'15.7 M'."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f}"


def counted(samples: int) -> str:
    """'1 sample', '16 samples'."""
    return f"{samples} sample{'s' if samples != 1 else ''}"


def render(found: Forecast) -> str:
    """The forecast as text of at most 80 columns: the answer, the table, what the margin takes, where the figures come from."""
    asked, percent = found.asked, f"{100 * found.power:g} %"
    head = (
        f"{found.task}: {found.num_problems} problems, {counted(asked.samples)} each against {asked.samples_baseline} of the baseline."
        f" The smallest difference that is detected with {percent} chance (one-sided {100 * found.alpha:g} %): {tables.points(asked.fixed)}"
        f" points on these very questions, {tables.points(asked.random)} on questions like these. Cost: {tokens_text(asked.tokens)} tokens"
        f" a run."
    )
    lines = [tables.columns(("samples", "baseline", "these questions", "questions like these", "tokens a run"), COLUMNS)]
    for row in found.rows:
        mark = "*" if row.samples == asked.samples else ""
        cells = (f"{mark}{row.samples}", str(row.samples_baseline), tables.points(row.fixed), tables.points(row.random))
        lines.append(tables.columns((*cells, tokens_text(row.tokens)), COLUMNS))
    notes = [*needs(found), *sources(found)]
    return "\n".join([tables.paragraph(tables.plain(head)), "", *lines, "", *(tables.paragraph(tables.plain(note)) for note in notes)])


def needs(found: Forecast) -> list[str]:
    """What the margin takes, in sentences."""
    margin, which = f"{round(100 * found.margin, 6):g} points", "these questions" if found.questions == "fixed" else "questions like these"
    cost = found.num_problems * found.tokens.per_completion

    def spent(samples: float) -> str:
        return f"{tokens_text(samples * cost)} tokens a run"

    said = []
    held = found.baseline_samples
    if found.samples_needed is not None:
        against = f" of the candidate against the baseline's {held}" if held else " of both runs"
        said.append(f"To detect {margin} on {which}: {counted(found.samples_needed)} per problem{against}, {spent(found.samples_needed)}.")
    elif held and found.samples_needed_both is not None:
        both = f"{found.samples_needed_both} of both runs do, {spent(found.samples_needed_both)}"
        said.append(f"Against {counted(held)} of the baseline no number detects {margin} on {which}; {both}.")
    else:
        said.append(f"No number of samples detects {margin} on {which}.")
    if found.problems_needed is not None and found.questions == "random":
        said.append(f"Or about {found.problems_needed} problems like these with {counted(found.asked.samples)} each.")
    if found.adaptive:
        mean, most, fixed = found.adaptive
        said.append(
            f"The adaptive gate at that margin, with {100 * found.alpha:g} % errors on both sides: {mean:.0f} samples of both runs on"
            f" average for an equal candidate ({spent(mean)}), {most} at most; a fixed size takes {fixed}."
        )
    return said


def sources(found: Forecast) -> list[str]:
    """Where the figures come from."""
    between = f"{found.spread.between:.3f} between them (for questions like these, with correlation {CORRELATION:g} of the two checkpoints)"
    said = [
        f"Variance: {found.spread.within:.3f} within problems, {between}; {found.spread.source}.",
        f"Tokens: {found.tokens.per_completion:.0f} per completion, {found.tokens.source}.",
    ]
    if found.noise is not None and found.noise_floor is not None:
        asked = f"{found.asked.samples_baseline} and {found.asked.samples}"
        said.append(
            f"Noise floor: the baseline's backend alone gives pass@1 a standard error of {100 * found.noise.error:.2f} points with"
            f" {counted(found.noise.samples)}. It is taken to be the candidate's too and to shrink with samples and problems as sampling"
            f" does; with {asked} samples the error of the difference is {100 * found.noise_floor:.2f} points or more."
            " All figures include it."
        )
    return said
