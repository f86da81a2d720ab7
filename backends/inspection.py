"""What one step of a training drew, what it was rewarded with, and what it learned from (`r1bench rollouts`).

    step = inspect(Path("checkpoints/tiny-base-zero"))
    print(step.groups, step.worst[0].text)

Memory does not grow with the file: of a step the sums per problem and a few completions are kept, and the step is found by halving, without
reading what stands before it. Limit: that needs rows in the order of their steps, as every backend writes them.
"""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from r1bench.backends import journal
from r1bench.backends.journal import END, EVENTS, FAULT, LONGEST_LINE, ROLLOUTS, START, STEP, SUPERSEDED, RolloutRow, parsed, row_of
from r1bench.harness.errors import StorageError, UsageError, quoted
from r1bench.harness.store.disk import open_regular

MOST_GROUPS = 10_000
"""Problems of a step that are told apart."""
MOST_FAULTS = 20
BLOCK = 1 << 20


@dataclass
class Group:
    """The completions of one problem in one step."""

    problem_id: str
    num_completions: int = 0
    num_cut: int = 0
    rewards: list[float] = field(default_factory=lambda: [float("inf"), 0.0, float("-inf")])
    """Smallest, sum, largest of the total rewards that are known."""
    num_rewarded: int = 0
    advantages: list[float] = field(default_factory=lambda: [float("inf"), float("-inf")])
    """Smallest and largest."""

    def add(self, row: RolloutRow) -> None:
        """One more completion."""
        self.num_completions += 1
        self.num_cut += row.finish_reason == "length"
        if row.reward is not None:
            low, total, high = self.rewards
            self.rewards = [min(low, row.reward), total + row.reward, max(high, row.reward)]
            self.num_rewarded += 1
        if row.advantage is not None:
            self.advantages = [min(self.advantages[0], row.advantage), max(self.advantages[1], row.advantage)]

    @property
    def mean(self) -> float | None:
        """Of the rewards that are known."""
        return self.rewards[1] / self.num_rewarded if self.num_rewarded else None

    @property
    def has_no_signal(self) -> bool:
        """Whether nothing was learned from it: every advantage is 0."""
        return self.advantages == [0.0, 0.0]

    def to_json(self) -> dict[str, Any]:
        """Plain values, None for what is unknown."""
        known = self.num_rewarded > 0
        reward = {"min": self.rewards[0], "mean": self.mean, "max": self.rewards[2]} if known else None
        advantage = {"min": self.advantages[0], "max": self.advantages[1]} if self.advantages[0] <= self.advantages[1] else None
        sums = {"problem_id": self.problem_id, "completions": self.num_completions, "cut": self.num_cut}
        return {**sums, "reward": reward, "advantage": advantage, "zero_signal": self.has_no_signal}


@dataclass
class Inspection:
    """A step, or every completion of one problem."""

    about: dict[str, str]
    """Name, stage and backend of the training."""
    step: int | None
    """None where completions of all steps were asked for."""
    last_step: int
    gaps: tuple[str, ...] = ()
    """What the backend says that it cannot tell."""
    figures: dict[str, float] = field(default_factory=dict)
    """Of the step."""
    faults: tuple[str, ...] = ()
    """What went wrong in the step and was isolated."""
    is_finished: bool = False
    """Whether the training has come to its end."""
    num_superseded: int = 0
    """Completions that a resume cut off."""
    num_completions: int = 0
    groups: dict[str, Group] = field(default_factory=dict)
    """By problem, in the order of the file; at most MOST_GROUPS."""
    best: list[RolloutRow] = field(default_factory=list)
    """The highest reward first."""
    worst: list[RolloutRow] = field(default_factory=list)
    """The lowest reward first."""

    @property
    def num_without_signal(self) -> int:
        """Groups that nothing was learned from."""
        return sum(group.has_no_signal for group in self.groups.values())


def inspect(folder: Path, *, step: int | None = None, problem_id: str | None = None, most: int = 1) -> Inspection:
    """A step of a training (its last by default), or, where only a problem is given, what was drawn for it in all steps.

    Args:
        most: how many of the best and of the worst completions are kept.

    Raises UsageError, StorageError: it is no folder of a training that drew completions, or has no such step or problem.
    """
    path = rollouts_of(folder)
    with open_regular(path) as file:
        first, last = ends_of(file)
        if first is None or last is None:
            kind = journal.about(folder)["algorithm"]
            if kind not in ("", "grpo"):
                raise UsageError(f"{folder} is a training of {kind}, and only reinforcement learning draws completions")
            raise UsageError(f"{path} holds no completion yet; run the command again after the first step")
        is_everywhere = problem_id is not None and step is None
        chosen = last if step is None else step
        rows = rows_of(file) if is_everywhere else rows_of_step(file, chosen)
        found = Inspection(journal.about(folder), None if is_everywhere else chosen, last)
        for row in rows if problem_id is None else (row for row in rows if row.problem_id == problem_id):
            take(found, row, most)
    if not found.num_completions:
        what = f"step {chosen}" if problem_id is None else f"problem {quoted(problem_id)}" + ("" if is_everywhere else f" in step {chosen}")
        raise UsageError(f"{path} holds nothing of {what}; it has steps {first} to {last}")
    read_events(folder / EVENTS, found)
    found.num_superseded = num_lines(folder / SUPERSEDED)
    return found


