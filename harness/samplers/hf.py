"""The `transformers` sampler: a Hugging Face folder, in this process, on CPU or CUDA.

Left out: several GPUs and speed at scale (that is vLLM's part). Every sampling parameter is stated by us; a checkpoint's
generation_config contributes its end-of-text tokens and nothing else.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from r1bench.harness.errors import UsageError
from r1bench.harness.models import (
    DTYPES,
    check_device,
    context_length_of,
    encode,
    end_tokens_of,
    load_model,
    load_tokenizer,
    prefill_of,
    render,
)
from r1bench.harness.records import Checkpoint, Completion, Sampling, Template
from r1bench.harness.samplers import Prompt, Request


class TransformersSampler:
    """Draws completions with a transformers model that it holds in memory.

    A sample depends on (seed, problem, index). Its numbers are computed in a batch, and the last bits of a logit can depend on the
    batch's shape; batches are therefore planned from the whole task, so that a resumed run repeats them exactly.
    """

    name = "transformers"

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 128,
        allow_pickle: bool = False,
    ) -> None:
        device = check_device(device)
        if dtype not in DTYPES:
            raise UsageError(f"dtype {dtype!r} is none of {', '.join(DTYPES)}")
        self.tokenizer = load_tokenizer(checkpoint)
        self.model = load_model(checkpoint, device, dtype, allow_pickle=allow_pickle)
        self.device, self.batch_size = device, batch_size
        self.context_length = context_length_of(self.model.config)
        self.end_tokens = end_tokens_of(self.model, self.tokenizer)
        self.encoded: dict[str, list[int]] = {}

    def describe(self) -> dict[str, str]:
        import torch
        import transformers

        name = torch.cuda.get_device_name() if self.device.startswith("cuda") else f"cpu, {torch.get_num_threads()} threads"
        dtype = str(self.model.dtype).removeprefix("torch.")
        return {"torch": torch.__version__, "transformers": transformers.__version__, "device": name, "dtype": dtype}

    def prompts(self, template: Template, problems: Sequence[tuple[str, str]]) -> list[Prompt]:
        found = []
        for problem_id, question in problems:
            text = render(self.tokenizer, template, question)
            self.encoded[problem_id] = encode(self.tokenizer, template, text)
            found.append(Prompt(problem_id, text, prefill_of(text), len(self.encoded[problem_id])))
        return found

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        from r1bench.harness.samplers.decoding import decode, uniforms_for

        started = time.perf_counter()
        distinct = list(dict.fromkeys(request.prompt.problem_id for request in requests))
        places = {problem_id: number for number, problem_id in enumerate(distinct)}
        for drawn in decode(
            self.model,
            [self.encoded[problem_id] for problem_id in distinct],
            [places[request.prompt.problem_id] for request in requests],
            [uniforms_for(sampling.seed, request.prompt.problem_id, request.index, sampling.max_tokens) for request in requests],
            sampling,
            end_tokens=self.end_tokens,
            is_stop=self._stop_test(sampling.stop),
        ):
            request = requests[drawn.row]
            yield (
                request,
                Completion(
                    text=self.text_of(drawn.tokens),
                    finish_reason="stop" if drawn.is_stopped else "length",
                    num_tokens=len(drawn.tokens),
                    num_prompt_tokens=request.prompt.num_tokens,
                    seconds=round(time.perf_counter() - started, 4),
                    prefill=request.prompt.prefill,
                ),
            )

    def text_of(self, tokens: Sequence[int]) -> str:
        """The raw text without special tokens; a cut character shows as U+FFFD."""
        return self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def count_tokens(self, text: str) -> int:
        """Tokens of a piece of text, without special ones."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _stop_test(self, stop: tuple[str, ...]) -> Any:
        if not stop:
            return None
        reach = 4 * max(map(len, stop)) + 8
        return lambda tokens: any(text in self.text_of(tokens[-reach:]) for text in stop)
