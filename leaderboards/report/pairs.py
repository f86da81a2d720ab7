"""Which runs stand against each other on the page, and what comes out.

    chosen = pairs.choose(sources, lineage, asked)
    rows = [pairs.work_out(Job(pair, site_folder, level)) for pair in chosen]      # in any process; remembers what it did

In a group of one protocol with up to 8 complete runs every run meets every other; in a larger one its parent and the best. Left out: the
statistics (leaderboards/compare/comparison.py).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations, groupby
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.statistics.multiplicity import holm
from r1bench.harness.tally import Tally
from r1bench.leaderboards.board.entry import Entry
from r1bench.leaderboards.board.indexing import code_digest
from r1bench.leaderboards.compare.comparison import Comparison, compare
from r1bench.leaderboards.compare.differences import MeasureDifference
from r1bench.leaderboards.compare.many import is_shown
from r1bench.leaderboards.compare.text import verdict
from r1bench.leaderboards.measures import reading
from r1bench.leaderboards.protocol import check_comparable
from r1bench.leaderboards.report import output, tallies
from r1bench.leaderboards.report.sources import described

MOST_FOR_ALL = 8
"""Runs of one protocol up to which every pair is compared."""
OF_A_DIFFERENCE = ("mean", "low", "high", "method", "p_value", "wins", "losses", "ties", "num_problems")


class Source(NamedTuple):
    """A run on the page."""

    entry: Entry
    directory: str
    """Of its data."""
    fingerprint: str
    age: int
    """Its place among the runs, oldest first."""


class Pair(NamedTuple):
    """B against A."""

    a: Source
    b: Source
    is_stage: bool
    is_asked: bool

    @property
    def id(self) -> str:
        """Stays the same from report to report, so that links do."""
        return hashlib.sha256(f"{self.a.entry.run}\n{self.b.entry.run}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Job(NamedTuple):
    """What a process needs to work out a pair."""

    pair: Pair
    site: Path
    level: float
    runs: Path | None = None
    """The folder that the runs lie in, for the commands that messages give."""


def choose(sources: Sequence[Source], lineage: Iterable[tuple[str, str]], asked: Iterable[tuple[str, str]] = ()) -> list[Pair]:
    """The pairs to compare, A the parent or the older one. `lineage` and `asked` are pairs of run ids, those of parents first."""
    by_id = {source.entry.run: source for source in sources}
    stages = {pair for pair in lineage if pair[0] in by_id and pair[1] in by_id}
    wanted = dict.fromkeys([*asked, *sorted(stages)])
    complete = sorted((source for source in sources if source.entry.is_complete), key=lambda source: (_group(source), source.age))
    for _, members in groupby(complete, key=_group):
        for a, b in _within(list(members)):
            ids = a.entry.run, b.entry.run
            if ids not in wanted and ids[::-1] not in wanted:
                wanted[ids] = None
    given = set(asked)
    return [Pair(by_id[a], by_id[b], (a, b) in stages, (a, b) in given) for a, b in wanted]


def check_asked(asked: Iterable[tuple[str, str]], folders: Mapping[str, Path]) -> None:
    """Refuse, before any work, a comparison that was asked for and would mean nothing. `folders`: run on the page -> its folder.

    Raises:
        UsageError: one of the two is not on the page.
        ProtocolError: as `r1bench compare` has it.
    """
    for pair in asked:
        if missing := [run for run in pair if run not in folders]:
            raise UsageError(f"--compare names {missing[0]}, which is not on the page; choose --task and --match so that it is")
        check_comparable(reading.read(folders[pair[0]]), reading.read(folders[pair[1]]))


def _group(source: Source) -> tuple[str, str, str]:
    return source.entry.task, source.entry.task_version, source.entry.protocol


def _within(members: list[Source]) -> list[tuple[Source, Source]]:
    """Every pair of a small group; in a large one each run against the best."""
    if len(members) <= MOST_FOR_ALL:
        return list(combinations(members, 2))
    best = max(members, key=lambda source: (source.entry.score or 0.0, -source.age))
    return [(member, best) for member in members if member is not best]


def work_out(job: Job) -> dict[str, Any]:
    """A row of the page, its problems written as a data file; {'id', 'refused': sentence} where the two must not be compared."""
    pair, site_folder, level, place = job
    name = f"comparison/{pair.id}"
    mark = ":".join((code_digest(), pair.a.fingerprint, pair.b.fingerprint, str(level), str(place)))
    held = output.remembered(site_folder, name, mark)
    if held is None:
        output.forget(site_folder, name)
        a, b = (_read(site_folder, source.directory, source.fingerprint, place) for source in (pair.a, pair.b))
        try:
            found = compare(a, b, level=level, entry_a=pair.a.entry, entry_b=pair.b.entry)
        except ProtocolError as error:
            return {"id": pair.id, "refused": str(error)}
        measures = [measure(each) for each in found.measures.values() if each.mean is not None]
        problems = [{"id": each.id, "a": each.mean_a, "b": each.mean_b, "n_a": each.n_a, "n_b": each.n_b} for each in found.problems]
        size = output.write_data(site_folder, name, {"problems": problems[::-1], "measures": measures, "notes": list(found.notes)})
        held = {"row": _row(found), "measures": measures}
        output.remember(site_folder, name, mark, held, {f"{output.DATA}/{name}.js": size})
    return {"id": pair.id, "asked": pair.is_asked, **held["row"], "measures": held["measures"]}


@lru_cache(maxsize=4)
def _read(site_folder: Path, directory: str, fingerprint: str, place: Path | None) -> Tally:
    """A run's tally; the few that were last used stay in memory, known by what they were made from."""
    return tallies.read(site_folder, directory, place=place)


def measure(found: MeasureDifference) -> dict[str, Any]:
    """One measure of a pair as the page shows it."""
    ends = ("a", "a_low", "a_high", "b", "b_low", "b_high", "mean", "low", "high", "num_problems")
    return {"key": found.key, **described(found.key)} | {end: getattr(found, end) for end in ends}


def _row(found: Comparison) -> dict[str, Any]:
    """The comparison in one row, p_adjusted still to come."""
    difference, a, b = found.difference, found.a, found.b
    better = "" if difference.method == "identical" else "b" if difference.low > 0 else "a" if difference.high < 0 else ""
    return {
        "run_a": a.run,
        "run_b": b.run,
        "name_a": a.name,
        "name_b": b.name,
        "task": a.task,
        "protocol": a.protocol,
        **{key: getattr(difference, key) for key in OF_A_DIFFERENCE},
        "level": found.level,
        "better": better,
        "verdict": verdict(found),
    }


def adjust(rows: list[dict[str, Any]], level: float) -> None:
    """Add to every row its p value adjusted for all comparisons of the page (Holm 1979), their number, and whether one is shown then.

    The verdict beside it is that of `r1bench compare` on this pair alone.
    """
    for row, p_value in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row |= {"p_adjusted": p_value, "num_comparisons": len(rows), "shown": is_shown(p_value, level)}


def stage(pair: Pair, row: dict[str, Any]) -> dict[str, Any]:
    """A comparison with the parent as a row of the stage table."""
    a, b = pair.a.entry, pair.b.entry
    return {
        "task": b.task,
        "protocol": b.protocol,
        "parent_run": a.run,
        "run": b.run,
        "parent_name": a.name,
        "name": b.name,
        "parent_stage": a.stage,
        "stage": b.stage,
        "measures": row["measures"],
        "num_problems": row["num_problems"],
        "n_a": a.n,
        "n_b": b.n,
        "comparison": pair.id,
    }
