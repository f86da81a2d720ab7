"""Programs made to harm, made from the known ones: cut, crossed, wrapped and mutated. The same seed and number give the same program.

The known ones are the attacks of tests/cases/sandbox_attacks.json, the programs of tests/cases/code.json, the hacks of
tasks/rewards/hacks.json, and the fragments below, which aim at what only a fuzzing run can watch: a marker file, an open port and
sockets of the host (their addresses stand as @MARKER@ and so on). Each program comes with tests that it cannot pass but by breaking
in: what is expected is a random token that nothing it is given depends on.
"""

import ast
import json
import random
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
MOST_LETTERS = 30_000
NUMBERS = (-1, 0, 1, 2, 3, 5, 9, 17, 64, 256, 4096, 1 << 15, 1 << 16, 1 << 20, 1 << 28, 2**31 - 1, 1 << 31, 2**32 - 1, 1 << 40, 1 << 62)
"""What numbers of a program become, and what system calls are given."""
FLAGS = (*(1 << bit for bit in range(8, 19)), 1 << 23, 1 << 28, 1 << 29, 1 << 31)
"""Of clone: memory, files, threads, parents, namespaces."""

WRAPS = (
    "try:\n{body}\nexcept BaseException: pass",
    "import os\nif os.fork() == 0:\n{body}\n    os._exit(0)",
    "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n{deeper}\n    os._exit(0)",
    "import ctypes\nctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\nimport os\nif os.fork() == 0:\n{body}\n    os._exit(0)",
    "import ctypes, os\nif ctypes.CDLL(None).syscall(56, {flags} | 17, 0, 0, 0, 0) == 0:\n{body}\n    os._exit(0)",
    "import threading\ndef run():\n{body}\nfor _ in range({few}): threading.Thread(target=run, daemon={truth}).start()",
    "import atexit\n@atexit.register\ndef last():\n{body}",
    "for _ in range({number}):\n{body}",
    "while True:\n    try:\n{deeper}\n    except BaseException: pass",
    "import signal\ndef ring(*_):\n{body}\nsignal.signal(signal.SIGALRM, ring)\nsignal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)",
    "class Last:\n    def __del__(self):\n{deeper}\nlast = Last()",
    "def f(*arguments):\n{body}\n    return 0",
    "class Solution:\n    def f(self, *arguments):\n{deeper}",
    "class Odd:\n    def __eq__(self, other):\n{deeper}\n        return True\n    __hash__ = None\ndef f(x): return Odd()",
    "class Odd(str):\n    def __str__(self):\n{deeper}\n        return ''\n    __repr__ = __str__\ndef f(x): return Odd('x')",
    "class Odd(Exception):\n    def __str__(self):\n{deeper}\n        return ''\ndef f(x): raise Odd(x)",
    "class Odd:\n    def __iter__(self):\n{deeper}\n        yield 1\ndef f(x): return Odd()",
    "import sys\ndef trace(*_):\n    sys.settrace(None)\n{body}\nsys.settrace(trace)",
    "import sys\nclass Finder:\n    def find_spec(self, *_):\n{deeper}\nsys.meta_path.insert(0, Finder())",
    "import builtins, sys\nfor frame in (sys._getframe(n) for n in range(3)):\n{body}",
    "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {quoted}])",
    "import multiprocessing\ndef run(*_):\n{body}\nfor _ in range({few}): multiprocessing.Process(target=run).start()",
    "exec(compile({quoted}, 'x', 'exec'))",
    "import gc\ngc.callbacks.append(lambda *_: exec({quoted}))\ngc.collect()",
)  # fmt: skip
"""What a program may stand in: `body` one step in, `deeper` two, or as text."""

