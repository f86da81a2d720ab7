"""TrainJob: everything a backend needs to train one stage, resolved. No default is left to a backend.

A job is what every training has and exactly one algorithm: `Grpo`, `Sft` or `RewardModel`. It is one JSON file, validated here when it is
made and again when it is read. What moves no result (memory, threads) stands in `engine`, which only the backend itself understands.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from r1bench.backends.losses import LossSpec, settled
from r1bench.backends.settings import Count, NotNegative, Part, Positive, Settings, checked, first_reason
from r1bench.harness.errors import UsageError
from r1bench.harness.store.disk import read_json


class RewardSpec(Part):
    """One reward by its name in `r1bench.tasks.rewards.REWARDS`, its weight in the sum, and its options."""

    name: str
    weight: Annotated[float, Field(ge=-1e20, le=1e20)] = 1.0
    parameters: dict[str, float | int | str | bool] = Field(default_factory=dict)
    """By name; `r1bench.tasks.rewards.check_rewards` knows what is allowed; the defaults are written down too."""


class DataSpec(Part):
    """Where the prompts, examples or pairs come from."""

    task: str = ""
    """Of GRPO: whose problems are the prompts, and whose grader rewards."""
    split: Literal["train"] = "train"
    template: str = "plain"
    """How a question becomes a prompt: a name in `r1bench.tasks.templates.TEMPLATES`. Rows with whole prompts or messages need none."""
    prompts_digest: str = ""
    """Of the prompts and golds of a task with data, or of the tokens of the examples; '' where the task generates them."""
    num_examples: Count = 0
    """Examples or pairs to train on; 0 in GRPO."""
    held_out: Count = 0
    """Examples or pairs that are kept aside, and on which base and result are measured."""


class ChatSpec(Part):
    """What turns messages into text, the same in training and evaluation (docs/training.md, Chat)."""

    template: str = ""
    """The Jinja text of a chat template that the result gets; '' for the base's own, or for none where it has none."""
    end: str = ""
    """The token that is put behind every answer that is trained, as text."""


class Lora(Part):
    """Adapters of low rank beside frozen weights (arXiv 2106.09685), merged into them in every checkpoint."""

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 32.0
    """What they say is multiplied by alpha / rank."""
    targets: tuple[str, ...] = ("all-linear",)
    """Names of modules, as `q_proj`; 'all-linear': every linear layer but the output."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @field_validator("targets", mode="before")
    @classmethod
    def _one_name_will_do(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


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
    dynamic_sampling: Annotated[int, Field(ge=0, le=1000)] = 0
    """Batches of prompts that a step may draw until `batch_size` groups have rewards that differ (DAPO, arXiv 2503.14476, Eq. 11); 0: one
    batch, and groups without a signal stay in it with advantage 0."""
    reference_every: Count = 25
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
    """Supervised fine-tuning: the mean negative log-likelihood over the trained tokens of a step (arXiv 2501.12948, B.4.2)."""

    kind: Literal["sft"] = "sft"
    loss_on: Literal["completion", "all"] = "completion"
    """Which tokens are trained: those of the answer and the token that ends it, or those of the prompt too."""
    packing: bool = False
    """Whether examples share rows of `max_length` tokens, each seeing itself alone. A step still takes `batch_size` examples."""
    max_length: Positive = 32_768
    """Tokens of prompt and completion together; a longer example is left out, never cut."""


class RewardModel(Part):
    """A scalar head trained on preferences (arXiv 2501.12948, 3.1)."""

    kind: Literal["reward_model"] = "reward_model"
    loss: Literal["pairwise", "pointwise"] = "pairwise"
    """-log sigmoid(chosen - rejected) (helpfulness), or cross-entropy of sigmoid(score) and each response's label (safety)."""
    centring: NotNegative = 0.0
    """Of the pairwise loss: this times the mean of (chosen + rejected)^2 is added: scores stay near 0 (arXiv 2312.09244); 0.01 is usual."""
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
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the weights in the forward pass and in the result; the optimiser keeps float32 copies of bfloat16 ones."""
    data: DataSpec
    chat: ChatSpec = ChatSpec()
    optimizer: OptimizerSpec
    lora: Lora | None = None
    algorithm: Annotated[Grpo | Sft | RewardModel, Field(discriminator="kind")]
    engine: dict[str, int | float | str | bool] = Field(default_factory=dict)
    """Memory and speed in the backend's own words, handed on verbatim; `threads` is given with every job."""
    versions: dict[str, str] = Field(default_factory=dict)
    deviations: tuple[str, ...] = ()
    """What the backend does not do as the job says (`Support.deviations`)."""

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
    def num_updates(self) -> int:
        """Optimiser steps of the whole training."""
        return self.num_steps() * (self.algorithm.minibatches if isinstance(self.algorithm, Grpo) else 1)

    @property
    def grpo(self) -> Grpo:
        """The algorithm of a job that is known to be GRPO's."""
        assert isinstance(self.algorithm, Grpo), "supports() refuses other algorithms"
        return self.algorithm

    def num_steps(self, num_examples: int = 0) -> int:
        """Steps of the whole training; epochs are counted over so many examples [default: data.num_examples]."""
        return self.steps or math.ceil((self.epochs or 0) * (num_examples or self.data.num_examples) / self.batch_size)


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
    """A stored job in the layout of today, without settings of its loss that change nothing; one that is so already stays as it is."""
    if "batch" not in values:
        spec = values.get("algorithm")
        if not isinstance(spec, dict) or not isinstance(loss := spec.get("loss"), dict) or settled(loss) == loss:
            return values
        return values | {"algorithm": {**spec, "loss": settled(loss)}}
    found = {key: value for key, value in values.items() if key != "batch"} | {"algorithm": {"kind": "grpo"}, "engine": {}}
    for old, new in MOVED.items():
        (group, _, key), (home, _, name) = old.rpartition("."), new.rpartition(".")
        value = values["batch"].get(key) if group else found.pop(key, None)
        if value is not None:
            (found[home] if home else found)[name] = value
    return modern(found)


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
