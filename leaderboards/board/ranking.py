"""The leaderboard: one entry per run, grouped by task and protocol, never ranked across protocols.

    print(render(entries(tallies)))

Below the rows of a group stands how completions keep to their format and how they reason, for runs whose samples have it recorded, and what
they cost. The text shows points; `r1bench leaderboard --json` has all that is known, each with error and interval.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Any, Literal

from r1bench.harness import tables
from r1bench.harness.tally import Tally
from r1bench.leaderboards.board.entry import Entry, entry
from r1bench.leaderboards.measures import MEASURES, THINK_ANSWER, failed_text, measure_of
from r1bench.leaderboards.protocol import prompts_remark

NAME_WIDTH, STAGE_WIDTH = 25, 10
FIRST_LINE = (3, -NAME_WIDTH, -22, 12, 14)
SECOND_LINE = (3, -STAGE_WIDTH, -19, 10, 10, 10, 5, 5)
SortKey = Literal["score", "name", "tokens", "seconds", "format", "date"]
LEGEND = (
    "score: pass@1 (of the language grader: the mean share) in points [95 % interval over questions and samples: Wilson's, with as many"
    " trials as the samples are worth]. r/q/t: standard errors of resampling the same questions, of the choice of questions beyond that,"
    " and of both. c/w/u/t/f: samples correct, wrong, unparsed, truncated, failed; the last are part of no other number. format: % of"
    " samples in the form that the template asks for. tokens, reasoning: means per completion; ±: the larger half of the 95 % interval."
    " han: % Chinese words of the reasoning. mixed: % of reasonings with 2 words and 10 % or more in other languages than most. #: rank by"
    " score within the group. Rows with overlapping intervals may be equal: compare them in pairs. Groups differ in protocol: no ranking"
    " across them."
)
FORM_LINE = (3, -26, 11, 11, 12, 12)
REASONING_LINE = (3, 13, 9, 9, 9, 9, 9, 9)
REASONING_TITLES = ("", "length", "repeated", "loops", "cut", "empty", "switches", "code")
FORM_LEGEND = (
    "strict: score of what also keeps this form, tax: what the score loses by that; in points. reflection: words of R1's list"
    " per completion and per 1,000 of the length, which is in tokens of the reasoning, or in words (w) where tokens are not known."
    " repeated: % of 20-word passages that stood before. loops, cut, empty: % of completions that end in a loop, ran out of tokens,"
    " have an empty reasoning. switches: changes of the stated answer per completion. code: % of the reasoning's characters."
    " ±: the larger half of the 95 % interval. Of a language: % of words in it [95 % interval], mixed: % of reasonings, changes of language"
    " per 1,000 words."
)
COST_TITLES = ("", "cost", "generated", "prompts", "seconds", "latency", "noise")
COST_LINE = (3, -22, 12, 12, 9, 9, 7)
COST_LEGEND = (
    "generated, prompts: tokens of all completions, and of the prompts, counted once per sample. seconds: wall time of generating, at"
    " least. latency: mean seconds from the start of a sample's batch to its last token. noise: standard error of the score that the"
    " backend's own nondeterminism gives (eval --repeat-check), in points."
)


def entries(tallies: Iterable[Tally]) -> list[Entry]:
    """All runs as rows: by task and protocol, then by score; incomplete ones last in their group."""
    return sorted(map(entry, tallies), key=order)


def _group(row: Entry) -> tuple[str, str, str]:
    return row.task, row.task_version, row.protocol


def order(row: Entry) -> tuple[Any, ...]:
    """Sorts a board: by task and protocol, then by score; incomplete runs last in their group."""
    return *_group(row), row.score is None, -(row.score or 0.0), row.name, row.run


def to_json(rows: Iterable[Entry]) -> list[dict[str, Any]]:
    """The rows as plain JSON values, fractions not points."""
    return [row.to_json() for row in rows]


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
    lines.append(tables.columns((counted, name, score, row.size, errors), FIRST_LINE))
    han, mixed = (tables.points(row.measures.get(key, {}).get("value")) for key in ("han", "mixed"))
    means = (fitting(row, key, SECOND_LINE[3]) for key in ("format", "tokens", "reasoning_tokens"))
    stage = tables.shortened(tables.plain(row.stage) or tables.UNKNOWN, STAGE_WIDTH)
    lines.append(tables.columns(("", stage, tables.outcome_counts(row.outcomes), *means, han, mixed), SECOND_LINE))
    if failed := failed_text(row.outcomes["failed"], row.num_samples, row.lost):
        lines.append(tables.paragraph(tables.plain(failed), indent=" " * 4))
    if row.published_score is not None:
        came = f"came with {tables.points(row.published_score)} by another grader (n {row.num_published})"
        lines.append(f"    {came}; {row.num_differing} verdicts differ")
    return lines


def ranks(rows: Iterable[Entry]) -> dict[str, int]:
    """Run -> rank by score within its group; equal scores share one. Runs without a score have none."""
    scores: dict[tuple[str, str, str], list[float]] = {}
    listed = sorted((row.score, row.run, _group(row)) for row in rows if row.score is not None)
    for score, _, group in listed:
        scores.setdefault(group, []).append(score)
    return {run: 1 + len(scores[group]) - bisect_right(scores[group], score) for score, run, group in listed}


def is_known(row: Entry) -> bool:
    """Whether graders recorded how a run's completions reason."""
    return not row.measures.keys() <= MEASURES.keys()


