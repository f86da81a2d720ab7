"""The warm interpreter of a worker: forks a confined child for each run, watches it, says how it ended. Runs inside of the sandbox.

It talks with the harness over one socket, in small JSON messages; the files of a run come with its message and are handed to the child
unread, so that nothing of one run can be found in the memory of the next. Messages in: `start` (with the files: standard input,
output, error, channel, the line between a program and its tests), `kill` (with a cause), `mark` (a new call begins: time counts from
here), `ping`. Messages out: `warm`, `ended`, `alive` (to a ping).

A child cannot reach this process: it lives in a process namespace below this one's, has no name for it and no open file of it.
It ends when the harness closes the socket or is no more, and where processes of a run that it killed do not end. (bubblewrap's own
--die-with-parent means the thread that started it, and leaves a process behind where the harness is killed while a container starts.)
Being the first process of its container, it takes all others with it, however it ends.
"""

import ast
import gc
import json
import os
import resource
import select
import signal
import site
import socket
import symtable
import sys
import time
import traceback
from typing import Any, NoReturn

from r1bench.harness.sandbox import confine, kernel, program, seccomp
from r1bench.harness.sandbox.examiner import serve_examination
from r1bench.harness.sandbox.frames import Channel, ChannelClosed
from r1bench.harness.sandbox.watch import INTERVAL, Watched, look, namespace_of, sweep

ROLES = {
    "script": program.run_script,
    "calls": program.serve,
    "examined": lambda channel: program.serve(channel, Channel(program.LINE)),
    "examination": serve_examination,
}


class Zygote:
    """Runs of one worker, at most a program and its examiner at a time."""

    def __init__(self, control: socket.socket, harness: int, setting: confine.Setting) -> None:
        self.control, self.harness, self.setting = control, harness, setting
        self.runs: dict[int, Watched] = {}
        self.own = os.open("/proc/self/ns/pid", os.O_RDONLY) if setting.is_isolated else -1
        self.poll, self.looked_at, self.interval = select.poll(), 0.0, INTERVAL
        self.poll.register(control, select.POLLIN)
        self.poll.register(harness, select.POLLIN)

    def serve(self) -> None:
        """Until the harness closes the socket."""
        self.say(event="warm", own_bytes=self.setting.own_bytes)
        while True:
            if not self.runs:
                self.looked_at, self.interval = time.monotonic() + INTERVAL, INTERVAL
            ready = self.poll.poll(self.interval * 1000 if self.runs else None)
            for file, _ in ready:
                if file == self.control.fileno():
                    self.hear()
                elif file == self.harness:
                    self.leave()
            for run in list(self.runs.values()):
                if any(file == run.handle for file, _ in ready):
                    self.end(run)
            passed = time.monotonic() - self.looked_at
            if self.runs and passed >= self.interval:
                self.interval = look(list(self.runs.values()), passed)
                for run in [run for run in self.runs.values() if run.is_stuck]:
                    self.end(run)
                self.looked_at = time.monotonic()

    def say(self, **message: Any) -> None:
        """Send a message to the harness."""
        self.control.send(json.dumps(message).encode())

    def hear(self) -> None:
        """Do what one message says."""
        data, files, _, _ = socket.recv_fds(self.control, 4096, 5)
        if not data:
            self.leave()
        message = json.loads(data)
        if message["do"] == "ping":
            self.say(event="alive")
        elif message["do"] == "start":
            self.start(message, files)
            for file in files:
                os.close(file)
        elif (run := self.runs.get(message["run"])) is not None:
            if message["do"] == "kill":
                run.kill(message["cause"])
            else:
                run.mark()

    def leave(self) -> NoReturn:
        """End, and all that runs with it."""
        for run in self.runs.values():
            run.kill("closed")
        os._exit(0)

    def start(self, message: dict[str, Any], files: list[int]) -> None:
        """Fork the child of a run, in process namespaces of its own."""
        began = time.monotonic()
        holder = None
        try:
            if self.setting.is_isolated:
                kernel.enter(self.own, kernel.NEW_PROCESSES)
                kernel.unshare(kernel.NEW_PROCESSES)
                holder = kernel.Holder()
                if not namespace_of(holder.number):
                    raise OSError("process namespaces cannot be told apart")  # else nothing of the run would be counted
            child = os.fork()
        except OSError as error:  # such as the machine's number of processes
            self.say(event="ended", run=message["run"], status=1, cause=f"not started: {error}", last_seconds=0.0, is_last=False)
            if holder is not None:
                os.kill(holder.number, signal.SIGKILL)
                os.waitpid(holder.number, 0)
            return
        if child == 0:
            guarded(lambda: self.become(message, files))
        handle = os.pidfd_open(child)
        self.poll.register(handle, select.POLLIN)
        limits = message["limits"] | {"own_bytes": self.setting.own_bytes}
        self.runs[message["run"]] = Watched(message["run"], child, holder, handle, limits, began)

    def become(self, message: dict[str, Any], files: list[int]) -> None:
        """In the child: take the files as 0 to 3 (an examined program and its tests: 4), close all others, give up everything, run."""
        high = [os.dup2(file, 100 + place) for place, file in enumerate(files)]
        for place, file in enumerate(high):
            os.dup2(file, place, inheritable=place < program.CHANNEL)
        kernel.close_from(len(files))
        channel = Channel(program.CHANNEL)
        try:
            confine.confine(self.setting, message["limits"], message["user"])
        except OSError as error:
            channel.send("refused", f"{type(error).__name__}: {error}".encode())
            os._exit(1)
        channel.send("ready")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ROLES[message["role"]](channel)

    def end(self, run: Watched) -> None:
        """Reap the child of a run and all that it left behind, then tell the harness; the end of this container too, where that fails."""
        self.poll.unregister(run.handle)
        os.close(run.handle)
        del self.runs[run.number]
        end = run.end()
        if not self.setting.is_isolated:
            sweep({other.child for other in self.runs.values()})
        self.say(event="ended", is_last=run.is_stuck, **end)
        if run.is_stuck:
            self.leave()  # the strongest that can be done about what does not end


