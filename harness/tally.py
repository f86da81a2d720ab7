"""A run without its texts: problem by problem the value of each measure of each sample, in order of index.

    tally.rows("score")            # a row for each problem, a value for each sample; NaN where it is not known
    tally.first(8)                 # as if 8 samples of each problem had been drawn

Statistics, comparison, gate, power, baseline files, index and report start from it. Pairs of draws of two runs meet by (problem, index), so
values stand one by one and not as sums. What the measures are is for `r1bench.leaderboards.measures` to say.
"""

import hashlib
import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate, compress
from pathlib import Path

from r1bench.harness.records import Manifest, Noise

Rows = list[list[float]]


@dataclass(frozen=True)
class Tally:
    """One evaluation of one checkpoint on one task."""

    id: str
    """The run, or the file, that it was read from."""
    manifest: Manifest
    problems: tuple[str, ...]
    """Ids of the problems that have samples, sorted."""
    counts: tuple[int, ...]
    """Samples of each problem."""
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
    remarks: tuple[str, ...] = ()
    """What a reader should know of how the run is stored, a line each."""
    place: Path | None = None
    """The folder of runs that it lies in, for the commands that messages give; None where that is not known."""
    is_ordered: bool = True
    """Whether values stand in order of index; baseline files of version 1 hold sums, and values that stand for them."""
    _rows: dict[str, Rows] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def task(self) -> str:
        return self.manifest.task

    @property
    def folder(self) -> Path | None:
        """Of the run; None for what a baseline file holds."""
        return self.place and self.place / self.id

    @property
    def n(self) -> int:
        """The least number of samples of a problem; 0 without any."""
        return min(self.counts, default=0)

    @property
    def num_samples(self) -> int:
        return sum(self.counts)

    @property
    def noise_error(self) -> float:
        """Standard error that the backend's own nondeterminism gives the score; 0 where it was not measured."""
        return self.noise.error if self.noise else 0.0

    @property
    def shortfall(self) -> str:
        """'' for a complete run, otherwise 'incomplete 512/1000': samples received and asked for."""
        n, size = self.manifest.n, self.manifest.num_problems
        if len(self.counts) == size > 0 and set(self.counts) == {n}:
            return ""
        return f"incomplete {sum(min(count, n) for count in self.counts)}/{size * n}"

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
        values = {name: array("d", compress(held, kept)) for name, held in self.values.items()}
        counts = [sum(index < n for index in row) for row in self.rows("index")]
        problems = tuple(problem for problem, count in zip(self.problems, counts, strict=True) if count)
        digests = array("Q", compress(self.digests, kept))
        return replace(
            self,
            manifest=replace(self.manifest, rounds=(n,)),
            problems=problems,
            counts=tuple(filter(None, counts)),
            values=values,
            digests=digests,
            samples_digest=digest_of_samples(digests),
        )


def digest_of_samples(digests: Iterable[int]) -> str:
    """16 hexadecimal digits for the samples that have these digests, in whatever order."""
    return hashlib.sha256("".join(f"{each:016x}" for each in sorted(digests)).encode()).hexdigest()[:16]
