"""Completions become graded samples: what evaluating, importing, regrading and repeating have in common.

A sample that the sandbox could not judge gets no grade: it stops the work and is not stored, so that no score counts it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

from r1bench.harness import statistics
from r1bench.harness.errors import SandboxError
from r1bench.harness.records import Completion, Grade, Problem, Run, Sample
from r1bench.harness.store.runs import RunWriter

if TYPE_CHECKING:
    from r1bench.tasks.grading import GradingPool

GRADE_AT_ONCE = 64
"""Completions that are handed to the graders together, at most."""

CountTokens = Callable[[str], int | None]
"""Tokens of a piece of a completion, None where they are not known."""


@dataclass(frozen=True)
class Drawn:
    """A completion and where it belongs."""

    problem_id: str
    index: int
    completion: Completion

    @property
    def key(self) -> tuple[str, int]:
        return self.problem_id, self.index


def graded(pool: "GradingPool", problems: Mapping[str, Problem], drawn: Sequence[Drawn]) -> Iterator[tuple[Drawn, Grade]]:
    """Each completion with its grade, in order.

    Raises SandboxError: a program could not be run for reasons of the machine; after the others that were graded together with it.
    """
    from r1bench.tasks.grading import request_of

    for start in range(0, len(drawn), GRADE_AT_ONCE):
        some, unjudged = drawn[start : start + GRADE_AT_ONCE], ""
        for each, grade in zip(some, pool.grade([request_of(problems[each.problem_id], each.completion) for each in some]), strict=True):
            if grade.outcome == "failed" and grade.details.get("status") == "sandbox_error":
                unjudged = grade.reason
            else:
                yield each, grade
        if unjudged:
            raise SandboxError(f"the sandbox failed ({unjudged}); what it did not judge has no score: the same command goes on from there")


def judge(problem: Problem, completion: Completion, index: int, grade: Grade, count_tokens: CountTokens) -> Sample:
    """A graded completion with its remarks on thinking, length, format and language."""
    from r1bench.harness.thinking import split
    from r1bench.tasks.grading.behaviour import measure
    from r1bench.tasks.grading.format import keeps_format
    from r1bench.tasks.grading.languages.grader import words_by_language

    thinking = split(completion.text, completion.prefill)
    reasoning = thinking.reasoning if thinking.state != "absent" else completion.text
    return Sample(
        problem_id=problem.id,
        index=index,
        completion=completion,
        thinking_state=thinking.state,
        reasoning_tokens=min(completion.num_tokens, count_tokens(reasoning) or 0),
        grade=grade,
        format_ok=keeps_format(completion.text, completion.prefill),
        languages=words_by_language(reasoning, problem.language),
        behaviour=measure(completion.text, completion.prefill, completion.finish_reason, completion.num_tokens),
    )


def grade_and_store(
    pool: "GradingPool",
    writer: RunWriter,
    problems: Mapping[str, Problem],
    drawn: Sequence[Drawn],
    count_tokens: CountTokens,
    published: Mapping[tuple[str, int], bool] | None = None,
) -> None:
    """Grade completions and append them to a run; one that is there already stays as it is.

    Args:
        published: verdicts that came with imported completions.

    Raises:
        SandboxError: as `graded`.
    """
    for each, grade in graded(pool, problems, drawn):
        sample = judge(problems[each.problem_id], each.completion, each.index, grade, count_tokens)
        writer.append(replace(sample, published=(published or {}).get(each.key)))


def summary(scores: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The mean of the problems' scores with its 95 % interval, as plain values; nothing where there are none."""
    if not scores:
        return {}
    interval = statistics.interval(scores)
    return {"score": statistics.pass_at_1(scores), "low": interval.low, "high": interval.high, "interval": interval.method}


def failures(run: Run) -> dict[str, int]:
    """Completions that have no score, by what broke off: 'generating' (finish reason error) or 'grading'."""
    errors = sum(sample.completion.finish_reason == "error" for sample in run.samples)
    return {"generating": errors, "grading": run.num_failed - errors}


class GradingAside:
    """Stores completions from a thread of its own while the next ones are drawn. Use as a context manager.

    What finishes is graded and stored without waiting for its neighbours, and also where something breaks off: a kill loses what is in
    flight. Where grading is slower than drawing, drawing waits.
    """

    def __init__(self, store: Callable[[Sequence[Drawn]], None]) -> None:
        self.store = store
        self.error: BaseException | None = None
        self.queue: Queue[Drawn | None] = Queue(GRADE_AT_ONCE)
        self.thread = Thread(target=self._work, name="grading")

    def __enter__(self) -> "GradingAside":
        self.thread.start()
        return self

    def add(self, drawn: Drawn) -> None:
        """Hand over a completion. Raises what went wrong with those before."""
        if self.error:
            raise self.error
        self.queue.put(drawn)

    def __exit__(self, kind: type[BaseException] | None, *unused: object) -> None:
        self.queue.put(None)
        self.thread.join()
        if self.error and kind is None:
            raise self.error

    def _work(self) -> None:
        is_last = False
        while not is_last:
            waiting = [self.queue.get()]
            while waiting[-1] is not None and len(waiting) < GRADE_AT_ONCE and not self.queue.empty():
                waiting.append(self.queue.get())
            is_last = waiting[-1] is None
            if self.error is None:  # otherwise it only empties the queue, so that nobody waits for it
                try:
                    self.store([each for each in waiting if each is not None])
                except BaseException as error:  # raised where completions are handed over
                    self.error = error
