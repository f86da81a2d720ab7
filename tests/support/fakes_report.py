"""Reports of small folders of runs: what goes in (`store_run`, `store_pair`, `write_training`), and what a browser reads of it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakes_runs import make_run

from r1bench.backends import journal
from r1bench.harness.canonical import digest_of
from r1bench.harness.records import Problem, Run
from r1bench.harness.store.runs import open_run
from r1bench.leaderboards.report import compose

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- <script> -->",
    "line\u2028and\u2029paragraph",
    "half \ud83d of a character, and the other \ude00",
    "NUL \x00 bell \x07 delete \x7f next line \x85",
    "\u202eright to left\u202c \u2066isolated\u2069 \u200bnothing\ufeff",
    '"; alert(1); //',
    "'\\\"`${alert(1)}",
    "]]>&lt;&amp;",
    "x" * 300_000,
)


def store_run(runs: Path, run: Run, **changes: Any) -> Path:
    """The run as a folder; returns the folder."""
    names = dict.fromkeys(sample.problem_id for sample in run.samples)
    problems = [Problem(name, f"What is {name}?", ("1",)) for name in names]
    digest = digest_of([problem.digest() for problem in problems])
    manifest = replace(run.manifest, **{"problems_digest": digest, "num_problems": len(problems), **changes})
    with open_run(runs, manifest, problems) as writer:
        for sample in run.samples:
            writer.append(sample)
        return writer.folder


def store_pair(runs: Path) -> tuple[str, str]:
    """A checkpoint and what was trained from it; returns the ids of their runs."""
    parent = make_run([[0, 1], [0, 0], [1, 0]], name="base", checkpoint_digest="d0")
    child = make_run([[1, 1], [0, 1], [1, 1]], name="zero", checkpoint_digest="d1", parent="d0", stage="zero")
    return store_run(runs, parent).name, store_run(runs, child).name


def boot_of(out: Path) -> dict[str, Any]:
    """The boot data as a browser reads them."""
    boot = json.loads(re.search(r'id="boot">(.*?)</script>', (out / "index.html").read_text(), re.DOTALL)[1])  # type: ignore[index]
    return {**boot, "runs": dict(boot["runs"])}


def data_of(out: Path, key: str) -> Any:
    """The value of a data file."""
    text = (out / "data" / f"{key}.js").read_text()
    head = f'r1bench.receive("{key}",'
    assert text.startswith(head)
    assert text.endswith(");\n")
    return json.loads(text[len(head) : -3])


def files_of(out: Path) -> dict[str, int]:
    """Data file -> when it was written."""
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in (out / "data").rglob("*.js")}


def report(runs: Path, out: Path, assets: Path, **options: Any) -> compose.Result:
    """A report in this process."""
    return compose.build(runs, out, compose.Options(workers=1, reader=journal, **options), assets=assets)


def write_training(folder: Path, steps: int, *, ending: str = "", **figures: Any) -> Path:
    """A training's events and two completions per step."""
    folder.mkdir(parents=True, exist_ok=True)
    events = [{"event": "start", "step": 0}] + [
        {"event": "step", "step": step, "reward": step / steps, "kl": None if step == 1 else 0.1, **figures} for step in range(1, steps + 1)
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events) + ending)
    row = {"tokens": 10, "outcome": "correct", "rewards": {"format": 1.0}}
    said = [{"step": step, "text": text, **row} for step in range(1, steps + 1) for text in ("wait, so", "so")]
    (folder / "rollouts.jsonl").write_text("".join(json.dumps(each) + "\n" for each in said) + ending)
    return folder
