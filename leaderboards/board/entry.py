"""One run as a row of the leaderboard: its score with interval, its other measures, what it cost. Entries hold fractions.

Left out: reading run folders (r1bench.harness.store.runs), many rows and text (board.py).
"""

import math
from dataclasses import dataclass, field
from typing import Any

from r1bench.harness import statistics
from r1bench.harness.records import Record, Run
from r1bench.leaderboards.measures import metrics, sampled

LEVEL = 0.95


@dataclass(frozen=True)
class Entry(Record):
    """A leaderboard row: a checkpoint on a task under one protocol. Rates and errors are fractions; None is unknown."""

    name: str
    """What tables call the checkpoint."""
    checkpoint: str
    checkpoint_digest: str
    stage: str
    task: str
    task_version: str
    protocol: str
    """Digest; only entries that share it may be ranked together."""
    template: str
    sampling: str
    """The sampling options in words, without n and seed."""
    grader: str
    grader_version: str
    run: str
    """Id of the run."""
    versions: dict[str, str]
    """What produced the samples."""
    num_problems: int
    n: int
    """Samples per problem that were asked for."""
    num_samples: int
    """Samples that are there."""
    outcomes: dict[str, int]
    is_complete: bool
    note: str
    """'incomplete 512/1000' where no number may be printed, otherwise empty."""
    score: float | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    """How the interval was made, see `statistics.interval`."""
    resampling_error: float | None = None
    question_error: float | None = None
    total_error: float | None = None
    format_rate: float | None = None
    format_low: float | None = None
    format_high: float | None = None
    mean_tokens: float | None = None
    mean_tokens_error: float | None = None
    mean_reasoning_tokens: float | None = None
    mean_reasoning_tokens_error: float | None = None
    han_share: float | None = None
    mixed_share: float | None = None
    style: str = ""
    """The style of format that the template asks for; the key of `strictness` that tables show."""
    strictness: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Style -> strict and lenient score and the format tax, see `metrics.Strictness`."""
    format_rules: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """Rule of the format -> share of samples that keep it, see `metrics.Measure`."""
    targets: dict[str, dict[str, float | int | None]] = field(default_factory=dict)
    """Language that was asked for -> share of the reasoning in it, see `metrics.by_target`."""
    length_unit: str = ""
    """Of the length behind `..._per_1000`: 'tokens' or 'words' of the reasoning; empty where behaviour was not recorded."""
    behaviour: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """What was recorded of how the completions reason -> its mean, see `metrics.behaviours` and `metrics.Measure`."""
    published_score: float | None = None
    """Share of correct among the verdicts that came with imported completions: another grader's opinion."""
    num_published: int = 0
    num_differing: int = 0
    """Verdicts of ours that differ from those."""
    parent: str = ""
    """Digest of the checkpoint that this one was trained from; empty where it is not known."""
    device: str | None = None
    """What the samples were computed on."""
    generated_tokens: int | None = None
    """All tokens of all completions, of those whose tokens are known."""
    prompt_tokens: int | None = None
    """Tokens of the prompts, each counted once per sample."""
    seconds: float | None = None
    """At least so much wall time went into generating, see `least_seconds`."""
    latency: float | None = None
    """Mean over samples of the seconds from the start of its batch to its last token. Not additive: a batch's samples share their time."""
    date: str = ""
    """When its last sample was stored, in UTC, by the time of the file; empty where the row was not read from a folder."""
    noise: dict[str, Any] | None = None
    """The backend's own nondeterminism, as `Noise.to_json`, where `eval --repeat-check` measured it."""
    several: dict[str, Any] = field(default_factory=dict)
    """What several samples per problem say besides, see `sampled.summary`."""


def sampling_text(sampling: dict[str, Any]) -> str:
    """'temperature 0.6, top-p 0.95, at most 512 tokens'."""
    parts = [f"temperature {sampling['temperature']:g}", f"top-p {sampling['top_p']:g}"]
    if sampling["top_k"]:
        parts.append(f"top-k {sampling['top_k']}")
    parts.append(f"at most {sampling['max_tokens']} tokens")
    if sampling["stop"]:
        parts.append("stop at " + " or ".join(repr(text) for text in sampling["stop"]))
    return ", ".join(parts)


