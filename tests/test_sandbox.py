"""The sandbox from outside: its containers start, end, die and are replaced; what crosses its border; what it says where it cannot work.

Programs that attack it, and honest ones: test_sandbox_attacks.py. Run: make test PYTEST_ARGS=tests/test_sandbox.py
"""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1bench.harness.errors import SandboxError, UnknownNameError
from r1bench.harness.sandbox import Calls, Examined, Limits, Sandbox, Script, open_sandbox, probe, seccomp
from r1bench.harness.sandbox.codec import CodecError, decode, encode, shown
from r1bench.harness.sandbox.frames import KINDS, FrameError, Parser, framed

HELLO = Script("print('hello', input())", "you")
KEYS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(), st.tuples(st.integers()))
SCALARS = st.one_of(KEYS, st.floats(), st.complex_numbers(), st.integers(-(10**60), 10**60))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner), st.tuples(inner, inner), st.dictionaries(KEYS, inner), st.sets(KEYS), st.frozensets(KEYS)),
    max_leaves=20,
)


def opened(kind: str = "bubblewrap", num_workers: int = 1) -> Sandbox:
    """A sandbox, or a skipped test."""
    try:
        return open_sandbox(kind, num_workers, packages=())
    except SandboxError as error:
        if os.environ.get("R1BENCH_REQUIRE_SANDBOX") == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with opened(num_workers=2) as found:
        yield found


@pytest.fixture(scope="module")
def plain() -> Iterator[Sandbox]:
    with opened("none") as found:
        yield found


def below(pid: int) -> list[psutil.Process]:
    """The processes below one."""
    return psutil.Process(pid).children(recursive=True)


