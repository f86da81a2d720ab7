"""How much memory a training will need, by arithmetic from the model's configuration and the job. Nothing is loaded or measured.

With P weights of b bytes (4 in float32, 2 in bfloat16), of which T are trained (all, or with adapters rank x (rows + columns) of each
layer they stand beside), V words, H hidden and F inner width, K the width of the keys of a layer (heads x width of one), L layers:

    weights     P b
    gradients   T b
    optimiser   T 8, AdamW's two float32 moments, and T 4 more for the float32 copies of bfloat16 weights
    reference   P b where the loss has one
    cache       sequences drawn at once x their tokens x 2 K L b                                        (while completions are drawn)
    logits      tokens x V x 4 bytes, four times: as computed, in one piece, their logarithm, and its gradient  (while weights are updated)
    activations tokens x L x (10 H + 4 K + 5 F) b: what the backward pass of a layer reads; with gradient checkpointing tokens x L x H b,
                and one layer whole                                                                      (while weights are updated)

The peak is what stays (the first four) and the larger of drawing and updating. `tokens` are those of one forward pass:
`engine.micro_batch` sequences or `engine.micro_tokens` [the larger of 8 sequences and 8192], and no more than an optimiser step has. Left
out: the libraries themselves (0.3 to 0.7 GB in a process with PyTorch), fragmentation, attention scores where a kernel stores them,
experts, several devices (this is one that holds everything). docs/training.md has what was measured beside it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from r1bench.backends.job import Grpo, Lora, TrainJob
from r1bench.harness.models.headers import Tensor, tensors_of
from r1bench.harness.models.weights import load_config
from r1bench.harness.records import Checkpoint

BYTES = {"float32": 4, "bfloat16": 2}
FLOAT32 = 4
MICRO_TOKENS, MICRO_BATCH, AT_ONCE = 8192, 8, 512
"""Tokens or sequences of a forward pass, and completions drawn side by side, where the engine's settings do not say."""
LOGITS_COPIES = 4
STAYS = ("weights", "gradients", "optimiser", "reference")
DRAWS = ("cache",)
UPDATES = ("logits", "activations")
NOT_ADAPTED = ("embed", "wte", "wpe", "lm_head", "output_layer")
"""In the names of weights that 'all-linear' leaves out."""


class Sizes(NamedTuple):
    """Of a model, as its configuration and its headers say."""

    weights: int
    vocabulary: int
    hidden: int
    inner: int
    """Width inside a feed-forward layer."""
    keys: int
    """Width of the keys of a layer: heads of keys x width of one."""
    layers: int
    adapted: int
    """Rows and columns of all layers that the job's adapters stand beside."""


class Estimate(NamedTuple):
    """Bytes by part, and what the largest moment needs."""

    parts: dict[str, int]
    """In the order of the formulas above; a part that this training does not have is 0."""

    @property
    def peak(self) -> int:
        """What stays, and the larger of drawing and updating."""
        total = {part: sum(self.parts[name] for name in part) for part in (STAYS, DRAWS, UPDATES)}
        return total[STAYS] + max(total[DRAWS], total[UPDATES])


def capacity(device: str) -> int | None:
    """Bytes of a device; of the CPU the machine's physical memory. None where nothing says."""
    if device == "cpu":
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, OSError, ValueError):  # not on every system
            return None
    import torch

    try:
        return int(torch.cuda.get_device_properties(device).total_memory)
    except (AssertionError, RuntimeError, ValueError):  # no CUDA, or another kind of device
        return None


def sizes_of(base: Checkpoint, lora: Lora | None = None) -> Sizes:
    """Read from config.json and the headers of the weights. Raises CheckpointError."""
    config = load_config(base).get_text_config(decoder=True)
    tensors = tensors_of(Path(base.path))
    heads = number(config, "num_attention_heads", "n_head") or 1
    hidden = number(config, "hidden_size", "n_embd", "d_model")
    width = number(config, "head_dim") or hidden // heads
    return Sizes(
        weights=sum(product(tensor) for tensor in tensors.values()),
        vocabulary=number(config, "vocab_size"),
        hidden=hidden,
        inner=number(config, "intermediate_size", "n_inner", "d_ff") or 4 * hidden,
        keys=width * (number(config, "num_key_value_heads") or heads),
        layers=number(config, "num_hidden_layers", "n_layer", "n_layers"),
        adapted=adapted(tensors, lora) if lora else 0,
    )


