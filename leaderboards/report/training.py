"""A training as curves over its steps, from what its journal says.

    found = training.find(reader, [Path("build/demo/tiny-base-zero")], [(run.id, run.manifest.checkpoint, run.manifest.checkpoint_digest)])
    curves = training.curves(*reader.read_steps(found[0].folder))

Thinned to 2,000 steps: of each stretch the first step and, for every curve, its lowest and its highest. Left out: the files themselves,
which the reader that is handed in knows (r1bench.backends.journal), and drawing.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from r1bench.harness.checkpoints import sealed_digest
from r1bench.harness.errors import StorageError
from r1bench.leaderboards.report import escape

MOST_STEPS = 2_000
MOST_CURVES = 60
FIRST = (
    *("reward", "rewards/", "accuracy", "margin", "loss", "length", "truncated", "target_language_share", "zero_signal_groups"),
    *("entropy", "kl/", "clip_fraction", "mismatch/", "reward_std", "drawn_batches", "grad_norm", "learning_rate"),
)
"""The order in which curves are offered; others follow in the order of the file."""


class Reader(Protocol):
    """Reads the folders of trainings: the module r1bench.backends.journal."""

    def home_of(self, checkpoint: Path) -> Path | None:
        """The training that a checkpoint lies in, if any."""

    def read_steps(self, folder: Path) -> tuple[dict[int, dict[str, float]], list[str]]:
        """Figures by step, and faults in words."""

    def read_rollouts(self, folder: Path) -> tuple[Iterator[Any], float] | None:
        """Completions, and the share of them that is read."""

    def read_troubles(self, folder: Path) -> tuple[list[str], list[Any], int, list[str]]:
        """Declared gaps, faults (what, count, first step, last step), how many faults are not among them, and what resuming changed."""

    def read_held_out(self, folder: Path) -> dict[str, Any]:
        """What was measured on examples that were kept aside."""

    def about(self, folder: Path) -> dict[str, Any]:
        """Name, stage, backend, algorithm and loss in words, and a list of deviations."""

    def state(self, folder: Path) -> list[Any]:
        """What the files are known by without reading them."""


class Found(NamedTuple):
    """A training and the runs that were evaluated from its checkpoints."""

    id: str
    folder: Path
    runs: tuple[str, ...]


class Curves(NamedTuple):
    """The figures of a training, column by column; 'step' is the first. None is unknown."""

    columns: dict[str, list[float | int | None]]
    rows_of: int
    """Steps before thinning."""
    faults: list[str]
    """Lines that were left out, in words."""


def find(reader: Reader, given: Iterable[Path], runs: Iterable[tuple[str, str, str]], place: Path) -> list[Found]:
    """The folders that were named and those that the runs' checkpoints lie in, each once.

    `runs` are a run's id, its checkpoint and the digest of that, `place` the folder that they lie in. A checkpoint's relative path begins
    in one of the folders above that one, the nearest where there is a training: wherever the report is made. Its seal has to have that
    digest: a run that came from elsewhere must not bring a training of this machine onto a page.
    Raises StorageError for a named folder without events.
    """
    folders: dict[Path, list[str]] = {}
    for folder in given:
        if not reader.home_of(folder / "final"):
            raise StorageError(f"{folder} is not a training: it has no events.jsonl; give the --out folder of r1bench train")
        folders.setdefault(folder.resolve(), [])
    for run, checkpoint, digest in runs:
        places = [above / checkpoint for above in place.resolve().parents]
        home = next((home for each in places if (home := reader.home_of(each)) and sealed_digest(each) == digest), None)
        if home is not None:
            folders.setdefault(home, []).append(run)
    return [Found(name_of(folder), folder, tuple(runs)) for folder, runs in folders.items()]


def name_of(folder: Path) -> str:
    """Safe in paths and links, and unique by the whole path."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", folder.name).strip("-")[:40] or "training"
    return f"{name}-{hashlib.sha256(str(folder).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def describe(found: Found, curves: Curves, about: Mapping[str, str]) -> dict[str, Any]:
    """The training's entry in the page's boot data."""
    return {
        "id": found.id,
        "name": about["name"] or found.folder.name,
        "stage": about["stage"],
        "backend": about["backend"],
        "steps": curves.rows_of,
        "curves": [name for name in curves.columns if name != "step"],
        "runs": list(found.runs),
    }


def head(reader: Reader, folder: Path) -> dict[str, Any]:
    """What the page says of a training above its curves."""
    gaps, faults, num_more, resumptions = reader.read_troubles(folder)
    said = {name: value for name, value in reader.about(folder).items() if name in ("algorithm", "loss", "deviations")}
    told = [{"what": what, "count": count, "first": first, "last": last} for what, count, first, last in faults]
    held_out = escape.rounded(reader.read_held_out(folder))
    return {**said, "gaps": gaps, "faults": told, "more_faults": num_more, "resumptions": resumptions, "held_out": held_out}


def curves(steps: Mapping[int, Mapping[str, float]], faults: list[str]) -> Curves:
    """Every step's figures, column by column."""
    names = ordered({name: None for figures in steps.values() for name in figures})[:MOST_CURVES]
    rows = list(steps.items())
    kept = thinned([[figures.get(name) for name in names] for _, figures in rows], MOST_STEPS)
    columns: dict[str, list[float | int | None]] = {"step": [rows[row][0] for row in kept]}
    for name in names:
        columns[name] = [escape.rounded(rows[row][1].get(name)) for row in kept]
    return Curves(columns, len(rows), faults)


def ordered(names: Iterable[str]) -> list[str]:
    """Reward, its parts, length, ... first."""

    def place(name: str) -> int:
        return next((number for number, first in enumerate(FIRST) if name == first or (first.endswith("/") and name.startswith(first))), 99)

    return sorted(names, key=place)


def thinned(rows: Sequence[Sequence[float | None]], most: int) -> list[int]:
    """Numbers of at most so many rows: per stretch its first row and the extremes of every column, and the last row of all."""
    if len(rows) <= most:
        return list(range(len(rows)))
    num_stretches = max(1, (most - 1) // (2 * len(rows[0]) + 1))
    kept = {len(rows) - 1}
    for stretch in range(num_stretches):
        numbers = range(stretch * len(rows) // num_stretches, (stretch + 1) * len(rows) // num_stretches)
        kept.add(numbers[0])
        for column in range(len(rows[0])):
            known = [(value, number) for number in numbers if (value := rows[number][column]) is not None]
            kept.update((min(known)[1], max(known)[1]) if known else ())
    return sorted(kept)
