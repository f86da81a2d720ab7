"""What a training says while it runs: events.jsonl, rollouts.jsonl, TensorBoard and one line of progress per step.

After a resume the files are cut back to the checkpoint, so that each step stands in them once.
"""

import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1bench.backends.custom.rollout import Rollout

EVENTS, ROLLOUTS = "events.jsonl", "rollouts.jsonl"


def known(value: float | None) -> float | None:
    """The value, or None for what is no number: JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None


def shown(figures: dict[str, float]) -> str:
    """The figures that stand in the line of progress: the reward, its parts, length, divergence, speed."""
    names = [name for name in figures if name.startswith("rewards/")]
    parts = [(name, "length reward" if name == "rewards/length" else name.removeprefix("rewards/"), ".2f") for name in names]
    chosen = [("reward", "reward", ".2f"), *parts, ("length", "length", ".0f"), ("kl", "kl", ".4f"), ("tokens_per_second", "tok/s", ",.0f")]
    return "  ".join(f"{label} {figures[name]:{form}}" for name, label, form in chosen if name in figures)


class Journal:
    """Writes the files of one training. `offsets` says how much of them belongs to a checkpoint."""

    def __init__(self, out: Path, steps: int, offsets: dict[str, int] | None = None, first_step: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.out, self.steps = out, steps
        self.files = {}
        for name in (EVENTS, ROLLOUTS):
            path = out / name
            path.touch()
            os.truncate(path, min((offsets or {}).get(name, 0), path.stat().st_size))
            self.files[name] = path.open("a", encoding="utf-8")
        self.board = SummaryWriter(log_dir=str(out / "tensorboard"), purge_step=first_step + 1)

    def offsets(self) -> dict[str, int]:
        """Length in bytes of each file, everything written."""
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        return {name: (self.out / name).stat().st_size for name in self.files}

    def event(self, kind: str, **values: Any) -> None:
        """Append one event."""
        self.files[EVENTS].write(json.dumps({"event": kind, **values}, ensure_ascii=False) + "\n")
        self.files[EVENTS].flush()

    def rollouts(self, step: int, rollouts: Sequence[Rollout], advantages: Sequence[float]) -> None:
        """Append every completion of a step with its rewards."""
        for rollout, advantage in zip(rollouts, advantages, strict=True):
            row = {
                "step": step,
                "problem_id": rollout.problem.id,
                "prompt": rollout.problem.prompt,
                "gold": rollout.problem.gold,
                "text": rollout.completion.text,
                "finish_reason": rollout.completion.finish_reason,
                "tokens": rollout.completion.num_tokens,
                "rewards": {name: known(value) for name, value in rollout.scored.parts.items()},
                "reward": known(rollout.scored.total),
                "outcome": rollout.scored.grade.outcome,
                "advantage": round(advantage, 6),
            }
            self.files[ROLLOUTS].write(json.dumps(row, ensure_ascii=False) + "\n")
        self.files[ROLLOUTS].flush()

    def step(self, step: int, figures: dict[str, float]) -> None:
        """Record a step's figures everywhere and show them."""
        self.event("step", step=step, **{name: known(round(value, 6)) for name, value in figures.items()})
        for name, value in figures.items():
            if math.isfinite(value):
                self.board.add_scalar(name, value, step)
        print(f"step {step}/{self.steps}  {shown(figures)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Let go of the files."""
        self.board.close()
        for file in self.files.values():
            file.close()
