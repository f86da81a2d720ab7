"""Which examples each process takes in each forward pass, so that a step is the job's on any number of processes.

TRL and accelerate would shuffle, and repeat examples to fill up what does not divide. Here a step has its own places in its own order
(`r1bench.backends.examples.places_of`); the last one of a training by epochs may be short.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader

from r1bench.backends.examples import places_of
from r1bench.backends.job import TrainJob


class Micro(NamedTuple):
    """A forward pass of one process."""

    step: int
    places: Sequence[int]
    share: float
    """What a mean over it must be multiplied by, so that the mean over passes and processes is the mean over the step; 0: nothing of the
    step is left for this process, which computes for the sake of the others."""


def passes_of(job: TrainJob, micro: int, processes: int, process: int) -> list[Micro]:
    """All forward passes of a process, in order."""
    found = []
    for step in range(job.num_steps()):
        places = places_of(job, step)
        rounds = -(-len(places) // (micro * processes))
        for number in range(rounds):
            begin = (number * processes + process) * micro
            mine = places[begin : begin + micro]
            found.append(Micro(step, mine or places[:1], len(mine) * rounds * processes / len(places)))
    return found


class Passes(Sequence[Micro]):
    """What a DataLoader reads: one pass at a place."""

    def __init__(self, passes: Sequence[Micro]) -> None:
        self.passes = passes

    def __len__(self) -> int:
        return len(self.passes)

    def __getitem__(self, place: Any) -> Any:
        return self.passes[place]


def loader_of(passes: Sequence[Micro], collate: Callable[[Micro], dict[str, Any]]) -> DataLoader:
    """What a trainer reads its batches from, one pass after another."""
    return DataLoader(Passes(passes), batch_size=1, shuffle=False, collate_fn=lambda chosen: collate(chosen[0]), num_workers=0)  # type: ignore[arg-type]


def gathered(trainer: Any, sums: Sequence[float]) -> list[float]:
    """Sums over all processes."""
    return trainer.accelerator.reduce(torch.tensor(sums, dtype=torch.float64, device=trainer.accelerator.device), "sum").tolist()
