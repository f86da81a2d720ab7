"""The `transformers` sampler: a Hugging Face folder, in this process, on CPU or CUDA.

Left out: several GPUs and speed at scale (that is vLLM's part). Every sampling parameter is stated by us; a checkpoint's
generation_config contributes its end-of-text tokens and nothing else; its chat template those that end a turn (harness/models/turns.py).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import PositiveInt

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.models import config, prompts, tokenizer, turns, weights
from r1bench.harness.records import ENDS_WITH, Checkpoint, Completion, Sampling, Template
from r1bench.harness.samplers import Asked, Prompt, Request, Requests, Sampler


@dataclass(frozen=True)
class TransformersOptions:
    """What the manifest says elsewhere, as it came out, is of scope `run`: `batch_size`, and `dtype` in `environment`."""

    device: str = field(default="auto", metadata={"scope": "machine"})
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = field(default="auto", metadata={"scope": "run"})
    batch_size: PositiveInt = field(default=128, metadata={"scope": "run"})
    """Sequences at once."""
    allow_pickle: bool = field(default=False, metadata={"scope": "machine"})
    """Load weights from pickle files, which can run code."""


def plan_batches(whole: Sequence[Sequence[Request]], batch_size: int) -> list[list[Request]]:
    """Every request of a run in fixed batches: round by round, long prompts together, all samples of a problem side by side."""
    batches = []
    for round_ in whole:
        ordered = sorted(round_, key=lambda request: (-(request.prompt.num_tokens or 0), *request.key))
        batches += [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
    return batches


class TransformersSampler(Sampler):
    """Draws completions with a transformers model that it holds in memory.

    A sample depends on (seed, problem, index). Its numbers are computed in a batch, and the last bits of a logit can depend on the
    batch's shape; batches are therefore planned from the whole run, and one that lacks a sample is computed again as it was.
    """

    name = "transformers"
    Options = TransformersOptions
    repeats = "exact"

    def __init__(self, checkpoint: Checkpoint, options: TransformersOptions) -> None:
        super().__init__(checkpoint, options)
        self.device = weights.check_device(options.device)
        weights.check_weights(checkpoint)  # before the tokenizer, which reads config.json too and is less plain about it
        self.tokenizer = tokenizer.load_tokenizer(checkpoint)
        self.model = weights.load_model(checkpoint, self.device, options.dtype, allow_pickle=options.allow_pickle)
        self.context_length = config.context_length_of(self.model.config)
        self.end_tokens = turns.end_tokens_of(self.model, self.tokenizer)
        self.encoded: dict[str, list[int]] = {}

    @classmethod
    def find(cls, place: str, options: TransformersOptions) -> Checkpoint:
        return find_checkpoint(place, allow_pickle=options.allow_pickle)

    @classmethod
    def check(cls, checkpoint: Checkpoint, options: TransformersOptions, asked: Asked) -> None:
        loaded = tokenizer.load_tokenizer(checkpoint)
        for template, problems in asked:
            prompts.make_prompts(loaded, template, problems)

    def describe(self) -> dict[str, str]:
        import torch
        import transformers

        name = torch.cuda.get_device_name() if self.device.startswith("cuda") else f"cpu, {torch.get_num_threads()} threads"
        dtype = str(self.model.dtype).removeprefix("torch.")
        found = {"torch": torch.__version__, "transformers": transformers.__version__, "device": name, "dtype": dtype}
        return found if self.end_tokens else {**found, ENDS_WITH: "no token"}

    def prompts(self, template: Template, problems: Sequence[tuple[str, str]]) -> list[Prompt]:
        made = prompts.make_prompts(self.tokenizer, template, problems)
        self.encoded |= {problem_id: read.tokens for (problem_id, _), read in zip(problems, made, strict=True)}
        ending = prompts.ending_of(self.tokenizer, template)
        return [
            Prompt(problem_id, read.text, prompts.prefill_of(read.text, ending), len(read.tokens))
            for (problem_id, _), read in zip(problems, made, strict=True)
        ]

    def together(self, whole: Sequence[Sequence[Request]]) -> list[list[Request]]:
        return plan_batches(whole, self.options.batch_size)

    def generate(self, requests: Requests, sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        missing = {request.key for request in requests}
        for batch in self.together(requests.whole):
            if any(request.key in missing for request in batch):
                yield from (pair for pair in self._draw(batch, sampling) if pair[0].key in missing)

    def _draw(self, batch: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """One batch."""
        from r1bench.harness.samplers.decoding import decode, uniforms_for

        started = time.perf_counter()
        distinct = list(dict.fromkeys(request.prompt.problem_id for request in batch))
        places = {problem_id: number for number, problem_id in enumerate(distinct)}
        for drawn in decode(
            self.model,
            [self.encoded[problem_id] for problem_id in distinct],
            [places[request.prompt.problem_id] for request in batch],
            [uniforms_for(sampling.seed, *request.key, sampling.max_tokens) for request in batch],
            sampling,
            end_tokens=self.end_tokens,
            is_stop=self._stop_test(sampling.stop),
        ):
            prompt, seconds = batch[drawn.row].prompt, round(time.perf_counter() - started, 4)
            num_prompt_tokens = len(self.encoded[prompt.problem_id])
            completion = turns.completion_of(self.tokenizer, prompt.prefill, num_prompt_tokens, drawn, self.end_tokens, seconds)
            yield batch[drawn.row], completion

    def count_tokens(self, text: str) -> int:
        """Tokens of a piece of text, without special ones."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _stop_test(self, stop: tuple[str, ...]) -> Any:
        if not stop:
            return None
        reach = 4 * max(map(len, stop)) + 8
        return lambda tokens: any(text in tokenizer.text_of(self.tokenizer, tokens[-reach:]) for text in stop)
