"""What a training's completions say step by step: reflection words, length, share in format, share right.

    story = rollouts.read(Path("build/demo/tiny-base-zero"), count)      # count(text) -> number of reflection words

Streamed: memory does not grow with the file. Of a file above 200 MB, evenly spread stretches of 200 MB together are read. Left out: the
word lists, which are the graders' (r1bench.tasks.grading.behaviour); the caller hands over a function.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.leaderboards.report import escape, training

ROLLOUTS = "rollouts.jsonl"
MOST_BYTES = 200_000_000
NUM_STRETCHES = 500
MOST_STEPS = 2_000

Count = Callable[[str], int]


class Story(NamedTuple):
    """Means by step, and the share of the file that they were taken from."""

    rows: dict[str, Any]
    share: float


class Step:
    """Sums over the completions of one step."""

    def __init__(self) -> None:
        self.samples = self.words = self.tokens = self.reflections = self.correct = self.formatted = self.with_format = 0

    def add(self, row: dict[str, Any], count: Count) -> None:
        """One completion."""
        text, rewards = row["text"], row.get("rewards")
        self.samples += 1
        self.words += len(text.split())
        self.tokens += row["tokens"] if training.is_number(row.get("tokens")) else 0
        self.reflections += count(text)
        self.correct += row.get("outcome") == "correct"
        if isinstance(rewards, dict) and training.is_number(rewards.get("format")):
            self.with_format += 1
            self.formatted += rewards["format"] > 0


def read(folder: Path, count: Count, most_bytes: int = MOST_BYTES) -> Story | None:
    """The figures of every step that has completions; None where the file is missing or holds no texts."""
    path = folder / ROLLOUTS
    if not path.is_file():
        return None
    size, steps = path.stat().st_size, dict[int, Step]()
    for line in stretches(path, size, most_bytes):
        row = training.parsed(line)
        if row and isinstance(row.get("text"), str) and training.is_step(row.get("step")):
            steps.setdefault(row["step"], Step()).add(row, count)
    if not steps:
        return None
    return Story(table(sorted(steps.items())), min(1.0, most_bytes / size))


def notes(story: Story | None) -> list[str]:
    """What the page must say of these figures."""
    if story is None or story.share >= 1:
        return []
    return [f"Reflection words and what else comes from {ROLLOUTS} are of {100 * story.share:.2g} % of it, evenly spread over the file."]


def stretches(path: Path, size: int, most_bytes: int) -> Iterator[bytes]:
    """Every line, or the lines that begin in evenly spread stretches of a larger file."""
    with path.open("rb") as file:
        if size <= most_bytes:
            yield from iter(lambda: file.readline(training.LONGEST_LINE), b"")
            return
        for number in range(NUM_STRETCHES):
            file.seek(number * size // NUM_STRETCHES)
            if number:
                file.readline(training.LONGEST_LINE)  # the rest of a line that began before
            end = number * size // NUM_STRETCHES + most_bytes // NUM_STRETCHES
            while file.tell() < end and (line := file.readline(training.LONGEST_LINE)):
                yield line


def table(steps: list[tuple[int, Step]]) -> dict[str, Any]:
    """Column by column. Reflection words are counted per 1,000 tokens, or words where no tokens are known."""
    has_tokens = all(step.tokens for _, step in steps)
    lengths = [step.tokens if has_tokens else step.words for _, step in steps]
    per_1000 = [1000 * step.reflections / length if length else None for (_, step), length in zip(steps, lengths, strict=True)]
    mean_lengths = [length / step.samples for (_, step), length in zip(steps, lengths, strict=True)]
    kept = training.thinned(list(zip(per_1000, mean_lengths, strict=True)), MOST_STEPS)
    chosen = [steps[row] for row in kept]
    columns = {
        "step": [number for number, _ in chosen],
        "per_1000": [per_1000[row] for row in kept],
        "length": [mean_lengths[row] for row in kept],
        "samples": [step.samples for _, step in chosen],
        "format": [step.formatted / step.with_format if step.with_format else None for _, step in chosen],
        "correct": [step.correct / step.samples for _, step in chosen],
    }
    return escape.rounded(columns) | {"unit": "tokens" if has_tokens else "words"}


def state(folder: Path) -> list[Any]:
    """What a training's files are known by without reading them."""
    found: list[Any] = []
    for name in (training.EVENTS, ROLLOUTS, training.JOB):
        path = folder / name
        status = os.stat(path) if path.is_file() else None
        found.append([status.st_size, status.st_mtime_ns] if status else None)
    return found