FRAGMENTS = (
    "open('@MARKER@', 'w').write('x')",
    "import os\nos.mkdir('@MARKER@')",
    "import os\nos.symlink('/tmp', '@MARKER@')",
    "import os\nos.rename(__file__, '@MARKER@')",
    "print(open('@SECRET@').read())",
    "import os\nprint(os.environ)",
    "import os\nfor pid in range(1, 400):\n    try: print(open(f'/proc/{pid}/environ').read())\n    except OSError: pass",
    "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 0.05).send(b'x')",
    "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', @PORT@))",
    "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('\\0@ABSTRACT@')",
    "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('@SOCKET@')",
    "import ctypes, os\nprint(ctypes.CDLL(None).syscall(56, 0x8000 | 17, 0, 0, 0, 0))",
    "import ctypes\nprint(ctypes.CDLL(None).syscall(206, 65536, ctypes.byref(ctypes.c_ulong(0))))",
    "import ctypes\nprint(ctypes.CDLL(None).vfork())",
    "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "import os, time\nfor _ in range(80):\n    if os.fork() == 0: time.sleep(100)",
    "import threading, time\nfor _ in range(100): threading.Thread(target=time.sleep, args=(100,)).start()",
    "while True: pass",
    "import time\ntime.sleep(100)",
    "import time\nwhile True: time.sleep(0.0004)",
    "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, 1)\n    except (OSError, ValueError): pass\nsignal.pause()",
    "import os, signal\nos.kill(-1, signal.SIGKILL)",
    "import os, signal\nos.killpg(0, signal.SIGKILL)",
    "x = []\nwhile True: x.append(bytearray(8 << 20))",
    "x = bytearray(3 << 30)",
    "x = 'x'\nwhile True: x += x",
    "import mmap\nx = mmap.mmap(-1, 2 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\nfor i in range(0, 2 << 30, 4096): x[i] = 1",
    "import os\nwhile True: os.write(1, b'x' * 65536)",
    "import sys\nsys.stdout.buffer.write(b'\\xff' * (7 << 20))",
    "import os\nwhile True: os.write(2, b'x' * 65536)",
    "import os\nn = 0\nwhile True: open(f'/tmp/{n}', 'w').write('x' * 9999); n += 1",
    "import os\nwhile True: os.mkdir('d'); os.chdir('d')",
    "import socket\nkept = []\nwhile True: kept.append(socket.socketpair()); kept[-1][0].settimeout(0); kept[-1][0].send(b'x' * 65536)",
    "import os\nkept = []\nwhile True: kept.append(os.pipe()); os.write(kept[-1][1], b'x' * 65536)",
    "import fcntl\nfile = open('/tmp/l', 'w')\nfor n in range(10 ** 9): fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * n)",
    "import sys\nsys.setrecursionlimit(10 ** 9)\ndef deep(): deep()\ndeep()",
    "import ctypes\nctypes.string_at(0)",
    "import os\nos.abort()",
    "import os\nos._exit(0)",
    "raise SystemExit(0)",
    "raise KeyboardInterrupt",
    "import os\nos.closerange(0, 64)",
    "import os\nos.dup2(1, 3)",
    "import os\nos.dup2(3, 1)",
    "import os, struct\nfor kind in range(14): os.write(3, struct.pack('<BI', kind, 4) + b'true')",
    "import os, struct\nos.write(3, struct.pack('<BI', 5, 1 << 31))",
    "import os, struct\nos.write(4, struct.pack('<BI', 5, 4) + b'true')",
    "import os\nwhile True: os.write(3, bytes(65536))",
    "import os\nos.read(3, 100)",
    "import sys\nsys.modules['r1bench.harness.sandbox.program'].leave = lambda status: None",
    "import r1bench.harness.sandbox.codec as codec\ncodec.encode = lambda *_: b'true'",
    "import r1bench.harness.sandbox.frames as frames\nframes.Channel.send = lambda *_: None",
    "import builtins\nbuiltins.print = builtins.input = builtins.len = builtins.isinstance = lambda *_: True",
    "import gc\nfor each in gc.get_objects():\n    if isinstance(each, dict) and 'expected' in each: print(each['expected'])",
    "import sys\nframe = sys._getframe()\nwhile frame: print(list(frame.f_locals)[:99]); frame = frame.f_back",
    "import os\nos.nice(19)",
    "import os\nos.execv('/python/bin/python3', ['python3', '-c', 'while True: pass'])",
    "class Always:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    __hash__ = object.__hash__",
)  # fmt: skip

