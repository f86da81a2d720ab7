"""`r1bench eval --repeat-check`: asks a backend the very same again and counts what comes out differently.

A part of a complete run is drawn a second time with the same seeds, in the same batches, by the same sampler, and graded. What differs is
the backend's own nondeterminism (order of additions on a GPU, kernels chosen by batch shape); with another batch size it also holds what
batching changes. The result is `noise.json` beside the samples; the run itself is only read.

The standard error. d_i is the difference between the two means of problem i over the k_i samples drawn twice. Both passes are draws of one
backend, so E[d_i^2] is twice the variance v_i that nondeterminism gives one such mean, and a problem of the run has n samples that flip
independently of each other, k_i / n times that variance. Over the N problems of the run, of which m were drawn twice:

    error^2 = 1 / N * 1 / m * sum_i (d_i^2 / 2) * (k_i / n)

It is a floor and not an addition: at temperature > 0 a completion that comes out differently is another sample, which the resampling error
counts already.
"""

import json
import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from r1bench.harness.errors import StorageError, UsageError
from r1bench.harness.evaluation.evaluate import all_requests, environment, pairs_of
from r1bench.harness.evaluation.grading import Drawn, graded
from r1bench.harness.progress import Progress
from r1bench.harness.records import Noise, Problem, Run, Sampling, Template
from r1bench.harness.samplers import Choice, Request, Requests, Sampler
from r1bench.harness.store.disk import refusals, write_whole
from r1bench.harness.store.runs import NOISE

NUM_PROBLEMS = 32
"""Problems that are asked again where nobody says how many,"""
MOST_SAMPLES = 512
"""unless they have more samples than this: then fewer problems."""


class Again(NamedTuple):
    """How much is drawn again."""

    num_problems: int | None = None
    """At least; None for 32, and fewer where these have more than 512 samples."""
    batch_size: int | None = None
    """Sequences at once, of a sampler with an option of that name; None repeats the run's own batches."""


