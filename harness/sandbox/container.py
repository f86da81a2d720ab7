"""Start a worker's process: a bubblewrap container with Python and nothing else in it, or a plain process where that was asked for.

Mounted, all read-only: the interpreter and its standard library under /python, the C libraries with their locales, the zones of the
clock, the packages that were named, this folder. No shell, no /etc, no /home, no /sys; of devices null, full, random. The environment is
made, not inherited.

Where the harness is root, programs run as users of the host that own nothing: the user namespace maps two of them besides root. For
ordinary users programs have the harness's own user, without capabilities; then the namespaces and the mounts hold them alone.
Root that may not map users is refused: the kernel would not limit its processes.
"""

import contextlib
import json
import os
import platform
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from r1bench.harness.errors import SandboxError, printable
from r1bench.harness.sandbox import Fact

HERE = Path(__file__).resolve().parent
WARM = (
    "bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "heapq", "itertools", "json",
    "math", "operator", "random", "re", "string", "threading", "time", "traceback", "typing",
)  # fmt: skip
"""Modules that most programs import; each that is imported here costs every fork a little."""
ENVIRONMENT = {
    "HOME": "/tmp",
    "LANG": "C",  # which needs no file; text is UTF-8 all the same, see PYTHONUTF8
    "LD_LIBRARY_PATH": "/python/lib",
    "MALLOC_ARENA_MAX": "2",  # each arena reserves 64 MB of address space, which is limited too
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/python/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",  # the same order of sets in every run
    "PYTHONUTF8": "1",
}
CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL")
START = "import sys; sys.path.insert(0, {runner!r}); from r1bench.harness.sandbox.zygote import main; main()"
PATIENCE = 30.0
"""Seconds for a container to start."""
END = 5.0
"""Seconds for a container to end once it was told to, and again once it was killed."""
FIRST_USER = 0x70000000
"""Users of the host from here on belong to nobody (systemd, UIDS-GIDS)."""

CURES = {
    "missing": "install bubblewrap (apt-get install bubblewrap)",
    "system": "run code tasks on Linux, for example in a container of Docker Desktop or Lima",
    "namespaces": "allow user namespaces: sysctl -w user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1, on Ubuntu 24.04 "
    "kernel.apparmor_restrict_unprivileged_userns=0; in Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined",
}
BY_NAME = "or, only for programs that you trust, ask for no isolation by name: --sandbox none"


