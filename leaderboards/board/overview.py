"""Everything that `r1bench leaderboard` shows: rows that pass the filters, and around them lineage, imported and published numbers.

shown = overview.gather(index.refresh(runs), overview.Choice(tasks=("math500",), with_cost=True))
print(overview.render(shown))
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from r1bench.leaderboards.board import external
from r1bench.leaderboards.board import ranking as board
from r1bench.leaderboards.board.entry import Entry
from r1bench.leaderboards.board.index import Index
from r1bench.leaderboards.board.ranking import SortKey


class Choice(NamedTuple):
    """What of the board was asked for. Empty filters let all pass."""

    tasks: Sequence[str] = ()
    name: str = ""
    """A pattern: * and ? stand for any letters."""
    stage: str = ""
    sort: SortKey = "score"
    reverse: bool = False
    with_lineage: bool = False
    with_published: bool = False
    with_cost: bool = False


class Overview(NamedTuple):
    """What there is to show."""

    choice: Choice
    entries: list[Entry]
    """As sorted, group by group."""
    among: list[Entry]
    """The rows that ranks are taken among: filters by name and stage make no run better."""
    imported: list[dict[str, Any]]
    printed: list[dict[str, Any]]
    deltas: list[Any]
    family: list[Entry]
    left_out: list[str]
    """What is not shown, a line each with its cure."""

    @property
    def ranked(self) -> Mapping[str, int]:
        """Run -> rank."""
        return board.ranks(self.among)


def gather(found: Index, choice: Choice, *, num_workers: int = 2) -> Overview:
    """Ask the index, compute what it has not of the lineage, read what was imported."""
    entries = found.entries(choice.tasks, name=choice.name, stage=choice.stage)
    imported, faults = external.read(found.runs)
    deltas, family, printed = [], [], []
    if choice.with_lineage:
        from r1bench.leaderboards.board import lineage

        family = lineage.family(found.entries(), entries)
        deltas = lineage.deltas(found, family, num_workers=num_workers)
    if choice.with_published:
        from r1bench.leaderboards.board import papers

        printed = papers.rows(choice.tasks)
    return Overview(
        choice,
        board.arranged(entries, sort=choice.sort, reverse=choice.reverse),
        found.entries(choice.tasks) or found.entries(),
        [] if choice.stage else external.chosen(imported, choice.tasks, name=choice.name),
        printed,
        deltas,
        family,
        [*found.left_out(), *faults],
    )


def to_json(shown: Overview) -> Any:
    """The rows as a list, each with its rank; with lineage or published numbers an object of four lists."""
    ranked = shown.ranked
    entries = [{"rank": ranked.get(row.run), **row.to_json()} for row in shown.entries]
    if not (shown.choice.with_lineage or shown.choice.with_published):
        return entries
    lineage = [delta.to_json() for delta in shown.deltas]
    return {"entries": entries, "imported": shown.imported, "published": shown.printed, "lineage": lineage}


def render(shown: Overview) -> str:
    """All of it as text of at most 80 columns."""
    choice = shown.choice
    blocks = [board.render(shown.entries, with_cost=choice.with_cost, among=shown.among), external.render(shown.imported)]
    if choice.with_lineage:
        from r1bench.leaderboards.board import lineage

        blocks.append(lineage.render(shown.deltas, shown.family))
    if choice.with_published:
        from r1bench.leaderboards.board import papers

        blocks.append(papers.render(shown.printed))
    return "\n\n".join(filter(None, blocks))
