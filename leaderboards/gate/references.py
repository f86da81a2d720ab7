"""Words become what the gate holds against what: runs, baseline files, checkpoints that are still to be evaluated. Prints nothing.

    references = find_baseline("board:main", runs, ["gsm8k", "math500"])
    stored = find_candidate("ckpt/", references, runs)

Which runs a word stands for is the rule of all commands (harness/store/names.py); which of several is taken stands here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from r1bench.harness.errors import UsageError, quoted
from r1bench.harness.evaluation.drawing import Drawing
from r1bench.harness.records import Problem
from r1bench.harness.store.names import Named, run_of, runs_of, runs_of_checkpoint
from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate import baselines
from r1bench.leaderboards.gate.verdict import Choice
from r1bench.leaderboards.measures.reading import read
from r1bench.leaderboards.protocol import check_complete

BOARD = "board:"


@dataclass(frozen=True)
class Reference:
    """The baseline on one task: a run, or what a baseline file holds of one."""

    tally: Tally
    choice: Choice | None = None
    """Where several runs fitted `board:NAME`."""

    @property
    def task(self) -> str:
        return self.tally.task

    def asked(self, drawing: Drawing) -> list[Problem]:
        """The problems that it was asked. Raises DataError where a file's are not at hand."""
        return drawing.problems(self.tally.manifest, self.tally.folder, list(self.tally.drawn), self.tally.id)


def by_task(found: Sequence[Named]) -> dict[str, list[Named]]:
    """Task -> its runs, in the order given; tasks by name."""
    tasks: dict[str, list[Named]] = {}
    for each in found:
        tasks.setdefault(each.manifest.task, []).append(each)
    return dict(sorted(tasks.items()))


def finished(tally: Tally) -> int:
    """The samples per problem of the last round that a run has whole; 0 where it has none."""
    if len(tally.drawn) < tally.manifest.num_problems:
        return 0
    indices = {problem: set(row) for problem, row in zip(tally.problems, tally.rows("index"), strict=True)}
    for problem, index in (each.key for each in tally.failed):
        indices.setdefault(problem, set()).add(index)
    return max((n for n in tally.manifest.rounds if all(found.issuperset(range(n)) for found in indices.values())), default=0)


def first(tally: Tally, n: int) -> Tally:
    """The first n samples of each problem. Raises ProtocolError where some are missing."""
    found = tally.first(n)
    check_complete(found)
    return found


def usable(tally: Tally, *, is_adaptive: bool) -> Tally:
    """A complete baseline. An adaptive gate that was broken off left a round unfinished, and goes on from the one before."""
    return first(tally, (finished(tally) if is_adaptive else 0) or tally.manifest.n)


def newest(found: Sequence[Named], *, protocol: str) -> Tally:
    """The candidate's newest complete run on one task, of one checkpoint and one protocol (the given one, where there are any of it).

    Raises:
        UsageError: runs of several protocols or checkpoints fit: which of them is to be judged is not for the gate to guess.
    """
    tallies = [read(each.folder) for each in found if each.manifest.protocol() == protocol] or [read(each.folder) for each in found]
    tallies = [tally for tally in tallies if not tally.shortfall] or tallies
    if len({(tally.manifest.protocol(), tally.manifest.checkpoint_digest) for tally in tallies}) > 1:
        word, task, listed = found[0].name, tallies[0].task, ", ".join(tally.id for tally in tallies)
        raise UsageError(f"{quoted(word)} fits runs of several protocols or checkpoints on {task}: {listed}; give one of these")
    return tallies[-1]


def newest_complete(found: Sequence[Named], *, is_adaptive: bool = False) -> Reference:
    """The newest complete run on one task, whatever its checkpoint and protocol, and what else has its name.

    In an adaptive gate one with a round that is complete will do: it is topped up. Where none is complete, the newest.
    """
    taken = None
    for each in reversed(found):
        tally = read(each.folder)
        taken = taken or tally
        if finished(tally) if is_adaptive else not tally.shortfall:
            taken = tally
            break
    assert taken is not None
    others = tuple(each.folder.name for each in reversed(found) if each.folder.name != taken.id)
    held = [each.manifest for each in found]
    counts = len({each.checkpoint_digest for each in held}), len({each.protocol() for each in held})
    choice = Choice(taken.task, found[0].name, taken.id, others, *counts) if others else None
    return Reference(usable(taken, is_adaptive=is_adaptive), choice)