def _measures(run: Run) -> dict[str, Any]:
    """The numbers of a complete run, by field of Entry."""
    scores = metrics.rows(run, lambda sample: sample.grade.score)
    formats = metrics.rows(run, lambda sample: float(sample.format_ok))
    score, form = statistics.interval(scores, LEVEL), statistics.interval(formats, LEVEL)
    tokens = metrics.mean_tokens(run, lambda sample: sample.completion.num_tokens)
    reasoning = metrics.mean_tokens(run, lambda sample: sample.reasoning_tokens)
    return {
        "score": statistics.pass_at_1(scores),
        "low": score.low,
        "high": score.high,
        "method": score.method,
        "resampling_error": statistics.resampling_error(scores),
        "question_error": statistics.question_error(scores),
        "total_error": statistics.total_error(scores),
        "format_rate": statistics.pass_at_1(formats),
        "format_low": form.low,
        "format_high": form.high,
        "mean_tokens": tokens.value,
        "mean_tokens_error": tokens.error,
        "mean_reasoning_tokens": reasoning.value,
        "mean_reasoning_tokens_error": reasoning.error,
        "han_share": metrics.han_share(run),
        "mixed_share": metrics.mixed_share(run),
        **_form_and_behaviour(run),
        "several": sampled.summary(run, LEVEL),
        **_published(run),
    }


def _form_and_behaviour(run: Run) -> dict[str, Any]:
    """Format, rule by rule and style by style, and how the completions reason, by field of Entry."""
    asked = metrics.asked_style(run)
    styles = dict.fromkeys([asked, "think-answer", *metrics.recorded(run, metrics.STYLE)])
    found = {style: metrics.strictness(run, style, LEVEL) for style in styles}
    return {
        "style": asked,
        "strictness": {style: each._asdict() for style, each in found.items() if each is not None},
        "format_rules": {rule: mean._asdict() for rule, mean in metrics.rule_rates(run, LEVEL).items()},
        "targets": metrics.by_target(run, LEVEL),
        "length_unit": metrics.length_unit(run),
        "behaviour": {key: mean._asdict() for key, mean in metrics.behaviours(run, LEVEL).items()},
    }


def _published(run: Run) -> dict[str, Any]:
    """How the verdicts that came with imported completions stand beside ours, by field of Entry."""
    pairs = [(sample.published, bool(sample.grade.score)) for sample in run.samples if sample.published is not None]
    if not pairs:
        return {}
    share = sum(published for published, _ in pairs) / len(pairs)
    return {"published_score": share, "num_published": len(pairs), "num_differing": sum(published != ours for published, ours in pairs)}


def least_seconds(run: Run) -> float | None:
    """Wall time that generating a run took at least; None where it was not measured (imported text).

    A sample knows the seconds from the start of its batch to its last token. Batches come one after the other, and each takes as long as
    its slowest sample, so at least as long as its mean one: the sum over all samples divided by the size of a batch is never too much.
    """
    seconds = [sample.completion.seconds for sample in run.samples if sample.completion.seconds > 0]
    if not seconds or run.manifest.batch_size < 1:
        return None
    return max(max(seconds), math.fsum(seconds) / run.manifest.batch_size)


def _cost(run: Run) -> dict[str, Any]:
    """What was spent, by field of Entry: of incomplete runs too."""
    made = [sample.completion for sample in run.samples if sample.completion.num_tokens > 0]
    prompts = sum(completion.num_prompt_tokens for completion in made)
    timed = [sample.completion.seconds for sample in run.samples if sample.completion.seconds > 0]
    return {
        "device": run.manifest.environment.get("device"),
        "generated_tokens": sum(completion.num_tokens for completion in made) if made else None,
        "prompt_tokens": prompts or None,
        "seconds": least_seconds(run),
        "latency": math.fsum(timed) / len(timed) if timed else None,
        "noise": run.noise.to_json() if run.noise else None,
    }


def entry(run: Run) -> Entry:
    """One run as a row. An incomplete run has its counts and a note, and no number."""
    manifest, note = run.manifest, run.shortfall
    return Entry(
        name=manifest.name,
        checkpoint=manifest.checkpoint,
        checkpoint_digest=manifest.checkpoint_digest,
        stage=manifest.stage,
        task=manifest.task,
        task_version=manifest.task_version,
        protocol=manifest.protocol(),
        template=manifest.template,
        sampling="sampling not known" if manifest.sampler == "import" else sampling_text(manifest.sampling),
        grader=manifest.grader,
        grader_version=manifest.grader_version,
        run=run.id,
        versions=dict(manifest.environment),
        num_problems=manifest.num_problems,
        n=manifest.n,
        num_samples=len(run.samples),
        outcomes=metrics.outcome_counts(run),
        is_complete=not note,
        note=note,
        parent=manifest.parent,
        **_cost(run),
        **({} if note else _measures(run)),
    )
