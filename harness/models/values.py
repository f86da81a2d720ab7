"""A reward model in memory: a Hugging Face folder with a classification head of one value, and the values of conversations.

Limit: one sequence at a time where the model has no padding token, since its head cannot tell then where a text ends.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1bench.harness.checkpoints import read_object
from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.weights import UNREADABLE, one_line, quiet_transformers


def check_reward_model(folder: str) -> None:
    """Refuse, without loading it, a folder that holds no reward model. Raises CheckpointError."""
    config = read_object(Path(folder) / "config.json")
    if config is None:
        raise CheckpointError(f"reward model {folder!r} has no readable config.json; give the folder of a downloaded model")
    if not list(Path(folder).glob("*.safetensors")):
        raise CheckpointError(f"reward model {folder!r} has no *.safetensors; only these are read. Convert it with save_pretrained")
    num_values = len(config.get("id2label") or ())
    if num_values != 1:
        given = f"{num_values} values" if num_values else "no classification head"
        raise CheckpointError(f"reward model {folder!r} has {given} and must have one value (num_labels=1)")


def load_reward_model(folder: str, device: str, dtype: str = "auto") -> Any:
    """The model in evaluation mode, every weight from the folder.

    Raises CheckpointError: it cannot be loaded, or its head was never trained.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification

    quiet_transformers()
    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True, local_files_only=True, trust_remote_code=False
        )
    except (*UNREADABLE, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"reward model {folder!r} cannot be loaded: {one_line(error)}") from error
    if loading["missing_keys"]:
        missing = sorted(loading["missing_keys"])[0]
        raise CheckpointError(f"reward model {folder!r} lacks the trained weights {missing!r}; train it before it rewards")
    return model.to(device).eval()


def values_of(model: Any, sequences: Sequence[Sequence[int]], batch_size: int) -> list[float]:
    """One value for each sequence of token numbers."""
    import torch

    pad = model.config.get_text_config().pad_token_id
    size = 1 if pad is None else batch_size
    found: list[float] = []
    for start in range(0, len(sequences), size):
        rows = [list(row) for row in sequences[start : start + size]]
        width = max(map(len, rows))
        tokens_BT = torch.tensor([row + [pad or 0] * (width - len(row)) for row in rows], device=model.device)
        mask_BT = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=model.device)
        with torch.inference_mode():
            logits_BV = model(input_ids=tokens_BT, attention_mask=mask_BT).logits
        found += logits_BV[:, 0].double().tolist()
    return found
