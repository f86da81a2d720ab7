"""Our own training in PyTorch, for one machine and in one process, made to be read.

Read a loop first, from top to bottom: sft (the shortest), reward_model, grpo. Then what all share: training (how one begins, takes a
step, keeps a checkpoint and ends), and under it model (what is trained: whole or by adapters, a language model or one with a value on top),
optimizer (float32 copies, rate, clip), state (what a checkpoint keeps), micro_batches. What is GRPO's alone, in the order in which its loop
calls it: rollout (draw completions), advantage (compare each with its siblings), update (from rollouts to a gradient) and in it loss (the
formula), backends/finished (what a step was like). Left out: several devices, which are TRL's and OpenRLHF's.
"""

import sys
from collections.abc import Sequence

from r1bench.backends.adapters import missing_for_adapters
from r1bench.backends.contract import Backend, versions_in
from r1bench.backends.job import Grpo, RewardModel, Sft, Support, TrainJob, engine_of
from r1bench.backends.settings import Part, Positive
from r1bench.harness.records import Problem


class Engine(Part):
    """What is memory and speed, not mathematics."""

    threads: Positive = 1
    micro_tokens: Positive = 8192
    """Padded tokens per forward pass."""
    decode_at_once: Positive = 512
    """Completions drawn side by side."""
    gradient_checkpointing: bool = False
    """Whether activations are computed again in the backward pass instead of kept: less memory, a third more time."""
    python: str = ""
    """`--python`; the contract starts it."""
    launcher: str = "local"
    """`--launcher`; one process is all it has."""


class Custom(Backend):
    """The backend of this folder. Loads PyTorch only to train."""

    def probe(self, python: str = sys.executable) -> str:
        """What that Python lacks of r1bench itself, which brings PyTorch and transformers."""
        if python == sys.executable:
            return ""
        missing = [name for name, version in versions_in(python, ("r1bench", "torch", "transformers")).items() if not version]
        return f"{python} has no {', '.join(missing)}; install r1bench there (pip install r1bench)" if missing else ""

    def versions(self, python: str = sys.executable) -> dict[str, str]:
        """Of what trains, and of what adapters need."""
        return versions_in(python, ("torch", "transformers", "peft"))

    def supports(self, job: TrainJob) -> Support:
        """Exactly as the job says, all three algorithms, but for ratios under a top-p cut."""
        engine = engine_of(job, Engine)
        if engine.launcher != "local":
            return Support(kind="refused", reason="it trains in one process; use --launcher local, or --backend trl")
        if missing := missing_for_adapters(job):
            return Support(kind="refused", reason=missing)
        if isinstance(job.algorithm, Grpo) and job.algorithm.rollout.top_p < 1:
            return Support(kind="approximate", deviations=("ratios use the probabilities before the top-p cut",))
        return Support(kind="exact")

    def train(self, job: TrainJob, problems: Sequence[Problem] | None) -> None:
        """Train a job to its end, going on from its newest whole checkpoint."""
        from r1bench.backends.custom import grpo, reward_model, sft

        engine = engine_of(job, Engine)
        match job.algorithm:
            case Grpo():
                grpo.train(job, problems, engine)
            case Sft():
                sft.train(job, engine)
            case RewardModel():
                reward_model.train(job, engine)
