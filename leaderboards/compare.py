"""Two runs, paired by problem: is B better than A, by how much, how sure is that.

    print(compare.render(compare.compare(run_a, run_b)))

Refuses what cannot be compared and names each thing that differs. n and seed may differ: pass@1 does not depend on
them. Left out: several comparisons at once, and a decision for CI (gate.py).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from r1bench.harness import statistics
from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.records import Manifest, Run
from r1bench.harness.statistics import PairedDifference
from r1bench.leaderboards import board, metrics, tables
from r1bench.leaderboards.board import Entry

COLUMNS = (-15, -20, -20, -22)


class Disagreement(NamedTuple):
    """One thing that two runs do differently and must not, and how to make it equal."""

    what: str
    a: Any
    b: Any
    cure: str


@dataclass(frozen=True)
class Comparison:
    """Two complete runs of one protocol and their paired difference, B - A, in fractions."""

    a: Entry
    b: Entry
    difference: PairedDifference
    """Of the scores."""
    format_difference: PairedDifference
    """Of the shares in the asked form."""
    level: float
    notes: tuple[str, ...] = ()
    """What a reader should know and that is no reason to refuse: other versions, the same checkpoint."""


def disagreements(a: Manifest, b: Manifest) -> list[Disagreement]:
    """Everything in two manifests that forbids a comparison."""
    again = "evaluate both with the same"
    pairs = [
        ("task", a.task, b.task, "choose two runs of one task"),
        ("task version", a.task_version, b.task_version, "evaluate the older one again with this r1bench"),
        ("problems", a.problems_digest, b.problems_digest, f"{again} problems: same data, same split, same limit"),
        ("number of problems", a.num_problems, b.num_problems, f"{again} limit"),
        ("template", f"{a.template} ({a.template_hash})", f"{b.template} ({b.template_hash})", f"{again} template"),
        ("grader", a.grader, b.grader, "grade both with one grader"),
        ("grader version", a.grader_version, b.grader_version, "grade the older run again"),
    ]
    options = sorted((a.sampling.keys() | b.sampling.keys()) - {"n", "seed"})
    pairs += [(name, a.sampling.get(name), b.sampling.get(name), f"{again} {name}") for name in options]
    return [Disagreement(*pair) for pair in pairs if pair[1] != pair[2]]


def check_comparable(run_a: Run, run_b: Run) -> None:
    """Raises ProtocolError, in one line, unless both runs are complete, of one protocol, and over the same problems."""
    for run in (run_a, run_b):
        if missing := metrics.shortfall(run):
            cure = "finish it by running the same evaluation again"
            raise ProtocolError(f"run {run.id} ({run.manifest.name}) is {missing} samples; {cure}")
    pair = f"runs {run_a.id} ({run_a.manifest.name}) and {run_b.id} ({run_b.manifest.name}) must not be compared"
    if found := disagreements(run_a.manifest, run_b.manifest):
        raise ProtocolError(f"{pair}: " + "; ".join(f"{what} {a!r} / {b!r}, {cure}" for what, a, b, cure in found))
    problems_a, problems_b = run_a.scores_by_problem().keys(), run_b.scores_by_problem().keys()
    if problems_a != problems_b:
        shared = f"only {len(problems_a & problems_b)} of {len(problems_a)} problems are in both"
        raise ProtocolError(f"{pair}: {shared}; evaluate both with the same problems")


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


def compare(run_a: Run, run_b: Run, *, level: float = 0.95) -> Comparison:
    """B against A over the same problems. Raises ProtocolError where that would mean nothing.

    Two identical evaluations of one checkpoint have a difference of exactly 0 and method 'identical'.
    """
    if not 0 < level < 1:
        raise UsageError(f"level {level:g} is no confidence level; give one between 0 and 1, such as 0.95")
    check_comparable(run_a, run_b)
    scores = [metrics.rows(run, lambda sample: sample.grade.score) for run in (run_a, run_b)]
    difference = statistics.paired_difference(scores[0], scores[1], level)
    formats = [metrics.rows(run, lambda sample: float(sample.format_ok)) for run in (run_a, run_b)]
    formatted = statistics.paired_difference(formats[0], formats[1], level)
    notes = _notes(run_a.manifest, run_b.manifest)
    if is_same_evaluation(run_a, run_b):
        difference = difference._replace(low=0.0, high=0.0, method="identical")
        formatted = formatted._replace(low=0.0, high=0.0, method="identical")
        notes = ("A and B hold the same samples of one checkpoint", *notes[1:])
    return Comparison(board.entry(run_a), board.entry(run_b), difference, formatted, level, notes)


def verdict(comparison: Comparison) -> str:
    """One sentence in plain words."""
    difference, percent = comparison.difference, f"{100 * comparison.level:g} %"
    over = f"{percent} paired over {difference.num_problems} problem{'s' if difference.num_problems != 1 else ''}"
    if difference.method == "identical":
        return "A and B are the same evaluation: there is no difference."
    if difference.low > 0 or difference.high < 0:
        word = "better" if difference.low > 0 else "worse"
        ends = sorted((abs(difference.low), abs(difference.high)))
        size = f"{tables.points(abs(difference.mean))} points {tables.between(*ends)}"
        return f"B is {word} by {size}, {over}."
    size = f"{tables.signed_points(difference.mean)} points {tables.between(difference.low, difference.high)}"
    return f"No difference is shown: B - A is {size}, {over}."


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Plain JSON values, fractions not points."""
    return {
        "a": comparison.a.to_json(),
        "b": comparison.b.to_json(),
        "difference": comparison.difference._asdict(),
        "format_difference": comparison.format_difference._asdict(),
        "level": comparison.level,
        "notes": list(comparison.notes),
        "verdict": verdict(comparison),
    }


