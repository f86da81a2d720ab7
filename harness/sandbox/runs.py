"""One sandboxed process as the harness sees it: what it printed, what it said on its channel, how it ended. In the harness.

What arrives is bounded and never trusted: output beyond the limit, and messages that are not what a process may say at that moment, end it.
"""

import contextlib
import os
import select
import selectors
import socket
from collections.abc import Callable
from typing import Any

from r1bench.harness.sandbox import Limits
from r1bench.harness.sandbox.frames import FrameError, Parser, framed

PIECE = 1 << 16
EARLY = ("ready", "defined", "refused", "served")
ANSWERS = ("value", "raised", "opaque")


def is_ready(file: Any, event: int, seconds: float = 0.0) -> bool:
    """Whether an open file is ready for an event within so many seconds. (select() cannot be asked about files beyond the 1,024th.)"""
    poll = select.poll()
    poll.register(file, event)
    return bool(poll.poll(seconds * 1000))


class Run:
    """A started process and its files; `end` is None while it lives."""

    def __init__(self, number: int, role: str, limits: Limits, tell: Callable[..., None], selector: selectors.BaseSelector) -> None:
        self.number, self.role, self.limits, self.tell, self.selector = number, role, limits, tell, selector
        self.end: dict[str, Any] | None = None
        self.said: dict[str, bytes] = {}
        """The first message of each kind that is said once."""
        self.answers: list[tuple[str, bytes]] = []
        self.held: list[bytes] = []
        self.fault = ""
        """What it did that ends it whatever else: `output_limit`, or `channel` for a message that it may not send."""
        self.is_busy = False
        """A call was made that has not been answered."""
        self.printed: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.pipes: dict[int, str] = {}
        self.parser = Parser(limits.output_bytes)
        self.unsent = bytearray()
        self.channel: socket.socket | None = None

    def open(self, channel: socket.socket, pipes: dict[int, str]) -> None:
        """Begin to listen."""
        self.channel, self.pipes = channel, pipes
        channel.setblocking(False)
        self.selector.register(channel, selectors.EVENT_READ, self)
        for file in pipes:
            os.set_blocking(file, False)
            self.selector.register(file, selectors.EVENT_READ, self)

    def usage(self) -> dict[str, Any]:
        """What it used, by the names of `Ended`."""
        return {name: (self.end or {}).get(name, 0) for name in ("cpu_seconds", "wall_seconds", "memory_bytes")}

    def kill(self, cause: str) -> None:
        """Have it ended; no effect on one that has."""
        if self.end is None:
            self.tell(do="kill", run=self.number, cause=cause)

    def send(self, kind: str, body: bytes) -> None:
        """Send a message, now or as soon as it is read."""
        self.unsent += framed(kind, body)
        self.write()

    def call(self, request: bytes) -> None:
        """Make a call; its time counts from here."""
        self.is_busy = True
        self.tell(do="mark", run=self.number)
        self.send("call", request)

    def write(self) -> None:
        """Write what can be written."""
        if self.channel is None:
            return
        try:
            while self.unsent:
                del self.unsent[: self.channel.send(memoryview(self.unsent)[: 1 << 20])]
        except BlockingIOError:
            self.selector.modify(self.channel, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
            return
        except OSError:
            self.unsent.clear()  # it has closed its end; how it ended will be told
        self.selector.modify(self.channel, selectors.EVENT_READ, self)

    def handle(self, file: Any, events: int) -> None:
        """Do what an open file is ready for."""
        if file is self.channel:
            if events & selectors.EVENT_WRITE:
                self.write()
            if events & selectors.EVENT_READ and not self.listen():
                self.close_channel()
        elif isinstance(file, int) and file in self.pipes and not self.collect(file):
            self.close_pipe(file)

    def collect(self, file: int) -> bool:
        """Read a piece of what it printed; False at the end, or beyond the limit."""
        try:
            piece = os.read(file, PIECE)
        except BlockingIOError:
            return True
        room = self.limits.output_bytes - sum(map(len, self.printed.values()))
        self.printed[self.pipes[file]] += piece[:room]
        if len(piece) > room:
            return self.blame("output_limit")
        return bool(piece)

    def listen(self) -> bool:
        """Read a piece of what it says; False at the end, or at a message that it may not send."""
        try:
            piece = self.channel.recv(PIECE) if self.channel is not None else b""
        except BlockingIOError:
            return True
        except OSError:
            return False
        try:
            for kind, body in self.parser.feed(piece):
                self.hear(kind, body)
        except FrameError as error:
            return self.blame("output_limit" if "bytes" in str(error) else "channel")
        return bool(piece)

    def blame(self, fault: str) -> bool:
        """End it for a fault; nothing more of it is read."""
        self.fault = self.fault or fault
        self.kill(fault)
        return False

    def hear(self, kind: str, body: bytes) -> None:
        """Take one message; FrameError for one that may not come now."""
        if kind in ANSWERS and self.is_busy and not self.answers:
            self.answers.append((kind, body))
        elif self.role == "examination" and kind == "held":
            self.held.append(body)
        elif kind not in self.said and self.may_say(kind):
            self.said[kind] = body
        else:
            raise FrameError("out of turn")

    def may_say(self, kind: str) -> bool:
        """Whether a message that is said once may be said by such a process, at this point."""
        if kind in EARLY:
            return "served" not in self.said
        return kind in ("count", "passed", "failed", "lost") if self.role == "examination" else self.role == "script" and kind == "raised"

    def finish(self, end: dict[str, Any]) -> None:
        """It has ended, and all that it started: read what is left, close everything."""
        self.end = end
        for file in list(self.pipes):
            while not self.fault and is_ready(file, select.POLLIN) and self.collect(file):
                pass
            self.close_pipe(file)
        while not self.fault and self.channel is not None and is_ready(self.channel, select.POLLIN) and self.listen():
            pass
        self.close_channel()

    def close_pipe(self, file: int) -> None:
        if file in self.pipes:
            self.selector.unregister(file)
            os.close(file)
            del self.pipes[file]

    def close_channel(self) -> None:
        if self.channel is not None:
            with contextlib.suppress(KeyError):
                self.selector.unregister(self.channel)
            self.channel.close()
            self.channel = None
