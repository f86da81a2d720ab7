"""Gates in which samples failed: how often they are wrong if these count as wrong, are left out, or are left out and allowed for.

    scripts/bench gates --only failed --gates 2000

3 % of the candidate's samples fail, or of both sides': at random, on hard problems, only of those that would have been wrong, or all of the
hardest problems. The gate allows for what failed more often on one side (leaderboards/gate/failures.py). Left out: guards, adaptive gates.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from r1bench.harness.statistics.evidence import Moments, evidence, moments_of_counts, tail_p
from r1bench.harness.statistics.power import plan
from r1bench.leaderboards.gate.failures import Failures

SHARE, ALPHA = 0.03, 0.05
MOST_OF_A_PROBLEM = 0.5
"""Of a hard problem's samples, where failures are concentrated on these."""
RULES = ("counted as wrong", "left out", "allowed for")


class Drawn(NamedTuple):
    """Samples of one side: arrays (gates, problems)."""

    right: Any
    """Those that did not fail."""
    counted: Any
    """That did not fail."""
    n: int


def failing(kind: str, chances: Any) -> tuple[Any, Any]:
    """For each problem the chance of a right sample to fail, and that of a wrong one; 3 % of all samples."""
    if kind == "wrong answers":
        return np.zeros_like(chances), np.full_like(chances, min(1.0, SHARE / (1 - chances.mean())))
    if kind == "hard problems":
        weight = (1 - chances) ** 2
        share = np.minimum(MOST_OF_A_PROBLEM, SHARE * weight / weight.mean())
        return share, share
    if kind == "whole problems":
        share = np.zeros_like(chances)
        share[np.argsort(chances)[: max(1, round(SHARE * len(chances)))]] = 1.0
        return share, share
    share = np.full_like(chances, SHARE)
    return share, share


def draw(generator: np.random.Generator, n: int, chances: Any, kind: str, num_gates: int) -> Drawn:
    """Samples of one side; none fail where `kind` is empty."""
    right = generator.binomial(n, chances, (num_gates, len(chances)))
    if not kind:
        return Drawn(right, np.full_like(right, n), n)
    of_right, of_wrong = failing(kind, chances)
    kept = generator.binomial(right, 1 - of_right)
    return Drawn(kept, kept + generator.binomial(n - right, 1 - of_wrong), n)


def alike(a: Drawn, b: Drawn) -> Iterator[Any]:
    """The gates in groups in which the same problems are left, and in which all of these or not all have two samples on both sides."""
    left = (a.counted > 0) & (b.counted > 0)
    has_two = ((a.counted > 1) & (b.counted > 1) | ~left).all(axis=1)
    _, groups = np.unique(np.packbits(np.column_stack([left, has_two]), axis=1), axis=0, return_inverse=True)
    for group in range(groups.max() + 1):
        yield np.flatnonzero(groups == group)


def p_values(a: Drawn, b: Drawn, margin: float, rule: str) -> tuple[Any, Any]:
    """One-sided p values of 'the loss is below the margin' and of 'there is a loss'."""
    above, below = np.ones(len(a.right)), np.ones(len(a.right))
    shares = [(1 - each.counted / each.n).mean(axis=1) for each in (a, b)]
    slack = np.abs(shares[1] - shares[0]).round(12) if rule == RULES[2] else np.zeros(len(a.right))
    for gates in [np.arange(len(a.right))] if rule == RULES[0] else alike(a, b):
        left = ((a.counted > 0) & (b.counted > 0))[gates[0]]
        sides: list[Moments] = []
        for each in (a, b):
            right, counted = (values[gates] for values in (each.right, each.counted))
            sides.append(moments_of_counts(right, each.n) if rule == RULES[0] else moments_of_counts(right[:, left], counted[:, left]))
        found = evidence(*sides, questions="fixed")
        above[gates] = tail_p(found, slack[gates] - margin, side="above")
        below[gates] = tail_p(found, -slack[gates], side="below")
    if rule == RULES[2]:
        above[uneven(a, b)] = 1.0
    return above, below


def uneven(a: Drawn, b: Drawn) -> Any:
    """The gates in which one side has more that failed than chance gives."""
    lost = [(each.n - each.counted).sum(axis=1) for each in (b, a)]
    drawn = [each.n * each.counted.shape[1] for each in (b, a)]
    pairs, places = np.unique(np.column_stack(lost), axis=0, return_inverse=True)
    return np.array([Failures(0.0, 0.0, *map(int, pair), *drawn, (), False).is_shown for pair in pairs])[places]


def show_failed(num_gates: int) -> None:
    """One row for each setting and way to fail: wrong FAILs without a loss, wrong PASSes at the margin, right PASSes without a loss."""
    from benchmarks.gates import MATH_STRONG, MEDIUM, Setting, chances_of, percent, table, worse

    rows, number = [], 4000
    for setting in [Setting(*kind, n) for kind in (MEDIUM, MATH_STRONG) for n in (4, 16)]:
        p = chances_of(setting)
        margin = plan(float(np.mean(p * (1 - p))), setting.num_problems, *setting.n, score=float(p.mean())).detectable
        for kind in ("at random", "hard problems", "wrong answers", "whole problems"):
            for side in ("candidate", "both"):
                cells = []
                for place, truth in enumerate((p, worse(p, margin, in_few=False))):
                    generator = np.random.default_rng([number, place])
                    a = draw(generator, setting.samples, p, kind if side == "both" else "", num_gates)
                    b = draw(generator, setting.samples, truth, kind, num_gates)
                    cells.append([p_values(a, b, margin, rule) for rule in RULES])
                number += 1
                fails = [percent(float(np.mean(below < ALPHA)), num_gates) for _, below in cells[0]]
                passes = [percent(float(np.mean(above < ALPHA)), num_gates) for above, _ in cells[1]]
                kept = [percent(float(np.mean(above < ALPHA)), num_gates) for above, _ in cells[0]]
                rows.append([setting.title, f"{100 * margin:.1f}", kind, side, *map(" / ".join, (fails, passes, kept))])
    columns = ["problems", "N x n", "margin", "3 % fail", "of", "FAIL, no loss", "PASS, margin lost", "PASS, no loss"]
    table(f"Samples that failed: {' / '.join(RULES)}, at alpha 5 % ({num_gates:,} gates)", columns, rows)