def rollouts_of(folder: Path) -> Path:
    """The file of completions. Raises UsageError, StorageError."""
    path = folder / ROLLOUTS
    if path.is_file():
        return path
    if path.exists():
        raise StorageError(f"{path} is not a file, but a folder, a pipe or a device; remove it")
    if (folder / EVENTS).is_file():
        raise UsageError(f"{folder} is a training without {ROLLOUTS}; only reinforcement learning draws completions")
    raise StorageError(f"{folder} is not the folder of a training; give the --out of r1bench train")


def take(found: Inspection, row: RolloutRow, most: int) -> None:
    """Count a completion, and keep it if it is among the best or the worst."""
    found.num_completions += 1
    name = row.problem_id[:200]
    if name in found.groups or len(found.groups) < MOST_GROUPS:
        found.groups.setdefault(name, Group(name)).add(row)
    found.best = sorted([*found.best, row], key=lambda each: -(each.reward if each.reward is not None else float("-inf")))[:most]
    found.worst = sorted([*found.worst, row], key=lambda each: each.reward if each.reward is not None else float("inf"))[:most]


def read_events(path: Path, found: Inspection) -> None:
    """Add what events.jsonl says of the step: figures, faults, and the gaps that the backend declares."""
    try:
        file = open_regular(path)
    except OSError:
        return
    faults: list[str] = []
    with file:
        for event in map(parsed, journal.lines_of(file)):
            kind, is_here = event.get("event"), found.step is not None and event.get("step") == found.step
            if kind in (START, END):
                found.is_finished = kind == END
            if kind == START and isinstance(event.get("gaps"), list):
                found.gaps = tuple(str(gap)[:500] for gap in event["gaps"][:MOST_FAULTS])
            if kind == STEP and is_here:
                found.figures = {str(name)[:80]: value for name, value in event.items() if name != "step" and journal.is_number(value)}
            if kind == FAULT and is_here and len(faults) < MOST_FAULTS:
                faults.append(str(event.get("what", ""))[:500])
    found.faults = tuple(faults)


def num_lines(path: Path) -> int:
    """Lines of a file; 0 where there is none."""
    try:
        with open_regular(path) as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b""))
    except OSError:
        return 0


# Finding a step without reading the file.


class Line(NamedTuple):
    """A completion and where its line begins."""

    start: int
    row: RolloutRow


def lines_from(file: BinaryIO, start: int) -> Iterator[Line]:
    """The completions of the lines that begin at a place or behind it; lines that are none are passed over."""
    file.seek(max(start - 1, 0))
    if start:
        skip_line(file)
    while True:
        place = file.tell()
        line = file.readline(LONGEST_LINE)
        if not line:
            return
        if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
            skip_line(file)
        elif row := row_of(parsed(line)):
            yield Line(place, row)


def skip_line(file: BinaryIO) -> None:
    """Go behind the next end of a line."""
    while (piece := file.readline(LONGEST_LINE)) and not piece.endswith(b"\n"):
        pass


def rows_of(file: BinaryIO) -> Iterator[RolloutRow]:
    """Every completion."""
    return (line.row for line in lines_from(file, 0))


def rows_of_step(file: BinaryIO, step: int) -> Iterator[RolloutRow]:
    """The completions of a step: its first line is found by halving the file."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while low < high:
        middle = (low + high) // 2
        line = next(lines_from(file, middle), None)
        if line is None or line.row.step >= step:
            high = middle
        else:
            low = line.start + 1
    return takewhile(lambda row: row.step == step, (line.row for line in lines_from(file, low)))


def ends_of(file: BinaryIO) -> tuple[int | None, int | None]:
    """The first and the last step of a file; None where it holds no completion."""
    first = next(lines_from(file, 0), None)
    size, back = file.seek(0, os.SEEK_END), BLOCK
    while first is not None:
        last = deque(lines_from(file, max(size - back, 0)), maxlen=1)
        if last or back >= size:
            return first.row.step, (last.pop() if last else first).row.step
        back *= 4
    return None, None
