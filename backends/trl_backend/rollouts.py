"""What TRL draws, as r1bench reads it: prompts by their place in the training, completions with their text, rewards, figures and rows.

TRL sees a data set of places (0, 1, ...) and asks for the prompt of each; the tokens are those of evaluation. Imports nothing of TRL.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from r1bench.backends.finished import Finished
from r1bench.backends.job import TrainJob
from r1bench.backends.prompts import draw_problems
from r1bench.harness.models.prompts import ending_of, make_prompts, prefill_of
from r1bench.harness.models.turns import Drawn, completion_of
from r1bench.harness.records import Completion, Problem
from r1bench.tasks.rewards import Scored
from r1bench.tasks.templates import TEMPLATES


class Prompt(NamedTuple):
    """What stands at one place."""

    problem: Problem
    token_ids: list[int]
    prefill: str
    """What it already says of the answer."""


class Prompts:
    """The prompts of a training by their place: those of step 0 first, `batch_size` of them, then those of step 1."""

    def __init__(self, job: TrainJob, problems: Sequence[Problem] | None, tokenizer: Any) -> None:
        self.job, self.problems, self.tokenizer = job, problems, tokenizer
        self.template = TEMPLATES[job.data.template]
        self.ending = ending_of(tokenizer, self.template)
        self.step, self.prompts = -1, list[Prompt]()

    def __getitem__(self, place: int) -> Prompt:
        step, number = divmod(place, self.job.batch_size)
        if step != self.step:
            asked = draw_problems(self.job, step, self.problems)
            read = make_prompts(self.tokenizer, self.template, [(problem.id, problem.prompt) for problem in asked])
            made = zip(asked, read, strict=True)
            self.prompts = [Prompt(problem, each.tokens, prefill_of(each.text, self.ending)) for problem, each in made]
            self.step = step
        return self.prompts[number]


class Drawing(NamedTuple):
    """What was drawn at one place, as it goes from process to process."""

    place: int
    token_ids: list[int]
    """Empty where the engine has drawn nothing."""
    logprobs: list[float | None] | None = None
    """Of the tokens, by what drew them; None inside for one that it could not tell."""


def finished_of(drawing: Drawing, prompt: Prompt, completion: Completion, sample: int, scored: Scored) -> Finished:
    """A completion that is rewarded; its log-probabilities are known where those of all its tokens are."""
    logprobs = [value for value in drawing.logprobs or () if value is not None]
    known = None if drawing.logprobs is None or len(logprobs) < len(drawing.logprobs) else logprobs
    return Finished(prompt.problem, sample, completion, prompt.token_ids, drawing.token_ids, known, scored)


def completions_of(drawings: Sequence[Drawing], prompts: Prompts, end_tokens: frozenset[int]) -> list[Completion]:
    """The texts of what was drawn, ended as in evaluation."""
    completions = []
    for drawing in drawings:
        prompt, is_stopped = prompts[drawing.place], not drawing.token_ids or drawing.token_ids[-1] in end_tokens
        drawn = Drawn(drawing.place, drawing.token_ids, is_stopped and bool(drawing.token_ids))
        completions.append(completion_of(prompts.tokenizer, prompt.prefill, len(prompt.token_ids), drawn, end_tokens))
    return completions


def shifted(totals: Sequence[float], group_size: int) -> list[float | None]:
    """Rewards minus the first known one of their group; None for what is not a number.

    Advantages stay what they are, but for rounding: TRL counts in float32, where the mean of a group of equal rewards such as 0.1 misses
    them by a hair, which divided by a standard deviation of 0 + 1e-4 would be a push.
    """
    shifted: list[float | None] = []
    for start in range(0, len(totals), group_size):
        group = totals[start : start + group_size]
        base = next((total for total in group if not math.isnan(total)), 0.0)
        shifted += [None if math.isnan(total) else total - base for total in group]
    return shifted


def shift_of(job: TrainJob) -> int:
    """How many rewards share a first one. The deviation of a batch is over groups, which must then keep their distance."""
    spec = job.grpo
    return job.batch_size * spec.samples if spec.loss.scale == "batch_std" else spec.samples


UPDATE_FIGURES = {
    **{"loss": "loss", "grad_norm": "grad_norm", "entropy": "entropy"},
    **{"clip_ratio/region_mean": "clip_fraction", "cispo_clip_ratio": "clip_fraction"},
}
"""TRL's metrics that are means over a step's optimiser steps, by their names in the journal."""


def update_figures(logs: Sequence[Mapping[str, Any]], divergence: str) -> dict[str, float]:
    """Figures of a step's optimiser steps, of what TRL logs of each.

    Args:
        divergence: which estimator TRL's `kl` is: k3 of GRPOTrainer, k1 of RLOOTrainer.
    """
    names = UPDATE_FIGURES | {"kl": f"kl/{divergence}"}
    figures = {}
    for theirs, ours in names.items():
        known = [float(log[theirs]) for log in logs if log.get(theirs) is not None]
        if known:
            figures[ours] = math.fsum(known) / len(known)
    rates = [float(log["learning_rate"]) for log in logs if "learning_rate" in log]
    return figures | ({"learning_rate": rates[0]} if rates else {})
