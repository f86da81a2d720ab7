"""Graders: a completion and its gold answers -> a Grade. The table is GRADERS; the door is GradingPool.

A grader sees the answer part of a completion only (thinking.py), finds the answer in it (extraction.py), and compares (integers.py,
mathematics.py). The same pool judges checkpoints and rewards training. Nothing here executes text of a model, uses a signal or
depends on the clock; a fault of a grader raises GraderError and never becomes a score.

    with GradingPool("math", num_workers=2) as pool:
        grades = pool.grade([GradeRequest(text, gold=("\\\\frac{1}{2}",), finish_reason="stop")])

Left out: code, multiple choice, judges; partial credit.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from r1bench.harness.errors import GraderError, UnknownNameError
from r1bench.harness.records import FinishReason, Grade, Outcome
from r1bench.tasks.grading import extraction, integers, mathematics, thinking
from r1bench.tasks.grading.workers import Question, Verdict, WorkerPool

MAX_REMEMBERED = 20_000


@dataclass(frozen=True)
class Grader:
    """A way to judge answers."""

    name: str
    version: str
    """Raised whenever a verdict could change; part of every score's protocol."""
    what: str


GRADERS: dict[str, Grader] = {
    "integer": Grader("integer", "1", "exact numbers (integers, decimals, fractions); a bare last number counts"),
    "math": Grader("math", mathematics.VERSION, "text, exact numbers and words, then Math-Verify in bounded worker processes"),
}


class GradeRequest(NamedTuple):
    """One completion to judge."""

    text: str
    """As generated, without the prefill."""
    gold: tuple[str, ...]
    """Acceptable answers; equal to any of them is correct."""
    finish_reason: FinishReason
    prefill: str = ""


class Found(NamedTuple):
    """What the answer part of a request holds: an answer, or already the outcome."""

    answer: str
    flags: tuple[str, ...]
    outcome: Outcome | None
    reason: str


def get_grader(name: str) -> Grader:
    """The grader of that name; UnknownNameError if there is none."""
    if name not in GRADERS:
        raise UnknownNameError("grader", name, GRADERS, "r1bench tasks")
    return GRADERS[name]


def find_answer(request: GradeRequest, numeric: bool) -> Found:
    """The answer that a completion ends with, or why it has none."""
    if request.finish_reason == "error":
        return Found("", (), "failed", "generation ended in an error")
    was_cut = request.finish_reason == "length"
    part = thinking.split(request.text, request.prefill)
    if part.state == "unfinished":
        return Found("", (), "truncated" if was_cut else "unparsed", "the reasoning does not end")
    extracted, flags = extraction.extract(part.answer_part, numeric, complete=not was_cut)
    if extracted is None or not extracted.strip():
        return Found("", flags, "truncated" if was_cut else "unparsed", "no answer found")
    if len(extracted) > mathematics.MAX_LENGTH:
        return Found(extracted[:200], (*flags, "too_long"), "unparsed", "the answer is too long")
    return Found(extracted, flags, None, "")


