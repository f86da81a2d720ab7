"""A job's reinforcement learning in TRL's words, field by field: what is exact, what is not quite, what TRL cannot do.

    answer = support(job)                          # exact, approximate with every deviation, or refused
    settings(job, engine)                          # keywords of GRPOConfig, or of RLOOConfig where trainer_of(job) says so

Read off TRL 1.16.0 (GRPOTrainer._compute_loss and _generate_and_score_completions, RLOOTrainer). Every field of Grpo, RolloutSpec and
LossSpec has a reader in READERS, and every setting of TRL that moves a result is given: its defaults are another method's. Imports nothing
of TRL. Left out: optimiser, precision and batches, which the three algorithms share (arguments.py).
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from r1bench.backends.job import Grpo, RolloutSpec, Support, TrainJob, engine_of
from r1bench.backends.losses import LossSpec
from r1bench.backends.trl_backend import Engine
from r1bench.backends.trl_backend.arguments import accumulation_of

EPS = 1e-4
"""What TRL adds to every standard deviation."""
UNREACHED = 1e9
FIXED: dict[str, Any] = {
    **{"top_k": 0, "min_p": None, "repetition_penalty": 1.0, "cache_implementation": None, "chat_template_kwargs": None},
    **{"use_transformers_continuous_batching": False, "shuffle_dataset": False, "pad_to_multiple_of": None, "num_iterations": 1},
    **{"reward_weights": [1.0], "disable_dropout": True, "router_aux_loss_coef": 0.0},
    **{"ref_model_mixup_alpha": 1.0, "log_completions": False, "vllm_structured_outputs_regex": None},
}
"""Of both trainers: nothing but temperature and top-p shapes what is drawn, prompts keep our order, no dropout, no loss beside ours."""
FIXED_GRPO: dict[str, Any] = {
    **{
        "multi_objective_aggregation": "sum_then_normalize",
        "top_entropy_quantile": 1.0,
        "entropy_coef": 0.0,
        "use_adaptive_entropy": False,
    },
    **{"off_policy_mask_threshold": None, "vllm_importance_sampling_clip_min": None, "cast_lm_head_to_fp32": False},
}
FIXED_RLOO: dict[str, Any] = {"normalize_advantages": False, "reward_clip_range": None}
LOSS_TYPES = {"seq_mean_token_mean": "grpo", "token_mean": "dapo", "const_length": "dr_grpo", "seq_mean_token_sum": "luspo"}
"""By aggregation. TRL's LUSPO is GRPO's per-token loss summed over a sequence, whatever the level of its ratios."""


class Asked(NamedTuple):
    """What a reader looks at."""

    spec: Grpo
    engine: Engine
    device: str
    has_lora: bool

    @property
    def loss(self) -> LossSpec:
        return self.spec.loss

    @property
    def is_on_policy(self) -> bool:
        """One optimiser step per rollout: every ratio is 1, so that its level, its clip and a plain A log p have one gradient."""
        return self.spec.minibatches == 1

    @property
    def is_rloo(self) -> bool:
        return self.loss.centre == "leave_one_out"

    @property
    def has_clip(self) -> bool:
        """Whether a ratio can be cut; else the bounds are set out of reach, where no rounding touches them."""
        return self.loss.surrogate != "reinforce" and not self.is_rloo

    @property
    def has_vllm(self) -> bool:
        return self.engine.generation != "transformers"


class Read(NamedTuple):
    """What TRL makes of one field."""

    settings: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default, and nobody changes it
    deviation: str = ""
    refusal: str = ""


Reader = Callable[[Asked], Read]
NOTHING = Read()


def silent(asked: Asked) -> Read:
    """Of a field that says nothing of the arithmetic, or that another reader has read with its own."""
    return NOTHING


def samples(asked: Asked) -> Read:
    return Read({"num_generations": asked.spec.samples, "num_generations_eval": None})


def minibatches(asked: Asked) -> Read:
    if asked.is_rloo and not asked.is_on_policy:
        return Read(refusal="RLOOTrainer clips ratios of whole completions in later minibatches; set algorithm.minibatches=1")
    return NOTHING  # optimiser steps per rollout are a matter of batches: `geometry`


def dynamic_sampling(asked: Asked) -> Read:
    return Read(
        deviation="groups without a signal stay in a step: TRL draws no others in their place" if asked.spec.dynamic_sampling else ""
    )


def reference_every(asked: Asked) -> Read:
    every = asked.spec.reference_every if asked.loss.has_reference else 0
    if every and asked.has_lora:
        return Read({"sync_ref_model": False}, deviation="the reference stays the base: TRL cannot move it beside an adapter")
    return Read({"sync_ref_model": bool(every), **({"ref_model_sync_steps": every * asked.spec.minibatches} if every else {})})


def temperature(asked: Asked) -> Read:
    return Read({"temperature": asked.spec.rollout.temperature})


def top_p(asked: Asked) -> Read:
    cut = asked.spec.rollout.top_p
    return Read({"top_p": cut}, deviation="ratios use the probabilities before the top-p cut" if cut < 1 else "")


def max_tokens(asked: Asked) -> Read:
    return Read({"max_completion_length": asked.spec.rollout.max_tokens})


def centre(asked: Asked) -> Read:
    loss = asked.loss
    if not asked.is_rloo:
        return NOTHING
    if loss.scale != "none" or loss.aggregation != "seq_mean_token_sum" or (loss.has_reference and loss.kl_place == "loss"):
        which = "scale 'none', aggregation 'seq_mean_token_sum' and the divergence in the reward"
        return Read(refusal=f"TRL leaves one out in RLOOTrainer alone, with {which}")
    return NOTHING


def scale(asked: Asked) -> Read:
    named = {"group_std": "group", "batch_std": "batch", "none": "none"}[asked.loss.scale]
    return Read({} if asked.is_rloo else {"scale_rewards": named})


def whiten(asked: Asked) -> Read:
    return Read(refusal="TRL does not whiten advantages over tokens (loss.whiten)" if asked.loss.whiten else "")


def ddof(asked: Asked) -> Read:
    is_other = asked.loss.ddof != 1 and asked.loss.scale != "none"
    return Read(deviation="standard deviations are divided by n - 1 (ddof 1)" if is_other else "")


def eps(asked: Asked) -> Read:
    is_other = asked.loss.eps != EPS and asked.loss.scale != "none"
    return Read(deviation=f"{EPS} is added to standard deviations (eps), not {asked.loss.eps}" if is_other else "")


def surrogate(asked: Asked) -> Read:
    loss = asked.loss
    if asked.is_rloo:
        return NOTHING
    if loss.surrogate == "reinforce" and not asked.is_on_policy:
        return Read(refusal="TRL has no loss without ratios for later minibatches (loss.surrogate); set algorithm.minibatches=1")
    if loss.surrogate != "cispo":
        return Read({"loss_type": LOSS_TYPES[loss.aggregation]})
    if loss.aggregation != "token_mean":
        return Read(refusal="TRL's CISPO is a mean over tokens (loss.aggregation=token_mean) and no other")
    return Read({"loss_type": "cispo"})


def ratio(asked: Asked) -> Read:
    return Read({} if asked.is_rloo else {"importance_sampling_level": asked.loss.ratio})


def clip_low(asked: Asked) -> Read:
    loss = asked.loss
    if not asked.has_clip:
        return Read({"epsilon": 1.0})
    if loss.surrogate == "cispo" and loss.clip_low < 1 and not asked.is_on_policy:
        return Read({"epsilon": loss.clip_low}, deviation="CISPO's ratios are not clipped from below (loss.clip_low)")
    return Read({"epsilon": loss.clip_low})


def clip_high(asked: Asked) -> Read:
    """TRL's bound of CISPO is that of the ratio itself."""
    return Read({"epsilon_high": asked.loss.clip_high + (asked.loss.surrogate == "cispo") if asked.has_clip else UNREACHED})


