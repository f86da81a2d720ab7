"""The reward that is a trained model, on a tiny one with random weights that is made on the spot."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from r1bench.backends.job import RewardSpec
from r1bench.harness.errors import CheckpointError
from r1bench.harness.records import Completion, Grade, Problem
from r1bench.tasks.rewards import REWARDS, Judged, check_rewards
from r1bench.tasks.rewards.audit import audit

ROOT = Path(__file__).parents[3]


def judged(text: str) -> Judged:
    return Judged(Problem("p", "", ("42",)), Completion(text, "stop", 5), Grade("wrong", 0.0, None, "", "integer", "1"))


def spec(folder: Path) -> RewardSpec:
    return RewardSpec(name="reward_model", parameters={"model": str(folder)})


@pytest.fixture(scope="module")
def reward_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny one with random weights and the embedded model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

    folder = tmp_path_factory.mktemp("reward_model")
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "harness" / "tiny_base")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), num_labels=1, pad_token_id=tokenizer.pad_token_id, max_position_embeddings=64, **sizes)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def values(folder: Path, texts: Sequence[str], **parameters: Any) -> list[float | None]:
    return REWARDS["reward_model"]([judged(text) for text in texts], model=str(folder), device="cpu", **parameters)


def test_a_reward_model_reads_the_summary_or_the_whole_response(reward_model: Path) -> None:
    one, other = "<think>3+4</think><answer>7</answer>", "<think>8-1=7</think><answer>7</answer>"
    summary, whole = values(reward_model, [one, other, "7"]), values(reward_model, [one, other], scope="whole")
    assert summary == [pytest.approx(summary[0], abs=1e-6)] * 3
    assert abs(whole[0] - whole[1]) > 1e-6  # type: ignore[operator]


def test_a_reward_model_values_a_text_alike_in_any_batch(reward_model: Path) -> None:
    texts = ["7", "", "one two three " * 200, "Tom has 7 apples.", "<think>never ends"]
    together = values(reward_model, texts)
    assert together == [pytest.approx(values(reward_model, [text], batch_size=1)[0], abs=1e-6) for text in texts]
    assert all(isinstance(value, float) and math.isfinite(value) for value in together)


def test_a_reward_model_says_what_the_model_itself_says(reward_model: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(reward_model), AutoModelForSequenceClassification.from_pretrained(reward_model)
    text = tokenizer.apply_chat_template([{"role": "user", "content": ""}, {"role": "assistant", "content": "7"}], tokenize=False)
    with torch.no_grad():
        logit = model.eval()(**tokenizer(text, return_tensors="pt", add_special_tokens=False)).logits[0, 0]
    assert values(reward_model, ["7"]) == [pytest.approx(float(logit), abs=1e-6)]


def test_a_reward_model_can_be_audited(reward_model: Path) -> None:
    found = audit(["reward_model"], {"reward_model": {"model": str(reward_model), "device": "cpu"}})
    assert {trial.verdict for trial in found.rewards[0].trials} <= {"falls", "resists"}


def test_a_model_without_a_trained_head_is_refused(reward_model: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(reward_model, tmp_path / "headless"))
    weights = {name: value for name, value in load_file(folder / "model.safetensors").items() if not name.startswith("score")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks the trained weights 'score\.weight'"):
        values(folder, ["7"])


def test_a_base_model_and_pickles_are_refused_unread(reward_model: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no classification head"):
        check_rewards([spec(ROOT / "harness" / "tiny_base")])
    (tmp_path / "config.json").write_bytes((reward_model / "config.json").read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"no \*\.safetensors"):
        check_rewards([spec(tmp_path)])


def test_a_reward_model_scores_the_very_tokens_that_it_is_trained_on(
    reward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from r1bench.backends import BACKENDS
    from r1bench.backends.examples import EXAMPLES, read_examples
    from r1bench.harness.models.values import load_reward_model, values_of
    from r1bench.harness.training.jobs import prepare

    monkeypatch.setitem(BACKENDS, "listener", "fakes_backend:Listener")
    good, bad = "<think>3+4</think><answer>7</answer>", "<think>3+4</think>It is 8."
    rows = [{"prompt": "3+4?", "chosen": good, "rejected": bad}, {"prompt": "2+5?", "chosen": good, "rejected": bad}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = ("batch_size=2", "algorithm.reads=answer")
    prepare("reward-model", "listener", "tiny", data=tmp_path / "pairs.jsonl", settings=settings, out=tmp_path / "out", device="cpu")
    trained = read_examples(tmp_path / "out" / EXAMPLES)[0]
    model = load_reward_model(str(reward_model), "cpu")
    asked = [judged(text)._replace(problem=Problem("p", "3+4?", ("7",))) for text in (good, bad)]
    scored = REWARDS["reward_model"](asked, model=str(reward_model), device="cpu", batch_size=1)
    assert [values_of(model, [tokens], 1)[0] for tokens in (trained.tokens, trained.rejected)] == scored


def test_a_reward_model_is_refused_as_a_model_that_speaks_by_name(reward_model: Path) -> None:
    from r1bench.harness.checkpoints import find_checkpoint
    from r1bench.harness.models.weights import check_weights

    with pytest.raises(
        CheckpointError, match=r"is a reward model \(LlamaForSequenceClassification\), which values answers and writes none"
    ):
        check_weights(find_checkpoint(str(reward_model)))
