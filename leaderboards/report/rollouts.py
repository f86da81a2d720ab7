"""What a training's completions say step by step: reflection words, length, share in format, share right.

    story = rollouts.tell(*reader.read_rollouts(folder), count)      # count(text) -> number of reflection words

Streamed: memory does not grow with the file. Left out: reading it (r1bench.backends.journal), and the word lists, which are the graders'
(r1bench.tasks.grading.behaviour); the caller hands over both.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from r1bench.leaderboards.report import escape, training

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

    def add(self, row: Any, count: Count) -> None:
        """One completion, a row of the journal."""
        self.samples += 1
        self.words += len(row.text.split())
        self.tokens += row.tokens
        self.reflections += count(row.text)
        self.correct += row.outcome == "correct"
        if row.rewards.get("format") is not None:
            self.with_format += 1
            self.formatted += row.rewards["format"] > 0


def tell(rows: Iterable[Any], share: float, count: Count) -> Story | None:
    """The figures of every step that has completions; None where no step has."""
    steps: dict[int, Step] = {}
    for row in rows:
        steps.setdefault(row.step, Step()).add(row, count)
    return Story(table(sorted(steps.items())), share) if steps else None


def notes(story: Story | None) -> list[str]:
    """What the page must say of these figures."""
    if story is None or story.share >= 1:
        return []
    return [
        f"Reflection words and what else comes from rollouts.jsonl are of {100 * story.share:.2g} % of it, evenly spread over the file."
    ]


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
