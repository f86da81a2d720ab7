"""How often intervals of a mean score cover the truth: problems drawn with AIME-like, AMC-like, MATH-500-like and GSM8K-like difficulty.

    scripts/bench intervals                                 # 10,000 simulated runs a setting; minutes on one core
    scripts/bench intervals --repetitions 1000 --no-bootstrap

Each simulated run draws its problems' chances from a beta distribution with a given mean and variance within problems (or from another
shape: logistic-normal, or a mixture of problems never, always and sometimes solved), then n samples of each. The truth is the mean of that
distribution. Every setting is seeded on its own. Left out: differences of two runs and the gate (scripts/bench gates).
"""

import argparse
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from r1bench.harness import statistics
from r1bench.harness.statistics.intervals import IMAGINARY_PROBLEMS

Ends = tuple[np.ndarray, np.ndarray]
NUM_DRAWS = 2000
"""Resamples of a bootstrap."""
NUM_CHECKED = 20
"""Simulated runs of each setting whose interval is also computed by r1bench's own function."""


class Setting(NamedTuple):
    """Problems and samples of a simulated run."""

    name: str
    num_problems: int
    n: int
    mean: float
    within: float
    """Mean over problems of the variance of one sample."""
    swing: float = 0.0
    """The true mean lies anywhere within this of `mean`, another place in every simulated run."""
    shape: tuple[str, float, float] | None = None
    """Another distribution than beta, see `chances_of`; then `within` is not used."""


def mean_of(kind: str, first: float, second: float) -> float:
    """True mean of a shape: `logistic` with the normal's location and scale; `mixture` with the shares never and always solved, the rest
    uniform; `steps` with the shares of chance .05 and .95, the rest .5."""
    if kind == "steps":
        return 0.05 * first + 0.95 * second + 0.5 * (1 - first - second)
    if kind == "mixture":
        return second + (1 - first - second) / 2
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    return float(np.sum(weights / (1 + np.exp(-first - second * nodes))) / np.sum(weights))


