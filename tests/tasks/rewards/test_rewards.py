"""Rewards: golden values of every formula, what their parameters may be, how they are summed, how a job names them."""

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1bench.backends.custom.rollout import Drawn, Rollout
from r1bench.backends.finished import mean_of, rows_of
from r1bench.backends.job import RewardSpec, read_job
from r1bench.backends.journal import Journal
from r1bench.harness.errors import CheckpointError, UnknownNameError, UsageError
from r1bench.harness.records import Completion, Grade, Problem
from r1bench.harness.training.jobs import prepare
from r1bench.tasks.grading import GradingPool
from r1bench.tasks.rewards import REWARDS, Judged, check_rewards, combine, score
from r1bench.tasks.rewards.literal_accuracy import Dialect, verdicts

CASES = json.loads((Path(__file__).parents[2] / "cases" / "rewards.json").read_text(encoding="utf-8"))
NAN = float("nan")


def judged(text: str = "x", problem: str = "p", outcome: str = "correct", **fields: Any) -> Judged:
    """A completion with the grade that it is said to have."""
    verdict = Grade(outcome, fields.get("score", float(outcome == "correct")), None, "", "integer", "1")  # type: ignore[arg-type]
    return Judged(Problem(problem, "", ("42",)), Completion(text, "stop", fields.get("tokens", 5)), verdict)


def judged_of(case: Mapping[str, Any], row: Mapping[str, Any]) -> Judged:
    pieces = row["text"] if isinstance(row["text"], list) else [row["text"], 1]
    text = "".join(piece * times for piece, times in zip(pieces[::2], pieces[1::2], strict=True))
    outcome = row.get("outcome", "correct")
    grade = Grade(outcome, row.get("score", 0), None, "", row.get("grader", "integer"), "1", details=row.get("details", {}))
    problem = Problem(row.get("problem", "p"), case.get("prompt", ""), (case.get("gold", "42"),))
    return Judged(problem, Completion(text, "stop", row.get("tokens", 5), prefill=row.get("prefill", "")), grade)


@pytest.fixture(scope="module")
def math_verify_asked_at_once() -> None:
    """Starts Math-Verify's process once for all cases, not once for each."""
    cases = [case for case in CASES if re.fullmatch("(accuracy|cosine)_(s001|open_r1)", case["reward"])]
    for dialect in get_args(Dialect):
        verdicts([judged_of(case, row) for case in cases for row in case["batch"]], dialect)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['reward']}: {case['why']}")
@pytest.mark.usefixtures("math_verify_asked_at_once")
def test_reward_has_its_golden_values(case: dict[str, Any]) -> None:
    found = REWARDS[case["reward"]]([judged_of(case, row) for row in case["batch"]], **case.get("parameters", {}))
    assert found == [None if value is None else pytest.approx(value, abs=1e-4) for value in case["expected"]]


def test_every_reward_of_a_formula_has_golden_values() -> None:
    assert set(REWARDS) - {case["reward"] for case in CASES} == {"language_consistency", "reward_model"}


# The literal formats, against their regular expressions as printed.

LITERAL_FORMATS = {
    "format_s000": lambda text: re.match(r"^<think>.*?</think><answer>.*?</answer>$", text.strip()),
    "format_s001": lambda text: re.match(r"^<think>.*?</think>\s*<answer>.*?</answer>$", text, re.DOTALL | re.MULTILINE),
    "format_open_r1": lambda text: re.match(r"^<think>\n.*?\n</think>\n<answer>\n.*?\n</answer>$", text, re.DOTALL | re.MULTILINE),
}
TAGGED = st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "\n", " ", "a"]), max_size=14).map("".join)
FRAMED = st.tuples(TAGGED, TAGGED, TAGGED).map(lambda parts: f"<think>{parts[0]}</think>{parts[1]}<answer>{parts[2]}</answer>")


@pytest.mark.parametrize("name", LITERAL_FORMATS)
@given(text=st.one_of(TAGGED, FRAMED))
def test_literal_format_decides_as_its_regular_expression(name: str, text: str) -> None:
    assert REWARDS[name]([judged(text)]) == [float(bool(LITERAL_FORMATS[name](text)))]


