"""`r1bench report`: run folders become a page with its data beside it, which opens from a file, offline, without a server.

    result = compose.build(Path("runs"), Path("site"), compose.Options())

In order: the rows of the board, the data of each run (in processes, one run in memory each), comparisons, trainings, the page itself last.
What is there already from the very same input is left as it is, so that the command can be repeated, or go on after `kill -9`.
Left out: parsing the command line (r1bench.harness.cli.report), the look of the page (assets/).
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from r1bench.harness import __version__, tables
from r1bench.harness.errors import ProtocolError
from r1bench.harness.progress import Progress
from r1bench.leaderboards.board.entry import Entry
from r1bench.leaderboards.board.indexing import code_digest
from r1bench.leaderboards.measures import MEASURES
from r1bench.leaderboards.processes import in_processes
from r1bench.leaderboards.report import output, page, pairs, payload, rollouts, sources, training
from r1bench.leaderboards.report.drawn import Drawn
from r1bench.leaderboards.report.pairs import Source
from r1bench.leaderboards.report.payload import Limits
from r1bench.leaderboards.report.sources import Choice

HEAVY = ("targets", "versions")
"""Fields of an entry that only the page of its run shows: they lie in that run's data, as measures beyond the table's do."""
OF_A_RUN = ("error", "method")
"""The same of a measure."""
FEW_JOBS = 4
"""Up to so many jobs, other processes are not worth their start."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Options:
    """What goes into a report."""

    choice: Choice = field(default_factory=Choice)
    limits: Limits = field(default_factory=Limits)
    trainings: tuple[Path, ...] = ()
    asked: tuple[tuple[str, str], ...] = ()
    """Pairs of run ids to compare besides the usual ones."""
    title: str = "r1bench report"
    level: float = 0.95
    workers: int = 2
    count: rollouts.Count | None = None
    """Number of reflection words of a text; without it their curve is left out."""
    reader: training.Reader | None = None
    """Reads trainings (r1bench.backends.journal); without it they are left out."""


class Result(NamedTuple):
    """What was written."""

    page: Path
    num_runs: int
    num_written: int
    """Runs whose data were not there yet."""
    num_samples: int
    num_comparisons: int
    num_trainings: int
    left_out: list[str]
    notes: list[str]
    """What a reader of the page should know; it stands there too."""
    page_bytes: int
    data_bytes: int
    """Written now."""
    removed: int
    """Files of runs that are gone."""
    seconds: float


def build(runs: Path, out: Path, options: Options, *, assets: Path = page.ASSETS) -> Result:
    """Write the report of a folder of runs into `out`.

    Raises:
        StorageError: `out` holds foreign files, cannot be written, or another process writes it; `runs` is not there.
        ProtocolError: two runs of `options.asked` must not be compared.
    """
    started = time.monotonic()
    output.check_ours(out)
    found = sources.collect(runs, options.choice, num_workers=options.workers)
    pairs.check_asked(options.asked, {row.entry.run: row.folder for row in found.rows})
    with output.open_site(out):
        written = write_runs(found, out, options)
        left_out = [*found.left_out, *written.left_out]
        rows, stages = compare_runs(written.sources, found, runs, out, options, left_out)
        trainings = write_trainings(written.sources, runs, out, options, left_out)
        boot = {
            "version": __version__,
            "made_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": options.level,
            "title": options.title,
            "entries": [light(source.entry) for source in written.sources],
            "left_out": left_out,
            "notes": found.notes,
            "published": found.published,
            "imported": found.imported,
            "stages": stages,
            "trainings": trainings,
            "figures": training.ordered({name: None for each in trainings for name in each["curves"]}),
            "comparisons": rows,
            "runs": [[source.entry.run, written.facts[source.entry.run]] for source in written.sources],
        }
        if not written.sources:
            boot["empty_reason"] = sources.why_empty(runs, options.choice)
        size = output.write_page(out, page.render(boot, options.title, assets))
        removed = clean(out, [source.directory for source in written.sources], rows, trainings)
    num_samples = sum(facts["num_samples"] for facts in written.facts.values())
    counts = len(written.sources), written.num_written, num_samples, len(rows), len(trainings), left_out, found.notes
    return Result(out / output.PAGE, *counts, size, written.size, removed, time.monotonic() - started)


def light(entry: Entry) -> dict[str, Any]:
    """An entry without what only the page of its run shows."""
    value = {key: item for key, item in sources.shown(entry).items() if key not in HEAVY}
    listed = {key: each for key, each in value["measures"].items() if key in MEASURES}
    value["measures"] = {key: {end: one for end, one in each.items() if end not in OF_A_RUN} for key, each in listed.items()}
    value["strictness"] = {style: each for style, each in entry.strictness.items() if style == entry.style}
    measured = {key: each for key, each in entry.several.items() if key != "budgets" and not key.startswith("outcome:")}
    value["several"] = {key: {end: each.get(end) for end in ("value", "low", "high")} for key, each in measured.items()}
    return value


class WrittenRuns(NamedTuple):
    """The runs that are on the page."""

    sources: list[Source]
    facts: dict[str, dict[str, Any]]
    left_out: list[str]
    num_written: int
    size: int


def write_runs(found: sources.Sources, out: Path, options: Options) -> WrittenRuns:
    """Every run's data; a run that cannot be read is left out and named."""
    jobs = [payload.Job(row.folder, out, row.directory, options.limits) for row in found.rows]
    made = list(worked_through("runs", payload.write_run, jobs, options.workers))
    done = {written.facts["dir"]: written for written in made if not written.fault}
    facts, chosen, size = dict[str, dict[str, Any]](), list[Source](), 0
    for row in found.rows:
        written = done.get(row.directory)
        if written is None:
            continue
        size += written.size + output.write_data(out, f"run/{row.directory}/entry", sources.whole(row))
        facts[row.entry.run] = written.facts
        chosen.append(Source(row.entry, row.directory, written.fingerprint, row.age))
    faults = [written.fault for written in made if written.fault]
    return WrittenRuns(chosen, facts, faults, sum(written.size > 0 for written in made), size)


