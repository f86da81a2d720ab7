"""The sandbox from outside: its containers start, end, die and are replaced; what it says where it cannot work.

Programs that attack it, and honest ones: test_sandbox_attacks.py. What crosses its border: test_sandbox_border.py.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from r1bench.harness.errors import SandboxError, UnknownNameError
from r1bench.harness.sandbox import Calls, Examined, Limits, Sandbox, Script, container, open_sandbox, probe

HELLO = Script("print('hello', input())", "you")


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
    """Kills (or stops) so many warm interpreters below this process, each while it runs a program; leaves those that are known.

    One that has just appeared may still be starting, which is another failure: it is left alone for a while.
    """

    def __init__(self, num_kills: int, by: signal.Signals = signal.SIGKILL) -> None:
        super().__init__()
        self.signal = by
        self.known, self.left, self.is_over = {process.pid for process in below(os.getpid())}, num_kills, threading.Event()

    def run(self) -> None:
        appeared: dict[int, float] = {}
        while self.left and not self.is_over.wait(0.05):
            for process in below(os.getpid()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    is_settled = time.monotonic() - appeared.setdefault(process.pid, time.monotonic()) > 1.0
                    is_running = process.name().startswith("python") and process.children()
                    if process.pid not in self.known and is_settled and is_running:
                        process.send_signal(self.signal)
                        self.known.add(process.pid)
                        self.left -= 1

    def __enter__(self) -> "Hunter":
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.is_over.set()
        self.join()


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
        ended = found.run([Script("import time; time.sleep(3); print('done')"), HELLO])
        assert [each.stdout for each in ended] == ["done\n", "hello you\n"]
        assert hunter.left == 0


def test_a_job_under_which_two_containers_die_is_judged_and_not_lost() -> None:
    with Hunter(2), opened() as found:
        sleeping, hello = found.run([Script("import time; time.sleep(20)"), HELLO])
        assert (sleeping.status, hello.status) == ("forbidden", "finished")
        assert "brought the sandbox down twice" in sleeping.reason


def test_a_container_that_does_not_answer_is_replaced_within_seconds_and_is_gone() -> None:
    before, began = {process.pid for process in below(os.getpid())}, time.monotonic()
    with Hunter(1, signal.SIGSTOP) as hunter, opened() as found:
        ended = found.run([Script("import time; time.sleep(2); print('done')"), HELLO])  # 60 s would be its own last resort
        assert [each.stdout for each in ended] == ["done\n", "hello you\n"]
        assert hunter.left == 0
    assert {process.pid for process in below(os.getpid())} == before
    assert time.monotonic() - began < 60


def change_inside(monkeypatch: pytest.MonkeyPatch, folder: Any, file: str, old: str, new: str) -> None:
    """Have containers run a copy of the sandbox in which one line is another."""
    copy = shutil.copytree(container.HERE, folder / "sandbox")
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    monkeypatch.setattr(container, "HERE", copy)


def test_what_does_not_end_in_time_costs_its_container_and_changes_no_verdict(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    change_inside(
        monkeypatch, tmp_path, "watch.py", "while not poll.poll(1000 * INTERVAL):\n", "until = 0\n        while not poll.poll(0):\n"
    )
    before = {process.pid for process in below(os.getpid())}
    with opened() as found:
        first = found.workers[0].container.process.pid  # type: ignore[attr-defined]
        ended = found.run([HELLO, Calls("def f(x): return x", "f", ((1,), (2,))), Examined("def f(x): return x", "assert f(1) == 1")])
        assert ended[0].stdout == "hello you\n"
        assert [result.value for result in ended[1].values] == [1, 2]
        assert found.workers[0].container.process.pid != first  # type: ignore[attr-defined]
    assert {process.pid for process in below(os.getpid())} == before


CLONED = """
import ctypes, os, time
def clone_parent(): return ctypes.CDLL(None).syscall({"x86_64": 56, "aarch64": 220}[os.uname().machine], 0x8000 | 17, 0, 0, 0, 0)
"""
STRANGERS = {
    "leaves a zombie": ("if clone_parent() == 0: os._exit(0)\nprint('mine')", "finished"),
    "leaves one that runs": ("if clone_parent() == 0:\n  while True: pass\nprint('mine')", "finished"),
    "burns time": ("if clone_parent() == 0:\n  while True: pass\ntime.sleep(9)", "time_limit"),
    "holds memory": ("if clone_parent() == 0:\n  x = bytearray(900 << 20)\n  time.sleep(9)\ntime.sleep(9)", "memory_limit"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_child_of_another_parent_would_be_counted_and_reaped_too(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    change_inside(monkeypatch, tmp_path, "seccomp.py", "STRANGE_PARENTS = 0x0080A000", "STRANGE_PARENTS = 0")
    source, status = STRANGERS[name]
    with opened() as found:
        before = {process.pid for process in below(os.getpid())}
        ended, hello = found.run([Script(CLONED + source, limits=Limits(cpu_seconds=0.5, memory_bytes=256 << 20)), HELLO])
        assert (ended.status, hello.stdout) == (status, "hello you\n")
        assert {process.pid for process in below(os.getpid())} == before


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


def test_a_sandbox_opened_in_a_thread_outlives_the_thread(sandbox: Sandbox) -> None:
    found: list[Sandbox] = []
    thread = threading.Thread(target=lambda: found.append(open_sandbox(packages=())))
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
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    with opened() as found:
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            found.run([Script("import time; time.sleep(100)")])
        assert found.run([HELLO])[0].stdout == "hello you\n"
    signal.signal(signal.SIGINT, before)


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
