"""A comparison as text of at most 80 columns."""

from typing import TYPE_CHECKING

from r1bench.harness import tables
from r1bench.leaderboards.compare.differences import MeasureDifference
from r1bench.leaderboards.measures import remark_lines

if TYPE_CHECKING:
    from r1bench.leaderboards.compare.comparison import Comparison

COLUMNS = (-14, -20, -20, -23)


def side(found: MeasureDifference, letter: str) -> str:
    """A measure of A or B: '41.2 [36.0, 46.4]' in points, '45.9±1.4' of tokens, which may have many digits."""
    ends = (getattr(found, name) for name in (letter, f"{letter}_low", f"{letter}_high"))
    return (tables.interval if found.unit == "points" else tables.measure)(found.unit, *ends)


def change(found: MeasureDifference) -> str:
    """B - A: '+1.2 [-0.3, 2.7]', in points or tokens; what rounds to nothing has no sign."""
    text = tables.interval(found.unit, found.mean, found.low, found.high)
    return f"+{text}" if found.mean is not None and float(text.partition(" ")[0]) > 0 else text


def _table(comparison: "Comparison") -> list[str]:
    """The measures of both side by side, and the outcomes below the score."""
    rows = [(each.title, side(each, "a"), side(each, "b"), change(each)) for each in comparison.measures.values()]
    outcomes = "c/w/u/t/f", *(tables.outcome_counts(row.outcomes) for row in (comparison.a, comparison.b)), ""
    return [tables.columns(line, COLUMNS) for line in (("", "A", "B", "B - A"), rows[0], outcomes, *rows[1:])]


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
            " truncated, failed. format: samples in the form that the template asks for. cut: completions that ran out of tokens. ±: the"
            " larger half of the interval."
        )
    )
    lines += [tables.paragraph(tables.plain(f"Note: {note}.")) for note in comparison.notes]
    lines += remark_lines(comparison.remarks)
    return "\n".join(lines)


def p_text(p_value: float | None) -> str:
    """'= 0.031', '< 0.001'; '-' where it is unknown."""
    if p_value is None:
        return tables.UNKNOWN
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"
