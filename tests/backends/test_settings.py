"""What is wrong in a setting, in plain words and with the nearest name."""

from typing import Any

import pytest

from r1bench.backends.job import make_job
from r1bench.harness.errors import UsageError

GRPO: dict[str, Any] = {"kind": "grpo", "samples": 2, "rollout": {}, "loss": {}, "rewards": [{"name": "accuracy"}]}
JOB: dict[str, Any] = {
    **dict.fromkeys(("name", "stage", "backend", "recipe", "model", "model_digest", "out"), ""),
    **{"steps": 1, "batch_size": 2, "data": {}, "optimizer": {}},
}


def reason(values: dict[str, Any], algorithm: dict[str, Any] | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        make_job({**JOB, "algorithm": {**GRPO, **(algorithm or {})}, **values})
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"stepz": 1}, "stepz: there is no such setting; did you mean 'steps'?"),
        ({"learning_rate": 1}, "did you mean 'optimizer.learning_rate'?"),
        ({"los": {"preset": "dapo"}}, "did you mean 'loss'?"),
        ({"foo": 1}, "foo: there is no such setting; known: name, stage,"),
        ({"lora": {"rnk": 4}}, "lora.rnk: there is no such setting; did you mean 'lora.rank'?"),
        ({"lora": {"rank": 0}}, "lora.rank: must be at least 1 (given: 0)"),
        ({"batch_size": "two"}, "batch_size: must be a whole number (given: 'two')"),
        ({"batch_size": 1.5}, "batch_size: must be a whole number (given: 1.5)"),
        ({"batch_size": None}, "batch_size: must be a whole number (given: None)"),
        ({"optimizer": {"decay": "cos"}}, "optimizer.decay: must be 'constant', 'linear' or 'cosine' (given: 'cos')"),
        ({"optimizer": {"learning_rate": 0}}, "optimizer.learning_rate: must be above 0"),
        ({"optimizer": {"learning_rate": float("nan")}}, "optimizer.learning_rate: must be a finite number"),
        ({"data": 3}, "data: must be a group of settings (given: 3)"),
        ({"steps": None}, "give either steps or epochs"),
    ],
)
def test_a_wrong_setting_is_named_in_plain_words(values: dict[str, Any], expected: str) -> None:
    message = reason(values)
    assert expected in message
    assert "Extra inputs" not in message
    assert "Input should" not in message


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ({"loss": {"clip": 1}}, "algorithm.loss.clip: there is no such setting; did you mean 'algorithm.loss.clip_low'?"),
        ({"loss": {"whiten": "perhaps"}}, "algorithm.loss.whiten: must be true or false (given: 'perhaps')"),
        ({"dynamic_sampling": 10**9}, "algorithm.dynamic_sampling: must be at most 1000"),
        ({"packing": True}, "algorithm.packing: there is no such setting; it belongs to another algorithm"),
        ({"rewards": "accuracy"}, "algorithm.rewards: must be a list (given: 'accuracy')"),
        ({"rewards": [{"name": "accuracy", "wieght": 2}]}, "did you mean 'algorithm.rewards.weight'?"),
        ({"rollout": {"top_p": 2}}, "algorithm.rollout.top_p: must be at most 1"),
    ],
)
def test_a_wrong_setting_of_the_algorithm_is_named_in_plain_words(algorithm: dict[str, Any], expected: str) -> None:
    assert expected in reason({}, algorithm)


def test_a_key_of_many_characters_stays_one_line() -> None:
    message = reason({"x" * 100_000: 1})
    assert len(message) < 1000
    assert "there is no such setting" in message
