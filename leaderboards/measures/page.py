"""Every metric of one run, as JSON values and as text of at most 80 columns.

    found = measure(tally, ks=[1, 4], budgets=[256, 512])
    print(render(found))

Left out: the metrics (__init__.py, sampled.py, lengths.py), several runs (board/, compare/). JSON holds fractions, the text
shows points of 100; a count or a length is itself in both.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from r1bench.harness import tables
from r1bench.harness.tally import Tally
from r1bench.leaderboards.measures import (
    LEVEL,
    MEASURES,
    PER_1000,
    RULE,
    THINK_ANSWER,
    asked_style,
    by_target,
    failed_text,
    length_unit,
    lengths,
    measure_of,
    measures,
    outcome_counts,
    remark_lines,
    sampled,
    strictnesses,
)

OF_K = re.compile(r"(.+?)[@^-](\d+)\Z")
K_WIDTHS, LINE_WIDTHS = (4, 22, 22, 22), (-31, 22, 24)
SHARES = {"median": "median", "p90": "90 % quantile", "p99": "99 % quantile"}
TITLES = {"truncated": "cut by the token limit"}
"""Of what was recorded, where the name of the record is also that of an outcome."""
LEGEND = (
    "In points of 100 with the interval over questions and samples, one value per problem (statistics.mean_interval: Wilson's with the"
    " trials that these are worth). pass@k: one of k is right. pass^k: all are. mg-pass@k: mean over shares above one half of the chance"
    " that at least this share of k is right. cons@k: the most frequent answer of k, ties in equal parts, no answer no vote. best-of-k,"
    " worst-of-k: highest and lowest score of k. All are exact means over every choice of k samples. completed: of what ended by itself"
    " (imported text seldom says). Budget: score if every completion had been cut there; what had not ended counts 0. strict: score of"
    " what keeps the form, tax: what the score loses by that. length: 90 % of samples are no longer than the 90 % quantile, which needs"
    " 10 samples, that of 99 % 100; '-': not known."
)


def measure(tally: Tally, *, ks: Sequence[int] | None = None, budgets: Sequence[int] | None = None, level: float = LEVEL) -> dict[str, Any]:
    """Every metric of a complete run as plain JSON values, each with its interval; n is at the top, or beside what rests on fewer.

    Raises:
        ProtocolError: the run is incomplete. UsageError: it has too few samples or tokens for what `ks` and `budgets` name.
    """
    manifest, several = tally.manifest, sampled.summary(tally, level, ks=ks, budgets=budgets)  # which refuses what is incomplete
    return {
        "run": tally.id,
        "name": manifest.name,
        "task": manifest.task,
        "task_version": manifest.task_version,
        "grader": f"{manifest.grader} {manifest.grader_version}",
        "template": manifest.template,
        "style": asked_style(manifest.template),
        "protocol": manifest.protocol(),
        "versions": manifest.environment,
        "level": level,
        "num_problems": manifest.num_problems,
        "n": manifest.n,
        "num_samples": tally.num_samples,
        "size": tally.size,
        "lost": list(tally.lost),
        "several": several,
        "outcomes": outcome_counts(tally),
        "lengths": [_plain(length) for length in lengths.lengths(tally, level)],
        "measures": {key: each._asdict() for key, each in measures(tally, level).items()},
        "strictness": {style: each._asdict() for style, each in strictnesses(tally, level).items()},
        "targets": by_target(tally, level),
        "length_unit": length_unit(tally),
        "remarks": list(tally.remarks),
    }


def _plain(length: lengths.Length) -> dict[str, Any]:
    return {**length._asdict(), "quantiles": {name: each._asdict() for name, each in length.quantiles.items()}}


def render(found: Mapping[str, Any]) -> str:
    """What `measure` gives as text, with a legend."""
    num_problems, _, n = found["size"].partition(" x ")
    failed = failed_text(found["outcomes"]["failed"], found["num_samples"], found["lost"])
    heading = (
        f"{found['name']} on {found['task']}, version {found['task_version']}: {num_problems} problem{'s' * (num_problems != '1')} x {n},"
        f" template {found['template']}, grader {found['grader']}, protocol {found['protocol']}, run {found['run']}"
        f"{'; ' + failed if failed else ''}"
    )
    sections = [_of_k(found), _outcomes(found), _budgets(found), _lengths(found), _format(found), _languages(found), _behaviour(found)]
    legend = tables.paragraph(f"[..., ...]: {100 * found['level']:g} % interval. {LEGEND}")
    sections.append(remark_lines(found["remarks"]))
    return "\n\n".join([tables.paragraph(tables.plain(heading)), *("\n".join(lines) for lines in sections if lines), legend])


def _value(row: Mapping[str, Any], low: str = "low", high: str = "high", value: str = "value") -> str:
    """'78.8 [75.7, 81.9]' in points."""
    return tables.interval("points", row[value], row[low], row[high])


def _number(row: Mapping[str, Any]) -> str:
    """'45.4 [44.0, 46.8]' of something that is no share, an end that is not known as '-'; fewer decimals for large ones."""
    value, low, high = (row[key] for key in ("value", "low", "high"))
    decimals = 0 if (value or 0) >= 100 else 1 if (value or 0) >= 10 else 3
    shown = [tables.UNKNOWN if each is None else f"{each:,.{decimals}f}" for each in (value, low, high)]
    return shown[0] if low is None and high is None else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _of_k(found: Mapping[str, Any]) -> list[str]:
    """A line for every k, a column for every metric of k samples; three in a table, so that '100.0 [100.0, 100.0]' fits."""
    cells: dict[int, dict[str, str]] = {}
    for name, row in found["several"].items():
        if match := OF_K.match(name):
            symbol = name[match.end(1)]
            cells.setdefault(int(match[2]), {})[f"{match[1]}{symbol}k"] = _value(row)
    titles, lines = list(dict.fromkeys(title for row in cells.values() for title in row)), list[str]()
    for first in range(0, len(titles), len(K_WIDTHS) - 1):
        listed = titles[first : first + len(K_WIDTHS) - 1]
        rows = {k: [row.get(title, "") for title in listed] for k, row in sorted(cells.items())}
        table = [("k", *listed), *((str(k), *row) for k, row in rows.items() if any(row))]
        heading, *below = (tables.columns(row, K_WIDTHS[: 1 + len(listed)]) for row in table)
        lines += [*([""] if lines else []), heading, "-" * tables.WIDTH, *below]
    return lines


def _outcomes(found: Mapping[str, Any]) -> list[str]:
    """Accuracy of what was completed, and the share of each outcome."""
    whole = {"failed": sum(found["outcomes"].values())}
    rows = [
        (outcome, _value(found["several"][sampled.OUTCOME + outcome]), f"{count:,} of {whole.get(outcome, found['num_samples']):,}")
        for outcome, count in found["outcomes"].items()
    ]
    if completed := found["several"].get("accuracy@completed"):
        rows.append(("score of what was completed", _value(completed), f"n {completed['num_samples']:,}"))
    return [tables.columns(("samples", "% of samples", ""), LINE_WIDTHS), "-" * tables.WIDTH, *_lines(rows)]


def _budgets(found: Mapping[str, Any]) -> list[str]:
    """The budget curve, or nothing where tokens are not known."""
    points = found["several"].get("budgets", [])
    rows = [(f"{point['tokens']:,}", _value(point), tables.points(point["ended"])) for point in points]
    titles = ("budget in tokens", "score", "% that had ended")
    return [tables.columns(titles, LINE_WIDTHS), "-" * tables.WIDTH, *_lines(rows)] if rows else []


def _lengths(found: Mapping[str, Any]) -> list[str]:
    """Mean and quantiles of each length."""
    rows = []
    for row in found["lengths"]:
        size = f"n {row['num_samples']:,}" + (f", {row['num_cut']:,} of them cut" if row["num_cut"] else "")
        rows.append((f"{row['of']} in {row['unit']}: mean", _number(row | {"value": row["mean"]}), size))
        rows += [(f"    {SHARES[name]}", _number(each), "") for name, each in row["quantiles"].items()]
        rows.append(("    longest", f"{row['longest']:,.0f}", ""))
    return [tables.columns(("length", "", ""), LINE_WIDTHS), "-" * tables.WIDTH, *_lines(rows)] if rows else []


def _format(found: Mapping[str, Any]) -> list[str]:
    """How the completions keep to forms, and what that costs; then rule by rule."""
    titles = {"format": f"form asked for: {found['style']}"}
    if found["style"] != THINK_ANSWER:
        titles["think_answer"] = "think-answer form"
    rows = [(title, _value(found["measures"][key]), "") for key, title in titles.items() if key in found["measures"]]
    for style, row in found["strictness"].items():
        strict, tax = _value(row, "strict_low", "strict_high", "strict"), _value(row, "tax_low", "tax_high", "tax")
        rows.append((f"strict score: {style}", strict, f"tax {tax}"))
    rows += [(f"rule: {key.removeprefix(RULE)}", _value(row), "") for key, row in found["measures"].items() if key.startswith(RULE)]
    return [tables.columns(("format", "%", ""), LINE_WIDTHS), "-" * tables.WIDTH, *_lines(rows)]


def _languages(found: Mapping[str, Any]) -> list[str]:
    """What the reasonings are written in."""
    names = {"mixed": "reasonings that mix languages", "han": "Chinese words of all words"}
    rows = [(title, _value(found["measures"][key]), "") for key, title in names.items() if key in found["measures"]]
    for target, row in found["targets"].items():
        size = f"n {row['num_samples']:,} of {row['num_problems']:,}"
        rows.append((f"words in {target}, as asked", _value(row, value="share"), size))
        rows.append((f"mixed where {target} is asked", _value(row, "mixed_low", "mixed_high", "mixed"), size))
    return [tables.columns(("language", "%", ""), LINE_WIDTHS), "-" * tables.WIDTH, *_lines(rows)] if rows else []


def _behaviour(found: Mapping[str, Any]) -> list[str]:
    """What was recorded of how the completions reason."""
    rows = []
    for key, row in found["measures"].items():
        if key.startswith(RULE) or (key in MEASURES and key != "truncated"):
            continue
        measure = measure_of(key)
        is_share = measure.unit == "points"
        of = "% of samples or text" if is_share else f"per 1,000 {found['length_unit']}" if key.endswith(PER_1000) else "per sample"
        rows.append((TITLES.get(key, measure.title), _value(row) if is_share else _number(row), of))
    return [tables.columns(("reasoning", "mean", "of"), LINE_WIDTHS), "-" * tables.WIDTH, *_lines(rows)] if rows else []


def _lines(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Lines of name, value, remark; names come from files."""
    for name, value, remark in rows:
        yield tables.columns((tables.shortened(tables.plain(name), -LINE_WIDTHS[0]), value, remark), LINE_WIDTHS)
