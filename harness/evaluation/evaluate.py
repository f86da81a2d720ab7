"""Evaluation: task x sampler -> completions -> grades -> run folder, each sample stored as soon as it is graded.

A run that was interrupted goes on where it stopped, and one with more samples than before draws only the new ones. Left out: what the
numbers mean (leaderboards).
"""

import platform
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from r1bench.harness import __version__
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import ContextError, SandboxError, UsageError
from r1bench.harness.progress import Progress
from r1bench.harness.records import Checkpoint, Completion, Grade, Manifest, Problem, Run, Sample, Sampling, Template
from r1bench.harness.samplers import Prompt, Request, Sampler
from r1bench.harness.store.runs import RunWriter, open_run, read_run

if TYPE_CHECKING:
    from r1bench.tasks.grading import GradingPool
    from r1bench.tasks.task import Task

MOST_SAMPLES = 100_000
"""Per problem: beyond that it is a slip of the finger."""
GRADE_AT_ONCE = 64
"""Completions that are handed to the graders together,"""
GRADE_AFTER_SECONDS = 5.0
"""unless the first of them has waited for so long."""


def check_sampling(sampling: Sampling) -> None:
    """Refuse values that no sampler can honour.

    Raises:
        UsageError: naming the option.
    """
    rules = (
        (1 <= sampling.n <= MOST_SAMPLES, f"--samples must lie within 1 ... {MOST_SAMPLES}, and is {sampling.n}"),
        (sampling.max_tokens >= 1, f"--max-tokens must be at least 1, not {sampling.max_tokens}"),
        (
            sampling.temperature == 0 or 1e-3 <= sampling.temperature <= 100,
            f"--temperature must be 0 (greedy) or lie within 0.001 ... 100, and is {sampling.temperature}",
        ),
        (0 < sampling.top_p <= 1, f"--top-p must lie in (0, 1], and is {sampling.top_p}"),
        (sampling.top_k >= 0, f"--top-k must not be negative, and is {sampling.top_k}"),
        (
            sampling.temperature > 0 or sampling.n == 1,
            f"--temperature 0 is greedy: {sampling.n} samples would all be the same; use --samples 1",
        ),
    )
    for is_kept, message in rules:
        if not is_kept:
            raise UsageError(message)


def check_context(prompts: Sequence[Prompt], sampling: Sampling, sampler: Sampler) -> None:
    """Refuse, before anything is generated, what would run past the model's context.

    Raises:
        ContextError: naming the longest prompt and the budget that fits.
    """
    longest = max(prompts, key=lambda prompt: prompt.num_tokens)
    if longest.num_tokens + sampling.max_tokens > sampler.context_length:
        room = sampler.context_length - longest.num_tokens
        cure = (
            f"use --max-tokens {room} or less"
            if room > 0
            else "this checkpoint cannot read it; leave it out with --limit or choose another task"
        )
        raise ContextError(
            f"problem {longest.problem_id!r} has a prompt of {longest.num_tokens} tokens; with --max-tokens {sampling.max_tokens} "
            f"that exceeds the model's context of {sampler.context_length}; {cure}"
        )


def plan_batches(prompts: Sequence[Prompt], rounds: Sequence[int], batch_size: int) -> list[list[Request]]:
    """Every request of a run in fixed batches: round by round, long prompts together, all samples of a problem side by side.

    The plan depends on the whole task and not on what is stored already, so that a resumed run computes the same batches.
    """
    ordered = sorted(prompts, key=lambda prompt: (-prompt.num_tokens, prompt.problem_id))
    batches = []
    for first, last in zip((0, *rounds), rounds, strict=False):
        requests = [Request(prompt, index) for prompt in ordered for index in range(first, last)]
        batches += [requests[start : start + batch_size] for start in range(0, len(requests), batch_size)]
    return batches


def judge(problem: Problem, completion: Completion, index: int, grade: Grade, count_tokens: Callable[[str], int]) -> Sample:
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
        reasoning_tokens=min(completion.num_tokens, count_tokens(reasoning)),
        grade=grade,
        format_ok=keeps_format(completion.text, completion.prefill),
        languages=words_by_language(reasoning, problem.language),
        behaviour=measure(completion.text, completion.prefill, completion.finish_reason, completion.num_tokens),
    )


