"""The numbers of TRL's trainers, configured by our translation, beside those of the custom backend.

Runs in the environment that has TRL, with r1bench importable; prints a JSON object. `losses`: for each case the two losses on the same
log-probabilities, and the largest difference of their gradients beside the largest gradient; the eight completions go through TRL in two
passes, as in a training. `advantages`: of the same rewards, as a step of a real training of TRL has them.
"""

import json
import math
import os
import sys
import tempfile
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from r1bench.backends.custom.advantage import group_advantages
from r1bench.backends.custom.loss import Sizes, policy_loss
from r1bench.backends.job import TrainJob, make_job
from r1bench.backends.trl_backend import Engine
from r1bench.backends.trl_backend.arguments import common
from r1bench.backends.trl_backend.loss import settings, support, trainer_of
from r1bench.backends.trl_backend.rollouts import shift_of, shifted

LENGTHS, BUDGET, MICRO = (6, 3, 2, 5, 4, 6, 1, 3), 6, 4
CASES: dict[str, dict[str, Any]] = {
    **{name: {"preset": name} for name in ("grpo", "dapo", "dr_grpo", "gspo", "cispo", "rloo")},
    "a large divergence": {"kl_coefficient": 0.5},
    "a divergence weighted by the ratio": {"kl_coefficient": 0.5, "kl_weighted": True},
    "GSPO with a weighted divergence": {"preset": "gspo", "kl": "k3", "kl_coefficient": 0.5, "kl_weighted": True},
    "clipped on both sides": {"clip_low": 0.1, "clip_high": 0.4, "dual_clip": 1.5},
    "sums of sequences": {"aggregation": "seq_mean_token_sum", "kl_coefficient": 0.1},
    "plain A log p": {"surrogate": "reinforce", "kl_coefficient": 0.1},
}
ON_POLICY = ("rloo", "plain A log p")
"""Whose losses have no ratio: compared where every ratio is 1, and by their gradients."""
NAN = math.nan
REWARDS = [
    [1.0, 0.0, 0.0, 2.5],
    [0.1, 0.1, 0.1, 0.1],
    [NAN, 1.0, 0.0, 1.0],
    [NAN, NAN, 0.7, NAN],
    [NAN, NAN, NAN, NAN],
    [9.1, 9.1, 9.7, 9.1],
]
"""Of groups of four: ordinary, equal and no fraction of two, one unknown, one known, none known, far from 0."""
ADVANTAGES: dict[str, dict[str, Any]] = {
    **{"group": {}, "none": {"scale": "none"}, "batch": {"scale": "batch_std"}},
    "leave one out": {"preset": "rloo", "kl": "none"},
}


def job(fields: dict[str, Any], out: str, batch_size: int = 2) -> TrainJob:
    algorithm = {"kind": "grpo", "samples": 4, "reference_every": 0, "rollout": {"max_tokens": BUDGET}, "rewards": [{"name": "accuracy"}]}
    values = {"name": "x", "stage": "zero", "backend": "trl", "recipe": "tiny", "model": "m", "model_digest": "", "out": out}
    values |= {"steps": 1, "batch_size": batch_size, "data": {"task": "arithmetic"}, "optimizer": {}, "engine": {"micro_batch": MICRO}}
    return make_job({**values, "algorithm": {**algorithm, "loss": fields}})


