"""How good a checkpoint is and how sure we are: small pure functions, each with its source.

    from r1bench.harness import statistics
    statistics.interval([[1, 0, 1, 1], [0, 0, 1, 0]])

`scores` is always one row per problem holding the scores of its samples, each 0 ... 1. Values and errors are fractions, not points. None
means "cannot be known from these samples", never 0. What most of r1bench needs stands here; the rest is in the modules, by subject.
"""

from r1bench.harness.statistics.distributions import normal_quantile, student_t
from r1bench.harness.statistics.intervals import interval, mean_interval, wilson_interval
from r1bench.harness.statistics.paired import PairedDifference, paired_difference
from r1bench.harness.statistics.spread import (
    Scores,
    pass_at_1,
    question_error,
    question_means,
    resampling_error,
    total_error,
    variance_parts,
)

__all__ = ["PairedDifference", "Scores", "interval", "mean_interval", "normal_quantile", "paired_difference", "pass_at_1", "question_error"]
__all__ += ["question_means", "resampling_error", "student_t", "total_error", "variance_parts", "wilson_interval"]
