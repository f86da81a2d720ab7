"""Settings of a small training that a test changes: each key may be given once."""

from r1bench.harness.training.recipes import whole_key


def instead(settings: tuple[str, ...], changes: tuple[str, ...]) -> tuple[str, ...]:
    """The settings with the changes in the place of those of the same key."""
    changed = {whole_key(change.partition("=")[0]) for change in changes}
    return (*(setting for setting in settings if whole_key(setting.partition("=")[0]) not in changed), *changes)
