"""A forecast as text of at most 80 columns. Left out: the forecast (power.py)."""

from r1bench.harness import tables
from r1bench.leaderboards.compare.power import CORRELATION, Forecast

COLUMNS = (8, 9, 16, 21, 14)


def tokens_text(count: float) -> str:
    """'15.7 M'."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f}"


def counted(samples: int) -> str:
    """'1 sample', '16 samples'."""
    return f"{samples} sample{'s' if samples != 1 else ''}"


def render(found: Forecast) -> str:
    """The forecast as text of at most 80 columns: the answer, the table, what the margin takes, where the figures come from."""
    asked, percent = found.asked, f"{100 * found.power:g} %"
    head = (
        f"{found.task}: {found.num_problems} problems, {counted(asked.samples)} each against {asked.samples_baseline} of the baseline."
        f" The smallest difference that is detected with {percent} chance (one-sided {100 * found.alpha:g} %): {tables.points(asked.fixed)}"
        f" points on these very questions, {tables.points(asked.random)} on questions like these. Cost: {tokens_text(asked.tokens)} tokens"
        f" a run."
    )
    lines = [tables.columns(("samples", "baseline", "these questions", "questions like these", "tokens a run"), COLUMNS)]
    for row in found.rows:
        mark = "*" if row.samples == asked.samples else ""
        cells = (f"{mark}{row.samples}", str(row.samples_baseline), tables.points(row.fixed), tables.points(row.random))
        lines.append(tables.columns((*cells, tokens_text(row.tokens)), COLUMNS))
    notes = [*needs(found), *sources(found)]
    return "\n".join([tables.paragraph(tables.plain(head)), "", *lines, "", *(tables.paragraph(tables.plain(note)) for note in notes)])


def needs(found: Forecast) -> list[str]:
    """What the margin takes, in sentences."""
    margin, which = f"{round(100 * found.margin, 6):g} points", "these questions" if found.questions == "fixed" else "questions like these"
    cost = found.num_problems * found.tokens.per_completion

    def spent(samples: float) -> str:
        return f"{tokens_text(samples * cost)} tokens a run"

    said = []
    held = found.baseline_samples
    if found.samples_needed is not None:
        against = f" of the candidate against the baseline's {held}" if held else " of both runs"
        said.append(f"To detect {margin} on {which}: {counted(found.samples_needed)} per problem{against}, {spent(found.samples_needed)}.")
    elif held and found.samples_needed_both is not None:
        both = f"{found.samples_needed_both} of both runs do, {spent(found.samples_needed_both)}"
        said.append(f"Against {counted(held)} of the baseline no number detects {margin} on {which}; {both}.")
    else:
        said.append(f"No number of samples detects {margin} on {which}.")
    if found.problems_needed is not None and found.questions == "random":
        said.append(f"Or about {found.problems_needed} problems like these with {counted(found.asked.samples)} each.")
    if found.adaptive:
        mean, most, fixed = found.adaptive
        said.append(
            f"The adaptive gate at that margin, with {100 * found.alpha:g} % errors on both sides: {mean:.0f} samples of both runs on"
            f" average for an equal candidate ({spent(mean)}), {most} at most; a fixed size takes {fixed}."
        )
    return said


def sources(found: Forecast) -> list[str]:
    """Where the figures come from."""
    between = f"{found.spread.between:.3f} between them (for questions like these, with correlation {CORRELATION:g} of the two checkpoints)"
    return [
        f"Variance: {found.spread.within:.3f} within problems, {between}; {found.spread.source}.",
        f"Tokens: {found.tokens.per_completion:.0f} per completion, {found.tokens.source}.",
        *noise_text(found),
    ]


def noise_text(found: Forecast) -> list[str]:
    """What the backend's own noise does to the figures."""
    if found.noise is None or found.noise_floor is None:
        return []
    asked = f"{found.asked.samples_baseline} and {found.asked.samples}"
    return [
        f"Noise floor: the baseline's backend alone gives pass@1 a standard error of {100 * found.noise.error:.2f} points with"
        f" {counted(found.noise.samples)}. It is taken to be the candidate's too and to shrink with samples and problems as sampling does;"
        f" with {asked} samples the error of the difference is {100 * found.noise_floor:.2f} points or more. All figures include it."
    ]
