"""TrainJob: everything a backend needs to train one stage, resolved. No default is left to a backend.

A job is what every training has and exactly one algorithm: `Grpo`, `Sft` or `RewardModel`. It is one JSON file, validated here when it is
made and again when it is read. What moves no result (memory, threads) stands in `engine`, which only the backend itself understands.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from r1bench.harness.errors import UsageError, quoted
from r1bench.harness.store.disk import read_json

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
    """By name; `r1bench.tasks.rewards.check_rewards` knows what is allowed; the defaults are written down too."""


class DataSpec(Part):
    """Where the prompts come from."""

    task: str = "arithmetic"
    split: Literal["train"] = "train"
    template: str = "plain"
    prompts_digest: str = ""
    """Of the prompts and golds of a task with data; '' where the task generates them."""


class RolloutSpec(Part):
    """How completions are drawn while training."""

    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Positive = 128


class OptimizerSpec(Part):
    """AdamW with linear warm-up, then a constant or falling rate."""

    learning_rate: Annotated[float, Field(gt=0)] = 3e-6
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """In optimiser steps; a decay runs from the first step on and multiplies it."""
    decay: Literal["constant", "linear", "cosine"] = "constant"
    decay_to: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of the rate that a decay ends at; R1's supervised stages: cosine to 0.1 (arXiv 2501.12948, B.4.2)."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.95)
    weight_decay: NotNegative = 0.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0


class Grpo(Part):
    """Reinforcement learning with rewards compared within groups (DeepSeekMath, arXiv 2402.03300)."""

    kind: Literal["grpo"] = "grpo"
    samples: Annotated[int, Field(ge=2)]
    """Completions per prompt: the group, G."""
    minibatches: Positive = 1
    """Optimiser steps per rollout."""
    reference_every: Annotated[int, Field(ge=0)] = 25
    """The reference becomes the policy every so many rollouts; 0: never. R1: every 400 updates, which are 25 rollouts of 16."""
    rollout: RolloutSpec
    loss: LossSpec
    rewards: tuple[RewardSpec, ...]

    @model_validator(mode="after")
    def _rewards_are_told_apart(self) -> "Grpo":
        names = [reward.name for reward in self.rewards]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"rewards must name at least one, and none twice: {names}")
        return self


class Sft(Part):
    """Supervised fine-tuning: the mean negative log-likelihood of the completions' tokens (arXiv 2501.12948, B.4.2)."""

    kind: Literal["sft"] = "sft"
    max_length: Positive = 32_768
    """Tokens of prompt and completion together; a longer example is left out, never cut."""


class RewardModel(Part):
    """A scalar head trained on preferences (arXiv 2501.12948, 3.1)."""

    kind: Literal["reward_model"] = "reward_model"
    loss: Literal["pairwise", "pointwise"] = "pairwise"
    """Chosen against rejected (helpfulness), or each response by its label (safety)."""
    reads: Literal["answer", "response"] = "answer"
    """The part after the reasoning (helpfulness), or all of it (safety)."""
    max_length: Positive = 8_192
    """Tokens of prompt and response together; a longer example is left out, never cut."""


class Support(Part):
    """A backend's answer to a job."""

    kind: Literal["exact", "approximate", "refused"]
    deviations: tuple[str, ...] = ()
    """What will not be as the job says, where it is approximate."""
    reason: str = ""
    """Why it is refused."""


