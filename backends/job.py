"""TrainJob: everything a backend needs to train one stage, resolved. No default is left to a backend.

A job is one JSON file, validated here when it is made and again when it is read. Left out: how a recipe becomes a job
(`r1bench.harness.training.stages`), and anything only one backend knows.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from r1bench.harness.errors import UsageError

Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    """Frozen, and strict about names: a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LossSpec(Part):
    """Which policy-gradient loss, in full.

    The defaults are GRPO of DeepSeek-R1 (arXiv 2501.12948, Eq. 1-3) with ratios per token and a mean over tokens, as in DeepSeekMath
    (arXiv 2402.03300, Eq. 3): R1 prints ratios of whole sequences and does not say which of the two it ran.
    """

    scale: Literal["group_std", "none"] = "group_std"
    """What the centred rewards of a group are divided by."""
    ddof: Literal[0, 1] = 1
    """Of that standard deviation. The paper does not say; 1 is what TRL and OpenRLHF use."""
    eps: NotNegative = 1e-4
    """Added to it. A group whose rewards are all equal has advantage 0 exactly."""
    aggregation: Literal["seq_mean_token_mean", "token_mean"] = "seq_mean_token_mean"
    """Mean over the tokens of a sequence, then over sequences (DeepSeekMath Eq. 3), or one mean over all tokens (DAPO)."""
    clip_low: NotNegative = 0.2
    clip_high: NotNegative = 0.2
    kl: Literal["k3", "none"] = "k3"
    """Estimator of the divergence from the reference, inside the loss."""
    kl_coefficient: NotNegative = 0.001


class RewardSpec(Part):
    """One reward by its name in `r1bench.tasks.rewards.REWARDS`, its weight in the sum, and its options."""

    name: str
    weight: float = 1.0
    parameters: dict[str, float | int | str | bool] = {}
    """By name; `r1bench.tasks.rewards.check_rewards` knows what is allowed, and stages.py writes the defaults down too."""


class DataSpec(Part):
    """Where the prompts come from."""

    task: str = "arithmetic"
    split: Literal["train"] = "train"
    template: str = "plain"
    prompts_digest: str = ""
    """Of the prompts and golds of a task with data; '' where the task generates them."""


class BatchSpec(Part):
    """Sizes of one step, in prompts and samples."""

    prompts: Positive
    """Prompts per rollout."""
    samples: Annotated[int, Field(ge=2)]
    """Completions per prompt: the group, G."""
    minibatches: Positive = 1
    """Optimiser steps per rollout."""
    micro_tokens: Positive = 8192
    """Padded tokens per forward pass: memory, not mathematics."""
    decode_at_once: Positive = 512
    """Completions drawn side by side: memory again."""


class RolloutSpec(Part):
    """How completions are drawn while training."""

    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Positive = 128


class OptimizerSpec(Part):
    """AdamW with linear warm-up, then a constant or linearly falling rate."""

    learning_rate: Annotated[float, Field(gt=0)] = 3e-6
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """In optimiser steps; a linear decay runs from the first step on and multiplies it."""
    decay: Literal["constant", "linear"] = "constant"
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.95)
    weight_decay: NotNegative = 0.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0


class Support(Part):
    """A backend's answer to a job."""

    kind: Literal["exact", "approximate", "refused"]
    deviations: tuple[str, ...] = ()
    """What will not be as the job says, where it is approximate."""
    reason: str = ""
    """Why it is refused."""


class TrainJob(Part):
    """One stage, one backend, one folder."""

    name: str
    """What tables will call the result."""
    stage: str
    backend: str
    recipe: str
    model: str
    """A local folder; hub ids are fetched before a job is written."""
    model_digest: str
    out: str
    steps: Positive
    """Rollouts; each makes `batch.minibatches` optimiser steps."""
    save_every: Positive = 20
    keep: Positive = 2
    """Intermediate checkpoints that stay."""
    reference_every: Annotated[int, Field(ge=0)] = 25
    """The reference becomes the policy every so many rollouts; 0: never. R1: every 400 updates, which are 25 rollouts of 16."""
    seed: int = 0
    device: str = "cpu"
    threads: Positive = 1
    data: DataSpec
    batch: BatchSpec
    rollout: RolloutSpec
    loss: LossSpec
    rewards: tuple[RewardSpec, ...]
    optimizer: OptimizerSpec
    versions: dict[str, str] = {}

    @model_validator(mode="after")
    def _divides(self) -> "TrainJob":
        if (self.batch.prompts * self.batch.samples) % self.batch.minibatches:
            raise ValueError(
                f"batch.minibatches={self.batch.minibatches} does not divide {self.batch.prompts} prompts x {self.batch.samples} samples"
            )
        names = [reward.name for reward in self.rewards]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"rewards must name at least one, and none twice: {names}")
        return self


def first_reason(error: ValidationError) -> str:
    """The first complaint of pydantic in one line, with the key it is about."""
    detail = error.errors()[0]
    key = ".".join(str(part) for part in detail["loc"])
    given = "" if detail["type"] in ("missing", "value_error") else f" (given: {detail['input']!r})"
    return f"{key + ': ' if key else ''}{detail['msg']}{given}"


def make_job(values: dict[str, object]) -> TrainJob:
    """A validated job.

    Raises:
        UsageError: naming the first key that is wrong.
    """
    try:
        return TrainJob.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"training settings: {first_reason(error)}; correct the recipe or the --set option") from error


def read_job(path: Path) -> TrainJob:
    """The job in a file."""
    try:
        return TrainJob.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        reason = first_reason(error) if isinstance(error, ValidationError) else str(error)
        raise UsageError(f"{path} is no job: {reason}; start training again with r1bench train") from error
