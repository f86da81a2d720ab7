"""A reward model: one value for a text, read at its last token, learned from pairs or from labels. Read it top to bottom.

The value is transformers' own, padding rule included, so that the saved folder gives the same one wherever it is loaded. Padding therefore
is, where the tokenizer has such a token, one that ends no example: the rule takes padding at the end off, and would take more than that.

Shapes: B texts, P pairs, S tokens of a text.
"""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from r1bench.backends.custom import Engine
from r1bench.backends.custom.micro_batches import micro_batches
from r1bench.backends.custom.optimizer import learning_rate
from r1bench.backends.custom.training import begin
from r1bench.backends.examples import EXAMPLES, Example, places_of, read_examples
from r1bench.backends.job import RewardModel, TrainJob


class Sums(NamedTuple):
    """Over pairs, or labelled texts."""

    loss: float = 0.0
    correct: int = 0
    margin: float = 0.0

    def plus(self, other: "Sums") -> "Sums":
        return Sums(self.loss + other.loss, self.correct + other.correct, self.margin + other.margin)


def train(job: TrainJob, engine: Engine) -> Path:
    """Train a job to its end, going on from its newest whole checkpoint, and return the sealed result."""
    assert isinstance(job.algorithm, RewardModel)
    examples = read_examples(Path(job.out) / EXAMPLES)
    with begin(job, engine) as training:
        padding = padding_of(training.tokenizer, training.model.config.get_text_config(), examples)
        training.model.config.get_text_config().pad_token_id = padding
        for step in training.steps():
            started = time.perf_counter()
            chosen = [examples[place] for place in places_of(job, step)]
            training.learn(step)
            sums = compute_gradient(training.model, chosen, job.algorithm, engine.micro_tokens)
            norm = training.take_step(step)
            seconds, count = time.perf_counter() - started, len(chosen)
            lengths = [len(text) for example in chosen for text in texts_of(example)]
            figures = {"loss": sums.loss / count, "accuracy": sums.correct / count, "length": sum(lengths) / len(lengths)}
            figures |= {"margin": sums.margin / count} if job.algorithm.loss == "pairwise" else {}
            figures |= {"tokens": float(sum(lengths)), "grad_norm": norm, "learning_rate": learning_rate(job, step)}
            figures |= {"update_seconds": seconds, "tokens_per_second": sum(lengths) / seconds}
            training.record(step, figures)
        return training.finish()


def compute_gradient(model: Any, examples: Sequence[Example], spec: RewardModel, micro_tokens: int) -> Sums:
    """Add up the gradient of the mean over a step's examples, micro-batch by micro-batch."""
    sums = Sums()
    for group in micro_batches(examples, padded_length, micro_tokens):
        scores_B = scores_of(model, [text for example in group for text in texts_of(example)])
        if spec.loss == "pairwise":
            losses, part = pairwise(scores_B[::2], scores_B[1::2], spec.centring)
        else:
            losses, part = pointwise(scores_B, torch.tensor([float(example.label or 0) for example in group], device=scores_B.device))
        (losses.sum() / len(examples)).backward()
        sums = sums.plus(part)
    return sums


def scores_of(model: Any, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """The values of texts, shape (B,)."""
    width, padding = max(map(len, texts)), model.config.get_text_config().pad_token_id
    ids_BS = torch.tensor([[*text, *[padding] * (width - len(text))] for text in texts], device=model.device)
    mask_BS = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts], device=model.device)
    return model(input_ids=ids_BS, attention_mask=mask_BS, use_cache=False).logits[:, 0].float()


def pairwise(chosen_P: torch.Tensor, rejected_P: torch.Tensor, centring: float) -> tuple[torch.Tensor, Sums]:
    """-log sigmoid(chosen - rejected), and centring times (chosen + rejected)^2 (arXiv 2312.09244, Eq. 2), for each pair."""
    losses_P = -logsigmoid(chosen_P - rejected_P) + centring * (chosen_P + rejected_P) ** 2
    margins_P = (chosen_P - rejected_P).detach()
    return losses_P, Sums(total(losses_P), int((margins_P > 0).sum()), total(margins_P))


def pointwise(scores_B: torch.Tensor, labels_B: torch.Tensor) -> tuple[torch.Tensor, Sums]:
    """Cross-entropy of sigmoid(score) and the label, for each text."""
    losses_B = binary_cross_entropy_with_logits(scores_B, labels_B, reduction="none")
    return losses_B, Sums(total(losses_B), int(((scores_B > 0) == (labels_B > 0.5)).sum()))


def total(values: torch.Tensor) -> float:
    """Their sum as a number."""
    return float(values.detach().double().sum())


def texts_of(example: Example) -> list[list[int]]:
    """The chosen and the rejected text of a pair, or the text of a labelled response."""
    return [example.tokens, example.rejected] if example.rejected else [example.tokens]


def padded_length(example: Example) -> int:
    """Tokens of its texts, each as long as the longest."""
    texts = texts_of(example)
    return len(texts) * max(map(len, texts))


def padding_of(tokenizer: Any, config: Any, examples: Iterable[Example]) -> int:
    """The token that fills up shorter texts: the model's own or another special one, that ends no example where there is one."""
    ends = {text[-1] for example in examples for text in texts_of(example)}
    known = [config.pad_token_id, tokenizer.pad_token_id, *tokenizer.all_special_ids]
    able = [token for token in known if isinstance(token, int) and 0 <= token < config.vocab_size]
    return next((token for token in able if token not in ends), able[0] if able else 0)