@pytest.mark.parametrize("name", [name for name in REWARDS if "accuracy_" not in name and "cosine_" not in name and name != "reward_model"])
def test_a_long_text_of_tags_is_rewarded_in_linear_time(name: str) -> None:
    for piece in ("<think>", "</think><answer>", "\n</think>\n<answer>\n", "</think> ", "- ", "a\n"):
        assert len(REWARDS[name]([judged(piece * (300_000 // len(piece)))])) == 1


# Language consistency is the language grader's.


def test_language_consistency_is_the_share_of_the_target_language() -> None:
    texts = ["<think>We add both numbers and get the result.</think>42", "<think>我们把两个数相加。</think>42", "<think></think>42"]
    batch = [judged(text) for text in texts]
    assert REWARDS["language_consistency"](batch) == [pytest.approx(1, abs=0.01), pytest.approx(0, abs=0.01), 0]
    assert REWARDS["language_consistency"](batch, target="zh")[1] == pytest.approx(1, abs=0.01)
    other = Problem("p", "", ("42",), language="tlh")
    assert REWARDS["language_consistency"]([batch[0]._replace(problem=other)]) == [None]


# Controls.


def test_random_rewards_do_not_depend_on_the_order_of_the_batch() -> None:
    batch = [judged(f"text {number % 40}", f"problem {number % 7}") for number in range(400)]
    order = random.Random(0).sample(range(400), 400)
    values, shuffled = REWARDS["random"](batch), REWARDS["random"]([batch[place] for place in order])
    pairs = sorted((each.problem.id, each.completion.text, value) for each, value in zip(batch, values, strict=True))
    assert pairs == sorted(
        (batch[place].problem.id, batch[place].completion.text, value) for place, value in zip(order, shuffled, strict=True)
    )


def test_random_rewards_are_a_fair_coin_that_its_seed_decides() -> None:
    batch = [judged("the same text") for _ in range(2000)]
    values = REWARDS["random"](batch, probability=0.3)
    assert sum(value or 0 for value in values) / 2000 == pytest.approx(0.3, abs=0.04)
    assert values == REWARDS["random"](batch, probability=0.3) != REWARDS["random"](batch, probability=0.3, seed=1)


# Sums.


def totals(batch: Sequence[Judged], *specs: RewardSpec) -> list[float]:
    return [scored.total for scored in combine(batch, specs)]


def spec(name: str, weight: float = 1.0, **parameters: Any) -> RewardSpec:
    return RewardSpec(name=name, weight=weight, parameters=parameters)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>3+4=7</think><answer>7</answer>", 1.5),
        ("<think>3+4=8</think><answer>8</answer>", 0.5),
        ("The answer is 7.", 1.0),
        ("<think>3+4=7", 0.0),
        ("<think>7</think>", 0.0),
        ("", 0.0),
    ],
)
def test_a_completion_earns_its_weighted_rewards(text: str, expected: float) -> None:
    with GradingPool("integer") as pool:
        found = score(pool, [Problem("p", "", ("7",))], [Completion(text, "stop", 5)], [spec("accuracy"), spec("format", 0.5)])
    assert found[0].total == expected


def test_a_completion_whose_grading_broke_off_earns_nothing_at_all_rather_than_little() -> None:
    assert math.isnan(totals([judged(outcome="failed")], spec("accuracy"), spec("constant"))[0])


def test_a_reward_that_does_not_apply_is_left_out_of_the_sum() -> None:
    assert totals([judged()], spec("code"), spec("constant", 2.0)) == [2.0]
    assert math.isnan(totals([judged()], spec("code"))[0])


def test_a_value_that_is_no_number_touches_its_own_sample_only(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = [judged(score=value) for value in (1.0, NAN, float("inf"), 0.0)]
    found = totals(batch, spec("accuracy"), spec("constant"))
    assert [found[0], found[3]] == [2.0, 1.0]
    assert math.isnan(found[1])
    assert math.isnan(found[2])


def test_sums_lose_nothing_to_the_order_of_rewards() -> None:
    large, small, other = spec("constant", 1e16), spec("accuracy", 1.0), spec("random", -1e16, probability=1.0)
    assert totals([judged()], large, small, other) == totals([judged()], large, other, small) == [1.0]


# What is refused before anything is trained.


class Refused(NamedTuple):
    spec: RewardSpec
    error: type[Exception]
    says: str


@pytest.mark.parametrize(
    "refused",
    [
        Refused(spec("acuracy"), UnknownNameError, "did you mean 'accuracy'"),
        Refused(spec("cosine", max_length=3), UsageError, "reward 'cosine' has no parameter 'max_length'; did you mean 'max_len'"),
        Refused(spec("accuracy", max_len=3), UsageError, "It has: none"),
        Refused(spec("cosine", max_len=0), UsageError, "max_len must be a whole number of at least 1, and is 0"),
        Refused(spec("cosine", max_len=1.5), UsageError, "max_len must be a whole number"),
        Refused(spec("cosine", max_len=True), UsageError, "max_len must be a whole number"),
        Refused(spec("cosine", min_value_wrong="low"), UsageError, "must be a number, and is 'low'"),
        Refused(spec("length", unit="words"), UsageError, "unit must be one of 'tokens', 'characters', and is 'words'"),
        Refused(spec("repetition_penalty", max_penalty=0.1), UsageError, "must be a number of at most 0, and is 0.1"),
        Refused(spec("random", probability=2), UsageError, "of at least 0 and at most 1"),
        Refused(spec("soft_overlong", soft_punish_cache=20000), UsageError, "at most max_completion_len=16384"),
        Refused(spec("format", style="free"), UsageError, "one of 'think-answer', 'think-only', 'boxed'"),
        Refused(spec("language_consistency", target="Klingon"), UsageError, "cannot tell the words of language 'Klingon'"),
        Refused(spec("reward_model"), UsageError, "needs the parameter 'model'"),
        Refused(spec("reward_model", model="/nowhere"), CheckpointError, "no readable config.json"),
        Refused(spec("code"), UsageError, "needs a task that is graded by 'code'"),
    ],
    ids=lambda refused: refused.says,
)
def test_a_reward_that_cannot_be_is_refused_by_name(refused: Refused) -> None:
    with pytest.raises(refused.error, match=re.escape(refused.says)):
        check_rewards([refused.spec], grader="integer")


def test_numbers_as_yaml_writes_them_are_taken() -> None:
    check_rewards([spec("cosine", min_value_wrong=-1, max_value_wrong="-1e-3"), spec("accuracy"), spec("format")], grader="integer")


# In a job.


def test_a_job_has_every_parameter_of_its_rewards_written_down(tmp_path: Path) -> None:
    rewards = "algorithm.rewards=[{name: accuracy}, {name: cosine, weight: 0.5, parameters: {max_len: 2000}}]"
    prepare("zero", "custom", "tiny", out=tmp_path / "out", settings=(rewards,), device="cpu", threads=1)
    job = read_job(tmp_path / "out" / "job.json")
    assert job.grpo.rewards[1].parameters == {**{n: p.default for n, p in REWARDS["cosine"].parameters.items()}, "max_len": 2000}
    with pytest.raises(UsageError, match="no parameter 'max'"):
        prepare("zero", "custom", "tiny", out=tmp_path / "b", settings=(rewards.replace("max_len", "max"),), device="cpu", threads=1)


def test_a_step_in_which_a_reward_never_applied_has_no_mean_of_it() -> None:
    assert math.isnan(mean_of([]))
    assert mean_of([1.0, 0.0]) == 0.5


def test_the_journal_writes_json_and_shows_every_reward(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = [judged(), judged(score=NAN)]
    rollouts = [Rollout(each.problem, 0, [], [], [], each.completion) for each in batch]
    drawn = Drawn(rollouts, combine(batch, [spec("accuracy")]), [], 1)
    with Journal(tmp_path, 1) as journal:
        journal.rollouts(rows_of(1, drawn.finished(), [0.0, 0.0], 0))
        journal.step(1, {"reward": 1.0, "rewards/accuracy": 1.0, "rewards/code": NAN, "length": 5.0})
    rows = [json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "rollouts.jsonl").read_text().splitlines()]
    assert [(row["reward"], row["rewards"]) for row in rows] == [(1.0, {"accuracy": 1.0}), (None, {"accuracy": None})]
    assert json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])["rewards/code"] is None
    assert "accuracy 1.00  code nan  length 5" in capsys.readouterr().err
