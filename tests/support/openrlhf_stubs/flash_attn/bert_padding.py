"""The names that OpenRLHF takes from flash_attn.bert_padding."""

from typing import Any


def refuse(*arguments: Any, **options: Any) -> Any:
    """Raises RuntimeError: there is nothing behind this name."""
    raise RuntimeError("flash-attn is a stub here: packed sequences need the real one, on a GPU")


index_first_axis = pad_input = rearrange = unpad_input = refuse
