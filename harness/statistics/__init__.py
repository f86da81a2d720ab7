"""How good a checkpoint is and how sure we are: small pure functions, each with its source.

    from r1bench.harness import statistics
    statistics.interval([[1, 0, 1, 1], [0, 0, 1, 0]])

`scores` is always one row per problem holding the scores of its samples, each 0 ... 1. Values and errors are fractions, not points. None
means "cannot be known from these samples", never 0. Used by r1bench.leaderboards.
"""

from r1bench.harness.statistics.distributions import normal_quantile, student_t
from r1bench.harness.statistics.estimators import pass_at_k
from r1bench.harness.statistics.intervals import Interval, bootstrap_interval, interval, wilson_interval
from r1bench.harness.statistics.paired import PairedDifference, adjusted_error, paired_difference, sign_flip_p_value
from r1bench.harness.statistics.spread import Scores, pass_at_1, question_error, question_means, resampling_error, total_error

__all__ = [
    "Interval",
    "PairedDifference",
    "Scores",
    "adjusted_error",
    "bootstrap_interval",
    "interval",
    "normal_quantile",
    "paired_difference",
    "pass_at_1",
    "pass_at_k",
    "question_error",
    "question_means",
    "resampling_error",
    "sign_flip_p_value",
    "student_t",
    "total_error",
    "wilson_interval",
]
