"""Which runs are on the page, and what is known of them before their samples are read. Left out: their samples (payload.py)."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness.store import runs as store
from r1bench.harness.store.listed import run_folders
from r1bench.leaderboards.board import external, index, lineage, papers
from r1bench.leaderboards.board.entry import Entry
from r1bench.leaderboards.measures import MEASURES, PER_1000, RULE, measure_of

PRINTED = ("model", "stage", "benchmark", "task", "metric", "value", "unit", "protocol", "source", "trust", "note")
"""What the page shows of a number that was published."""
SAFE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Choice:
    """Which runs: all of them, or those of these tasks and of names that fit one pattern."""

    tasks: tuple[str, ...] = ()
    names: str = ""
    """Of checkpoints or runs, with * and ?."""

    def takes(self, entry: Entry) -> bool:
        """Whether a run is chosen."""
        is_named = not self.names or fnmatchcase(entry.name, self.names) or fnmatchcase(entry.run, self.names)
        return is_named and (not self.tasks or entry.task in self.tasks)


class Row(NamedTuple):
    """A run to be put on the page."""

    entry: Entry
    folder: Path
    directory: str
    """Of its data, below data/run."""
    age: int
    """Its place among all runs, oldest first."""


class Sources(NamedTuple):
    """Everything that the page is made from, but for samples and trainings."""

    rows: list[Row]
    left_out: list[str]
    notes: list[str]
    lineage: list[tuple[str, str]]
    """(run of the parent, run) for runs of one protocol."""
    published: list[dict[str, Any]]
    imported: list[dict[str, Any]]


def collect(runs: Path, choice: Choice, *, num_workers: int = 1) -> Sources:
    """The chosen runs of a folder, in the order of the board.

    Raises:
        StorageError: the folder is not there.
    """
    found = index.refresh(runs, num_workers=num_workers)
    entries = [entry for entry in found.entries() if choice.takes(entry)]
    ages = {folder.name: age for age, folder in enumerate(run_folders(runs))}
    entries = [entry for entry in entries if entry.run in ages]
    directories = safe_names(entry.run for entry in entries)
    rows = [Row(entry, runs / entry.run, directories[entry.run], ages[entry.run]) for entry in entries]
    stages = [(parent.run, entry.run) for parent, entry in lineage.pairs(entries)]
    imported, faults = external.read(runs)
    imported = external.chosen(imported, choice.tasks, name=choice.names)
    return Sources(rows, [*found.left_out(), *faults], found.notes(), stages, printed({entry.task for entry in entries}), imported)


def printed(tasks: set[str]) -> list[dict[str, Any]]:
    """What papers printed on the questions of these tasks."""
    return [{key: row[key] for key in PRINTED} for row in papers.rows(tasks)] if tasks else []


def safe_names(runs: Iterable[str]) -> dict[str, str]:
    """Run id -> a folder's name that is safe everywhere, and unique also where upper and lower case are the same."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for run in sorted(runs):
        mark = hashlib.sha256(run.encode("utf-8", "surrogatepass")).hexdigest()
        name = run if SAFE.fullmatch(run) and ".." not in run else f"{plain(run)}-{mark[:8]}"
        if name.casefold() in taken:
            name = f"{plain(run)}-{mark[:16]}"
        taken.add(name.casefold())
        names[run] = name
    return names


def plain(run: str) -> str:
    """What is left of a name when everything that is not a letter, a digit or a dash becomes a dash."""
    return re.sub(r"[^A-Za-z0-9]+", "-", run).strip("-")[:60] or "run"


def whole(row: Row) -> dict[str, Any]:
    """Everything about a run but its samples, for its own page."""
    manifest, noise = store.read_manifest(row.folder), store.read_noise(row.folder)
    return {"entry": shown(row.entry), "manifest": manifest.to_json(), "noise": noise.to_json() if noise else None}


def shown(entry: Entry) -> dict[str, Any]:
    """A row of the board as the page has it: every measure with what the page must know of it."""
    named = {key: described(key, entry.length_unit) | value for key, value in entry.measures.items()}
    return entry.to_json() | {"measures": named}


def described(key: str, length_unit: str = "") -> dict[str, Any]:
    """A measure's name, unit, whether more of it is better (None: neither more nor less, as of a length), and where the page shows it."""
    row = measure_of(key)
    label = f"{row.title} per 1,000 {length_unit}" if key.endswith(PER_1000) else row.title.removesuffix(" %").removeprefix(RULE)
    is_judged = row.unit == "points" and not row.whole
    group = "table" if key in MEASURES else "rule" if key.startswith(RULE) else "reasoning"
    return {"label": label, "unit": row.unit, "is_good": row.is_good if is_judged else None, "group": group}


def why_empty(runs: Path, choice: Choice) -> str:
    """What a page without runs says."""
    asked = [*(f"task {task}" for task in choice.tasks), *([f"name {choice.names}"] if choice.names else [])]
    if asked:
        return f"No run in {runs.name} fits {', '.join(asked)}."
    return "There are no runs yet. Make one with: r1bench eval tiny-base --tasks arithmetic"
