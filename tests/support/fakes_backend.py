"""A backend that takes every job and trains none: for what happens before a training."""

from r1bench.backends.contract import Backend
from r1bench.backends.job import Support, TrainJob


class Listener(Backend):
    """Takes every job."""

    def supports(self, job: TrainJob) -> Support:
        return Support(kind="exact")
