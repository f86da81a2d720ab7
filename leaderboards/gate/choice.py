"""Which run `board:NAME` came down to where several have that name: said with every verdict.

Left out: choosing (leaderboards/gate/references.py).
"""

from typing import Any, NamedTuple


class Choice(NamedTuple):
    """The run that was taken for one task, and those that were not."""

    task: str
    name: str
    """What all of them call their checkpoint."""
    run: str
    others: tuple[str, ...]
    num_checkpoints: int
    """That share the name."""
    num_protocols: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**self._asdict(), "others": list(self.others)}

    def sentence(self) -> str:
        """Which run was taken, and what else has its name."""
        counted = ((self.num_checkpoints, "checkpoints"), (self.num_protocols, "protocols"))
        several = " and ".join(f"{count} {what}" for count, what in counted if count > 1)
        among = f", of {several} together" if several else ""
        listed = ", ".join(self.others[:5]) + (", ..." if len(self.others) > 5 else "")
        return (
            f"Baseline on {self.task}: {self.run}, the newest complete run named {self.name}. Others have that name{among}: {listed};"
            " to hold the candidate against one of these, name it with --baseline."
        )
