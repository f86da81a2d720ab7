"""Supervised fine-tuning: each step the mean negative log-likelihood over the trained tokens of all its examples. Read it top to bottom.

How a step is cut into rows and rows into micro-batches changes its gradient in the last bits only. Packing puts examples side by side in a
row, positions beginning again and each seeing itself alone; `check_packing` tries before the first step whether a model keeps them apart.

Shapes: B rows, S tokens of a row.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from r1bench.backends.custom import Engine
from r1bench.backends.custom.micro_batches import micro_batches
from r1bench.backends.custom.optimizer import learning_rate
from r1bench.backends.custom.training import begin
from r1bench.backends.examples import EXAMPLES, Example, places_of, read_examples
from r1bench.backends.job import Sft, TrainJob
from r1bench.harness.errors import BackendError

Row = list[Example]
"""Examples that stand behind one another."""
CLOSE = {torch.float32: 1e-3, torch.bfloat16: 0.2}
"""How far logits may be on average from those of an example alone, as a share of their spread. A neighbour that is seen: 0.6."""


class Sums(NamedTuple):
    """Over trained tokens."""

    loss: float = 0.0
    correct: int = 0

    def plus(self, other: "Sums") -> "Sums":
        return Sums(self.loss + other.loss, self.correct + other.correct)


class Batch(NamedTuple):
    """Rows as tensors, padded on the right; a target is the token behind."""

    ids_BS: torch.Tensor
    positions_BS: torch.Tensor
    attention: torch.Tensor
    """(B, S) of one example a row; (B, 1, S, S) and added to the scores of packed ones."""
    is_trained_BS: torch.Tensor
    """Whether the token at a place is learned from."""


def train(job: TrainJob, engine: Engine) -> Path:
    """Train a job to its end, going on from its newest whole checkpoint, and return the sealed result."""
    assert isinstance(job.algorithm, Sft)
    examples = read_examples(Path(job.out) / EXAMPLES)
    with begin(job, engine) as training:
        if job.algorithm.packing:
            check_packing(training.model, job.algorithm.max_length)
        for step in training.steps():
            started = time.perf_counter()
            chosen = [examples[place] for place in places_of(job, step)]
            training.learn(step)
            sums, num_tokens = compute_gradient(training.model, chosen, job.algorithm, engine.micro_tokens)
            norm = training.take_step(step)
            seconds = time.perf_counter() - started
            figures = {"loss": sums.loss / num_tokens, "accuracy": sums.correct / num_tokens, "tokens": float(num_tokens)}
            figures |= {"length": sum(len(example.tokens) for example in chosen) / len(chosen), "grad_norm": norm}
            figures |= {"learning_rate": learning_rate(job, step), "update_seconds": seconds, "tokens_per_second": num_tokens / seconds}
            training.record(step, figures)
        return training.finish()


def compute_gradient(model: Any, examples: Sequence[Example], spec: Sft, micro_tokens: int) -> tuple[Sums, int]:
    """Add up the gradient of a step, micro-batch by micro-batch; returns what happened, and how many tokens were trained."""
    num_tokens = max(sum(sum(example.mask(spec.loss_on)[1:]) for example in examples), 1)
    rows = pack(examples, spec.max_length) if spec.packing else [[example] for example in examples]
    sums = Sums()
    for group in micro_batches(rows, length_of, micro_tokens):
        losses_N, correct = token_losses(model, to_batch(group, spec.loss_on, model.device, model.dtype))
        (losses_N.sum() / num_tokens).backward()
        sums = sums.plus(Sums(float(losses_N.detach().double().sum()), correct))
    return sums, num_tokens


def token_losses(model: Any, batch: Batch) -> tuple[torch.Tensor, int]:
    """Negative log-likelihood of each trained token of a batch, in no order, and how many of them were the most likely ones."""
    logits_BSV = logits_of(model, batch)[:, :-1]
    is_trained_BS = batch.is_trained_BS[:, 1:]
    logits_NV, targets_N = logits_BSV[is_trained_BS].float(), batch.ids_BS[:, 1:][is_trained_BS]
    losses_N = torch.nn.functional.cross_entropy(logits_NV, targets_N, reduction="none")
    return losses_N, int((logits_NV.argmax(dim=1) == targets_N).sum())


def logits_of(model: Any, batch: Batch) -> torch.Tensor:
    """Logits at every place. Positions are given where they begin again within a row; otherwise every model counts them so itself."""
    positions = {"position_ids": batch.positions_BS} if batch.attention.dim() == 4 else {}
    return model(input_ids=batch.ids_BS, attention_mask=batch.attention, use_cache=False, **positions).logits


def pack(examples: Sequence[Example], max_length: int) -> list[Row]:
    """Rows of at most so many tokens, each example whole, the longest first into the first row that has room for it."""
    rows: list[Row] = []
    room: list[int] = []
    for example in sorted(examples, key=lambda each: -len(each.tokens)):
        place = next((place for place, left in enumerate(room) if left >= len(example.tokens)), len(rows))
        if place == len(rows):
            rows.append([])
            room.append(max_length)
        rows[place].append(example)
        room[place] -= len(example.tokens)
    return rows


def length_of(row: Row) -> int:
    """Tokens of a row."""
    return sum(len(example.tokens) for example in row)


def to_batch(rows: Sequence[Row], loss_on: str, device: Any, dtype: torch.dtype) -> Batch:
    """Rows as one padded batch; the first token of an example is never a target: nothing is before it."""
    width = max(map(length_of, rows))
    ids_BS = torch.zeros(len(rows), width, dtype=torch.long)
    positions_BS, owners_BS = torch.zeros_like(ids_BS), torch.zeros_like(ids_BS)
    is_trained_BS = torch.zeros(len(rows), width, dtype=torch.bool)
    for number, row in enumerate(rows):
        start = 0
        for owner, example in enumerate(row, start=1):
            part = (number, slice(start, start + len(example.tokens)))
            ids_BS[part] = torch.tensor(example.tokens)
            positions_BS[part] = torch.arange(len(example.tokens))
            owners_BS[part] = owner
            is_trained_BS[part] = torch.tensor([False, *example.mask(loss_on)[1:]])
            start += len(example.tokens)
    is_packed = any(len(row) > 1 for row in rows)
    attention = each_to_itself(owners_BS, dtype) if is_packed else (owners_BS > 0).long()
    return Batch(*(tensor.to(device) for tensor in (ids_BS, positions_BS, attention, is_trained_BS)))


def each_to_itself(owners_BS: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What is added to the scores so that a token sees those before it in its own example: shape (B, 1, S, S). Padding sees padding."""
    sees_BSS = (owners_BS[:, :, None] == owners_BS[:, None, :]).tril()
    return torch.zeros(sees_BSS.shape, dtype=dtype).masked_fill(~sees_BSS, torch.finfo(dtype).min)[:, None]


@torch.no_grad()
def check_packing(model: Any, max_length: int) -> None:
    """Try whether a model keeps the examples of a row apart: whether another neighbour changes not one bit, and logits are as alone.

    Raises BackendError: it does not, or its attention ends before the row.
    """
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    first, other, *rest = [Example("", [(start + 7 * place) % config.vocab_size for place in range(9 + start // 2)]) for start in range(4)]
    reason = f"its attention ends after {window} tokens of a row" if window and window < max_length else ""
    try:
        logits = [logits_of(model, to_batch([row], "all", model.device, model.dtype))[0] for row in ([first, *rest], [other, *rest])]
        together, beside_another = (found[len(first.tokens) :].float() for found in logits)
        alone = torch.cat([logits_of(model, to_batch([[each]], "all", model.device, model.dtype))[0] for each in rest]).float()
        is_apart = torch.equal(together, beside_another) and float((together - alone).abs().mean() / alone.std()) <= CLOSE[model.dtype]
    except (TypeError, ValueError, RuntimeError, IndexError):
        is_apart = False
    if reason or not is_apart:
        reason = reason or "it does not keep the examples of a row apart"
        raise BackendError(f"{type(model).__name__} cannot be packed: {reason}; use --set algorithm.packing=false")