def worked_through(label: str, function: Callable[[Given], Made], jobs: Sequence[Given], num_workers: int) -> Iterator[Made]:
    """What a function makes of each job, with progress on stderr; in this process where there are few."""
    with Progress(label, len(jobs)) if len(jobs) > FEW_JOBS else nullcontext() as progress:
        for made in in_processes(function, jobs, num_workers=num_workers if len(jobs) > FEW_JOBS else 1):
            yield made
            if progress:
                progress.advance()


def compare_runs(
    chosen: list[Source], found: sources.Sources, runs: Path, out: Path, options: Options, left_out: list[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The comparisons of the page and the stage table. An asked one that means nothing is an error, any other is left out and named."""
    selected = pairs.choose(chosen, found.lineage, options.asked)
    jobs = [pairs.Job(pair, out, options.level, runs) for pair in selected]
    done = {row["id"]: row for row in worked_through("comparisons", pairs.work_out, jobs, options.workers)}
    rows, stages = [], []
    for pair in selected:
        row = done[pair.id]
        if "refused" in row:
            if pair.is_asked:
                raise ProtocolError(row["refused"])
            left_out.append(f"not compared: {row['refused']}")
            continue
        if pair.is_stage:
            stages.append(pairs.stage(pair, row))
        rows.append({key: value for key, value in row.items() if key != "measures"})
    pairs.adjust(rows, options.level)
    return rows, stages


def write_trainings(chosen: list[Source], runs: Path, out: Path, options: Options, left_out: list[str]) -> list[dict[str, Any]]:
    """The curves of every training that was named or that a run's checkpoint came from."""
    checkpoints = [(source.entry.run, source.entry.checkpoint, source.entry.checkpoint_digest) for source in chosen]
    described = []
    for found in training.find(options.reader, options.trainings, checkpoints, runs) if options.reader else ():
        try:
            told = write_training(found, out, options)
            left_out += [f"training {found.folder}: {fault}" for fault in told.pop("faults")]
            described.append(told)
        except OSError as error:
            left_out.append(f"training {found.folder}: {error.strerror or error}")
    return described


def write_training(found: training.Found, out: Path, options: Options) -> dict[str, Any]:
    """One training's data; remembered by its files."""
    name, reader, count = f"training/{found.id}", options.reader, options.count
    assert reader is not None, "a training was found by its reader"
    mark = f"{code_digest()}:{count is not None}:{reader.state(found.folder)}"
    held = output.remembered(out, name, mark)
    if held is None:
        output.forget(out, name)
        curves = training.curves(*reader.read_steps(found.folder))
        story, samples = watch(reader.read_rollouts(found.folder), count)
        value = {"columns": curves.columns, "rows_of": curves.rows_of, "reflection": story.rows if story else None}
        value |= {"notes": rollouts.notes(story), "head": training.head(reader, found.folder), "has_samples": samples is not None}
        sizes = {name: output.write_data(out, name, value)}
        if samples:
            sizes[f"{name}/samples"] = output.write_data(out, f"{name}/samples", samples)
        held = training.describe(found, curves, reader.about(found.folder)) | {"faults": curves.faults}
        output.remember(out, name, mark, held, {f"{output.DATA}/{key}.js": size for key, size in sizes.items()})
    return held | {"runs": list(found.runs)}


def watch(read: tuple[Iterator[Any], float] | None, count: rollouts.Count | None) -> tuple[rollouts.Story | None, dict[str, Any] | None]:
    """What the completions of a training say step by step, and those of them that are shown: in one pass over the file."""
    if read is None:
        return None, None
    drawn = Drawn()
    rows = drawn.passed(read[0])
    story = rollouts.tell(rows, read[1], count) if count else None
    deque(rows, maxlen=0)  # what is left of them: all where nothing is counted
    return story, drawn.table()


def clean(out: Path, directories: list[str], rows: list[dict[str, Any]], trainings: list[dict[str, Any]]) -> int:
    """Remove the data of what is not on the page any more; returns the number of files."""
    kinds: list[tuple[str, Iterable[str]]] = [
        ("run", directories),
        ("comparison", [row["id"] for row in rows]),
        ("training", [each["id"] for each in trainings]),
    ]
    removed = 0
    for kind, names in kinds:
        kept = set(names)
        files = {f"{name}.js" for name in kept}
        removed += output.keep_only(out / output.DATA / kind, kept | files)
        endings = {f"{name}{ending}" for name in kept for ending in (".json", ".tally.json")}
        output.keep_only(out / output.CACHE / kind, endings, ".json")
    return removed


def to_json(result: Result) -> dict[str, Any]:
    """Plain JSON values."""
    return {**result._asdict(), "page": str(result.page)}


def render(result: Result) -> str:
    """What was written, and how to open it."""
    lines = [f"Note: {tables.plain(note)}" for note in result.notes]
    lines += [f"Left out: {tables.plain(reason)}" for reason in result.left_out]
    lines.append(
        f"{result.page}: {counted(result.num_runs, 'run')} ({result.num_written} written now), {counted(result.num_samples, 'sample')},"
        f" {counted(result.num_comparisons, 'comparison')}, {counted(result.num_trainings, 'training')}, {result.seconds:.1f} s"
    )
    lines.append(f"Open it in a browser: {result.page.resolve().as_uri()}")
    return "\n".join(lines)


def counted(count: int, noun: str) -> str:
    """'1 run', '2,000 runs'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
