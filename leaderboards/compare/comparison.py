"""Two runs, paired by problem: is B better than A, by how much, how sure is that, and on which problems.

    print(compare.render(compare.compare(run_a, run_b)))

Refuses what cannot be compared, names each thing that differs and the command that makes it equal (compare_protocol.py). n and seed may
differ: pass@1 does not depend on them. Left out: many runs at once (compare_many.py), and a decision for CI (gate.py).
"""

from dataclasses import dataclass, field
from typing import Any

from r1bench.harness.errors import UsageError
from r1bench.harness.records import Manifest, Run
from r1bench.harness.statistics import PairedDifference, paired
from r1bench.harness.statistics.evidence import Questions
from r1bench.leaderboards.board import ranking as board
from r1bench.leaderboards.board.ranking import Entry
from r1bench.leaderboards.compare.differences import MeasureDifference, ProblemDifference, by_problem, identical, measures, noise_floor
from r1bench.leaderboards.compare.differences import to_json as measures_json
from r1bench.leaderboards.compare.text import render, render_measures, verdict
from r1bench.leaderboards.protocol import NO_PLACES, Disagreement, Places, again_command, check_comparable, disagreements

__all__ = [
    "Comparison",
    "Disagreement",
    "MeasureDifference",
    "ProblemDifference",
    "check_comparable",
    "compare",
    "disagreements",
    "is_same_evaluation",
    "render",
    "render_measures",
    "to_json",
    "verdict",
]


@dataclass(frozen=True)
class Comparison:
    """Two complete runs of one protocol and their paired difference, B - A, in fractions."""

    a: Entry
    b: Entry
    difference: PairedDifference
    """Of the scores."""
    level: float
    """Of every interval but those of `a` and `b`, which are rows of the board."""
    notes: tuple[str, ...] = ()
    """What a reader should know and that is no reason to refuse: other versions, the same checkpoint."""
    questions: Questions = "random"
    """Whether the intervals are about questions like these, or about these very questions."""
    measures: dict[str, MeasureDifference] = field(default_factory=dict)
    """'score', 'format', 'truncated', 'mixed', 'tokens', 'reasoning_tokens', 'han' -> both sides and difference, with intervals."""
    problems: tuple[ProblemDifference, ...] = ()
    """Every problem, those that B wins by most first, those that it loses by most last."""

    @property
    def p_value(self) -> float:
        """Two-sided, of 'neither is better': that of the interval, noise floor included."""
        return self.difference.p_value

    @property
    def wins(self) -> list[ProblemDifference]:
        """Problems that B answers better, largest difference first."""
        return [problem for problem in self.problems if problem.difference > 0]

    @property
    def losses(self) -> list[ProblemDifference]:
        """Problems that B answers worse, largest difference first."""
        return sorted((problem for problem in self.problems if problem.difference < 0), key=lambda each: (each.difference, each.id))


def is_same_evaluation(run_a: Run, run_b: Run) -> bool:
    """Whether both hold the very same texts and scores from the same checkpoint: a copy, or an exact repetition."""
    if run_a.manifest.checkpoint_digest != run_b.manifest.checkpoint_digest:
        return False
    said = [{sample.key: (sample.completion.text, sample.grade.score) for sample in run.samples} for run in (run_a, run_b)]
    return said[0] == said[1]


def _notes(a: Manifest, b: Manifest) -> tuple[str, ...]:
    """Differences that can move a score a little (versions, device, batch) and are worth a line."""
    found = []
    if a.checkpoint_digest == b.checkpoint_digest:
        found.append("A and B are one checkpoint: the difference is noise")
    pairs = {"sampler": (a.sampler, b.sampler), "batch size": (a.batch_size, b.batch_size)}
    for key in sorted(a.environment.keys() | b.environment.keys()):
        pairs[key] = (a.environment.get(key, "unknown"), b.environment.get(key, "unknown"))
    moved = [f"{what} {first} / {second}" for what, (first, second) in pairs.items() if first != second]
    if moved:
        found.append(f"made differently, which can move a score a little: {', '.join(moved)}")
    return tuple(found)


def _notes_on_error(run_a: Run, run_b: Run, questions: Questions, places: Places) -> list[str]:
    """What keeps an interval wide: the backends' own noise, and single samples, with the command that cures these."""
    noise = noise_floor(run_a, run_b)
    floor = f"the backends alone give B - A a standard error of {100 * noise:.2f} points, and the interval rests on no less"
    found = [floor] if noise else []
    sides = [(run.manifest, place) for run, place in zip((run_a, run_b), places, strict=True)]
    single = [(manifest, place) for manifest, place in sides if manifest.n == 1 and manifest.sampling["temperature"] > 0]
    if questions == "random" or not single:
        return found
    commands = " and ".join(filter(None, (again_command(one, one, samples=4, place=place) for one, place in single)))
    why = "with one sample per problem the spread within a problem is unknown, and the interval is that over problems"
    return [*found, f"{why}; top up with: {commands}" if commands else why]


def compare(
    run_a: Run,
    run_b: Run,
    *,
    level: float = 0.95,
    questions: Questions = "random",
    entry_a: Entry | None = None,
    entry_b: Entry | None = None,
    places: Places = NO_PLACES,
) -> Comparison:
    """B against A over the same problems. Raises ProtocolError where that would mean nothing.

    Two identical evaluations of one checkpoint have a difference of exactly 0 and method 'identical'.

    Args:
        questions: 'random' for an interval about questions like these, 'fixed' about these very questions, sampled again.
        entry_a, entry_b: the runs' rows (`board.entry`), where they are known already.
        places: the folders of runs that they lie in, for the commands that messages give.
    """
    if not 0 < level < 1:
        raise UsageError(f"level {level:g} is no confidence level; give one between 0 and 1, such as 0.95")
    check_comparable(run_a, run_b, places=places)
    found, difference = measures(run_a, run_b, level=level, questions=questions)
    notes = _notes(run_a.manifest, run_b.manifest)
    if is_same_evaluation(run_a, run_b):
        difference = paired.identical(difference)
        found = {key: identical(each) for key, each in found.items()}
        notes = ("A and B hold the same samples of one checkpoint", *notes[1:])
    return Comparison(
        a=entry_a or board.entry(run_a),
        b=entry_b or board.entry(run_b),
        difference=difference,
        level=level,
        notes=(*notes, *_notes_on_error(run_a, run_b, questions, places)),
        questions=questions,
        measures=found,
        problems=by_problem(run_a, run_b),
    )


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Plain JSON values, fractions not points. `difference` is that of the score, with p value; `measures` has the others too."""
    return {
        "a": comparison.a.to_json(),
        "b": comparison.b.to_json(),
        "questions": comparison.questions,
        "difference": comparison.difference._asdict(),
        "p_value": comparison.p_value,
        "measures": measures_json(comparison.measures),
        "problems": [{**each._asdict(), "difference": each.difference} for each in comparison.problems],
        "level": comparison.level,
        "notes": list(comparison.notes),
        "verdict": verdict(comparison),
    }
