"""The R1 stages: what each makes, by which algorithm. What judges it stands in a recipe.

Left out, until they are built: making the traces of the cold start, reasoning RL,
rejection sampling, SFT-2, RL for all scenarios, distillation.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One step of the R1 recipe."""

    algorithm: str
    """Of the job: grpo, sft or reward_model."""
    summary: str
    source: str


STAGES: dict[str, Stage] = {
    "zero": Stage("grpo", "reinforcement learning straight from a base model, with rewards from rules only", "arXiv 2501.12948, 2.2"),
    "cold-start": Stage("sft", "fine-tuning on given reasoning traces", "arXiv 2501.12948, 3 and B.3.2"),
    "reward-model": Stage("reward_model", "a scalar head trained on given preferences", "arXiv 2501.12948, 3.1"),
}
