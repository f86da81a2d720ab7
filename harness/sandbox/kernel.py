"""Calls to the Linux kernel that Python's library lacks: namespaces, mounts, capabilities, filters. Runs inside of the sandbox.

Every function raises OSError where the kernel refuses. Nothing here decides anything: see confine.py.
"""

import ctypes
import mmap
import os
import signal
import struct

NEW_MOUNTS, NEW_IPC, NEW_PROCESSES = 0x00020000, 0x08000000, 0x20000000
SHARED_MEMORY, SHARED_FILES, HOLDER_STACK = 0x00000100, 0x00000400, 1 << 16
READ_ONLY, NO_SETUID, NO_DEVICES, NO_EXECUTION = 1, 2, 4, 8
PARENT_DEATH_SIGNAL, DUMPABLE, SECCOMP, DROP_FROM_BOUNDING_SET, PARENT_OF_ORPHANS, NO_NEW_PRIVILEGES = 1, 4, 22, 24, 36, 38
FILTER_MODE = 2
CAPABILITIES_VERSION = 0x20080522
LAST_CAPABILITY = 63

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> int:
    """The result, or OSError."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def unshare(flags: int) -> None:
    """New namespaces for this process (of process ids: for its next children)."""
    checked(libc.unshare(flags), "unshare")


def enter(namespace: int, kind: int) -> None:
    """Enter a namespace by an open file (of process ids: for the next children)."""
    checked(libc.setns(namespace, kind), "setns")


class Holder:
    """The first process of a new process namespace: while it lives the namespace lives, and when it is killed, all in it are.

    It is made by clone(CLONE_VM | CLONE_FILES) and does nothing but pause(): sharing this process's memory and files, it costs nothing to
    make. No signal from inside of its namespace reaches it, as it has no handler (the caller sets none); it has capabilities that
    nothing inside has, so nothing inside can look at it; and it never returns.
    """

    def __init__(self) -> None:
        self.stack = mmap.mmap(-1, HOLDER_STACK)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.stack))
        pause = ctypes.cast(libc.pause, ctypes.c_void_p)
        top = ctypes.c_void_p(self.base + HOLDER_STACK - 64)
        self.number = checked(libc.clone(pause, top, SHARED_MEMORY | SHARED_FILES | signal.SIGCHLD, None), "clone")


def mount(kind: bytes, target: bytes, flags: int, options: bytes) -> None:
    """Mount a new file system of memory or of processes."""
    checked(libc.mount(kind, target, kind, ctypes.c_ulong(flags), options), f"mount {kind.decode()} {options.decode()}")


def control(option: int, value: int) -> None:
    """prctl with one number."""
    checked(libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)), f"prctl {option}")


def drop_bounding_set() -> None:
    """No program that is executed from now on can get a capability; those that this process has stay."""
    for capability in range(LAST_CAPABILITY + 1):
        try:
            control(DROP_FROM_BOUNDING_SET, capability)
        except OSError:
            break  # beyond the last that this kernel knows


def drop_capabilities() -> None:
    """Give up every capability."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITIES_VERSION, 0))
    checked(libc.capset(header, ctypes.create_string_buffer(24)), "capset")


def close_from(first: int) -> None:
    """Close every open file from this number on."""
    os.closerange(first, 1 << 20) if not hasattr(libc, "close_range") else checked(
        libc.close_range(ctypes.c_uint(first), ctypes.c_uint(0xFFFFFFFF), 0), "close_range"
    )


def install_filter(program: bytes, num_instructions: int) -> None:
    """Set the filter of system calls, for good."""
    lines = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("@HP", num_instructions, ctypes.addressof(lines))
    checked(libc.prctl(SECCOMP, ctypes.c_ulong(FILTER_MODE), ctypes.create_string_buffer(pointer, len(pointer)), 0, 0), "seccomp")


def set_thread_stack(size: int) -> None:
    """The stack of threads that do not ask for another; else the C library takes the limit of the main stack for each."""
    attributes = ctypes.create_string_buffer(64)
    if libc.pthread_attr_init(attributes) == 0 and hasattr(libc, "pthread_setattr_default_np"):
        libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(size))
        libc.pthread_setattr_default_np(attributes)
