"""A trained reward model as a reward: a Hugging Face folder with a sequence-classification head of one value, read on first use.

Source: DeepSeek-R1, arXiv 2501.12948 v2, 3.1: the helpful model reads the final summary only, the safety model the whole response. Left
out: training one, and models behind a server. Rewards of this kind are hacked in time (B.5: a rising reward, falling Codeforces); the paper
uses them for the last 400 steps only.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from r1bench.harness.errors import CheckpointError
from r1bench.harness.records import Completion
from r1bench.harness.store.disk import read_json
from r1bench.harness.thinking import split
from r1bench.tasks.rewards.reward import Count, Judged, Values

OPENING, CLOSING = "<answer>", "</answer>"


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

    A conversation is put in the words of the model's own chat template, or as prompt, empty line, response where it has none. What
    exceeds the model's context is cut off at the end.

    Raises:
        CheckpointError: no such folder, no safetensors, more than one value, or a head that was never trained.
    """
    check_folder(model)
    if not judged:
        return []
    pairs = [(each.problem.prompt, text_of(each.completion, scope)) for each in judged]
    return list(Scorer(model, device).values(pairs, batch_size))


def text_of(completion: Completion, scope: Literal["summary", "whole"]) -> str:
    """What the model reads of a completion."""
    if scope == "whole":
        return completion.prefill + completion.text
    summary = split(completion.text, completion.prefill).answer_part.strip()
    return summary.removeprefix(OPENING).removesuffix(CLOSING).strip()


def check_folder(folder: str) -> None:
    """Refuse, without loading it, a folder that holds no reward model. Raises CheckpointError."""
    try:
        config = read_json(Path(folder) / "config.json")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"reward model {folder!r} has no readable config.json; give the folder of a downloaded model") from error
    if not list(Path(folder).glob("*.safetensors")):
        raise CheckpointError(f"reward model {folder!r} has no *.safetensors; only these are read. Convert it with save_pretrained")
    num_values = len(config.get("id2label", ())) if isinstance(config, dict) else 0
    if num_values != 1:
        given = f"{num_values} values" if num_values else "no classification head"
        raise CheckpointError(f"reward model {folder!r} has {given} and must have one value (num_labels=1)")


@lru_cache(maxsize=4)
class Scorer:
    """A reward model in memory; the same folder gives the same one for the life of the process."""

    def __init__(self, folder: str, device: str) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
            self.model, loading = AutoModelForSequenceClassification.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **safely
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"reward model {folder!r} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
        if loading["missing_keys"]:
            missing = sorted(loading["missing_keys"])[0]
            raise CheckpointError(f"reward model {folder!r} lacks the trained weights {missing!r}; train it before it rewards")
        self.model = self.model.to(self.device).eval()
        self.max_length = int(getattr(self.model.config, "max_position_embeddings", 0) or self.tokenizer.model_max_length)

    def values(self, pairs: Sequence[tuple[str, str]], batch_size: int) -> list[float]:
        """One value for each prompt and response."""
        import torch

        pad = self.model.config.get_text_config().pad_token_id
        size = 1 if pad is None else batch_size  # without a padding token the head cannot tell where a text ends
        sequences = [self.tokens(*pair) for pair in pairs]
        found: list[float] = []
        for start in range(0, len(sequences), size):
            rows = sequences[start : start + size]
            width = max(map(len, rows))
            tokens_BT = torch.tensor([row + [pad or 0] * (width - len(row)) for row in rows], device=self.device)
            mask_BT = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=self.device)
            with torch.inference_mode():
                logits_BV = self.model(input_ids=tokens_BT, attention_mask=mask_BT).logits
            found += logits_BV[:, 0].double().tolist()
        return found

    def tokens(self, prompt: str, response: str) -> list[int]:
        """The conversation as tokens, at least one and no more than the context."""
        if self.tokenizer.chat_template:
            turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
            text = self.tokenizer.apply_chat_template(turns, tokenize=False)
            tokens = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        else:
            tokens = self.tokenizer(f"{prompt}\n\n{response}")["input_ids"]
        return tokens[: self.max_length] or [self.tokenizer.eos_token_id or 0]
