"""Grades and rewards the completions of a training, so that what goes wrong costs a sample and not the training.

    with RewardPool(task.grader, job.grpo.rewards) as pool:
        scores, faults = pool.score(problems, completions)
        for fault in faults:
            journal.event(FAULT, step=step, **fault.event())

A reward that raises, hangs, ends its process or returns what is not a number makes that part of its own samples NaN, and so their totals
(advantage 0); a grader that fails makes its sample `failed`, with the same end. Siblings keep their rewards, except where a reward looks
at all of them together. Any thread may call `score`; they take turns. Limit: a reward model is computed in this process, where nothing
ends it if it hangs.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

from r1bench.harness.errors import GraderError, RewardError
from r1bench.harness.records import Completion, Grade, Problem
from r1bench.tasks.grading import GradingPool, request_of
from r1bench.tasks.rewards import RewardChoice, Scored, get_reward, sum_up
from r1bench.tasks.rewards.reward import Judged, Outcome, Reward, computed, said
from r1bench.tasks.rewards.workers import SECONDS, RewardWorker

MOST_FAULTS = 20
"""Kinds of fault that are told of one call."""


class Fault(NamedTuple):
    """One kind of failure of one reward or grader, and how often it came in a call."""

    source: str
    """"reward 'format'" or "grader 'math'"."""
    how: str
    """'raised ValueError', 'hung for 30 s', ..."""
    detail: str
    """More of the first one: what an exception says."""
    problem_id: str
    """Of the first one, too."""
    sample: int
    """Which completion of that problem in the call, from 0."""
    num_samples: int

    @property
    def what(self) -> str:
        """All of it as a line."""
        detail = f" ({self.detail})" if self.detail else ""
        times = f", and {self.num_samples - 1} more" if self.num_samples > 1 else ""
        return f"{self.source} {self.how}{detail} for sample {self.sample} of problem {self.problem_id!r}{times}"

    def event(self) -> dict[str, Any]:
        """The fields of a journal's event."""
        return {**self._asdict(), "what": self.what}


class Scores(NamedTuple):
    """What completions earned, in their order, and what went wrong, each kind once."""

    scores: list[Scored]
    faults: list[Fault]


class Column(NamedTuple):
    """One reward of a job, with all its parameters, and what it looks at together."""

    reward: Reward
    options: dict[str, Any]


