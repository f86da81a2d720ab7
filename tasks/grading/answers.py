"""The graders 'integer' and 'math': finds the answer of a completion and compares it with the golds.

What no layer in this process can read goes to worker processes (workers.py), started only then. One grader may be used by several
threads. Where an answer stands in a text is told by finding/, when two are equal by integers.py and mathematics/.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from r1bench.harness.errors import GraderError, quoted
from r1bench.tasks.grading import Engine, integers
from r1bench.tasks.grading.conventions import Conventions, conventions_of
from r1bench.tasks.grading.finding.answer import Found, find_answer
from r1bench.tasks.grading.mathematics import layers as mathematics
from r1bench.tasks.grading.mathematics.layers import Decision
from r1bench.tasks.grading.mathematics.workers import Question, Verdict, WorkerPool
from r1bench.tasks.grading.request import GradeRequest, Judgement

MAX_REMEMBERED = 20_000
BEST_FIRST = ("correct", "failed", "unparsed", "wrong")


class Pair(NamedTuple):
    """An answer against one gold."""

    decision: Decision
    question: Question | None = None
    """For a worker, where the decision is to ask."""


class Entry(NamedTuple):
    """A request as far as this process got with it."""

    found: Found
    pairs: list[Pair]
    microseconds: int


def check_options(options: Mapping[str, Any]) -> str | None:
    """Why these are no conventions, or None."""
    try:
        conventions_of(options)
    except ValueError as error:
        return str(error)
    return None


def open_engine(name: str, num_workers: int, cpu_seconds: float, sandbox: str) -> Engine:
    """The engine of 'integer' or 'math'."""
    return AnswerGrader(name, num_workers, cpu_seconds)


class AnswerGrader(Engine):
    """Compares answers with golds; worker processes are started only for pairs that need them."""

    def __init__(self, name: str, num_workers: int = 1, cpu_seconds: float = 0.5) -> None:
        self.name = name
        self.workers = WorkerPool(num_workers, cpu_seconds)
        self.remembered: dict[Question, Verdict] = {}
        self.checked: dict[str, str | None] = {}
        """Golds, with what is wrong with them."""

    def grade(self, requests: Sequence[GradeRequest]) -> list[Judgement]:
        """One grade per request, in their order. `details` holds 'canonical' (the answer in a fixed form), 'layer' (which one decided,
        see mathematics/layers.py) and 'status' ('read', 'not understood', or why there is no answer).

        Raises:
            ValueError: an option that does not exist, or a value that it cannot have.
            GraderError: a fault of the grader, or a gold answer that it cannot judge by.
        """
        conventions = [conventions_of(request.options) for request in requests]
        for gold, reason in self._check([gold for request in requests for gold in request.gold]).items():
            if reason is not None:
                raise GraderError(f"grader {quoted(self.name)} cannot judge by {quoted(gold)}: it {reason}; check the problems")
        entries = [self._entry(*each) for each in zip(requests, conventions, strict=True)]
        answers = self._ask([pair.question for entry in entries for pair in entry.pairs if pair.question])
        return [self._judgement(request, entry, answers) for request, entry in zip(requests, entries, strict=True)]

    def check_golds(self, golds: Sequence[str]) -> list[str | None]:
        """For each gold answer None, or the reason why this grader could not judge by it."""
        reasons = self._check(golds)
        return [reasons[gold] for gold in golds]

    def close(self) -> None:
        """End the worker processes."""
        self.workers.close()

    def _check(self, golds: Sequence[str]) -> Mapping[str, str | None]:
        """What is wrong with each gold; Math-Verify is asked about those that nothing else understands."""
        known = self.checked
        new = [gold for gold in dict.fromkeys(golds) if gold not in known]
        reasons = {gold: self._unusable(gold) for gold in new}
        if self.name == "math":
            questions = {gold: Question(mathematics.to_latex(gold), None) for gold in new if mathematics.may_be_asked(gold, reasons[gold])}
            answers = self._ask(list(questions.values()))
            for gold, question in questions.items():
                verdict = answers[question]
                reasons[gold] = None if verdict.outcome == "correct" else f"{reasons[gold]}; nor by Math-Verify: {verdict.reason}"
        if reasons:
            self.checked = {**(known if len(known) < MAX_REMEMBERED else {}), **reasons}
        return {gold: reasons[gold] if gold in reasons else known[gold] for gold in golds}

    def _unusable(self, gold: str) -> str | None:
        if not gold.strip():
            return "is empty"
        if len(gold) > mathematics.MAX_LENGTH:
            return f"is longer than {mathematics.MAX_LENGTH} characters"
        if self.name == "integer":
            return None if integers.parse(gold) is not None else "is not a number"
        return mathematics.unusable(gold)

    def _entry(self, request: GradeRequest, conventions: Conventions) -> Entry:
        """The answer of a request against each of its golds, as far as it can be compared in this process."""
        begin = time.perf_counter_ns()
        if not request.gold:
            raise GraderError(f"grader {quoted(self.name)} cannot judge without a gold answer; check the problems")
        try:
            found = find_answer(request, "number" if self.name == "integer" else "expression")
            pairs = [] if found.outcome else [self._pair(gold, found.answer, conventions) for gold in request.gold]
        except Exception as error:
            raise GraderError(f"grader {quoted(self.name)} broke on text {request.text[:80]!r}: {error!r:.200}") from error
        if any(pair.decision.outcome == "correct" for pair in pairs):
            pairs = [pair for pair in pairs if pair.question is None]
        return Entry(found, pairs, (time.perf_counter_ns() - begin) // 1000)

    def _pair(self, gold: str, answer: str, conventions: Conventions) -> Pair:
        if self.name == "integer":
            verdict = integers.equal(gold, answer, conventions)
            reason = "not a number" if verdict is None else "equal numbers" if verdict else "numbers differ"
            return Pair(Decision("correct" if verdict else "wrong", reason, "number"))
        decision = mathematics.compare(gold, answer, conventions)
        if decision.outcome != "ask":
            return Pair(decision)
        return Pair(decision, Question(mathematics.to_latex(gold), mathematics.to_latex(answer)))

    def _ask(self, questions: Sequence[Question]) -> dict[Question, Verdict]:
        """Answers from memory or from the workers. A bound that was reached is not remembered."""
        if not questions:
            return {}
        known = self.remembered if len(self.remembered) < MAX_REMEMBERED else {}
        new = [question for question in dict.fromkeys(questions) if question not in known]
        answers = dict(zip(new, self.workers.ask(new), strict=True)) if new else {}
        self.remembered = {**known, **{question: verdict for question, verdict in answers.items() if verdict.outcome != "failed"}}
        return {question: answers.get(question) or known[question] for question in questions}

    def _judgement(self, request: GradeRequest, entry: Entry, answers: Mapping[Question, Verdict]) -> Judgement:
        """The best of the verdicts on each gold."""
        begin = time.perf_counter_ns()
        found, microseconds = entry.found, entry.microseconds
        if found.outcome is not None:
            details: dict[str, Any] = {"canonical": None, "layer": "extraction", "status": found.reason}
            return Judgement(found.outcome, 0.0, found.answer or None, found.reason, found.flags, details, microseconds)
        decisions = [pair.decision for pair in entry.pairs]
        for index, pair in enumerate(entry.pairs):
            if pair.question is not None:
                verdict = answers[pair.question]
                outcome, reason = verdict.outcome, verdict.reason
                if outcome == "gold":  # which this process understands (_check), so that it is the answer that nothing reads
                    outcome, reason = "unparsed", f"not understood ({decisions[index].reason}), and Math-Verify cannot read the gold"
                decisions[index] = Decision(outcome, reason, "math-verify")
                microseconds += verdict.microseconds
        best = min(decisions, key=lambda decision: BEST_FIRST.index(decision.outcome))
        canonical = mathematics.canonical(found.answer)
        details = {"canonical": canonical.text, "layer": best.layer, "status": "read" if canonical.is_understood else "not understood"}
        score = 1.0 if best.outcome == "correct" else 0.0
        microseconds += (time.perf_counter_ns() - begin) // 1000
        return Judgement(best.outcome, score, found.answer, best.reason, found.flags, details, microseconds)  # type: ignore[arg-type]
