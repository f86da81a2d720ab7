"""Base and result of a supervised training on the examples that were kept aside: whichever backend trained, the same measure.

    found = measure(job);  print(*found.lines(), sep="\\n");  found.to_json()

Fine-tuning: the mean negative log-likelihood over the trained tokens of each example, in nats, and the difference over the examples with
Student's t interval. A reward model: the share of pairs, or of labels, on the right side, with Wilson's interval; its base has no head that
was trained, and guesses. A tie is half right. Limit: the examples are of the user's own file; other data may say otherwise.
"""

import math
import statistics as plain
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.backends.examples import HELD_OUT, Example, read_examples
from r1bench.backends.job import RewardModel, Sft
from r1bench.backends.journal import FINAL
from r1bench.harness.canonical import Record
from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.models.values import load_reward_model, values_of
from r1bench.harness.models.weights import load_model
from r1bench.harness.statistics import mean_interval, student_t

if TYPE_CHECKING:
    from r1bench.backends.job import TrainJob

TOKENS_AT_ONCE = 4096
"""Of a forward pass, padding included."""
AT_ONCE = 256
"""Tokens whose probabilities are computed in double precision together."""
LEVEL = 0.95


@dataclass(frozen=True)
class HeldOut(Record):
    """What was measured."""

    measure: str
    """nll (nats per trained token, lower is better), pair_accuracy or label_accuracy."""
    n: int
    """Examples, pairs or labels."""
    value: float
    """Of the result."""
    low: float | None
    high: float | None
    """Of the difference where there is a base to compare with, otherwise of the value; None: one example has no interval."""
    method: str
    level: float = LEVEL
    base: float | None = None
    """Of the checkpoint that the training began with; None for a reward model, whose base has no head."""
    difference: float | None = None
    """Result minus base, over the same examples."""
    margin: float | None = None
    """Mean of chosen minus rejected value, of pairs."""
    versions: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """In words, a line each."""
        aside = f"held out (n={self.n})"
        if self.difference is not None and self.base is not None:
            told = f"{self.base:.4g} -> {self.value:.4g} nats per trained token, difference {self.difference:+.4g}"
            if self.low is None or self.high is None:
                return [f"{aside}: {told}; one example has no interval"]
            change = "better" if self.high < 0 else "worse" if self.low > 0 else "no difference that these examples show"
            return [f"{aside}: {told} [{self.low:.4g}, {self.high:.4g}] at {self.level:.0%}: {change}"]
        what = "pairs" if self.measure == "pair_accuracy" else "labels"
        margin = "" if self.margin is None else f", mean margin {self.margin:.3g}"
        span = f"[{self.low:.1%}, {self.high:.1%}]"
        return [f"{aside}: {self.value:.1%} of {what} on the right side {span} at {self.level:.0%}{margin}"]


def measure(job: "TrainJob") -> HeldOut | None:
    """Base and result of a finished training; None where nothing was held out, or it is no supervised one.

    Raises CheckpointError, BackendError: a checkpoint cannot be loaded, or the examples cannot be read.
    """
    if not job.data.held_out:
        return None
    examples = list(read_examples(Path(job.out) / HELD_OUT))
    if isinstance(job.algorithm, Sft):
        return compared(job, examples, job.algorithm.loss_on)
    return judged(job, examples) if isinstance(job.algorithm, RewardModel) else None


def compared(job: "TrainJob", examples: Sequence[Example], loss_on: str) -> HeldOut:
    """Likelihoods of the answers, before and after."""
    before, after = (
        losses_of(load_model(find_checkpoint(place), job.device, job.dtype), examples, loss_on)
        for place in (job.model, str(Path(job.out) / FINAL))
    )
    differences = [one - other for one, other in zip(after, before, strict=True)]
    mean, low, high = t_interval(differences)
    value, base = (math.fsum(losses) / len(losses) for losses in (after, before))
    return HeldOut("nll", len(examples), value, low, high, "t", base=base, difference=mean, versions=dict(job.versions))


def t_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float | None, float | None]:
    """The mean and Student's t interval about it, which one value alone does not have."""
    mean, count = math.fsum(values) / len(values), len(values)
    if count < 2:
        return mean, None, None
    half = student_t(level, count - 1) * plain.stdev(values) / math.sqrt(count)
    return mean, mean - half, mean + half


def losses_of(model: Any, examples: Sequence[Example], loss_on: str) -> list[float]:
    """The mean negative log-likelihood over the trained tokens of each example; the first token of a text is never predicted."""
    import torch
    from torch.nn.functional import cross_entropy

    found = [0.0] * len(examples)
    for places in batches([example.tokens for example in examples]):
        width = max(len(examples[place].tokens) for place in places)
        rows = [examples[place].tokens + [0] * (width - len(examples[place].tokens)) for place in places]
        mask = [[1] * len(examples[place].tokens) + [0] * (width - len(examples[place].tokens)) for place in places]
        tokens_BT, mask_BT = torch.tensor(rows, device=model.device), torch.tensor(mask, device=model.device)
        with torch.inference_mode():
            logits_BTV = model(input_ids=tokens_BT, attention_mask=mask_BT).logits
        for row, place in enumerate(places):
            trained = [number for number, is_trained in enumerate(examples[place].mask(loss_on)) if is_trained and number]
            parts = [torch.tensor(trained[at : at + AT_ONCE], device=model.device) for at in range(0, len(trained), AT_ONCE)]
            sums = [cross_entropy(logits_BTV[row, each - 1].double(), tokens_BT[row, each], reduction="sum") for each in parts]
            found[place] = math.fsum(map(float, sums)) / len(trained)
    return found


def judged(job: "TrainJob", examples: Sequence[Example]) -> HeldOut:
    """Pairs or labels on the right side."""
    model = load_reward_model(str(Path(job.out) / FINAL), job.device, job.dtype)
    values = in_order(model, [example.tokens for example in examples])
    if examples[0].label is not None:
        rights = [right(value if example.label else -value) for value, example in zip(values, examples, strict=True)]
        name, margin = "label_accuracy", None
    else:
        others = in_order(model, [example.rejected for example in examples])
        margins = [one - other for one, other in zip(values, others, strict=True)]
        name, rights, margin = "pair_accuracy", [right(each) for each in margins], math.fsum(margins) / len(margins)
    low, high, method = mean_interval(rights, LEVEL)
    share = math.fsum(rights) / len(rights)
    return HeldOut(name, len(rights), share, low, high, method, margin=margin, versions=dict(job.versions))


def right(margin: float) -> float:
    """1 where the better one is valued higher, 0.5 for a tie."""
    return 1.0 if margin > 0 else 0.5 if margin == 0 else 0.0


def in_order(model: Any, sequences: Sequence[Sequence[int]]) -> list[float]:
    """Values of sequences, those of one length side by side."""
    found = [0.0] * len(sequences)
    for places in batches(sequences):
        for place, value in zip(places, values_of(model, [sequences[place] for place in places], len(places)), strict=True):
            found[place] = value
    return found


def batches(sequences: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Their places, longest first, as many together as TOKENS_AT_ONCE holds."""
    order = sorted(range(len(sequences)), key=lambda place: -len(sequences[place]))
    while order:
        count = max(1, TOKENS_AT_ONCE // max(len(sequences[order[0]]), 1))
        yield order[:count]
        order = order[count:]
