"""The adaptive gate: rounds of samples for one task until its verdict is certain. Prints nothing; `report` is told each round.

Runs that exist are topped up: the candidate's, and the baseline's where its checkpoint is at hand. The same command goes on with what is
stored and sees the same looks. Left out: the test (leaderboards/gate/rounds.py, harness/statistics/sequential.py).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from r1bench.harness.errors import CheckpointError, UsageError
from r1bench.harness.evaluation.drawing import IMPORTED, Drawing
from r1bench.harness.records import Manifest, Run
from r1bench.harness.store.runs import read_problems, read_run
from r1bench.leaderboards.gate.references import Reference

if TYPE_CHECKING:
    from r1bench.leaderboards.gate.ledger import Ledger
    from r1bench.leaderboards.gate.rounds import Course
    from r1bench.leaderboards.gate.rules import Rules


def check_adaptive(held: Manifest, rules: "Rules") -> None:
    """Raises UsageError for what cannot be sampled in rounds, saying why."""
    what = f"{held.name} on {held.task}"
    if rules.questions == "random":
        raise UsageError("--adaptive draws more samples of the same questions, and says nothing of others; drop --questions random")
    if held.sampler == IMPORTED:
        raise UsageError(f"--adaptive draws samples, and {what} was imported: nothing can be drawn in its way; leave --adaptive out")
    if held.sampling.get("temperature") == 0:
        raise UsageError(f"--adaptive draws more samples, and {what} is greedy: all of them would be the same; leave --adaptive out")


def can_draw(drawing: Drawing, run: Run) -> bool:
    """Whether a run lies where runs are written, and the checkpoint that it was made of is still at hand, unchanged."""
    if not (drawing.runs / run.id).is_dir():
        return False
    try:
        return drawing.find(run.manifest.checkpoint, run.manifest).digest == run.manifest.checkpoint_digest
    except (CheckpointError, UsageError):  # it is gone, or the sampler that it was drawn with
        return False


def top_up(drawing: Drawing, run: Run, n: int) -> Run:
    """The run with n samples of each problem; the one that is stored if it has them."""
    held = run.manifest
    if run.is_complete and held.n >= n:
        return run
    problems = read_problems(drawing.runs / run.id)
    return drawing.draw(held.checkpoint, held, problems, n=n, name=held.name, is_top_up=True)


def first_look(run: Run) -> int:
    """Samples of the first round that has two or more: what a design is planned with, however much was drawn since."""
    return next((n for n in run.manifest.rounds if n >= 2), run.manifest.n)


def follow(
    reference: Reference,
    name: str,
    stored: Run | None,
    rules: "Rules",
    drawing: Drawing,
    num_tasks: int,
    most_samples: int | None,
    report: Callable[[str], None],
) -> tuple[tuple["Ledger", "Ledger"], "Course"]:
    """Look after look at one task. Returns the (candidate, baseline) ledgers of the last one, and the course of all.

    Raises:
        UsageError: samples cannot be drawn, or not as many as the first round needs.
    """
    from r1bench.leaderboards.gate import rounds as gate_rounds
    from r1bench.leaderboards.gate import text as gate_text
    from r1bench.leaderboards.gate.guards import recorded_names
    from r1bench.leaderboards.gate.ledger import of_run
    from r1bench.leaderboards.protocol import place_of

    for manifest in (reference.ledger.manifest, *([stored.manifest] if stored else [])):
        check_adaptive(manifest, rules)
    baseline = read_run(reference.folder) if reference.folder else None
    is_fixed = baseline is None or not can_draw(drawing, baseline)
    also, rule = recorded_names(rules.guards), rules.of(reference.task)
    place = place_of(reference.folder) if reference.folder else None
    planned = of_run(baseline, first=first_look(baseline), place=place) if baseline and not is_fixed else reference.ledger
    below = gate_rounds.alpha_below(rules.alpha, num_tasks, has_guards=bool(rules.guards))
    design = gate_rounds.design(planned, rule, alpha=rules.alpha, alpha_below=below, is_baseline_fixed=is_fixed)
    if is_baseline_itself(reference, name, stored, drawing):
        same = reference.ledger, reference.ledger
        return same, gate_rounds.look(gate_rounds.Course(design, (), True), *same)
    allowed = [n for n in design.rounds if most_samples is None or n <= most_samples]
    if not allowed:
        raise UsageError(f"--max-samples {most_samples} ends before the first round of {design.rounds[0]} samples on {reference.task}")
    drawn = draws(reference, baseline, name, stored, drawing, allowed, is_fixed=is_fixed)
    course = gate_rounds.Course(design, (), is_fixed)
    for n, candidate, second in drawn:
        old = of_run(second, first=n, also=also, place=place) if second else reference.ledger
        pair = of_run(candidate, first=n, also=also, place=drawing.place(candidate)), old
        course = gate_rounds.look(course, *pair)
        report(f"{reference.task}: {gate_text.round_line(course.rounds[-1], design.fixed_samples)}")
        if course.stop != "go on":
            break
    if not course.rounds:
        raise too_few(reference.task, design.rounds[0], stored)
    return pair, course


def too_few(task: str, first_round: int, stored: Run | None) -> UsageError:
    """A stored candidate that has too few samples for the first look, and cannot be topped up."""
    assert stored is not None
    return UsageError(
        f"--adaptive begins with {first_round} samples of each problem on {task}; run {stored.id} has"
        f" {stored.manifest.n}, and its checkpoint {stored.manifest.checkpoint} is not at hand; give the checkpoint"
    )


def is_baseline_itself(reference: Reference, name: str, stored: Run | None, drawing: Drawing) -> bool:
    """Whether the candidate is the baseline's own run, or the checkpoint that it is of: its samples are known, and no others are drawn.

    With another device, batch size or option of the sampler the same checkpoint may say something else, and is sampled.
    """
    if reference.folder is None:
        return False
    if stored is not None:
        there = drawing.place(stored)
        return there is not None and (there / stored.id).resolve() == reference.folder.resolve()
    if any(value != "auto" for option, value in drawing.sampler_options.items() if option != "allow_pickle"):
        return False
    held = reference.ledger.manifest
    return drawing.find(name, held).digest == held.checkpoint_digest


def draws(
    reference: Reference, baseline: Run | None, name: str, stored: Run | None, drawing: Drawing, rounds: Sequence[int], *, is_fixed: bool
) -> Iterator[tuple[int, Run, Run | None]]:
    """Round by round: its samples per problem, the candidate's run with them, and the baseline's where it is topped up.

    Ends early where a stored candidate has too few and its checkpoint is not at hand.
    """
    candidate, second = stored, None if is_fixed else baseline
    can_top_up = stored is None or can_draw(drawing, stored)
    for n in rounds:
        if candidate is None:
            candidate = drawing.draw(name, reference.ledger.manifest, reference.asked(drawing), n=n)
        elif can_top_up:
            candidate = top_up(drawing, candidate, n)
        elif candidate.manifest.n < n:
            return
        if second is not None:
            second = top_up(drawing, second, n)
        yield n, candidate, second
