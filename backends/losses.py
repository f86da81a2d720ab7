"""Which policy-gradient loss, in full, and the published ones by name.

    LossSpec(preset="dapo")                      # every field as the paper has it
    LossSpec(preset="dapo", clip_high=0.3)       # and one of them changed

A backend translates a LossSpec exactly, approximately with the deviation named, or refuses; none adds a default of its own.
Notation: G completions of one prompt with rewards r and advantages A, ratio = policy / policy that drew, B sequences, L the budget of a
completion in tokens. What belongs to a method and is no part of the loss stands elsewhere in the job: `algorithm.dynamic_sampling`
(DAPO), the reward `soft_overlong` (DAPO).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from r1bench.backends.settings import NotNegative, Part
from r1bench.harness.errors import quoted


class LossSpec(Part):
    """Advantages, ratios, their clip, how tokens are averaged, and the divergence from the reference.

    The defaults are GRPO of DeepSeek-R1 (arXiv 2501.12948, Eq. 1-3) with ratios per token and a mean over tokens, as in DeepSeekMath
    (arXiv 2402.03300, Eq. 3): R1 prints ratios of whole sequences and does not say which of the two it ran.
    """

    preset: str = "grpo"
    """The name in PRESETS that the fields which are not given come from."""
    centre: Literal["group", "leave_one_out"] = "group"
    """A reward is compared with the mean of its group, or with that of the others in it (G/(G-1) times the former)."""
    scale: Literal["group_std", "batch_std", "none"] = "group_std"
    """What the centred rewards are divided by: the standard deviation of the group's rewards, that of all rewards of the rollout, 1."""
    whiten: bool = False
    """Then the advantages get mean 0 and standard deviation 1 over all tokens of the rollout (REINFORCE++)."""
    ddof: Literal[0, 1] = 1
    """Of every such standard deviation. The papers do not say; 1 is what TRL and OpenRLHF use."""
    eps: NotNegative = 1e-4
    """Added to it. A group whose rewards are all equal has advantage 0 exactly."""
    surrogate: Literal["clip", "cispo", "reinforce"] = "clip"
    """min(ratio A, clip(ratio) A); or A log p weighted by the clipped ratio, which no gradient passes (CISPO); or A log p."""
    ratio: Literal["token", "sequence"] = "token"
    """Of each token, or the geometric mean over the tokens of a sequence (GSPO)."""
    clip_low: NotNegative = 0.2
    """The ratio is clipped at 1 - clip_low (1: not at all) ..."""
    clip_high: NotNegative = 0.2
    """... and at 1 + clip_high."""
    dual_clip: Annotated[float, Field(gt=1)] | None = None
    """Where the advantage is negative, the ratio counts at most this much (arXiv 1912.09729), whatever clip_high is; None: without
    a bound."""
    aggregation: Literal["seq_mean_token_mean", "token_mean", "const_length", "seq_mean_token_sum"] = "seq_mean_token_mean"
    """Mean over the tokens of a sequence, then over sequences (DeepSeekMath Eq. 3); one mean over all tokens of the minibatch (DAPO);
    the sum over all tokens divided by B L (Dr. GRPO); the sum over the tokens of a sequence, then the mean over sequences (RLOO)."""
    kl: Literal["k1", "k2", "k3", "none"] = "k3"
    """Estimator of the divergence from the reference per token (Schulman 2020); with d = log(policy / reference): d, d^2/2, e^-d-1+d."""
    kl_place: Literal["loss", "reward"] = "loss"
    """Added to the loss of each token and averaged with it, or its sum over the completion taken off the reward before advantages."""
    kl_coefficient: NotNegative = 0.001
    """0 where `kl` is none."""
    kl_weighted: bool = False
    """Whether the estimate in the loss is multiplied by the ratio, which makes its gradient unbiased (DeepSeek-V3.2)."""
    truncated: Literal["keep", "mask"] = "keep"
    """Whether completions that were cut at the limit are learned from; masked ones count in no mean of the loss either. Their rewards stay
    in the baseline of their group."""
    mismatch: Literal["off", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"] = "off"
    """What is done about sampling and training log-probabilities that differ: nothing, or a weight training/sampling per token or
    sequence (product), cut at mismatch_max, or 0 beyond it."""
    mismatch_max: Annotated[float, Field(ge=1)] = 3.0

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        name = values.get("preset", "grpo")
        if not isinstance(name, str) or name not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, and is {quoted(name)}")
        filled = {**PRESETS[name].fields, **values}
        if "kl_coefficient" not in values and filled.get("kl") == "none":
            filled["kl_coefficient"] = 0.0
        elif "kl_coefficient" not in values and values.get("kl") in ("k1", "k2", "k3") and filled.get("kl_coefficient") == 0:
            raise ValueError(f"kl={values['kl']} does nothing: preset {name} has no divergence; give loss.kl_coefficient too")
        return filled

    @model_validator(mode="after")
    def _says_nothing_in_vain(self) -> "LossSpec":
        if vain := next(iter(in_vain(self.model_dump())), None):
            raise ValueError(vain.reason)
        return self

    @property
    def has_reference(self) -> bool:
        """Whether the loss needs log-probabilities of a reference."""
        return self.kl != "none" and self.kl_coefficient > 0

    def changes(self) -> dict[str, Any]:
        """The fields that are not as their preset has them."""
        preset = LossSpec(preset=self.preset)
        return {name: value for name, value in self.model_dump().items() if value != getattr(preset, name)}


class Vain(NamedTuple):
    """A setting that changes nothing beside the others."""

    field: str
    settled: Any
    """The value that says what happens."""
    reason: str


def in_vain(fields: Mapping[str, Any]) -> list[Vain]:
    """Settings of a whole loss that change nothing."""
    found = []
    coefficient, is_plain = fields["kl_coefficient"], fields["surrogate"] == "reinforce"
    if fields["kl"] == "none" and coefficient:
        cure = "set loss.kl_coefficient=0, or choose an estimator with loss.kl"
        found.append(Vain("kl_coefficient", 0.0, f"kl_coefficient={coefficient} does nothing with kl=none; {cure}"))
    if fields["kl_weighted"] and (fields["kl"] == "none" or fields["kl_place"] == "reward"):
        why = "kl=none" if fields["kl"] == "none" else "kl_place=reward: it weights the divergence in the loss"
        found.append(Vain("kl_weighted", False, f"kl_weighted does nothing with {why}; set loss.kl_weighted=false"))
    if fields["clip_low"] > 1:
        why = f"clip_low={fields['clip_low']} is more than 1, where no ratio is clipped from below"
        found.append(Vain("clip_low", 1.0, f"{why}; set loss.clip_low=1"))
    if is_plain and fields["dual_clip"] is not None:
        found.append(
            Vain("dual_clip", None, "dual_clip does nothing with surrogate=reinforce, which has no ratios; set loss.dual_clip=null")
        )
    if is_plain and fields["ratio"] != "token" and not fields["kl_weighted"]:
        found.append(
            Vain("ratio", "token", "ratio=sequence does nothing with surrogate=reinforce, which has no ratios; set loss.ratio=token")
        )
    return found


def settled(stored: Any) -> Any:
    """The loss of a stored job without what changed nothing in it, so that one of an older r1bench is read; others as they are."""
    try:
        whole = {name: field.default for name, field in LossSpec.model_fields.items()} | stored
        return stored | {vain.field: vain.settled for vain in in_vain(whole) if vain.field in stored}
    except TypeError:  # not a loss: its check names what is wrong
        return stored


class Preset(NamedTuple):
    """A published loss."""

    fields: dict[str, Any]
    """What differs from LossSpec's defaults."""
    source: str
    note: str = ""
    """What the paper leaves open, and what we chose."""


NO_KL: dict[str, Any] = {"kl": "none", "kl_coefficient": 0.0}
PRESETS: dict[str, Preset] = {
    "grpo": Preset({}, "DeepSeek-R1, arXiv 2501.12948, Eq. 1-3; DeepSeekMath, arXiv 2402.03300, Eq. 3"),
    "dapo": Preset(
        {"aggregation": "token_mean", "clip_high": 0.28, **NO_KL},
        "DAPO, arXiv 2503.14476, Eq. 8-13",
        "the rest of the method: --set algorithm.dynamic_sampling=10, and the reward soft_overlong",
    ),
    "dr_grpo": Preset(
        {"scale": "none", "aggregation": "const_length", **NO_KL},
        "Dr. GRPO, arXiv 2503.20783, Eq. 3",
        "its code divides by the budget of a completion, which the formula leaves out",
    ),
    "gspo": Preset({"ratio": "sequence", "clip_low": 3e-4, "clip_high": 4e-4, **NO_KL}, "GSPO, arXiv 2507.18071, Eq. 5-7 and 5.1"),
    "cispo": Preset(
        {"surrogate": "cispo", "aggregation": "token_mean", "clip_low": 1.0, "clip_high": 4.0, **NO_KL},
        "MiniMax-M1, arXiv 2506.13585, Eq. 4-5",
        "the upper bound is not given there; 5 is that of ScaleRL (arXiv 2510.13786)",
    ),
    "rloo": Preset(
        {
            **{"centre": "leave_one_out", "scale": "none", "surrogate": "reinforce", "aggregation": "seq_mean_token_sum"},
            **{"kl": "k1", "kl_place": "reward", "kl_coefficient": 0.05},
        },
        "RLOO, arXiv 2402.14740, Eq. 1 and 8",
        "the coefficient is TRL's; the paper tries several",
    ),
    "reinforce_plus_plus_baseline": Preset(
        {"scale": "none", "whiten": True, "aggregation": "token_mean", "kl": "k2", "kl_coefficient": 0.001},
        "REINFORCE++-baseline, arXiv 2501.03262",
        "the coefficient is not given there",
    ),
}
