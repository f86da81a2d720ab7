"""Run folders on disk: `store_run(root, [[1, 0], [1, 1]], name="zero")` is what `r1bench eval` would have left."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fakes_runs import make_run

from r1bench.harness.canonical import digest_of
from r1bench.harness.records import UNKNOWN_MARKING, Problem
from r1bench.harness.store.listed import SAMPLES
from r1bench.harness.store.runs import open_run
from r1bench.leaderboards.board import index
from r1bench.leaderboards.board.cache import NAME


def make_problems(count: int) -> list[Problem]:
    return [Problem(f"p{number:04d}", f"Question {number}?", ("1",)) for number in range(count)]


def store_run(root: Path, scores: Sequence[Sequence[float | None]] = ((1, 0), (1, 1), (0, 0)), **changes: Any) -> Path:
    """Write a run with these scores through the store; `changes` as for `make_run`."""
    problems = make_problems(len(scores))
    run = make_run(scores, problems_digest=digest_of([problem.digest() for problem in problems]), **changes)
    with open_run(root, run.manifest, problems) as writer:
        for sample in run.samples:
            writer.append(sample)
    return writer.folder


def flag_unknown(folder: Path, *marks: str) -> Path:
    """Give the first samples of a stored run a mark of reasoning that is not known."""
    path = folder / SAMPLES
    samples = [json.loads(line) for line in path.read_text().splitlines()]
    for sample, mark in zip(samples, marks, strict=False):
        sample["grade"] |= {"flags": [UNKNOWN_MARKING], "details": {UNKNOWN_MARKING: mark}}
    path.write_text("".join(f"{json.dumps(sample)}\n" for sample in samples))
    return folder


def store_many(root: Path, count: int) -> None:
    """Runs of model-0, model-1, ... with two samples of three problems each."""
    for number in range(count):
        store_run(root, [[1, 0]] * 3, name=f"model-{number}")


def start_python(program: str, *arguments: object, **options: Any) -> "subprocess.Popen[str]":
    """A program in a fresh interpreter, with its output in pipes."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def shown(runs: Path, **filters: str) -> list[str]:
    """The names on the board."""
    found = index.refresh(runs)
    return [row.name for row in found.entries(**filters)]


def left_out(runs: Path) -> list[str]:
    """What the board leaves out, and why."""
    found = index.refresh(runs)
    return found.left_out()


def append(runs: Path, *lines: str) -> None:
    """Write lines into the index behind the board's back."""
    with (runs / NAME).open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
