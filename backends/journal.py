"""The folder of a training: what its files and the lines in them are called; one writer and one reader of what it says while it runs.

    with Journal(out, job.num_steps()) as journal:          # a backend writes
        journal.rollouts(rows)
        journal.step(1, {"reward": 0.5, "length": 31.0})
    figures, faults = read_steps(out)                       # the report reads

events.jsonl has a line of figures per step, rollouts.jsonl every completion, written as soon as it is rewarded and before it is learned
from. Both may be growing, end in half a line, or hold anything at all: a reader leaves out what it cannot use. After a resume they are cut
back to the checkpoint, so that each step stands there once; the completions that were cut off go on to superseded.jsonl.
"""

import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self, TypeGuard

from pydantic import ValidationError

from r1bench.backends.job import modern
from r1bench.backends.losses import LossSpec
from r1bench.harness.errors import StorageError, printable
from r1bench.harness.store.disk import open_regular

JOB, PROMPTS, EVENTS, ROLLOUTS, SUPERSEDED = "job.json", "prompts.jsonl", "events.jsonl", "rollouts.jsonl", "superseded.jsonl"
HELD_OUT = "held_out.json"
"""What was measured of a supervised training on the examples that were kept aside."""
CHECKPOINTS, FINAL = "checkpoints", "final"
"""Folders: the one for step-000020, ..., and the result."""
START, STEP, FAULT, END = "start", "step", "fault", "end"
"""Kinds of event: a process began at `step`, with the `gaps` of what it cannot say and how its `resumption` compares with a run that was
never interrupted; a step with its figures (docs/backends.md names them); something that went wrong and was isolated, with `step` and
`what`; the end with its `checkpoint`."""
FIGURES = {
    "reward": "mean reward of the step's completions",
    "reward_std": "its standard deviation",
    "rewards/NAME": "mean of one reward, null where it applied to nothing",
    "length": "mean tokens of a completion, or of an example",
    "truncated": "share of completions that were cut at the limit",
    "zero_signal_groups": "share of groups whose advantages are all 0",
    "target_language_share": "share of the words that are of the problem's language",
    "loss": "mean over the step's minibatches",
    "kl/ESTIMATOR": "divergence from the reference by k1, k2 or k3, nats per token",
    "entropy": "of the distribution over the next token, nats, mean over the completions' tokens",
    "clip_fraction": "share of tokens at which the ratio was clipped",
    "mismatch/mean": "mean absolute difference of sampling and training log-probability per token, nats",
    "mismatch/max": "the largest of them",
    "mismatch/ess": "effective sample size of the weights training/sampling per token, as a share of the tokens: 1 where they agree",
    "drawn_batches": "batches of prompts that were drawn to fill the step (dynamic sampling)",
    "accuracy": "of trained tokens that were the most likely ones (fine-tuning), of pairs or labels on the right side (reward model)",
    "margin": "mean of chosen minus rejected score",
    "tokens": "that were trained",
    "grad_norm": "mean norm of the gradient before it is clipped",
    "learning_rate": "of the step's first minibatch",
    "rollout_seconds": "spent on drawing and rewarding",
    "update_seconds": "spent on optimiser steps",
    "tokens_per_second": "completion tokens over the seconds of the step",
}
"""Figures of a step that have a meaning for every reader; a backend leaves out what it does not know, and may add its own."""
RENAMED = {"kl": "kl/k3"}
"""Figures of the first journals by their names of today."""

LAST_STEP = 1_000_000_000
LONGEST_LINE = 4_000_000
MOST_BYTES = 200_000_000
NUM_STRETCHES = 500
MEASURED = ("value", "low", "high", "base", "difference", "margin", "level")
MOST_REMARKS, LONGEST_REMARK = 20, 300
"""Of gaps, faults and deviations."""


class RolloutRow(NamedTuple):
    """A completion as it stands in rollouts.jsonl."""

    step: int
    problem_id: str
    prompt: Any
    """Text, or messages."""
    gold: Any
    text: str
    finish_reason: str
    tokens: float
    rewards: Mapping[str, float | None]
    """By name, unweighted; None where one does not apply."""
    reward: float | None
    """Their weighted sum."""
    outcome: str
    """The grade's."""
    advantage: float | None
    """0 in a group without a signal; None where the group was beyond those that the step needed (dynamic sampling)."""
    sample: int | None = None
    """Which of its group it is, from 0."""
    prompt_ids: Sequence[int] | None = None
    token_ids: Sequence[int] | None = None
    """Of the completion, the token that ended it included."""
    logprobs: Sequence[float] | None = None
    """Of those tokens under the policy that drew them, in nats at the sampling temperature; None where a backend cannot tell."""
    policy: int | None = None
    """Optimiser steps that the weights had taken that drew it."""

    def known(self) -> Self:
        """With None for what is not a number."""
        rewards = {name: known(value) for name, value in self.rewards.items()}
        return self._replace(rewards=rewards, reward=known(self.reward), advantage=known(self.advantage))


