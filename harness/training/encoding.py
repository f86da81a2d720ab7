"""A file of the user's -> the examples of a training as token numbers, in a folder that goes with the process, until they are wanted.

Rows are read, rendered and counted in portions; what is kept of them in memory is a number for each example and each prompt. Those that
are held out are drawn by the seed, by prompt: two answers to one prompt, or two sequences of one conversation, are on the same side.
Limit: two prompts that differ in a letter are two prompts.
"""

import hashlib
import shutil
import tempfile
import weakref
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from r1bench.backends.examples import EXAMPLES, HELD_OUT, Example, read_examples, shuffled, write_examples
from r1bench.backends.job import RewardModel, TrainJob
from r1bench.harness.errors import ContextError, DataError, UsageError, quoted
from r1bench.harness.models.conversation import Dialogue, Learned, learn, valued
from r1bench.harness.training.examples import Columns, Labelled, Preferred, rows_in, to_learn, to_value
from r1bench.tasks.templates import TEMPLATES

if TYPE_CHECKING:
    from r1bench.tasks.data.reading import Row

AT_ONCE = 256
"""Rows in memory."""
MOST_HELD_OUT, SHARE_HELD_OUT = 200, 10
"""Held out where nobody says how many: a tenth, and at most so many."""
SAMPLED = 100
"""Sequences that are looked at for what is odd about them."""


class Sampled(NamedTuple):
    """A sequence and where it is from."""

    where: str
    text: str
    """As one text."""
    tokens: list[int]
    learned: Learned | None = None
    """Of fine-tuning."""
    is_dialogue: bool = False


class Encoded:
    """The examples of a training, in a folder that is removed with this object.

    Attributes:
        folder: holds EXAMPLES and HELD_OUT.
        num_examples, num_held_out, digest: as in `TrainJob.data`.
        num_left_out: longer than `max_length`.
        first: some of them.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="r1bench-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.num_examples = self.num_held_out = self.num_left_out = self.num_split = 0
        self.digest = ""
        self.first: list[Sampled] = []


def encode_examples(job: TrainJob, tokenizer: Any, data: Path, columns: dict[str, str] | None, held_out: int | None) -> Encoded:
    """The examples in a file, as the job wants them.

    Args:
        held_out: how many are kept aside; None: a tenth, at most MOST_HELD_OUT.

    Raises:
        DataError: a row that cannot be used, or there are none; UsageError: too few.
        CheckpointError: the chat template cannot be used, or there is none where one is needed.
        ContextError: all of them are too long.
    """
    found, everything = Encoded(), "everything.arrow"
    groups, seen = array("Q"), hashlib.sha256()
    kinds: dict[int, int] = {}

    def short_enough() -> Iterator[Example]:
        for group, example in examples_in(job, tokenizer, data, columns, found):
            if max(len(example.tokens), len(example.rejected)) > job.algorithm.max_length:  # type: ignore[union-attr]
                found.num_left_out += 1
                continue
            groups.append(kinds.setdefault(group, len(kinds)))
            seen.update(digestible(example))
            yield example

    count = write_examples(found.folder / everything, short_enough())
    check_count(job, data, count, found.num_left_out)
    wanted = min(count // SHARE_HELD_OUT, MOST_HELD_OUT) if held_out is None else held_out
    if wanted >= count:
        raise UsageError(f"data.held_out={wanted} leaves nothing of {count} examples to train on; use --set data.held_out={count // 10}")
    aside = drawn_aside(groups, wanted, f"held-out:{job.seed}")
    examples = read_examples(found.folder / everything)
    sides = ((EXAMPLES, False), (HELD_OUT, True))
    found.num_examples, found.num_held_out = (
        write_examples(found.folder / name, (each for each, group in zip(examples, groups, strict=True) if (group in aside) is is_aside))
        for name, is_aside in sides
    )
    (found.folder / everything).unlink()
    found.digest = seen.hexdigest()[:16]
    return found


def check_count(job: TrainJob, data: Path, count: int, num_left_out: int) -> None:
    """Refuse data of which nothing is left. `job` has a length that fits the model's context."""
    longest = job.algorithm.max_length  # type: ignore[union-attr]
    if not count and num_left_out:
        cure = "raise --set algorithm.max_length as far as the model's context reaches, or give shorter ones"
        raise ContextError(f"all {num_left_out} examples of {data} have more than algorithm.max_length={longest} tokens; {cure}")
    if not count:
        raise DataError(str(data), "holds no rows", "name another file with --data")


def drawn_aside(groups: Iterable[int], wanted: int, key: str) -> set[int]:
    """Groups of together `wanted` members or as many below as they allow, drawn by a key."""
    sizes = Counter(groups)
    aside: set[int] = set()
    left = wanted
    for group in shuffled(len(sizes), key):
        if sizes[group] <= left:
            aside.add(group)
            left -= sizes[group]
    return aside


