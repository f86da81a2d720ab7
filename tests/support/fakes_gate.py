"""Checkpoints for the gate that need no model: folders whose config says with what chance an answer is right."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.evaluation.evaluate import evaluate
from r1bench.harness.records import Checkpoint, Problem, Run, Sampling
from r1bench.harness.samplers.scripted import ScriptedSampler
from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate.rules import Rule, Rules
from r1bench.leaderboards.gate.verdict import Verdict, judge_tasks
from r1bench.tasks import get_task
from r1bench.tasks.templates import TEMPLATES

NAME = "scripted"
WHERE = "fakes_gate:ScriptedCheckpoint"
"""What `SAMPLERS` says of it."""
DRAWN: list[tuple[str, int]] = []
"""(checkpoint, index) of every completion that was generated."""


def problems(count: int = 24) -> list[Problem]:
    return [Problem(f"p{number:03d}", f"What is {number} + 1?", (str(number + 1),)) for number in range(count)]


def make_checkpoint(folder: Path, chance: float) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"chance": chance}))
    (folder / "model.safetensors").write_bytes(b"none")
    return folder


@dataclass(frozen=True)
class Options:
    batch_size: int = 64


class ScriptedCheckpoint(ScriptedSampler):
    """Right with the chance that the checkpoint's config says, by a hash of checkpoint, problem and index."""

    Options = Options

    def __init__(self, checkpoint: Checkpoint, options: Options) -> None:
        chance = json.loads((Path(checkpoint.path) / "config.json").read_text())["chance"]

        def answer(problem_id: str, index: int) -> str:
            DRAWN.append((checkpoint.name, index))
            draw = int(hashlib.sha256(f"{checkpoint.digest}/{problem_id}/{index}".encode()).hexdigest()[:8], 16) / 16**8
            return f"<think>so</think> <answer>{int(problem_id[1:]) + 1 + (draw > chance)}</answer>"

        super().__init__(answer)
        self.options = options


def make_stored(runs: Path, folder: Path, *, n: int, task: str = "arithmetic", count: int = 24, seed: int = 0, **sampling: float) -> Run:
    """Evaluate such a checkpoint into a folder of runs."""
    found = find_checkpoint(str(folder))
    protocol = Sampling(n=n, max_tokens=64, seed=seed, **sampling)  # type: ignore[arg-type]
    return evaluate(
        get_task(task), problems(count), found, ScriptedCheckpoint(found, Options()), protocol, TEMPLATES["plain"], runs, source=str(folder)
    )


def judge(candidate: Tally, baseline: Tally, *, margin: float = 2.0, at_least: float | None = None, **rules: Any) -> Verdict:
    """The verdict on one task."""
    return judge_tasks([(candidate, baseline)], Rules(Rule(margin, at_least), **rules))


LEVEL_RUN = [[1, 0, 1, 0]] * 100 + [[1, 1, 1, 0]] * 75 + [[0, 0, 0, 1]] * 75


def better(scores, gained):
    return [[1] * len(row) if index < gained else row for index, row in enumerate(scores)]


def worse(scores, lost):
    return [[0] * len(row) if index < lost else row for index, row in enumerate(scores)]
