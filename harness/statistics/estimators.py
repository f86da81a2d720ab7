"""What several samples of one problem say together: pass@k and its kin, each with its source. Left out: intervals."""

import math

from r1bench.harness.errors import UsageError


def pass_at_k(num_samples: int, num_correct: int, k: int) -> float:
    """Chance that one of k is right, without bias: 1 - C(n-c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374)."""
    if not 1 <= k <= num_samples or not 0 <= num_correct <= num_samples:
        given = f"{num_correct} correct of {num_samples} samples"
        raise UsageError(f"pass@{k} cannot be estimated from {given}; draw at least {k} samples per problem or lower k")
    return 1.0 - math.comb(num_samples - num_correct, k) / math.comb(num_samples, k)
