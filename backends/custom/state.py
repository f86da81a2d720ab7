"""What a checkpoint keeps so that a training goes on exactly where it was: weights, optimiser, reference. Safetensors only, no pickles.

A checkpoint is an ordinary Hugging Face folder with a `trainer/` folder inside. There is no random state to keep: every draw is keyed by
(seed, step).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from r1bench.harness.models.saving import write_model

if TYPE_CHECKING:
    from r1bench.backends.custom.optimizer import Optimizer

TRAINER = "trainer"
OPTIMIZER, TRAINED, REFERENCE = "optimizer.safetensors", "trained.safetensors", "reference.safetensors"
"""Files in it: AdamW's moments; the float32 tensors that it steps, where the model's folder does not have them (adapters, copies of
bfloat16 weights); the reference, where it is not the base."""


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


def keep(folder: Path, optimizer: "Optimizer", reference: Any, *, has_adapters: bool) -> None:
    """Write what goes on from a checkpoint into its folder; `reference` is None where it still is the base."""
    (folder / TRAINER).mkdir()
    save_file(optimizer_tensors(optimizer.adamw), folder / TRAINER / OPTIMIZER)
    if has_adapters or any(weight is not optimizer.weights[name] for name, weight in optimizer.stepped.items()):
        save_file({name: weight.detach().contiguous() for name, weight in optimizer.stepped.items()}, folder / TRAINER / TRAINED)
    if reference is not None:
        save_file({name: value.contiguous() for name, value in unshared(reference).items()}, folder / TRAINER / REFERENCE)


@torch.no_grad()
def restore_all(folder: Path, optimizer: "Optimizer", reference: Any) -> bool:
    """Put back what `keep` wrote, beside the weights that are loaded already; returns whether the reference is another than the base."""
    restore_optimizer(optimizer.adamw, load_file(folder / TRAINER / OPTIMIZER))
    if (folder / TRAINER / TRAINED).is_file():
        tensors = load_file(folder / TRAINER / TRAINED)
        for name, weight in optimizer.stepped.items():
            weight.copy_(tensors[name])
        optimizer.round_off()
    has_moved = reference is not None and (folder / TRAINER / REFERENCE).is_file()
    if has_moved:
        reference.load_state_dict(load_file(folder / TRAINER / REFERENCE), strict=False)
    return has_moved


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