class Container(NamedTuple):
    """A started worker: the process to wait for, the socket to talk through, what it wrote on standard error."""

    process: subprocess.Popen[bytes]
    first: int
    """An open handle (pidfd) of the interpreter, which takes all that it runs with it; not of bubblewrap, which would leave it behind."""
    control: socket.socket
    errors: Any
    folder: tempfile.TemporaryDirectory[str]
    is_isolated: bool
    has_own_users: bool

    def complaint(self) -> str:
        """The last that it wrote on standard error, in one line."""
        self.errors.seek(max(0, os.fstat(self.errors.fileno()).st_size - 2000))
        return printable(self.errors.read().decode("utf-8", "replace"))[-600:]

    def close(self) -> None:
        """End it and all that it runs; it is gone then, whatever runs in it."""
        self.control.close()
        if not self.is_over(END / 2):
            self.kill()
            self.is_over(END)
        try:
            self.process.wait(END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.first)
        self.errors.close()
        self.folder.cleanup()

    def is_over(self, seconds: float) -> bool:
        """Whether the interpreter and all in its container end within so many seconds."""
        poll = select.poll()
        poll.register(self.first, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def kill(self) -> None:
        """End it at once, without asking."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.first, signal.SIGKILL)


def library_folders() -> list[Path]:
    """Where the C libraries are, and the links that lead there; not all of /usr/lib, which holds programs too."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or "none"
    own = [Path(f"/usr/lib/{multiarch}"), Path(f"/lib/{multiarch}")]
    plain = [Path("/lib64"), Path("/usr/lib64")]
    if not any(folder.is_dir() for folder in own):
        plain += [Path("/lib"), Path("/usr/lib")]
    links = [Path(name) for name in ("/lib", "/lib64") if Path(name).is_symlink()]
    kept = [folder for folder in own + plain if folder.is_dir() and not any(link in (folder, *folder.parents) for link in links)]
    return [*links, *kept]


def python_mounts() -> list[tuple[Path, str]]:
    """The interpreter, its library and its shared object: where they are, and where they shall be."""
    base = Path(sys.base_prefix)
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    found = [(executable, "/python/bin/python3")]
    for name in ("stdlib", "platstdlib"):
        folder = Path(sysconfig.get_path(name, vars={"base": str(base), "platbase": sys.base_exec_prefix, "installed_base": str(base)}))
        found.append((folder, f"/python/{folder.relative_to(base)}"))
    name = sysconfig.get_config_var("INSTSONAME") or ""
    places = [f"{folder}/{name}" for folder in (base / "lib", sysconfig.get_config_var("LIBDIR"))]
    shared = next((place for place in places if ".so" in name and os.path.isfile(place)), None)
    if shared is not None:
        found.append((Path(shared), f"/python/lib/{name}"))
    return list(dict.fromkeys(found))


def package_mounts(packages: Sequence[str]) -> list[tuple[Path, str]]:
    """Installed packages that programs may import, and the shared objects that came with them."""
    found = []
    for name in packages:
        spec = find_spec(name)
        for place in (spec.submodule_search_locations or []) if spec else []:
            folder = Path(place).resolve()
            found += [(each, f"/packages/{each.name}") for each in (folder, folder.with_name(f"{name}.libs")) if each.is_dir()]
    return found


def zone_folder() -> Path | None:
    """Where the zones of the clock are: the system's, else those of the package tzdata."""
    spec = find_spec("tzdata")
    places = [Path("/usr/share/zoneinfo"), *(Path(place) / "zoneinfo" for place in (spec.submodule_search_locations or [] if spec else []))]
    return next((place for place in places if place.is_dir()), None)


def is_below(folder: Path, bound: Sequence[tuple[Path, str]]) -> bool:
    """Whether a folder comes with one that is mounted in its own place."""
    return any(str(source) == target and source in folder.parents for source, target in bound)


def mounts(packages: Sequence[str]) -> list[str]:
    """bubblewrap's arguments that make the file system."""
    bound = [(folder, str(folder)) for folder in library_folders() if not folder.is_symlink()]
    bound += [*python_mounts(), *package_mounts(packages), (HERE, "/runner/r1bench/harness/sandbox")]
    bound += [(zones, "/usr/share/zoneinfo") for zones in [zone_folder()] if zones is not None]
    bound += [(locales, str(locales)) for locales in [Path("/usr/lib/locale")] if locales.is_dir() and not is_below(locales, bound)]
    if Path("/etc/ld.so.cache").exists():
        bound.append((Path("/etc/ld.so.cache"), "/etc/ld.so.cache"))
    arguments: list[str] = []
    for parent in sorted({str(parent) for _, target in bound for parent in PurePosixPath(target).parents}):
        arguments += ["--dir", parent]  # made by name a folder is open to other users, made on the way to a mount it is not
    for folder in library_folders():
        arguments += ["--symlink", os.readlink(folder), str(folder)] if folder.is_symlink() else []
    for source, target in bound:
        arguments += ["--ro-bind", str(source), target]
        if (source / "site-packages").is_dir():
            arguments += ["--tmpfs", f"{target}/site-packages", "--remount-ro", f"{target}/site-packages"]
    arguments += ["--tmpfs", "/dev"]
    for name in ("null", "full", "random", "urandom"):
        arguments += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        arguments += ["--symlink", f"/proc/self/fd{target}", f"/dev/{name}"]
    arguments += ["--symlink", "/tmp", "/dev/shm", "--remount-ro", "/dev", "--proc", "/proc", "--dir", "/tmp"]
    return [*arguments, "--remount-ro", "/"]


def bubblewrap(packages: Sequence[str]) -> list[str]:
    """The command up to the program that it runs."""
    path = shutil.which("bwrap")
    if platform.system() != "Linux":
        raise SandboxError(f"no isolation on {platform.system()}; {CURES['system']}")
    if path is None:
        raise SandboxError(f"bubblewrap is not installed, so a model's programs cannot be isolated; {CURES['missing']}, {BY_NAME}")
    command = [path, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    command += ["--uid", "0", "--gid", "0", "--hostname", "sandbox", "--new-session", "--as-pid-1", "--cap-drop", "ALL"]
    for capability in CAPABILITIES:
        command += ["--cap-add", capability]
    return [*command, *mounts(packages), "--chdir", "/tmp"]


def owners_of_nothing(index: int) -> int | None:
    """The first of two users of the host that programs may run as; None where this process cannot map users."""
    if os.geteuid() != 0:
        return None
    ranges = [tuple(int(part) for part in line.split()) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    wanted = FIRST_USER + (os.getpid() & 0x3FFFFF) * 64 + 2 * (index % 32)
    if any(first <= wanted and wanted + 2 <= first + count for first, _, count in ranges):
        return wanted
    first, _, count = max(ranges, key=lambda each: each[2])
    return first + count - 2 if count > 2 else None


def map_users(child: int, users: int) -> bool:
    """Let the container have root and two users; False where that is not allowed."""
    try:
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text(f"0 0 1\n1 {users} 2\n")
    except OSError:
        return False
    return True


def start_isolated(index: int, packages: Sequence[str], with_users: bool = True) -> Container:
    """A container with a warm interpreter in it."""
    users = owners_of_nothing(index) if with_users else None
    command = bubblewrap(packages)
    info, block = os.pipe(), os.pipe()
    blocking = [block[0]] if users is not None else []
    passed = [*info, *blocking]  # both ends: bubblewrap must be able to write even where this process is no more
    command += ["--info-fd", str(info[1]), *(["--userns-block-fd", str(block[0])] if blocking else [])]
    options = {"is_isolated": True, "spare": info[0], "users": [1, 2] if users else [], "own_processes": 0 if users else 2}
    container = launch([*command, "/python/bin/python3"], options | {"paths": ["/packages"]}, "/runner", passed)
    os.close(info[1])
    os.close(block[0])
    with open(info[0], "rb") as file:
        told = file.read()
    first = json.loads(told)["child-pid"] if told else container.process.pid
    container = with_first(container, first)
    is_mapped = users is None or (bool(told) and map_users(first, users))
    os.close(block[1])
    if told and not is_mapped:
        container.kill()
        container.close()
        return start_isolated(index, packages, with_users=False)
    return warmed(container._replace(has_own_users=users is not None))


def start_plain(index: int, packages: Sequence[str]) -> Container:
    """A plain process: limits, and nothing between a program and the harness's user."""
    if platform.system() != "Linux":
        raise SandboxError(f"programs cannot be watched on {platform.system()}; {CURES['system']}")
    folder = tempfile.TemporaryDirectory(prefix="r1bench-")
    (Path(folder.name) / "runner/r1bench/harness").mkdir(parents=True)
    (Path(folder.name) / "runner/r1bench/harness/sandbox").symlink_to(HERE)
    (Path(folder.name) / "packages").mkdir()
    for source, target in package_mounts(packages):
        (Path(folder.name) / "packages" / Path(target).name).symlink_to(source)
    options = {"is_isolated": False, "users": [], "own_processes": 0, "spare": -1, "paths": [f"{folder.name}/packages"]}
    executable = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    return warmed(launch([executable], options, f"{folder.name}/runner", [], folder))


def launch(
    command: list[str], options: dict[str, Any], runner: str, passed: list[int], folder: tempfile.TemporaryDirectory[str] | None = None
) -> Container:
    """Start the interpreter with its options and the open files that it is passed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    harness = os.pidfd_open(os.getpid())
    options |= {"control": theirs.fileno(), "harness": harness, "runner": runner, "warm": WARM}
    folder = folder or tempfile.TemporaryDirectory(prefix="r1bench-")
    errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the container)
    full = [*command, "-s", "-S", "-P", "-c", START.format(runner=runner), json.dumps(options)]
    outside = {"PATH": os.defpath, "HOME": folder.name, "LD_LIBRARY_PATH": f"{sys.base_prefix}/lib"}
    environment = ENVIRONMENT if options["is_isolated"] else ENVIRONMENT | outside
    process = subprocess.Popen(
        full,
        stdin=subprocess.DEVNULL,
        stdout=errors,
        stderr=errors,
        pass_fds=[theirs.fileno(), *passed, harness],
        env=environment,
        cwd=folder.name,
        start_new_session=True,  # an interrupt at the terminal is for the harness
    )
    theirs.close()
    os.close(harness)
    return Container(process, os.pidfd_open(process.pid), ours, errors, folder, options["is_isolated"], False)


def with_first(container: Container, number: int) -> Container:
    """The container with a handle of the process of this number; it keeps bubblewrap's where that process is no more."""
    try:
        first = os.pidfd_open(number)
    except ProcessLookupError:
        return container
    os.close(container.first)
    return container._replace(first=first)


def warmed(container: Container) -> Container:
    """The container once its interpreter says that it is ready.

    Raises SandboxError: it ended, or said nothing for PATIENCE seconds; with what it wrote and the cure.
    """
    container.control.settimeout(PATIENCE)
    try:
        said = container.control.recv(4096)
    except OSError:
        said = b""
    if not said:
        container.kill()
        complaint = container.complaint()
        container.close()
        raise SandboxError(f"the sandbox did not start: {complaint or 'it said nothing'}; {CURES['namespaces']}; {BY_NAME}")
    container.control.setblocking(False)
    return container


def facts() -> list[Fact]:
    """What there is for isolation, by trying it."""
    path = shutil.which("bwrap")
    if path is None or platform.system() != "Linux":
        cure = CURES["missing" if platform.system() == "Linux" else "system"]
        return [Fact("bubblewrap", False, "not found", f"{cure}; code tasks need it")]
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip() or "version unknown"
    found = [Fact("bubblewrap", True, f"{path}, {version}", "")]
    try:
        container = start_isolated(0, ())
    except SandboxError as error:
        return [*found, Fact("namespaces", False, str(error).split(";")[0], CURES["namespaces"])]
    users = "programs run as a user of their own" if container.has_own_users else "programs run as this user, without capabilities"
    container.close()
    return [*found, Fact("namespaces", True, f"a container started; {users}", "")]
