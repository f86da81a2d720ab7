"""A training as curves over its steps, from the two files that every training of r1bench writes.

    found = training.find([Path("build/demo/tiny-base-zero")], [(run.id, run.manifest.checkpoint)])
    curves = training.read(found[0].folder)

events.jsonl has a line of figures per step; rollouts.jsonl every completion (rollouts.py). Both may be growing or end in half a line.
Thinned to 2,000 steps: of each stretch the first step and, for every curve, its lowest and its highest. Left out: drawing.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from r1bench.harness.errors import StorageError
from r1bench.leaderboards.report import escape

EVENTS, JOB, FINAL, STEPS = "events.jsonl", "job.json", "final", "checkpoints"
MOST_STEPS = 2_000
MOST_CURVES = 60
LAST_STEP = 1_000_000_000
LONGEST_LINE = 1_000_000
FIRST = ("reward", "rewards/", "length", "truncated", "target_language_share", "kl", "loss", "grad_norm")
"""The order in which curves are offered; others follow in the order of the file."""


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


def find(given: Iterable[Path], runs: Iterable[tuple[str, str]], place: Path) -> list[Found]:
    """The folders that were named and those that the runs' checkpoints lie in, each once.

    `runs` are pairs of a run's id and its checkpoint, `place` the folder that they lie in. A checkpoint's relative path begins in one of
    the folders above that one, the nearest where there is a training: wherever the report is made.
    Raises StorageError for a named folder without events.
    """
    folders: dict[Path, list[str]] = {}
    for folder in given:
        if not (folder / EVENTS).is_file():
            raise StorageError(f"{folder} is no training: it has no {EVENTS}; give the --out folder of r1bench train")
        folders.setdefault(folder.resolve(), [])
    for run, checkpoint in runs:
        home = next(filter(None, (home_of(above / checkpoint) for above in place.resolve().parents)), None)
        if home is not None:
            folders.setdefault(home, []).append(run)
    return [Found(name_of(folder), folder, tuple(runs)) for folder, runs in folders.items()]


def home_of(checkpoint: Path) -> Path | None:
    """The training that a checkpoint lies in: `final` is in its folder, `checkpoints/step-000040` one deeper."""
    try:
        above = checkpoint.parent
        home = above.parent if above.name == STEPS else above
        return home.resolve() if (checkpoint.name == FINAL or above.name == STEPS) and (home / EVENTS).is_file() else None
    except (OSError, ValueError):  # a name that is no path: a NUL in it, or too long
        return None


def name_of(folder: Path) -> str:
    """Safe in paths and links, and unique by the whole path."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", folder.name).strip("-")[:40] or "training"
    return f"{name}-{hashlib.sha256(str(folder).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def describe(found: Found, curves: Curves) -> dict[str, Any]:
    """The training's entry in the page's boot data."""
    try:
        job = json.loads((found.folder / JOB).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        job = {}
    named = {key: str(job.get(key, ""))[:200] for key in ("name", "stage", "backend")} if isinstance(job, dict) else {}
    return {
        "id": found.id,
        "name": named.get("name") or found.folder.name,
        "stage": named.get("stage", ""),
        "backend": named.get("backend", ""),
        "steps": curves.rows_of,
        "curves": [name for name in curves.columns if name != "step"],
        "runs": list(found.runs),
    }


def read(folder: Path) -> Curves:
    """Every step's figures; a step that stands there twice (a resumed training) counts as it stands last."""
    steps: dict[int, dict[str, float]] = {}
    strange: list[str] = []
    for event in lines(folder / EVENTS):
        step = event.get("step")
        if event.get("event") != "step":
            continue
        if not is_step(step):
            strange.append(repr(step)[:20])
        else:
            steps[step] = {str(name)[:80]: value for name, value in event.items() if name != "step" and is_number(value)}
    names = ordered({name: None for figures in steps.values() for name in figures})[:MOST_CURVES]
    rows = sorted(steps.items())
    kept = thinned([[figures.get(name) for name in names] for _, figures in rows], MOST_STEPS)
    columns: dict[str, list[float | int | None]] = {"step": [rows[row][0] for row in kept]}
    for name in names:
        columns[name] = [escape.rounded(rows[row][1].get(name)) for row in kept]
    named = ", ".join(strange[:3]) + (", ..." if len(strange) > 3 else "")
    faults = [f"{len(strange)} line{'s' * (len(strange) > 1)} of {EVENTS} with a step that is none ({named})"] if strange else []
    return Curves(columns, len(rows), faults)


def is_step(value: Any) -> TypeGuard[int]:
    """Whether a value of a line is the number of a step."""
    return type(value) is int and 0 <= value <= LAST_STEP


def is_number(value: Any) -> bool:
    """Whether a value of a line can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)


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


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines; a line that is none, such as the last one of a killed training, is left out."""
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            value = parsed(line)
            if value is not None:
                yield value


def parsed(line: bytes) -> dict[str, Any] | None:
    """The object of a line, or None."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
