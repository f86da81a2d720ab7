"""What the three loops share: how a training begins, takes a step, keeps a checkpoint and ends.

    with begin(job, engine) as training:
        for step in training.steps():
            training.learn(step)                   # ready for a gradient
            loss_of(training.model, ...).backward()
            norm = training.take_step(step)        # rate, clip, step, gradient forgotten
            training.record(step, figures)         # journal, and a checkpoint where one is due
        return training.finish()

On one CPU with the same threads, a training that was killed and started again ends in the very same weights.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch.utils.tensorboard import SummaryWriter

from r1bench.backends import contract
from r1bench.backends.adapters import check_lora
from r1bench.backends.custom import Engine, state
from r1bench.backends.custom.model import add_adapters, enable_checkpointing, learning, load, merged, write_adapter
from r1bench.backends.custom.optimizer import Optimizer
from r1bench.backends.job import TrainJob
from r1bench.backends.journal import Journal
from r1bench.harness.checkpoints import find_checkpoint, seal
from r1bench.harness.models.saving import read_base, write_model
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.models.weights import load_model, quiet_transformers

ADAPTER = "adapter"
"""Folder beside the result: the adapter alone."""


@dataclass
class Training:
    """One training that goes on: its model, its optimiser, its journal. To be entered, and left, as a context."""

    job: TrainJob
    model: Any
    """What computes, of transformers' own class; adapters are inside it."""
    adapted: Any
    """PEFT's view of it, or None where all weights are trained."""
    tokenizer: Any
    kept: Mapping[str, bytes]
    """The files of the base beside its weights."""
    optimizer: Optimizer
    reference: Any
    """The model that a policy shall not leave too far behind, frozen, or None."""
    reference_has_moved: bool
    """Whether it is another one than the base."""
    start: contract.Start
    gaps: Sequence[str] = ()
    """What the journal will not say, in words."""
    journal: Journal = field(init=False)
    """Open inside the context."""

    def __enter__(self) -> Self:
        out, step = Path(self.job.out), self.start.step
        board = SummaryWriter(log_dir=str(out / "tensorboard"), purge_step=step + 1)
        self.journal = Journal(out, self.job.num_steps(), step, self.start.offsets, board, self.gaps, resumption(self.job))
        return self

    def __exit__(self, error: object, *rest: object) -> None:
        self.journal.__exit__(error, *rest)

    def steps(self) -> range:
        """The steps that are still to be taken, from 0."""
        return range(self.start.step, self.job.num_steps())

    def learn(self, update: int) -> None:
        """Get the model ready for the gradient of an optimiser step, from 0."""
        learning(self.model, f"dropout:{self.job.seed}:{update}")

    def take_step(self, update: int) -> float:
        """Take optimiser step number `update`, from 0, with the gradient that `backward` has added up; returns its norm before the clip.

        Raises BackendError: the gradient is not finite; the weights are still those of the step before.
        """
        self.model.eval()
        return self.optimizer.step(update)

    def move_reference(self) -> None:
        """Make the reference what the model is now."""
        self.reference, self.reference_has_moved = self.snapshot(), True

    def snapshot(self) -> Any:
        """A frozen copy of the model, ordinary and whole."""
        whole = copy.deepcopy(self.model) if self.adapted is None else merged(self.adapted)
        return whole.requires_grad_(False).eval()

    def record(self, step: int, figures: Mapping[str, float]) -> None:
        """Write down the figures of a step, from 0, and keep a checkpoint where the job wants one."""
        done = step + 1
        self.journal.step(done, figures)
        if done % self.job.save_every == 0 and done < self.job.num_steps():
            contract.save(self.job, done, self.write_checkpoint, self.journal)

    def write_checkpoint(self, folder: Path) -> None:
        """Fill a folder with the model, whole, and with what goes on from it."""
        self.write_model(folder)
        moved = self.reference if self.reference_has_moved else None
        state.keep(folder, self.optimizer, moved, has_adapters=self.adapted is not None)

    def write_model(self, folder: Path, *, is_rehearsal: bool = False) -> None:
        """Fill a folder with the model, adapters merged."""
        write_model(folder, self.model if self.adapted is None else merged(self.adapted), self.kept, is_rehearsal=is_rehearsal)

    def finish(self) -> Path:
        """Seal the result, after the adapter that is part of it, and return its folder."""
        if self.adapted is not None:
            lineage = contract.lineage(self.job, self.job.num_steps())
            seal(Path(self.job.out) / ADAPTER, lambda folder: write_adapter(folder, self.adapted), lineage)
        return contract.finish(self.job, self.write_model, self.journal)


def resumption(job: TrainJob) -> str:
    """How a training that is gone on with compares with one that was never interrupted."""
    return "exact, bit by bit, with as many threads" if job.device == "cpu" else "as deterministic as the kernels of the device are"


def begin(job: TrainJob, engine: Engine, *, has_reference: bool = False, gaps: Sequence[str] = ()) -> Training:
    """Begin a training, or go on from its newest whole checkpoint. Everything that can fail is tried before the first step.

    Args:
        has_reference: whether the loss needs the model that the training began with, or one that it was since.
        gaps: what the journal will not say, in words.
    """
    torch.set_num_threads(engine.threads)
    torch.use_deterministic_algorithms(True, warn_only=job.device != "cpu")
    quiet_transformers()
    start, base = contract.resume(job), find_checkpoint(job.model)
    check_lora(base, job.lora)
    is_whole = start.checkpoint is not None and job.lora is None  # adapters go on from the base and what trainer/ has of them
    model = load(find_checkpoint(str(start.checkpoint)) if is_whole else base, job)
    tokenizer = load_tokenizer(base, job.chat.template)
    if engine.gradient_checkpointing:
        enable_checkpointing(model)
    adapted = add_adapters(model, job.lora, job) if job.lora else None
    reference = load_model(base, job.device, job.dtype).requires_grad_(False) if has_reference else None
    optimizer = Optimizer(model, job)
    has_moved = start.checkpoint is not None and state.restore_all(start.checkpoint, optimizer, reference)
    training = Training(job, model, adapted, tokenizer, read_base(base), optimizer, reference, has_moved, start, gaps)
    contract.rehearse(job, lambda folder: training.write_model(folder, is_rehearsal=True))
    return training
