"""Evaluation: task x sampler -> completions -> grades -> run folder, each sample stored as soon as it is graded.

A run that was interrupted goes on where it stopped, and one with more samples than before draws only the new ones. What failed before gets
another try: it is drawn again where generating broke off, and graded again where grading did.
"""

import platform
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.harness import __version__
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import ContextError, UsageError
from r1bench.harness.evaluation.grading import Drawn, GradingAside, failures, grade_and_store
from r1bench.harness.models.prompts import NO_CHAT_TEMPLATE
from r1bench.harness.models.turns import endless, unused_stops
from r1bench.harness.progress import Progress, note
from r1bench.harness.records import (
    ENDS_WITH,
    FINISH_REASONS,
    Checkpoint,
    Completion,
    Manifest,
    Problem,
    RenderedPrompt,
    Run,
    Sample,
    Sampling,
    Template,
    is_count,
)
from r1bench.harness.samplers import Prompt, Request, Requests, Sampler
from r1bench.harness.samplers.options import by_scope
from r1bench.harness.store.prompts import digest_of_prompts
from r1bench.harness.store.runs import open_run, read_run
from r1bench.harness.thinking import unknown_markings

if TYPE_CHECKING:
    from r1bench.tasks.task import Task

MOST_SAMPLES = 100_000
"""Per problem: beyond that it is a slip of the finger."""


def check_sampling(sampling: Sampling) -> None:
    """Refuse values that no sampler can honour. Raises UsageError: naming the option."""
    temperature = sampling.temperature
    rules = (
        (1 <= sampling.n <= MOST_SAMPLES, f"--samples must lie within 1 ... {MOST_SAMPLES}, and is {sampling.n}"),
        (sampling.max_tokens >= 1, f"--max-tokens must be at least 1, not {sampling.max_tokens}"),
        (
            temperature == 0 or 1e-3 <= temperature <= 100,
            f"--temperature must be 0 (greedy) or lie within 0.001 ... 100, and is {temperature}",
        ),
        (0 < sampling.top_p <= 1, f"--top-p must lie in (0, 1], and is {sampling.top_p}"),
        (sampling.top_k >= 0, f"--top-k must not be negative, and is {sampling.top_k}"),
        (temperature > 0 or sampling.n == 1, f"--temperature 0 is greedy: {sampling.n} samples would all be the same; use --samples 1"),
    )
    for is_kept, message in rules:
        if not is_kept:
            raise UsageError(message)


def check_context(prompts: Sequence[Prompt], sampling: Sampling, sampler: Sampler) -> None:
    """Refuse, before anything is generated, what would run past the model's context; a sampler that does not know it gets a note.

    Raises ContextError: naming the longest prompt and the budget that fits.
    """
    lengths = {prompt.problem_id: prompt.num_tokens for prompt in prompts if prompt.num_tokens is not None}
    if sampler.context_length is None or not lengths:
        note(f"sampler {sampler.name} does not know how long prompts, or prompt and completion together, may be: nothing is checked")
        return
    longest = max(lengths, key=lambda problem_id: lengths[problem_id])
    room = sampler.context_length - lengths[longest]
    if sampling.max_tokens > room:
        fitting = f"use --max-tokens {room} or less"
        cure = fitting if room > 0 else "this checkpoint cannot read it; leave it out with --limit or choose another task"
        raise ContextError(
            f"problem {longest!r} has a prompt of {lengths[longest]} tokens; with --max-tokens {sampling.max_tokens} "
            f"that exceeds the model's context of {sampler.context_length}; {cure}"
        )


def all_requests(prompts: Sequence[Prompt], rounds: Sequence[int]) -> list[list[Request]]:
    """Every request of a run, round by round."""
    return [
        [Request(prompt, index) for prompt in prompts for index in range(first, last)]
        for first, last in zip((0, *rounds), rounds, strict=False)
    ]


def environment(sampler: Sampler) -> dict[str, str]:
    """What produced the samples: versions, device, platform."""
    return {"r1bench": __version__, "python": platform.python_version(), "platform": platform.machine(), **sampler.describe()}