class RewardPool:
    """A task's grader and a job's rewards. Use as a context manager: processes start when they are needed, and end with it.

    Args:
        grader: the task's, a name in `r1bench.tasks.grading.GRADERS`.
        choices: the rewards; UsageError and UnknownNameError as `check_rewards`.
        seconds: that a reward may take for one completion; a thirtieth of it more for each other one that it looks at together with it.
        step_size: completions of a step, for a caller that asks for a step in several calls; None: a call is a step.
        num_workers, sandbox: as of GradingPool.
    """

    def __init__(
        self,
        grader: str,
        choices: Sequence[RewardChoice],
        *,
        seconds: float = SECONDS,
        step_size: int | None = None,
        num_workers: int = 1,
        sandbox: str = "auto",
    ) -> None:
        self.choices, self.step_size = choices, step_size
        rewards = [get_reward(choice.name) for choice in choices]
        self.columns = [Column(reward, reward.resolve(choice.parameters)) for reward, choice in zip(rewards, choices, strict=True)]
        self.grading = GradingPool(grader, num_workers, sandbox=sandbox)
        self.worker = RewardWorker(seconds)
        self.turn = threading.Lock()
        self.num_without, self.first_faults = 0, dict[str, Fault]()
        """Completions in a row that have no total, and the first fault of each source among them."""

    def __enter__(self) -> Self:
        self.grading.prepare()
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.close()
        self.grading.close()

    def score(self, problems: Sequence[Problem], completions: Sequence[Completion]) -> Scores:
        """Grade completions, each of the problem in the same place, and reward them.

        Raises:
            RewardError: no completion of a whole step has a total: the rewards give nothing to train on.
            SandboxError: programs cannot be run on this machine.
            UsageError, GraderError: processes for rewards do not start.
        """
        with self.turn:
            pairs = list(zip(problems, completions, strict=True))
            graded = self.grading.grade_each([request_of(*pair) for pair in pairs])
            judged = [Judged(*pair, self._grade(grade)) for pair, grade in zip(pairs, graded, strict=True)]
            columns = [self._computed(column, judged) for column in self.columns]
            faults = counted(self._faults(judged, graded, columns))
            scores = sum_up(judged, self.choices, [[outcome.value for outcome in column] for column in columns])
            self._check_signal(scores, faults)
        return Scores(scores, faults)

    def _grade(self, grade: Grade | GraderError) -> Grade:
        """A grade, or that grading broke off."""
        row = self.grading.grader
        return grade if isinstance(grade, Grade) else Grade("failed", 0.0, None, said(grade), row.name, row.version)

    def _computed(self, column: Column, judged: Sequence[Judged]) -> list[Outcome]:
        """What a reward gives for each completion."""
        reward, options = column
        units = units_of(reward, judged)
        if not reward.in_trainer:
            found = self.worker.compute(reward.name, options, [[judged[place] for place in unit] for unit in units])
        else:
            found = [computed(reward, judged, options)]
            if isinstance(found[0], list):
                units = [range(len(judged))]
            else:
                found = [computed(reward, [judged[place] for place in unit], options) for unit in units]
        outcomes: dict[int, Outcome] = {}
        for unit, given in zip(units, found, strict=True):
            outcomes |= zip(unit, given if isinstance(given, list) else [given] * len(unit), strict=True)
        return [outcomes[place] for place in range(len(judged))]

    def _faults(
        self, judged: Sequence[Judged], graded: Sequence[Grade | GraderError], columns: Sequence[Sequence[Outcome]]
    ) -> Iterator[Fault]:
        """Every single failure."""
        numbers: dict[str, int] = {}
        for place, each in enumerate(judged):
            sample = numbers[each.problem.id] = numbers.get(each.problem.id, -1) + 1
            where = (each.problem.id, sample, 1)
            if kind := broken(graded[place]):
                yield Fault(f"grader {each.grade.grader!r}", kind, each.grade.reason, *where)
            for column, outcomes in zip(self.columns, columns, strict=True):
                if outcomes[place].fault:
                    yield Fault(f"reward {column.reward.name!r}", outcomes[place].fault, outcomes[place].detail, *where)

    def _check_signal(self, scores: Sequence[Scored], faults: Sequence[Fault]) -> None:
        """Raise RewardError where a step is over and no completion of it has a total."""
        if any(not math.isnan(each.total) for each in scores):
            self.num_without, self.first_faults = 0, {}
            return
        self.num_without += len(scores)
        self.first_faults = {fault.source: fault for fault in reversed(faults)} | self.first_faults
        if scores and self.num_without >= (self.step_size or 0):
            names = ", ".join(repr(column.reward.name) for column in self.columns)
            why = "; ".join(fault.what for fault in self.first_faults.values()) or f"{names} apply to none of them, or grading broke off"
            raise RewardError(f"no completion of a step has a reward ({self.num_without} of {self.num_without}): {why}; mend or replace it")


def units_of(reward: Reward, judged: Sequence[Judged]) -> list[Sequence[int]]:
    """Places of the completions that a reward looks at together."""
    if reward.unit == "batch":
        return [range(len(judged))] if judged else []
    groups: dict[str | int, list[int]] = {}
    for place, each in enumerate(judged):
        groups.setdefault(each.problem.id if reward.unit == "group" else place, []).append(place)
    return list(groups.values())


def broken(grade: Grade | GraderError) -> str:
    """The kind of failure of a grader, '' where it gave a grade. A bound that a completion reached is no fault of the grader."""
    if isinstance(grade, GraderError):
        return "could not judge"
    return "met a failure of the sandbox" if grade.outcome == "failed" and grade.details.get("status") == "sandbox_error" else ""


def counted(faults: Iterator[Fault]) -> list[Fault]:
    """Each kind of each source once, as the first of it, with their number; what is beyond MOST_FAULTS kinds as one."""
    kinds: dict[tuple[str, str], Fault] = {}
    for fault in faults:
        key = (fault.source, fault.how)
        if key not in kinds and len(kinds) >= MOST_FAULTS:
            key, fault = ("", ""), fault._replace(source="rewards", how="failed in other ways")
        kinds[key] = kinds[key]._replace(num_samples=kinds[key].num_samples + 1) if key in kinds else fault
    return list(kinds.values())
