"""Which runs a page compares, and what it says of them: what `r1bench compare` says.

Run: make test PYTEST_ARGS=tests/leaderboards/report/test_report_pairs.py
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes_report import boot_of, data_of, report, store_pair, store_run
from fakes_runs import make_run, make_sample, make_tally

from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.records import Completion
from r1bench.leaderboards.board.entry import entry
from r1bench.leaderboards.compare import text
from r1bench.leaderboards.compare.comparison import compare
from r1bench.leaderboards.measures import reading
from r1bench.leaderboards.report import compose, pairs, sources, tallies


def test_comparison_of_the_page_is_that_of_the_command(tmp_path: Path, assets: Path) -> None:
    parent, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    expected = compare(*(reading.read(tmp_path / "runs" / name) for name in (parent, child)))
    boot = boot_of(tmp_path / "site")
    row = boot["comparisons"][0]
    assert row["verdict"] == text.verdict(expected)
    assert [row[key] for key in ("mean", "low", "high")] == list(expected.difference[:3])
    assert boot["stages"][0]["measures"] == [pairs.measure(each) for each in expected.measures.values()]


def test_problems_of_a_comparison_rise_by_their_difference(tmp_path: Path, assets: Path) -> None:
    for name, scores in (("one", [[0, 1], [1, 1], [0, 0]]), ("two", [[0, 0], [1, 1], [1, 1]])):
        store_run(tmp_path / "runs", make_run(scores, name=name))
    report(tmp_path / "runs", tmp_path / "site", assets)
    key = boot_of(tmp_path / "site")["comparisons"][0]["id"]
    problems = data_of(tmp_path / "site", f"comparison/{key}")["problems"]
    assert [(problem["id"], problem["b"] - problem["a"]) for problem in problems] == [("p0000", -0.5), ("p0001", 0.0), ("p0002", 1.0)]
    assert {problem["n_a"] for problem in problems} == {2}


def make_sources(count: int, **changes: Any) -> list[pairs.Source]:
    """Runs of one protocol, each better than the one before."""
    runs = [make_tally([[0, 1]] * 3, name=f"m{number}") for number in range(count)]
    rows = [replace(entry(replace(run, id=f"run-{number}")), score=number / count, **changes) for number, run in enumerate(runs)]
    return [pairs.Source(row, f"d{number}", "mark", number) for number, row in enumerate(rows)]


def test_few_runs_are_all_compared_and_many_only_with_parent_and_best() -> None:
    assert len(pairs.choose(make_sources(4), [])) == 6
    chosen = pairs.choose(make_sources(12), [("run-2", "run-3")])
    assert [(pair.a.entry.run, pair.b.entry.run) for pair in chosen[:2]] == [("run-2", "run-3"), ("run-0", "run-11")]
    assert len(chosen) == 12
    assert [pair.is_stage for pair in chosen].count(True) == 1


def test_runs_of_other_protocols_are_not_paired() -> None:
    other = [source._replace(entry=replace(source.entry, protocol="other", run="x")) for source in make_sources(1)]
    assert pairs.choose([*make_sources(1), *other], []) == []


def test_p_values_are_adjusted_for_all_comparisons_of_the_page() -> None:
    rows: list[dict[str, Any]] = [{"p_value": value} for value in (0.04, 0.01, 0.03)]
    pairs.adjust(rows, 0.95)
    assert [row["p_adjusted"] for row in rows] == pytest.approx([0.06, 0.03, 0.06])
    assert [(row["shown"], row["num_comparisons"]) for row in rows] == [(False, 3), (True, 3), (False, 3)]


def test_asked_comparison_that_means_nothing_is_refused(tmp_path: Path, assets: Path) -> None:
    parent, _ = store_pair(tmp_path / "runs")
    other = store_run(tmp_path / "runs", make_run([[0, 1]] * 3, name="other", template="boxed", template_hash="x")).name
    with pytest.raises(ProtocolError, match="must not be compared"):
        report(tmp_path / "runs", tmp_path / "site", assets, asked=((parent, other),))


def test_tally_that_was_kept_compares_as_the_one_that_was_read(tmp_path: Path) -> None:
    cut = [make_sample(f"p{row:04d}", i, i, completion=Completion("4", "length", 0)) for row in range(3) for i in range(2)]
    run, other = make_tally([[0, 1], [1, 1], [0, 0]], name="one"), make_tally([[0, 1]] * 3, name="two", samples=cut)
    for name, each in (("one", run), ("two", other)):
        tallies.write(tmp_path, name, each)
    kept, rows = [tallies.read(tmp_path, name) for name in ("one", "two")], {"entry_a": entry(run), "entry_b": entry(other)}
    assert compare(*kept, **rows).measures == compare(run, other).measures
    assert compare(*kept, **rows).measures["truncated"].b == 1
    assert compare(kept[0], kept[0], **rows).difference.method == "identical"


def test_comparison_that_is_left_out_says_a_cure_with_the_folder_of_runs(tmp_path: Path) -> None:
    runs, site, half = tmp_path / "runs", tmp_path / "site", make_run([[1, 1]], name="half")
    store_run(runs, make_run([[0, 1]], name="whole"))
    store_run(runs, replace(half, samples=half.samples[:1]))
    written = compose.write_runs(sources.collect(runs, sources.Choice()), site, compose.Options(workers=1)).sources
    row = pairs.work_out(pairs.Job(pairs.Pair(written[0], written[1], False, False), site, 0.95, runs))
    assert f"--runs {runs}" in row["refused"]


def test_asked_comparison_that_means_nothing_is_refused_before_any_work(tmp_path: Path, assets: Path) -> None:
    parent, child = store_pair(tmp_path / "runs")
    other = store_run(tmp_path / "runs", make_run([[0, 1]], name="other", template="other", template_hash="1"))
    with pytest.raises(ProtocolError, match=f"template.* --runs {tmp_path}/runs"):
        report(tmp_path / "runs", tmp_path / "site", assets, asked=((parent, other.name),))
    with pytest.raises(UsageError, match=f"--compare names {parent}, which is not on the page"):
        report(tmp_path / "runs", tmp_path / "site", assets, asked=((parent, child),), choice=sources.Choice(names="zero"))
    assert not (tmp_path / "site").exists()