def digestible(example: Example) -> bytes:
    """What an example says, as bytes."""
    told = (example.id, example.num_prompt, example.trained, example.num_rejected_prompt, example.label, len(example.tokens))
    return repr(told).encode("utf-8", "backslashreplace") + array("i", [*example.tokens, *example.rejected]).tobytes()


def examples_in(job: TrainJob, tokenizer: Any, data: Path, columns: dict[str, str] | None, found: Encoded) -> Iterator[tuple[int, Example]]:
    """Every example of a file, with a number that is the same for the same prompt."""
    reads = Columns(job.algorithm.kind, columns)
    rows = rows_in(data)
    while portion := list(islice(rows, AT_ONCE)):
        yield from (
            valued_in(job, tokenizer, portion, reads, found)
            if isinstance(job.algorithm, RewardModel)
            else learned_in(job, tokenizer, portion, reads, found)
        )


def group_of(tokens: list[int]) -> int:
    """A number for a prompt."""
    return int.from_bytes(hashlib.blake2b(array("i", tokens).tobytes(), digest_size=8).digest())


def learned_in(job: TrainJob, tokenizer: Any, rows: "list[Row]", columns: Columns, found: Encoded) -> Iterator[tuple[int, Example]]:
    """The examples of fine-tuning in some rows."""
    told = [(row, to_learn(row, columns, TEMPLATES[job.data.template])) for row in rows]
    longest = job.algorithm.max_length  # type: ignore[union-attr]
    short = [(row, each) for row, each in told if not (isinstance(each, Dialogue) and len(each.messages) > longest)]
    found.num_left_out += len(told) - len(short)  # every message is a token at least, and rendering so many takes long
    said = [each for _, each in short]
    for (row, each), sequences in zip(short, learn(tokenizer, said, job.chat.end), strict=True):
        group = group_of(sequences[0].tokens[: sequences[0].num_prompt] or sequences[0].tokens)
        found.num_split += len(sequences) > 1
        for number, made in enumerate(sequences):
            if len(found.first) < SAMPLED:
                found.first.append(Sampled(row.where, made.text, made.tokens, made, isinstance(each, Dialogue)))
            name = columns.id(row) + (f"#{number + 1}" if number else "")
            is_plain = made.spans == [made.num_prompt, len(made.tokens)]
            yield group, Example(name, made.tokens, made.num_prompt, [] if is_plain else made.spans)


def valued_in(job: TrainJob, tokenizer: Any, rows: "list[Row]", columns: Columns, found: Encoded) -> Iterator[tuple[int, Example]]:
    """The pairs or labelled responses in some rows."""
    assert isinstance(job.algorithm, RewardModel)
    told = [to_value(row, columns, job.algorithm) for row in rows]
    asked = [pair for each in told for pair in sides_of(each)]
    read = iter(valued(tokenizer, asked, [each.where for each in told for _ in sides_of(each)]))
    for each in told:
        one = next(read)
        if len(found.first) < SAMPLED:
            found.first.append(Sampled(each.where, one.text, one.tokens))
        group = group_of(one.tokens[: one.num_prompt] or one.tokens)
        if isinstance(each, Preferred):
            other = next(read)
            if one.tokens == other.tokens:
                raise DataError(each.where, "chosen and rejected are the same in the model's tokens", "remove the row")
            yield group, Example(each.id, one.tokens, one.num_prompt, [], other.tokens, other.num_prompt)
        else:
            yield group, Example(each.id, one.tokens, one.num_prompt, label=each.label)


def sides_of(each: Preferred | Labelled) -> list[Any]:
    """(prompt, response) of each side."""
    if isinstance(each, Labelled):
        return [(each.prompt, each.response)]
    return [(each.prompt, each.chosen), (each.rejected_prompt, each.rejected)]


def end_of(tokenizer: Any, chosen: str, ends: frozenset[int], place: str) -> str:
    """The token behind every answer, as text: the one that was chosen, otherwise what the chat template ends a turn with, or `eos`.

    Args:
        ends: the tokens that end a completion of that checkpoint.

    Raises UsageError: there is none, it is no token of the model, or generation would not end with it.
    """
    from r1bench.harness.models.turns import answer_end

    end = chosen or answer_end(tokenizer)
    if not end:
        raise UsageError(f"checkpoint {place} names no token that ends an answer; give one with --set chat.end=TOKEN")
    number = tokenizer.backend_tokenizer.token_to_id(end) if tokenizer.is_fast else tokenizer.convert_tokens_to_ids(end)
    known = ", ".join(quoted(each) for each in tokenizer.convert_ids_to_tokens(sorted(ends)))
    if number is None or tokenizer(end, add_special_tokens=False)["input_ids"] != [number]:
        raise UsageError(f"chat.end={quoted(end)} is not one token of {place}; use one of {known or 'its special tokens'}")
    if number not in ends:
        cure = f"use --set chat.end=... with one of {known}, or name it" if known else "name it"
        raise UsageError(
            f"the token {quoted(end)} would be learned behind every answer, and ends no completion of {place}; "
            f"{cure} as eos_token_id in its generation_config.json"
        )
    return end
