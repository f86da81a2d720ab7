"""The folder of a report: foreign ones are refused, what is there is kept, `kill -9` leaves whole files.

Run: make test PYTEST_ARGS=tests/leaderboards/report/test_report_folder.py
"""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from fakes_report import boot_of, data_of, files_of, report, store_pair, store_run, write_training
from fakes_runs import make_run

from r1bench.harness.errors import StorageError
from r1bench.leaderboards.report import compose, output, payload, tallies


@pytest.mark.parametrize("name", ["thesis.tex", ".git", "index.html"])
def test_folder_with_foreign_files_is_refused_and_left_alone(tmp_path: Path, assets: Path, name: str) -> None:
    store_pair(tmp_path / "runs")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / name).write_text("mine")
    with pytest.raises(StorageError, match="did not write"):
        report(tmp_path / "runs", tmp_path / "site", assets)
    assert [path.name for path in (tmp_path / "site").iterdir()] == [name]


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    (tmp_path / "site").write_text("mine")
    with pytest.raises(StorageError, match="no folder"):
        report(tmp_path / "runs", tmp_path / "site", assets)


def test_second_report_writes_the_page_alone(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    first = report(tmp_path / "runs", tmp_path / "site", assets)
    before = files_of(tmp_path / "site")
    second = report(tmp_path / "runs", tmp_path / "site", assets)
    changed = {name for name, when in files_of(tmp_path / "site").items() if before[name] != when}
    assert (first.num_written, second.num_written) == (2, 0)
    assert {Path(name).name for name in changed} == {"entry.js"}
    assert boot_of(tmp_path / "site")["comparisons"]


def test_changed_run_is_written_again_and_compared_again(tmp_path: Path, assets: Path) -> None:
    _, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    path = tmp_path / "runs" / child / "samples.jsonl"
    path.write_text(path.read_text().replace('"outcome":"correct"', '"outcome":"wrong"').replace('"score":1.0', '"score":0.0'))
    result = report(tmp_path / "runs", tmp_path / "site", assets)
    assert result.num_written == 1
    assert boot_of(tmp_path / "site")["comparisons"][0]["losses"] == 2


def test_report_that_was_killed_goes_on(tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, child = store_pair(tmp_path / "runs")
    wait = os.fork()
    if wait == 0:
        wrote = output.write_data

        def write_and_die(folder: Path, key: str, value: Any) -> int:
            if key == f"run/{child}/samples-0" or (key == f"run/{parent}/samples-0" and (folder / f"data/run/{child}/index-0.js").exists()):
                os.kill(os.getpid(), 9)
            return wrote(folder, key, value)

        output.write_data = write_and_die
        report(tmp_path / "runs", tmp_path / "site", assets)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(wait, 0)[1]) == -9
    assert not (tmp_path / "site" / "index.html").exists()
    result = report(tmp_path / "runs", tmp_path / "site", assets)
    assert result.num_runs == 2
    assert [len(data_of(tmp_path / "site", f"run/{name}/samples-0")) for name in (parent, child)] == [6, 6]


def test_report_that_failed_half_way_is_not_taken_for_an_earlier_one(tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    with monkeypatch.context() as patched:
        patched.setattr(tallies, "write", disk_is_full)
        with pytest.raises(StorageError, match="full"):
            report(tmp_path / "runs", tmp_path / "site", assets, limits=payload.Limits(1))
    report(tmp_path / "runs", tmp_path / "site", assets)
    assert len(data_of(tmp_path / "site", f"run/{child}/samples-0")) == 6


def disk_is_full(*_: Any) -> None:
    raise StorageError("the disk is full")


def test_data_of_runs_that_are_gone_are_removed_and_other_files_stay(tmp_path: Path, assets: Path) -> None:
    parent, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    (tmp_path / "site" / "CNAME").write_text("example.org")
    (tmp_path / "site" / "data" / "run" / child / "notes.txt").write_text("mine")
    leftovers = [tmp_path / "site" / place for place in (f"data/run/{child}/.samples-0.js.1234", ".index.html.1234", "data/run/.x.js.12")]
    for path in leftovers:
        path.write_text("half")
    shutil.rmtree(tmp_path / "runs" / child)
    result = report(tmp_path / "runs", tmp_path / "site", assets)
    left = sorted(path.name for path in (tmp_path / "site" / "data" / "run" / child).iterdir())
    assert (result.removed > 3, left, (tmp_path / "site" / "CNAME").exists()) == (True, ["notes.txt"], True)
    assert not list((tmp_path / "site" / "data" / "comparison").iterdir())
    assert not any(path.exists() for path in leftovers)
    assert boot_of(tmp_path / "site")["runs"].keys() == {parent}


def test_links_in_the_data_folder_are_not_followed_when_it_is_cleaned(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.js").write_text("mine")
    (tmp_path / "site" / "data" / "run" / "gone").symlink_to(tmp_path / "other")
    report(tmp_path / "runs", tmp_path / "site", assets)
    assert (tmp_path / "other" / "mine.js").read_text() == "mine"


def test_fewer_shards_than_before_leave_no_old_ones(tmp_path: Path, assets: Path) -> None:
    folder = store_run(tmp_path / "runs", make_run([[0, 1]] * 200))
    report(tmp_path / "runs", tmp_path / "site", assets)
    assert (tmp_path / "site" / "data" / "run" / folder.name / "samples-1.js").exists()
    report(tmp_path / "runs", tmp_path / "site", assets, limits=payload.Limits(10))
    assert not (tmp_path / "site" / "data" / "run" / folder.name / "samples-1.js").exists()


def test_damaged_memory_of_an_earlier_report_is_made_again(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    for path in (tmp_path / "site" / ".cache" / "run").glob("*--????????.json"):
        path.write_text("{")
    assert report(tmp_path / "runs", tmp_path / "site", assets).num_written == 2


@pytest.mark.parametrize("kind", ["run", "comparison", "training"])
def test_data_that_were_deleted_by_hand_are_written_again(tmp_path: Path, assets: Path, kind: str) -> None:
    store_pair(tmp_path / "runs")
    folder = write_training(tmp_path / "trained", 3)
    report(tmp_path / "runs", tmp_path / "site", assets, trainings=(folder,))
    before = set(files_of(tmp_path / "site"))
    shutil.rmtree(tmp_path / "site" / "data" / kind)
    report(tmp_path / "runs", tmp_path / "site", assets, trainings=(folder,))
    assert set(files_of(tmp_path / "site")) == before


@pytest.mark.parametrize("kind", ["run", "comparison", "training"])
def test_data_file_that_was_cut_is_written_again(tmp_path: Path, assets: Path, kind: str) -> None:
    store_pair(tmp_path / "runs")
    folder, site = write_training(tmp_path / "trained", 3), tmp_path / "site"
    report(tmp_path / "runs", site, assets, trainings=(folder,))
    for path in (site / "data" / kind).rglob("*.js"):
        before = path.read_text()
        for damaged in ("", before[:-9]):
            path.write_text(damaged)
            report(tmp_path / "runs", site, assets, trainings=(folder,))
            assert path.read_text() == before, path


def test_damaged_tally_of_a_run_is_made_again_where_a_new_comparison_needs_it(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    for path in (tmp_path / "site" / ".cache" / "run").glob("*.tally.json"):
        path.write_text(path.read_text()[:40])
    store_run(tmp_path / "runs", make_run([[1, 1], [0, 0], [1, 1]], name="third"))
    assert report(tmp_path / "runs", tmp_path / "site", assets).num_comparisons == 3


@pytest.mark.parametrize("name", ["data", ".cache", "data/run"])
def test_link_in_place_of_our_folders_is_refused_and_nothing_removed_behind_it(tmp_path: Path, assets: Path, name: str) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    (tmp_path / "site" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "mine.js").write_text("mine")
    (tmp_path / "site" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match=f"site/{name} is a link to .*; remove the link"):
        report(tmp_path / "runs", tmp_path / "site", assets)
    assert (tmp_path / "elsewhere" / "mine.js").exists()


def test_page_that_is_a_link_stays_one(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    (tmp_path / "site" / "index.html").rename(tmp_path / "page.html")
    (tmp_path / "site" / "index.html").symlink_to(tmp_path / "page.html")
    report(tmp_path / "runs", tmp_path / "site", assets, title="again")
    assert (tmp_path / "site" / "index.html").is_symlink()
    assert "<title>again" in (tmp_path / "page.html").read_text()


def test_sample_that_is_nested_too_deeply_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    _, child = store_pair(tmp_path / "runs")
    path = tmp_path / "runs" / child / "samples.jsonl"
    text, faults = path.read_text(), []
    for depth in (50, *range(80, 120, 4), *range(880, 1_000, 40)):
        path.write_text(text.replace('"details":{}', '"details":{"x":' + "[" * depth + "]" * depth + "}", 1))
        faults.append(payload.write_run(payload.Job(path.parent, tmp_path / "site", "a", payload.Limits())).fault)
    assert faults[0] == ""
    assert "is no sample" in faults[-1]


def test_two_reports_into_one_folder_do_not_mix(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    with output.open_site(tmp_path / "site"), pytest.raises(StorageError, match="another process"):
        report(tmp_path / "runs", tmp_path / "site", assets)


def test_disk_that_refuses_is_named_in_one_line(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    shutil.rmtree(tmp_path / "site" / "data" / "run")
    shutil.rmtree(tmp_path / "site" / ".cache")
    (tmp_path / "site" / "data" / "run").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        report(tmp_path / "runs", tmp_path / "site", assets)


def test_several_processes_write_the_same_as_one(tmp_path: Path, assets: Path) -> None:
    for number in range(6):
        store_run(tmp_path / "runs", make_run([[0, 1], [1, number % 2]], name=f"m{number}"))
    one = report(tmp_path / "runs", tmp_path / "one", assets)
    two = compose.build(tmp_path / "runs", tmp_path / "two", compose.Options(workers=2), assets=assets)
    made = [{key: value for key, value in boot_of(tmp_path / name).items() if key != "made_at"} for name in ("one", "two")]
    assert made[0] == made[1]
    assert (one.num_written, two.num_written) == (6, 6)
    assert [sorted(files_of(tmp_path / "one"))] == [sorted(files_of(tmp_path / "two"))]
