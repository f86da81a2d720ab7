"""math500: 500 problems of MATH's test split, seven subjects, five levels. Source: Lightman et al., arXiv 2305.20050.

R1's protocol (arXiv 2501.12948 v2, appendix): 16 samples, temperature 0.6, top-p 0.95, 32,768 tokens. Answers are expressions, sets,
matrices and a few words, so the grader is `math`.
"""

from r1bench.harness.records import Sampling
from r1bench.tasks.task import HubSource, Task

TASK = Task(
    name="math500",
    version="1",
    summary="500 problems of MATH, five levels",
    grader="math",
    template="boxed",
    sampling=Sampling(n=16, temperature=0.6, top_p=0.95, max_tokens=32768),
    num_problems=500,
    hub=HubSource("HuggingFaceH4/MATH-500", "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be", "test"),
)
