"""A sampler that says what it is told to: for tests of evaluation, storage and statistics without a model."""

from collections.abc import Callable, Iterator, Sequence

from r1bench.harness.records import Completion, Sampling, Template
from r1bench.harness.samplers import Prompt, Request


class ScriptedSampler:
    """Answers each request with `script(problem_id, index)`; one word counts as one token.

    A text longer than the budget is cut there and finishes with 'length', as a model's would be.
    """

    name = "scripted"

    def __init__(self, script: Callable[[str, int], str], *, batch_size: int = 16, context_length: int = 4096) -> None:
        self.script = script
        self.batch_size = batch_size
        self.context_length = context_length
        self.num_generated = 0
        """Completions drawn so far, to see that nothing is generated twice."""

    def describe(self) -> dict[str, str]:
        return {"sampler": "scripted"}

    def prompts(self, template: Template, problems: Sequence[tuple[str, str]]) -> list[Prompt]:
        texts = [template.fill(question) for _, question in problems]
        return [Prompt(problem_id, text, "", len(text.split())) for (problem_id, _), text in zip(problems, texts, strict=True)]

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        for request in requests:
            words = self.script(request.prompt.problem_id, request.index).split(" ")
            is_cut = len(words) > sampling.max_tokens
            self.num_generated += 1
            yield (
                request,
                Completion(
                    text=" ".join(words[: sampling.max_tokens]),
                    finish_reason="length" if is_cut else "stop",
                    num_tokens=min(len(words), sampling.max_tokens),
                    num_prompt_tokens=request.prompt.num_tokens,
                ),
            )