class Hunter(threading.Thread):
    """Kills so many warm interpreters below this process, each while it runs a program; leaves those that are known."""

    def __init__(self, num_kills: int) -> None:
        super().__init__()
        self.known, self.left, self.is_over = {process.pid for process in below(os.getpid())}, num_kills, threading.Event()

    def run(self) -> None:
        while self.left and not self.is_over.wait(0.05):
            for process in below(os.getpid()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.pid not in self.known and process.name().startswith("python") and process.children():
                        process.kill()
                        self.known.add(process.pid)
                        self.left -= 1

    def __enter__(self) -> "Hunter":
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.is_over.set()
        self.join()


# what crosses


def is_same(one: Any, other: Any) -> bool:
    """Whether two plain values are alike down to types, signs of zero and NaN; sets in any order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other if isinstance(one, set | frozenset) else repr(one) == repr(other)


@given(VALUES)
def test_a_plain_value_comes_back_as_it_was(value: Any) -> None:
    assert is_same(decode(encode(value)), value)


@given(st.binary(max_size=200))
def test_bytes_of_a_stranger_decode_to_plain_values_or_to_an_error(data: bytes) -> None:
    try:
        value = decode(data)
    except CodecError:
        return
    assert encode(value)


@given(st.recursive(st.one_of(st.integers(), st.sampled_from("ltdszifcbarh"), st.text()), st.lists, max_leaves=30))
def test_json_of_a_stranger_decodes_to_plain_values_or_to_an_error(packed: Any) -> None:
    try:
        value = decode(json.dumps(packed).encode())
    except CodecError:
        return
    assert encode(value)


@pytest.mark.parametrize(
    "data", [b"[" * 10**6, b"NaN", b'{"l":1}', b"[]", b'["l"', b'["i","' + b"f" * 10**6 + b'"]', b"1" * 5000, b'["s",["l"]]']
)
def test_what_would_hurt_a_reader_is_refused(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode(data)


def test_keys_of_equal_hashes_are_refused_and_many_honest_ones_are_not() -> None:
    alike = {(2**61 - 1) * index for index in range(1, 300)}
    with pytest.raises(CodecError, match="equal hashes"):
        decode(encode(alike))
    assert decode(encode(dict.fromkeys(range(9000)))) == dict.fromkeys(range(9000))


def test_a_subclass_crosses_as_its_base_and_an_object_not_at_all() -> None:
    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        def __int__(self) -> int:
            return 7

        __hash__ = int.__hash__

    assert encode([Liar(3), Counter("a")]) == encode([3, {"a": 1}])
    with pytest.raises(CodecError, match="no plain value"):
        encode([object()])


def test_nesting_and_digits_are_bounded_on_the_way_out() -> None:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    for value in (deep, 1 << 2_000_000):
        with pytest.raises(CodecError):
            encode(value)


def test_any_plain_value_can_be_shown_in_few_letters() -> None:
    for value in (1 << 100_000, "x" * 10**6, [[1] * 1000] * 1000, {-math.inf: {1: {2: {3: {4: {5: 6}}}}}}):
        assert 0 < len(shown(value)) <= 200


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=50))), st.integers(1, 7))
def test_messages_arrive_however_they_are_cut(messages: list[tuple[str, bytes]], size: int) -> None:
    stream = b"".join(framed(kind, body) for kind, body in messages)
    parser = Parser(1000)
    assert [found for at in range(0, len(stream), size) for found in parser.feed(stream[at : at + size])] == messages


@pytest.mark.parametrize("data", [b"\xff\0\0\0\0", b"\0\xff\xff\xff\xff"])
def test_a_message_that_is_none_or_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        Parser(1000).feed(data)


# the filter, played by a second reading of its instructions


def fate(machine: str, number: int, arguments: tuple[int, ...] = (), audit: int | None = None) -> int:
    """What the filter answers to a system call."""
    words = {0: number, 4: audit or seccomp.ARCHITECTURES[machine].audit} | {16 + 8 * i: value for i, value in enumerate(arguments)}
    lines, at, held = seccomp.rules(machine), 0, 0
    while lines[at].code != seccomp.RETURN:
        code, if_true, if_false, value = lines[at]
        if code == seccomp.LOAD:
            held, at = words.get(value, 0), at + 1
            continue
        holds = {seccomp.EQUAL: held == value, seccomp.AT_LEAST: held >= value, seccomp.ANY_BIT: bool(held & value)}[code]
        at += 1 + (if_true if holds else if_false)
    return lines[at].number


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filter_refuses_what_is_listed_and_allows_the_rest(machine: str) -> None:
    numbers = seccomp.ARCHITECTURES[machine].numbers
    for name in seccomp.DENIED:
        assert name not in numbers or fate(machine, numbers[name]) == seccomp.FAIL | seccomp.EPERM
    named = set(numbers.values())
    assert all(fate(machine, number) == seccomp.ALLOW for number in range(470) if number not in named)
    assert len(seccomp.rules(machine)) < 256  # jumps of the filter are one byte


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filter_looks_at_arguments(machine: str) -> None:
    numbers, refused = seccomp.ARCHITECTURES[machine].numbers, seccomp.FAIL | seccomp.EPERM
    assert fate(machine, numbers["clone"], (0x01200011,)) == seccomp.ALLOW
    assert all(fate(machine, numbers["clone"], (1 << bit,)) == refused for bit in (7, 17, 25, 26, 27, 28, 29, 30))
    assert fate(machine, numbers["clone3"]) == seccomp.FAIL | seccomp.ENOSYS
    assert [fate(machine, numbers["socket"], (family,)) == refused for family in (1, 2, 10, 16, 40)] == [False, True, True, True, True]
    assert [fate(machine, numbers["prlimit64"], (pid,)) == refused for pid in (0, 1, 77)] == [False, True, True]
    assert [fate(machine, numbers["ioctl"], (0, what)) == refused for what in (0x5412, 0x541C, 0x5401)] == [True, True, False]
    assert fate(machine, 1, audit=0x40000003) == fate(machine, 0x40000001) == seccomp.KILL_PROCESS


def test_both_kinds_of_processor_refuse_the_same() -> None:
    only_there = {"iopl", "ioperm", "modify_ldt", "inotify_init"}
    assert set(seccomp.X86_64) - set(seccomp.AARCH64) == only_there
    assert not set(seccomp.AARCH64) - set(seccomp.X86_64)


# containers


def test_results_come_in_the_order_of_the_jobs(sandbox: Sandbox) -> None:
    ended = sandbox.run([Script(f"import time; time.sleep({0.03 * (index % 3)}); print({index})") for index in range(20)])
    assert [each.stdout for each in ended] == [f"{index}\n" for index in range(20)]


def test_no_jobs_no_results(sandbox: Sandbox) -> None:
    assert sandbox.run([]) == []


def test_runs_leave_no_open_file_and_no_process(sandbox: Sandbox) -> None:
    jobs = [
        HELLO,
        Calls("def f(x): return x", "f", ((1,),)),
        Examined("def f(x): return x", "assert f(1) == 1"),
        Script("while True: pass"),
    ]
    short = [job._replace(limits=Limits(cpu_seconds=0.2)) for job in jobs]
    sandbox.run(short)
    before = (psutil.Process().num_fds(), {process.pid for process in below(os.getpid())})
    for _ in range(3):
        sandbox.run(short)
    assert (psutil.Process().num_fds(), {process.pid for process in below(os.getpid())}) == before


def test_closing_ends_every_process_and_what_is_closed_refuses() -> None:
    before = {process.pid for process in below(os.getpid())}
    found = opened(num_workers=2)
    assert len(below(os.getpid())) > len(before)
    found.close()
    found.close()
    assert {process.pid for process in below(os.getpid())} <= before
    with pytest.raises(SandboxError, match="closed"):
        found.run([HELLO])


def test_a_container_that_dies_is_replaced_and_its_job_played_again() -> None:
    with Hunter(1) as hunter, opened() as found:
        ended = found.run([Script("import time; time.sleep(1); print('done')"), HELLO])
        assert [each.stdout for each in ended] == ["done\n", "hello you\n"]
        assert hunter.left == 0


def test_a_job_whose_container_dies_twice_is_an_error_of_the_sandbox_and_no_verdict() -> None:
    with Hunter(2), opened() as found:
        sleeping, hello = found.run([Script("import time; time.sleep(20)"), HELLO])
        assert (sleeping.status, hello.status) == ("sandbox_error", "finished")


OWNER = """
import sys
from r1bench.harness.sandbox import Script, open_sandbox
found = open_sandbox(sys.argv[1], 2, packages=())
print("open", flush=True)
found.run([Script("import os, time\\nif os.fork() == 0: os.setsid()\\ntime.sleep(1000)")] * 2)
"""


@pytest.mark.parametrize("kind", ["bubblewrap", "none"])
def test_a_harness_that_is_killed_leaves_nothing_behind(kind: str, sandbox: Sandbox) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, kind], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"open\n"
        while len(processes := below(owner.pid)) < 6:  # per worker at least an interpreter, the program and its child
            time.sleep(0.05)
        owner.kill()
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive


def test_threads_take_turns(sandbox: Sandbox) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(each.stdout for each in sandbox.run([HELLO] * 5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == ["hello you\n"] * 20


def test_a_sandbox_opened_in_a_thread_outlives_the_thread() -> None:
    found: list[Sandbox] = []
    thread = threading.Thread(target=lambda: found.append(open_sandbox("none", packages=())))
    thread.start()
    thread.join()
    with found[0] as one:
        assert one.run([HELLO])[0].stdout == "hello you\n"


def test_a_forked_copy_of_a_sandbox_refuses(sandbox: Sandbox) -> None:
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            sandbox.run([HELLO])
        except SandboxError:
            os.write(writer, b"refused")
        finally:
            sandbox.close()
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    assert os.read(reader, 100) == b"refused"
    os.close(reader)
    assert sandbox.run([HELLO])[0].stdout == "hello you\n"


def test_an_interrupt_ends_what_runs_and_the_next_call_works() -> None:
    with opened() as found:
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            found.run([Script("import time; time.sleep(100)")])
        assert found.run([HELLO])[0].stdout == "hello you\n"


# without isolation, and where there is none


def test_none_runs_the_same_jobs_as_plain_processes(plain: Sandbox) -> None:
    ended = plain.run(
        [HELLO, Calls("def f(x): return x + 1", "f", ((1,),)), Examined("def f(x): return x", "assert f(1) == 1\nassert f(1) == 2")]
    )
    assert ended[0].stdout == "hello you\n"
    assert ended[1].values[0].value == 2
    assert [result.value for result in ended[2].values] == [True, False]


def test_none_keeps_to_limits_and_ends_what_was_left_behind(plain: Sandbox) -> None:
    before = {process.pid for process in below(os.getpid())}
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(1000)\n    os._exit(0)\n"
    jobs = [Script("while True: pass"), Script("x = bytearray(1 << 30)"), Script("while True: print('x' * 1000)"), Script(daemon)]
    limits = Limits(cpu_seconds=0.5, memory_bytes=128 << 20, output_bytes=1 << 20)
    ended = plain.run([job._replace(limits=limits) for job in jobs])
    assert [each.status for each in ended] == ["time_limit", "memory_limit", "output_limit", "finished"]
    assert {process.pid for process in below(os.getpid())} == before


def test_without_bubblewrap_it_refuses_and_names_the_cures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxError, match=r"apt-get install bubblewrap.*--sandbox none"):
        open_sandbox()
    assert [(fact.name, fact.is_there) for fact in probe()] == [("bubblewrap", False)]


@pytest.mark.parametrize("kind", ["auto", "none"])
def test_on_other_systems_it_refuses(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(SandboxError, match="on Linux"):
        open_sandbox(kind)


def test_a_container_that_cannot_start_says_why_and_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxError, match=r"No permissions to create new namespace.*user namespaces"):
        open_sandbox()
    assert [fact.is_there for fact in probe()] == [True, False]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be without a user whose processes the kernel counts")
def test_root_that_cannot_map_users_is_refused_as_its_processes_cannot_be_limited(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    monkeypatch.setattr("r1bench.harness.sandbox.container.owners_of_nothing", lambda index: None)
    with pytest.raises(SandboxError, match="processes cannot be limited"):
        open_sandbox()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="bubblewrap"):
        open_sandbox("bublewrap")


def test_the_probe_says_what_there_is(sandbox: Sandbox) -> None:
    assert all(fact.is_there and fact.detail and not fact.cure for fact in probe())


def test_importing_the_sandbox_loads_nothing_heavy() -> None:
    code = "import sys; import r1bench.harness.sandbox; print({'subprocess', 'ctypes', 'socket', 'json'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