def _forms_text(rows: list[Entry]) -> str:
    """The block below a group of rows; empty where nothing was recorded."""
    known = list(filter(is_known, rows))
    if not known:
        return ""
    titles = ("", f"form: {known[0].style}", "strict", "tax", "reflection", "/1000")
    lines = [tables.columns(titles, FORM_LINE), tables.columns(REASONING_TITLES, REASONING_LINE), "-" * tables.WIDTH]
    return "\n".join([*lines, *(line for row in known for line in (*_form_lines(row), *_target_lines(row)))])


def _costs_text(rows: list[Entry]) -> str:
    """What the rows of a group cost, a line each; what is not known is '-'."""
    lines = [tables.columns(COST_TITLES, COST_LINE), "-" * tables.WIDTH]
    for row in rows:
        tokens = [_tokens(count) for count in (row.generated_tokens, row.prompt_tokens)]
        seconds = tables.number(row.seconds, 0 if row.seconds and row.seconds >= 100 else 1)
        noise = tables.points((row.noise or {}).get("error"))
        name = tables.shortened(tables.plain(row.name), -COST_LINE[1])
        lines.append(tables.columns(("", name, *tokens, seconds, tables.number(row.latency, 2), noise), COST_LINE))
    return "\n".join(lines)


def _tokens(count: int | None) -> str:
    """'45,353', in billions from there on: '1.2 G'."""
    if count is None:
        return tables.UNKNOWN
    return f"{count:,}" if count < 1_000_000_000 else f"{count / 1e9:,.1f} G"


def _form_lines(row: Entry) -> list[str]:
    """Two lines: format and reflection, then the rest; a third for the think-answer form where another one is asked for."""
    name, asked = tables.shortened(tables.plain(row.name), -FORM_LINE[1]), row.strictness.get(row.style, {})
    strict = [tables.measure("points", asked.get(key), asked.get(f"{key}_low"), asked.get(f"{key}_high")) for key in ("strict", "tax")]
    length = _mean(row, f"reasoning_{row.length_unit}") + ("w" if row.length_unit == "words" else "")
    first = ("", name, *strict, _mean(row, "reflection_r1"), _mean(row, "reflection_r1_per_1000"))
    shares = [cell(row, key) for key in ("repeated_passages", "loop", "truncated", "empty_reasoning")]
    second = ("", length, *shares, _mean(row, "answer_switches", 2), cell(row, "code_share"))
    lines = [tables.columns(first, FORM_LINE), tables.columns(second, REASONING_LINE)]
    if row.style != THINK_ANSWER and "think_answer" in row.measures:
        lines.append(f"    {MEASURES['think_answer'].title.removesuffix(' %')} form: {cell(row, 'think_answer')}")
    return lines


def _target_lines(row: Entry) -> list[str]:
    """Language by language, for runs that the language grader judged."""
    lines = []
    for target, found in row.targets.items():
        share = f"{tables.points(found['share'])} [{tables.points(found['low'])}, {tables.points(found['high'])}]"
        size = f"{found['num_samples']} samples of {found['num_problems']}"
        switches = tables.number(found["switches_per_1000_words"])
        lines.append(f"    {target:3} {share:21} {size:19} mixed {tables.points(found['mixed']):>5}  changes {switches:>5}")
    return lines


