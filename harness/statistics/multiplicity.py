"""Several tests at once: how a verdict over many tasks keeps its error rates. Left out: the tests themselves.

A claim that holds only if every part holds (PASS: no task lost more than its margin) needs no correction: each part is tested at
alpha, and the largest p value is that of the whole (intersection-union, Berger 1982). A claim that any one part can raise (FAIL) does:
`holm`.
"""

from collections.abc import Sequence

from r1bench.harness.errors import UsageError


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given: reject where <= alpha and the chance of any false alarm stays <= alpha (Holm 1979).

    Holds whatever the dependence of the tests. An empty list stays empty; raises UsageError for a value outside 0 ... 1.
    """
    for value in p_values:
        if not 0 <= value <= 1:
            raise UsageError(f"{value} is no p value; each must lie in 0 ... 1")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
