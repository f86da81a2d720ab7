"""A job as the settings of transformers' trainer that TRL's three share; nothing inherits a default of theirs."""

from typing import TYPE_CHECKING, Any

from r1bench.backends.job import TrainJob

if TYPE_CHECKING:
    from r1bench.backends.trl_backend import Engine


def misfit(job: TrainJob, engine: "Engine") -> str:
    """Why the engine's settings cannot train the job; '' where they can."""
    return ""


def deviations(job: TrainJob, engine: "Engine") -> tuple[str, ...]:
    """What the three trainings do not do as the job says."""
    return ()


def common(job: TrainJob, engine: "Engine") -> dict[str, Any]:
    """Keywords for SFTConfig, RewardConfig and GRPOConfig alike."""
    return {}