ANSWERS = (
    "def f(x): return x",
    "def f(x): return 10 ** 5000",
    "def f(x): return {10 ** 5000: 1}",
    "def f(x): return float('nan')",
    "def f(x): return [[]] * 400000",
    "def f(x): return 'x' * (7 << 20)",
    "def f(x): return range(10 ** 5000)",
    "def f(x): return {i * (2 ** 61 - 1) for i in range(999)}",
    "def f(x): return lambda: True",
    "def f(x): return Always()",
    "def f(x): return type('T', (), {'__getattr__': lambda s, n: s, '__call__': lambda s, *a: s})()",
    "def f(x): return (i for i in iter(int, 1))",
    "def f(x): raise StopIteration(x)",
    "def f(x): raise AssertionError",
    "def f(x): raise SystemExit(0)",
    "def f(x): raise ValueError(10 ** 5000)",
    "def f(x):\n    deep = []\n    for _ in range(10 ** 5): deep = [deep]\n    return deep",
    "def f(x):\n    own = []\n    own.append(own)\n    return own",
    "def f(x):\n    import os\n    os._exit(0)",
    "def f(x):\n    import os\n    return os.fork()",
    "def f(x):\n    while True: pass",
    "def f(x):\n    import time\n    time.sleep(100)",
    "def f(x):\n    import os, struct\n    os.write(3, struct.pack('<BI', 6, 5009) + b'[\"i\",\"' + b'f' * 5000 + b'\"]')",
    "def f(x):\n    import numpy\n    return numpy.zeros(10 ** 6)",
    "class Solution:\n    def f(self, x): return x",
    "f = print",
    "f = exit",
    "f = 5",
)  # fmt: skip
"""What is called, where something is."""


CLAIMS = (
    "f(1) == {0!r}", "f(1) == {1}", "f(1) == [{0!r}]", "set(f(1)) == {{{0!r}}}", "sorted(f(1)) == [{0!r}, {1}]", "abs(f(1) - {2}) < 1e-3",
    "f(f(1)) == ({1},)", "len(f(1)) == {1}", "str(f(1)) == {0!r}", "[x for x in f(1)] == [{1}]", "f(1) is not None and f(1) == {0!r}",
)  # fmt: skip
"""What tests claim of the token as text, as a large number, as a fraction."""


class Attack(NamedTuple):
    """A program and what it is judged by."""

    number: int
    source: str
    tests: dict[str, Any]
    token: str
    """What is expected, and cannot be known."""
    options: dict[str, float]


def known_programs() -> list[str]:
    """What is mutated."""
    cases = json.loads((ROOT / "tests/cases/sandbox_attacks.json").read_text(encoding="utf-8"))
    found = ["\n".join(case["program"]) for case in (*cases["attacks"], *cases["honest"])]
    responses = [case["response"] for case in json.loads((ROOT / "tests/cases/code.json").read_text(encoding="utf-8"))]
    hacks = json.loads((ROOT / "tasks/rewards/hacks.json").read_text(encoding="utf-8"))
    responses += [hack["hacked"]["text"] for hack in hacks if hack.get("grader") == "code"]
    for response in responses:
        if isinstance(response, str) and "```python\n" in response:
            found.append(response.split("```python\n", 1)[1].split("```", 1)[0])
    return [program for program in found if len(program) < MOST_LETTERS] + list(FRAGMENTS)


