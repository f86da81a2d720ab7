"""The process that rewards are computed in: requests come over a socket, and each unit of completions is answered by a line of JSON.

Started by workers.py as `python -m r1bench.tasks.rewards.reward_worker PARENT SOCKET`; of no use by hand. A request is a reward's name, its
options, and units, each pickled by itself so that a reward that changes its arguments changes a copy of its own. Bounded: memory, and the
life of this process by that of the one that started it; time is the other side's. What a reward prints goes to the error output.
"""

import json
import os
import pickle
import resource
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

from r1bench.harness.errors import R1benchError
from r1bench.tasks.grading.mathematics.math_worker import end_with_parent
from r1bench.tasks.rewards import get_reward
from r1bench.tasks.rewards.reward import computed, said

LEAST_MEMORY, MOST_MEMORY = 4 * 2**30, 16 * 2**30
"""Bytes of address space: half of the machine's memory within these."""


def main() -> None:
    """Serve until the other side hangs up."""
    parent, number = int(sys.argv[1]), int(sys.argv[2])
    end_with_parent()
    if os.getppid() != parent:
        return
    bound_memory()
    os.dup2(2, 1)
    with socket.socket(fileno=number) as line:
        line.sendall(b'"ready"\n')
        for request in requests(line.makefile("rb")):
            for answer in answers(*request):
                line.sendall(json.dumps(answer).encode() + b"\n")


def bound_memory() -> None:
    """Keep a reward from the machine's memory; where that is short all the same, the kernel ends this process before the training."""
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    most = max(LEAST_MEMORY, min(half, MOST_MEMORY))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def requests(stream: BinaryIO) -> Iterator[tuple[str, dict[str, Any], list[bytes]]]:
    """Each request: eight bytes that say how long it is, and a pickle."""
    while len(header := stream.read(8)) == 8:
        yield pickle.loads(stream.read(int.from_bytes(header)))


def answers(name: str, options: Mapping[str, Any], units: Sequence[bytes]) -> Iterator[Any]:
    """'loaded', or why it is not; then what the reward gives for each unit."""
    try:
        reward = get_reward(name)
    except R1benchError as error:
        yield {"refused": said(error)}
        return
    yield "loaded"
    for unit in units:
        yield computed(reward, pickle.loads(unit), options)


if __name__ == "__main__":
    main()