def dual_clip(asked: Asked) -> Read:
    loss, bound = asked.loss, asked.loss.dual_clip
    if bound is not None and not asked.is_on_policy:
        if loss.surrogate == "cispo":
            return Read(refusal="TRL's CISPO has no loss.dual_clip")
        if bound < 1 + loss.clip_high:
            return Read(refusal=f"TRL holds loss.dual_clip={bound} only where it is at least 1 + loss.clip_high")
    return Read({} if asked.is_rloo else {"delta": bound})


def aggregation(asked: Asked) -> Read:
    loss = asked.loss
    if loss.aggregation == "token_mean" and not asked.is_on_policy:
        return Read(deviation="means over tokens divide by the mean number of tokens of the rollout's minibatches, not by each one's own")
    return NOTHING  # `surrogate` has named it


def kl(asked: Asked) -> Read:
    loss = asked.loss
    if loss.has_reference and (loss.kl, loss.kl_place) != (("k1", "reward") if asked.is_rloo else ("k3", "loss")):
        has = "k1 in the reward in RLOOTrainer" if asked.is_rloo else "k3 in the loss, or k1 in the reward of a leave-one-out job"
        return Read(refusal=f"TRL has {has}, and not loss.kl={loss.kl} with loss.kl_place={loss.kl_place}")
    return NOTHING


def kl_coefficient(asked: Asked) -> Read:
    return Read({"beta": asked.loss.kl_coefficient if asked.loss.has_reference else 0.0})


def kl_weighted(asked: Asked) -> Read:
    return Read({} if asked.is_rloo else {"use_bias_correction_kl": asked.loss.kl_weighted})


def truncated(asked: Asked) -> Read:
    is_masked = asked.loss.truncated == "mask"
    counts = is_masked and asked.loss.aggregation != "token_mean"
    why = "completions that are masked for being cut count as losses of 0 in the mean over completions" if counts else ""
    return Read({"mask_truncated_completions": is_masked}, deviation=why)


