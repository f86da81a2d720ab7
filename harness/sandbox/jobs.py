"""What each kind of job does with its processes, and what is said of how they ended. In the harness.

A job is played by a generator: it starts processes, waits with `yield` for what they say, and returns how the job ended.
"""

import signal
import socket
from collections.abc import Callable, Generator

from r1bench.harness.sandbox import CallResult, Calls, Ended, Examined, Job, Limits, Script, Status
from r1bench.harness.sandbox.codec import CodecError, TooLargeError, decode, encode, shown, weight_of
from r1bench.harness.sandbox.runs import Run

Start = Callable[..., Run]
Play = Generator[None, None, Ended]
FATAL_CALLS = 3
EPERM, ENOMEM = 1, 12
REASON = 2000
"""Letters of a program's own words in a reason."""
VALUE_BYTES = 1 << 28
"""Memory that all values of one job would take together, about (see `weight_of`): bounds the time that reading them takes, too."""


def play(job: Job, start: Start) -> Play:
    """The generator that plays a job."""
    if isinstance(job, Script):
        return play_script(job, start)
    return play_calls(job, start) if isinstance(job, Calls) else play_examined(job, start)


def status_of_exception(body: bytes) -> tuple[Status, str]:
    """What an exception means that a program raised."""
    try:
        kind, number, text, near, _ = decode(body)
    except (ValueError, TypeError):  # what says this is not trusted
        return "runtime_error", "raised something that cannot be described"
    name = kind if isinstance(kind, str) and kind.isidentifier() else "an exception"  # a name may hold any text, such as our own words
    words = text[:REASON] if isinstance(text, str) else shown(text)
    reason = f"{name[:100]}: {words}" if words else name[:100]
    if near == "MemoryError" or (type(number) is int and number == ENOMEM):
        return "memory_limit", reason
    if type(number) is int and number == EPERM:
        return "forbidden", reason
    if isinstance(near, str) and near in ("SystemExit", "KeyboardInterrupt"):
        return "runtime_error", f"ended the process ({reason})"
    return "runtime_error", reason


def status_of_end(run: Run, limits: Limits) -> tuple[Status, str]:
    """How a run ended: what it used decides before what it said."""
    end = run.end
    if end is None:
        return "sandbox_error", "the sandbox did not say how it ended"
    if run.fault == "output_limit":
        return "output_limit", f"wrote more than {limits.output_bytes} bytes"
    if run.fault == "channel":
        return "runtime_error", "wrote into the channel of the sandbox"
    if end["cause"] in ("time_limit", "asleep"):
        slept = "slept too long (wall clock)" if end["cause"] == "asleep" else f"used more than {limits.cpu_seconds:g} s of CPU time"
        return "time_limit", slept
    if end["cause"] == "memory_limit":
        return "memory_limit", f"used more than {limits.memory_bytes >> 20} MiB of memory"
    if end["cause"] == "processes":
        return "forbidden", f"more than {limits.processes} processes and threads"
    if end["cause"] == "done" and end["status"] == -signal.SIGKILL:
        return "runtime_error", "stopped answering"
    if end["last_seconds"] > limits.cpu_seconds:
        return "time_limit", f"used more than {limits.cpu_seconds:g} s of CPU time"
    if "ready" not in run.said:
        words = run.said.get("refused", end["cause"].encode()).decode("utf-8", "replace")
        return "sandbox_error", f"could not be confined: {words[:300]}"
    return status_of_exit(run, end["status"])


def status_of_exit(run: Run, status: int) -> tuple[Status, str]:
    """How a run ended that stayed within its limits."""
    if "refused" in run.said:
        if "defined" not in run.said:
            return "compile_error", status_of_exception(run.said["refused"])[1]
        return status_of_exception(run.said["refused"])
    if "defined" not in run.said:
        return "compile_error", "the compiler gave up" if status >= 0 else f"the compiler was ended by {signal_named(-status)}"
    if status == 0:
        return "finished", ""
    if status == -signal.SIGSYS:
        return "forbidden", "a system call of another kind of processor"
    if status < 0:
        return "runtime_error", f"ended by {signal_named(-status)}"
    if "raised" in run.said:
        return status_of_exception(run.said["raised"])
    return "runtime_error", f"exit status {status}"


