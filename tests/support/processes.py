"""A command of r1bench that is killed without a chance to say goodbye."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def processes_of(folder: Path) -> list[int]:
    """Numbers of the processes whose command line names a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def kill_once_there(command: Sequence[str], environment: Mapping[str, str], awaited: Path, folder: Path) -> None:
    """Start a command, kill -9 it as soon as a file is there, and wait until no process of the folder is left."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 180
    while not awaited.exists():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)  # the parent; its own processes must not outlive it
    process.wait()
    while processes_of(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)
