"""How good a checkpoint is and how sure we are: small pure functions, each with its source.

    from r1bench.harness import statistics
    statistics.interval([[1, 0, 1, 1], [0, 0, 1, 0]])

`scores` is always one row per problem holding the scores of its samples, each 0 ... 1. Values and errors are fractions, not points. None
means "cannot be known from these samples", never 0. Used by r1bench.leaderboards.
"""

from r1bench.harness.statistics.distributions import binomial_tail, normal_probability, normal_quantile, student_probability, student_t
from r1bench.harness.statistics.estimators import (
    best_of_k,
    first_k_mean,
    g_pass_at_k,
    majority_at_k,
    mean_g_pass_at_k,
    pass_at_k,
    pass_hat_k,
    worst_of_k,
)
from r1bench.harness.statistics.evidence import Evidence, Moments, Questions, Side, moments, moments_of_counts
from r1bench.harness.statistics.intervals import (
    Interval,
    bootstrap_interval,
    exact_interval,
    interval,
    mean_interval,
    resampling_interval,
    wilson_interval,
)
from r1bench.harness.statistics.multiplicity import holm, intersection_union
from r1bench.harness.statistics.paired import PairedDifference, paired_difference, sign_flip_p_value, two_sided_p
from r1bench.harness.statistics.power import Plan, plan, power_of, samples_needed
from r1bench.harness.statistics.ratios import ratio_interval
from r1bench.harness.statistics.sequential import Design, Foreseen, Look, Standing, design, foresee, standing
from r1bench.harness.statistics.spread import (
    Scores,
    VarianceParts,
    pass_at_1,
    question_error,
    question_means,
    resampling_error,
    total_error,
    variance,
    variance_parts,
)

__all__ = [
    "Design",
    "Evidence",
    "Foreseen",
    "Interval",
    "Look",
    "Moments",
    "PairedDifference",
    "Plan",
    "Questions",
    "Scores",
    "Side",
    "Standing",
    "VarianceParts",
    "best_of_k",
    "binomial_tail",
    "bootstrap_interval",
    "design",
    "exact_interval",
    "first_k_mean",
    "foresee",
    "g_pass_at_k",
    "holm",
    "intersection_union",
    "interval",
    "majority_at_k",
    "mean_g_pass_at_k",
    "mean_interval",
    "moments",
    "moments_of_counts",
    "normal_probability",
    "normal_quantile",
    "paired_difference",
    "pass_at_1",
    "pass_at_k",
    "pass_hat_k",
    "plan",
    "power_of",
    "question_error",
    "question_means",
    "ratio_interval",
    "resampling_error",
    "resampling_interval",
    "samples_needed",
    "sign_flip_p_value",
    "standing",
    "student_probability",
    "student_t",
    "total_error",
    "two_sided_p",
    "variance",
    "variance_parts",
    "wilson_interval",
    "worst_of_k",
]
