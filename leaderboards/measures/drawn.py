"""A complete run with what is worked out of it once: what metrics of several samples and of budgets start from.

drawn = gather(tally)       # every metric takes a tally or this
"""

import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.intervals import effective_trials
from r1bench.harness.tally import Tally
from r1bench.leaderboards.protocol import check_complete


class Estimate(NamedTuple):
    """A mean over problems with its interval over questions and samples, and what it rests on."""

    value: float
    low: float
    high: float
    method: str
    num_problems: int
    num_samples: int


class Drawn:
    """A complete run, with what is worked out of it once for several metrics. Everything is in the same order of problems.

    Raises:
        ProtocolError: samples are missing: a mean over what happens to be there is about nothing.
    """

    def __init__(self, tally: Tally) -> None:
        check_complete(tally)
        self.tally, self.scores = tally, tally.rows("score")
        self.most_trials = len(self.scores) ** 2 / math.fsum(1 / count for count in tally.counts)
        """What a share of the samples is worth where all problems are alike: the number of samples, less if some problems have more."""

    @cached_property
    def is_right_or_wrong(self) -> bool:
        """Whether every score is 0 or 1; graders of shares (language) and of partial credit have others."""
        return all(set(scores) <= {0.0, 1.0} for scores in self.scores)

    @cached_property
    def num_right(self) -> list[tuple[int, int]]:
        """Samples and right samples of each problem."""
        return [(len(scores), scores.count(1.0)) for scores in self.scores]

    @cached_property
    def votes(self) -> list[tuple[int, tuple[int, ...], int]]:
        """Of each problem: how many samples are right, how many give each wrong answer, how many give none."""
        counts = [Counter(vote for vote in row if vote == vote) for row in self.tally.rows("vote")]
        return [
            (count.pop(0.0, 0), tuple(count.values()), sum(vote != vote for vote in row))
            for count, row in zip(counts, self.tally.rows("vote"), strict=True)
        ]

    @property
    def can_vote(self) -> bool:
        """Whether the run's grader finds an answer that can be voted on."""
        return "vote" in self.tally.values

    @property
    def most_tokens(self) -> int:
        """The budget that the run was sampled with; 0 where it is not known."""
        return int(self.tally.manifest.sampling["max_tokens"])

    @cached_property
    def has_tokens(self) -> bool:
        """Whether the tokens of every completion are known (imported text has none)."""
        return self.most_tokens > 0 and self.tally.has("tokens")

    def need(self, metric: str, k: int) -> None:
        """Refuse a metric of k samples where some problem has fewer, with the cure."""
        fewest = self.tally.n
        if 1 <= k <= fewest:
            return
        more = f"draw at least {k} samples: r1bench eval ... --samples {k}"
        if self.tally.manifest.sampler == "import":
            more = f"import a file with at least {k} completions of each problem"
        cure = f"{more}, or lower k" if k > 0 else "give k of 1 or more"
        given = "1 sample" if fewest == 1 else f"{fewest} samples"
        raise UsageError(f"{metric} cannot be estimated from {given} per problem (run {self.tally.id}); {cure}")

    def estimate(self, values: Sequence[float], level: float, *, is_share: bool = False) -> Estimate:
        """The mean of one value per problem, with its interval over problems (`statistics.mean_interval`).

        Shares of the samples (pass@1, an outcome) are worth no more trials than there are samples, as in `statistics.interval`.
        """
        if max(values) > 1:  # by the last bit of a sum of fractions
            values = [min(value, 1.0) for value in values]
        mean = math.fsum(values) / len(values)
        low, high, method = statistics.mean_interval(values, level)
        if is_share and effective_trials(values) > self.most_trials:
            low, high, _ = statistics.wilson_interval(mean * self.most_trials, self.most_trials, level)
        return Estimate(mean, low, high, method, len(values), self.tally.num_samples)


def gather(tally: Tally | Drawn) -> Drawn:
    """The run with what is worked out of it; what is gathered already is returned as it is."""
    return tally if isinstance(tally, Drawn) else Drawn(tally)
