"""A trained reward model as a reward: a Hugging Face folder with a sequence-classification head of one value, read on first use.

Source: DeepSeek-R1, arXiv 2501.12948 v2, 3.1: the helpful model reads the final summary only, the safety model the whole response. Left
out: training one, and models behind a server. Rewards of this kind are hacked in time (B.5: a rising reward, falling Codeforces); the paper
uses them for the last 400 steps only.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from r1bench.harness.models.conversation import answer_of, valued
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.models.values import check_reward_model, load_reward_model, values_of
from r1bench.harness.records import Checkpoint, Completion
from r1bench.tasks.rewards.reward import Count, Judged, Values


def reward_model(
    judged: Sequence[Judged], *, model: str, scope: Literal["summary", "whole"] = "summary", device: str = "auto", batch_size: Count = 8
) -> Values:
    """The model's value for prompt and response, as a float64; any real number.

    Args:
        model: a local folder with safetensors; a model that would run code of its own is refused.
        scope: 'summary' is what follows the reasoning, without <answer> tags, and nothing where the reasoning has no end: an empty response
            is valued too, because a sample that escaped a low value by saying nothing would be rewarded for it. 'whole' is everything.
        device: 'cpu', 'cuda', or 'auto' for the second where there is one.
        batch_size: responses side by side; memory, and the last bits of a value.

    A conversation is put in the words of the model's own chat template, or as prompt, empty line, response where it has none, by the code
    that made the tokens of its training (`r1bench.harness.models.conversation`). What exceeds the model's context is cut off at the end.

    Raises:
        CheckpointError: no such folder, no safetensors, more than one value, or a head that was never trained.
    """
    check_reward_model(model)
    if not judged:
        return []
    pairs = [(each.problem.prompt, text_of(each.completion, scope)) for each in judged]
    return list(Scorer(model, device).values(pairs, batch_size))


def text_of(completion: Completion, scope: Literal["summary", "whole"]) -> str:
    """What the model reads of a completion."""
    if scope == "whole":
        return completion.prefill + completion.text
    return answer_of(completion.text, completion.prefill)


@lru_cache(maxsize=4)
class Scorer:
    """A reward model in memory; the same folder gives the same one for the life of the process."""

    def __init__(self, folder: str, device: str) -> None:
        import torch

        self.tokenizer = load_tokenizer(Checkpoint(folder, folder, ""))
        self.model = load_reward_model(folder, ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self.max_length = int(getattr(self.model.config, "max_position_embeddings", 0) or self.tokenizer.model_max_length)

    def values(self, pairs: Sequence[tuple[str, str]], batch_size: int) -> list[float]:
        """One value for each prompt and response."""
        rows = [each.tokens[: self.max_length] or [self.tokenizer.eos_token_id or 0] for each in valued(self.tokenizer, pairs)]
        return values_of(self.model, rows, batch_size)
