"""Names become runs, baseline files and checkpoints: what the gate holds against what. Prints nothing.

    references = find_baseline("board:main", runs, ["gsm8k", "math500"])
    stored = find_candidate("ckpt/", references, runs)

Left out: drawing what is missing and the verdict (gating.py).
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from r1bench.harness.errors import StorageError, UnknownNameError, UsageError
from r1bench.harness.evaluation.drawing import Drawing
from r1bench.harness.records import Manifest, Problem, Run
from r1bench.harness.store.listed import run_folders
from r1bench.harness.store.runs import find_run, read_manifest, read_run

if TYPE_CHECKING:
    from r1bench.leaderboards.gate.choice import Choice
    from r1bench.leaderboards.gate.ledger import Ledger

BOARD = "board:"


@dataclass(frozen=True)
class Reference:
    """The baseline on one task: a run, or what a baseline file holds of one."""

    ledger: "Ledger"
    folder: Path | None = None
    """Of the run; None for a file."""
    choice: "Choice | None" = None
    """Where several runs fitted `board:NAME`."""

    @property
    def task(self) -> str:
        return self.ledger.manifest.task

    def asked(self, drawing: Drawing) -> list[Problem]:
        """The problems that it was asked. Raises DataError where a file's are not at hand."""
        return drawing.problems(self.ledger.manifest, self.folder, self.ledger.problems, self.ledger.id)


def manifests(root: Path) -> dict[Path, Manifest]:
    """Run folder -> manifest, oldest first. Folders that cannot be read are no business of other runs."""
    found = {}
    for folder in run_folders(root):
        with suppress(StorageError):
            found[folder] = read_manifest(folder)
    return found


def titles(root: Path) -> set[str]:
    """What the runs of a folder call their checkpoints."""
    return {held.name for held in manifests(root).values()}


def titled(root: Path, name: str, tasks: Sequence[str] = ()) -> dict[str, list[Path]]:
    """Task -> the runs, oldest first, whose checkpoint is called so."""
    found: dict[str, list[Path]] = {}
    for folder, held in manifests(root).items():
        if held.name == name and (not tasks or held.task in tasks):
            found.setdefault(held.task, []).append(folder)
    return found


def finished(run: Run) -> int:
    """The samples per problem of the last round that a run has whole; 0 where it has none."""
    indices = [{sample.index for sample in samples} for samples in run.samples_by_problem().values()]
    if len(indices) < run.manifest.num_problems:
        return 0
    return max((n for n in run.manifest.rounds if all(found.issuperset(range(n)) for found in indices)), default=0)


def ledger_of(run: Run, folder: Path, also: Sequence[str], *, is_adaptive: bool) -> "Ledger":
    """The sums of a run in its folder. An adaptive gate that was broken off left a round unfinished, and goes on from the one before."""
    from r1bench.leaderboards.gate.ledger import of_run
    from r1bench.leaderboards.protocol import place_of

    return of_run(run, first=(finished(run) or None) if is_adaptive else None, also=also, place=place_of(folder))


def newest(folders: Sequence[Path], name: str, *, protocol: str) -> Run:
    """The candidate's newest complete run, of one checkpoint and one protocol (the given one, where there are any of it).

    Raises:
        UsageError: runs of several protocols or checkpoints fit: which of them is to be judged is not for the gate to guess.
    """
    runs = [read_run(folder) for folder in folders]
    runs = [run for run in runs if run.manifest.protocol() == protocol] or runs
    runs = [run for run in runs if run.is_complete] or runs
    if len({(run.manifest.protocol(), run.manifest.checkpoint_digest) for run in runs}) > 1:
        listed = ", ".join(run.id for run in runs)
        raise UsageError(f"{name!r} fits runs of several protocols or checkpoints on {runs[0].manifest.task}: {listed}; give one of these")
    return runs[-1]


def newest_complete(folders: Sequence[Path], name: str, *, is_adaptive: bool = False) -> tuple[Run, "Choice | None"]:
    """The newest complete run of a name on one task, whatever its checkpoint and protocol, and what else has that name.

    In an adaptive gate one with a round that is complete will do: it is topped up. Where none is complete, the newest.
    """
    from r1bench.leaderboards.gate.choice import Choice

    latest, first = None, None
    for folder in reversed(folders):
        run = read_run(folder)
        first = first or run
        if finished(run) if is_adaptive else run.is_complete:
            latest = run
            break
    taken = latest or first
    assert taken is not None
    held = [read_manifest(folder) for folder in folders]
    others = tuple(folder.name for folder in reversed(folders) if folder.name != taken.id)
    counts = len({each.checkpoint_digest for each in held}), len({each.protocol() for each in held})
    return taken, Choice(taken.manifest.task, name, taken.id, others, *counts) if others else None


