"""What TRL draws, as r1bench reads it: prompts by place, rewards that may be unknown, figures and rows. Needs no TRL."""

import math
from pathlib import Path

import pytest
from trl_trainings import job_of

from r1bench.backends.finished import Finished, figures_of, rows_of
from r1bench.backends.job import TrainJob
from r1bench.backends.prompts import draw_problems
from r1bench.backends.trl_backend import rollouts
from r1bench.backends.trl_backend.rollouts import Drawing, Prompts, finished_of
from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.models.prompts import make_prompts
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.records import Grade
from r1bench.tasks.rewards import Scored
from r1bench.tasks.templates import TEMPLATES

NAN = math.nan
END = 0
"""tiny-base's end of text."""


def grpo_job() -> TrainJob:
    algorithm = {"samples": 2, "rollout": {}, "loss": {}, "rewards": [{"name": "accuracy"}, {"name": "format"}]}
    return job_of(Path("out"), "grpo", algorithm=algorithm, data={"task": "arithmetic"}, batch_size=2)


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    return Prompts(grpo_job(), None, load_tokenizer(find_checkpoint("tiny-base")))


def rollout(
    prompts: Prompts, token_ids: list[int], total: float, parts: dict[str, float | None], logprobs: list[float | None] | None = None
) -> Finished:
    drawing = Drawing(0, token_ids, logprobs)
    (completion,) = rollouts.completions_of([drawing], prompts, frozenset({END}))
    grade = Grade("wrong", 0.0, None, "", "integer", "1", 0)
    return finished_of(drawing, prompts[0], completion, 0, Scored(total, parts, grade))


def test_a_place_is_the_prompt_of_its_step_with_the_tokens_of_evaluation(prompts: Prompts) -> None:
    job, tokenizer = prompts.job, prompts.tokenizer
    for step in (0, 3, 1):
        asked = draw_problems(job, step, None)
        read = make_prompts(tokenizer, TEMPLATES["plain"], [(problem.id, problem.prompt) for problem in asked])
        found = [prompts[step * job.batch_size + number] for number in range(job.batch_size)]
        assert [(each.problem.id, each.token_ids) for each in found] == [(p.id, r.tokens) for p, r in zip(asked, read, strict=True)]


def test_rewards_lose_what_their_group_shares_and_unknown_ones_stay_unknown() -> None:
    assert rollouts.shifted([0.1, 0.1, NAN, 1.1, NAN, NAN], 2) == [0.0, 0.0, None, 0.0, None, None]
    assert rollouts.shifted([NAN, 1.0, 0.5, 2.0], 4) == [None, 0.0, -0.5, 1.0]


def test_a_completion_ends_at_an_end_token_or_at_the_limit_or_is_empty(prompts: Prompts) -> None:
    said = prompts.tokenizer("12")["input_ids"]
    drawings = [Drawing(0, [*said, END]), Drawing(0, said), Drawing(0, [])]
    completions = rollouts.completions_of(drawings, prompts, frozenset({END}))
    assert [(each.text, each.finish_reason, each.num_tokens) for each in completions] == [
        ("12", "stop", 3),
        ("12", "length", 2),
        ("", "length", 0),
    ]


def test_figures_leave_unknown_rewards_out_and_count_groups_without_a_signal(prompts: Prompts) -> None:
    parts: list[dict[str, float | None]] = [{"accuracy": 1.0, "format": None}, {"accuracy": 0.0, "format": None}]
    found = [rollout(prompts, [1, END], 1.0, parts[0]), rollout(prompts, [1, 2, 3, 4], NAN, parts[1])] * 2
    figures = figures_of(found, [0.5, -0.5, 0.0, 0.0], prompts.job)
    assert (figures["reward"], figures["reward_std"], figures["rewards/accuracy"]) == (1.0, 0.0, 0.5)
    assert math.isnan(figures["rewards/format"])
    assert (figures["length"], figures["truncated"], figures["zero_signal_groups"]) == (3.0, 0.5, 0.5)


def test_a_row_has_log_probabilities_only_where_each_is_known(prompts: Prompts) -> None:
    given: list[list[float | None] | None] = [None, [-0.5, -1.0], [-0.5, None]]
    found = [rollout(prompts, [1, END], 1.0, {}, logprobs) for logprobs in given]
    rows = list(rows_of(3, found, [0.0] * 3, 4))
    assert [row.logprobs for row in rows] == [None, [-0.5, -1.0], None]
    assert (rows[0].step, rows[0].policy, rows[0].token_ids, rows[0].prompt_ids) == (3, 4, [1, END], prompts[0].token_ids)


def test_figures_of_a_step_are_means_over_its_optimiser_steps() -> None:
    logs = [{"loss": 1.0, "kl": 0.0, "learning_rate": 0.1}, {"loss": 2.0, "kl": 0.5, "learning_rate": 0.2, "clip_ratio/region_mean": 0.25}]
    expected = {"loss": 1.5, "kl/k3": 0.25, "clip_fraction": 0.25, "learning_rate": 0.1}
    assert rollouts.update_figures(logs, "k3") == pytest.approx(expected)
