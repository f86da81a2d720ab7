"""A comparison as text of at most 80 columns. Left out: what is compared, and how (compare.py)."""

from typing import TYPE_CHECKING

from r1bench.harness import statistics, tables
from r1bench.harness.statistics import PairedDifference
from r1bench.leaderboards.compare.differences import MeasureDifference

if TYPE_CHECKING:
    from r1bench.leaderboards.compare.comparison import Comparison

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

    def shares(title: str, key: str) -> tuple[str, ...]:
        each = found[key]
        return title, share(each.a, each.a_low, each.a_high), share(each.b, each.b_low, each.b_high), change(each)

    lines: list[tuple[str, ...]] = [("", "A", "B", "B - A"), shares("pass@1", "score"), shares("format %", "format")]
    lines.append(("c/w/u/t/f", tables.outcome_counts(a.outcomes), tables.outcome_counts(b.outcomes), ""))
    lines += [shares(found[key].title, key) for key in ("truncated", "mixed")]
    for title, name, key in (("tokens", "mean_tokens", "tokens"), ("reasoning", "mean_reasoning_tokens", "reasoning_tokens")):
        means = [mean_text(getattr(row, name), getattr(row, f"{name}_error"), row.num_problems, comparison.level) for row in (a, b)]
        lines.append((title, *means, change(found[key])))
    lines.append(shares("han words %", "han"))
    return [tables.columns(line, COLUMNS) for line in lines]


def share(value: float | None, low: float | None, high: float | None) -> str:
    """'41.2 [36.0, 46.4]'."""
    return f"{tables.points(value)} {tables.between(low, high)}".rstrip()


def mean_text(value: float | None, error: float | None, num_problems: int, level: float) -> str:
    """'45.9±1.4': a mean with half of its interval."""
    return tables.plus_minus(value, None if error is None else error * statistics.student_t(level, num_problems - 1))


def problems_text(count: int) -> str:
    """'1 problem', '30 problems'."""
    return f"{count} problem{'s' if count != 1 else ''}"


def verdict(comparison: "Comparison") -> str:
    """One sentence in plain words."""
    difference, percent = comparison.difference, f"{100 * comparison.level:g} %"
    which = "" if comparison.questions == "random" else "this very " if difference.num_problems == 1 else "these very "
    over = f"{percent} paired over {which}{problems_text(difference.num_problems)}"
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
        f"{a.task}, version {a.task_version}: {problems_text(a.num_problems)}, template {a.template}, {a.sampling},"
        f" grader {a.grader} {a.grader_version}, protocol {a.protocol}"
    )
    lines += [tables.paragraph(tables.plain(heading)), "", *_table(comparison), ""]
    about = "questions like these"
    if comparison.questions == "fixed":
        about = f"{about} for A and B themselves, about these very questions, sampled again, for B - A"
    permutation = "" if difference.permutation_p is None else f" (of the sign-flip permutation test {p_text(difference.permutation_p)})"
    lines.append(
        tables.paragraph(
            f"By problem: B wins {difference.wins}, loses {difference.losses}, ties {difference.ties}; p"
            f" {p_text(comparison.p_value)}{permutation}. Standard errors of B - A in points:"
            f" {tables.points(difference.total_error)} over questions,"
            f" {tables.points(difference.resampling_error)} resampling the same questions only. Intervals:"
            f" {100 * comparison.level:g} %, about {about}; B - A by {difference.method}. c/w/u/t/f: samples correct, wrong, unparsed,"
            " truncated, failed. cut: completions that ran out of tokens. tokens, reasoning: mean ± half of its interval."
        )
    )
    lines += [tables.paragraph(tables.plain(f"Note: {note}.")) for note in comparison.notes]
    return "\n".join(lines)


def p_text(p_value: float | None) -> str:
    """'= 0.031', '< 0.001'; '-' where it is unknown."""
    if p_value is None:
        return tables.UNKNOWN
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"
