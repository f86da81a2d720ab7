"""gsm8k: 1,319 grade-school word problems (test split) with whole-number answers. Source: Cobbe et al., arXiv 2110.14168.

Not in R1's paper: sampling follows its protocol for mathematics, n = 4 is ours. Gold answers are worked solutions that end in `#### 18`.
"""

from r1bench.harness.records import Sampling
from r1bench.tasks.task import HubSource, Task

TASK = Task(
    name="gsm8k",
    version="1",
    summary="grade-school word problems, whole-number answers",
    grader="integer",
    template="boxed",
    sampling=Sampling(n=4, temperature=0.6, top_p=0.95, max_tokens=32768),
    num_problems=1319,
    hub=HubSource("openai/gsm8k", "740312add88f781978c0658806c59bc2815b9866", "test", "main"),
    answer_mark="####",
)
