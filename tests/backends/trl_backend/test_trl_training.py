"""Fine-tuning and reward models with the real TRL of .venv-engines: one loss on any number of processes; killed, they go on bit by bit.

Left out: GPUs, FSDP and DeepSpeed, of which only the configurations are read here.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from processes import kill_once_there, processes_of
from safetensors.torch import load_file
from trl_trainings import TWO, back_to, command, engines_python, job_of, losses, refusal, sums, train, weights

from r1bench.backends.journal import read_steps
from r1bench.backends.trl_backend import Engine, Trl, launch
from r1bench.harness.checkpoints import find_checkpoint, is_sealed, read_seal
from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.weights import load_model

pytestmark = pytest.mark.slow

ADAPTED = {"lora": {"rank": 4, "dropout": 0.1}, "optimizer": {"learning_rate": 1e-2}}
KINDS = {
    "sft": ("sft", {}),
    "packed": ("sft", {"algorithm": {"packing": True}}),
    "adapted": ("sft", ADAPTED),
    "half": ("sft", {"dtype": "bfloat16"}),
    "reward_model": ("reward_model", {"algorithm": {"centring": 0.01}}),
    "adapted_reward_model": ("reward_model", ADAPTED),
}


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One undisturbed training of each kind."""
    folder = tmp_path_factory.mktemp("wholes")
    return {name: train(job_of(folder / name, kind, **changes)) for name, (kind, changes) in KINDS.items()}


def test_its_python_is_found_fit() -> None:
    assert Trl().probe(engines_python()) == ""


def test_losses_fall_and_the_result_is_sealed(wholes: dict[str, Path]) -> None:
    for name, whole in wholes.items():
        assert losses(whole)[-1] < losses(whole)[0], name
        assert is_sealed(whole / "final"), name
        assert read_seal(whole / "final")["parent"] == find_checkpoint("tiny-base").digest


def test_the_first_loss_is_the_mean_over_the_trained_tokens_of_the_step(wholes: dict[str, Path]) -> None:
    from r1bench.backends.examples import places_of

    job, examples = job_of(wholes["sft"]), sums("sft")
    model, losses_of_tokens = load_model(find_checkpoint("tiny-base"), "cpu", "float32"), []
    for example in (examples[place] for place in places_of(job, 0)):
        with torch.no_grad():
            logprobs = model(torch.tensor([example.tokens])).logits[0].log_softmax(-1)
        losses_of_tokens += [-float(logprobs[at - 1, example.tokens[at]]) for at in range(example.num_prompt, len(example.tokens))]
    figures = read_steps(wholes["sft"]).figures[1]
    assert figures["loss"] == pytest.approx(sum(losses_of_tokens) / len(losses_of_tokens), rel=1e-5)
    assert figures["tokens"] == len(losses_of_tokens)


