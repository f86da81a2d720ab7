"""A checkpoint as a model and a tokenizer: load them, render a prompt, encode it, know where a completion ends.

Evaluation, training and every engine go through here, so that a model reads the same text and stops at the same place everywhere.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from r1bench.harness.errors import CheckpointError, UsageError
from r1bench.harness.records import Checkpoint, Completion, FinishReason, Template

UNREADABLE = (OSError, LookupError, ValueError, TypeError, AttributeError, ImportError)
"""What transformers raises for folders that it cannot make sense of."""


class Drawn(NamedTuple):
    """One finished sequence."""

    row: int
    """Its place in the list of requests."""
    tokens: list[int]
    """What was generated, the end-of-text token included."""
    is_stopped: bool
    """True: it ended by itself; False: its budget ended."""


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


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The tokenizer that stands in the folder. Raises CheckpointError: there is none, or it cannot be loaded."""
    from transformers import AutoTokenizer

    quiet_transformers()
    try:
        return AutoTokenizer.from_pretrained(checkpoint.path, trust_remote_code=False, local_files_only=True)
    except UNREADABLE as error:
        raise CheckpointError(f"checkpoint {checkpoint.path} has no usable tokenizer: {one_line(error)}") from error


def quiet_transformers() -> None:
    """No progress bars of loading in the middle of ours."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def context_length_of(config: Any) -> int:
    """Tokens that prompt and completion may have together, by a model's configuration; very many where it names no limit."""
    return int(getattr(config.get_text_config(), "max_position_embeddings", 0) or 1 << 30)


def end_tokens_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a completion, by the model's generation_config and by the tokenizer."""
    named = getattr(model.generation_config, "eos_token_id", None)
    found = set(named if isinstance(named, list) else [named]) | {tokenizer.eos_token_id}
    return frozenset(token for token in found if token is not None)


def render(tokenizer: Any, template: Template, problem: str) -> str:
    """The text a model reads. A chat template is the checkpoint's own; without one the text stands alone, with a line break."""
    text = template.fill(problem)
    if template.kind == "plain":
        return text
    if not tokenizer.chat_template:
        return text + "\n"
    return tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False)


def encode(tokenizer: Any, template: Template, text: str) -> list[int]:
    """Token numbers; a chat template brings its own special tokens, plain text gets the tokenizer's."""
    is_rendered = template.kind == "chat" and bool(tokenizer.chat_template)
    return tokenizer(text, add_special_tokens=not is_rendered)["input_ids"]


def text_of(tokenizer: Any, tokens: Sequence[int]) -> str:
    """The raw text of tokens without special ones; a cut character shows as U+FFFD."""
    return tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def completion_of(tokenizer: Any, prompt: str, num_prompt_tokens: int, drawn: Drawn, seconds: float = 0.0) -> Completion:
    """What was drawn after a prompt, as a completion; a special token counts and does not show."""
    reason: FinishReason = "stop" if drawn.is_stopped else "length"
    return Completion(text_of(tokenizer, drawn.tokens), reason, len(drawn.tokens), num_prompt_tokens, seconds, prefill_of(prompt))


def prefill_of(text: str) -> str:
    """What the prompt already says of the answer: R1 chat templates end in '<think>\\n'."""
    return text[text.rindex("<think>") :] if text.rstrip().endswith("<think>") else ""
