"""Rewards that say nothing: random and constant. A gain that they bring as well was not learnt from the other reward.

With random rewards alone Qwen2.5-Math-7B gains 21 points on MATH-500 (arXiv 2506.10947), so a claim about a reward needs a run with these
beside it. Left out: rewards that are wrong on purpose.
"""

from collections import Counter
from collections.abc import Sequence

from r1bench.harness.records import digest_of
from r1bench.tasks.rewards.reward import Judged, Share, Values


def random_reward(judged: Sequence[Judged], *, seed: int = 0, probability: Share = 0.5) -> Values:
    """1 with the given probability, else 0, drawn anew for each completion.

    Keyed by seed, problem, text, and which of several equal texts it is: a resumed training draws the same, in whatever order the batch
    stands. A problem that comes up again in a later epoch and is answered with the very same text gets the same value again.
    """
    seen: Counter[tuple[str, str]] = Counter()
    found: Values = []
    for each in judged:
        key = (each.problem.id, each.completion.text)
        draw = int(digest_of(["random reward", seed, *key, seen[key]]), 16) / 2**64
        seen[key] += 1
        found.append(float(draw < probability))
    return found


def constant(judged: Sequence[Judged], *, value: float = 1.0) -> Values:
    """The same for everything: no group has an advantage, so only the divergence term is left to train on."""
    return [value for _ in judged]