def batch(is_on_policy: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    mask = torch.tensor([[1.0] * length + [0.0] * (BUDGET - length) for length in LENGTHS])
    logprobs = torch.randn(8, BUDGET) * 0.3 - 1
    old = logprobs.clone() if is_on_policy else logprobs + torch.randn(8, BUDGET) * 0.3
    return {"logprobs": logprobs, "old": old, "reference": old + torch.randn(8, BUDGET) * 0.2, "mask": mask, "advantages": torch.randn(8)}


def trainer_for(asked: TrainJob, folder: str, rewards: Any) -> Any:
    engine = Engine(micro_batch=MICRO)
    kind, config = (RLOOTrainer, RLOOConfig) if trainer_of(asked) == "rloo" else (GRPOTrainer, GRPOConfig)
    rows, tokenizer = Dataset.from_list([{"prompt": "1"}] * asked.batch_size), AutoTokenizer.from_pretrained(folder)
    given = config(**{**common(asked, engine), **settings(asked, engine)})
    return kind(folder, rewards, args=given, train_dataset=rows, processing_class=tokenizer)


def by_trl(asked: TrainJob, given: dict[str, torch.Tensor], folder: str) -> tuple[float, torch.Tensor]:
    trainer = trainer_for(asked, folder, lambda completions, **_: [0.0] * len(completions))
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
    logprobs = given["logprobs"].clone().requires_grad_()
    losses = []
    for start in range(0, len(LENGTHS), MICRO):
        part = {name: value[start : start + MICRO] for name, value in given.items()} | {"logprobs": logprobs[start : start + MICRO]}
        trainer._get_per_token_logps_and_entropies = lambda *_, now=part["logprobs"], **__: (now, torch.zeros_like(now), None)
        ids = torch.ones(MICRO, BUDGET, dtype=torch.long)
        inputs = {"prompt_ids": ids[:, :2], "prompt_mask": ids[:, :2], "completion_ids": ids, "completion_mask": part["mask"].long()}
        inputs |= {"advantages": part["advantages"], "num_items_in_batch": given["mask"].sum(), "old_per_token_logps": part["old"]}
        inputs |= {"ref_per_token_logps": part["reference"], "old_logps": (part["old"] * part["mask"]).sum(dim=1)}
        losses.append(trainer._compute_loss(trainer.model, inputs))
    whole = torch.stack(losses).sum() / (len(losses) if trainer_of(asked) == "rloo" else 1)  # RLOO leaves that to transformers
    whole.backward()
    assert logprobs.grad is not None
    return float(whole.detach()), logprobs.grad


def by_ours(asked: TrainJob, given: dict[str, torch.Tensor]) -> tuple[float, torch.Tensor]:
    spec, logprobs = asked.grpo.loss, given["logprobs"].clone().requires_grad_()
    reference = given["reference"] if spec.has_reference else None
    sizes = Sizes(len(LENGTHS), sum(LENGTHS), BUDGET)
    rest = (None, reference, given["mask"], given["advantages"])
    loss = policy_loss(logprobs, given["old"], *rest, spec=spec, sizes=sizes).loss
    loss.backward()
    assert logprobs.grad is not None
    return float(loss.detach()), logprobs.grad


def advantages(fields: dict[str, Any], folder: str) -> dict[str, list[float]]:
    """What TRL learns from when the rewards are REWARDS, and what we would."""
    asked = job(fields, folder, len(REWARDS))
    totals = [reward for group in REWARDS for reward in group]
    trainer = trainer_for(asked, folder, lambda completions, **_: shifted(totals, shift_of(asked)))
    trainer.train()
    ours = group_advantages(torch.tensor(totals, dtype=torch.float64), 4, asked.grpo.loss)
    return {"trl": list(trainer._logs["advantages"]), "ours": ours.tolist()}


def compared(name: str, folder: str) -> dict[str, Any]:
    """Loss and gradient of a case."""
    asked, given = job(CASES[name], folder), batch(name in ON_POLICY)
    (theirs, their_gradient), (ours, our_gradient) = by_trl(asked, given, folder), by_ours(asked, given)
    difference, largest = float((their_gradient - our_gradient).abs().max()), float(our_gradient.abs().max())
    said = {"support": support(asked).kind, "by_gradient": name in ON_POLICY}
    return {**said, "trl": theirs, "ours": ours, "difference": difference, "gradient": largest}


def main() -> None:
    answer_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to standard error
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1}
        Qwen2ForCausalLM(Qwen2Config(vocab_size=512, **sizes)).save_pretrained(folder)
        AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(folder)
        answer = {"losses": {name: compared(name, folder) for name in CASES}}
        answer["advantages"] = {name: advantages(fields, folder) for name, fields in ADVANTAGES.items()}
    print(json.dumps(answer), file=answer_to, flush=True)


if __name__ == "__main__":
    main()
