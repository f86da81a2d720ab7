"""A sampler that says what it is told to: for tests of evaluation, storage and statistics without a model."""

from collections.abc import Callable, Iterator, Sequence

from r1bench.harness.records import Completion, FinishReason, Sampling, Template
from r1bench.harness.samplers import NoOptions, Prompt, Request, Requests, Sampler


class ScriptedSampler(Sampler):
    """Answers each request with `script(problem_id, index)`; one word counts as one token.

    A text longer than the budget is cut there and finishes with 'length', as a model's would be.
    """

    name = "scripted"
    repeats = "exact"

    def __init__(self, script: Callable[[str, int], str], *, context_length: int = 4096) -> None:
        self.script, self.context_length, self.options = script, context_length, NoOptions()
        self.num_generated = 0
        """Completions drawn so far, to see that nothing is generated twice."""

    def prompts(self, template: Template, problems: Sequence[tuple[str, str]]) -> list[Prompt]:
        return [prompt._replace(num_tokens=len(prompt.text.split())) for prompt in super().prompts(template, problems)]

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, requests: Requests, sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        for request in requests:
            words = self.script(*request.key).split(" ")
            kept = words[: sampling.max_tokens]
            self.num_generated += 1
            reason: FinishReason = "length" if len(words) > len(kept) else "stop"
            yield request, Completion(" ".join(kept), reason, len(kept), request.prompt.num_tokens or 0)
