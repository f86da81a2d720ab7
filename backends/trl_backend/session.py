"""What TRL's three trainings share: the model as r1bench loads it, the optimiser and its rate as the job says, journal, seals, going on.

A training is a class of TRL's with `Sealing` in front of it, made and run here:

    with session.opened(job, engine, gaps=...) as run:      # run: Session
        config = GRPOConfig(**arguments.common(job, engine), **loss.settings(job, engine))
        trainer = run.trainer(GRPOTrainer, config, figures, reward_funcs=..., train_dataset=...)
        run.train(trainer)

`figures(logs, seconds)` turns TRL's logs of a step (a list, one mapping for each optimiser step) into figures of the journal.
`run.journal` is None in every process but the first; `run.step` is the number of the step that is being trained, from 1, for rows of
rollouts. Checkpoints are sealed as everywhere, with transformers' own state of the optimiser, of the rate and of the random numbers in
their trainer/. Left out, and said so in the journal: bit-equal resumption on GPUs.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback
from transformers.initialization import no_init_weights
from transformers.trainer_callback import PrinterCallback

from r1bench.backends import contract
from r1bench.backends.adapters import check_lora
from r1bench.backends.custom.model import add_adapters, load, merged, write_adapter
from r1bench.backends.custom.optimizer import learning_rate
from r1bench.backends.job import Grpo, TrainJob
from r1bench.backends.journal import Journal
from r1bench.backends.trl_backend.arguments import EPS, FOLDER, is_due, resumption, updates_per_step
from r1bench.harness.checkpoints import find_checkpoint, seal
from r1bench.harness.errors import BackendError, StorageError
from r1bench.harness.models.saving import read_base, write_model
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.models.weights import UNREADABLE, one_line, quiet_transformers

if TYPE_CHECKING:
    from r1bench.backends.trl_backend import Engine

TRAINER, TRAINED, ADAPTER = "trainer", "trained.safetensors", "adapter"
"""Folder in a checkpoint; file in it with the float32 numbers that are trained, where the model's folder lacks them (adapters, or a result
in bfloat16); folder beside the result: the adapter alone."""
Figures = Callable[[Sequence[Mapping[str, float]], float], dict[str, float]]


@dataclass
class Session:
    """One training in one of its processes."""

    job: TrainJob
    engine: "Engine"
    start: contract.Start
    model: Any
    """What TRL is given: the model, or PEFT's view of it. On the CPU until TRL puts it elsewhere."""
    tokenizer: Any
    kind: tuple[type, Any]
    """The class of the model and its configuration."""
    kept: Mapping[str, bytes]
    """The files of the base beside its weights."""
    window: int
    journal: Journal | None
    updates: int = 0
    """Optimiser steps that have been taken."""
    logs: list[Mapping[str, float]] = field(default_factory=list)
    began: float = 0.0

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes."""
        return self.journal is not None

    @property
    def step(self) -> int:
        """The number of the step that is being trained, from 1."""
        return self.updates // updates_per_step(self.job) + 1

    def trainer(self, kind: type, config: Any, figures: Figures, **options: Any) -> Any:
        """A trainer of TRL's that saves, logs and goes on as a session does. Raises BackendError: TRL refuses what it is given."""
        made = type(kind.__name__, (Sealing, kind), {"session": self})
        try:
            trainer = made(model=self.model, args=config, processing_class=self.tokenizer, **options)
        except (*UNREADABLE, RuntimeError) as error:
            raise BackendError(f"TRL does not train this: {one_line(error)}") from error
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(Telling(self, figures))
        return trainer

    def train(self, trainer: Any) -> None:
        """Train to the end and seal the result."""
        if self.is_main:
            contract.rehearse(self.job, lambda folder: self.write(folder, trainer.model, None, is_rehearsal=True))
        checkpoint = self.start.checkpoint
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint / TRAINER) if checkpoint else None)
        except torch.OutOfMemoryError as error:
            cure = "lower engine.micro_batch, or use --set engine.gradient_checkpointing=true"
            raise BackendError(f"the device has not enough memory; {cure}") from error
        weights = trainer.spread_weights()
        if self.journal is None:
            return
        if self.job.lora is not None:
            lineage = contract.lineage(self.job, self.job.num_steps())
            seal(Path(self.job.out) / ADAPTER, lambda folder: write_adapter(folder, trainer.model), lineage)
        contract.finish(self.job, lambda folder: self.write(folder, trainer.model, weights), self.journal)

    def write(self, folder: Path, model: Any, weights: Mapping[str, torch.Tensor] | None, *, is_rehearsal: bool = False) -> None:
        """Fill a folder with the model, whole, adapters merged, in the job's precision.

        Args:
            weights: those of a model that is spread over processes, gathered.
        """
        whole = merged(model) if self.job.lora is not None else model
        if weights is not None or self.job.dtype == "bfloat16":
            whole = ordinary(*self.kind, weights or whole.state_dict(), getattr(torch, self.job.dtype))
        write_model(folder, whole, self.kept, is_rehearsal=is_rehearsal)


