"""What a training needs to go on exactly where it was: weights, optimiser, step. Safetensors and JSON only, no pickles.

A checkpoint is an ordinary Hugging Face folder with a `trainer/` folder inside, sealed by `r1bench.harness.checkpoints`. There is no random
state to keep: every draw is keyed by (seed, step).
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from r1bench.backends.job import TrainJob
from r1bench.harness.checkpoints import is_sealed, seal

TRAINER = "trainer"


def checkpoints_of(out: Path) -> list[Path]:
    """Intermediate checkpoints, oldest first, finished or not."""
    return sorted((out / "checkpoints").glob("step-*"))


def newest_sealed(out: Path) -> Path | None:
    """The newest checkpoint that is whole; a damaged one is passed over."""
    return next((folder for folder in reversed(checkpoints_of(out)) if is_sealed(folder)), None)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """AdamW's state as flat names: '<parameter number>.<exp_avg|exp_avg_sq|step>'."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{key}": value.contiguous() for number, values in state.items() for key, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put `optimizer_tensors` back."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def lineage(job: TrainJob, step: int) -> dict[str, Any]:
    """Where a checkpoint comes from, for its seal."""
    return {
        "name": job.name,
        "parent": job.model_digest,
        "stage": job.stage,
        "backend": job.backend,
        "recipe": job.recipe,
        "step": step,
        "job": job.model_dump(mode="json", exclude={"out", "model"}),
        "versions": job.versions,
    }


def save_weights(folder: Path, model: Any, tokenizer: Any) -> None:
    """An ordinary Hugging Face folder."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save(
    job: TrainJob,
    step: int,
    model: Any,
    tokenizer: Any,
    optimizer: torch.optim.Optimizer,
    reference: Any,
    offsets: dict[str, int],
) -> Path:
    """Seal a checkpoint from which the training can go on, and drop the oldest ones beyond `job.keep`."""

    def write(folder: Path) -> None:
        save_weights(folder, model, tokenizer)
        (folder / TRAINER).mkdir()
        save_file(optimizer_tensors(optimizer), folder / TRAINER / "optimizer.safetensors")
        if reference is not None and job.reference_every and step >= job.reference_every:
            save_file(
                {name: value.contiguous() for name, value in unshared(reference).items()},
                folder / TRAINER / "reference.safetensors",
            )
        (folder / TRAINER / "state.json").write_text(json.dumps({"step": step, "offsets": offsets}) + "\n", encoding="utf-8")

    folder = seal(Path(job.out) / "checkpoints" / f"step-{step:06d}", write, lineage(job, step))
    for old in checkpoints_of(Path(job.out))[: -job.keep]:
        shutil.rmtree(old)
    return folder


def unshared(model: Any) -> dict[str, torch.Tensor]:
    """A model's tensors without the second name of tied ones."""
    found: dict[int, str] = {}
    for name, value in model.state_dict().items():
        found.setdefault(value.data_ptr(), name)
    tensors = model.state_dict()
    return {name: tensors[name] for name in found.values()}


def restore(folder: Path, optimizer: torch.optim.Optimizer, reference: Any) -> dict[str, Any]:
    """Load optimiser and reference of a checkpoint whose weights are loaded already; returns its state."""
    restore_optimizer(optimizer, load_file(folder / TRAINER / "optimizer.safetensors"))
    kept = folder / TRAINER / "reference.safetensors"
    if reference is not None and kept.is_file():
        reference.load_state_dict(load_file(kept), strict=False)
    return json.loads((folder / TRAINER / "state.json").read_text(encoding="utf-8"))
