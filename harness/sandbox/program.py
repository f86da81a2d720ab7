"""What a forked child does with a model's program: define it, then run it to its end or serve calls of it. Runs inside of the sandbox.

The program shares the process with this file and can do what it likes to it: all it can change is what it says about itself.
Messages to the harness are frames on file 3 (see frames.py), answers to tests on file 4:
    ready       confined; nothing of the program has been read
    defined     compiled; what is to come is the program's own doing
    refused     it cannot be compiled, or its definitions raised: kind, error number, text
    raised      an exception ended it, or the call: kind, error number, text, nearest builtin kind, arguments
    served      its definitions are made
    value       what a call gave;  opaque  why that is no plain value
"""

import atexit
import builtins
import contextlib
import gc
import io
import os
import sys
import threading
import traceback
from types import CodeType, ModuleType
from typing import Any

from r1bench.harness.sandbox.codec import CodecError, decode, encode
from r1bench.harness.sandbox.frames import Channel

CHANNEL, LINE = 3, 4
FILE = "solution.py"
SHOWN = 2000


def describe(error: BaseException) -> bytes:
    """An exception in plain values: kind, error number, text, nearest builtin kind, arguments. Its own methods may do anything."""
    kind = type(error)
    near = next((base.__name__ for base in kind.__mro__ if base.__module__ == "builtins"), "Exception")
    number = error.errno if isinstance(error, OSError) and type(error.errno) is int else 0
    try:
        text = str(error)[:SHOWN]
    except BaseException:
        text = ""
    try:
        whole = encode((kind.__name__, number, text, near, error.args))
    except BaseException:
        whole = b""
    return whole if 0 < len(whole) < 4 * SHOWN else encode((kind.__name__, number, text, near, (text,)))


def compiled(source: str, channel: Channel) -> CodeType:
    """The program's code. Ends the process where it cannot be compiled."""
    try:
        file = os.open(FILE, os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(file, source.encode("utf-8", "surrogatepass"))
        os.close(file)
        code = compile(source, os.path.abspath(FILE), "exec", dont_inherit=True)
    except BaseException as error:
        channel.send("refused", describe(error))
        sys.stderr.write("".join(traceback.format_exception_only(error)))
        leave(1)
    channel.send("defined")
    return code


def module_named(name: str) -> ModuleType:
    """A fresh module that is importable under its name."""
    module = ModuleType(name)
    module.__dict__.update(__file__=os.path.abspath(FILE), __builtins__=builtins, __cached__=None)
    sys.modules[name] = module
    sys.argv[:] = [module.__dict__["__file__"]]
    sys.path.insert(0, os.getcwd())
    return module


def run_script(channel: Channel) -> None:
    """Run a whole program as `python solution.py` would, and leave with its exit status."""
    code = compiled(channel.receive()[1].decode("utf-8", "surrogatepass"), channel)
    main = module_named("__main__")
    gc.enable()
    status = 0
    try:
        exec(code, main.__dict__)  # the point of it all: this process is the sandboxed one, never the harness
    except SystemExit as end:
        status = status_of(end)
    except BaseException as error:
        status = 1
        report(error, channel)
    finish(main, status)


def status_of(end: SystemExit) -> int:
    """The exit status that `sys.exit(code)` means."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    print(end.code, file=sys.stderr)
    return 1


def report(error: BaseException, channel: Channel) -> None:
    """Say what ended the program: to the harness, and on standard error as Python does."""
    channel.send("raised", describe(error))
    trace = error.__traceback__.tb_next if error.__traceback__ is not None else None  # without this file's own line
    traceback.print_exception(type(error), error, trace)


def finish(main: ModuleType, status: int) -> None:
    """What an interpreter does at its end, but for the modules' own clearing: threads, exit handlers, objects of the program, buffers."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads that are no daemons
        atexit._run_exitfuncs()
        status = flushed(status)  # while what a stream of the program's own needs is still there
        flush_files()  # the collector may close a file before what is buffered above it
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        main.__dict__.clear()
        gc.collect()
    except BaseException:
        traceback.print_exc()
    leave(status)


def flushed(status: int) -> int:
    """Flush standard output and error. What cannot be written any more makes status 120, as in Python; a closed stream does not."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except BaseException:
            status = status or 120
    return status


def flush_files() -> None:
    """Flush what is still open and buffered, as closing it would: the first streams, which the collector does not list, and all others."""
    kinds = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
    streams = [each for each in gc.get_objects() if issubclass(type(each), kinds)]
    streams.sort(key=lambda stream: not issubclass(type(stream), io.TextIOWrapper))  # these first: they write into the others
    for stream in [sys.__stdout__, sys.__stderr__, *streams]:
        with contextlib.suppress(BaseException):
            stream.flush()


def leave(status: int) -> None:
    """End now."""
    os._exit(flushed(status))


def define(channel: Channel) -> ModuleType:
    """A module with what the program defines. Ends the process where its definitions raise."""
    code = compiled(channel.receive()[1].decode("utf-8", "surrogatepass"), channel)
    module = module_named("solution")  # not __main__: what stands under that guard is not part of the definitions
    gc.enable()
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        channel.send("refused", describe(error))
        leave(1)
    channel.send("served")
    return module


def serve(channel: Channel, line: Channel | None = None) -> None:
    """Define the program, then answer calls until the other side closes the channel: the harness, or its tests on a line of their own."""
    server, channel = Server(define(channel)), line or channel
    while True:
        request = channel.receive()[1]
        try:
            kind, body = server.answer(request)
        except BaseException as error:
            kind, body = "raised", describe(error)
        channel.send(kind, body)


class Server:
    """Calls of what a program defined; objects that are not plain are kept here and named by a number."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.kept = module, list[Any]()

    def refer(self, value: Any) -> int:
        """The number of an object, the same one each time."""
        for number, kept in enumerate(self.kept):
            if kept is value:
                return number
        self.kept.append(value)
        return len(self.kept) - 1

    def find(self, target: Any, name: str) -> Any:
        """An object: by its number, or the program's by its name; `Solution.f` is the method f of a new Solution."""
        if isinstance(target, str):
            first, *rest = target.split(".")
            if not hasattr(self.module, first) and first != "builtins":
                raise NameError(f"name {first!r} is not defined")
            found = getattr(self.module, first, builtins)
            for part in rest:
                found = getattr(found() if isinstance(found, type) else found, part)
        else:
            found = self.kept[target]
        return getattr(found, name) if name else found

    def answer(self, request: bytes) -> tuple[str, bytes]:
        """Do what a request says: (target, attribute, whether to call it, whether only plain values will do, arguments, named ones)."""
        target, name, is_call, is_plain, arguments, named = decode(request, self.kept.__getitem__, None, sys.maxsize)
        value = self.find(target, name)
        if is_call:
            value = value(*arguments, **named)
        if not is_plain:
            return "value", encode(value, self.refer)
        try:
            return "value", encode(value)
        except CodecError as problem:
            return "opaque", encode(str(problem))
