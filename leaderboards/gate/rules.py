"""What a gate asks of each task: margin or gain, error rate, questions, guards."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.evidence import Questions
from r1bench.leaderboards.gate.guards import DEFAULTS, Guard


@dataclass(frozen=True)
class Rule:
    """What one task must show, in points."""

    margin: float = 2.0
    """The loss that is still accepted."""
    at_least: float | None = None
    """The gain that must be shown instead; None where not losing is enough."""

    @property
    def threshold(self) -> float:
        """What the lower bound must lie above, a fraction."""
        return -self.margin / 100 if self.at_least is None else self.at_least / 100

    @property
    def failing(self) -> float:
        """What the upper bound must lie below for a FAIL, a fraction."""
        return 0.0 if self.at_least is None else self.at_least / 100


@dataclass(frozen=True)
class Rules:
    """What all tasks must show."""

    rule: Rule = Rule()
    tasks: Mapping[str, Rule] = field(default_factory=dict)
    """Task -> its own rule."""
    alpha: float = 0.05
    questions: Questions = "fixed"
    guards: tuple[Guard, ...] = DEFAULTS
    allow_failed: bool = False
    """Whether samples that failed are taken to be like the others, however many more one side has of them (failures.py)."""

    def of(self, task: str) -> Rule:
        return self.tasks.get(task, self.rule)

    def check(self) -> None:
        """Raises UsageError for a margin, gain or alpha that cannot be."""
        if not 0 < self.alpha < 0.5:
            raise UsageError(f"alpha {self.alpha:g} is not an error rate of a one-sided test; give one between 0 and 0.5, such as 0.05")
        for rule in (self.rule, *self.tasks.values()):
            if not 0 <= rule.margin <= 100:
                raise UsageError(f"margin {rule.margin:g} is not a loss in points; give one between 0 and 100, such as 2")
            if rule.at_least is not None and not 0 <= rule.at_least <= 100:
                raise UsageError(f"at least {rule.at_least:g} is not a gain in points; give one between 0 and 100, such as 3")
