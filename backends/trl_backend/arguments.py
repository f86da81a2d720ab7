"""A job as the settings of transformers' trainer that TRL's three share; nothing inherits a default of theirs.

What differs between the three stands beside each: `sft.settings`, `reward_model.settings`, `loss.settings`. All of them are plain values,
written to OUT/trl/arguments.json for the user to read. Imports nothing of TRL. Left out: the optimiser and its rate, which
`session.Sealing` makes itself, since transformers' leaves some weights out of the decay and begins its decay after the warm-up.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.backends import contract
from r1bench.backends.job import Grpo, TrainJob

if TYPE_CHECKING:
    from r1bench.backends.trl_backend import Engine

FOLDER = "trl"
"""Of the training's folder: what TRL and accelerate read and write."""
MOST_AT_ONCE = 8
EPS = 1e-8
"""AdamW's, which is PyTorch's and that of the custom backend."""


def sequences_of(job: TrainJob) -> int:
    """Sequences (pairs of a reward model) in one optimiser step."""
    if isinstance(job.algorithm, Grpo):
        return job.batch_size * job.algorithm.samples // job.algorithm.minibatches
    return job.batch_size


def updates_per_step(job: TrainJob) -> int:
    """Optimiser steps in a step of the job."""
    return job.algorithm.minibatches if isinstance(job.algorithm, Grpo) else 1


def micro_batch_of(job: TrainJob, engine: "Engine") -> int:
    """Sequences of one process in a forward pass: the most that divide its share of a step, and no more than `engine.micro_batch`."""
    share = sequences_of(job) // engine.processes
    most = min(engine.micro_batch or MOST_AT_ONCE, share)
    return next((size for size in range(most, 0, -1) if share % size == 0), 1)


def accumulation_of(job: TrainJob, engine: "Engine") -> int:
    """Forward passes of one process in an optimiser step."""
    return sequences_of(job) // (micro_batch_of(job, engine) * engine.processes)


def misfit(job: TrainJob, engine: "Engine") -> str:
    """Why the engine's settings cannot train the job, and what to change; '' where they can."""
    on_cpu, many = job.device == "cpu", engine.processes > 1
    if on_cpu and engine.attention.startswith("flash"):
        return f"engine.attention={engine.attention} needs a GPU; use --set engine.attention=sdpa"
    if many and engine.launcher == "local":
        return f"engine.processes={engine.processes} needs a launcher; use --launcher torchrun (or accelerate, on GPUs)"
    if many and engine.distributed == "single":
        return f"engine.processes={engine.processes} is not 'single'; use --set engine.distributed=ddp (or fsdp, deepspeed)"
    if engine.distributed in ("fsdp", "deepspeed"):
        if on_cpu:
            return f"engine.distributed={engine.distributed} needs GPUs; use --set engine.distributed=ddp"
        if engine.launcher != "accelerate":
            return f"engine.distributed={engine.distributed} is set up by accelerate; use --launcher accelerate"
        if job.lora is not None and (engine.distributed == "fsdp" or engine.zero_stage == 3):
            return "adapters cannot be merged while weights are spread; use --set engine.distributed=ddp, or deepspeed with zero_stage=2"
    if many and engine.launcher == "accelerate" and on_cpu:
        return "accelerate starts several processes without GPUs by mpirun only; use --launcher torchrun"
    return misfit_of_batch(job, engine)


def misfit_of_batch(job: TrainJob, engine: "Engine") -> str:
    """Why a step cannot be shared equally by the processes; '' where it can."""
    total, processes = sequences_of(job), engine.processes
    if total % processes == 0:
        return ""
    what = f"batch_size={total}"
    if isinstance(job.algorithm, Grpo):
        sizes = (f"{job.batch_size} prompts", f"{job.algorithm.samples} samples / {job.algorithm.minibatches} minibatches")
        what = f"{' x '.join(sizes)} = {total} sequences"
    fitting = math.gcd(total, processes)
    return f"{what} of a step are not divided by {processes} processes; use --set engine.processes={fitting}, or another batch_size"


def deviations(job: TrainJob, engine: "Engine") -> tuple[str, ...]:
    """What the three trainings do not do as the job says."""
    found = []
    if job.dtype == "bfloat16":
        found.append("bfloat16 is autocast: matrix products are in it, while weights, norms and sums stay in float32 until they are saved")
    if engine.distributed in ("fsdp", "deepspeed"):
        found.append(f"the optimiser's states are kept by {engine.distributed}, in its own precision")
    return tuple(found)


def is_due(job: TrainJob, update: int, window: int) -> bool:
    """Whether a checkpoint is kept after so many optimiser steps: those of the job, moved to the next end of a window.

    Args:
        window: optimiser steps that learn from one batch of completions. What TRL has drawn ahead is in no checkpoint, so that only a
            window's end can be gone on from exactly.
    """
    every = job.save_every * updates_per_step(job)
    before = (update - window) // every  # saves that were due by the end of the window before
    return update % window == 0 and 0 < update < job.num_updates and update // every > before


def resumption(job: TrainJob, engine: "Engine") -> str:
    """How a training that is gone on with compares with one that was never interrupted."""
    if isinstance(job.algorithm, Grpo) and engine.generation != "transformers":
        return "approximate: the random state of vLLM is in no checkpoint"
    return contract.resumption(job)


def common(job: TrainJob, engine: "Engine") -> dict[str, Any]:
    """Keywords for SFTConfig, RewardConfig and GRPOConfig alike."""
    on_cpu, spec = job.device == "cpu", job.optimizer
    return {
        "output_dir": str(Path(job.out) / FOLDER),
        "max_steps": job.num_updates,
        "per_device_train_batch_size": micro_batch_of(job, engine),
        "gradient_accumulation_steps": accumulation_of(job, engine),
        "average_tokens_across_devices": True,
        "learning_rate": spec.learning_rate,
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
        "optim": "adamw_torch",
        "adam_beta1": spec.betas[0],
        "adam_beta2": spec.betas[1],
        "adam_epsilon": EPS,
        "weight_decay": spec.weight_decay,
        "max_grad_norm": spec.max_grad_norm,
        "seed": job.seed % 2**32,
        "data_seed": job.seed % 2**32,
        "full_determinism": False,
        "bf16": job.dtype == "bfloat16",
        "fp16": False,
        "use_cpu": on_cpu,
        "ddp_backend": "gloo" if on_cpu and engine.processes > 1 else None,
        "ddp_find_unused_parameters": False,
        "gradient_checkpointing": engine.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if engine.gradient_checkpointing else None,
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        "dataloader_drop_last": False,
        "dataloader_pin_memory": not on_cpu,
        "eval_strategy": "no",
        "save_strategy": "no",
        "load_best_model_at_end": False,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_first_step": False,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "push_to_hub": False,
        "disable_tqdm": True,
        "neftune_noise_alpha": None,
        "label_smoothing_factor": 0.0,
        "use_liger_kernel": False,
    }