def what_was_asked(task: "Task", problems: Sequence[Problem]) -> dict[str, Any]:
    """The fields of a manifest that follow from a task and its problems."""
    from r1bench.tasks.grading import GRADERS

    return {
        "task": task.name,
        "task_version": task.version,
        "problems_digest": digest_of([problem.digest() for problem in problems]),
        "num_problems": len(problems),
        "grader": task.grader,
        "grader_version": GRADERS[task.grader].version,
    }


def pairs_of(problems: Sequence[Problem]) -> list[tuple[str, str]]:
    """(problem id, question) pairs, as samplers take them."""
    return [(problem.id, problem.prompt) for problem in problems]


def rendered_prompts(prompts: Sequence[Prompt]) -> list[RenderedPrompt]:
    """What the model reads, to be stored; none where the sampler does not know it, which shows in tokens that it cannot count."""
    found = [RenderedPrompt(each.problem_id, each.text, each.num_tokens) for each in prompts if each.num_tokens is not None]
    return found if len(found) == len(prompts) else []


def what_was_read(template: Template, problems: Sequence[Problem], rendered: Sequence[RenderedPrompt]) -> dict[str, Any]:
    """The fields of a manifest that follow from what the model reads."""
    if not rendered:
        return {}
    filled = [template.fill(problem.prompt) for problem in problems]
    texts = [prompt.text for prompt in rendered]
    if template.kind == "chat":
        rendering = "plain" if texts == [f"{text}\n" for text in filled] else "chat"
    else:
        rendering = "template" if texts == filled else "sampler"
    return {"prompts_digest": digest_of_prompts(rendered), "rendering": rendering}


def make_manifest(
    task: "Task",
    problems: Sequence[Problem],
    checkpoint: Checkpoint,
    sampler: Sampler,
    sampling: Sampling,
    template: Template,
    name: str,
    source: str,
) -> Manifest:
    return Manifest(
        **what_was_asked(task, problems),
        checkpoint=source,
        checkpoint_digest=checkpoint.digest,
        name=name or checkpoint.name,
        sampler=sampler.name,
        template=template.name,
        template_hash=template.hash,
        sampling=sampling.to_json(),
        environment=environment(sampler),
        command=shlex.join(["r1bench", *sys.argv[1:]]),
        rounds=(sampling.n,),
        batch_size=size if is_count(size := getattr(sampler.options, "batch_size", 0)) else 0,
        sampler_options=by_scope(sampler.options),
        stage=checkpoint.stage,
        parent=checkpoint.parent,
    )


def evaluate(
    task: "Task",
    problems: Sequence[Problem],
    checkpoint: Checkpoint,
    sampler: Sampler,
    sampling: Sampling,
    template: Template,
    root: Path,
    *,
    name: str = "",
    source: str = "",
    grading_workers: int = 1,
    sandbox: str = "auto",
) -> Run:
    """Draw, grade and store what is missing of a run, and return the whole of it.

    Everything that can be refused is refused before the first token: sampling values, context, the folder.

    Raises UsageError, ContextError, StorageError, GraderError, SandboxError.
    """
    from r1bench.tasks.grading import GradingPool

    check_sampling(sampling)
    prompts = sampler.prompts(template, pairs_of(problems))
    check_context(prompts, sampling, sampler)
    rendered = rendered_prompts(prompts)
    manifest = make_manifest(task, problems, checkpoint, sampler, sampling, template, name, source or checkpoint.path)
    manifest = replace(manifest, **what_was_read(template, problems, rendered))
    note_oddities(checkpoint, manifest)
    by_id = {problem.id: problem for problem in problems}
    with (
        GradingPool(task.grader, num_workers=grading_workers, sandbox=sandbox).prepare() as pool,
        open_run(root, manifest, problems, rendered) as writer,
    ):
        again = ungraded(writer.failed.values())
        missing = Requests(all_requests(prompts, writer.manifest.rounds), writer.keys | {each.key for each in again})
        total, label = len(problems) * writer.manifest.n, f"{writer.manifest.name} on {task.name}"
        with Progress(label, total, done=writer.num_samples) as progress:

            def store(drawn: Sequence[Drawn]) -> None:
                before = writer.num_samples
                try:
                    grade_and_store(pool, writer, by_id, drawn, sampler.count_tokens)
                finally:
                    progress.advance(writer.num_samples - before)

            with GradingAside(store) as aside:
                for stored in again:
                    aside.add(stored)
                for drawn in checked(sampler, missing, sampling) if missing else ():
                    aside.add(drawn)
    run = read_run(writer.folder)
    note_unknown(run)
    return run


