"""aime24, aime25: the American Invitational Mathematics Examination of 2024 and 2025, 30 problems each, answers 0 ... 999.

R1's protocol (arXiv 2501.12948 v2, appendix): 64 samples, temperature 0.6, top-p 0.95, 32,768 tokens. Gold answers may have leading
zeros (`025`). A file that holds several years is read for the task's year only.
"""

from r1bench.harness.records import Sampling
from r1bench.tasks.task import HubSource, Task


def _aime(year: int, hub: HubSource) -> Task:
    return Task(
        name=f"aime{year % 100}",
        version="1",
        summary=f"American Invitational Mathematics Examination {year}",
        grader="integer",
        template="boxed",
        sampling=Sampling(n=64, temperature=0.6, top_p=0.95, max_tokens=32768),
        num_problems=30,
        hub=hub,
        filter_year=year,
    )


AIME24 = _aime(2024, HubSource("HuggingFaceH4/aime_2024", "2fe88a2f1091d5048c0f36abc874fb997b3dd99a", "train"))
AIME25 = _aime(2025, HubSource("math-ai/aime25", "563bb8404243c5f09de6ec262f2db674fe5bce9b", "test"))
