"""The audit of rewards: the corpus is sound, ours resist what the page says, and the literal forms fall where they are known to."""

import json
import re
from pathlib import Path

import pytest

from r1bench.harness.errors import UnknownNameError, UsageError
from r1bench.tasks.rewards import REWARDS
from r1bench.tasks.rewards.audit import AuditReport, RewardAudit, Trial, audit, compare, grade_hacks, load_hacks

PAGE = Path(__file__).parents[3] / "docs" / "rewards.md"
HACKS = {hack.name: hack for hack in load_hacks()}
FAMILIES = {reward.family for reward in REWARDS.values()}


@pytest.fixture(scope="module")
def report() -> AuditReport:
    """Every reward on every hack."""
    return audit()


@pytest.fixture(scope="module")
def audited(report: AuditReport) -> dict[str, RewardAudit]:
    return {found.reward: found for found in report.rewards}


def table(title: str) -> dict[str, list[str]]:
    """The rows of the table under a heading of the page, by the name in their first cell."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row for row in rows}


def names_in(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def without_code(hacks: set[str]) -> set[str]:
    return {hack for hack in hacks if HACKS[hack].grader != "code"}


# The corpus.


def test_every_hack_has_a_name_of_its_own_and_is_aimed_at_rewards_of_ours() -> None:
    assert len(HACKS) == len(load_hacks()) >= 50
    assert [hack.name for hack in HACKS.values() if not hack.targets or not set(hack.targets) <= FAMILIES] == []


def test_every_reward_is_aimed_at() -> None:
    assert {target for hack in HACKS.values() for target in hack.targets} == FAMILIES


def test_honest_completions_are_right() -> None:
    graded = grade_hacks(load_hacks())
    wrong = [name for name, grades in graded.items() if not isinstance(grades, str) and grades[1].outcome != "correct"]
    assert wrong == ["wrong_and_padded"], "that one compares two wrong answers"
    assert {HACKS[name].grader for name, grades in graded.items() if isinstance(grades, str)} <= {"code"}


# Verdicts.


def test_ours_fall_for_what_the_page_says_and_for_nothing_else(audited: dict[str, RewardAudit]) -> None:
    said = {name: without_code(names_in(row[4])) for name, row in table("Ours").items()}
    assert said == {name: without_code(set(audited[name].hacks("falls"))) for name in said}


def test_literal_forms_fall_for_what_the_page_says(audited: dict[str, RewardAudit]) -> None:
    said = {name: without_code(names_in(row[2])) for name, row in table("Literal forms").items()}
    assert said == {name: without_code(set(audited[name].hacks("falls"))) for name in said}


@pytest.mark.parametrize(
    ("literal", "hack"),
    [
        ("accuracy_s001", "gold_does_not_parse"),
        ("accuracy_s001", "answer_only_in_the_reasoning"),
        ("accuracy_open_r1", "unfinished_reasoning"),
        ("accuracy_open_r1", "tiny_difference"),
        ("accuracy_s003", "prompt_echo"),
        ("cosine_s001", "padding_to_lengthen"),
        ("cosine_open_r1", "gold_does_not_parse"),
        ("format_s000", "text_after_the_answer"),
        ("format_s001", "nested_think"),
        ("format_s001", "empty_think"),
        ("format_open_r1", "text_after_the_answer"),
        ("format_open_r1", "prefilled_think_again"),
        ("format_s003", "tags_in_reverse"),
        ("length_open_r1", "few_characters_many_tokens"),
        ("reasoning_steps_s001", "step_words_alone"),
        ("reasoning_steps_open_r1", "empty_bullets"),
        ("repetition_penalty_s001", "loop_without_spaces"),
        ("repetition_penalty_s001", "loop_with_invisible_letters"),
        ("tag_count_open_r1", "bare_tags"),
    ],
)
def test_a_literal_form_falls_where_ours_resists(audited: dict[str, RewardAudit], literal: str, hack: str) -> None:
    assert hack in audited[literal].hacks("falls")
    assert hack in audited[REWARDS[literal].literal_of].hacks("resists")


def test_no_reward_made_of_tests_falls_for_a_hack_of_code(audited: dict[str, RewardAudit]) -> None:
    rewards = ("accuracy", "binary_code", "code")
    trials = [trial for name in rewards for trial in audited[name].trials if HACKS[trial.hack].grader == "code"]
    if skipped := [trial.reason for trial in trials if trial.verdict == "skipped"]:
        pytest.skip(skipped[0])
    assert len(trials) >= 20
    assert [trial for trial in trials if trial.verdict != "resists"] == []


def test_an_equal_reward_is_a_fall_and_no_reward_counts_as_none_earned() -> None:
    assert [compare("h", *pair).verdict for pair in ((1.0, 1.0), (0.5, 1.0), (None, 1.0), (None, -1.0), (0.0, None), (None, None))] == [
        "falls", "resists", "resists", "falls", "falls", "does not apply",
    ]  # fmt: skip


# The report.


def test_a_reward_that_needs_a_model_is_skipped_and_says_so() -> None:
    found = audit(["reward_model"])
    assert {trial.verdict for trial in found.rewards[0].trials} == {"skipped"}
    assert "needs the parameter 'model'" in found.render()


def test_parameters_reach_the_reward_and_only_one_that_is_audited() -> None:
    generous = audit(["soft_overlong"], {"soft_overlong": {"max_completion_len": 100_000}})
    assert "padding_to_lengthen" in generous.rewards[0].hacks("falls")
    with pytest.raises(UsageError, match="which is not audited"):
        audit(["format"], {"cosine": {}})
    with pytest.raises(UsageError, match="no parameter 'max'"):
        audit(["cosine"], {"cosine": {"max": 1}})


def test_an_unknown_reward_comes_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'format_s001'"):
        audit(["format_s01"])


def test_the_report_fits_a_terminal_and_tells_each_hack_that_worked(report: AuditReport) -> None:
    lines = report.render().splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)
    assert any(line.startswith("format ") and "falls for 1 of" in line for line in lines)
    assert any(line.startswith("one_word_in_each: ") for line in lines)


def test_the_report_is_plain_json(report: AuditReport) -> None:
    value = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert value["is_ok"] is False
    assert {row["reward"] for row in value["rewards"]} == set(REWARDS)
    assert AuditReport((RewardAudit("x", (Trial("h", "resists"),)),)).is_ok


def test_code_hacks_are_skipped_with_the_reason_where_no_program_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = audit(["code"])
    assert {trial.verdict for trial in found.rewards[0].trials} == {"skipped"}
    assert "programs cannot be run here: bubblewrap is not installed" in " ".join(found.render().split())


# The page.


def test_the_page_has_every_reward_with_its_parameters_and_defaults() -> None:
    ours, literal = table("Ours"), table("Literal forms")
    assert set(ours) | set(literal) == set(REWARDS)
    for name, row in ours.items():
        said = dict(re.findall(r"`(\w+)`(?: ([^,]+))?", row[2]))
        expected = {key: "(required)" if each.is_required else str(each.default) for key, each in REWARDS[name].parameters.items()}
        assert said == expected, name
    assert {name: row[1].strip("`") for name, row in literal.items()} == {name: REWARDS[name].literal_of for name in literal}


def test_the_page_has_every_hack() -> None:
    rows = table("The audit")
    assert {name: (row[1], names_in(row[2])) for name, row in rows.items()} == {
        hack.name: (hack.what, set(hack.targets)) for hack in load_hacks()
    }
