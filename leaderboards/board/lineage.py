"""Which checkpoint was trained from which, and what each stage added or lost on the same questions.

    print(lineage.render(lineage.deltas(index, index.entries())))

A run knows the digest of its checkpoint and of that checkpoint's parent. Two runs are paired if the one's checkpoint is the other's parent
and both are of one protocol.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness import tables
from r1bench.harness.errors import R1benchError
from r1bench.harness.records import Record
from r1bench.harness.store.disk import read_json
from r1bench.leaderboards.board.entry import Entry
from r1bench.leaderboards.board.index import Index
from r1bench.leaderboards.measures import LEVEL
from r1bench.leaderboards.measures.reading import read
from r1bench.leaderboards.processes import in_processes

SEAL = "r1bench.json"
LONG_WORK = 20_000
"""Samples from which on several processes are worth their start."""
DEEPEST = 42
"""Columns of a tree that may stand before a name."""


class Delta(NamedTuple):
    """What a checkpoint has over its parent on one task under one protocol: B - A, fractions."""

    parent: Entry
    entry: Entry
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    method: str = ""
    wins: int = 0
    losses: int = 0
    ties: int = 0
    note: str = ""
    """Why there is no difference; otherwise empty."""

    def to_json(self) -> dict[str, Any]:
        """JSON values; the runs by their ids."""
        named: dict[str, Any] = {"parent_run": self.parent.run, "run": self.entry.run, "level": LEVEL}
        for key, row in (("parent_", self.parent), ("", self.entry)):
            named |= {f"{key}name": row.name, f"{key}stage": row.stage, f"{key}digest": row.checkpoint_digest}
        numbers = {key: value for key, value in self._asdict().items() if not isinstance(value, Record)}
        return {**named, "task": self.entry.task, "protocol": self.entry.protocol, "num_problems": self.entry.num_problems, **numbers}


def parent_of(row: Entry) -> str:
    """Digest of the checkpoint that this one was trained from: what the run says, or else the seal of the checkpoint's folder.

    Empty where neither knows. A folder that has changed since the run is not asked.
    """
    if row.parent:
        return row.parent
    path = Path(row.checkpoint) / SEAL
    try:
        seal = read_json(path) if path.exists() else {}
        is_same = seal.get("name") == row.name and seal.get("stage") == row.stage
        return str(seal.get("parent", "")) if is_same else ""
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""


def pairs(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """(Run of the parent, run) for every complete run whose checkpoint's parent has one of the same protocol.

    Where the parent has several, the one with the most samples, then the one whose id comes last.
    """
    found = []
    by_digest: dict[tuple[str, str], list[Entry]] = {}
    for row in entries:
        if row.is_complete:
            by_digest.setdefault((row.checkpoint_digest, row.protocol), []).append(row)
    for row in entries:
        parents = by_digest.get((parent_of(row), row.protocol), [])
        if row.is_complete and parents and parent_of(row) != row.checkpoint_digest:
            found.append((max(parents, key=lambda each: (each.num_samples, each.run)), row))
    return found


def family(every: Sequence[Entry], shown: Sequence[Entry]) -> list[Entry]:
    """The rows that are shown, and those of the checkpoints they came from, on the same tasks."""
    parents = {row.checkpoint_digest: parent_of(row) for row in every}
    wanted: set[str] = set()
    for row in shown:
        digest = row.checkpoint_digest
        while digest and digest not in wanted:
            wanted.add(digest)
            digest = parents.get(digest, "")
    tasks = {row.task for row in shown}
    return [row for row in every if row.checkpoint_digest in wanted and row.task in tasks]


def _difference(folders: tuple[Path, Path]) -> tuple[str, str, dict[str, Any]]:
    """The ids of two runs and their paired difference, or why there is none, as JSON values."""
    from r1bench.leaderboards.compare.comparison import compare

    parent, child = folders
    try:
        found = compare(read(parent), read(child), level=LEVEL).difference
    except R1benchError as error:
        return parent.name, child.name, {"note": str(error)}
    return parent.name, child.name, {key: getattr(found, key) for key in ("mean", "low", "high", "method", "wins", "losses", "ties")}


def deltas(index: Index, entries: Sequence[Entry], *, num_workers: int = 2) -> list[Delta]:
    """What each run has over its parent's; those computed before come from the index."""
    paired = pairs(entries)
    stored = {(a.run, b.run): index.stored_difference(a.run, b.run) for a, b in paired}
    lacking = [pair for pair, found in stored.items() if found is None]
    samples = {row.run: row.num_samples for row in entries}
    workers = num_workers if sum(samples[a] + samples[b] for a, b in lacking) >= LONG_WORK else 1
    folders = [(index.runs / a, index.runs / b) for a, b in lacking]
    for parent, child, found in in_processes(_difference, folders, num_workers=workers):
        if "note" not in found:
            index.store_difference(parent, child, found)
        stored[parent, child] = found
    return [Delta(a, b, **(stored[a.run, b.run] or {})) for a, b in paired]