def find_baseline(word: str, root: Path, tasks: Sequence[str] = (), *, is_adaptive: bool = False) -> list[Reference]:
    """The baseline, task by task: `board:NAME` for every run of the checkpoint NAME, a baseline file, or one run.

    Raises:
        UsageError, StorageError: nothing fits, or too much; a task that was asked for is missing. ProtocolError: a run is incomplete.
    """
    if word.startswith(BOARD):
        runs = by_task(runs_of_checkpoint(root, word.removeprefix(BOARD), tasks))
        found = [newest_complete(members, is_adaptive=is_adaptive) for members in runs.values()]
    elif Path(word).is_file() or word.endswith(".json"):
        found = [Reference(tally) for tally in baselines.read(Path(word)).values()]
    else:
        named = run_of(root, word, tasks, otherwise=f", or {BOARD}{word} for the newest of each task")
        found = [Reference(usable(read(named.folder), is_adaptive=is_adaptive))]
    has = [each.task for each in found]
    if missing := [task for task in tasks if task not in has]:
        cure = "evaluate it, or leave that task out of --tasks"
        raise UsageError(f"baseline {quoted(word)} has no run of {missing[0]}; it has {', '.join(has)}: {cure}")
    return [each for each in found if not tasks or each.task in tasks]


def save_baseline(word: str, path: Path, root: Path, tasks: Sequence[str] = ()) -> list[Choice]:
    """Write a baseline file of the newest complete run of each task that a word stands for; returns where several fitted.

    Raises:
        as `find_baseline`; StorageError where the file cannot be written.
    """
    references = [newest_complete(members) for members in by_task(runs_of(root, word.removeprefix(BOARD), tasks)).values()]
    baselines.save(path, [each.tally for each in references])
    return [each.choice for each in references if each.choice]


def is_checkpoint(word: str) -> bool:
    """Whether something may be evaluated under this name."""
    from r1bench.harness.checkpoints import EMBEDDED, HUB_ID

    return Path(word).exists() or word == EMBEDDED or bool(HUB_ID.fullmatch(word.partition("@")[0]))


def find_candidate(word: str, references: Sequence[Reference], root: Path) -> dict[str, Tally]:
    """Task -> the stored run of the candidate. Tasks without one are to be evaluated; for a checkpoint's folder these are all.

    Raises:
        UsageError: nothing fits, or too much; a task has no run, and there is no checkpoint to evaluate. StorageError: one cannot be read.
    """
    if (Path(word) / "config.json").is_file():  # a checkpoint's folder is what stands there now, not an old run of its name
        return {}
    protocols, can_draw = {each.task: each.tally.manifest.protocol() for each in references}, is_checkpoint(word)
    try:
        named = runs_of(root, word, list(protocols))
    except UsageError:
        if can_draw:
            return {}
        raise
    if can_draw:  # and so is a hub id, under which another revision may have been evaluated
        named = [each for each in named if each.manifest.checkpoint != word or each.manifest.name == word]
    found = {task: newest(members, protocol=protocols[task]) for task, members in by_task(named).items()}
    if can_draw:  # a run of another protocol is no use, and what is missing can be drawn
        return {
            task: run
            for task, run in found.items()
            if run.manifest.name != word or (run.manifest.protocol() == protocols[task] and not run.shortfall)
        }
    if missing := [each.task for each in references if each.task not in found]:
        cure = "give its checkpoint, which is then evaluated, or restrict the gate with --tasks"
        raise UsageError(f"candidate {quoted(word)} has runs of {', '.join(found)} and none of {', '.join(missing)}; {cure}")
    return found
