"""Loads the weights of a checkpoint into a transformers model.

Left out: quantised formats and weights that a repository's own code would read.
"""

from typing import Any

from r1bench.harness.errors import CheckpointError, UsageError
from r1bench.harness.records import Checkpoint

UNREADABLE = (OSError, LookupError, ValueError, TypeError, AttributeError, ImportError)
"""What transformers raises for folders that it cannot make sense of."""


def check_device(device: str) -> str:
    """The device itself, 'auto' resolved. Raises UsageError: torch does not know it, or this machine does not have it."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise UsageError(f"--device {device!r} is not a device; use auto, cpu, cuda or cuda:0") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"--device {device!r}: this machine has no CUDA device; use --device cpu")
    return device


def load_model(checkpoint: Checkpoint, device: str, dtype: str = "auto", *, allow_pickle: bool = False) -> Any:
    """The model in evaluation mode.

    Raises:
        CheckpointError: transformers cannot load the folder (with its reason in one line), or the weights do not fill the model, which
            transformers would fill up with random numbers.
    """
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    quiet_transformers()
    model: Any
    report: Any
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            checkpoint.path,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=None if allow_pickle else True,
            local_files_only=True,
            output_loading_info=True,
        )
        model, report = loaded
        model.to(device)
    except (*UNREADABLE, ArithmeticError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise CheckpointError(f"checkpoint {checkpoint.path} cannot be loaded: {one_line(error)}") from error
    lacking = [*report["missing_keys"], *report["mismatched_keys"]]
    if lacking:
        raise CheckpointError(
            f"checkpoint {checkpoint.path} does not hold all weights of its config.json ({len(lacking)} lacking or of another shape, "
            f"first: {sorted(map(str, lacking))[0]}); copy it again"
        )
    return model.eval()


def one_line(error: Exception) -> str:
    """The first line of what went wrong."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def quiet_transformers() -> None:
    """No progress bars of loading in the middle of ours."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def context_length_of(config: Any) -> int:
    """Tokens that prompt and completion may have together, by a model's configuration; very many where it names no limit."""
    return int(getattr(config.get_text_config(), "max_position_embeddings", 0) or 1 << 30)