def find_baseline(
    name: str, root: Path, tasks: Sequence[str] = (), *, also: Sequence[str] = (), is_adaptive: bool = False
) -> list[Reference]:
    """The baseline, task by task: `board:NAME` for every run of the checkpoint NAME, a baseline file, or one run.

    Raises:
        UsageError, UnknownNameError, StorageError: nothing fits, or too much; a task that was asked for is missing.
        ProtocolError: a run is incomplete.
    """
    from r1bench.leaderboards.gate.baselines import read

    if name.startswith(BOARD):
        title = name.removeprefix(BOARD)
        folders = titled(root, title)
        if not folders:
            raise UnknownNameError("checkpoint on the board", title, titles(root), f"r1bench leaderboard --runs {root}")
        wanted = [task for task in folders if not tasks or task in tasks]
        taken = [newest_complete(folders[task], title, is_adaptive=is_adaptive) for task in sorted(wanted)]
        found = [Reference(ledger_of(run, root / run.id, also, is_adaptive=is_adaptive), root / run.id, choice) for run, choice in taken]
        has = sorted(folders)
    elif Path(name).is_file() or name.endswith(".json"):
        found = [Reference(ledger) for ledger in read(Path(name)).values()]
        has = [each.task for each in found]
    else:
        folder = _one_run(root, name, tasks)
        found = [Reference(ledger_of(read_run(folder), folder, also, is_adaptive=is_adaptive), folder)]
        has = [each.task for each in found]
    if missing := [task for task in tasks if task not in has]:
        cure = "evaluate it, or leave that task out of --tasks"
        raise UsageError(f"baseline {name!r} has no run of {missing[0]}; it has {', '.join(has)}: {cure}")
    return [each for each in found if not tasks or each.task in tasks]


def _one_run(root: Path, name: str, tasks: Sequence[str]) -> Path:
    """As `find_run` among the runs of these tasks, with the way to several."""
    fitting = [folder for folders in titled(root, name, tasks).values() for folder in folders] if tasks else []
    if len(fitting) == 1:
        return fitting[0]
    try:
        return find_run(root, name)
    except UnknownNameError:
        raise
    except StorageError as error:
        if name in titles(root):
            raise StorageError(f"{error}, or {BOARD}{name} for the newest of each task") from error
        raise


def save_baseline(name: str, path: Path, root: Path, tasks: Sequence[str] = ()) -> list["Choice"]:
    """Write a baseline file of the runs that a checkpoint's name has, or of the one run that was named; returns where several fitted.

    Raises:
        as `find_baseline`; StorageError where the file cannot be written.
    """
    from r1bench.leaderboards.gate.baselines import save
    from r1bench.leaderboards.gate.ledger import of_run, recorded_shares
    from r1bench.leaderboards.protocol import place_of

    given = f"{BOARD}{name}" if name in titles(root) else name
    references = find_baseline(given, root, tasks)
    folders = [each.folder for each in references if each.folder]
    runs = [(read_run(folder), place_of(folder)) for folder in folders]
    save(path, [of_run(run, also=recorded_shares(run), place=place) for run, place in runs])
    return [each.choice for each in references if each.choice]


def is_checkpoint(name: str) -> bool:
    """Whether something may be evaluated under this name."""
    from r1bench.harness.checkpoints import EMBEDDED, HUB_ID

    return Path(name).exists() or name == EMBEDDED or bool(HUB_ID.fullmatch(name.partition("@")[0]))


def find_candidate(name: str, references: Sequence[Reference], root: Path) -> dict[str, Run]:
    """Task -> the stored run of the candidate. Tasks without one are to be evaluated; for a checkpoint's folder these are all.

    Raises:
        UnknownNameError, StorageError: nothing fits, or too much.
        UsageError: a task has no run, and there is no checkpoint to evaluate.
    """
    if (Path(name) / "config.json").is_file():  # a checkpoint's folder is what stands there now, not an old run of its name
        return {}
    folders = titled(root, name, [each.task for each in references])
    protocols = {each.task: each.ledger.manifest.protocol() for each in references}
    found = {task: newest(paths, name, protocol=protocols[task]) for task, paths in folders.items()}
    if found and is_checkpoint(name):  # one of another protocol is no use, and what is missing of this one can be drawn
        return {task: run for task, run in found.items() if run.manifest.protocol() == protocols[task] and run.is_complete}
    if not found:
        try:
            run = read_run(find_run(root, name))
        except UnknownNameError:
            if not is_checkpoint(name):
                raise
            return {}
        except StorageError:
            if not is_checkpoint(name) or run_folders(root):
                raise
            return {}
        found = {run.manifest.task: run}
    missing = [each.task for each in references if each.task not in found]
    if missing and not is_checkpoint(name):
        has = ", ".join(sorted(found))
        cure = "give its checkpoint, which is then evaluated, or restrict the gate with --tasks"
        raise UsageError(f"candidate {name!r} has runs of {has} and none of {', '.join(missing)}; {cure}")
    return found
