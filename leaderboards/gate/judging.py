"""The gate as a whole: what is missing of the candidate is drawn as the baseline was made, then judged. Prints nothing.

    references = find_baseline("board:main", runs, ["gsm8k", "math500"])
    verdict = gate("ckpt/", references, rules, Drawing(runs))

An adaptive gate draws rounds of samples for each task until its verdict is certain. Runs that exist are topped up: the candidate's, and the
baseline's where its checkpoint is at hand. The same command goes on with what is stored and sees the same looks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from r1bench.harness.errors import CheckpointError, UsageError, quoted
from r1bench.harness.evaluation.drawing import IMPORTED, Drawing, check_drawable
from r1bench.harness.records import Manifest
from r1bench.harness.store.runs import read_problems
from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate import rounds
from r1bench.leaderboards.gate import verdict as gating
from r1bench.leaderboards.gate.baselines import recognised
from r1bench.leaderboards.gate.guards import check_recorded
from r1bench.leaderboards.gate.references import Reference, find_candidate, first
from r1bench.leaderboards.gate.rounds import Course
from r1bench.leaderboards.gate.rules import Rules
from r1bench.leaderboards.gate.text import round_line
from r1bench.leaderboards.gate.verdict import Verdict
from r1bench.leaderboards.measures.reading import of_run, read
from r1bench.leaderboards.protocol import check_protocol, check_shared


def gate(
    name: str,
    references: Sequence[Reference],
    rules: Rules,
    drawing: Drawing,
    *,
    is_adaptive: bool = False,
    most_samples: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Verdict:
    """The verdict on the candidate of this name; what is missing of it is drawn first. `report` is told each adaptive round.

    Raises:
        NoEvidenceError: so much failed on a task that nothing of it can be judged, whatever the other tasks say.
        any other R1benchError: before anything is drawn where that can be known.
    """
    rules.check()
    judged = gating.check_tasks([each.task for each in references], rules)
    if most_samples is not None and not is_adaptive:
        raise UsageError("--max-samples is for --adaptive; without it the candidate gets as many samples as the baseline has")
    stored = find_candidate(name, references, drawing.runs)
    for each in references:
        check_recorded(each.tally, rules.guards)
        if each.task in stored:
            check_protocol(each.tally, stored[each.task])
        else:
            check_drawable(each.tally.manifest)
    to_draw = [each for each in references if each.task not in stored]
    drawing.check(name, [(each.tally.manifest, each.asked(drawing)) for each in to_draw])
    courses, pairs = {}, []
    for each in references:
        if is_adaptive and each.task in judged:
            pair, courses[each.task] = follow(each, name, stored.get(each.task), rules, drawing, len(judged), most_samples, report)
            pairs.append(pair)
            continue
        candidate = stored.get(each.task) or drawn(each, name, drawing, each.tally.manifest.n)
        pairs.append((recognised(candidate, each.tally), each.tally))
    verdict = gating.judge_tasks(pairs, rules, courses or None)
    return replace(verdict, chosen=tuple(each.choice for each in references if each.choice))


def parse_points(texts: Sequence[str], option: str) -> tuple[float | None, Mapping[str, float]]:
    """`("2", "gsm8k=1.5")` as the value for all tasks (None where not given) and those of some.

    Raises:
        UsageError: not a number, or one given twice.
    """
    found: dict[str, float] = {}
    for text in texts:
        task, is_named, value = text.rpartition("=")
        try:
            points = float(value)
        except ValueError as error:
            raise UsageError(f"{option} {quoted(text)} is not a number of points; give {option} 2.0 or {option} TASK=1.5") from error
        if task in found or (is_named and not task):
            raise UsageError(f"{option} {quoted(text)}: give one value for each task, and one for all others")
        found[task] = points
    return found.pop("", None), found


def check_adaptive(held: Manifest, rules: Rules) -> None:
    """Raises UsageError for what cannot be sampled in rounds, saying why."""
    what = f"{held.name} on {held.task}"
    if rules.questions == "random":
        raise UsageError("--adaptive draws more samples of the same questions, and says nothing of others; drop --questions random")
    if held.sampler == IMPORTED:
        raise UsageError(f"--adaptive draws samples, and {what} was imported: nothing can be drawn in its way; leave --adaptive out")
    if held.sampling.get("temperature") == 0:
        raise UsageError(f"--adaptive draws more samples, and {what} is greedy: all of them would be the same; leave --adaptive out")


def can_draw(drawing: Drawing, tally: Tally) -> bool:
    """Whether a run lies where runs are written, and the checkpoint that it was made of is still at hand, unchanged."""
    if not (drawing.runs / tally.id).is_dir():
        return False
    try:
        return drawing.find(tally.manifest.checkpoint, tally.manifest).digest == tally.manifest.checkpoint_digest
    except (CheckpointError, UsageError):  # it is gone, or the sampler that it was drawn with
        return False


def top_up(drawing: Drawing, tally: Tally, n: int) -> Tally:
    """The run with n samples of each problem; the one that is stored if it has them."""
    held = tally.manifest
    if not tally.shortfall and held.n >= n:
        return tally
    problems = read_problems(drawing.runs / tally.id)
    return of_run(drawing.draw(held.checkpoint, held, problems, n=n, name=held.name, is_top_up=True), place=drawing.runs)


def first_look(manifest: Manifest) -> int:
    """Samples of the first round that has two or more: what a design is planned with, however much was drawn since."""
    return next((n for n in manifest.rounds if n >= 2), manifest.n)


def follow(
    reference: Reference,
    name: str,
    stored: Tally | None,
    rules: Rules,
    drawing: Drawing,
    num_tasks: int,
    most_samples: int | None,
    report: Callable[[str], None],
) -> tuple[tuple[Tally, Tally], Course]:
    """Look after look at one task. Returns the (candidate, baseline) tallies of the last one, and the course of all.

    Raises:
        UsageError: samples cannot be drawn, or not as many as the first round needs.
    """
    held, rule = reference.tally, rules.of(reference.task)
    for tally in (held, *([stored] if stored else [])):
        check_adaptive(tally.manifest, rules)
    baseline = read(held.folder) if held.folder else None
    second = baseline if baseline and can_draw(drawing, baseline) else None
    planned = first(second, first_look(second.manifest)) if second else held
    below = rounds.alpha_below(rules.alpha, num_tasks, has_guards=bool(rules.guards))
    design = rounds.design(planned, rule, alpha=rules.alpha, alpha_below=below, is_baseline_fixed=second is None)
    if is_baseline_itself(held, name, stored, drawing):
        return (held, held), rounds.look(Course(design, (), True), held, held)
    allowed = [n for n in design.rounds if most_samples is None or n <= most_samples]
    if not allowed:
        raise UsageError(f"--max-samples {most_samples} ends before the first round of {design.rounds[0]} samples on {reference.task}")
    course, pair = Course(design, (), second is None), None
    for candidate, old in looks(reference, second, name, stored, drawing, allowed):
        pair = candidate, old
        check_shared(old, candidate)
        course = rounds.look(course, *pair)
        report(f"{reference.task}: {round_line(course.last, design.fixed_samples)}")
        if course.last.stop != "go on":
            break
    if pair is None:  # a stored candidate has too few samples for the first look, and cannot be topped up
        assert stored is not None
        raise UsageError(
            f"--adaptive begins with {design.rounds[0]} samples of each problem on {reference.task}; run {stored.id} has"
            f" {stored.manifest.n}, and its checkpoint {stored.manifest.checkpoint} is not at hand; give the checkpoint"
        )
    return pair, course


def is_baseline_itself(baseline: Tally, name: str, stored: Tally | None, drawing: Drawing) -> bool:
    """Whether the candidate is the baseline's own run, or the checkpoint that it is of: its samples are known, and no others are drawn.

    With another device, batch size or option of the sampler the same checkpoint may say something else, and is sampled.
    """
    if baseline.folder is None:
        return False
    if stored is not None:
        return stored.folder is not None and stored.folder.resolve() == baseline.folder.resolve()
    if any(value != "auto" for option, value in drawing.sampler_options.items() if option != "allow_pickle"):
        return False
    return drawing.find(name, baseline.manifest).digest == baseline.manifest.checkpoint_digest


def drawn(reference: Reference, name: str, drawing: Drawing, n: int) -> Tally:
    """The candidate's first samples on a task, drawn as the baseline's were."""
    return of_run(drawing.draw(name, reference.tally.manifest, reference.asked(drawing), n=n), place=drawing.runs)


def looks(
    reference: Reference, second: Tally | None, name: str, stored: Tally | None, drawing: Drawing, sizes: Sequence[int]
) -> Iterator[tuple[Tally, Tally]]:
    """Round by round the first so many samples of each problem: the candidate's, and the baseline's, which is `second` if it is topped up.

    Ends early where a stored candidate has too few and its checkpoint is not at hand.
    """
    candidate, can_top_up = stored, stored is None or can_draw(drawing, stored)
    for n in sizes:
        if candidate is None:
            candidate = drawn(reference, name, drawing, n)
        elif can_top_up:
            candidate = top_up(drawing, candidate, n)
        elif candidate.manifest.n < n:
            return
        if second is not None:
            second = top_up(drawing, second, n)
        baseline = first(second, n) if second else reference.tally
        yield recognised(first(candidate, n), baseline), baseline
