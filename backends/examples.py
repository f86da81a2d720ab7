"""What supervised training reads: examples, pairs and labelled responses as token numbers, in OUT/examples.arrow and OUT/held_out.arrow.

Made once, before a training starts, by the code that renders prompts in evaluation, so that every backend and the measure of the held-out
ones see the same tokens. The file is Arrow's stream format (`datasets.Dataset.from_file` reads it too), mapped into memory and not read.

    write_examples(path, (Example(...) for ...))
    examples = read_examples(path);  examples[3].tokens;  examples.ids()
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, overload

from r1bench.backends.job import TrainJob
from r1bench.harness.errors import BackendError

EXAMPLES, HELD_OUT = "examples.arrow", "held_out.arrow"
ROWS_AT_ONCE = 256


class Example(NamedTuple):
    """One text to learn from, prompt and answer together; of a reward model a prompt with one response."""

    id: str
    """Of its row in the user's file."""
    tokens: list[int]
    """The whole of it, the token that ends the answer included."""
    num_prompt: int = 0
    """How many of them are prompt."""
    trained: list[int] = []  # noqa: RUF012 - a NamedTuple's default, and nobody changes it
    """Of a conversation of several turns: (start, end) places of the answers, flat. Empty: all behind the prompt."""
    rejected: list[int] = []  # noqa: RUF012
    """Of a pair: the rejected one, whole; `tokens` is the chosen one."""
    num_rejected_prompt: int = 0
    label: float | None = None
    """Of a labelled response: 1 good, 0 bad."""

    def mask(self, loss_on: str = "completion") -> list[bool]:
        """Which of `tokens` are trained, as `Sft.loss_on` says."""
        if loss_on == "all":
            return [True] * len(self.tokens)
        spans = list(zip(self.trained[::2], self.trained[1::2], strict=True)) or [(self.num_prompt, len(self.tokens))]
        inside = {place for start, end in spans for place in range(start, end)}
        return [place in inside for place in range(len(self.tokens))]


def schema() -> Any:
    """Of the file."""
    import pyarrow

    numbers = pyarrow.list_(pyarrow.int32())
    kinds = {"id": pyarrow.string(), "num_prompt": pyarrow.int32(), "num_rejected_prompt": pyarrow.int32(), "label": pyarrow.float64()}
    return pyarrow.schema([(name, kinds.get(name, numbers)) for name in Example._fields])


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write a file of examples, without holding them all; returns how many there are."""
    import pyarrow

    count, rest = 0, iter(examples)
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, schema()) as writer:
        while rows := list(islice(rest, ROWS_AT_ONCE)):
            writer.write_batch(pyarrow.RecordBatch.from_pylist([row._asdict() for row in rows], schema()))
            count += len(rows)
    return count


class Examples(Sequence[Example]):
    """The examples of a file, read as they are asked for."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __len__(self) -> int:
        return self.table.num_rows

    @overload
    def __getitem__(self, place: int) -> Example: ...
    @overload
    def __getitem__(self, place: slice) -> list[Example]: ...
    def __getitem__(self, place: int | slice) -> Example | list[Example]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return Example(**self.table.slice(place % len(self), 1).to_pylist()[0])

    def __iter__(self) -> Iterator[Example]:
        rows = (batch.to_pylist() for batch in self.table.to_batches(max_chunksize=ROWS_AT_ONCE))
        return (Example(**row) for row in chain.from_iterable(rows))


def read_examples(path: Path) -> Examples:
    """Open a file of examples. Raises BackendError: it is not there, or broken."""
    import pyarrow

    try:
        with pyarrow.memory_map(str(path)) as file:
            table = pyarrow.ipc.open_stream(file).read_all()
        if table.schema != schema():
            raise ValueError("its columns are not those of examples")
        return Examples(table)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise BackendError(f"{path} cannot be read ({type(error).__name__}); remove the training's folder and begin it again") from error


def places_of(job: TrainJob, step: int) -> list[int]:
    """Which examples a step takes (from 0), for every backend: each epoch in an order of its own, the last step what is left."""
    count = job.data.num_examples
    last = job.num_steps() * job.batch_size if job.epochs is None else -int(-job.epochs * count // 1)
    places = range(step * job.batch_size, min((step + 1) * job.batch_size, last))
    orders = {epoch: shuffled(count, f"epoch:{job.seed}:{epoch}") for epoch in {place // count for place in places}}
    return [orders[place // count][place % count] for place in places]


def shuffled(count: int, key: str) -> list[int]:
    """The numbers up to a count in an order that follows from a key."""
    order = list(range(count))
    Random(key).shuffle(order)
    return order
