"""A run without its texts: problem by problem the value of each measure of each sample, in order of index.

    tally.rows("score")            # a row for each problem, a value for each sample; NaN where it is not known
    tally.first(8)                 # as if 8 samples of each problem had been drawn

Statistics, comparison, gate, power, baseline files, index and report start from it. Pairs of draws of two runs meet by (problem, index), so
values stand one by one and not as sums. What the measures are is for `r1bench.leaderboards.measures` to say.

A sample that failed (generating or grading it broke off) is missing, and not wrong: it has no values here, is not among the counts, and a
problem that is left without a sample is not among the problems. `failed` says which they are, and what they cost.
"""

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, chain, compress, repeat
from pathlib import Path

from r1bench.harness.records import Manifest, Noise

Rows = list[list[float]]


@dataclass(frozen=True)
class Failed:
    """A sample that failed."""

    problem: str
    index: int
    digest: int = 0
    """What it is made of."""
    tokens: float = math.nan
    """What it cost, as the measures of these names; NaN where it is not known."""
    prompt_tokens: float = 0.0
    seconds: float = 0.0

    @property
    def key(self) -> tuple[str, int]:
        return self.problem, self.index


@dataclass(frozen=True)
class Tally:
    """One evaluation of one checkpoint on one task."""

    id: str
    """The run, or the file, that it was read from."""
    manifest: Manifest
    problems: tuple[str, ...]
    """Ids of the problems that have samples that count, sorted."""
    counts: tuple[int, ...]
    """Of each problem: the samples that count, which are those that did not fail."""
    values: Mapping[str, "array[float]"]
    """Measure -> a number for each sample, problem by problem in order of index; NaN where it is not known. 'index' is among them."""
    recorded: tuple[str, ...]
    """Those of them that graders recorded of how completions reason, in the order of the samples."""
    samples_digest: str
    """The same for two evaluations that hold the very same texts and scores."""
    digests: "array[int]" = field(default_factory=lambda: array("Q"))
    """What it is made of, a number for each sample; empty for what a baseline file holds."""
    noise: Noise | None = None
    """The backend's own nondeterminism, where it was measured."""
    left_out: tuple[str, ...] = ()
    """What of the run's files is not among the samples, a line each with its cure."""
    notes: tuple[str, ...] = ()
    """What a reader of its numbers should know, a line each; they do not name the run."""
    place: Path | None = None
    """The folder of runs that it lies in, for the commands that messages give; None where that is not known."""
    is_ordered: bool = True
    """Whether values stand in order of index; baseline files of version 1 hold sums, and values that stand for them."""
    failed: tuple[Failed, ...] = ()
    """The samples that failed, by problem and index."""
    _rows: dict[str, Rows] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def task(self) -> str:
        return self.manifest.task

    @property
    def remarks(self) -> tuple[str, ...]:
        """What belongs below any number of it: what is left out of it, and its notes; each names it."""
        return (*self.left_out, *(f"{self.id}: {note}" for note in self.notes))

    @property
    def folder(self) -> Path | None:
        """Of the run; None for what a baseline file holds."""
        return self.place and self.place / self.id

    @property
    def n(self) -> int:
        """The least number of samples that count of a problem that has any; 0 without any."""
        return min(self.counts, default=0)

    @property
    def num_samples(self) -> int:
        """That count."""
        return sum(self.counts)

    @property
    def size(self) -> str:
        """Problems and samples that count of each: '250 x 4', '248 x 2-4' where some have fewer. As asked where there is no score."""
        if self.shortfall:
            return f"{self.manifest.num_problems} x {self.manifest.n}"
        least, most = self.n, max(self.counts)
        return f"{len(self.problems)} x {most if least == most else f'{least}-{most}'}"

    @cached_property
    def drawn(self) -> dict[str, int]:
        """Problem -> its samples, those that failed among them."""
        counts = Counter(dict(zip(self.problems, self.counts, strict=True)))
        counts.update(each.problem for each in self.failed)
        return dict(sorted(counts.items()))

    @property
    def lost(self) -> tuple[str, ...]:
        """The problems all of whose samples failed."""
        left = set(self.problems)
        return tuple(problem for problem in self.drawn if problem not in left)

    @property
    def failed_share(self) -> float:
        """Mean over problems of the share of their samples that failed."""
        if not self.failed:
            return 0.0
        shares = (count / self.drawn[problem] for problem, count in Counter(each.problem for each in self.failed).items())
        return math.fsum(shares) / len(self.drawn)

    @property
    def noise_error(self) -> float:
        """Standard error that the backend's own nondeterminism gives the score; 0 where it was not measured."""
        return self.noise.error if self.noise else 0.0

    @property
    def shortfall(self) -> str:
        """'' for a run that has a score, otherwise why it has none: 'incomplete 512/1000' (received and asked for), 'all 1000 failed'."""
        n, size, counts = self.manifest.n, self.manifest.num_problems, self.drawn.values()
        if len(counts) != size or not size or set(counts) != {n}:
            return f"incomplete {sum(min(count, n) for count in counts)}/{size * n}"
        return "" if self.counts else f"all {len(self.failed)} failed"

    def rows(self, measure: str) -> Rows:
        """A row for each problem with the values of its samples; NaN where one is not known. Not to be changed.

        Raises KeyError: the run has no such measure.
        """
        if measure not in self._rows:
            values, ends = self.values[measure].tolist(), list(accumulate(self.counts))
            self._rows[measure] = [values[end - count : end] for end, count in zip(ends, self.counts, strict=True)]
        return self._rows[measure]

    def known(self, measure: str) -> Rows:
        """The rows of a measure without what is not known; a problem of which nothing is known has no row. Empty without the measure."""
        if measure not in self.values:
            return []
        return [row for row in ([value for value in row if value == value] for row in self.rows(measure)) if row]

    def has(self, *measures: str) -> bool:
        """Whether every sample has a value of each of these measures."""
        return all(name in self.values and not any(map(math.isnan, self.values[name])) for name in measures)

    def total(self, measure: str) -> float | None:
        """Over all samples; None where it is not known of every one."""
        return math.fsum(self.values[measure]) if self.has(measure) else None

    def mean(self, measure: str) -> float | None:
        """Over problems of the mean over samples; None where it is not known of every sample, or there is none."""
        if not self.counts or not self.has(measure):
            return None
        return math.fsum(math.fsum(row) / len(row) for row in self.rows(measure)) / len(self.counts)

    def first(self, n: int) -> "Tally":
        """The tally of a run that was asked for n samples of each problem, and has those of these that this one has."""
        if n >= self.manifest.n:
            return self
        kept = [index < n for index in self.values["index"]]
        failed = tuple(each for each in self.failed if each.index < n)
        digests = chain(compress(self.digests, kept), (each.digest for each in failed))
        cut = replace(self, manifest=replace(self.manifest, rounds=(n,)), failed=failed, samples_digest=digest_of_samples(digests))
        return cut.where(kept)

    def only(self, problems: Collection[str]) -> "Tally":
        """The samples of these problems alone, under the manifest of all."""
        named = set(problems)
        found = replace(self, failed=tuple(each for each in self.failed if each.problem in named))
        return found.where([problem in named for problem in self._problem_of_each()])

    def _problem_of_each(self) -> Iterable[str]:
        """The problem of each value."""
        return chain.from_iterable(map(repeat, self.problems, self.counts))

    def where(self, kept: list[bool]) -> "Tally":
        """The samples that are marked, a mark for each value."""
        counts = Counter(compress(self._problem_of_each(), kept))
        problems = tuple(problem for problem in self.problems if counts[problem])
        return replace(
            self,
            problems=problems,
            counts=tuple(counts[problem] for problem in problems),
            values={name: array("d", compress(held, kept)) for name, held in self.values.items()},
            digests=array("Q", compress(self.digests, kept)),
        )


def digest_of_samples(digests: Iterable[int]) -> str:
    """16 hexadecimal digits for the samples that have these digests, in whatever order."""
    return hashlib.sha256("".join(f"{each:016x}" for each in sorted(digests)).encode()).hexdigest()[:16]