def mismatch(asked: Asked) -> Read:
    kind = asked.loss.mismatch
    if asked.is_rloo:
        is_lost = kind != "off" and asked.has_vllm
        return Read(refusal=f"RLOOTrainer does not correct what vLLM draws (loss.mismatch={kind}); set it to off" if is_lost else "")
    is_corrected = kind != "off" and asked.has_vllm
    mode = "token_truncate" if kind == "off" else kind
    given = {"vllm_importance_sampling_correction": is_corrected, "vllm_importance_sampling_mode": mode}
    is_blind = kind != "off" and not asked.has_vllm
    return Read(given, deviation="no weights for the mismatch: generation by transformers gives no log-probabilities" if is_blind else "")


def mismatch_max(asked: Asked) -> Read:
    return Read({} if asked.is_rloo else {"vllm_importance_sampling_clip_max": asked.loss.mismatch_max})


def generation(asked: Asked) -> Read:
    """Of the engine: what draws the completions."""
    engine = asked.engine
    if not asked.has_vllm:
        return Read({"use_vllm": False})
    if misfit := misfit_of_vllm(asked):
        return Read(refusal=misfit)
    if engine.generation == "vllm-server":
        why = "the weights reach a vLLM server by NCCL, which needs a GPU; set engine.generation to vllm-colocate or transformers"
        where = {"vllm_server_base_url": None, "vllm_server_host": engine.vllm_host, "vllm_server_port": engine.vllm_port}
        server = {"use_vllm": True, "vllm_mode": "server", **where, "vllm_server_timeout": engine.vllm_timeout}
        return Read(server, deviation=OTHER_DRAWS, refusal=why if asked.device == "cpu" else "")
    memory = {"vllm_gpu_memory_utilization": engine.vllm_memory, "vllm_max_model_length": engine.vllm_max_length or None}
    spread = {"vllm_tensor_parallel_size": engine.vllm_tensor_parallel, "vllm_enable_sleep_mode": engine.vllm_sleep}
    return Read({"use_vllm": True, "vllm_mode": "colocate", **memory, **spread}, deviation=OTHER_DRAWS)


def misfit_of_vllm(asked: Asked) -> str:
    """Why vLLM cannot start as the engine says, and what to change; '' where it can."""
    engine, budget = asked.engine, asked.spec.rollout.max_tokens
    if engine.generation == "vllm-colocate" and engine.processes % engine.vllm_tensor_parallel:
        return f"engine.vllm_tensor_parallel={engine.vllm_tensor_parallel} does not divide engine.processes={engine.processes}"
    if 0 < engine.vllm_max_length <= budget:
        return f"engine.vllm_max_length={engine.vllm_max_length} has no room for a prompt beside algorithm.rollout.max_tokens={budget}"
    return ""


OTHER_DRAWS = "vLLM draws by a seed of its own: a training that is resumed draws other completions than an undisturbed one"
READERS: dict[type, dict[str, Reader]] = {
    Grpo: {
        **{"kind": silent, "samples": samples, "minibatches": minibatches, "dynamic_sampling": dynamic_sampling},
        **{"reference_every": reference_every, "rollout": silent, "loss": silent, "rewards": silent},
    },
    RolloutSpec: {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens},
    LossSpec: {
        **{"preset": silent, "centre": centre, "scale": scale, "whiten": whiten, "ddof": ddof, "eps": eps, "surrogate": surrogate},
        **{"ratio": ratio, "clip_low": clip_low, "clip_high": clip_high, "dual_clip": dual_clip, "aggregation": aggregation, "kl": kl},
        **{"kl_place": silent, "kl_coefficient": kl_coefficient, "kl_weighted": kl_weighted, "truncated": truncated},
        **{"mismatch": mismatch, "mismatch_max": mismatch_max},
    },
}


def read(job: TrainJob, engine: Engine) -> list[Read]:
    """What TRL makes of every field, in the order of READERS, and of the engine."""
    asked = Asked(job.grpo, engine, job.device, job.lora is not None)
    return [*(reader(asked) for readers in READERS.values() for reader in readers.values()), generation(asked)]


def trainer_of(job: TrainJob) -> Literal["grpo", "rloo"]:
    """Which of TRL's trainers has the arithmetic."""
    return "rloo" if job.grpo.loss.centre == "leave_one_out" else "grpo"


def settings(job: TrainJob, engine: Engine) -> dict[str, Any]:
    """Keywords of the trainer's configuration that move a result, or say where completions come from.

    A rollout is worth `steps_per_generation` forward passes: those of `minibatches` optimiser steps.
    """
    fixed = FIXED | (FIXED_RLOO if trainer_of(job) == "rloo" else FIXED_GRPO)
    found = fixed | {name: value for each in read(job, engine) for name, value in each.settings.items()}
    return found | {"steps_per_generation": job.grpo.minibatches * accumulation_of(job, engine)}


def support(job: TrainJob) -> Support:
    """TRL's answer to a job of reinforcement learning."""
    found = read(job, engine_of(job, Engine))
    if refusals := [each.refusal for each in found if each.refusal]:
        return Support(kind="refused", reason="; ".join(refusals))
    deviations = tuple(each.deviation for each in found if each.deviation)
    return Support(kind="approximate" if deviations else "exact", deviations=deviations)
