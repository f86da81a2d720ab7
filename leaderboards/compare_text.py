"""A comparison as text of at most 80 columns. Left out: what is compared, and how (compare.py)."""

from typing import TYPE_CHECKING

from r1bench.harness.statistics import PairedDifference
from r1bench.leaderboards import board, tables
from r1bench.leaderboards.compare_measures import MeasureDifference

if TYPE_CHECKING:
    from r1bench.leaderboards.compare import Comparison

COLUMNS = (-13, -20, -20, -23)


def change(difference: PairedDifference | MeasureDifference) -> str:
    """'+1.2 [-0.3, 2.7]' in points, or tokens."""
    if isinstance(difference, MeasureDifference) and difference.unit == "tokens":
        scaled = (None if value is None else value / 100 for value in (difference.mean, difference.low, difference.high))
        mean, low, high = scaled
    else:
        mean, low, high = difference.mean, difference.low, difference.high
    return f"{tables.signed_points(mean)} {tables.between(low, high)}".rstrip()


def _table(comparison: "Comparison") -> list[str]:
    """The measures of both side by side."""
    a, b, found = comparison.a, comparison.b, comparison.measures

    def share(value: float | None, low: float | None, high: float | None) -> str:
        return f"{tables.points(value)} {tables.between(low, high)}"

    lines: list[tuple[str, ...]] = [("", "A", "B", "B - A")]
    lines.append(("pass@1", share(a.score, a.low, a.high), share(b.score, b.low, b.high), change(comparison.difference)))
    formats = [share(row.format_rate, row.format_low, row.format_high) for row in (a, b)]
    lines.append(("format %", *formats, change(comparison.format_difference)))
    lines.append(("c/w/u/t/f", tables.outcome_counts(a.outcomes), tables.outcome_counts(b.outcomes), ""))
    for key in ("truncated", "mixed"):
        each = found[key]
        lines.append((each.title, tables.points(each.a), tables.points(each.b), change(each)))
    for title, name, key in (("tokens", "mean_tokens", "tokens"), ("reasoning", "mean_reasoning_tokens", "reasoning_tokens")):
        means = [board.mean_text(getattr(row, name), getattr(row, f"{name}_error"), row.num_problems) for row in (a, b)]
        lines.append((title, *means, change(found[key])))
    han = None if a.han_share is None or b.han_share is None else b.han_share - a.han_share
    lines.append(("han words %", tables.points(a.han_share), tables.points(b.han_share), tables.signed_points(han)))
    return [tables.columns(line, COLUMNS) for line in lines]


def verdict(comparison: "Comparison") -> str:
    """One sentence in plain words."""
    difference, percent = comparison.difference, f"{100 * comparison.level:g} %"
    problems = f"problem{'s' if difference.num_problems != 1 else ''}"
    which = "" if comparison.questions == "random" else "these very "
    over = f"{percent} paired over {which}{difference.num_problems} {problems}"
    if difference.method == "identical":
        return "A and B are the same evaluation: there is no difference."
    if difference.low > 0 or difference.high < 0:
        word = "better" if difference.low > 0 else "worse"
        ends = sorted((abs(difference.low), abs(difference.high)))
        size = f"{tables.points(abs(difference.mean))} points {tables.between(*ends)}"
        return f"B is {word} by {size}, {over}."
    size = f"{tables.signed_points(difference.mean)} points {tables.between(difference.low, difference.high)}"
    return f"No difference is shown: B - A is {size}, {over}."


def render(comparison: "Comparison") -> str:
    """The comparison as text of at most 80 columns, its verdict last."""
    return render_measures(comparison) + "\n\n" + tables.paragraph(verdict(comparison))


def render_measures(comparison: "Comparison") -> str:
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
    about = "questions like these" if comparison.questions == "random" else "these very questions, sampled again"
    lines.append(
        tables.paragraph(
            f"By problem: B wins {difference.wins}, loses {difference.losses}, ties {difference.ties}; p"
            f" {p_text(comparison.p_value)}. Standard errors of B - A in points:"
            f" {tables.points(difference.total_error)} over questions,"
            f" {tables.points(difference.resampling_error)} resampling the same questions only. Intervals of B - A:"
            f" {100 * comparison.level:g} %, about {about}, {difference.method}. c/w/u/t/f: samples correct, wrong, unparsed,"
            " truncated, failed. cut: completions that ran out of tokens. tokens, reasoning: mean ± half of its 95 % interval."
        )
    )
    lines += [tables.paragraph(tables.plain(f"Note: {note}.")) for note in comparison.notes]
    return "\n".join(lines)


def p_text(p_value: float | None) -> str:
    """'= 0.031', '< 0.001'; '-' where it is unknown."""
    if p_value is None:
        return tables.UNKNOWN
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"