class TrainJob(Part):
    """One stage, one backend, one folder, one algorithm."""

    name: str
    """What tables will call the result."""
    stage: str
    backend: str
    recipe: str
    model: str
    """A local folder; hub ids are fetched before a job is written."""
    model_digest: str
    out: str
    steps: Positive | None = None
    """Rollouts of GRPO (each makes `algorithm.minibatches` optimiser steps); optimiser steps of the others. This or `epochs`."""
    epochs: Annotated[float, Field(gt=0)] | None = None
    """Times through the data."""
    batch_size: Positive
    """Of a step: prompts of a rollout, examples, or pairs."""
    save_every: Positive = 20
    keep: Positive = 2
    """Intermediate checkpoints that stay."""
    seed: int = 0
    device: str = "cpu"
    data: DataSpec
    optimizer: OptimizerSpec
    algorithm: Annotated[Grpo | Sft | RewardModel, Field(discriminator="kind")]
    engine: dict[str, int | float | str | bool] = {}
    """Memory and speed in the backend's own words, handed on verbatim; `threads` is given with every job."""
    versions: dict[str, str] = {}

    @model_validator(mode="after")
    def _adds_up(self) -> "TrainJob":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs")
        if isinstance(self.algorithm, Grpo):
            if self.steps is None:
                raise ValueError("grpo counts steps, not epochs: give steps")
            if (self.batch_size * self.algorithm.samples) % self.algorithm.minibatches:
                sizes = f"{self.batch_size} prompts x {self.algorithm.samples} samples"
                raise ValueError(f"algorithm.minibatches={self.algorithm.minibatches} does not divide {sizes}")
        return self

    @property
    def grpo(self) -> Grpo:
        """The algorithm of a job that is known to be GRPO's."""
        assert isinstance(self.algorithm, Grpo), "supports() refuses other algorithms"
        return self.algorithm

    def num_steps(self, num_examples: int = 0) -> int:
        """Steps of the whole training; epochs are counted over so many examples."""
        return self.steps or math.ceil((self.epochs or 0) * num_examples / self.batch_size)


MOVED = {
    "batch.prompts": "batch_size",
    "batch.samples": "algorithm.samples",
    "batch.minibatches": "algorithm.minibatches",
    "batch.micro_tokens": "engine.micro_tokens",
    "batch.decode_at_once": "engine.decode_at_once",
    "threads": "engine.threads",
    **{name: f"algorithm.{name}" for name in ("rollout", "loss", "rewards", "reference_every")},
}
"""Keys of the first jobs, which knew GRPO alone, and where they stand now."""


def modern(values: dict[str, Any]) -> dict[str, Any]:
    """A stored job in the layout of today; one that has it already stays as it is."""
    if "batch" not in values:
        return values
    found = {key: value for key, value in values.items() if key != "batch"} | {"algorithm": {"kind": "grpo"}, "engine": {}}
    for old, new in MOVED.items():
        (group, _, key), (home, _, name) = old.rpartition("."), new.rpartition(".")
        value = values["batch"].get(key) if group else found.pop(key, None)
        if value is not None:
            (found[home] if home else found)[name] = value
    return found


def first_reason(error: ValidationError) -> str:
    """The first complaint of pydantic in one line, with the key it is about."""
    detail = error.errors()[0]
    key = ".".join(str(part) for part in detail["loc"] if part not in ("grpo", "sft", "reward_model"))
    given = "" if detail["type"] in ("missing", "value_error") else f" (given: {quoted(detail['input'])})"
    return f"{f'{key:.200}: ' if key else ''}{detail['msg']:.500}{given}"


Settings = TypeVar("Settings", bound=Part)


def checked(kind: type[Settings], values: dict[str, Any], what: str) -> Settings:
    """The values as a record. Raises UsageError that names the first key that is wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{what}: {first_reason(error)}; correct the recipe or the --set option") from error


def make_job(values: dict[str, Any]) -> TrainJob:
    """A validated job. Raises UsageError: naming the first key that is wrong, and for a key of the first jobs where it stands now."""
    for old, new in MOVED.items():
        group, _, key = old.rpartition(".")
        home = values.get(group) if group else values
        if isinstance(home, dict) and key in home:
            inner = f".{next(iter(home[key]))}" if isinstance(home[key], dict) and home[key] else ""
            raise UsageError(f"training settings: {old}{inner} is called {new}{inner}; correct the recipe or the --set option")
    return checked(TrainJob, values, "training settings")


def read_job(path: Path) -> TrainJob:
    """The job in a file, which may be one of the first. Raises UsageError: the file is broken."""
    try:
        return TrainJob.model_validate(modern(read_json(path)))
    except (OSError, ValueError, TypeError, AttributeError) as error:  # pydantic's error is a ValueError
        reason = first_reason(error) if isinstance(error, ValidationError) else f"{type(error).__name__}"
        raise UsageError(
            f"{path} is broken ({reason}); choose another --out (what it said also stands in checkpoints/*/r1bench.json)"
        ) from error


def engine_of(job: TrainJob, kind: type[Settings]) -> Settings:
    """The engine's settings as a backend's own record. Raises UsageError that names the first key that is unknown or wrong."""
    return checked(kind, job.engine, f"engine settings of {job.backend}")
