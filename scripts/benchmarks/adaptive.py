"""The adaptive gate's part of `scripts/bench gates`: error rates, bounds, samples spent beside the fixed design and the theory.

Left out: fixed designs and how problems are simulated (gates.py).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from benchmarks.gates import (
    AMC,
    GSM8K,
    LEVELS,
    MATH_STRONG,
    MATH_WEAK,
    MEDIUM,
    STRONG,
    WEAK,
    Setting,
    chances_of,
    draw,
    even_kind,
    fixed_gates,
    parts_of,
    percent,
    table,
    worse,
)

from r1bench.harness.statistics.boundaries import half_widths
from r1bench.harness.statistics.evidence import evidence, moments_of_counts, tail_p
from r1bench.harness.statistics.power import plan
from r1bench.harness.statistics.recursion import crossing
from r1bench.harness.statistics.sequential import Design, Look, design, foresee, look_at, stagewise_p, stops

Kind = tuple[str, int, float, float]


class Case(NamedTuple):
    """One adaptive gate to simulate."""

    kind: Kind
    margin: float
    alpha: float = 0.05
    factor: float = 1.0
    """Planned variance over the true one."""
    in_few: bool = False
    """Whether a loss falls on few problems."""
    baseline: int | None = None
    """Samples per problem of a baseline that is not topped up."""

    @property
    def title(self) -> str:
        notes = [f"variance planned x {self.factor:g}"] * (self.factor != 1) + ["few lose"] * self.in_few
        notes += [f"baseline fixed at {self.baseline}"] * (self.baseline is not None)
        name, num_problems, _, hard = self.kind
        return ", ".join([name if hard else f"{num_problems} problems, {name}", *notes])

    def design(self, factor: float) -> Design:
        p = chances_of(Setting(*self.kind, 1))
        spread, rates = (
            factor * float(np.mean(p * (1 - p))),
            {"score": float(p.mean()), "alpha_above": self.alpha, "alpha_below": self.alpha},
        )
        return design(-self.margin, 0.0, variance=spread, num_problems=len(p), samples_baseline=self.baseline, **rates)


KINDS = [(WEAK, 0.05), (MEDIUM, 0.05), (MEDIUM, 0.03), (STRONG, 0.05), (AMC, 0.05), (MATH_STRONG, 0.01), (MATH_WEAK, 0.02), (GSM8K, 0.01)]
CASES = [Case(kind, margin, alpha) for alpha in LEVELS for kind, margin in KINDS] + [
    Case(MEDIUM, 0.05, in_few=True),
    Case(MATH_STRONG, 0.01, in_few=True),
    Case(MEDIUM, 0.05, baseline=64),
    Case(MEDIUM, 0.05, factor=0.5),
    Case(MEDIUM, 0.05, factor=2.0),
    Case(MATH_STRONG, 0.01, factor=0.5),
    Case(MATH_STRONG, 0.01, factor=2.0),
]
NEAR = [Case(even_kind(num_problems, chance), 0.02) for num_problems in (250, 500) for chance in (0.995, 0.99, 0.95)]
NEAR += [Case(even_kind(250, chance), 0.02, baseline=n) for chance in (0.995, 0.99, 0.95) for n in (16, 64)]
NEAR += [Case(even_kind(500, 0.99), 0.02, baseline=16), Case(even_kind(250, 0.8), 0.02, baseline=64)]
"""Near saturation: fixed designs of a few samples, so that looks cannot come much sooner."""


class Played(NamedTuple):
    """What became of many adaptive gates."""

    directions: Any
    """1 above, -1 below, 0 still open when the rounds were spent."""
    samples: Any
    """Per problem, of the candidate."""
    histories: list[list[Look]]
    """The looks of each gate, up to its stop."""


def play(found: Design, chances: tuple[Any, Any], num_gates: int, generator: np.random.Generator, baseline: int | None) -> Played:
    """Rounds of samples until each gate has stopped."""
    directions, samples = np.zeros(num_gates), np.full(num_gates, found.rounds[-1])
    histories: list[list[Look]] = [[] for _ in range(num_gates)]
    alive, looks, before = np.arange(num_gates), [], 0
    right_a = draw(generator, baseline or 0, chances[0], num_gates)
    right_b = np.zeros_like(right_a)
    for now in found.rounds:
        if baseline is None:
            right_a = right_a + draw(generator, now - before, chances[0], len(alive))
        right_b = right_b + draw(generator, now - before, chances[1], len(alive))
        seen = evidence(moments_of_counts(right_a, baseline or now), moments_of_counts(right_b, now), questions="fixed")
        looks.append(look_at(found, seen))
        for gate, *values in zip(alive.tolist(), *(part.tolist() for part in looks[-1]), strict=True):
            histories[gate].append(Look(*values))
        _, ended = stops(found, looks)
        directions[alive], samples[alive] = ended, np.where(ended != 0, now, found.rounds[-1])
        goes_on = ended == 0
        alive, before = alive[goes_on], now
        if not len(alive):
            break
        right_a, right_b = right_a[goes_on], right_b[goes_on]
        looks = [Look(*(values[goes_on] for values in look)) for look in looks]
    return Played(directions, samples, histories)


def play_all(case: Case, found: Design, loss: float, num_gates: int, seed: int) -> Played:
    p, generator = chances_of(Setting(*case.kind, 1)), np.random.default_rng(seed)
    pair = (p, worse(p, loss, in_few=case.in_few))
    parts = [play(found, pair, count, generator, case.baseline) for count in parts_of(num_gates, len(p))]
    directions, samples, histories = zip(*parts, strict=True)
    return Played(np.concatenate(directions), np.concatenate(samples), [history for part in histories for history in part])


def passes_when_fixed(case: Case, fixed: int, num_gates: int, seed: int) -> float:
    """Chance of PASS without a loss of the fixed design that the adaptive one is held against."""
    p = chances_of(Setting(*case.kind, 1))
    found = fixed_gates(Setting(*case.kind, case.baseline or fixed, fixed), (p, p), num_gates, seed)
    return float(np.mean(tail_p(found, -case.margin, side="above") < case.alpha))


def show_adaptive(num_gates: int) -> None:
    """Adaptive gates at four truths, beside the fixed design with the same error rates and the true variance."""
    show_cases("Adaptive gate", CASES, num_gates, 2000)
    show_cases("Adaptive gate near saturation", NEAR, num_gates, 6000)


def show_cases(title: str, cases: list[Case], num_gates: int, seed: int) -> None:
    rows, shares_spent = [], []
    for number, case in enumerate(cases):
        found, true = case.design(case.factor), case.design(1.0)
        fixed = true.fixed_samples
        losses = (0.0, case.margin / 2, case.margin, 2 * case.margin)
        played = [play_all(case, found, loss, num_gates, seed + 10 * number + place) for place, loss in enumerate(losses)]
        spent = [float(np.mean(one.samples)) / fixed for one in played]
        shares_spent.append(spent)
        shares = [np.mean(played[0].directions < 0), np.mean(played[2].directions > 0), np.mean(played[0].directions > 0)]
        passed = passes_when_fixed(case, fixed, num_gates, seed + 9 + 10 * number)
        cells = [case.title, f"{100 * case.margin:.0f}", f"{100 * case.alpha:.0f}", *(percent(float(one), num_gates) for one in shares)]
        cells += [f"{fixed}: {percent(passed, num_gates)}", *(f"{100 * share:.0f}" for share in (*spent, sum(spent) / 4))]
        rows.append([*cells, f"{100 * foresee(true, 0.0).mean_samples / fixed:.0f}"])
    columns = ["problems", "margin", "alpha %", "FAIL, no loss", "PASS, loss = margin", "PASS, no loss", "fixed n: PASS, no loss"]
    columns += ["spent: no loss", "half", "margin", "twice", "mean", "foreseen, no loss"]
    means = [f"{100 * share:.1f}" for share in (*np.mean(shares_spent, axis=0), np.mean(shares_spent))]
    rows.append(["**mean of these rows**", *[""] * 6, *means, ""])
    table(f"{title}: error rates, and samples as % of the fixed design's ({num_gates:,} gates)", columns, rows)


def show_bounds(num_gates: int) -> None:
    """How often the one-sided 95 % bounds after a stop hold the truth; a fifth of the gates, since each takes an integration."""
    rows, count = [], max(1, num_gates // 5)
    for number, case in enumerate(Case(kind, margin) for kind, margin in ((MEDIUM, 0.05), (WEAK, 0.05), (MATH_STRONG, 0.01))):
        found, cells = case.design(1.0), [case.title, f"{100 * case.margin:.0f}"]
        for place, loss in enumerate((0.0, case.margin / 2, case.margin)):
            played = play_all(case, found, loss, count, 4000 + 10 * number + place)
            ranks = np.array([stagewise_p(found, looks, -loss) for looks in played.histories])
            cells.append(f"{percent(float(np.mean(ranks >= 0.05)), count)} / {percent(float(np.mean(ranks <= 0.95)), count)}")
        rows.append(cells)
    columns = ["problems", "margin", "no loss: lower / upper", "half", "margin"]
    table(f"Adaptive gate: what the one-sided 95 % bounds hold after a stop ({count:,} gates)", columns, rows)


def whitehead_share(alpha: float, fixed_information: float) -> float:
    """Mean samples of Whitehead's triangular test at its threshold, over the fixed design's: 400 looks."""
    intercept, slope = 2 * math.log(1 / (2 * alpha)), 0.25
    information = np.linspace(0, intercept / slope, 401)[1:]
    widths = np.maximum(half_widths(information, intercept, slope), 0)
    chances = crossing(information.tolist(), widths.tolist(), drift=0.5)
    ended = [up + down for up, down in zip(chances.up, chances.down, strict=True)]
    return float(np.dot(ended, information[: len(ended)])) / fixed_information


def show_theory(_: int) -> None:
    """Mean samples at threshold and alternative as % of the fixed design's, without any sampling."""
    rows = []
    for alpha in LEVELS:
        fixed = plan(0.25, 10**6, 10**3, alpha=alpha, power=1 - alpha)
        fixed_information = (fixed.detectable / fixed.error) ** 2
        bound = 2 * (1 - 2 * alpha) * math.log((1 - alpha) / alpha) / fixed_information
        rates = {"alpha_above": alpha, "alpha_below": alpha}
        ours = [design(-0.001, 0, variance=0.13, num_problems=30, num_looks=looks, **rates) for looks in (10, 20, 100)]
        spent = [[foresee(one, truth).mean_samples / one.fixed_samples for one in ours] for truth in (0.0, -0.0005)]
        shares = [bound, whitehead_share(alpha, fixed_information), *spent[0], spent[1][1]]
        rows.append([f"{100 * alpha:.0f}", *(f"{100 * share:.1f}" for share in shares)])
    columns = ["alpha %", "ratio test (lower bound)", "Whitehead's triangle, 400 looks", "ours: 10 looks", "20 looks", "100 looks"]
    table("Theory: samples at no loss (or at loss = margin) as % of the fixed design's", [*columns, "20 looks, half-way"], rows)
