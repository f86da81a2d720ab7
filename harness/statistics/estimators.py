"""What several samples of one problem say together: pass@k and its kin, each with its source.

Every function takes the samples of one problem, n in all, and gives the exact expectation over the C(n, k) ways to draw k of them, without
drawing any. Over several problems: the mean of the values. With k = 1 all of them are the mean score; with k = n they are what these very
samples did. Left out: intervals, runs (r1bench.leaderboards.measures.sampled).

Where k is more than n they refuse: nothing without bias can be said about more draws than there are. Counts of right samples (pass@k,
pass^k, G-Pass@k, majority) are for graders that know only right and wrong; scores in between go to `best_of_k` and `worst_of_k`.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import mul

from r1bench.harness.errors import UsageError

ROUNDING = 1e-9
"""0.28 * 25 is 7.000000000000001 to a computer and 7 to the reader."""


def _check(metric: str, num_samples: int, num_correct: int, k: int) -> None:
    """Refuse what cannot be estimated, with the cure."""
    if k < 1 or not 0 <= num_correct <= num_samples:
        raise UsageError(f"{metric} of {num_correct} right among {num_samples} samples is no question; give k of 1 or more")
    if k > num_samples:
        raise UsageError(
            f"{metric} cannot be estimated from {num_samples} samples per problem; "
            f"draw at least {k} samples: r1bench eval ... --samples {k}, or lower k"
        )


@lru_cache(maxsize=65_536)
def pass_at_k(num_samples: int, num_correct: int, k: int) -> float:
    """Chance that one of k is right, without bias: 1 - C(n-c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374)."""
    _check(f"pass@{k}", num_samples, num_correct, k)
    total = math.comb(num_samples, k)
    return (total - math.comb(num_samples - num_correct, k)) / total


@lru_cache(maxsize=65_536)
def pass_hat_k(num_samples: int, num_correct: int, k: int) -> float:
    """pass^k, the chance that all of k are right, without bias: C(c, k) / C(n, k) (Yao et al. 2024, tau-bench, arXiv 2406.12045)."""
    _check(f"pass^{k}", num_samples, num_correct, k)
    return math.comb(num_correct, k) / math.comb(num_samples, k)


@lru_cache(maxsize=65_536)
def g_pass_at_k(num_samples: int, num_correct: int, k: int, threshold: float) -> float:
    """G-Pass@k: chance that at least ceil(threshold * k) of k are right (Liu et al. 2024, arXiv 2412.13147, hypergeometric).

    The threshold is above 0 and at most 1. At 1 it is pass^k; at 1/k or below pass@k.
    """
    _check(f"g-pass@{k}", num_samples, num_correct, k)
    if not 0 < threshold <= 1:
        raise UsageError(f"the threshold {threshold} of g-pass@{k} is not above 0 and at most 1")
    least = max(1, math.ceil(threshold * k - ROUNDING))
    ways = (math.comb(num_correct, right) * math.comb(num_samples - num_correct, k - right) for right in range(least, k + 1))
    return sum(ways) / math.comb(num_samples, k)


@lru_cache(maxsize=65_536)
def mean_g_pass_at_k(num_samples: int, num_correct: int, k: int) -> float:
    """mG-Pass@k: twice the integral of G-Pass@k over thresholds from 1/2 to 1 (Liu et al. 2024, arXiv 2412.13147).

    For even k their sum 2/k * (G at (k/2+1)/k, ..., G at 1). For odd k their sum leaves out the half step above 1/2, so that a model that
    is always right has less than 1; here it is in.
    """
    _check(f"mg-pass@{k}", num_samples, num_correct, k)
    steps = range(k // 2 + 1, k + 1)
    return 2 * math.fsum((step / k - max(0.5, (step - 1) / k)) * g_pass_at_k(num_samples, num_correct, k, step / k) for step in steps)


def majority_at_k(num_correct: int, wrong_classes: Sequence[int], num_unparsed: int, k: int) -> float:
    """maj@k, also called cons@k: expected credit of the answer that most of k samples gave (Wang et al. 2023, arXiv 2203.11171).

    Args:
        num_correct: samples with the right answer, which are one class.
        wrong_classes: how many samples each wrong answer has, in any order.
        num_unparsed: samples without an answer. They are among the k, and never win and never tie.

    The most frequent answer wins by plurality. Where answers tie, each is as likely to be taken (lighteval takes the first): the right one
    among t gets 1/t. Where none of the k has an answer the credit is 0. Exact, by counting subsets; k = 64 of 128 takes milliseconds.
    """
    num_samples = num_correct + sum(wrong_classes) + num_unparsed
    if num_unparsed < 0 or min(wrong_classes, default=1) < 1:
        raise UsageError("an answer that was given has one sample or more; leave out the others")
    _check(f"cons@{k}", num_samples, num_correct, k)
    return _majority(num_correct, tuple(sorted(wrong_classes)), num_unparsed, k)


@lru_cache(maxsize=65_536)
def _majority(num_correct: int, wrong_classes: tuple[int, ...], num_unparsed: int, k: int) -> float:
    """As `majority_at_k`: over the number of votes that win, the subsets in which the right answer has them and no other has more."""
    total = math.comb(num_correct + sum(wrong_classes) + num_unparsed, k)
    credits = (
        math.comb(num_correct, votes) * ways / (total * (1 + tied))
        for votes in range(1, min(num_correct, k) + 1)
        for tied, ways in enumerate(_ways_by_ties(wrong_classes, num_unparsed, votes, k - votes))
    )
    return min(1.0, math.fsum(credits))


def _ways_by_ties(wrong_classes: tuple[int, ...], num_unparsed: int, votes: int, rest: int) -> list[int]:
    """In how many ways `rest` samples that are not right can be drawn so that none of their answers has more than `votes`.

    One number for 0, 1, ... answers that have exactly `votes`. An answer with fewer samples than that can neither win nor tie: it is drawn
    from as the unparsed are, and only the others are counted one by one. ways[tied][drawn] is the number of ways so far.
    """
    rivals = [size for size in wrong_classes if size >= votes]
    pool = num_unparsed + sum(wrong_classes) - sum(rivals)
    ways = [[1] + [0] * rest]
    for size in rivals:
        below = [math.comb(size, drawn) for drawn in range(min(votes, rest + 1))]
        tie = math.comb(size, votes)
        grown = [_convolved(row, below) for row in ways]
        if votes <= rest:
            grown.append([0] * (rest + 1))
            for tied, row in enumerate(ways):
                for drawn in range(rest + 1 - votes):
                    if row[drawn]:
                        grown[tied + 1][drawn + votes] += tie * row[drawn]
        while len(grown) > 1 and not any(grown[-1]):
            grown.pop()
        ways = grown
    from_pool = [math.comb(pool, rest - drawn) for drawn in range(rest + 1)]
    return [sum(map(mul, row, from_pool)) for row in ways]


def _convolved(row: list[int], below: list[int]) -> list[int]:
    """The row with 0, 1, ... more drawn, in below[0], below[1], ... ways; of the same length."""
    found = [0] * len(row)
    for drawn, count in enumerate(row):
        if count:
            for more, ways in enumerate(below[: len(row) - drawn]):
                found[drawn + more] += count * ways
    return found


def best_of_k(values: Sequence[float], k: int, *, chosen_by: Sequence[float] | None = None) -> float:
    """Best-of-n with n = k: expected value of the sample that is chosen among k, the one with the highest `chosen_by` (a reward model's).

    Order statistics over all subsets: the sample of rank r, from the lowest, is the highest in C(r-1, k-1) of C(n, k) (Nakano et al. 2021,
    WebGPT, arXiv 2112.09332, appendix I). Samples that tie are as likely to be chosen, so each has the mean value of those it ties with.
    Without `chosen_by` the values choose: the expected maximum, which for values of 0 and 1 is pass@k. `values` may be fractions.
    """
    scores = values if chosen_by is None else chosen_by
    if len(scores) != len(values) or any(math.isnan(score) for score in scores):
        raise UsageError(f"best-of-{k} needs one score, a number, for each of the {len(values)} samples; {len(scores)} are given")
    _check(f"best-of-{k}", len(values), 0, k)
    ranked = sorted(zip(scores, values, strict=True))
    total, start, parts = math.comb(len(values), k), 0, []
    while start < len(ranked):
        end = start + 1
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        ways = math.comb(end, k) - math.comb(start, k)
        parts.append(ways / total * math.fsum(value for _, value in ranked[start:end]) / (end - start))
        start = end
    return math.fsum(parts)


def worst_of_k(values: Sequence[float], k: int) -> float:
    """Expected lowest value among k: for values of 0 and 1 it is pass^k. As `best_of_k`, from the other end."""
    return best_of_k(values, k, chosen_by=[-value for value in values])