def _change(a: float | None, b: float | None, *, is_share: bool) -> str:
    """B - A with its sign, or '-'."""
    if a is None or b is None:
        return tables.UNKNOWN
    return tables.signed_points(b - a if is_share else (b - a) / 100)


def _table(comparison: Comparison) -> list[str]:
    """The measures of both side by side."""
    a, b = comparison.a, comparison.b

    def share(value: float | None, low: float | None, high: float | None) -> str:
        return f"{tables.points(value)} {tables.between(low, high)}"

    def change(difference: PairedDifference) -> str:
        return f"{tables.signed_points(difference.mean)} {tables.between(difference.low, difference.high)}"

    lines: list[tuple[str, ...]] = [("", "A", "B", "B - A")]
    lines.append(("pass@1", share(a.score, a.low, a.high), share(b.score, b.low, b.high), change(comparison.difference)))
    formats = [share(row.format_rate, row.format_low, row.format_high) for row in (a, b)]
    lines.append(("format %", *formats, change(comparison.format_difference)))
    lines.append(("c/w/u/t/f", tables.outcome_counts(a.outcomes), tables.outcome_counts(b.outcomes), ""))
    for title, name in (("tokens", "mean_tokens"), ("reasoning", "mean_reasoning_tokens")):
        first, second = getattr(a, name), getattr(b, name)
        means = [board.mean_text(getattr(row, name), getattr(row, f"{name}_error"), row.num_problems) for row in (a, b)]
        lines.append((title, *means, _change(first, second, is_share=False)))
    for title, name in (("han words %", "han_share"), ("mixed %", "mixed_share")):
        first, second = getattr(a, name), getattr(b, name)
        lines.append((title, tables.points(first), tables.points(second), _change(first, second, is_share=True)))
    return [tables.columns(line, COLUMNS) for line in lines]


def render(comparison: Comparison) -> str:
    """The comparison as text of at most 80 columns, its verdict last."""
    return render_measures(comparison) + "\n\n" + tables.paragraph(verdict(comparison))


def render_measures(comparison: Comparison) -> str:
    """Both runs side by side, without a verdict."""
    a, b, difference = comparison.a, comparison.b, comparison.difference
    lines = []
    for letter, row in (("A", a), ("B", b)):
        stage = f", stage {row.stage}" if row.stage else ""
        lines.append(tables.paragraph(tables.plain(f"{letter}: {row.name}{stage}, n {row.n}, run {row.run}")))
    heading = (
        f"{a.task}, version {a.task_version}: {a.num_problems} problems, template {a.template}, {a.sampling},"
        f" grader {a.grader} {a.grader_version}, protocol {a.protocol}"
    )
    lines += [tables.paragraph(tables.plain(heading)), "", *_table(comparison), ""]
    lines.append(
        tables.paragraph(
            f"By problem: B wins {difference.wins}, loses {difference.losses}, ties {difference.ties}; sign-flip"
            f" p {_p_text(difference.p_value)}. Standard errors of B - A in points:"
            f" {tables.points(difference.total_error)} over questions,"
            f" {tables.points(difference.resampling_error)} resampling the same questions only. Interval:"
            f" {100 * comparison.level:g} %, {difference.method}. c/w/u/t/f: samples correct, wrong, unparsed,"
            " truncated, failed. tokens, reasoning: mean ± half of its 95 % interval."
        )
    )
    lines += [tables.paragraph(tables.plain(f"Note: {note}.")) for note in comparison.notes]
    return "\n".join(lines)


def _p_text(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"
