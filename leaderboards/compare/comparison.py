"""Two runs, paired by problem: is B better than A, by how much, how sure is that, and on which problems.

    print(text.verdict(compare(tally_a, tally_b)))

Refuses what cannot be compared, names each thing that differs and the command that makes it equal (protocol.py). n and seed may differ:
pass@1 does not depend on them.
"""

from dataclasses import dataclass, field
from typing import Any

from r1bench.harness.errors import UsageError
from r1bench.harness.records import Manifest
from r1bench.harness.statistics import PairedDifference, paired
from r1bench.harness.statistics.evidence import Questions
from r1bench.harness.tally import Tally
from r1bench.leaderboards.board.entry import Entry, entry
from r1bench.leaderboards.compare import differences
from r1bench.leaderboards.compare.differences import MeasureDifference, ProblemDifference
from r1bench.leaderboards.compare.text import verdict
from r1bench.leaderboards.measures import failed_text, listed
from r1bench.leaderboards.protocol import again_command, check_comparable, is_same_evaluation, prompts_remark, redrawing


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
    remarks: tuple[str, ...] = ()
    """Those of both runs (`Tally.remarks`)."""
    questions: Questions = "random"
    """Whether the intervals are about questions like these, or about these very questions."""
    measures: dict[str, MeasureDifference] = field(default_factory=dict)
    """Key of the table of measures -> both sides and difference, with intervals."""
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


def _notes(a: Manifest, b: Manifest) -> tuple[str, ...]:
    """Differences that can move a score a little (versions, device, batch) and are worth a line."""
    found = []
    if a.checkpoint_digest == b.checkpoint_digest and a.sampler == b.sampler:
        found.append("A and B are one checkpoint: the difference is noise")
    made_a, made_b = a.made_with(), b.made_with()
    pairs: dict[str, tuple[Any, Any]] = {"sampler": (a.sampler, b.sampler), "batch size": (a.batch_size, b.batch_size)}
    pairs |= {key: (made_a.get(key, "unknown"), made_b.get(key, "unknown")) for key in sorted(made_a.keys() | made_b.keys())}
    moved = [f"{what} {first} / {second}" for what, (first, second) in pairs.items() if first != second]
    if remark := prompts_remark(a, b):
        found.append(remark)
    if moved:
        found.append(f"made differently, which can move a score a little: {', '.join(moved)}")
    return tuple(found)


def _notes_on_failed(a: Tally, b: Tally) -> list[str]:
    """Samples that failed, how they come to a score, and how far the difference could be off if all of them had gone one way."""
    told = [(letter, run, failed_text(len(run.failed), run.num_samples, run.lost)) for letter, run in (("A", a), ("B", b))]
    found = [f"{letter}: {text}; {redrawing(run)}" for letter, run, text in told if text]
    if lost := sorted({*a.lost, *b.lost}):
        found.append(f"{listed(lost)} {'are' if len(lost) > 1 else 'is'} out of B - A, having no sample on one side")
    if found:
        found.append(f"what failed could have moved B - A by up to {100 * (a.failed_share + b.failed_share):.1f} points")
    return found


def _notes_on_error(a: Tally, b: Tally, questions: Questions) -> list[str]:
    """What keeps an interval wide: the backends' own noise, and single samples, with the command that cures these."""
    noise = differences.noise_floor(a, b)
    floor = f"the backends alone give B - A a standard error of {100 * noise:.2f} points, and the interval rests on no less"
    found = [floor] if noise else []
    single = [run for run in (a, b) if run.manifest.n == 1 and run.manifest.sampling["temperature"] > 0]
    if questions == "random" or not single:
        return found
    again = (again_command(run.manifest, run.manifest, samples=4, place=run.place) for run in single)
    commands = " and ".join(filter(None, again))
    why = "with one sample per problem the spread within a problem is unknown, and the interval is that over problems"
    return [*found, f"{why}; top up with: {commands}" if commands else why]


def compare(
    a: Tally, b: Tally, *, level: float = 0.95, questions: Questions = "random", entry_a: Entry | None = None, entry_b: Entry | None = None
) -> Comparison:
    """B against A over the same problems. Raises ProtocolError where that would mean nothing.

    Two identical evaluations of one checkpoint have a difference of exactly 0 and method 'identical'.

    Args:
        questions: 'random' for an interval about questions like these, 'fixed' about these very questions, sampled again.
        entry_a, entry_b: the runs' rows (`entry`), where they are known already.
    """
    if not 0 < level < 1:
        raise UsageError(f"level {level:g} is no confidence level; give one between 0 and 1, such as 0.95")
    check_comparable(a, b)
    scores = differences.score_difference(a, b, level=level, questions=questions)
    found = differences.measures(a, b, scores, level=level, questions=questions)
    notes = _notes(a.manifest, b.manifest)
    if is_same_evaluation(a, b):
        scores = paired.identical(scores)
        found = {key: differences.identical(each) for key, each in found.items()}
        notes = ("A and B hold the same samples of one checkpoint", *notes[1:])
    return Comparison(
        a=entry_a or entry(a),
        b=entry_b or entry(b),
        difference=scores,
        level=level,
        notes=(*notes, *_notes_on_failed(a, b), *_notes_on_error(a, b, questions)),
        remarks=tuple(dict.fromkeys((*a.remarks, *b.remarks))),
        questions=questions,
        measures=found,
        problems=differences.by_problem(a, b),
    )


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Plain JSON values, fractions not points. `difference` is that of the score, with p value; `measures` has the others too."""
    return {
        "a": comparison.a.to_json(),
        "b": comparison.b.to_json(),
        "questions": comparison.questions,
        "difference": comparison.difference._asdict(),
        "p_value": comparison.p_value,
        "measures": {key: each._asdict() for key, each in comparison.measures.items()},
        "problems": [{**each._asdict(), "difference": each.difference} for each in comparison.problems],
        "level": comparison.level,
        "notes": list(comparison.notes),
        "remarks": list(comparison.remarks),
        "verdict": verdict(comparison),
    }