def guarded(body: Any) -> NoReturn:
    """Run the body of a forked child; whatever happens, it does not return into the code of its parent."""
    try:
        body()
    except ChannelClosed:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


STREAMS = (("stdin", "r", "surrogateescape"), ("stdout", "w", "surrogateescape"), ("stderr", "w", "backslashreplace"))


def make_streams() -> None:
    """Standard streams as a fresh interpreter has them, where input is a file and output a pipe. Children get files of their own below."""
    kept = [os.dup(file) for file in range(3)]
    (reader, writer), memory = os.pipe(), os.memfd_create("none")
    for file, source in enumerate((memory, writer, writer)):
        os.dup2(source, file)
    for file, (name, mode, errors) in enumerate(STREAMS):
        stream = os.fdopen(file, mode, encoding="utf-8", errors=errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    for file, own in enumerate(kept):
        os.dup2(own, file)
    for file in (*kept, reader, writer, memory):
        os.close(file)


def warm_up(modules: list[str]) -> None:
    """Import what programs import most, and keep it out of the collector's sight, so that children share its memory."""
    for name in modules:
        __import__(name)
    symtable.symtable(ast.unparse(ast.parse("1")), "", "exec")  # makes what these make when first used
    site.setquit()  # exit() and quit(), which an interpreter without `site` lacks
    kernel.set_thread_stack(confine.THREAD_STACK)
    gc.collect()
    gc.freeze()
    gc.disable()


def enlarge_stack() -> None:
    """Start again with room for deep recursion: the kernel lays out memory by the limit that holds at the start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = confine.MAIN_STACK if hard == resource.RLIM_INFINITY else min(confine.MAIN_STACK, hard)
    if soft != wanted:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
        os.execv(sys.executable, sys.orig_argv)


def main() -> None:
    """Start a worker; its options are the one argument, as JSON."""
    enlarge_stack()
    options = json.loads(sys.argv[1])
    if options["spare"] >= 0:
        os.close(options["spare"])
    sys.path[:] = [path for path in sys.path if path != options["runner"]] + options["paths"]
    sys.argv[1:] = []
    make_streams()
    warm_up(options["warm"])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no handler in this memory: see kernel.Holder
    kernel.control(kernel.NO_NEW_PRIVILEGES, 1)
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where memory runs out, programs end before anything else of this machine
    if options["is_isolated"]:
        kernel.drop_bounding_set()
        os.setgroups([]) if options["users"] else None
    else:
        kernel.control(kernel.PARENT_OF_ORPHANS, 1)
    with open("/proc/self/statm") as file:
        own_bytes = int(file.read().split()[0]) * resource.getpagesize()
    rules = seccomp.assembled() if options["is_isolated"] else (b"", 0)
    setting = confine.Setting(
        options["is_isolated"], tuple(options["users"]), own_bytes, options["own_processes"], rules, confine.hard_limits()
    )
    if setting.is_isolated and not confine.holds_processes(setting):
        sys.exit(
            "the number of processes cannot be limited for the root of the host; run as an ordinary user, or with CAP_SETUID and CAP_SETGID"
        )
    zygote = Zygote(socket.socket(fileno=options["control"]), options["harness"], setting)
    kernel.control(kernel.DUMPABLE, 0)  # nothing may look into this process, nor into those that hold namespaces
    zygote.serve()
