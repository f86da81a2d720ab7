"""Who generates. `SAMPLERS` names those that ship; another package brings its own by an entry point of the group `r1bench.samplers`.

A sampler is a subclass of `Sampler` with one method: all completions that a run lacks go in, and come out as they finish. Order, batches
and connections are its own business. How to write one: docs/samplers.md. Left out: grading, storing, and any sampling default; a sampler
does exactly what `Sampling` says.
"""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from r1bench.harness import plugins
from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.errors import UsageError
from r1bench.harness.records import Checkpoint, Completion, Sampling, Template
from r1bench.harness.samplers.options import make_options

Asked = Sequence[tuple[Template, Sequence[tuple[str, str]]]]
"""What a checkpoint is to be asked: templates, each with (problem id, question) pairs."""


class Prompt(NamedTuple):
    """A problem as a model reads it."""

    problem_id: str
    text: str
    """The whole text, template filled in."""
    prefill: str = ""
    """The end of `text` that belongs to the answer ('<think>\\n'), or ''."""
    num_tokens: int | None = None
    """None where only the model's server could count them."""


@dataclass(frozen=True)
class Request:
    """One completion to be drawn."""

    prompt: Prompt
    index: int
    """0 ... n-1 within its problem."""

    @property
    def key(self) -> tuple[str, int]:
        """What no two requests of a run share."""
        return self.prompt.problem_id, self.index


class Requests(list[Request]):
    """What a run lacks: a list, for a sampler that draws each completion by itself.

    Args:
        whole: every request of the run, round by round, for a sampler whose samples depend on what they are drawn together with.
        stored: keys of those that are there already.
    """

    def __init__(self, whole: Sequence[Sequence[Request]], stored: Container[tuple[str, int]] = ()) -> None:
        self.whole = whole
        super().__init__(request for round_ in whole for request in round_ if request.key not in stored)


@dataclass(frozen=True)
class NoOptions:
    """Of a sampler that has none."""


class Sampler(ABC):
    """Draws completions of one checkpoint. `generate` is all that has to be written; the rest is what it can say about itself."""

    name: str = ""
    """What it was chosen by, which `Choice.load` fills in."""
    Options: ClassVar[type] = NoOptions
    """A frozen dataclass (options.py)."""
    repeats: ClassVar[Literal["exact", "seeded", "no"]] = "no"
    """What the same request gives another time: the same text on the same machine; the same draws, but for the last bits of a
    computation; or another sample."""
    context_length: int | None = None
    """Tokens that prompt and completion may have together; None where it is not known, and then it is not checked."""

    def __init__(self, checkpoint: Checkpoint, options: Any) -> None:
        self.checkpoint, self.options = checkpoint, options

    @abstractmethod
    def generate(self, requests: Requests, sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """A completion for each request, in the order in which they finish."""

    @classmethod
    def find(cls, place: str, options: Any) -> Checkpoint:
        """What the user's word for a checkpoint stands for: a folder or a hub id, unless the sampler knows better."""
        return find_checkpoint(place)

    @classmethod
    def check(cls, checkpoint: Checkpoint, options: Any, asked: Asked) -> None:
        """Refuse, before weights are loaded, what the checkpoint cannot be asked. Raises CheckpointError, DataError: as `prompts` would."""
        return

    def describe(self) -> dict[str, str]:
        """Versions and device, for the manifest; under an option's name what became of it ('dtype': 'float32' for 'auto')."""
        return {}

    def prompts(self, template: Template, problems: Sequence[tuple[str, str]]) -> list[Prompt]:
        """(problem id, question) pairs as they are put to the model."""
        return [Prompt(problem_id, template.fill(question)) for problem_id, question in problems]

    def count_tokens(self, text: str) -> int | None:
        """Tokens of a piece of a completion; None where they cannot be counted."""
        return None

    def together(self, whole: Sequence[Sequence[Request]]) -> list[list[Request]]:
        """The requests of a run in the groups that are drawn together, so that a part of a run can be drawn again as it was."""
        return [[request] for round_ in whole for request in round_]


SAMPLERS: dict[str, str] = {"transformers": "r1bench.harness.samplers.hf:TransformersSampler"}


class Choice(NamedTuple):
    """A sampler and its options, before anything is loaded."""

    name: str
    kind: type[Sampler]
    options: Any

    def find(self, place: str) -> Checkpoint:
        """What the user's word for a checkpoint stands for. Raises CheckpointError."""
        return self.kind.find(place, self.options)

    def check(self, checkpoint: Checkpoint, asked: Asked) -> None:
        """Refuse what the checkpoint cannot be asked. Raises CheckpointError, DataError."""
        self.kind.check(checkpoint, self.options, asked)

    def load(self, checkpoint: Checkpoint) -> Sampler:
        """The sampler itself. Raises CheckpointError."""
        sampler = self.kind(checkpoint, self.options)
        sampler.name = self.name
        return sampler


def choose(name: str, given: Mapping[str, Any]) -> Choice:
    """The sampler of that name, ours or a stranger's, with the options that were given.

    Raises UnknownNameError, UsageError: there is none, it cannot be used, or it does not have such options.
    """
    kind = plugins.load("sampler", name, SAMPLERS, "r1bench doctor")
    if not (isinstance(kind, type) and issubclass(kind, Sampler)):
        raise UsageError(f"sampler {name!r} is {kind!r}, and not a subclass of r1bench.harness.samplers.Sampler; mend its package")
    return Choice(name, kind, make_options(kind.Options, given, name))
