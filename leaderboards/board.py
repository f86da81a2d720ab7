"""The leaderboard: one entry per run, grouped by task and protocol, never ranked across protocols.

    print(board.render(board.entries(runs)))

Left out: reading run folders (r1bench.harness.store), pages (report). Entries hold fractions; the text shows points.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from r1bench.harness import statistics
from r1bench.harness.records import Record, Run
from r1bench.leaderboards import details, metrics, tables

LEVEL = 0.95
NAME_WIDTH, STAGE_WIDTH = 25, 10
FIRST_LINE = (3, -NAME_WIDTH, -22, 12, 14)
SECOND_LINE = (3, -STAGE_WIDTH, -19, 10, 10, 10, 5, 5)
LEGEND = (
    "score: pass@1 (of the language grader: the mean share) in points [95 % interval over questions and samples]: Wilson with one"
    " sample per problem or fewer"
    " than 10 problems, bootstrap of problems below 100, t from there on. r/q/t: standard errors of resampling the same"
    " questions, of the choice of questions beyond that, and of both. c/w/u/t/f: samples correct, wrong, unparsed,"
    " truncated, failed. format: % of samples in <think> <answer> form. tokens, reasoning: means per completion; ±: half of"
    " the 95 % interval. han: %"
    " Chinese words of the reasoning. mixed: % of reasonings with 2 words and 10 % or more in other languages than most. Rows with"
    " overlapping intervals may be equal: compare them in pairs. Groups differ in protocol: no ranking across them."
)


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


def entry(run: Run) -> Entry:
    """One run as a row. An incomplete run has its counts and a note, and no number."""
    manifest, note = run.manifest, metrics.shortfall(run)
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
        **({} if note else _measures(run)),
    )


def entries(runs: Iterable[Run]) -> list[Entry]:
    """All runs as rows: by task and protocol, then by score; incomplete ones last in their group."""
    return sorted((entry(run) for run in runs), key=_order)


def _group(row: Entry) -> tuple[str, str, str]:
    return row.task, row.task_version, row.protocol


def _order(row: Entry) -> tuple[Any, ...]:
    return *_group(row), row.score is None, -(row.score or 0.0), row.name, row.run


def to_json(rows: Iterable[Entry]) -> list[dict[str, Any]]:
    """The rows as plain JSON values, fractions not points."""
    return [row.to_json() for row in rows]


def mean_text(value: float | None, error: float | None, num_problems: int) -> str:
    """A mean with half of its interval."""
    return tables.plus_minus(value, None if error is None else error * statistics.student_t(LEVEL, num_problems - 1))


def _row_lines(row: Entry, rank: int | None) -> list[str]:
    """Two lines, or three where the name needs its own."""
    score = f"{tables.points(row.score):>5} {tables.between(row.low, row.high)}" if row.is_complete else row.note
    errors = "/".join(tables.points(error) for error in (row.resampling_error, row.question_error, row.total_error))
    counted, name = "" if rank is None else str(rank), tables.plain(row.name)
    lines = []
    if tables.display_width(name) > NAME_WIDTH:
        lines = tables.paragraph(name, indent=" " * 4).splitlines()
        lines[0] = tables.columns((counted, lines[0].strip()), (3, -1))
        counted = name = ""
    lines.append(tables.columns((counted, name, score, f"{row.num_problems} x {row.n}", errors), FIRST_LINE))
    measures = (
        tables.share(row.format_rate, row.format_low, row.format_high),
        mean_text(row.mean_tokens, row.mean_tokens_error, row.num_problems),
        mean_text(row.mean_reasoning_tokens, row.mean_reasoning_tokens_error, row.num_problems),
        tables.points(row.han_share),
        tables.points(row.mixed_share),
    )
    stage = tables.shortened(tables.plain(row.stage) or tables.UNKNOWN, STAGE_WIDTH)
    lines.append(tables.columns(("", stage, tables.outcome_counts(row.outcomes), *measures), SECOND_LINE))
    if row.published_score is not None:
        came = (
            f"came with {tables.points(row.published_score)} by another grader (n {row.num_published}); {row.num_differing} verdicts differ"
        )
        lines.append(f"    {came}")
    return lines


def _group_text(rows: list[Entry]) -> str:
    """A group under its heading; equal scores share a rank."""
    first = rows[0]
    heading = (
        f"{first.task}, version {first.task_version}: {first.num_problems} problems, template {first.template},"
        f" {first.sampling}, grader {first.grader} {first.grader_version}, protocol {first.protocol}"
    )
    lines = [tables.paragraph(tables.plain(heading)), ""]
    lines.append(tables.columns(("#", "checkpoint", "score [95 % interval]", "problems x n", "r/q/t"), FIRST_LINE))
    titles = ("", "stage", "c/w/u/t/f", "format", "tokens", "reasoning", "han", "mixed")
    lines += [tables.columns(titles, SECOND_LINE), "-" * tables.WIDTH]
    scores = [row.score for row in rows if row.score is not None]
    for row in rows:
        rank = None if row.score is None else 1 + sum(score > row.score for score in scores)
        lines += _row_lines(row, rank)
    below = details.render(rows)
    return "\n".join([*lines, "", below] if below else lines)


def _versions_text(rows: list[Entry]) -> str:
    """What produced the samples, one paragraph for each distinct environment."""
    runs: dict[str, list[str]] = {}
    for row in rows:
        text = ", ".join(f"{key} {value}" for key, value in sorted(row.versions.items())) or "versions unknown"
        runs.setdefault(text, []).append(row.run)
    listed = (f"{text} (runs {', '.join(sorted(names))})" for text, names in sorted(runs.items()))
    return "\n".join(tables.paragraph(tables.plain(f"made with: {text}")) for text in listed)


def render(rows: Iterable[Entry]) -> str:
    """The rows as text of at most 80 columns, with a legend."""
    ordered = sorted(rows, key=_order)
    if not ordered:
        return "no runs yet"
    groups = [_group_text(list(members)) for _, members in groupby(ordered, key=_group)]
    legends = [LEGEND, details.LEGEND] if any(row.behaviour for row in ordered) else [LEGEND]
    return "\n\n".join([*groups, "\n".join([*map(tables.paragraph, legends), _versions_text(ordered)])])
