"""What the gate needs of one evaluation: per problem, how many samples, and the sums of each measure. From a run or a baseline file.

    ledger = of_run(run)              # or of_run(run, first=8): its first 8 samples of each problem
    rows(ledger, "score")             # one row of scores per problem, for r1bench.harness.statistics

A measure is a number per sample: `score`, `format`, `mixed`, `truncated`, `reasoning_tokens`, `tokens`, or a share that the run recorded of
how completions reason (`loop`, `rule:think_once`, ...). One that is not known of every sample is missing, never 0. Left out: decisions
(gate.py), files (baselines.py).
"""

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness import statistics
from r1bench.harness.errors import ProtocolError
from r1bench.harness.records import Manifest, Noise, Run, Sample
from r1bench.harness.statistics import Scores
from r1bench.leaderboards import protocol as compare_protocol
from r1bench.leaderboards.measures import metrics

ALWAYS = ("score", "format", "mixed", "truncated", "reasoning_tokens", "tokens")


class Sums(NamedTuple):
    """One measure of every problem, in the order of the problems."""

    totals: tuple[float, ...]
    squares: tuple[float, ...]
    """Sums of the squared values."""


@dataclass(frozen=True)
class Ledger:
    """One complete evaluation of one checkpoint on one task."""

    id: str
    """The run, or the file, that it was read from."""
    manifest: Manifest
    problems: tuple[str, ...]
    """Ids, sorted."""
    counts: tuple[int, ...]
    """Samples of each problem."""
    measures: dict[str, Sums]
    samples_digest: str
    """The same for two evaluations that hold the very same texts and scores."""
    noise: Noise | None = None
    recorded: tuple[str, ...] = ()
    """Shares that the run recorded and that were not asked for."""

    @property
    def n(self) -> int:
        """The least number of samples of a problem."""
        return min(self.counts)

    @property
    def num_samples(self) -> int:
        return sum(self.counts)

    @property
    def noise_error(self) -> float:
        """Standard error that the backend's own nondeterminism gives the score; 0 where it was not measured."""
        return self.noise.error if self.noise else 0.0

    def total(self, measure: str) -> float | None:
        """Of all samples; None where it is not known."""
        return math.fsum(self.measures[measure].totals) if measure in self.measures else None

    def mean(self, measure: str) -> float | None:
        """Over problems of the mean over samples; None where it is not known."""
        if measure not in self.measures:
            return None
        totals = self.measures[measure].totals
        return math.fsum(total / count for total, count in zip(totals, self.counts, strict=True)) / len(totals)

    def to_json(self) -> dict[str, Any]:
        """What it is and says, without its problems: JSON values only, fractions."""
        low, high, method = statistics.interval(rows(self, "score"))
        held = self.manifest
        return {
            "id": self.id,
            "name": held.name,
            "checkpoint_digest": held.checkpoint_digest,
            "stage": held.stage,
            "protocol": held.protocol(),
            "task_version": held.task_version,
            "template": held.template,
            "sampling": held.sampling,
            "grader": held.grader,
            "grader_version": held.grader_version,
            "sampler": held.sampler,
            "versions": held.environment,
            "num_problems": len(self.problems),
            "n": self.n,
            "num_samples": self.num_samples,
            "score": self.mean("score"),
            "low": low,
            "high": high,
            "method": method,
            "format": self.mean("format"),
            "mean_tokens": self.mean("tokens"),
            "mean_reasoning_tokens": self.mean("reasoning_tokens"),
            "noise": self.noise.error if self.noise else None,
        }


def of_run(run: Run, *, first: int | None = None, also: Iterable[str] = (), place: Path | None = None) -> Ledger:
    """The sums of a complete run, or of its first so many samples of each problem. `also`: recorded shares besides the usual measures.

    `place`: the folder of runs that it lies in, for the command that finishes it.

    Raises:
        ProtocolError: samples are missing.
    """
    if first is not None and first < run.manifest.n:
        manifest = replace(run.manifest, rounds=(first,))
        run = replace(run, manifest=manifest, samples=tuple(sample for sample in run.samples if sample.index < first))
    compare_protocol.check_complete(run, place=place)
    grouped = sorted(run.samples_by_problem().items())
    values = {name: value for name, value in readers(run, also).items() if value is not None}
    return Ledger(
        id=run.id,
        manifest=replace(run.manifest, sampling={**run.manifest.sampling, "stop": list(run.manifest.sampling["stop"])}),  # as in a file
        problems=tuple(problem for problem, _ in grouped),
        counts=tuple(len(samples) for _, samples in grouped),
        measures={name: _sums([[value(sample) for sample in samples] for _, samples in grouped]) for name, value in values.items()},
        samples_digest=digest_of_samples(run),
        noise=run.noise,
        recorded=tuple(name for name in recorded_shares(run) if name not in values),
    )


def recorded_shares(run: Run) -> list[str]:
    """Every share that this run recorded of all its samples, by the name that a guard may give it."""
    known = metrics.recorded(run, "")
    return [key for key in known if key in metrics.SHARES or key.startswith(metrics.RULE)]


