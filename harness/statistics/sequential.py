"""A test that may stop early: rounds of samples, a verdict as soon as it is certain at the stated error rates. Left out: drawing them.

The triangular test (Whitehead and Stratton 1983; Whitehead 1997, The Design and Analysis of Sequential Clinical Trials, chapter 4), of
`difference <= threshold` against `difference >= alternative`, monitored at discrete looks on the scale of information.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Stop = Literal["above", "below", "go on"]


class Design(NamedTuple):
    """What is fixed before the first sample. Differences are fractions."""

    threshold: float
    """'above' is wrong with chance <= alpha_above where the true difference is this or less."""
    alternative: float
    """'below' is wrong with chance <= alpha_below where the true difference is this or more."""
    alpha_above: float
    alpha_below: float
    rounds: tuple[int, ...]
    """Samples per problem after each look, rising; for both runs, or the candidate's where the baseline's are fixed."""
    fixed_samples: int
    """Samples per problem of the fixed design with the same error rates."""


class Look(NamedTuple):
    """What one look sees: the paired difference, its standard error, and the degrees of freedom behind that error."""

    estimate: float
    error: float
    degrees: float


class Standing(NamedTuple):
    """Where the test stands after its looks."""

    stop: Stop
    lower: float
    """Bound on the difference, valid at whatever look the test stopped."""
    upper: float
    information: float
    """Share of the information at which the test must end; at 1 or more it has ended."""


def design(
    threshold: float,
    alternative: float,
    *,
    variance: float,
    num_problems: int,
    alpha_above: float = 0.05,
    alpha_below: float = 0.05,
    samples_baseline: int | None = None,
    num_looks: int = 12,
    most_samples: int | None = None,
) -> Design:
    """Rounds for a test with these error rates. `variance`: as in power.plan. `samples_baseline`: where it cannot be topped up."""
    raise NotImplementedError


def standing(design: Design, looks: Sequence[Look]) -> Standing:
    """The verdict after these looks (one per round so far)."""
    raise NotImplementedError
