"""What the commands print on a terminal and elsewhere: colour, and nothing that steers it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from fakes_folders import store_run

from r1bench.harness.cli.doctor import Finding, render
from r1bench.harness.cli.options import coloured, show

GATE = ("gate", "better", "--baseline", "base", "--no-guards")


def runs(tmp_path: Path) -> Path:
    """Two runs, of which the second passes the gate."""
    store_run(tmp_path, [[0, 1]] * 40, name="base")
    store_run(tmp_path, [[1, 1]] * 40, name="better")
    return tmp_path


def on_a_terminal(folder: Path, **environment: str) -> str:
    """The gate's output as a terminal receives it."""
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("r1bench")), *GATE, "--runs", str(folder)]
    clean = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    with subprocess.Popen(command, stdout=theirs, env={**clean, **environment}) as process:
        os.close(theirs)
        received = b""
        while chunk := read(ours):
            received += chunk
    os.close(ours)
    assert process.returncode == 0
    return received.decode()


def read(handle: int) -> bytes:
    """What a terminal has to read; nothing once the other side is closed."""
    try:
        return os.read(handle, 65536)
    except OSError:
        return b""


def test_a_verdict_is_green_on_a_terminal(tmp_path: Path) -> None:
    assert "\x1b[32m\x1b[1mPASS\x1b[0m: candidate - baseline" in on_a_terminal(runs(tmp_path))


def test_no_colour_where_the_user_wants_none(tmp_path: Path) -> None:
    assert "\x1b" not in on_a_terminal(runs(tmp_path), NO_COLOR="1")


def test_no_colour_in_a_pipe(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("r1bench")), *GATE, "--runs", str(runs(tmp_path))]
    clean = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    assert "\x1b" not in subprocess.run(command, capture_output=True, text=True, check=True, env=clean).stdout


def test_only_the_words_of_a_verdict_are_coloured(monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured("a PASS in the middle\nPASSENGER\nB is betterment") == "a PASS in the middle\nPASSENGER\nB is betterment"
    assert coloured("task  x  FAIL").endswith("\x1b[31m\x1b[1mFAIL\x1b[0m")


HOSTILE = '\x1b[2J \x9b \u202e \u2066 \u200b \ufeff \ud800 \x7f \u2028 \U000e0041 é 漢 \n " \\'


def test_json_escapes_what_steers_a_terminal_and_says_the_same(capsys) -> None:
    show(True, [{HOSTILE: HOSTILE}], "")
    text = capsys.readouterr().out
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert json.loads(text) == [{HOSTILE: HOSTILE}]
    assert "é 漢" in text


def test_the_machine_is_described_in_80_columns() -> None:
    long = Finding("sandbox", "bubblewrap", False, "is not there " * 20, "install it " * 20)
    lines = render([long, Finding("disk", "/runs", True, "2 GiB free", "")]).splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(lines).split().count("install") == 20
    assert lines[-1] == "ok  disk     /runs          2 GiB free"
