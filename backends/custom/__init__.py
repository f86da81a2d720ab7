"""Our own training loop: GRPO in PyTorch for one machine, made to be read.

Read grpo first, which is the loop, then what it calls in that order: rollout (draw completions), advantage (compare each with its
siblings), update (from rollouts to a gradient) and in it loss (the formula), figures (what a step was like), state (what a checkpoint
keeps). Left out: several machines, which are OpenRLHF's and TRL's.
"""

from collections.abc import Sequence

from r1bench.backends.contract import Backend
from r1bench.backends.job import Grpo, Support, TrainJob, engine_of
from r1bench.backends.settings import Part, Positive
from r1bench.harness.records import Problem


class Engine(Part):
    """What is memory and speed, not mathematics."""

    threads: Positive = 1
    micro_tokens: Positive = 8192
    """Padded tokens per forward pass."""
    decode_at_once: Positive = 512
    """Completions drawn side by side."""


class Custom(Backend):
    """The backend of this folder. Loads PyTorch only to train."""

    def supports(self, job: TrainJob) -> Support:
        """GRPO exactly as the job says, but for ratios under a top-p cut."""
        if not isinstance(job.algorithm, Grpo):
            return Support(kind="refused", reason=f"the algorithm {job.algorithm.kind!r} is not built into it; it trains 'grpo'")
        engine_of(job, Engine)
        if job.algorithm.rollout.top_p < 1:
            return Support(kind="approximate", deviations=("ratios use the probabilities before the top-p cut",))
        return Support(kind="exact")

    def train(self, job: TrainJob, problems: Sequence[Problem] | None) -> None:
        """Train a job to its end, going on from its newest whole checkpoint."""
        from r1bench.backends.custom.grpo import train

        train(job, problems, engine_of(job, Engine))