def readers(run: Run, also: Iterable[str] = ()) -> dict[str, Callable[[Sample], float] | None]:
    """Measure -> its value of a sample; None where it is not known of all of them."""
    is_cut_known = any(sample.completion.finish_reason == "length" or sample.completion.num_tokens > 0 for sample in run.samples)
    has_tokens = all(sample.completion.num_tokens > 0 for sample in run.samples)
    style = metrics.STYLE + metrics.asked_style(run)
    has_style = metrics.asked_style(run) in metrics.recorded(run, metrics.STYLE)
    found: dict[str, Callable[[Sample], float] | None] = {
        "score": lambda sample: sample.grade.score,
        "format": (lambda sample: float(sample.behaviour[style])) if has_style else (lambda sample: float(sample.format_ok)),
        "mixed": None if metrics.han_share(run) is None else lambda sample: float(metrics.is_mixed(sample)),
        "truncated": (lambda sample: float(sample.completion.finish_reason == "length")) if is_cut_known else None,
        "reasoning_tokens": (lambda sample: float(sample.reasoning_tokens)) if has_tokens else None,
        "tokens": (lambda sample: float(sample.completion.num_tokens)) if has_tokens else None,
    }
    for name in recorded_shares(run):
        if name in also:
            found.setdefault(name, _behaviour(name))
    return found


def _behaviour(name: str) -> Callable[[Sample], float]:
    return lambda sample: float(sample.behaviour[name])


def _sums(values: list[list[float]]) -> Sums:
    """Whole numbers stay whole, so that files are readable."""
    totals, squares = (tuple(math.fsum(value**power for value in row) for row in values) for power in (1, 2))
    return Sums(totals, squares)


def digest_of_samples(run: Run) -> str:
    """16 hexadecimal digits for the texts and scores of all samples."""
    digest = hashlib.sha256()
    for sample in sorted(run.samples, key=lambda sample: sample.key):
        digest.update(
            repr((sample.problem_id, sample.index, sample.completion.text, sample.grade.score)).encode("utf-8", "backslashreplace")
        )
    return digest.hexdigest()[:16]


def rows(ledger: Ledger, measure: str) -> Scores:
    """One row per problem with as many values as it has samples, and of the same mean and variance as theirs.

    For values of 0 and 1 these are the values themselves, in another order; for others two values stand for them. All that the statistics
    of a mean read of a row are its length, mean and variance.
    """
    totals, squares = ledger.measures[measure]
    return [_row(count, total, square) for count, total, square in zip(ledger.counts, totals, squares, strict=True)]


def _row(count: int, total: float, square: float) -> list[float]:
    if total == square and total == int(total):
        return [1.0] * int(total) + [0.0] * (count - int(total))
    mean, spread = total / count, max(0.0, square - total**2 / count)
    if count == 1 or spread <= 1e-12 * max(1.0, square):
        return [mean] * count
    above, below = count // 2, count - count // 2
    step = math.sqrt(spread / (above * count * below)) if count else 0.0
    return [mean + step * below] * above + [mean - step * above] * below


def check_protocol(
    candidate_id: str, given: Manifest, baseline: Ledger, *, places: compare_protocol.Places = compare_protocol.NO_PLACES
) -> None:
    """Raises ProtocolError, in one line, unless the candidate was made as the baseline was.

    `places`: the folders of runs that baseline and candidate lie in, for the command that makes them equal.
    """
    held = baseline.manifest
    if found := compare_protocol.disagreements(held, given):
        named = "; ".join(f"{what} {a!r} / {b!r}, {how}" for what, a, b, how in found)
        cure = compare_protocol.cure(Run(baseline.id, held, ()), Run(candidate_id, given, ()), found, places)
        pair = f"candidate {candidate_id} ({given.name}) must not be held against {baseline.id} ({held.name})"
        raise ProtocolError("; ".join(filter(None, (f"{pair}: baseline / candidate: {named}", cure))))


def check_pair(candidate: Ledger, baseline: Ledger) -> None:
    """Raises ProtocolError, in one line, unless both were made in the same way over the same problems."""
    check_protocol(candidate.id, candidate.manifest, baseline)
    if sorted(candidate.problems) == sorted(baseline.problems) and candidate.problems != baseline.problems:
        raise ProtocolError(f"{candidate.id} and {baseline.id} hold the same problems in another order; write the baseline again")
    if candidate.problems != baseline.problems:
        shared = f"only {len({*candidate.problems} & {*baseline.problems})} of {len(baseline.problems)} problems are in both"
        raise ProtocolError(f"{candidate.id} and {baseline.id}: {shared}; evaluate both with the same problems")


def is_same_evaluation(candidate: Ledger, baseline: Ledger) -> bool:
    """Whether both hold the very same texts and scores from the same checkpoint: a copy, or an exact repetition."""
    one = candidate.manifest.checkpoint_digest == baseline.manifest.checkpoint_digest
    return one and candidate.samples_digest == baseline.samples_digest
