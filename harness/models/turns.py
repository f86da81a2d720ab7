"""Where a completion ends, and what was said until then."""

from typing import Any, NamedTuple

from r1bench.harness.models.prompts import prefill_of
from r1bench.harness.models.tokenizer import text_of
from r1bench.harness.records import Completion, FinishReason


class Drawn(NamedTuple):
    """One finished sequence."""

    row: int
    """Its place in the list of requests."""
    tokens: list[int]
    """What was generated, the end-of-text token included."""
    is_stopped: bool
    """True: it ended by itself; False: its budget ended."""


def end_tokens_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a completion, by the model's generation_config and by the tokenizer."""
    named = getattr(model.generation_config, "eos_token_id", None)
    found = set(named if isinstance(named, list) else [named]) | {tokenizer.eos_token_id}
    return frozenset(token for token in found if token is not None)


def completion_of(tokenizer: Any, prompt: str, num_prompt_tokens: int, drawn: Drawn, seconds: float = 0.0) -> Completion:
    """What was drawn after a prompt, as a completion; a special token counts and does not show."""
    reason: FinishReason = "stop" if drawn.is_stopped else "length"
    return Completion(text_of(tokenizer, drawn.tokens), reason, len(drawn.tokens), num_prompt_tokens, seconds, prefill_of(prompt))
