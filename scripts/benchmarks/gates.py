"""What the comparison and the gate promise, checked by simulation: false alarms, wrong passes, power, coverage, samples spent.

    scripts/bench gates                    # 10,000 gates per setting, minutes on one core; prints Markdown tables
    scripts/bench gates --gates 2000 --only fixed,adaptive

Samples are right or wrong with a chance of their problem's own, drawn from a Beta distribution: as clustered as the named sets are.
Simulated gates are judged by the functions that judge real ones (`evidence`, `tail_p`, `stops`, `holm`). Behind every share stands its
Monte-Carlo error, one standard deviation. Left out: intervals of a single run (scripts/bench intervals), problems of unequal n.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from r1bench.harness.statistics.evidence import Evidence, evidence, moments_of_counts, tail_p
from r1bench.harness.statistics.multiplicity import holm
from r1bench.harness.statistics.power import Plan, plan, power_of
from r1bench.harness.statistics.restricted import Restricted

LEVELS = (0.05, 0.10)
MOST_NUMBERS = 2_000_000
"""Scores held in memory at a time."""


class Setting(NamedTuple):
    """Problems of a kind, and how often each is asked."""

    name: str
    num_problems: int
    easy: float
    """Of the Beta distribution of the chances; where `hard` is 0, the chance of every problem."""
    hard: float
    samples: int
    """Per problem, of the baseline; of the candidate too where `samples_b` is 0."""
    samples_b: int = 0
    margin: float | None = None
    """The one that the plan says an equal candidate passes with 80 % at alpha 5 %, where it is not given."""

    @property
    def n(self) -> tuple[int, int]:
        return self.samples, self.samples_b or self.samples

    @property
    def title(self) -> str:
        shown = f"{self.samples}" if not self.samples_b else f"{self.samples}/{self.samples_b}"
        return f"{self.name} | {self.num_problems} x {shown}"


WEAK, MEDIUM, STRONG = ("AIME weak", 30, 0.35, 1.6), ("AIME medium", 30, 0.5, 0.5), ("AIME strong", 30, 0.85, 0.55)
AMC, MATH_STRONG, MATH_WEAK = ("AMC", 40, 0.6, 0.4), ("MATH-500 .9", 500, 1.0, 0.12), ("MATH-500 .6", 500, 0.55, 0.37)
GSM8K, SATURATED = ("GSM8K .9", 1319, 0.6, 0.067), ("MATH-500 .99", 500, 0.5, 0.005)
SETTINGS = [
    Setting(*kind, samples)
    for kind, sizes in [
        (WEAK, (4, 16)),
        (MEDIUM, (1, 2, 4, 16, 64)),
        (STRONG, (4, 16)),
        (AMC, (4, 16)),
        (MATH_STRONG, (1, 2, 4)),
        (MATH_WEAK, (1, 4)),
        (SATURATED, (4,)),
        (GSM8K, (1, 4)),
    ]
    for samples in sizes
] + [Setting(*MEDIUM, 64, 8)]


def even_kind(num_problems: int, chance: float) -> tuple[str, int, float, float]:
    """Problems that are all answered right with one chance."""
    return f"all {100 * chance:g} %", num_problems, chance, 0.0


UNEVEN = [
    Setting(*even_kind(num_problems, chance), *samples, 0.02)
    for num_problems, chance, samples in [
        (250, 0.98, (16, 2)),
        (250, 0.995, (16, 2)),
        (250, 0.98, (2, 16)),
        (250, 0.98, (2, 2)),
        (250, 0.995, (2, 2)),
        (250, 0.98, (16, 1)),
        (100, 1.0, (64, 4)),
        (100, 0.99, (4, 4)),
        (30, 1.0, (64, 16)),
        (30, 0.98, (64, 16)),
    ]
] + [Setting(*MATH_STRONG, 16, 2), Setting(*SATURATED, 16, 2), Setting(*SATURATED, 2, 16)]
"""Near saturation, and with many more samples of one run than of the other: there an error at the estimate promises too much."""


def chances_of(setting: Setting) -> Any:
    """The chance of each problem to be answered right: one fixed draw per kind of problems."""
    if not setting.hard:
        return np.full(setting.num_problems, setting.easy)
    generator = np.random.default_rng(setting.num_problems)
    return np.clip(generator.beta(setting.easy, setting.hard, setting.num_problems), 0.0, 1.0)


def worse(chances: Any, loss: float, *, in_few: bool) -> Any:
    """Chances whose mean is `loss` lower: every problem by the same share, or some problems lost altogether."""
    if not in_few:
        return chances * (1 - loss / chances.mean())
    order = np.random.default_rng(1).permutation(len(chances))
    lost_before = np.cumsum(chances[order]) - chances[order]
    found = chances.copy()
    found[order] -= np.clip(loss * len(chances) - lost_before, 0, chances[order])
    return found


def parts_of(num_gates: int, num_problems: int) -> Iterator[int]:
    step = max(1, MOST_NUMBERS // num_problems)
    return (min(step, num_gates - start) for start in range(0, num_gates, step))


def draw(generator: np.random.Generator, samples: int, chances: Any, num_gates: int) -> Any:
    """Right answers (gates, problems). Problems come first while drawing: equal chances in a row are drawn faster."""
    return np.ascontiguousarray(generator.binomial(samples, chances[:, None], (len(chances), num_gates)).T)


def joined(parts: list[Evidence]) -> Evidence:
    """Parts of one simulation, one after the other."""
    mean, error, degrees = (np.concatenate([part[place] for part in parts]) for place in range(3))
    models = [part.restricted for part in parts if part.restricted is not None]
    if not models:
        return Evidence(mean, error, degrees)
    arrays = [np.concatenate([np.broadcast_to(model[place], model.mean_a.shape) for model in models]) for place in range(7)]
    return Evidence(mean, error, degrees, Restricted(*arrays, models[0].most_degrees, models[0].floor))


def fixed_gates(setting: Setting, chances: tuple[Any, Any], num_gates: int, seed: int) -> Evidence:
    """The evidence of many gates over the same questions."""
    generator, found = np.random.default_rng(seed), []
    for count in parts_of(num_gates, setting.num_problems):
        both = [moments_of_counts(draw(generator, n, p, count), n) for n, p in zip(setting.n, chances, strict=True)]
        found.append(evidence(*both, questions="fixed"))
    return joined(found)


MIXED = "gains and losses"
EFFECTS: dict[str, tuple[Callable[[Any, Any], Any], float]] = {
    "no effect": (lambda p, signs: p, 0.0),
    MIXED: (lambda p, signs: p + signs * p * (1 - p), 0.0),
    "all lose a tenth": (lambda p, signs: 0.9 * p, 0.1),
}
"""What happens to the chances of questions that are drawn anew for each comparison, and the share of the mean that is lost."""


def random_gates(setting: Setting, effect: str, num_gates: int, seed: int) -> Evidence:
    """The evidence of many comparisons, each over questions of its own."""
    generator, found = np.random.default_rng(seed), []
    for count in parts_of(num_gates, setting.num_problems):
        chances = generator.beta(setting.easy, setting.hard, (count, setting.num_problems))
        changed = EFFECTS[effect][0](chances, generator.choice([-1, 1], chances.shape))
        both = [moments_of_counts(generator.binomial(n, p), n) for n, p in zip(setting.n, (chances, changed), strict=True)]
        found.append(evidence(*both, questions="random"))
    return joined(found)


def covers(found: Evidence, truth: float) -> float:
    """Share of two-sided 95 % intervals that hold the truth."""
    return float(np.mean((tail_p(found, truth, side="above") >= 0.025) & (tail_p(found, truth, side="below") >= 0.025)))


def percent(share: float, num_gates: int) -> str:
    return f"{100 * share:.1f} ±{100 * math.sqrt(share * (1 - share) / num_gates):.1f}"


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    print(f"\n### {title}\n\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def both_levels(shares: list[float], num_gates: int) -> str:
    return " / ".join(percent(share, num_gates) for share in shares)


def show_fixed(num_gates: int) -> None:
    """Gates over fixed questions."""
    errors, powers = [], []
    for number, setting in enumerate(SETTINGS + UNEVEN):
        p = chances_of(setting)
        sizes, score = (float(np.mean(p * (1 - p))), setting.num_problems, *setting.n), float(p.mean())
        margin = setting.margin or plan(*sizes, score=score).detectable
        truths = {"same": p, "all": worse(p, margin, in_few=False), "few": worse(p, margin, in_few=True)}
        found = {name: fixed_gates(setting, (p, q), num_gates, 10 * number + place) for place, (name, q) in enumerate(truths.items())}
        alarms = [float(np.mean(tail_p(found["same"], 0.0, side="below") < alpha)) for alpha in LEVELS]
        passes = {name: tail_p(one, -margin, side="above") for name, one in found.items()}
        wrong = [both_levels([float(np.mean(passes[name] < alpha)) for alpha in LEVELS], num_gates) for name in ("all", "few")]
        held = [percent(covers(found[name], 0.0 if name == "same" else -margin), num_gates) for name in found]
        told = [power_of(plan(*sizes, alpha=alpha, score=score), 0.0, -margin) for alpha in LEVELS]
        kept = [float(np.mean(passes["same"] < alpha)) for alpha in LEVELS]
        errors.append([setting.title, f"{100 * p.mean():.0f}", f"{100 * margin:.1f}", both_levels(alarms, num_gates), *wrong, *held])
        promised = " / ".join(f"{100 * value:.1f}" for value in told)
        powers.append([setting.title, f"{100 * margin:.1f}", promised, both_levels(kept, num_gates)])
    names = ["FAIL, no loss (5/10 %)", "PASS, all lose (5/10 %)", "PASS, few lose (5/10 %)"]
    columns = ["problems", "N x n", "mean", "margin", *names, "held: no loss", "held: all lose", "held: few lose"]
    table(f"Fixed questions: error rates at alpha 5 and 10 %, and what 95 % intervals hold ({num_gates:,} gates)", columns, errors)
    columns = ["problems", "N x n", "margin", "promised (5/10 %)", "measured (5/10 %)"]
    table(f"Fixed questions: chance of PASS without a loss ({num_gates:,} gates)", columns, powers)


def planned_random(setting: Setting) -> Plan:
    """What the plan promises where gains and losses even out: variances from 200,000 questions."""
    generator = np.random.default_rng(2)
    p = generator.beta(setting.easy, setting.hard, 200_000)
    q = EFFECTS[MIXED][0](p, generator.choice([-1, 1], p.shape))
    spread = float(np.mean(p * (1 - p) + q * (1 - q)) / 2)
    return plan(spread, setting.num_problems, *setting.n, question_variance=float(np.mean((q - p) ** 2)))


def show_random(num_gates: int) -> None:
    """Comparisons over questions drawn anew: what 95 % intervals hold, and the chance to pass where gains and losses even out."""
    rows = []
    for number, setting in enumerate(SETTINGS):
        held, planned, passed = [], planned_random(setting), 0.0
        for place, (effect, (_, lost)) in enumerate(EFFECTS.items()):
            truth = -lost * setting.easy / (setting.easy + setting.hard)
            found = random_gates(setting, effect, num_gates, 1000 + 10 * number + place)
            held.append(percent(covers(found, truth), num_gates))
            if effect == MIXED:
                passed = float(np.mean(tail_p(found, -planned.detectable, side="above") < planned.alpha))
        rows.append([setting.title, *held, f"{100 * planned.detectable:.1f}", percent(passed, num_gates)])
    columns = ["problems", "N x n", *EFFECTS, "margin", "PASS (80.0 promised)"]
    title = "Random questions: what 95 % intervals hold, and PASS at alpha 5 % where gains and losses even out"
    table(f"{title} ({num_gates:,} comparisons)", columns, rows)


def show_tasks(num_gates: int) -> None:
    """Three tasks at once: any FAIL without a loss, with and without Holm; an overall PASS where one task lost just its margin."""
    settings = [Setting(*MEDIUM, 16), Setting(*MATH_STRONG, 4), Setting(*AMC, 16)]
    alarms, passes = [], []
    for number, setting in enumerate(settings):
        p = chances_of(setting)
        spread, score = float(np.mean(p * (1 - p))), float(p.mean())
        margin = plan(spread, setting.num_problems, *setting.n, power=0.95, score=score).detectable
        alarms.append(tail_p(fixed_gates(setting, (p, p), num_gates, 3000 + number), 0.0, side="below"))
        changed = worse(p, margin, in_few=False) if number == 0 else p
        passes.append(tail_p(fixed_gates(setting, (p, changed), num_gates, 3010 + number), -margin, side="above"))
    adjusted = np.array([min(holm(values)) for values in np.stack(alarms, axis=-1).tolist()])
    plain, overall = np.min(alarms, axis=0), np.max(passes, axis=0)
    rows = []
    for alpha in LEVELS:
        shares = [float(np.mean(values < alpha)) for values in (adjusted, plain, overall)]
        rows.append([f"{100 * alpha:.0f}", *(percent(share, num_gates) for share in shares)])
    columns = ["alpha %", "any FAIL, no loss, Holm", "the same without Holm", "overall PASS, one task lost its margin"]
    table(f"Three tasks: AIME, MATH-500, AMC ({num_gates:,} gates)", columns, rows)


def main(arguments: list[str]) -> None:
    from benchmarks.adaptive import show_adaptive, show_bounds, show_theory
    from benchmarks.failed import show_failed

    parts = {"theory": show_theory, "fixed": show_fixed, "random": show_random, "tasks": show_tasks}
    parts |= {"adaptive": show_adaptive, "bounds": show_bounds, "failed": show_failed}
    parser = argparse.ArgumentParser(prog="scripts/bench gates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gates", type=int, default=10_000, help="simulated gates per setting")
    parser.add_argument("--only", default=",".join(parts), help="parts, separated by commas: %(default)s")
    given = parser.parse_args(arguments)
    names = given.only.split(",")
    if unknown := set(names) - parts.keys():
        parser.error(f"unknown parts {', '.join(sorted(unknown))}; known: {', '.join(parts)}")
    for name in names:
        started = time.perf_counter()
        parts[name](given.gates)
        print(f"\n{name}: {time.perf_counter() - started:.0f} s on one core", flush=True)