def number(config: object, *names: str) -> int:
    """The first of these that a configuration states; 0 where it states none."""
    return next((value for name in names if type(value := getattr(config, name, None)) is int), 0)


def product(tensor: Tensor) -> int:
    """Numbers in a weight."""
    count = 1
    for size in tensor.shape:
        count *= size
    return count


def adapted(tensors: Mapping[str, Tensor], lora: Lora) -> int:
    """Rows and columns of the layers that adapters stand beside."""
    chosen = (
        tensor
        for name, tensor in tensors.items()
        if len(tensor.shape) == 2
        and not any(word in name for word in NOT_ADAPTED)
        and ("all-linear" in lora.targets or any(f".{target}." in f".{name}" for target in lora.targets))
    )
    return sum(sum(tensor.shape) for tensor in chosen)


def estimate(job: TrainJob, sizes: Sizes, prompt_tokens: int = 0) -> Estimate:
    """What a job needs, part by part.

    Args:
        prompt_tokens: of the longest prompt of GRPO; of the other algorithms `max_length` bounds the whole.
    """
    width = BYTES[job.dtype]
    trained = job.lora.rank * sizes.adapted if job.lora else sizes.weights
    masters = FLOAT32 if job.dtype != "float32" else 0
    tokens = tokens_at_once(job, prompt_tokens)
    scored = min(tokens, completion_tokens(job, tokens, prompt_tokens))
    layer = (10 * sizes.hidden + 4 * sizes.keys + 5 * sizes.inner) * width
    kept = sizes.hidden * width if job.engine.get("gradient_checkpointing") else layer
    drawn = min(int(job.engine.get("decode_at_once") or AT_ONCE), job.batch_size * job.grpo.samples) if is_grpo(job) else 0
    length = prompt_tokens + job.grpo.rollout.max_tokens if is_grpo(job) else 0
    return Estimate(
        {
            "weights": sizes.weights * width,
            "gradients": trained * width,
            "optimiser": trained * (2 * FLOAT32 + masters),
            "reference": sizes.weights * width if is_grpo(job) and job.grpo.loss.has_reference else 0,
            "cache": drawn * length * 2 * sizes.keys * sizes.layers * width,
            "logits": scored * sizes.vocabulary * FLOAT32 * LOGITS_COPIES if has_words(job) else 0,
            "activations": tokens * (sizes.layers * kept + (layer if kept != layer else 0)),
        }
    )


def is_grpo(job: TrainJob) -> bool:
    """Whether completions are drawn."""
    return isinstance(job.algorithm, Grpo)


def has_words(job: TrainJob) -> bool:
    """Whether the model says words, and not one score."""
    return job.algorithm.kind != "reward_model"


def tokens_at_once(job: TrainJob, prompt_tokens: int) -> int:
    """Tokens of a forward pass: what the engine allows, at least one sequence, at most all of an optimiser step."""
    spec = job.algorithm
    if isinstance(spec, Grpo):
        longest, count = prompt_tokens + spec.rollout.max_tokens, job.batch_size * spec.samples // spec.minibatches
    else:
        longest, count = spec.max_length, job.batch_size * texts_per_example(job)
    sequences, tokens = (int(job.engine.get(key) or 0) for key in ("micro_batch", "micro_tokens"))
    at_once = sequences * longest or tokens or max(MICRO_TOKENS, MICRO_BATCH * longest)
    return min(max(at_once, longest), longest * count)


def texts_per_example(job: TrainJob) -> int:
    """Two of a pair, otherwise one."""
    return 2 if job.algorithm.kind == "reward_model" and job.algorithm.loss == "pairwise" else 1


def completion_tokens(job: TrainJob, tokens: int, prompt_tokens: int) -> int:
    """Of the tokens of a pass those whose logits are computed: all, or in GRPO those of the completions."""
    if not isinstance(job.algorithm, Grpo):
        return tokens
    length = job.algorithm.rollout.max_tokens
    return -(-tokens * (length + 1) // (length + prompt_tokens))