def test_packing_changes_the_last_bits_only(wholes: dict[str, Path]) -> None:
    assert losses(wholes["packed"]) == pytest.approx(losses(wholes["sft"]), rel=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_a_training_that_was_killed_goes_on_bit_by_bit(name: str, wholes: dict[str, Path], tmp_path: Path) -> None:
    resumed = train(back_to(wholes[name], tmp_path / name, 2))
    assert weights(resumed / "final") == weights(wholes[name] / "final")
    assert losses(resumed) == losses(wholes[name])


def test_a_damaged_checkpoint_is_passed_over(wholes: dict[str, Path], tmp_path: Path) -> None:
    job = back_to(wholes["sft"], tmp_path / "damaged", 2)
    broken = Path(job.out) / "checkpoints" / "step-000004"
    (broken / "trainer").mkdir(parents=True)
    (broken / "trainer" / "optimizer.pt").write_bytes(b"half of it")
    assert weights(train(job) / "final") == weights(wholes["sft"] / "final")


@pytest.mark.parametrize(("kind", "batch"), [("sft", 8), ("reward_model", 4)])
def test_two_processes_learn_what_one_does_with_a_short_last_step(kind: str, batch: int, tmp_path: Path) -> None:
    shape = {"steps": None, "epochs": 1, "batch_size": batch}
    one = train(job_of(tmp_path / "one", kind, **shape))
    two = train(job_of(tmp_path / "two", kind, engine=TWO, **shape))
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    mine, theirs = (load_file(folder / "final" / "model.safetensors") for folder in (one, two))
    assert max(float((mine[name] - theirs[name]).abs().max()) for name in mine) < 1e-4


def test_two_processes_that_are_killed_with_their_parent_leave_none_and_go_on(tmp_path: Path) -> None:
    job = job_of(tmp_path / "killed", engine=TWO, steps=8)
    kill_once_there(command(job), os.environ, tmp_path / "killed" / "checkpoints" / "step-000002" / "COMPLETE", tmp_path / "killed")
    assert processes_of(tmp_path / "killed") == []
    whole = train(job_of(tmp_path / "whole", engine=TWO, steps=8))
    assert weights(train(job) / "final") == weights(whole / "final")


def test_an_adapter_stands_alone_beside_the_merged_result(wholes: dict[str, Path]) -> None:
    whole = wholes["adapted"]
    assert is_sealed(whole / "adapter")
    with pytest.raises(CheckpointError, match="adapter"):
        find_checkpoint(str(whole / "adapter"))
    mine, base = load_file(whole / "final" / "model.safetensors"), load_file(Path(find_checkpoint("tiny-base").path) / "model.safetensors")
    assert set(mine) == set(base)
    assert {name for name in mine if not torch.equal(mine[name], base[name])} == {name for name in mine if "proj" in name}


def test_a_result_has_the_precision_of_the_job(wholes: dict[str, Path]) -> None:
    assert {value.dtype for value in load_file(wholes["half"] / "final" / "model.safetensors").values()} == {torch.bfloat16}
    assert json.loads((wholes["half"] / "final" / "config.json").read_text())["dtype"] == "bfloat16"


def test_a_reward_model_loads_elsewhere_with_one_value(wholes: dict[str, Path]) -> None:
    from transformers import AutoModelForSequenceClassification

    for name in ("reward_model", "adapted_reward_model"):
        model = AutoModelForSequenceClassification.from_pretrained(wholes[name] / "final")
        pairs = sums("reward_model")
        with torch.no_grad():
            values = [[model(torch.tensor([text])).logits.item() for text in (pair.tokens, pair.rejected)] for pair in pairs]
        assert all(chosen > rejected for chosen, rejected in values), name


def test_the_tokenizer_of_the_base_is_kept_byte_for_byte(wholes: dict[str, Path]) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        kept = (wholes["sft"] / "checkpoints" / "step-000002" / name).read_bytes()
        assert kept == (Path(find_checkpoint("tiny-base").path) / name).read_bytes()


def test_accelerate_starts_it_too(wholes: dict[str, Path], tmp_path: Path) -> None:
    assert weights(train(job_of(tmp_path / "x", engine={"launcher": "accelerate"})) / "final") == weights(wholes["sft"] / "final")


@pytest.mark.parametrize("engine", [{}, TWO])
def test_a_gradient_that_is_not_finite_ends_it_in_one_line(engine: dict[str, object], tmp_path: Path) -> None:
    said = refusal(job_of(tmp_path / "x", optimizer={"learning_rate": 1e30}, engine=engine))
    assert said == ["Error: the gradient is not finite; lower optimizer.learning_rate"]


def test_adapters_for_a_layer_that_is_not_there_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    said = refusal(job_of(tmp_path / "x", lora={"rank": 4, "targets": ["nowhere"]}))
    assert len(said) == 1
    assert "'nowhere'" in said[0]


READ = """
import json, sys
from pathlib import Path
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DeepSpeedPlugin
from trl import RewardConfig, SFTConfig
folder = Path(sys.argv[1])
for path in folder.glob("*.yaml"):
    print(path.stem, load_config_from_file(str(path)).distributed_type)
for path in folder.glob("*.json"):
    settings = json.loads(path.read_text())
    made = {"sft": SFTConfig, "reward_model": RewardConfig}[path.stem](**settings)
    differing = [name for name in settings if getattr(made, name) != settings[name]]
    print(path.stem, "changed:", [name for name in differing if name not in ("report_to", "output_dir")])
"""


def test_accelerate_and_trl_read_what_is_written_for_them(tmp_path: Path) -> None:
    for kind in ("sft", "reward_model"):
        (tmp_path / f"{kind}.json").write_text(json.dumps(launch.settings(job_of(tmp_path, kind), Engine())))
    for distributed in ("ddp", "fsdp", "deepspeed"):
        job = job_of(tmp_path, device="cuda", engine={"launcher": "accelerate", "processes": 2, "distributed": distributed})
        (tmp_path / f"{distributed}.yaml").write_text(Trl().plan(job, tmp_path / "job.json").files["trl/accelerate.yaml"])
    done = subprocess.run([engines_python(), "-c", READ, str(tmp_path)], capture_output=True, text=True, check=False)
    read = {f"{name} DistributedType.{kind}" for name, kind in (("ddp", "MULTI_GPU"), ("fsdp", "FSDP"), ("deepspeed", "DEEPSPEED"))}
    assert {*done.stdout.splitlines()} == {*read, "sft changed: []", "reward_model changed: []"}, done.stderr[-2000:]