def blocks(source: str) -> list[str]:
    """The statements of a program, each as its lines; just its lines where it is none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source.split("\n")
    if not tree.body:
        return [source]
    lines = source.split("\n")
    starts = [min([part.lineno, *(each.lineno for each in getattr(part, "decorator_list", []))]) - 1 for part in tree.body]
    return ["\n".join(lines[start:end]) for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def wrapped(source: str, draw: random.Random) -> str:
    """The program inside of something."""
    form = draw.choice(WRAPS)
    places = {
        "body": textwrap.indent(source or "pass", "    "),
        "deeper": textwrap.indent(source or "pass", "        "),
        "quoted": repr(source),
        "number": str(draw.choice(NUMBERS)),
        "few": str(draw.randint(1, 70)),
        "truth": str(draw.random() < 0.5),
        "flags": hex(sum(set(draw.choices(FLAGS, k=draw.randint(1, 4))))),
    }
    for name, value in places.items():
        form = form.replace("{" + name + "}", value)
    return form


def with_other_numbers(source: str, draw: random.Random) -> str:
    """The program with some of its whole numbers changed."""
    parts, number = list[str](), ""
    for letter in source + "\n":
        if letter.isascii() and letter.isdigit() and (number or not parts or not (parts[-1].isalnum() or parts[-1] in "_.")):
            number += letter
            continue
        if number:
            parts.append(str(draw.choice(NUMBERS)) if draw.random() < 0.3 else number)
            number = ""
        parts.append(letter)
    return "".join(parts[:-1])


def system_calls(draw: random.Random) -> str:
    """A program that makes system calls at random."""
    calls = []
    for _ in range(draw.randint(1, 40)):
        arguments = [draw.choice(["P", "-100", *map(str, NUMBERS)]) for _ in range(6)]
        calls.append(f"    ({draw.randrange(0, 480)}, {', '.join(arguments)}),")
    head = "import ctypes\nlibc = ctypes.CDLL(None)\npage = ctypes.create_string_buffer(8192)\nP = ctypes.addressof(page)\n"
    return head + "for call in [\n" + "\n".join(calls) + "\n]:\n    libc.syscall(*map(ctypes.c_long, call))"


def mutate(source: str, known: list[str], draw: random.Random) -> str:
    """The program after one change."""
    kind = draw.randrange(12)
    if kind <= 3:
        return wrapped(source, draw)
    if kind == 4:
        return with_other_numbers(source, draw)
    if kind == 5:
        other = system_calls(draw)
        return f"{other}\n{source}" if draw.random() < 0.5 else f"{source}\n{other}"
    parts = blocks(source)
    place = draw.randrange(len(parts)) if parts else 0
    if kind <= 8:
        other = draw.choice(known)
        others = blocks(other if draw.random() < 0.5 else "try:\n" + textwrap.indent(other, "    ") + "\nexcept BaseException: pass")
        for other in others if draw.random() < 0.5 else draw.sample(others, min(len(others), 2)):
            parts.insert(draw.randint(0, len(parts)), other)
    elif kind == 9 and parts:
        del parts[place]
    elif kind == 10:
        draw.shuffle(parts)
    else:
        text, piece = "\n".join(parts), draw.choice(["", "\x00", "\ud800", "(", "'", "    ", "\n", "é", "9" * 5000, "#", "~"])
        place = draw.randint(0, len(text))
        return text[:place] + piece + text[place + draw.randint(0, 2) :]
    return "\n".join(parts)


def tests_for(token: str, draw: random.Random) -> dict[str, Any]:
    """Tests that expect the token."""
    kind = draw.choice(["stdin", "stdin", "call", "asserts", "check", "reference"])
    large, exact = int(token, 16), int(token[:12], 16) / 1024
    if kind == "stdin":
        return {"kind": kind, "cases": [{"input": "1\n", "output": token + "\n"}]}
    if kind == "call":
        expected = draw.choice([token, large, exact, [token], {"a": token}])
        return {"kind": kind, "entry_point": "f", "cases": [{"args": [1], "expected": expected}]}
    if kind == "reference":
        return {"kind": kind, "entry_point": "f", "code": f"def f(x): return {token!r}", "cases": [{"args": "(1,)"}]}
    held = draw.choice(CLAIMS).format(token, large, exact)
    if kind == "asserts":
        return {"kind": kind, "code": f"assert {held}"}
    return {"kind": kind, "entry_point": "f", "code": f"def check(candidate):\n    f = candidate\n    assert {held}\n"}


def attack(seed: int, number: int, known: list[str]) -> Attack:
    """Program `number` of a seed."""
    draw = random.Random(f"fuzz-programs:{seed}:{number}")
    token = f"{draw.getrandbits(128) | 1 << 127:032x}"
    tests = tests_for(token, draw)
    source = system_calls(draw) if draw.random() < 0.08 else draw.choice(FRAGMENTS if draw.random() < 0.3 else known)
    for _ in range(draw.randint(1, 4)):
        source = mutate(source, known, draw)[:MOST_LETTERS]
    if tests["kind"] != "stdin" and ("def f(" not in source or draw.random() < 0.3):
        answer = draw.choice(ANSWERS)
        source = f"{source}\n{answer}" if draw.random() < 0.7 else f"{answer}\n{source}"
    options = {"time_limit": draw.choice([0.2, 0.3, 0.4]), "memory_limit": draw.choice([64, 128])}
    return Attack(number, source, tests, token, options)