def grade_and_store(
    pool: "GradingPool",
    writer: RunWriter,
    problems: dict[str, Problem],
    drawn: Sequence[tuple[str, int, Completion]],
    count_tokens: Callable[[str], int],
    published: Mapping[tuple[str, int], bool] | None = None,
) -> int:
    """Grade completions given as (problem id, index, completion) and append them; returns how many are new.

    `published` holds verdicts that came with imported ones.

    Raises:
        SandboxError: a program could not be run for reasons of the machine. Its sample is not stored, so that no score counts it.
    """
    from r1bench.tasks.grading import request_of

    before = len(writer.keys)
    requests = [request_of(problems[problem_id], done) for problem_id, _, done in drawn]
    unjudged = ""
    for (problem_id, index, completion), grade in zip(drawn, pool.grade(requests), strict=True):
        if grade.outcome == "failed" and grade.details.get("status") == "sandbox_error":
            unjudged = grade.reason
            continue
        sample = judge(problems[problem_id], completion, index, grade, count_tokens)
        writer.append(replace(sample, published=(published or {}).get(sample.key)))
    if unjudged:
        raise SandboxError(f"the sandbox failed ({unjudged}); what it did not judge is not stored: the same command goes on from there")
    return len(writer.keys) - before


def environment(sampler: Sampler) -> dict[str, str]:
    """What produced the samples: versions, device, platform."""
    return {
        "r1bench": __version__,
        "python": platform.python_version(),
        "platform": platform.machine(),
        **sampler.describe(),
    }


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
    from r1bench.tasks.grading import GRADERS

    return Manifest(
        task=task.name,
        task_version=task.version,
        problems_digest=digest_of([problem.digest() for problem in problems]),
        num_problems=len(problems),
        checkpoint=source,
        checkpoint_digest=checkpoint.digest,
        name=name or checkpoint.name,
        sampler=sampler.name,
        template=template.name,
        template_hash=template.hash,
        sampling=sampling.to_json(),
        grader=task.grader,
        grader_version=GRADERS[task.grader].version,
        environment=environment(sampler),
        command=shlex.join(["r1bench", *sys.argv[1:]]),
        rounds=(sampling.n,),
        batch_size=sampler.batch_size,
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

    Raises:
        UsageError, ContextError, StorageError, GraderError, SandboxError.
    """
    from r1bench.tasks.grading import GradingPool

    check_sampling(sampling)
    prompts = sampler.prompts(template, [(problem.id, problem.prompt) for problem in problems])
    check_context(prompts, sampling, sampler)
    manifest = make_manifest(task, problems, checkpoint, sampler, sampling, template, name, source or checkpoint.path)
    by_id = {problem.id: problem for problem in problems}
    with (
        GradingPool(task.grader, num_workers=grading_workers, sandbox=sandbox).prepare() as pool,
        open_run(root, manifest, problems) as writer,
    ):
        batches = plan_batches(prompts, writer.manifest.rounds, sampler.batch_size)
        total, label = len(problems) * writer.manifest.n, f"{writer.manifest.name} on {task.name}"
        with Progress(label, total, done=len(writer.keys)) as progress:
            for batch in batches:
                missing = [request for request in batch if (request.prompt.problem_id, request.index) not in writer.keys]
                if not missing:
                    continue
                waiting: list[tuple[str, int, Completion]] = []
                graded_at = time.monotonic()
                try:
                    for request, completion in sampler.generate(batch, sampling):
                        waiting.append((request.prompt.problem_id, request.index, completion))
                        if len(waiting) == GRADE_AT_ONCE or time.monotonic() - graded_at > GRADE_AFTER_SECONDS:
                            progress.advance(grade_and_store(pool, writer, by_id, waiting, sampler.count_tokens))
                            waiting, graded_at = [], time.monotonic()
                finally:  # also what had finished when something broke off
                    progress.advance(grade_and_store(pool, writer, by_id, waiting, sampler.count_tokens))
    return read_run(writer.folder)
