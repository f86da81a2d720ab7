"""Completions of a training side by side: of steps spread from the first to the last the best, the middle and the worst one.

    drawn = Drawn()
    for row in drawn.passed(rows): ...        # on their way to another reader
    value = drawn.table()

The first problems of the file are followed as well: a training on a finite set meets them again, and their completions are shown step by
step. Streamed: memory and result do not grow with the file. Token ids and log-probabilities are left out; the middle completion of a step
is that of up to MOST_ROWS evenly spread ones.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from r1bench.harness import thinking
from r1bench.leaderboards.report import escape, spans
from r1bench.leaderboards.report.payload import cut_text, shortened

FILE = "rollouts.jsonl"
"""Where a reader finds the whole of a text."""
MOST_STEPS, MOST_ROWS = 24, 64
MOST_FOLLOWED, MOST_PROBLEMS, MOST_MEETINGS = 20, 5, 8
"""Problems that are followed, those of them that are shown, and steps of each."""
LONGEST_TEXT, LONGEST_PROMPT, LONGEST_WORD, MOST_REWARDS = 6_000, 1_500, 200, 20
LAST_MARK = re.compile(r"[<\[◁]\S{1,40}\s*\Z")
"""What a prompt may end in that opens the reasoning."""

Item = TypeVar("Item")


class Spread(Generic[Item]):
    """Evenly spread ones of a stream whose length is not known: the first, the last, and at most `most` others."""

    def __init__(self, most: int) -> None:
        self.most, self.stride, self.seen = most, 1, 0
        self.kept: list[Item] = []
        self.last: list[Item] = []

    def add(self, item: Item) -> None:
        """The next of the stream."""
        if self.seen % self.stride == 0:
            self.kept.append(item)
            if len(self.kept) > self.most:
                self.kept, self.stride = self.kept[::2], 2 * self.stride
        self.last = [item]
        self.seen += 1

    def all(self) -> list[Item]:
        """Those that were kept, in order."""
        return self.kept + [item for item in self.last if item is not self.kept[-1]]


class Group:
    """The completions of one step, or of one problem in it."""

    def __init__(self) -> None:
        self.best: Any = None
        self.worst: Any = None
        self.spread = Spread[Any](MOST_ROWS)
        self.rewards, self.num_rewarded = 0.0, 0

    def add(self, row: Any) -> None:
        """One completion; of equal rewards the first is the worst, the last the best."""
        if self.best is None or rank(row) >= rank(self.best):
            self.best = row
        if self.worst is None or rank(row) < rank(self.worst):
            self.worst = row
        self.spread.add(row)
        if row.reward is not None:
            self.rewards, self.num_rewarded = self.rewards + row.reward, self.num_rewarded + 1

    def told(self, step: int) -> dict[str, Any]:
        """What the page shows of it; None stands for a completion that is another of the three already."""
        others = sorted((row for row in self.spread.all() if row is not self.best and row is not self.worst), key=rank)
        chosen = [self.best, others[len(others) // 2] if others else None, None if self.worst is self.best else self.worst]
        return {
            "step": step,
            "size": self.spread.seen,
            "mean": escape.rounded(self.rewards / self.num_rewarded) if self.num_rewarded else None,
            "rows": [None if row is None else shown(row) for row in chosen],
        }


class Drawn:
    """Watches the completions of a training go by."""

    def __init__(self) -> None:
        self.steps = Spread[dict[str, Any]](MOST_STEPS)
        self.followed: dict[str, Spread[dict[str, Any]]] = {}
        self.step: int | None = None
        self.group, self.groups = Group(), dict[str, Group]()

    def passed(self, rows: Iterable[Any]) -> Iterator[Any]:
        """The same rows."""
        for row in rows:
            if row.step != self.step:
                self.close()
                self.step = row.step
            slim = row._replace(prompt_ids=None, token_ids=None, logprobs=None)
            self.group.add(slim)
            if row.problem_id and len(self.followed) < MOST_FOLLOWED:
                self.followed.setdefault(row.problem_id, Spread(MOST_MEETINGS))
            if row.problem_id in self.followed:
                self.groups.setdefault(row.problem_id, Group()).add(slim)
            yield row
        self.close()

    def close(self) -> None:
        """The open step is over: keep of its texts what may be shown."""
        if self.step is not None:
            self.steps.add(self.group.told(self.step))
            for problem, group in self.groups.items():
                self.followed[problem].add(group.told(self.step))
        self.step, self.group, self.groups = None, Group(), {}

    def table(self) -> dict[str, Any] | None:
        """The columns of steps, and those of problems that were met in several; None without completions."""
        met = [(problem, columns(spread)) for problem, spread in self.followed.items()]
        again = sorted((each for each in met if len(each[1]) > 1), key=lambda each: -len(each[1]))[:MOST_PROBLEMS]
        problems = [{"id": shortened(problem, LONGEST_WORD), "columns": found} for problem, found in again]
        return {"columns": columns(self.steps), "problems": problems} if self.steps.seen else None


def columns(spread: Spread[dict[str, Any]]) -> list[dict[str, Any]]:
    """In order of steps; one that stands in several places of the file is shown as where most of it stands."""
    found: dict[int, dict[str, Any]] = {}
    for column in spread.all():
        if column["step"] not in found or column["size"] >= found[column["step"]]["size"]:
            found[column["step"]] = column
    return [found[step] for step in sorted(found)]


def rank(row: Any) -> float:
    """By reward; without one last."""
    return float("-inf") if row.reward is None else row.reward


def shown(row: Any) -> dict[str, Any]:
    """A completion with where its reasoning stands, and what is known of it."""
    prompt = text_of(row.prompt)
    opening = LAST_MARK.search(prompt[-LONGEST_WORD:])
    found = thinking.parts(row.text, opening[0] if opening else "")
    text, (reasoning,), cut = cut_text(row.text, [None if found.state == "absent" else found.reasoning], FILE, LONGEST_TEXT)
    rewards = list(row.rewards.items())[:MOST_REWARDS]
    return {
        "problem": shortened(row.problem_id, LONGEST_WORD),
        "prompt": prompt if len(prompt) <= LONGEST_PROMPT else f"{prompt[: LONGEST_PROMPT // 3]} … {prompt[-LONGEST_PROMPT // 3 * 2 :]}",
        "gold": shortened(" or ".join(map(str, row.gold)) if isinstance(row.gold, list) else str(row.gold or ""), LONGEST_WORD),
        "text": text,
        "reasoning": spans.in_utf16(text, reasoning),
        "outcome": shortened(row.outcome, LONGEST_WORD),
        "rewards": {shortened(name, 80): escape.rounded(value) for name, value in rewards},
        "finish_reason": shortened(row.finish_reason, LONGEST_WORD),
        **{name: escape.rounded(getattr(row, name)) for name in ("reward", "advantage", "tokens", "sample", "policy")},
        **cut,
    }


def text_of(prompt: Any) -> str:
    """Text as it is; messages as 'role: content'."""
    if not isinstance(prompt, list):
        return prompt if isinstance(prompt, str) else ""
    return "\n\n".join(f"{each.get('role', '')}: {each.get('content', '')}" for each in prompt if isinstance(each, dict))