def chosen_batches(batches: Sequence[list[Request]], num_problems: int, most_samples: int | None = None) -> list[list[Request]]:
    """Whole batches, evenly spread over the plan, that hold so many problems or more (or all there are): the same every time.

    Batches stay whole because the last bits of a logit can depend on what else is in them.
    """
    total = len({request.prompt.problem_id for batch in batches for request in batch})
    found: list[list[Request]] = []
    for count in range(1, len(batches) + 1):
        more = [batches[(2 * place + 1) * len(batches) // (2 * count)] for place in range(count)]
        if found and most_samples is not None and sum(map(len, more)) > most_samples:
            break
        found = more
        if len({request.prompt.problem_id for batch in found for request in batch}) >= min(num_problems, total):
            break
    return found


def asked(num_problems: int | None, batch_size: int | None, choice: Choice) -> Again | None:
    """What `--repeat-check` and `--repeat-batch-size` ask for; None where nothing is repeated.

    Raises UsageError: a batch size without a repetition, or a sampler that cannot be asked so.
    """
    if batch_size is not None and num_problems is None:
        raise UsageError("--repeat-batch-size is about asking again; give --repeat-check too")
    if num_problems is None:
        return None
    if choice.kind.repeats == "no":
        raise UsageError(f"sampler {choice.name!r} repeats nothing: another time every sample is another one; leave --repeat-check out")
    if batch_size is not None and not hasattr(choice.options, "batch_size"):
        raise UsageError(f"sampler {choice.name!r} has no option batch_size; leave --repeat-batch-size out")
    return Again(num_problems or None, batch_size)


def repeat_check(
    run: Run,
    folder: Path,
    problems: Sequence[Problem],
    sampler: Sampler,
    template: Template,
    again: Again,
    *,
    grading_workers: int = 1,
    sandbox: str = "auto",
) -> Noise:
    """Draw a part of a complete run again, compare, and store what was found as `noise.json`, replacing an older one.

    Args:
        again: how much is drawn again, and in which batches.

    Raises:
        StorageError: the run is incomplete, or its folder cannot be written. SandboxError, GraderError: as in `evaluate`.
    """
    from r1bench.tasks.grading import GradingPool

    if not run.is_complete:
        raise StorageError(f"run {run.id} is incomplete and cannot be repeated; finish it by running the same evaluation again")
    prompts = sampler.prompts(template, pairs_of(problems))
    whole = all_requests(prompts, run.manifest.rounds)
    most = MOST_SAMPLES if again.num_problems is None else None
    chosen = [each for batch in chosen_batches(sampler.together(whole), again.num_problems or NUM_PROBLEMS, most) for each in batch]
    requests = Requests(whole, {each.key for each in run.samples} - {each.key for each in chosen})
    if again.batch_size:
        sampler, requests = copy(sampler), Requests([chosen])  # with what it has loaded
        sampler.options = replace(sampler.options, batch_size=again.batch_size)
    by_id, drawn = {problem.id: problem for problem in problems}, []
    with (
        GradingPool(run.manifest.grader, num_workers=grading_workers, sandbox=sandbox).prepare() as pool,
        Progress(f"{run.manifest.name} on {run.manifest.task} again", len(requests)) as progress,
    ):
        for request, completion in sampler.generate(requests, Sampling.from_json(run.manifest.sampling)):
            drawn.append(Drawn(*request.key, completion))
            progress.advance()
        second = {
            each.key: (each.completion.text, grade.score)
            for each, grade in graded(pool, by_id, drawn)
            if grade.outcome != "failed" and each.completion.finish_reason != "error"
        }
    made_by = {**environment(sampler), "batch size": str(again.batch_size or run.manifest.batch_size)}
    found = noise_of(run, second, made_by)
    with refusals(folder):
        write_whole(folder / NOISE, json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n")
    return found


def noise_of(run: Run, second: Mapping[tuple[str, int], tuple[str, float]], made_by: dict[str, str]) -> Noise:
    """What differs between the run's samples and their repetition, given as text and score. The formula stands at the top of this file.

    Samples that failed, the first or the second time, differ by nothing that is known. Raises UsageError where no others are left.
    """
    pairs = [(sample, *second[sample.key]) for sample in run.samples if sample.key in second and not sample.has_failed]
    if not pairs:
        raise UsageError(f"--repeat-check found nothing to compare: what was asked again of run {run.id} failed; run it again")
    by_problem: dict[str, list[float]] = {}
    for sample, _, score in pairs:
        by_problem.setdefault(sample.problem_id, []).append(score - sample.grade.score)
    return Noise(
        num_problems=len(by_problem),
        num_samples=len(pairs),
        num_identical=sum(text == sample.completion.text for sample, text, _ in pairs),
        num_flips=sum(score != sample.grade.score for sample, _, score in pairs),
        mean_difference=math.fsum(math.fsum(row) / len(row) for row in by_problem.values()) / len(by_problem),
        error=noise_error(list(by_problem.values()), run.manifest.num_problems, run.manifest.n),
        environment=made_by,
    )


def noise_error(differences: Sequence[Sequence[float]], num_problems: int, n: int) -> float:
    """Standard error of pass@1 over `num_problems` with n samples each; a row of `differences` is one problem, second - first."""
    squares = math.fsum((math.fsum(row) / len(row)) ** 2 / 2 * len(row) / n for row in differences)
    return math.sqrt(squares / len(differences) / num_problems)


def most_flips(num_samples: int, level: float = 0.95) -> float:
    """Upper bound of the rate of flips where none of so many samples did (Clopper and Pearson 1934): 1 - (1 - level)^(1 / samples)."""
    return 1 - (1 - level) ** (1 / num_samples)


def render(run: Run) -> str:
    """What was found, in one line for a person; '' where nothing was repeated."""
    found = run.noise
    if found is None:
        return ""
    texts = f"{found.num_identical} of {found.num_samples} texts identical"
    problems = f"{found.num_problems} problem{'s' if found.num_problems != 1 else ''}"
    where = f"{run.manifest.name} on {run.manifest.task}, {problems} asked again"
    if found.num_flips:
        flips = f"{found.num_flips} score{'s flip' if found.num_flips > 1 else ' flips'}"
        effect = f"the backend alone gives pass@1 a standard error of {100 * found.error:.2f} points"
    else:
        flips = "no score flips"
        effect = f"at most {100 * most_flips(found.num_samples):.1f} % do (95 % bound)"
    known = run.manifest.environment
    moved = [f"{key} {known[key]} / {value}" for key, value in found.environment.items() if key in known and known[key] != value]
    remark = f"; made differently now: {', '.join(moved)}" if moved else ""
    return f"Repeat check of {where}: {texts}, {flips}; {effect}{remark}."
