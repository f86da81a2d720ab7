"""What a training would do, before it does anything (`r1bench train --dry-run`): checked as a real start is, and nothing is written.

    plan = plan_training(stage="zero", backend="custom", recipe="tiny", out=Path("out"))
    print(plan.memory.peak, plan.command)

Limit: memory is arithmetic (`r1bench.backends.memory`), and what a backend's process meets when it starts is not known before.
"""

import os
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.backends import get_backend
from r1bench.backends.contract import Plan, resume
from r1bench.backends.examples import EXAMPLES, HELD_OUT
from r1bench.backends.job import Grpo, TrainJob
from r1bench.backends.journal import FINAL, JOB
from r1bench.backends.memory import Estimate, capacity, estimate, sizes_of, texts_per_example
from r1bench.harness.checkpoints import is_sealed
from r1bench.harness.store.disk import check_writable
from r1bench.harness.training.jobs import Prepared, Room, check_folder, check_space, resolve, texts_of


class TrainingPlan(NamedTuple):
    """A training that could start."""

    found: Prepared
    plan: Plan
    """The backend's, with the shell's `$$` for the process that the training ends with."""
    files: dict[str, str]
    """The texts that a start would write, by their path within the training's folder."""
    num_weights: int
    memory: Estimate
    room: Room
    start: str
    """Where it would begin, in words."""
    tokens_per_step: int
    """At most: of completions that are drawn, or of examples that are read."""

    @property
    def job(self) -> TrainJob:
        """Everything that was decided."""
        return self.found.job

    @property
    def command(self) -> str:
        """For a shell, with the variables that are set for it."""
        words = [*(f"{name}={shlex.quote(value)}" for name, value in self.plan.environment.items())]
        return " ".join([*words, *(word if word == "$$" else shlex.quote(word) for word in self.plan.command)])

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of every file that a start would write, examples included, which are no text."""
        encoded = self.found.encoded
        examples = [encoded.folder / name for name in (EXAMPLES, HELD_OUT)] if encoded else []
        return {
            **{path.name: path.stat().st_size for path in examples},
            **{name: len(text.encode("utf-8", "surrogatepass")) for name, text in self.files.items()},
        }

    @property
    def notes(self) -> list[str]:
        """What is odd about data or model, and what the backend says of its plan."""
        return [*map(str, self.found.warnings), *shortage(self.job, self.memory), *self.plan.notes]


def plan_training(runs: Path | None = None, **options: Any) -> TrainingPlan:
    """What a start with these options would do. Writes nothing.

    Args:
        runs: the folder that evaluations would be written into; None where there would be none.
        options: of `resolve`.

    Raises what a start raises before the first step.
    """
    if runs is not None:
        check_writable(runs)
    found = resolve(**options)
    job, out = found.job, Path(found.job.out)
    room = check_space(job, found.base, len(found.prompts or ()))
    is_held = check_folder(job, out)
    check_writable(out)
    plan = get_backend(job.backend).plan(job, out / JOB)
    plan = plan._replace(command=["$$" if word == str(os.getpid()) else word for word in plan.command])
    return TrainingPlan(
        found=found,
        plan=plan,
        files={**texts_of(job, None if is_held else found.prompts), **plan.files},
        num_weights=sizes_of(found.base).weights,
        memory=memory_of(found),
        room=room,
        start=start_of(job),
        tokens_per_step=tokens_per_step(job),
    )


def memory_of(found: Prepared) -> Estimate:
    """What the training will need."""
    return estimate(found.job, sizes_of(found.base, found.job.lora), found.longest_prompt)


def shortage(job: TrainJob, memory: Estimate) -> list[str]:
    """A note where a training will need more than the device has."""
    there = capacity(job.device)
    if there is None or memory.peak <= there:
        return []
    cure = "lower batch_size, engine.micro_tokens (micro_batch of trl) or the length, or train adapters (lora.rank=16)"
    return [f"memory: about {memory.peak / 1e9:,.0f} GB are needed, and {job.device} has {there / 1e9:,.0f} GB; {cure}"]


def tokens_per_step(job: TrainJob) -> int:
    """At most: of the completions of a rollout, or of the examples or pairs of an optimiser step."""
    if isinstance(job.algorithm, Grpo):
        return job.batch_size * job.algorithm.samples * job.algorithm.rollout.max_tokens * max(job.algorithm.dynamic_sampling, 1)
    return job.batch_size * job.algorithm.max_length * texts_per_example(job)


def start_of(job: TrainJob) -> str:
    """Where a training would begin, in words."""
    if is_sealed(Path(job.out) / FINAL):
        return f"finished already: {FINAL} stands there, and nothing would be trained"
    start = resume(job)
    return f"after step {start.step} ({start.checkpoint.name})" if start.checkpoint else "at the beginning"
