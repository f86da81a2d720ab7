"""What several samples per problem say besides pass@1: pass@k, majority, budget curves. Functions over one `Run`.

Left out: the estimators (r1bench.harness.statistics.estimators), tables.
"""

from typing import Any

from r1bench.harness.records import Run


def summary(run: Run, level: float = 0.95) -> dict[str, Any]:
    """Metric ('pass@4', 'cons@16', ...) -> {'value', 'low', 'high', 'method', 'num_problems', 'num_samples'}, for a complete run.

    Also 'budgets': [{'tokens', 'value', 'low', 'high'}] where tokens are known. JSON values only, fractions.
    """
    return {}
