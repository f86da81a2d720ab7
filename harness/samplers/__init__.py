"""Who generates. A sampler is anything with the members of `Sampler`; `SAMPLERS` names those that ship.

`scripted` says what it is told to (for tests of anything around a sampler), `transformers` runs a Hugging Face folder in this process.
Left out: grading, storing, and any sampling default; a sampler does exactly what `Sampling` says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from r1bench.harness.errors import UnknownNameError
from r1bench.harness.records import Checkpoint, Completion, Sampling, Template


class Prompt(NamedTuple):
    """A problem as a model reads it."""

    problem_id: str
    text: str
    """The whole text, template filled in."""
    prefill: str
    """The end of `text` that belongs to the answer ('<think>\\n'), or ''."""
    num_tokens: int


@dataclass(frozen=True)
class Request:
    """One completion to be drawn."""

    prompt: Prompt
    index: int


class Sampler(Protocol):
    """Draws completions. The same (seed, problem, index) gives the same completion in any order of requests."""

    name: str
    batch_size: int
    """Most requests that `generate` should be given at once."""
    context_length: int
    """Tokens that prompt and completion may have together."""

    def describe(self) -> dict[str, str]:
        """Versions and device, for the manifest."""
        ...

    def prompts(self, template: Template, problems: Sequence[tuple[str, str]]) -> list[Prompt]:
        """Fill a template for (problem id, question) pairs and count tokens."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a piece of a completion."""
        ...

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """Completions in the order in which they finish; exactly one for each request."""
        ...


SAMPLERS: dict[str, str] = {
    "transformers": "r1bench.harness.samplers.hf:TransformersSampler",
}


def make_sampler(name: str, checkpoint: Checkpoint, **options: Any) -> Sampler:
    """The sampler of that name for a checkpoint.

    Raises:
        UnknownNameError: no such sampler.
    """
    if name not in SAMPLERS:
        raise UnknownNameError("sampler", name, SAMPLERS, "r1bench doctor")
    module, _, attribute = SAMPLERS[name].partition(":")
    return getattr(import_module(module), attribute)(checkpoint, **options)