def chances_of(setting: Setting, truth: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The problems' chances, one row per simulated run."""
    size = len(truth), setting.num_problems
    if setting.shape is None:
        strength = 1 / (1 - setting.within / (setting.mean * (1 - setting.mean))) - 1
        return generator.beta(truth * strength, (1 - truth) * strength, size)
    kind, first, second = setting.shape
    if kind == "logistic":
        return 1 / (1 + np.exp(-generator.normal(first, second, size)))
    place, rest = generator.random(size), generator.random(size)
    least, middle, most = (0.0, rest, 1.0) if kind == "mixture" else (0.05, 0.5, 0.95)
    return np.where(place < first, least, np.where(place > 1 - second, most, middle))


SIZES = {"AIME": 30, "AMC": 40, "MATH-500": 500, "GSM8K": 1319, "5 problems": 5, "10 problems": 10, "20 problems": 20}
MODELS = (
    ("AIME", ((0.1, 0.05), (0.3, 0.10), (0.5, 0.125), (0.7, 0.11), (0.85, 0.07), (0.99, 0.005)), (1, 4, 16, 64)),
    ("AMC", ((0.2, 0.07), (0.5, 0.125), (0.8, 0.09)), (1, 4, 64)),
    ("MATH-500", ((0.6, 0.07), (0.9, 0.065), (0.97, 0.02)), (1, 4, 16)),
    ("GSM8K", ((0.3, 0.06), (0.9, 0.055)), (1, 4)),
    ("5 problems", ((0.1, 0.05), (0.5, 0.125), (0.85, 0.07)), (1, 4, 64)),
    ("10 problems", ((0.1, 0.05), (0.5, 0.125), (0.85, 0.07)), (1, 4, 64)),
    ("20 problems", ((0.1, 0.05), (0.5, 0.125), (0.85, 0.07)), (1, 4, 64)),
)
SETTINGS = [
    Setting(name, SIZES[name], n, mean, within, swing)
    for name, models, counts in MODELS
    for mean, within in models
    for n in counts
    for swing in ((0.0, 0.05) if n == 1 and 0.05 < mean < 0.95 else (0.0,))
]
SHAPES = (
    *(("logistic", -6, 4), ("logistic", 0, 4), ("logistic", 2, 1.5)),
    *(("mixture", 0.75, 0.02), ("mixture", 0.3, 0.2), ("mixture", 0.05, 0.65)),
    *(("steps", 0.8, 0.1), ("steps", 0.5, 0.5), ("steps", 0.1, 0.1), ("steps", 0.0, 0.9)),
)
OTHERS = [
    Setting(f"{kind} {first:g}, {second:g}", size, n, mean_of(kind, first, second), 0, 0, (kind, first, second))
    for kind, first, second in SHAPES
    for size in ((15, 60, 198) if kind == "steps" else (30,))
    for n in (4, 64)
]


def simulate(setting: Setting, repetitions: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of right samples, one row of problems per simulated run, and the true means, one per run."""
    generator = np.random.default_rng([seed, *map(ord, repr(setting))])
    truth = setting.mean + setting.swing * generator.uniform(-1, 1, (repetitions, 1))
    return generator.binomial(setting.n, chances_of(setting, truth, generator)), truth[:, 0]


def score_interval(mean: np.ndarray, trials: np.ndarray | float, z: float) -> Ends:
    """Wilson's interval of many means."""
    middle, half = mean + z**2 / (2 * trials), z * np.sqrt(mean * (1 - mean) / trials + z**2 / (4 * trials**2))
    return (middle - half) / (1 + z**2 / trials), (middle + half) / (1 + z**2 / trials)


def effective_trials(means: np.ndarray, n: int) -> np.ndarray:
    """statistics.intervals.effective_trials of every row, at most the samples."""
    count, weight, mean = means.shape[1], IMAGINARY_PROBLEMS, means.mean(axis=1)
    together = (mean * count + weight / 2) / (count + weight)
    squares = count * (means.var(axis=1) + (mean - together) ** 2) + weight / 2 * (together**2 + (1 - together) ** 2)
    return np.clip(count * together * (1 - together) * (count + weight) / squares, count, count * n)


def r1bench_interval(means: np.ndarray, n: int, level: float) -> Ends:
    return score_interval(means.mean(axis=1), effective_trials(means, n), statistics.normal_quantile((1 + level) / 2))


def wilson_by_problems(means: np.ndarray, n: int, level: float) -> Ends:
    """One trial per problem."""
    return score_interval(means.mean(axis=1), means.shape[1], statistics.normal_quantile((1 + level) / 2))


def student(means: np.ndarray, n: int, level: float) -> Ends:
    """Student's t on the question means, cut at 0 and 1."""
    half = statistics.student_t(level, means.shape[1] - 1) * means.std(axis=1, ddof=1) / math.sqrt(means.shape[1])
    return np.maximum(means.mean(axis=1) - half, 0), np.minimum(means.mean(axis=1) + half, 1)


def logit_student(means: np.ndarray, n: int, level: float) -> Ends:
    """t on the scale of log(p / (1 - p)); Wilson by problems where it is undefined (all 0, all 1, all alike)."""
    mean, error = means.mean(axis=1), means.std(axis=1, ddof=1) / math.sqrt(means.shape[1])
    is_known = (error > 1e-9) & (mean > 0) & (mean < 1)
    with np.errstate(all="ignore"):
        center, half = np.log(mean / (1 - mean)), statistics.student_t(level, means.shape[1] - 1) * error / (mean * (1 - mean))
        ends = 1 / (1 + np.exp(half - center)), 1 / (1 + np.exp(-half - center))
    spare = wilson_by_problems(means, n, level)
    return np.where(is_known, ends[0], spare[0]), np.where(is_known, ends[1], spare[1])


def johnson(means: np.ndarray, n: int, level: float) -> Ends:
    """t moved by the skewness (Johnson 1978), cut at 0 and 1."""
    mean, spread = means.mean(axis=1), means.var(axis=1, ddof=1)
    shift = ((means - mean[:, None]) ** 3).mean(axis=1) / (6 * np.maximum(spread, 1e-12) * means.shape[1])
    half = statistics.student_t(level, means.shape[1] - 1) * np.sqrt(spread / means.shape[1])
    return np.maximum(mean + shift - half, 0), np.minimum(mean + shift + half, 1)


def effective_beta(means: np.ndarray, n: int, level: float) -> Ends:
    """Quantiles of a beta distribution (Jeffreys) with the same effective trials; 0 and 1 belong to it where they were observed."""
    from scipy import stats

    mean, trials = means.mean(axis=1), effective_trials(means, n)
    low, high = stats.beta.ppf(np.array([[(1 - level) / 2], [(1 + level) / 2]]), mean * trials + 0.5, (1 - mean) * trials + 0.5)
    return np.where(mean <= 0, 0, low), np.where(mean >= 1, 1, high)


def bootstraps(means: np.ndarray, level: float) -> dict[str, Ends]:
    """Percentile (expanded as in Hesterberg 2015) and BCa (Efron 1987) of the same resamples of problems, shared by all rows."""
    from scipy.special import ndtr, ndtri

    count, z = means.shape[1], statistics.normal_quantile((1 + level) / 2)
    shares = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), NUM_DRAWS).T / count
    widened = math.sqrt(count / (count - 1)) * statistics.student_t(level, count - 1)
    found: dict[str, list[Ends]] = {"percentile": [], "BCa": []}
    for rows in np.array_split(means, max(1, len(means) // 1000)):
        drawn, mean = np.sort(rows @ shares, axis=1), rows.mean(axis=1)[:, None]
        below = ((drawn < mean - 1e-12).mean(axis=1) + (drawn <= mean + 1e-12).mean(axis=1)) / 2
        bias = ndtri(np.clip(below, 0.5 / NUM_DRAWS, 1 - 0.5 / NUM_DRAWS))
        off = rows - mean
        speed = (off**3).sum(axis=1) / (6 * np.maximum((off**2).sum(axis=1), 1e-12) ** 1.5)
        for name, tails in (
            ("percentile", [np.full(len(rows), ndtr(sign * widened)) for sign in (-1, 1)]),
            ("BCa", [ndtr(bias + (bias + sign * z) / (1 - speed * (bias + sign * z))) for sign in (-1, 1)]),
        ):
            places = [np.rint(tail * (NUM_DRAWS - 1)).astype(int)[:, None] for tail in tails]
            low, high = (np.take_along_axis(drawn, place, axis=1)[:, 0] for place in places)
            found[name].append((low, high))
    return {name: (np.concatenate([low for low, _ in ends]), np.concatenate([high for _, high in ends])) for name, ends in found.items()}


METHODS: dict[str, Callable[[np.ndarray, int, float], Ends]] = {
    "r1bench": r1bench_interval,
    "t": student,
    "t of logit": logit_student,
    "Johnson": johnson,
    "beta": effective_beta,
    "Wilson by problems": wilson_by_problems,
}


def check(right: np.ndarray, n: int, ours: Ends, function: Any, level: float) -> None:
    """Stop where the first rows are not what r1bench itself says."""
    for index, row in enumerate(right[:NUM_CHECKED].astype(int)):
        found = function([[1] * count + [0] * (n - count) for count in row], level)
        if not np.allclose(found[:2], [ours[0][index], ours[1][index]], atol=1e-9):
            raise SystemExit(f"this benchmark no longer computes what r1bench does: {found} and {ours[0][index], ours[1][index]}; adapt it")


def shown(ends: Ends, truth: np.ndarray) -> tuple[float, str]:
    """Coverage in percent, and it with the mean width in points."""
    covered = 100 * float(np.mean((ends[0] <= truth + 1e-12) & (truth <= ends[1] + 1e-12)))
    return covered, f"{covered:.1f} ({100 * np.mean(ends[1] - ends[0]):.1f})"


def head(names: list[str]) -> str:
    names = ["problems", "N", "n", "true mean", *names]
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def label(setting: Setting) -> str:
    swing = f" ± {100 * setting.swing:g}" if setting.swing else ""
    return f"| {setting.name} | {setting.num_problems} | {setting.n} | {100 * setting.mean:.3g}{swing} |"


def summary(found: dict[str, list[float]], level: float) -> None:
    """Range of the coverage of each method."""
    for name, values in found.items():
        inside = sum(abs(value - 100 * level) <= 1 for value in values)
        print(f"{name}: {min(values):.1f} to {max(values):.1f}, within 1 point of {100 * level:g} in {inside} of {len(values)} settings")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench intervals", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--level", type=float, default=0.95)
    parser.add_argument("--no-bootstrap", action="store_true")
    given = parser.parse_args(arguments)
    started = time.perf_counter()
    names = [*METHODS, *([] if given.no_bootstrap else ["percentile", "BCa"])]
    error = 100 * math.sqrt(given.level * (1 - given.level) / given.repetitions)
    print(f"Coverage in % (mean width in points), {given.repetitions:,} simulated runs a setting; Monte-Carlo error {error:.2f} points.\n")
    print(head(names))
    found: dict[str, list[float]] = {name: [] for name in names}
    for setting in [*SETTINGS, *OTHERS]:
        right, truth = simulate(setting, given.repetitions, given.seed)
        ends = {name: method(right / setting.n, setting.n, given.level) for name, method in METHODS.items()}
        check(right, setting.n, ends["r1bench"], statistics.interval, given.level)
        ends |= {} if given.no_bootstrap else bootstraps(right / setting.n, given.level)
        cells = [shown(ends[name], truth) for name in names]
        print(label(setting), " | ".join(cell for _, cell in cells), "|", flush=True)
        if "problems" not in setting.name and setting.n > 1 and setting.mean < 0.99 and setting.shape is None:
            for name, (covered, _) in zip(names, cells, strict=True):
                found[name].append(covered)
    print("\nAIME to GSM8K, beta, with n > 1 and a mean below 99:")
    summary(found, given.level)
    print(f"\n{time.perf_counter() - started:.0f} s")