def ordinary(kind: type, config: Any, weights: Mapping[str, torch.Tensor], dtype: torch.dtype) -> Any:
    """A model of transformers' own class with given weights in a precision, on the CPU."""
    with no_init_weights():
        model = kind(config).to(dtype)
    model.load_state_dict(weights)
    return model


@contextmanager
def opened(job: TrainJob, engine: "Engine", *, gaps: Sequence[str] = (), window: int = 0) -> Iterator[Session]:
    """Load what is trained, at its beginning or where it goes on, and open the journal in the first process.

    Args:
        gaps: what the journal will not say, in words.
        window: optimiser steps that learn from one batch of completions [default: those of a step].
    """
    quiet_transformers()
    torch.set_num_threads(engine.threads)
    torch.use_deterministic_algorithms(True, warn_only=job.device != "cpu")
    start, base = contract.resume(job), find_checkpoint(job.model)
    check_lora(base, job.lora)
    keeps_apart = job.lora is not None or job.dtype == "bfloat16"  # then trainer/ has what is trained
    source = find_checkpoint(str(start.checkpoint)) if start.checkpoint and not keeps_apart else base
    model = load(source, job.model_copy(update={"device": "cpu", "dtype": "float32"}))
    model.config._name_or_path = job.model  # where TRL looks for the reference
    without_dropout(model)
    if engine.attention:
        model.set_attn_implementation(engine.attention)
    kind = (type(model), model.config)
    model = add_adapters(model, job.lora, job) if job.lora else model
    window, journal = window or updates_per_step(job), None
    if int(os.environ.get("RANK", "0")) == 0:
        board = SummaryWriter(log_dir=str(Path(job.out) / "tensorboard"), purge_step=start.step + 1)
        journal = Journal(Path(job.out), job.num_steps(), start.step, start.offsets, board, gaps, resumption(job, engine))
    kept, updates = read_base(base), start.step * updates_per_step(job)
    run = Session(job, engine, start, model, load_tokenizer(base, job.chat.template), kind, kept, window, journal, updates)
    with journal or nullcontext():
        yield run
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def without_dropout(model: Any) -> None:
    """Nothing is dropped out but what a job asks for, though TRL trains in training mode."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("attention_dropout", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)


class Telling(TrainerCallback):
    """Tells the journal of each step, and the trainer when to save."""

    def __init__(self, session: Session, figures: Figures) -> None:
        self.session, self.figures = session, figures

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not self.session.logs:
            self.session.began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_save = is_due(self.session.job, state.global_step, self.session.window)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **_: Any) -> None:
        session = self.session
        if logs is None or "loss" not in logs:  # the last words of a training
            return
        session.logs.append(dict(logs))
        per_step = updates_per_step(session.job)
        if state.global_step % per_step == 0:
            seconds = time.perf_counter() - session.began
            figures = self.figures(session.logs, seconds)
            session.logs.clear()
            if session.journal is not None:
                session.journal.step(state.global_step // per_step, figures)
        session.updates = state.global_step


class Sealing:
    """In front of a trainer's class: the job's optimiser and rate, and checkpoints that are there whole or not at all."""

    session: Session

    def create_optimizer(self: Any, model: Any = None) -> Any:
        """AdamW over all weights that are trained; its rate is 1 and `create_scheduler` multiplies it."""
        if self.optimizer is None:
            spec, chosen = self.session.job.optimizer, self.model if model is None else model
            trained = [weight for weight in chosen.parameters() if weight.requires_grad]
            self.optimizer = torch.optim.AdamW(trained, lr=1.0, betas=spec.betas, eps=EPS, weight_decay=spec.weight_decay)
        return self.optimizer

    def create_scheduler(self: Any, num_training_steps: int, optimizer: Any = None) -> Any:
        """The job's own rate."""
        if self.lr_scheduler is None:
            job, chosen = self.session.job, optimizer or self.optimizer
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(chosen, lambda update: learning_rate(job, min(update, job.num_updates)))
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _clip_grad_norm(self: Any, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)  # type: ignore[misc]
        if norm is not None and not torch.isfinite(torch.as_tensor(norm)):
            hotter = " or raise algorithm.rollout.temperature" if isinstance(self.session.job.algorithm, Grpo) else ""
            raise BackendError(f"the gradient is not finite; lower optimizer.learning_rate{hotter}")
        return norm

    def spread_weights(self: Any) -> dict[str, torch.Tensor] | None:
        """The weights of a model that is spread over processes, whole in the first; None of one that is whole everywhere."""
        is_spread = self.is_fsdp_enabled or self.is_deepspeed_enabled
        return self.accelerator.get_state_dict(self.model_wrapped) if is_spread else None

    def _save_checkpoint(self: Any, model: Any, trial: Any) -> None:
        session, place = self.session, Path(self.session.job.out) / FOLDER / "state"
        if session.is_main:
            shutil.rmtree(place, ignore_errors=True)  # a killed process may have left it
            place.mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        try:
            self._save_optimizer_and_scheduler(str(place))
            self._save_rng_state(str(place))
        except (OSError, RuntimeError) as error:  # a full disk is either
            raise StorageError(f"cannot write {place}: {one_line(error)}; free space, and run the same command again") from error
        weights = self.spread_weights()
        self.accelerator.wait_for_everyone()
        if session.journal is not None:
            self.state.save_to_json(str(place / "trainer_state.json"))
            if weights is None and (session.job.lora is not None or session.job.dtype == "bfloat16"):
                save_file({name: weight.contiguous() for name, weight in trained_of(self.model).items()}, place / TRAINED)

            def write(folder: Path) -> None:
                session.write(folder, self.model, weights)
                place.rename(folder / TRAINER)

            contract.save(session.job, self.state.global_step // updates_per_step(session.job), write, session.journal)
        self.accelerator.wait_for_everyone()

    @torch.no_grad()
    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: Any = None) -> None:
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        kept = Path(resume_from_checkpoint) / TRAINED
        tensors = load_file(kept) if kept.is_file() else {}
        for name, weight in trained_of(self.model).items() if tensors else ():
            weight.copy_(tensors[name])

    def _load_optimizer_and_scheduler(self: Any, checkpoint: str | None) -> None:
        if checkpoint is None or self.is_fsdp_enabled or self.is_deepspeed_enabled:
            super()._load_optimizer_and_scheduler(checkpoint)  # type: ignore[misc]
            return
        parts = {"optimizer.pt": self.optimizer, "scheduler.pt": self.lr_scheduler}
        for name, part in parts.items():  # transformers' own stumbles over the device "cpu:0" of several processes
            part.load_state_dict(torch.load(Path(checkpoint) / name, map_location="cpu", weights_only=True))


def trained_of(model: Any) -> dict[str, torch.Tensor]:
    """What is trained of a model, by name."""
    return {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}
