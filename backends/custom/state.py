"""What a checkpoint keeps so that a training goes on exactly where it was: weights, optimiser, reference. Safetensors only, no pickles.

A checkpoint is an ordinary Hugging Face folder with a `trainer/` folder inside. There is no random state to keep: every draw is keyed by
(seed, step).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from r1bench.harness.models.saving import write_model

TRAINER = "trainer"


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


def writer(model: Any, kept: Mapping[str, bytes], optimizer: torch.optim.Optimizer, reference: Any) -> Callable[[Path], None]:
    """Writes a checkpoint's files into a folder; `reference` is None where it still is the base."""

    def write(folder: Path) -> None:
        write_model(folder, model, kept)
        (folder / TRAINER).mkdir()
        save_file(optimizer_tensors(optimizer), folder / TRAINER / "optimizer.safetensors")
        if reference is not None:
            tensors = {name: value.contiguous() for name, value in unshared(reference).items()}
            save_file(tensors, folder / TRAINER / "reference.safetensors")

    return write


def unshared(model: Any) -> dict[str, torch.Tensor]:
    """A model's tensors without the second name of tied ones."""
    found: dict[int, tuple[str, torch.Tensor]] = {}
    for name, value in model.state_dict().items():
        found.setdefault(value.data_ptr(), (name, value))
    return dict(found.values())


def restore(folder: Path, optimizer: torch.optim.Optimizer, reference: Any) -> None:
    """Load optimiser and reference of a checkpoint whose weights are loaded already."""
    restore_optimizer(optimizer, load_file(folder / TRAINER / "optimizer.safetensors"))
    kept = folder / TRAINER / "reference.safetensors"
    if reference is not None and kept.is_file():
        reference.load_state_dict(load_file(kept), strict=False)