class Node(NamedTuple):
    """A checkpoint and those trained from it."""

    digest: str
    name: str
    stage: str
    children: list["Node"]


def trees(entries: Sequence[Entry]) -> list[Node]:
    """The checkpoints that have runs, each below its parent; a parent without a run is a node with a digest only.

    A checkpoint that is its own ancestor, which only broken files say, stands once, as a root.
    """
    nodes: dict[str, Node] = {}
    parents: dict[str, str] = {}
    for row in sorted(entries, key=lambda row: (row.name, row.run)):
        nodes.setdefault(row.checkpoint_digest, Node(row.checkpoint_digest, row.name, row.stage, []))
        if parent := parent_of(row):
            parents.setdefault(row.checkpoint_digest, parent)
    for digest in list(parents.values()):
        nodes.setdefault(digest, Node(digest, "", "", []))
    roots = []
    for digest, node in nodes.items():
        if digest in parents and not _is_ancestor(digest, parents[digest], parents):
            nodes[parents[digest]].children.append(node)
        else:
            roots.append(node)
    return [node for node in roots if node.children or node.name]


def _is_ancestor(digest: str, of: str, parents: dict[str, str]) -> bool:
    """Whether following parents from one checkpoint arrives at another."""
    seen: set[str] = set()
    while of and of not in seen:
        if of == digest:
            return True
        seen.add(of)
        of = parents.get(of, "")
    return False


def render(found: Sequence[Delta], entries: Sequence[Entry]) -> str:
    """The tree of stages as text of at most 80 columns; below each checkpoint what it has over its parent, task by task."""
    roots = trees(entries)
    if not roots:
        return "lineage: no runs"
    lines = ["lineage: each checkpoint below the one it was trained from", ""]
    for root in roots:
        lines += _node_lines(root, found)
    lines.append("")
    legend = (
        "Of each task: parent's score → score, difference in points [95 % interval, paired by problem], problems won/lost/tied. Only"
        " runs of one protocol are paired. A parent without a run here is shown by the first digits of its digest."
    )
    return "\n".join([*lines, tables.paragraph(legend)])


def _node_lines(root: Node, found: Sequence[Delta]) -> list[str]:
    """A checkpoint, its differences, and what was trained from it, with the lines of the tree before them. Generations may be thousands."""
    deltas: dict[str, list[Delta]] = {}
    for delta in found:
        deltas.setdefault(delta.entry.checkpoint_digest, []).append(delta)
    lines, waiting = [], [(root, "", "")]
    while waiting:
        node, branch, stem = waiting.pop()
        title = tables.plain(node.name) or f"({node.digest[:8]}, no run here)"
        stage = f"  {tables.plain(node.stage)}" if node.stage else ""
        lines.append(tables.shortened(f"{branch}{title}{stage}", tables.WIDTH))
        under = stem + ("│  " if node.children else "   ")
        for delta in deltas.get(node.digest, []):
            lines += [tables.shortened(f"{under}{line}", tables.WIDTH) for line in _delta_lines(delta)]
        last = len(node.children) - 1
        for number, child in reversed(list(enumerate(node.children))):
            knee, line = ("└─ ", "   ") if number == last else ("├─ ", "│  ")
            waiting.append((child, _fitting(stem) + knee, _fitting(stem) + line))
    return lines


def _fitting(stem: str) -> str:
    """The lines of the tree before a name, with an ellipsis for the first ancestors where they leave too little room."""
    return stem if len(stem) < DEEPEST else f"…  {stem[-(DEEPEST - 6) :]}"


def _delta_lines(delta: Delta) -> list[str]:
    """One line, or two where the task's name is long."""
    task = f"{tables.plain(delta.entry.task)} ({delta.entry.protocol[:8]})"
    if delta.mean is None:
        return [f"{task}: {tables.plain(delta.note)}"]
    scores = f"{tables.points(delta.parent.score)} → {tables.points(delta.entry.score)}"
    size = f"{tables.signed_points(delta.mean)} {tables.between(delta.low, delta.high)}"
    return [f"{task}: {scores}", f"   {size}  {delta.wins}/{delta.losses}/{delta.ties}"]
