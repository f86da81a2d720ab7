"""AdamW over float32 tensors, whatever the precision of the weights, with the job's rate and clip.

Weights in bfloat16 have 8 bits of precision: most steps of training would be rounded away. So each has a copy in float32, which adds up
the gradient of every micro-batch, takes the step, and is then rounded into the weight.
"""

import math
from typing import Any

import torch

from r1bench.backends.job import Grpo, TrainJob
from r1bench.harness.errors import BackendError


def learning_rate(job: TrainJob, update: int) -> float:
    """The rate of optimiser step number `update`, from 0."""
    spec, share = job.optimizer, update / job.num_updates
    warm = min(1.0, (update + 1) / spec.warmup_steps) if spec.warmup_steps else 1.0
    left = {"constant": 1.0, "linear": 1 - share, "cosine": (1 + math.cos(math.pi * share)) / 2}[spec.decay]
    return spec.learning_rate * warm * (spec.decay_to + (1 - spec.decay_to) * left)


class Optimizer:
    """What is trained of a model, and how it takes a step.

    Args:
        model: its parameters that require a gradient are trained.
    """

    def __init__(self, model: Any, job: TrainJob) -> None:
        self.job = job
        self.weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.stepped = {name: float32_of(weight) for name, weight in self.weights.items()}
        spec = job.optimizer
        self.adamw = torch.optim.AdamW(self.stepped.values(), lr=spec.learning_rate, betas=spec.betas, weight_decay=spec.weight_decay)

    def step(self, update: int) -> float:
        """Take a step with the gradient that has been added up, and forget it; returns its norm before the clip.

        Raises BackendError: the gradient is not finite; the weights are still those of the step before.
        """
        spec = self.job.optimizer
        try:
            norm = float(torch.nn.utils.clip_grad_norm_(self.stepped.values(), spec.max_grad_norm, error_if_nonfinite=True))
        except RuntimeError as error:
            hotter = " or raise algorithm.rollout.temperature" if isinstance(self.job.algorithm, Grpo) else ""
            raise BackendError(f"the gradient is not finite; lower optimizer.learning_rate{hotter}") from error
        self.adamw.param_groups[0]["lr"] = learning_rate(self.job, update)
        self.adamw.step()
        self.adamw.zero_grad(set_to_none=True)
        self.round_off()
        return norm

    @torch.no_grad()
    def round_off(self) -> None:
        """Make the weights of another precision what their copies are."""
        for name, weight in self.weights.items():
            if weight is not self.stepped[name]:
                weight.copy_(self.stepped[name])


def float32_of(weight: torch.nn.Parameter) -> torch.nn.Parameter:
    """A parameter itself, or its copy in float32, to which it hands over every gradient as soon as it has it."""
    if weight.dtype == torch.float32:
        return weight
    copy = torch.nn.Parameter(weight.detach().float())

    def hand_over(given: torch.Tensor) -> None:
        assert given.grad is not None
        copy.grad = given.grad.float() if copy.grad is None else copy.grad.add_(given.grad)
        given.grad = None

    weight.register_post_accumulate_grad_hook(hand_over)
    return copy
