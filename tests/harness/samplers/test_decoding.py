"""The decoding loop and the transformers sampler, on the embedded model."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.tokenizer import text_of
from r1bench.harness.models.turns import Drawn
from r1bench.harness.records import Completion, Sampling
from r1bench.harness.samplers import Request, Requests, decoding
from r1bench.harness.samplers.decoding import decode, draw_tokens, new_cache, uniforms_for
from r1bench.harness.samplers.hf import TransformersOptions, TransformersSampler, plan_batches
from r1bench.tasks.arithmetic import problems
from r1bench.tasks.templates import TEMPLATES


@pytest.fixture(scope="module")
def sampler() -> TransformersSampler:
    torch.set_num_threads(1)
    return TransformersSampler(find_checkpoint("tiny-base"), TransformersOptions(device="cpu"))


def requests_for(sampler: TransformersSampler, count: int, n: int) -> list[Request]:
    prompts = sampler.prompts(TEMPLATES["plain"], [(problem.id, problem.prompt) for problem in problems("test", count)])
    return [Request(prompt, index) for prompt in prompts for index in range(n)]


def draw(sampler: TransformersSampler, requests: list[Request], sampling: Sampling) -> dict[tuple[str, int], Completion]:
    return {request.key: done for request, done in sampler.generate(Requests([requests]), sampling)}


def test_a_sample_does_not_depend_on_its_batch_neighbours(sampler: TransformersSampler) -> None:
    requests, sampling = requests_for(sampler, 6, 4), Sampling(n=4, max_tokens=96)
    together = draw(sampler, requests, sampling)
    alone = {key: done for request in requests for key, done in draw(sampler, [request], sampling).items()}
    assert {key: done.text for key, done in alone.items()} == {key: done.text for key, done in together.items()}


def test_another_seed_or_index_gives_another_sample(sampler: TransformersSampler) -> None:
    requests = requests_for(sampler, 1, 16)
    first, second = (draw(sampler, requests, Sampling(n=16, max_tokens=64, seed=seed)) for seed in (0, 1))
    assert len({done.text for done in first.values()}) > 4
    assert [done.text for done in first.values()] != [done.text for done in second.values()]


def test_greedy_decoding_equals_that_of_transformers(sampler: TransformersSampler) -> None:
    requests = requests_for(sampler, 5, 1)
    ours = draw(sampler, requests, Sampling(n=1, temperature=0, max_tokens=60))
    for request in requests:
        ids = torch.tensor([sampler.encoded[request.prompt.problem_id]])
        out = sampler.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=60)
        found = ours[request.prompt.problem_id, 0]
        assert text_of(sampler.tokenizer, out[0, ids.shape[1] :].tolist()) == found.text + found.end


def test_token_counts_and_finish_reasons_are_real(sampler: TransformersSampler) -> None:
    requests = requests_for(sampler, 8, 2)
    for done in draw(sampler, requests, Sampling(n=2, max_tokens=12)).values():
        is_ended = done.finish_reason == "stop"
        assert done.num_tokens <= 12
        assert is_ended or done.num_tokens == 12
        assert len(sampler.tokenizer(done.text)["input_ids"]) <= done.num_tokens - is_ended + 2


def test_a_stop_text_ends_a_completion_and_stays_in_it(sampler: TransformersSampler) -> None:
    sampling = Sampling(n=8, max_tokens=96, stop=("=",))
    texts = [done.text for done in draw(sampler, requests_for(sampler, 4, 8), sampling).values()]
    assert any(text.endswith("=") for text in texts)
    assert all(text.count("=") <= 1 for text in texts)


def test_each_distinct_prompt_is_read_once(sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []
    forward = sampler.model.forward

    def watch(*args: Any, **kwargs: Any) -> Any:
        shapes.append(tuple(kwargs["input_ids"].shape))
        return forward(*args, **kwargs)

    monkeypatch.setattr(sampler.model, "forward", watch)
    draw(sampler, requests_for(sampler, 3, 8), Sampling(n=8, max_tokens=64))
    assert shapes[0][0] == 3
    assert shapes[1] == (24, 1)
    assert shapes[-1][0] < 24  # finished sequences have left


def test_only_the_batch_that_lacks_a_sample_is_computed_again_and_only_that_sample_given(
    sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler, "options", TransformersOptions(batch_size=4))
    requests, sampling = requests_for(sampler, 6, 2), Sampling(n=2, max_tokens=32)
    whole, drawn = draw(sampler, requests, sampling), []
    monkeypatch.setattr(sampler, "_draw", lambda batch, how, draw=sampler._draw: drawn.append(batch) or draw(batch, how))
    missing = plan_batches([requests], 4)[1][2]
    found = list(sampler.generate(Requests([requests], {request.key for request in requests} - {missing.key}), sampling))
    assert drawn == [plan_batches([requests], 4)[1]]
    assert [(request, done.text) for request, done in found] == [(missing, whole[missing.key].text)]


def brute_force(probabilities: list[float], uniform: float, top_p: float, top_k: int) -> set[int]:
    """The token by the definition: sorted, cut, renormalised, first whose cumulative sum exceeds the draw."""
    order = sorted(range(len(probabilities)), key=lambda token: -probabilities[token])[: top_k or None]
    total = sum(probabilities[token] for token in order)
    kept, reached = [], 0.0
    for token in order:
        if reached >= top_p:
            break
        kept.append(token)
        reached += probabilities[token] / total
    mass, reached = sum(probabilities[token] for token in kept), 0.0
    for token in kept if top_p < 1 or top_k else sorted(kept):
        reached += probabilities[token] / mass
        if reached > uniform:
            return {token}
    return {kept[-1]}


@pytest.mark.parametrize(("top_p", "top_k"), [(1.0, 0), (0.9, 0), (1.0, 3), (0.7, 4)])
def test_drawing_inverts_the_distribution_after_the_cuts(top_p: float, top_k: int) -> None:
    torch.manual_seed(0)
    logits, uniforms = torch.randn(200, 9), torch.rand(200, dtype=torch.float64)
    drawn = draw_tokens(logits, uniforms, Sampling(temperature=0.8, top_p=top_p, top_k=top_k)).tolist()
    rows = torch.softmax(logits.double() / 0.8, dim=-1).tolist()
    assert all(token in brute_force(row, u, top_p, top_k) for token, row, u in zip(drawn, rows, uniforms.tolist(), strict=True))


def test_draws_are_keyed_by_seed_problem_and_index() -> None:
    draws = [uniforms_for(*key, 8).tolist() for key in [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1)]]
    assert uniforms_for(0, "a", 0, 8).tolist() == draws[0]
    assert len({tuple(row) for row in draws}) == 4
    assert uniforms_for(0, "a", 0, 3).tolist() == draws[0][:3]


def tokens_of(drawn: Iterator[Any]) -> list[list[int]]:
    return [row.tokens for row in sorted(drawn, key=lambda row: row.row)]


def test_the_cache_changes_nothing(sampler: TransformersSampler) -> None:
    prompt = sampler.encoded[requests_for(sampler, 1, 1)[0].prompt.problem_id]
    ids, cache = torch.tensor([prompt]), new_cache(sampler.model.config)
    with torch.no_grad():
        whole = sampler.model(input_ids=ids, use_cache=False).logits[0, -1]
        for place in range(len(prompt)):
            stepwise = sampler.model(input_ids=ids[:, place : place + 1], past_key_values=cache, use_cache=True).logits[0, -1]
    assert torch.allclose(whole, stepwise, atol=1e-4)


def test_a_budget_of_one_token_gives_one_token(sampler: TransformersSampler) -> None:
    prompt = sampler.encoded[requests_for(sampler, 1, 1)[0].prompt.problem_id]
    draws = [uniforms_for(0, "x", 0, 1)]
    found = tokens_of(decode(sampler.model, [prompt], [0], draws, Sampling(max_tokens=1), end_tokens=sampler.end_tokens))
    assert [len(tokens) for tokens in found] == [1]


def test_logits_that_are_no_numbers_are_an_error_and_not_a_token() -> None:
    logits = torch.tensor([[0.0, float("nan"), 1.0]])
    with pytest.raises(CheckpointError, match="not finite"):
        draw_tokens(logits, torch.tensor([0.5], dtype=torch.float64), Sampling())


def said(sampler: TransformersSampler, sampling: Sampling, **options: Any) -> list[Drawn]:
    """Four sequences each after two prompts of different lengths."""
    prompts, rows = [[270, 27, 222], [270, 27, 222, 19, 496, 342, 497]], [0, 0, 0, 0, 1, 1, 1, 1]
    draws = [uniforms_for(0, f"p{row}", place, sampling.max_tokens) for place, row in enumerate(rows)]
    found = decode(sampler.model, prompts, rows, draws, sampling, end_tokens=frozenset([2]), **options)
    return sorted(found, key=lambda drawn: drawn.row)


@pytest.mark.parametrize("is_plain", [False, True])
def test_every_token_comes_with_the_log_probability_it_was_drawn_under(
    sampler: TransformersSampler, monkeypatch: pytest.MonkeyPatch, is_plain: bool
) -> None:
    if is_plain:
        monkeypatch.setattr(decoding, "can_share_prompts", lambda model: False)
    sampling = Sampling(n=4, temperature=0.7, top_p=0.9, max_tokens=20)
    prompts = [[270, 27, 222]] * 4 + [[270, 27, 222, 19, 496, 342, 497]] * 4
    for prompt, drawn in zip(prompts, said(sampler, sampling, with_logprobs=True), strict=True):
        with torch.no_grad():
            logits = sampler.model(input_ids=torch.tensor([prompt + drawn.tokens])).logits[0, len(prompt) - 1 : -1]
        expected = torch.log_softmax(logits / 0.7, dim=-1).gather(1, torch.tensor(drawn.tokens)[:, None]).squeeze(1)
        assert drawn.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


def test_asking_for_log_probabilities_changes_no_token(sampler: TransformersSampler) -> None:
    sampling = Sampling(n=4, max_tokens=20)
    without, told = said(sampler, sampling), said(sampler, sampling, with_logprobs=True)
    assert [drawn.tokens for drawn in without] == [drawn.tokens for drawn in told]
    assert all(drawn.logprobs is None for drawn in without)