class Journal:
    """Writes the files of one training, and one line of progress per step.

    Args:
        offsets: bytes of each file that belong to the checkpoint from which the training goes on at `step`.
        board: also gets the figures: TensorBoard's SummaryWriter, or what has its add_scalar and close.
        gaps: what this backend cannot say of its rollouts, in words.
        resumption: how a training that is gone on with compares with one that was never interrupted, in words.
    """

    def __init__(
        self,
        out: Path,
        num_steps: int,
        step: int = 0,
        offsets: Mapping[str, int] | None = None,
        board: Any = None,
        gaps: Sequence[str] = (),
        resumption: str = "",
    ) -> None:
        self.out, self.num_steps, self.board = out, num_steps, board
        self.files = {}
        for name in (EVENTS, ROLLOUTS):
            path = out / name
            if path.is_symlink():
                raise StorageError(f"{path} is a link, and a training writes files of its own; remove it, or choose another --out")
            path.touch()
            length = min((offsets or {}).get(name, 0), path.stat().st_size)
            if name == ROLLOUTS:
                set_aside(path, length)
            os.truncate(path, length)
            self.files[name] = path.open("a", encoding="utf-8", errors="surrogatepass")
        words = {"gaps": list(gaps), "resumption": resumption}
        self.event(START, step=step, pid=os.getpid(), **{name: said for name, said in words.items() if said})
        if step:
            print(f"goes on after step {step} ({step_name(step)})", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if self.board is not None and error is None:  # a full disk has been told once
            self.board.close()
        for file in self.files.values():
            file.close()

    def offsets(self) -> dict[str, int]:
        """Length in bytes of each file, everything written."""
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        return {name: (self.out / name).stat().st_size for name in self.files}

    def event(self, kind: str, **values: Any) -> None:
        """Append one event."""
        self._append(EVENTS, [{"event": kind, **values}])

    def faults(self, step: int, faults: Iterable[Any]) -> None:
        """Record and show what went wrong and was isolated (`r1bench.tasks.rewards.pool.Fault`)."""
        for fault in faults:
            self.event(FAULT, step=step, **fault.event())
            print(f"step {step}/{self.num_steps}  {printable(fault.what)}", file=sys.stderr, flush=True)

    def rollouts(self, rows: Iterable[RolloutRow]) -> None:
        """Append completions."""
        self._append(ROLLOUTS, (row.known()._asdict() for row in rows))

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        """Record a step's figures everywhere and show them."""
        self.event(STEP, step=step, **{name: known(rounded(value)) for name, value in figures.items()})
        for name, value in figures.items() if self.board is not None else ():
            if math.isfinite(value):
                self.board.add_scalar(name, value, step)
        print(f"step {step}/{self.num_steps}  {shown(figures)}", file=sys.stderr, flush=True)

    def _append(self, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
        self.files[name].writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        self.files[name].flush()


def step_name(step: int) -> str:
    """What the checkpoint of a step is called."""
    return f"step-{step:06d}"


def set_aside(path: Path, start: int) -> None:
    """Append what stands in a file from a place on to superseded.jsonl beside it: the costliest product of a training is kept."""
    aside = path.with_name(SUPERSEDED)
    if path.stat().st_size > start and not aside.is_symlink():
        with path.open("rb") as source, aside.open("ab") as file:
            source.seek(start)
            shutil.copyfileobj(source, file)


def known(value: float | None) -> float | None:
    """The value, or None for what is not a number: JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None


def rounded(value: float) -> float:
    """To six significant digits: a rate or a divergence may be small. A count stays whole."""
    return value if isinstance(value, int) else float(f"{value:.6g}")


def shown(figures: Mapping[str, float]) -> str:
    """The figures that stand in the line of progress: the reward, its parts, length, divergence, speed."""
    names = [name for name in figures if name.startswith("rewards/")]
    parts = [(name, "length reward" if name == "rewards/length" else name.removeprefix("rewards/"), ".2f") for name in names]
    divergences = [(name, name.replace("/", " "), ".4f") for name in figures if name.startswith("kl/")]
    chosen = [("reward", "reward", ".2f"), *parts, *((("loss", "loss", ".4f"), ("accuracy", "accuracy", ".3f")) if not parts else ())]
    chosen += [("length", "length", ".0f"), *divergences, ("tokens_per_second", "tok/s", ",.0f")]
    return "  ".join(f"{label} {figures[name]:{form}}" for name, label, form in chosen if name in figures)


class Steps(NamedTuple):
    """What a training says of its steps."""

    figures: dict[int, dict[str, float]]
    """By step, in order."""
    faults: list[str]
    """Lines that were left out, in words."""


class Fault(NamedTuple):
    """Something that went wrong and was isolated."""

    what: str
    times: int
    first: int | None
    """The step of the first time."""
    last: int | None


class Troubles(NamedTuple):
    """What a training could not say, and what went wrong in it."""

    gaps: list[str]
    faults: list[Fault]
    """Each text once, in the order of the file."""
    num_more: int
    """Fault events whose text is none of these."""
    resumptions: list[str]
    """How a training that was gone on with compares with one that was never interrupted."""


class Rollouts(NamedTuple):
    """Completions of a training, read as they are asked for."""

    rows: Iterator[RolloutRow]
    share: float
    """Of the file, that is read."""


def read_steps(folder: Path) -> Steps:
    """Every step's figures; a step that stands there twice (a resumed training) counts as it stands last."""
    steps: dict[int, dict[str, float]] = {}
    strange: list[str] = []
    with open_regular(folder / EVENTS) as file:
        for event in map(parsed, lines_of(file)):
            step = event.get("step")
            if event.get("event") != STEP:
                continue
            if not is_step(step):
                strange.append(repr(step)[:20])
            else:
                named = ((RENAMED.get(str(name), str(name)[:80]), value) for name, value in event.items() if name != "step")
                steps[step] = {name: value for name, value in named if is_number(value)}
    shown = ", ".join(strange[:3]) + (", ..." if len(strange) > 3 else "")
    faults = [f"{len(strange)} line{'s' * (len(strange) > 1)} of {EVENTS} with a step that is none ({shown})"] if strange else []
    return Steps(dict(sorted(steps.items())), faults)


def read_troubles(folder: Path) -> Troubles:
    """The declared gaps and the faults of every process of a training."""
    gaps: dict[str, None] = {}
    resumptions: dict[str, None] = {}
    faults: dict[str, Fault] = {}
    num_more = 0
    with open_regular(folder / EVENTS) as file:
        for event in (parsed(line) for line in lines_of(file) if b'"start"' in line or b'"fault"' in line):
            if event.get("event") == START:
                gaps.update(dict.fromkeys(texts(event.get("gaps"))))
                resumptions.update(dict.fromkeys(texts([said] if (said := event.get("resumption")) else [])))
            elif event.get("event") == FAULT:
                what, step = str(event.get("what", ""))[:LONGEST_REMARK], event.get("step")
                place = step if is_step(step) else None
                if what in faults:
                    faults[what] = faults[what]._replace(times=faults[what].times + 1, last=place)
                elif len(faults) < MOST_REMARKS:
                    faults[what] = Fault(what, 1, place, place)
                else:
                    num_more += 1
    return Troubles(list(gaps)[:MOST_REMARKS], list(faults.values()), num_more, list(resumptions)[:MOST_REMARKS])


def texts(value: Any) -> list[str]:
    """The texts of a list in a file, as many and as long as one can read; none where it is no list."""
    return [str(each)[:LONGEST_REMARK] for each in value[:MOST_REMARKS]] if isinstance(value, list) else []


def read_rollouts(folder: Path, most_bytes: int = MOST_BYTES) -> Rollouts | None:
    """Completions in the order of the file, in evenly spread stretches of a file of more than `most_bytes`; None without a file.

    Memory does not grow with the file.
    """
    path = folder / ROLLOUTS
    if not path.is_file():
        return None
    size = path.stat().st_size
    rows = (row for line in stretches(path, size, most_bytes) if (row := row_of(parsed(line))))
    return Rollouts(rows, 1.0 if size <= most_bytes else most_bytes / size)


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Every line of at most LONGEST_LINE bytes; a longer one is passed over whole, and never held."""
    while line := file.readline(LONGEST_LINE):
        if line.endswith(b"\n") or len(line) < LONGEST_LINE:
            yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)


def stretches(path: Path, size: int, most_bytes: int) -> Iterator[bytes]:
    """Every line, or the lines that begin in evenly spread stretches of a larger file."""
    with open_regular(path) as file:
        if size <= most_bytes:
            yield from lines_of(file)
            return
        for number in range(NUM_STRETCHES):
            file.seek(number * size // NUM_STRETCHES)
            if number:
                file.readline(LONGEST_LINE)  # the rest of a line that began before
            end = number * size // NUM_STRETCHES + most_bytes // NUM_STRETCHES
            while file.tell() < end and (line := file.readline(LONGEST_LINE)):
                yield line


def parsed(line: bytes) -> dict[str, Any]:
    """The object of a line; an empty one for a line that is none, such as the last one of a killed training."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def row_of(values: Mapping[str, Any]) -> RolloutRow | None:
    """A completion of a line, with what is not as it should be left out; None without a text or a step."""
    if not isinstance(values.get("text"), str) or not is_step(values.get("step")):
        return None
    fields = {name: values.get(name) for name in RolloutRow._fields}
    fields |= {name: "" for name in ("problem_id", "finish_reason", "outcome") if not isinstance(fields[name], str)}
    fields |= {name: None for name in ("tokens", "reward", "advantage") if not is_number(fields[name])}
    rewards = fields["rewards"] if isinstance(fields["rewards"], dict) else {}
    fields["rewards"] = {name: value for name, value in rewards.items() if is_number(value)}
    for name, kinds in (("prompt_ids", {int}), ("token_ids", {int}), ("logprobs", {int, float})):
        value = fields[name]
        fields[name] = value if isinstance(value, list) and {*map(type, value)} <= kinds else None
    fields |= {name: None for name in ("sample", "policy") if not is_step(fields[name])}
    return RolloutRow(**fields | {"tokens": fields["tokens"] or 0})


def is_step(value: Any) -> TypeGuard[int]:
    """Whether a value of a line is the number of a step."""
    return type(value) is int and 0 <= value <= LAST_STEP


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value of a line can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)


def about(folder: Path) -> dict[str, Any]:
    """Name, stage and backend, algorithm and loss, deviations, as the training's job says; '' and [] where it does not."""
    try:
        job = modern(parsed((folder / JOB).read_bytes()))
    except (OSError, TypeError, AttributeError):
        job = {}
    algorithm = job.get("algorithm")
    said = algorithm if isinstance(algorithm, dict) else {}
    return {
        **{key: str(job.get(key, ""))[:200] for key in ("name", "stage", "backend")},
        "algorithm": str(said.get("kind", ""))[:200],
        "loss": loss_of(said.get("loss")),
        "deviations": texts(job.get("deviations")),
    }


def read_held_out(folder: Path) -> dict[str, Any]:
    """The measure, its n and numbers (value, low, high, base, difference, margin, level) as far as they are there; {} without any."""
    try:
        said = parsed((folder / HELD_OUT).read_bytes())
    except OSError:
        return {}
    numbers = {name: said[name] for name in ("n", *MEASURED) if is_number(said.get(name))}
    return {"measure": str(said.get("measure", ""))[:200], **numbers} if "value" in numbers else {}


def loss_of(value: Any) -> str:
    """The loss of a job in words: 'dapo, clip_high 0.3', or 'pairwise'; '' for what is none."""
    if isinstance(value, str):
        return value[:200]
    try:
        loss = LossSpec.model_validate(value)
    except ValidationError:
        return ""
    return ", ".join([loss.preset, *(f"{name} {changed}" for name, changed in loss.changes().items())])


def home_of(checkpoint: Path) -> Path | None:
    """The training that a checkpoint lies in, if it is one: `final` is in its folder, `checkpoints/step-000040` one deeper."""
    above = checkpoint.parent
    home = above.parent if above.name == CHECKPOINTS else above
    try:
        is_named = checkpoint.name == FINAL or above.name == CHECKPOINTS
        return home.resolve() if is_named and (home / EVENTS).is_file() else None
    except (OSError, ValueError):  # a name that is no path: a NUL in it, or too long
        return None


def state(folder: Path) -> list[list[int] | None]:
    """What a training's files are known by without reading them."""
    places = [folder / name for name in (EVENTS, ROLLOUTS, JOB, HELD_OUT)]
    return [[path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else None for path in places]
