"""amc23: 40 problems of the American Mathematics Competitions (AMC 12) of 2023, restated so that the answer is a whole number.

Not in R1's paper: sampling follows its protocol for AIME. Gold answers are published as floats (`27.0`).
"""

from r1bench.harness.records import Sampling
from r1bench.tasks.task import HubSource, Task

TASK = Task(
    name="amc23",
    version="1",
    summary="American Mathematics Competitions 2023, whole-number answers",
    grader="integer",
    template="boxed",
    sampling=Sampling(n=64, temperature=0.6, top_p=0.95, max_tokens=32768),
    num_problems=40,
    hub=HubSource("math-ai/amc23", "80815d37005feb82cd7f8fbc6901d5d3eff43057", "test"),
)
