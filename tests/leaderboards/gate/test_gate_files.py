"""The files that the gate writes: never those of an earlier gate, never over an input, through links, into what is no regular file."""

import json
import os
import threading
from pathlib import Path
from xml.etree import ElementTree

import fakes_gate
import pytest
from click.testing import CliRunner, Result

from r1bench.harness import samplers
from r1bench.harness.cli import main
from r1bench.harness.errors import StorageError, UsageError
from r1bench.leaderboards.gate.files import BEGUN, Files

REPORTS = ("--junit", "g.xml", "--markdown", "g.md", "--out", "g.json")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small run of `old`, a worse checkpoint, and three reports of an earlier gate that passed."""
    monkeypatch.setitem(samplers.SAMPLERS, fakes_gate.NAME, fakes_gate.WHERE)
    monkeypatch.chdir(tmp_path)
    for name, chance in (("old", 0.5), ("bad", 0.05)):
        fakes_gate.make_checkpoint(tmp_path / name, chance)
    fakes_gate.make_stored(tmp_path / "runs", tmp_path / "old", n=2, count=8)
    for name in REPORTS[1::2]:
        Path(name).write_text("PASS")
    return tmp_path


def gate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["gate", *(str(argument) for argument in arguments)], prog_name="r1bench")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (("nowhere", "--baseline", "old"), "nowhere"),
        (("bad", "--baseline", "none.json"), "none.json"),
        (("bad", "--baseline", "old", "--alpha", "9"), "alpha 9"),
        (("bad", "--baseline", "old", "--max-samples", "0"), "0 is not in the range"),
        (("bad", "--baseline", "old", "--no-such-option"), "no-such-option"),
    ],
)
def test_a_gate_that_ends_in_an_error_leaves_no_earlier_verdict(place: Path, wrong: tuple[str, ...], named: str) -> None:
    assert gate(*wrong, *REPORTS).exit_code == 2
    told = json.loads(Path("g.json").read_text())
    assert (told["decision"], told["exit_code"], named in told["error"]) == ("NOT_JUDGED", 2, True)
    assert named in str(ElementTree.parse("g.xml").getroot().find(".//testcase/error").get("message"))  # type: ignore[union-attr]
    assert "NOT JUDGED" in Path("g.md").read_text()


def test_a_gate_that_is_killed_leaves_no_earlier_verdict(place: Path) -> None:
    with Files(Path("g.xml"), Path("g.md"), Path("new.json")).kept_true():
        assert BEGUN in Path("g.xml").read_text()
        assert "PASS" not in Path("g.md").read_text()
        assert not Path("new.json").exists()


@pytest.mark.parametrize("files", [("--out", "b.json"), ("--junit", "link.json"), ("--markdown", "./b.json", "--out", "g.json")])
def test_the_baseline_file_is_never_written_over(place: Path, files: tuple[str, ...]) -> None:
    assert CliRunner().invoke(main, ["baseline", "save", "old", "-o", "b.json"]).exit_code == 0
    before = Path("b.json").read_bytes()
    os.symlink("b.json", "link.json")
    for candidate in ("bad", "nowhere"):
        done = gate(candidate, "--baseline", "b.json", *files, "--alpha", "9")
        assert (done.exit_code, "are one file" in done.output) == (2, True), done.output
    gate("bad", "--baseline", "b.json", *files, "--no-such-option")
    assert Path("b.json").read_bytes() == before
    assert Path("g.json").read_text() == "PASS"


def test_two_reports_at_one_place_are_refused_before_either_is_written(place: Path) -> None:
    os.link("g.xml", "other")
    for one, two in (("g.xml", "g.xml"), ("x/../new", "new"), ("g.xml", "other")):
        with pytest.raises(UsageError, match="--markdown and --junit are one file"):
            Files(Path(one), Path(two)).check({})
    assert Path("g.xml").read_text() == "PASS"


def test_a_place_that_cannot_be_is_named_with_its_option_before_anything_is_drawn(place: Path) -> None:
    fakes_gate.DRAWN.clear()
    done = gate("bad", "--baseline", "old", "--junit", "g.md/g.xml")
    assert done.exit_code == 2
    assert "g.md/g.xml" in done.output
    assert "give another file with --junit" in done.output
    assert fakes_gate.DRAWN == []
    with pytest.raises(StorageError, match="cannot write runs: it is a folder; give another file with --out"):
        Files(out=Path("runs")).check({})


def test_a_report_goes_through_a_link_and_into_a_pipe(place: Path) -> None:
    os.symlink("g.md", "link.md")
    os.mkfifo("pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text()), daemon=True)
    reader.start()
    done = gate("bad", "--baseline", "old", "--margin", "50", "--markdown", "link.md", "--out", "pipe")
    assert done.exit_code in (0, 1, 3), done.output
    reader.join(10)
    assert json.loads(read[0])["exit_code"] == done.exit_code
    assert (Path("link.md").is_symlink(), Path("pipe").is_fifo()) == (True, True)
    assert Path("g.md").read_text().startswith("## ")


def test_the_baselines_own_run_is_judged_without_sampling_and_its_tokens_count_once(place: Path) -> None:
    name = next((place / "runs").iterdir()).name
    fakes_gate.DRAWN.clear()
    for candidate in ("old", name):
        found = json.loads(gate(candidate, "--baseline", name, "--adaptive", "--margin", "12", "--json").stdout)["tasks"][0]
        (only,) = found["adaptive"]["rounds"]
        assert (found["decision"], found["method"], only["samples"]) == ("PASS", "identical", 2)
        assert only["tokens"] == found["candidate"]["measures"]["tokens"]["value"] * 16
    assert fakes_gate.DRAWN == []
