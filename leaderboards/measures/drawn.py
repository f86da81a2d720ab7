"""The samples of a run gathered once, by problem: what the metrics of several samples (sampled.py) and of budgets (budgets.py) start from.

    drawn = gather(run)         # once; every metric takes a run or this
    drawn.votes                 # worked out when first asked for

Left out: the metrics. A run with problems or samples missing cannot be gathered.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.records import Run, Sample
from r1bench.harness.statistics.intervals import effective_trials
from r1bench.leaderboards.protocol import finishing


class Estimate(NamedTuple):
    """A mean over problems with its interval over questions and samples, and what it rests on."""

    value: float
    low: float
    high: float
    method: str
    num_problems: int
    num_samples: int


class AnswerClass(NamedTuple):
    """What an answer votes for. Equal classes are one answer."""

    is_correct: bool
    form: str
    """Canonical text of a wrong answer; '' for all right ones, however they are written."""


RIGHT = AnswerClass(True, "")


class Drawn:
    """A complete run's samples by problem. Everything is in the same order of problems.

    Raises:
        UsageError: a problem has fewer samples than were asked for: a mean over what happens to be there is about nothing.
    """

    def __init__(self, run: Run) -> None:
        if missing := run.shortfall:
            raise UsageError(f"run {run.id} is {missing}, and a number about a part of it says nothing; {finishing(run)}")
        self.run = run
        self.problems: list[list[Sample]] = list(run.samples_by_problem().values())
        self.scores = [[sample.grade.score for sample in samples] for samples in self.problems]
        self.fewest = min(map(len, self.problems))
        """Samples of the problem that has fewest: the most that may be drawn."""
        self.most_trials = len(self.problems) ** 2 / math.fsum(1 / len(samples) for samples in self.problems)
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
        return [votes_of(samples) for samples in self.problems]

    @cached_property
    def has_tokens(self) -> bool:
        """Whether the tokens of every completion are known (imported text has none)."""
        return self.most_tokens > 0 and all(sample.completion.num_tokens > 0 for samples in self.problems for sample in samples)

    @property
    def most_tokens(self) -> int:
        """The budget that the run was sampled with; 0 where it is not known."""
        return int(self.run.manifest.sampling["max_tokens"])

    def need(self, metric: str, k: int) -> None:
        """Refuse a metric of k samples where some problem has fewer, with the cure."""
        if 1 <= k <= self.fewest:
            return
        more = f"draw at least {k} samples: r1bench eval ... --samples {k}"
        if self.run.manifest.sampler == "import":
            more = f"import a file with at least {k} completions of each problem"
        cure = f"{more}, or lower k" if k > 0 else "give k of 1 or more"
        given = "1 sample" if self.fewest == 1 else f"{self.fewest} samples"
        raise UsageError(f"{metric} cannot be estimated from {given} per problem (run {self.run.id}); {cure}")

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
        return Estimate(mean, low, high, method, len(values), len(self.run.samples))


def gather(run: Run | Drawn) -> Drawn:
    """The run's samples by problem; what is gathered already is returned as it is."""
    return run if isinstance(run, Drawn) else Drawn(run)


def answer_class(sample: Sample) -> AnswerClass | None:
    """The answer that a sample votes for; None where it has none (unparsed, truncated, failed).

    Samples graded correct are one class, together with the gold, also where a problem accepts several golds. Wrong ones are equal if the
    grader's canonical form is (`details["canonical"]` of 'integer' and 'math'), otherwise if their text is but for case and white space.
    So one wrong expression may split its votes over spellings that the grader cannot read, which helps the right answer.
    """
    grade = sample.grade
    if grade.outcome == "correct":
        return RIGHT
    if grade.outcome != "wrong" or grade.extracted is None:
        return None
    canonical = grade.details.get("canonical")
    if isinstance(canonical, str):
        return AnswerClass(False, canonical)
    return AnswerClass(False, " ".join(unicodedata.normalize("NFKC", grade.extracted).casefold().split()))


def votes_of(samples: Sequence[Sample]) -> tuple[int, tuple[int, ...], int]:
    """How many samples of a problem are right, how many give each wrong answer, how many give none."""
    classes = Counter(map(answer_class, samples))
    unparsed, right = classes.pop(None, 0), classes.pop(RIGHT, 0)
    return right, tuple(classes.values()), unparsed
