"""Whether a completion keeps to the format that the R1-Zero prompt asks for: `<think>...</think> <answer>...</answer>`.

Left out: whether the answer is right, and what it is. The tags must be exactly these four, in lower case, once each and in this
order (any other spelling of them counts as one too many), with nothing but white space around and between the two pairs, and
the answer must not be empty. A prefill counts as part of the answer. Source: arXiv 2501.12948, section 2.2.2 and Table 1.
"""

import re
from itertools import islice

VERSION = "1"
TAG = re.compile(r"</?(?:think(?:ing)?|answer)>", re.IGNORECASE | re.ASCII)
TAGS_IN_ORDER = ["<think>", "</think>", "<answer>", "</answer>"]


def keeps_format(text: str, prefill: str = "") -> bool:
    """Whether prefill and completion together are one reasoning and one non-empty answer, and nothing else."""
    whole = prefill + text
    tags = list(islice(TAG.finditer(whole), 5))
    if [tag[0] for tag in tags] != TAGS_IN_ORDER:
        return False
    think, end_think, answer, end_answer = tags
    outside = (whole[: think.start()], whole[end_think.end() : answer.start()], whole[end_answer.end() :])
    return not any(part.strip() for part in outside) and bool(whole[answer.end() : end_answer.start()].strip())
