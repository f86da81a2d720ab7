"""For what happens before a training: a backend that takes every job and trains none, and settings of which a test changes some."""

from r1bench.backends.contract import Backend
from r1bench.backends.job import Support, TrainJob
from r1bench.harness.training.recipes import whole_key


class Listener(Backend):
    """Takes every job."""

    def supports(self, job: TrainJob) -> Support:
        return Support(kind="exact")


def instead(settings: tuple[str, ...], changes: tuple[str, ...]) -> tuple[str, ...]:
    """The settings with the changes in the place of those of the same key, since each may be given once."""
    changed = {whole_key(change.partition("=")[0]) for change in changes}
    return (*(setting for setting in settings if whole_key(setting.partition("=")[0]) not in changed), *changes)
