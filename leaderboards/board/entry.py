"""One run as a row of the leaderboard: its score with interval, its other measures, what it cost. Entries hold fractions."""

import math
from dataclasses import dataclass, field
from typing import Any

from r1bench.harness import statistics
from r1bench.harness.records import Record
from r1bench.harness.tally import Tally
from r1bench.leaderboards.measures import LEVEL, asked_style, by_target, length_unit, measures, outcome_counts, sampled, strictnesses

OF_MANIFEST: tuple[str, ...] = (
    "name",
    "checkpoint",
    "checkpoint_digest",
    "stage",
    "task",
    "task_version",
    "template",
    "grader",
    "grader_version",
)
OF_MANIFEST += ("num_problems", "n", "parent", "prompts_digest", "rendering")
"""What a row has of its manifest, under the same name."""


@dataclass(frozen=True)
class Entry(Record):
    """A leaderboard row: a checkpoint on a task under one protocol. Rates and errors are fractions; None is unknown."""

    tuples = ("lost",)

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
    """Samples that count: those that are there and did not fail."""
    outcomes: dict[str, int]
    is_complete: bool
    note: str
    """'incomplete 512/1000' or 'all 1000 failed' where there is no number, otherwise empty."""
    score: float | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    """How the interval was made, see `statistics.interval`."""
    resampling_error: float | None = None
    question_error: float | None = None
    total_error: float | None = None
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Key -> `measures.Value` of every measure that is known, the score among them."""
    style: str = ""
    """The style of format that the template asks for; the key of `strictness` that tables show."""
    strictness: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Style -> strict and lenient score and the format tax, see `measures.Strictness`."""
    targets: dict[str, dict[str, float | int | None]] = field(default_factory=dict)
    """Language that was asked for -> share of the reasoning in it, see `measures.by_target`."""
    length_unit: str = ""
    """Of the length behind `..._per_1000`: 'tokens' or 'words' of the reasoning; empty where neither is known."""
    published_score: float | None = None
    """Share of correct among the verdicts that came with imported completions: another grader's opinion."""
    num_published: int = 0
    num_differing: int = 0
    """Verdicts of ours that differ from those."""
    parent: str = ""
    """Digest of the checkpoint that this one was trained from; empty where it is not known."""
    prompts_digest: str = ""
    """Of what the model read; empty where it is not known."""
    rendering: str = ""
    """Who made that: 'template', 'chat' (the checkpoint's own chat template) or 'sampler'."""
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
    size: str = ""
    """Problems and samples that count of each, '250 x 4' or '248 x 2-4', see `Tally.size`."""
    lost: tuple[str, ...] = ()
    """Problems all of whose samples failed: they are part of no number."""


def sampling_text(sampling: dict[str, Any]) -> str:
    """'temperature 0.6, top-p 0.95, at most 512 tokens'."""
    parts = [f"temperature {sampling['temperature']:g}", f"top-p {sampling['top_p']:g}"]
    if sampling["top_k"]:
        parts.append(f"top-k {sampling['top_k']}")
    parts.append(f"at most {sampling['max_tokens']} tokens")
    if sampling["stop"]:
        parts.append("stop at " + " or ".join(repr(text) for text in sampling["stop"]))
    return ", ".join(parts)


def _numbers(tally: Tally) -> dict[str, Any]:
    """The numbers of a complete run, by field of Entry."""
    found, scores = measures(tally, LEVEL), tally.rows("score")
    score, _, low, high, method, *_ = found["score"]
    return {
        **{"score": score, "low": low, "high": high, "method": method},
        "resampling_error": statistics.resampling_error(scores),
        "question_error": statistics.question_error(scores),
        "total_error": statistics.total_error(scores),
        "measures": {key: value._asdict() for key, value in found.items()},
        "style": asked_style(tally.manifest.template),
        "strictness": {style: each._asdict() for style, each in strictnesses(tally, LEVEL).items()},
        "targets": by_target(tally, LEVEL),
        "length_unit": length_unit(tally),
        "several": sampled.summary(tally, LEVEL),
        **_published(tally),
    }


def _published(tally: Tally) -> dict[str, Any]:
    """How the verdicts that came with imported completions stand beside ours, by field of Entry."""
    both = zip(tally.values["published"], tally.values["score"], strict=True)
    pairs = [(bool(came), bool(ours)) for came, ours in both if came == came]
    if not pairs:
        return {}
    share = sum(came for came, _ in pairs) / len(pairs)
    return {"published_score": share, "num_published": len(pairs), "num_differing": sum(came != ours for came, ours in pairs)}


def least_seconds(tally: Tally) -> float | None:
    """Wall time that generating a run took at least; None where it was not measured (imported text).

    A sample knows the seconds from the start of its batch to its last token. Batches come one after the other, and each takes as long as
    its slowest sample, so at least as long as its mean one: the sum over all samples divided by the size of a batch is never too much.
    """
    seconds = [each for each in cost_of(tally, "seconds") if each > 0]
    if not seconds or tally.manifest.batch_size < 1:
        return None
    return max(max(seconds), math.fsum(seconds) / tally.manifest.batch_size)


def cost_of(tally: Tally, measure: str) -> list[float]:
    """What each sample cost, those that failed too, since they were paid for."""
    return [*tally.values[measure], *(getattr(each, measure) for each in tally.failed)]


def _cost(tally: Tally) -> dict[str, Any]:
    """What was spent, by field of Entry: of incomplete runs too."""
    made = [tokens for tokens in cost_of(tally, "tokens") if tokens == tokens]
    prompts = sum(map(int, cost_of(tally, "prompt_tokens")))
    timed = [each for each in cost_of(tally, "seconds") if each > 0]
    return {
        "device": tally.manifest.environment.get("device"),
        "generated_tokens": sum(map(int, made)) if made else None,
        "prompt_tokens": prompts if made and prompts else None,
        "seconds": least_seconds(tally),
        "latency": math.fsum(timed) / len(timed) if timed else None,
        "noise": tally.noise.to_json() if tally.noise else None,
    }


def entry(tally: Tally) -> Entry:
    """One run as a row. A run that is incomplete, or all of which failed, has its counts and a note, and no number."""
    manifest, note = tally.manifest, tally.shortfall
    return Entry(
        **{name: getattr(manifest, name) for name in OF_MANIFEST},
        protocol=manifest.protocol(),
        sampling="sampling not known" if manifest.sampler == "import" else sampling_text(manifest.sampling),
        run=tally.id,
        versions=manifest.made_with(),
        num_samples=tally.num_samples,
        outcomes=outcome_counts(tally),
        size=tally.size,
        lost=tally.lost,
        is_complete=not note,
        note=note,
        **_cost(tally),
        **({} if note else _numbers(tally)),
    )
