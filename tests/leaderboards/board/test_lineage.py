"""Which checkpoint came from which, and what each stage added: pairs, differences, the tree, broken chains."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes_folders import store_run
from fakes_runs import make_tally

from r1bench.harness.tables import display_width
from r1bench.leaderboards.board import index, lineage
from r1bench.leaderboards.board.entry import Entry, entry
from r1bench.leaderboards.compare.comparison import compare
from r1bench.leaderboards.measures.reading import read

BASE, BETTER = [[1, 0], [0, 0], [0, 0], [1, 1]], [[1, 1], [1, 0], [0, 0], [1, 1]]


def row(name: str, parent: str = "", scores=BASE, **changes) -> Entry:
    """A row of checkpoint `name`, trained from checkpoint `parent`."""
    return entry(make_tally(scores, name=name, parent=f"digest-of-{parent}" if parent else "", **changes))


def store_family(runs: Path) -> None:
    store_run(runs, BASE, name="base")
    store_run(runs, BETTER, name="sft", stage="sft", parent="digest-of-base")
    store_run(runs, BASE, name="rl", stage="grpo", parent="digest-of-sft")


def names(found: list[tuple[Entry, Entry]]) -> list[tuple[str, str]]:
    return [(a.name, b.name) for a, b in found]


def test_a_run_is_paired_with_that_of_its_parent() -> None:
    assert names(lineage.pairs([row("base"), row("sft", "base"), row("rl", "sft"), row("other")])) == [
        ("base", "sft"),
        ("sft", "rl"),
    ]


def test_runs_of_different_protocols_or_incomplete_ones_are_not_paired() -> None:
    cold = row("sft", "base", sampling={"temperature": 0.1})
    incomplete = entry(make_tally([[1, 1]], samples=[], name="rl", parent="digest-of-base"))
    assert lineage.pairs([row("base"), cold, incomplete]) == []


def test_of_several_runs_of_a_parent_the_one_with_the_most_samples_is_taken() -> None:
    few, most = row("base"), row("base", scores=[[1, 0, 1]] * 4, sampling={"seed": 3})
    assert [a.n for a, _ in lineage.pairs([most, few, row("sft", "base")])] == [3]


def test_a_checkpoint_that_is_its_own_parent_has_no_pair() -> None:
    assert lineage.pairs([row("loop", "loop")]) == []


def test_the_difference_is_that_of_compare_and_is_stored(tmp_path: Path) -> None:
    store_family(tmp_path)
    found = index.refresh(tmp_path)
    first, second = lineage.deltas(found, found.entries())
    runs = [read(tmp_path / each.run) for each in (second.parent, second.entry)]
    expected = compare(*runs).difference
    assert (second.mean, second.low, second.high, second.method) == (expected.mean, expected.low, expected.high, expected.method)
    assert found.stored_difference(second.parent.run, second.entry.run)["mean"] == expected.mean
    assert (first.entry.name, first.wins, first.losses, first.ties) in {("sft", 2, 0, 2), ("rl", 0, 2, 2)}


def test_a_stored_difference_is_used_until_a_run_changes(tmp_path: Path) -> None:
    store_family(tmp_path)
    found = index.refresh(tmp_path)
    (delta, *_) = lineage.deltas(found, found.entries())
    ids = delta.parent.run, delta.entry.run
    found.store_difference(*ids, {**found.stored_difference(*ids), "mean": 0.125})
    assert {0.125} & {each.mean for each in lineage.deltas(found, found.entries())}
    store_run(tmp_path, [[*row, 1] for row in BASE], name="base")
    store_run(tmp_path, [[*row, 1] for row in BETTER], name="sft", stage="sft", parent="digest-of-base")
    found.update(num_workers=1)
    assert not {0.125} & {each.mean for each in lineage.deltas(found, found.entries())}


def test_a_comparison_that_is_refused_says_why_and_is_not_stored(tmp_path: Path) -> None:
    store_family(tmp_path)
    found = index.refresh(tmp_path)
    entries = found.entries()
    path = next(tmp_path.glob("*--base--*")) / "samples.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    delta = next(each for each in lineage.deltas(found, entries) if each.parent.name == "base")
    assert (delta.mean, "incomplete" in delta.note) == (None, True)
    assert found.stored_difference(delta.parent.run, delta.entry.run) is None


def test_the_tree_has_each_checkpoint_below_its_parent(tmp_path: Path) -> None:
    store_family(tmp_path)
    found = index.refresh(tmp_path)
    text = lineage.render(lineage.deltas(found, found.entries()), found.entries())
    assert max(map(display_width, text.splitlines())) <= 80
    lines = [line for line in text.splitlines() if line.endswith(("base", "sft", "grpo"))]
    assert lines == ["base", "└─ sft  sft", "   └─ rl  grpo"]
    assert "+25.0 [" in text
    assert "37.5 → 62.5" in text


def test_a_parent_without_a_run_is_a_digest_and_circles_end() -> None:
    entries = [row("child", "unknown"), row("one", "two"), row("two", "one"), row("x" * 100)]
    text = lineage.render([], entries)
    assert "(digest-o, no run here)\n└─ child" in text
    assert sorted(node.name for node in lineage.trees(entries)) == ["", "one", "two", "x" * 100]
    assert max(map(display_width, text.splitlines())) <= 80


def test_hostile_names_cannot_reach_the_terminal() -> None:
    assert "\x1b" not in lineage.render([], [row("a\x1b[2J", stage="\x1bx")])


def test_a_filter_keeps_the_ancestors_of_what_is_shown() -> None:
    every = [row("base"), row("sft", "base"), row("rl", "sft"), row("other"), row("base", task="two")]
    assert [row.name for row in lineage.family(every, [every[2]])] == ["base", "sft", "rl"]


@pytest.mark.parametrize(
    ("seal", "expected"), [({"name": "sft", "stage": "", "parent": "d1"}, "d1"), ({"name": "other", "parent": "d1"}, ""), ([], "")]
)
def test_the_seal_of_the_checkpoint_says_a_parent_that_the_run_does_not(tmp_path: Path, seal: object, expected: str) -> None:
    (tmp_path / "r1bench.json").write_text(json.dumps(seal))
    assert lineage.parent_of(row("sft", checkpoint=str(tmp_path))) == expected


def test_a_delta_is_json() -> None:
    a, b = row("base"), row("sft", "base", stage="sft")
    found = lineage.Delta(a, b, 0.1, 0.0, 0.2, "t", 1, 0, 3, "").to_json()
    assert json.loads(json.dumps(found)) == found
    assert (found["parent_run"], found["run"], found["stage"], found["mean"]) == ("run-base", "run-sft", "sft", 0.1)


def test_a_chain_of_1500_checkpoints_is_shown_with_every_name() -> None:
    first = row("c0")
    chain = [replace(first, name=f"c{n}", checkpoint_digest=f"d{n}", parent=f"d{n - 1}" if n else "", run=f"r{n}") for n in range(1500)]
    lines = lineage.render([], chain).splitlines()
    assert sum(line.endswith(f"c{n}") for n, line in enumerate(lines[2:1502])) == 1500
    assert max(map(display_width, lines)) <= 80
