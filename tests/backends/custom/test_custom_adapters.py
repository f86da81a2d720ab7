"""Adapters (LoRA) of the custom backend: only they move, merged and unmerged say the same, and wrong ones are named before training."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from trainings import sums, train, training
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from r1bench.backends import check_support
from r1bench.backends.adapters import check_lora
from r1bench.backends.custom import Engine
from r1bench.backends.custom.training import begin
from r1bench.backends.job import Lora
from r1bench.harness.checkpoints import find_checkpoint, is_sealed
from r1bench.harness.errors import BackendError, CheckpointError
from r1bench.harness.training.jobs import prepare

LORA = {"rank": 4, "alpha": 16}
REWARD_MODEL: dict[str, Any] = {"kind": "reward_model"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("adapters") / "out"
    train(training(out, lora=LORA))
    return out


def base_model(kind: Any = AutoModelForCausalLM, **options: Any) -> Any:
    return kind.from_pretrained(find_checkpoint("tiny-base").path, **options)


def test_merged_and_unmerged_give_the_same_greedy_completions(trained: Path) -> None:
    whole = AutoModelForCausalLM.from_pretrained(trained / "final")
    beside = PeftModel.from_pretrained(base_model(), str(trained / "adapter"))
    said: list[list[Any]] = [[], [], []]
    for row in sums(8):
        prompt = torch.tensor([row.tokens[: row.num_prompt]])
        options = {"do_sample": False, "max_new_tokens": 24, "attention_mask": torch.ones_like(prompt)}
        for each, model in zip(said, (whole, beside, base_model()), strict=True):
            each.append(model.generate(input_ids=prompt, **options).tolist())
    assert said[0] == said[1] != said[2]


def test_only_the_adapted_layers_move(trained: Path) -> None:
    base, whole = base_model().state_dict(), AutoModelForCausalLM.from_pretrained(trained / "final").state_dict()
    moved = {name for name in base if not torch.equal(base[name], whole[name])}
    assert moved == {name for name in base if name.endswith("_proj.weight")}
    stepped = load_file(trained / "checkpoints" / "step-000004" / "trainer" / "trained.safetensors")
    assert len(stepped) == 2 * len(moved)
    assert all(".lora_" in name for name in stepped)


def test_the_adapter_is_sealed_and_alone_refused_as_a_checkpoint(trained: Path) -> None:
    assert is_sealed(trained / "adapter")
    with pytest.raises(CheckpointError, match=r"is an adapter and no model .*merge it into its base .*tiny_base"):
        find_checkpoint(str(trained / "adapter"))


def test_a_checkpoint_on_the_way_is_whole(trained: Path) -> None:
    loaded: Any = AutoModelForCausalLM.from_pretrained(trained / "checkpoints" / "step-000002", output_loading_info=True)
    assert not loaded[1]["missing_keys"]
    assert not loaded[1]["unexpected_keys"]


def test_a_reward_model_of_adapters_trains_its_new_layer_too(tmp_path: Path) -> None:
    final = train(training(tmp_path / "out", lora=LORA, algorithm=REWARD_MODEL))
    whole = AutoModelForSequenceClassification.from_pretrained(final).eval()
    base = base_model(AutoModelForSequenceClassification, num_labels=1)
    beside = PeftModel.from_pretrained(base, str(tmp_path / "out" / "adapter")).eval()
    for row in sums(4):
        ids = torch.tensor([row.tokens])
        assert float(whole(ids).logits.detach()) == pytest.approx(float(beside(ids).logits.detach()), rel=1e-4)


def test_the_reference_beside_adapters_is_the_base_until_it_moves(tmp_path: Path) -> None:
    job = training(tmp_path / "out", lora=LORA)
    ids = torch.tensor([sums(1)[0].tokens])
    with begin(job, Engine(), has_reference=True) as going:
        going.model(input_ids=ids).logits.sum().backward()
        going.take_step(0)
        before, now = going.reference(ids).logits, going.model(ids).logits.detach()
        going.move_reference()
        after = going.reference(ids).logits
    torch.use_deterministic_algorithms(False)
    assert torch.equal(before, base_model()(ids).logits.detach())
    assert not torch.allclose(before, now, atol=1e-3)
    assert torch.allclose(after, now, atol=1e-4)


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        (("q_proj", "q_prj"), r"no linear layer 'q_prj'; it has down_proj, gate_proj, k_proj, .*'all-linear'"),
        (("lm_head",), "'lm_head' of tiny-base is its embedding too"),
        (("all-linear", "q_proj"), "must be 'all-linear' alone, or names of layers"),
        ((), "must be 'all-linear' alone, or names of layers"),
    ],
)
def test_targets_that_cannot_be_adapted_are_named(targets: tuple[str, ...], reason: str) -> None:
    with pytest.raises(BackendError, match=reason):
        check_lora(find_checkpoint("tiny-base"), Lora(targets=targets))


def test_a_target_that_is_not_there_is_named_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no linear layer 'q_prj'"):
        prepare("zero", "custom", "tiny", out=tmp_path / "out", settings=("lora.targets=[q_prj]",), device="cpu")
    assert not (tmp_path / "out").exists()


def test_targets_that_are_there_pass() -> None:
    for targets in (("all-linear",), ("q_proj", "v_proj"), ("layers.0.mlp.down_proj",)):
        check_lora(find_checkpoint("tiny-base"), Lora(targets=targets))


def test_without_peft_the_way_to_get_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    assert check_support(training(tmp_path / "whole")).kind == "exact"
    with pytest.raises(BackendError, match=r"pip install 'r1bench\[lora\]'"):
        check_support(training(tmp_path / "adapters", lora=LORA))


def test_another_launcher_than_its_own_process_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="one process; use --launcher local, or --backend trl"):
        check_support(training(tmp_path / "out", engine={"threads": 1, "launcher": "torchrun"}))
