"""What stands below the rows of a board: how completions keep to their format, how they reason, what they cost. At most 80 columns.

Only for runs whose samples have it recorded. Left out: the numbers themselves (measures/); `r1bench leaderboard --json` has all of them,
each with error and interval: every rule, every style, both means of each list of reflection words, paragraphs.
"""

from typing import TYPE_CHECKING

from r1bench.harness import tables
from r1bench.leaderboards.measures import MEASURES, measure_of

if TYPE_CHECKING:
    from r1bench.leaderboards.board.entry import Entry

FIRST_LINE = (3, -26, 11, 11, 12, 12)
SECOND_LINE = (3, 13, 9, 9, 9, 9, 9, 9)
TITLES = ("", "length", "repeated", "loops", "cut", "empty", "switches", "code")
LEGEND = (
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


def is_known(row: "Entry") -> bool:
    """Whether graders recorded how a run's completions reason."""
    return not row.measures.keys() <= MEASURES.keys()


def render(rows: list["Entry"]) -> str:
    """The block below a group of rows; empty where nothing was recorded."""
    known = list(filter(is_known, rows))
    if not known:
        return ""
    titles = ("", f"form: {known[0].style}", "strict", "tax", "reflection", "/1000")
    lines = [tables.columns(titles, FIRST_LINE), tables.columns(TITLES, SECOND_LINE), "-" * tables.WIDTH]
    return "\n".join([*lines, *(line for row in known for line in (*_row_lines(row), *_target_lines(row)))])


def render_cost(rows: list["Entry"]) -> str:
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


def _row_lines(row: "Entry") -> list[str]:
    """Two lines: format and reflection, then the rest."""
    name, asked = tables.shortened(tables.plain(row.name), -FIRST_LINE[1]), row.strictness.get(row.style, {})
    strict = [tables.measure("points", asked.get(key), asked.get(f"{key}_low"), asked.get(f"{key}_high")) for key in ("strict", "tax")]
    length = _mean(row, f"reasoning_{row.length_unit}") + ("w" if row.length_unit == "words" else "")
    first = ("", name, *strict, _mean(row, "reflection_r1"), _mean(row, "reflection_r1_per_1000"))
    shares = [cell(row, key) for key in ("repeated_passages", "loop", "truncated", "empty_reasoning")]
    second = ("", length, *shares, _mean(row, "answer_switches", 2), cell(row, "code_share"))
    return [tables.columns(first, FIRST_LINE), tables.columns(second, SECOND_LINE)]


def _target_lines(row: "Entry") -> list[str]:
    """Language by language, for runs that the language grader judged."""
    lines = []
    for target, found in row.targets.items():
        share = f"{tables.points(found['share'])} [{tables.points(found['low'])}, {tables.points(found['high'])}]"
        size = f"{found['num_samples']} samples of {found['num_problems']}"
        switches = tables.number(found["switches_per_1000_words"])
        lines.append(f"    {target:3} {share:21} {size:19} mixed {tables.points(found['mixed']):>5}  changes {switches:>5}")
    return lines


def cell(row: "Entry", key: str, decimals: int = 1) -> str:
    """A measure of a row with the larger half of its interval."""
    found = row.measures.get(key, {})
    return tables.measure(measure_of(key).unit, found.get("value"), found.get("low"), found.get("high"), decimals)


def fitting(row: "Entry", key: str, width: int) -> str:
    """The same in so many columns: without decimals where it is longer, then without the interval."""
    texts = (cell(row, key), cell(row, key, 0), tables.number(row.measures.get(key, {}).get("value"), 0))
    return next((text for text in texts if len(text) <= width), texts[-1])


def _mean(row: "Entry", key: str, decimals: int = 1) -> str:
    """The same of a mean that may be large: without decimals from 100 on."""
    return cell(row, key, 0 if (row.measures.get(key, {}).get("value") or 0) >= 100 else decimals)