def signal_named(number: int) -> str:
    """A signal's name."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def source_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def play_script(job: Script, start: Start) -> Play:
    """Run a program to its end."""
    run = start("script", job.limits, stdin=job.stdin)
    run.send("source", source_of(job.source))
    while run.end is None:
        yield
    status, reason = status_of_end(run, job.limits)
    if job.keep is not None:
        kept = job.keep(run.printed["stdout"].decode("utf-8", "replace")) if status == "finished" else None
        return Ended(status, reason, kept=kept, **run.usage())
    stdout, stderr = (run.printed[name].decode("utf-8", "replace") for name in ("stdout", "stderr"))
    return Ended(status, reason, stdout, stderr, **run.usage())


def play_calls(job: Calls, start: Start) -> Play:
    """Make the calls one after the other, in a fresh process after one that ended."""
    results: list[CallResult] = []
    runs: list[Run] = []
    try:
        packed = [encode((job.entry_point, "", True, True, arguments, {})) for arguments in job.arguments]
    except CodecError as error:
        return Ended("tests_error", f"the arguments cannot be sent: {error}")
    room = VALUE_BYTES
    while len(results) < len(packed) and len(runs) < FATAL_CALLS:
        run = start("calls", job.limits, rounds=len(packed) + 1)
        runs.append(run)
        run.send("source", source_of(job.source))
        while run.end is None:
            if run.answers:
                kind, body = run.answers.pop(0)
                room -= weight_of(body)
                results.append(kept_of(job, len(results), kind, body) if room >= 0 else TOO_MUCH)
                run.is_busy = False
            if "served" in run.said and not run.is_busy:
                if len(results) == len(packed):
                    run.kill("done")
                else:
                    run.call(packed[len(results)])
            yield
        if len(results) < len(packed):
            status, reason = ended_early(run, job.limits)
            results.append(CallResult(status, reason))
            if "served" not in run.said and status != "sandbox_error":
                break  # the definitions will not do better in another process
    return ended_calls(job, results, runs)


def ended_early(run: Run, limits: Limits) -> tuple[Status, str]:
    """How a process ended that should have answered; an exit status of 0 is no answer."""
    status, reason = status_of_end(run, limits)
    return ("runtime_error", "ended the process") if status == "finished" else (status, reason)


def ended_calls(job: Calls, results: list[CallResult], runs: list[Run]) -> Ended:
    """All calls together."""
    if any(result.status == "sandbox_error" for result in results):
        return Ended("sandbox_error", next(result.reason for result in results if result.status == "sandbox_error"))
    if any(run.fault == "channel" for run in runs):
        results = [CallResult("runtime_error", "wrote into the channel of the sandbox")] * len(job.arguments)
    missing = len(job.arguments) - len(results)
    if missing and results:
        results += [CallResult(results[-1].status, f"not run: {results[-1].reason}")] * missing
    bad = next((result for result in results if result.status != "finished"), CallResult("finished", ""))
    usage = [run.usage() for run in runs]
    return Ended(
        bad.status,
        bad.reason,
        values=tuple(results),
        cpu_seconds=sum(each["cpu_seconds"] for each in usage),
        wall_seconds=sum(each["wall_seconds"] for each in usage),
        memory_bytes=max((each["memory_bytes"] for each in usage), default=0),
    )


TOO_MUCH = CallResult("output_limit", "gave too much in all calls together")


def kept_of(job: Calls, number: int, kind: str, body: bytes) -> CallResult:
    """What is kept of the answer to one call."""
    found = result_of(kind, body)
    return found._replace(value=job.keep(number, found.value)) if job.keep is not None and found.status == "finished" else found


def result_of(kind: str, body: bytes) -> CallResult:
    """What one call gave."""
    if kind == "raised":
        return CallResult(*status_of_exception(body))
    try:
        value = decode(body)
    except TooLargeError as error:
        return CallResult("output_limit", f"gave {error}")
    except CodecError as error:
        return CallResult("runtime_error", f"returned {error}")
    if kind == "opaque":
        return CallResult("runtime_error", f"returned {value[:200] if isinstance(value, str) else shown(value)}")
    return CallResult("finished", "", value)


def play_examined(job: Examined, start: Start) -> Play:
    """Run the tests in one process on the program in another, with a line between the two."""
    theirs, ours = socket.socketpair()
    with theirs, ours:
        program = start("examined", job.limits, line=theirs)
        program.send("source", source_of(job.source))
        while program.end is None and "served" not in program.said:
            yield
        if program.end is not None:
            return Ended(*ended_early(program, job.limits), **program.usage())
        tests = start("examination", job.limits, line=ours, user=1)
    tests.send("source", encode((job.tests, job.entry_point, job.names)))
    while tests.end is None:
        yield
    program.kill("done")
    while program.end is None:
        yield
    try:
        return verdict(job, program, tests)
    except (ValueError, TypeError) as error:  # the process of the tests said what it never says
        return Ended("sandbox_error", f"the tests were not heard ({type(error).__name__})")


def verdict(job: Examined, program: Run, tests: Run) -> Ended:
    """What the tests said, if they came to say it; else who is to blame."""
    if program.fault:
        status, reason = status_of_end(program, job.limits)
        return Ended(status, reason, values=asserts(tests, CallResult(status, reason)), **program.usage())
    if "passed" in tests.said or "failed" in tests.said:
        reason = "" if "passed" in tests.said else str(decode(tests.said["failed"]))
        values = asserts(tests, CallResult("runtime_error", f"not run: {reason}"))
        return Ended("finished", reason, values=values, passed="passed" in tests.said, **program.usage())
    if "refused" in tests.said and "ready" not in tests.said:
        return Ended("sandbox_error", "could not be confined")
    if "refused" in tests.said:
        return Ended("tests_error", str(decode(tests.said["refused"])), **program.usage())
    if "lost" in tests.said or (program.end or {}).get("cause") not in ("", "done"):
        status, reason = ended_early(program, job.limits)
    else:
        status, reason = ended_early(tests, job.limits)
        reason += ", while the tests ran"
    return Ended(status, reason, values=asserts(tests, CallResult(status, reason)), **program.usage())


def asserts(tests: Run, missing: CallResult) -> tuple[CallResult, ...]:
    """Whether each assert held; `missing` for those that were not reached."""
    count = decode(tests.said["count"]) if "count" in tests.said else 0
    found = {index: CallResult("finished", reason, has_held) for index, has_held, reason in map(decode, tests.held)}
    return tuple(found.get(index, missing._replace(value=False)) for index in range(count))