def note_oddities(checkpoint: Checkpoint, manifest: Manifest) -> None:
    """Say on stderr, before anything is drawn, what is odd about how a checkpoint is asked and where it ends."""
    if ENDS_WITH in manifest.environment:
        note(endless(checkpoint.path))
    if stops := unused_stops(checkpoint.path):
        note(stops)
    if manifest.rendering == "plain":
        note(f"checkpoint {checkpoint.path} {NO_CHAT_TEMPLATE}")


def note_unknown(run: Run) -> None:
    """Say on stderr how many answers of a run have a mark of reasoning that is not known."""
    if unknown := unknown_markings((sample.grade.unknown_mark for sample in run.samples), "sample"):
        note(f"{run.manifest.name} on {run.manifest.task}: {unknown}")


def render_failed(run: Run) -> str:
    """Why samples of a run have no score, and what gives them one; '' where none failed."""
    if not run.num_failed:
        return ""
    count, what = failures(run), f"{run.manifest.name} on {run.manifest.task}"
    reasons = Counter(each.grade.reason for each in run.samples if each.has_failed and each.completion.finish_reason != "error")
    most = f" ({'most often' if len(reasons) > 1 else 'because of'}: {reasons.most_common(1)[0][0]})" if reasons else ""
    return (
        f"{what}: of {run.num_failed:,} samples that failed, {count['generating']:,} broke off in generating and {count['grading']:,} in"
        f" grading{most}; the same command again gives them another try."
    )


def ungraded(failed: Iterable[Sample]) -> list[Drawn]:
    """Of samples that failed those that were generated: they are graded again. The others are drawn again."""
    return [Drawn(*each.key, each.completion) for each in failed if each.completion.finish_reason != "error"]


def checked(sampler: Sampler, missing: Requests, sampling: Sampling) -> Iterator[Drawn]:
    """What a sampler draws, held to what it was asked for before anything of it is stored.

    What comes twice counts once. Raises UsageError, naming the sampler: a request that nobody made; no completion; requests left out.
    """
    asked = {request.key for request in missing}
    waiting = set(asked)
    for request, completion in sampler.generate(missing, sampling):
        what = f"sampler {sampler.name!r} on problem {request.key[0]!r}, sample {request.key[1]}"
        if request.key not in asked:
            raise UsageError(f"{what}: it was not asked for that; mend the sampler")
        if fault := completion_fault(completion):
            raise UsageError(f"{what}: {fault}; mend the sampler, and the same command goes on")
        if request.key in waiting:
            waiting.remove(request.key)
            yield Drawn(*request.key, completion)
    if waiting:
        raise UsageError(f"sampler {sampler.name!r} left out {len(waiting)} of {len(missing)} samples; the same command draws them")


def completion_fault(completion: Any) -> str:
    """Why something cannot be stored as a completion; '' where it can."""
    if not isinstance(completion, Completion) or not isinstance(completion.text, str):
        return f"it gave {type(completion).__name__} instead of a completion with a text"
    if completion.finish_reason not in FINISH_REASONS:
        return f"finish_reason {completion.finish_reason!r} is none of {', '.join(FINISH_REASONS)}"
    counts = {"num_tokens": completion.num_tokens, "num_prompt_tokens": completion.num_prompt_tokens}
    wrong = [name for name, count in counts.items() if not is_count(count)]
    return f"{wrong[0]} is {counts[wrong[0]]!r} and must be a whole number, 0 where it is not known" if wrong else ""
