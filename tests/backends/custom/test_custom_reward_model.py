"""Reward models of the custom backend: the two losses, the head, and the folder that gives the same values elsewhere."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from trainings import END, sums, train, training
from transformers import AutoModelForSequenceClassification

from r1bench.backends.custom import Engine
from r1bench.backends.custom.model import load
from r1bench.backends.custom.reward_model import compute_gradient, padding_of, pairwise, pointwise, scores_of
from r1bench.backends.custom.training import begin
from r1bench.backends.journal import read_steps
from r1bench.harness.checkpoints import find_checkpoint
from r1bench.tasks.rewards.reward_model import Scorer

PAIRWISE: dict[str, Any] = {"kind": "reward_model", "centring": 0.01}
POINTWISE: dict[str, Any] = {"kind": "reward_model", "loss": "pointwise"}


@pytest.mark.parametrize("algorithm", [PAIRWISE, POINTWISE], ids=["pairwise", "pointwise"])
def test_a_reward_model_learns_which_response_is_better(tmp_path: Path, algorithm: dict[str, Any]) -> None:
    train(training(tmp_path / "out", algorithm=algorithm))
    figures = read_steps(tmp_path / "out").figures
    assert figures[6]["loss"] < figures[1]["loss"] / 2
    assert figures[6]["accuracy"] == 1
    assert ("margin" in figures[6]) == (algorithm is PAIRWISE)


def test_the_losses_are_what_their_formulas_say() -> None:
    chosen, rejected = torch.tensor([1.0, -0.5]), torch.tensor([0.25, 0.5])
    losses, found = pairwise(chosen, rejected, 0.1)
    assert losses.tolist() == pytest.approx([math.log1p(math.exp(-0.75)) + 0.1 * 1.25**2, math.log1p(math.exp(1.0))], rel=1e-6)
    assert (found.correct, found.margin) == (1, pytest.approx(-0.25))
    losses, found = pointwise(chosen, torch.tensor([1.0, 1.0]))
    assert losses.tolist() == pytest.approx([math.log1p(math.exp(-1.0)), math.log1p(math.exp(0.5))], rel=1e-6)
    assert found.correct == 1


@pytest.mark.parametrize("algorithm", [PAIRWISE, POINTWISE], ids=["pairwise", "pointwise"])
def test_cutting_a_step_into_micro_batches_changes_no_gradient_of_a_reward_model(tmp_path: Path, algorithm: dict[str, Any]) -> None:
    job = training(tmp_path / "out", algorithm=algorithm)
    model, gradients = load(find_checkpoint("tiny-base"), job), []
    for micro_tokens in (8192, 100, 1):
        model.zero_grad()
        compute_gradient(model, sums(8, kind=algorithm.get("loss", "pairwise")), job.algorithm, micro_tokens)  # type: ignore[arg-type]
        gradients.append(torch.cat([weight.grad.flatten() for weight in model.parameters()]))
    assert all(torch.allclose(gradients[0], other, atol=1e-6) for other in gradients[1:])


def test_the_folder_gives_elsewhere_the_values_that_the_training_had(tmp_path: Path) -> None:
    job, rows = training(tmp_path / "out", algorithm=PAIRWISE, steps=1), sums(4)
    with begin(job, Engine()) as going:
        going.model.config.pad_token_id = 1
        compute_gradient(going.model, sums(8, kind="pairwise"), job.algorithm, 8192)  # type: ignore[arg-type]
        going.take_step(0)
        final = going.finish()
    torch.use_deterministic_algorithms(False)
    loaded: Any = AutoModelForSequenceClassification.from_pretrained(final, output_loading_info=True)
    assert not any(loaded[1][part] for part in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    texts = [row.tokens for row in rows]
    assert torch.equal(scores_of(loaded[0].eval(), texts), scores_of(going.model, texts))
    assert len(scores_of(going.model, texts).unique()) > 1


def test_the_reward_of_that_name_reads_what_was_trained(tmp_path: Path) -> None:
    final = train(training(tmp_path / "out", algorithm=PAIRWISE))
    pair = [("What is 3 + 4?\n", "<answer>7</answer>"), ("What is 3 + 4?\n", "I would rather not say.")]
    better, worse = Scorer(str(final), "cpu").values(pair, 2)
    assert better > worse


def test_the_new_head_follows_from_the_seed_alone(tmp_path: Path) -> None:
    base, heads = find_checkpoint("tiny-base"), []
    for seed, noise in ((1, 0), (1, 1), (2, 0)):
        torch.manual_seed(noise)
        heads.append(load(base, training(tmp_path / "out", algorithm=PAIRWISE, seed=seed)).score.weight)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_the_value_is_read_at_the_last_token(tmp_path: Path) -> None:
    job = training(tmp_path / "out", algorithm=PAIRWISE)
    model, text = load(find_checkpoint("tiny-base"), job), sums(1)[0].tokens
    assert text[-1] == END
    values = scores_of(model.requires_grad_(False), [text, text[:-1], [*text[:-1], 9], [*text, 9]])
    assert len(values.unique()) == 4
    assert float(values[0]) == pytest.approx(float(scores_of(model, [text])), abs=1e-6)


def test_padding_ends_no_example_where_another_special_token_is_free(tmp_path: Path) -> None:
    job = training(tmp_path / "out", algorithm=PAIRWISE)
    model = load(find_checkpoint("tiny-base"), job)

    class Tokenizer:
        pad_token_id = END
        all_special_ids = (END, 5)

    model.config.pad_token_id = END
    assert padding_of(Tokenizer, model.config, sums(2)) == 5