def cell(row: Entry, key: str, decimals: int = 1) -> str:
    """A measure of a row with the larger half of its interval."""
    found = row.measures.get(key, {})
    return tables.measure(measure_of(key).unit, found.get("value"), found.get("low"), found.get("high"), decimals)


def fitting(row: Entry, key: str, width: int) -> str:
    """The same in so many columns: without decimals where it is longer, then without the interval."""
    texts = (cell(row, key), cell(row, key, 0), tables.number(row.measures.get(key, {}).get("value"), 0))
    return next((text for text in texts if len(text) <= width), texts[-1])


def _mean(row: Entry, key: str, decimals: int = 1) -> str:
    """The same of a mean that may be large: without decimals from 100 on."""
    return cell(row, key, 0 if (row.measures.get(key, {}).get("value") or 0) >= 100 else decimals)


def _group_text(rows: list[Entry], ranked: Mapping[str, int], with_cost: bool) -> str:
    """A group under its heading."""
    first = rows[0]
    heading = (
        f"{first.task}, version {first.task_version}: {first.num_problems} problems, template {first.template},"
        f" {first.sampling}, grader {first.grader} {first.grader_version}, protocol {first.protocol}"
    )
    remark = prompts_remark(*rows)
    lines = [tables.paragraph(tables.plain(heading)), *([f"Note: {remark}."] if remark else []), ""]
    lines.append(tables.columns(("#", "checkpoint", "score [95 % interval]", "problems x n", "r/q/t"), FIRST_LINE))
    titles = ("", "stage", "c/w/u/t/f", "format", "tokens", "reasoning", "han", "mixed")
    lines += [tables.columns(titles, SECOND_LINE), "-" * tables.WIDTH]
    for row in rows:
        lines += _row_lines(row, ranked.get(row.run))
    below = [_forms_text(rows), _costs_text(rows) if with_cost else ""]
    return "\n\n".join(["\n".join(lines), *filter(None, below)])


def _versions_text(rows: list[Entry]) -> str:
    """What produced the samples, one paragraph for each distinct environment."""
    runs: dict[str, list[str]] = {}
    for row in rows:
        text = ", ".join(f"{key} {value}" for key, value in sorted(row.versions.items())) or "versions unknown"
        runs.setdefault(text, []).append(row.run)
    listed = (f"{text} (runs {', '.join(sorted(names))})" for text, names in sorted(runs.items()))
    return "\n".join(tables.paragraph(tables.plain(f"made with: {text}")) for text in listed)


def arranged(rows: Iterable[Entry], *, sort: SortKey = "score", reverse: bool = False) -> list[Entry]:
    """Group by group, and within each by what was asked for: the best score or format first, the fewest tokens or seconds, the latest date.

    What is not known comes last, whatever the direction.
    """
    keys: dict[str, Callable[[Entry], Any]] = {
        "score": lambda row: None if row.score is None else -row.score,
        "name": lambda row: row.name.casefold(),
        "tokens": lambda row: row.measures.get("tokens", {}).get("value"),
        "seconds": lambda row: row.seconds,
        "format": lambda row: -row.measures["format"]["value"] if "format" in row.measures else None,
        "date": lambda row: tuple(-ord(letter) for letter in row.date) or None,
    }
    key = keys[sort]
    found: list[Entry] = []
    for _, members in groupby(sorted(rows, key=order), key=_group):
        listed = list(members)
        known = sorted((row for row in listed if key(row) is not None), key=key, reverse=reverse)
        found += [*known, *(row for row in listed if key(row) is None)]
    return found


def render(rows: Iterable[Entry], *, with_cost: bool = False, among: Iterable[Entry] | None = None) -> str:
    """The rows, group by group as `arranged`, as text of at most 80 columns, with a legend.

    Ranks are those among `among`, where rows were filtered from more: leaving some out makes no other better.
    """
    listed = list(rows)
    if not listed:
        return "no runs yet" if among is None or not list(among) else "no run fits the filters"
    ranked = ranks(listed if among is None else among)
    groups = [_group_text(list(members), ranked, with_cost) for _, members in groupby(listed, key=_group)]
    legends = [LEGEND, FORM_LEGEND if any(map(is_known, listed)) else "", COST_LEGEND if with_cost else ""]
    return "\n\n".join([*groups, "\n".join([*map(tables.paragraph, filter(None, legends)), _versions_text(listed)])])
