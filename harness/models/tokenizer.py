"""Loads the tokenizer of a checkpoint, and turns tokens back into text.

Left out: prompts (prompts.py) and where a completion ends (turns.py).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.chat import check_files
from r1bench.harness.models.weights import UNREADABLE, one_line, quiet_transformers
from r1bench.harness.records import Checkpoint


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The tokenizer that stands in the folder. Raises CheckpointError: there is none, or it cannot be loaded."""
    from transformers import AutoTokenizer

    quiet_transformers()
    check_files(Path(checkpoint.path))
    try:
        return AutoTokenizer.from_pretrained(checkpoint.path, trust_remote_code=False, local_files_only=True)
    except UNREADABLE as error:
        raise CheckpointError(f"checkpoint {checkpoint.path} has no usable tokenizer: {one_line(error)}") from error


def text_of(tokenizer: Any, tokens: Sequence[int]) -> str:
    """The raw text of tokens, special ones as they are written; a cut character shows as U+FFFD."""
    return tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
