"""Messages over a stream of bytes: one letter for the kind, four bytes for the length, the body."""

import os
import struct

KINDS = (
    *("ready", "defined", "refused", "served", "raised", "value", "opaque"),
    *("source", "call", "count", "held", "passed", "failed", "lost"),
)
PIECE = 1 << 16
HEAD = struct.Struct("<BI")


def framed(kind: str, body: bytes = b"") -> bytes:
    """A message as bytes."""
    return HEAD.pack(KINDS.index(kind), len(body)) + body


class FrameError(ValueError):
    """Bytes that are no message."""


class Parser:
    """Messages out of bytes that arrive in pieces; the sender is not trusted."""

    def __init__(self, limit: int) -> None:
        self.buffer, self.limit = bytearray(), limit

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """The messages that are complete now; FrameError for one that is unknown or longer than the limit."""
        self.buffer += data
        found = []
        while len(self.buffer) >= HEAD.size:
            kind, length = HEAD.unpack_from(self.buffer)
            if kind >= len(KINDS):
                raise FrameError("an unknown message")
            if length > self.limit:
                raise FrameError(f"a message of {length} bytes")
            if len(self.buffer) < HEAD.size + length:
                break
            found.append((KINDS[kind], bytes(self.buffer[HEAD.size : HEAD.size + length])))
            del self.buffer[: HEAD.size + length]
        return found


class ChannelClosed(BaseException):
    """The other side is gone."""


class Channel:
    """The inner end of a channel; it blocks."""

    def __init__(self, file: int) -> None:
        self.file, self.buffer = file, b""

    def send(self, kind: str, body: bytes = b"") -> None:
        """Write a message; what cannot be written any more is lost."""
        data = memoryview(framed(kind, body))
        try:
            while data:
                data = data[os.write(self.file, data) :]
        except OSError:
            pass

    def receive(self) -> tuple[str, bytes]:
        """The next message; ChannelClosed where none will come, or none that is one."""
        kind, length = HEAD.unpack(self.read(HEAD.size))
        if kind >= len(KINDS):
            raise ChannelClosed
        return KINDS[kind], self.read(length)

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        parts, have = [self.buffer], len(self.buffer)
        while have < size:
            try:
                part = os.read(self.file, max(size - have, PIECE))
            except OSError:
                part = b""
            if not part:
                raise ChannelClosed
            parts.append(part)
            have += len(part)
        data = b"".join(parts)
        self.buffer = data[size:]
        return data[:size]