class GradingPool:
    """Grades completions with one grader; worker processes are started only for pairs that need them."""

    def __init__(self, grader: str, num_workers: int = 1, cpu_seconds: float = 5.0) -> None:
        self.grader = get_grader(grader)
        self.workers = WorkerPool(num_workers, cpu_seconds)
        self.remembered: dict[Question, Verdict] = {}

    def grade(self, requests: Sequence[GradeRequest]) -> list[Grade]:
        """One grade per request, in their order.

        Raises:
            GraderError: a fault of the grader, or a gold answer that it cannot parse.
        """
        started = [0] * len(requests)
        found: list[Found] = []
        verdicts: list[list[Verdict | Question]] = []
        for index, request in enumerate(requests):
            begin = time.perf_counter_ns()
            try:
                found.append(find_answer(request, numeric=self.grader.name == "integer"))
                verdicts.append([] if found[-1].outcome else [self._compare(gold, found[-1].answer) for gold in request.gold])
            except Exception as error:
                raise GraderError(f"grader {self.grader.name!r} broke on text {request.text[:80]!r}: {error!r}") from error
            started[index] = (time.perf_counter_ns() - begin) // 1000
        answers = self._ask([question for row in verdicts for question in row if isinstance(question, Question)])
        rows = [[answers[entry] if isinstance(entry, Question) else entry for entry in row] for row in verdicts]
        return [self._grade(*each) for each in zip(requests, found, rows, started, strict=True)]

    def check_golds(self, golds: Sequence[str]) -> list[str | None]:
        """For each gold answer None, or the reason why this grader could not judge by it."""
        reasons: list[str | None] = []
        questions: dict[int, Question] = {}
        for index, gold in enumerate(golds):
            is_number = integers.parse(gold) is not None
            reasons.append(None)
            if not gold.strip():
                reasons[index] = "is empty"
            elif len(gold) > mathematics.MAX_LENGTH:
                reasons[index] = f"is longer than {mathematics.MAX_LENGTH} characters"
            elif self.grader.name == "integer":
                reasons[index] = None if is_number else "is not a number"
            elif not mathematics.needs_no_parsing(gold):
                questions[index] = Question(mathematics.to_latex(gold), None)
        answers = self._ask(list(questions.values()))
        for index, question in questions.items():
            if answers[question].outcome != "correct":
                reasons[index] = f"cannot be compared ({answers[question].reason})"
        return reasons

    def close(self) -> None:
        """End the worker processes."""
        self.workers.close()

    def __enter__(self) -> "GradingPool":
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def _compare(self, gold: str, answer: str) -> Verdict | Question:
        """A verdict where text and numbers suffice, else the question for a worker."""
        if self.grader.name == "integer":
            expected, given = integers.parse(gold), integers.parse(answer)
            if expected is None:
                return Verdict("gold", "the gold answer is not a number", 0)
            if given is None:
                return Verdict("wrong", "not a number", 0)
            return Verdict("correct", "equal", 0) if expected == given else Verdict("wrong", "differs", 0)
        decided = mathematics.compare(gold, answer)
        if decided is not None:
            return Verdict("correct" if decided[0] else "wrong", decided[1], 0)
        return Question(mathematics.to_latex(gold), mathematics.to_latex(answer))

    def _ask(self, questions: Sequence[Question]) -> dict[Question, Verdict]:
        """Answers from memory or from the workers. A bound that was reached is not remembered."""
        if len(self.remembered) > MAX_REMEMBERED:
            self.remembered.clear()
        new = [question for question in dict.fromkeys(questions) if question not in self.remembered]
        answers = dict(zip(new, self.workers.ask(new), strict=True)) if new else {}
        self.remembered.update({question: verdict for question, verdict in answers.items() if verdict.outcome != "failed"})
        return {question: answers.get(question) or self.remembered[question] for question in questions}

    def _grade(self, request: GradeRequest, found: Found, verdicts: list[Verdict], microseconds: int) -> Grade:
        """The best of the verdicts on each gold."""
        outcome, reason = found.outcome, found.reason
        extracted = found.answer if found.answer else None
        if outcome is None:
            unusable = [verdict for verdict in verdicts if verdict.outcome == "gold"]
            if unusable or not verdicts:
                why = unusable[0].reason if unusable else "there is no gold answer"
                raise GraderError(f"grader {self.grader.name!r} cannot judge by {request.gold!r}: {why}; check the problems")
            order = ("correct", "failed", "unparsed", "wrong")
            best = min(verdicts, key=lambda verdict: order.index(verdict.outcome))
            outcome, reason = best.outcome, best.reason  # type: ignore[assignment]
            microseconds += sum(verdict.microseconds for verdict in verdicts)
        score = 1.0 if outcome == "correct" else 0.0
        return Grade(outcome, score, extracted, reason, self.grader.name, self.grader.version, microseconds, found.flags)  # type: ignore[arg-type]


def check_gold(grader: str, gold: str) -> str | None:
    """Why a gold answer cannot be judged by a grader, or None if it can. For many golds use GradingPool.check_golds."""
    with GradingPool(grader) as pool:
        return pool.check_golds([gold])[0]
