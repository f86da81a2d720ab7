"""The decoding loop: tokens of many sequences at once from a causal language model, with nothing left to chance but the given draws.

Shared by evaluation and by the rollouts of the custom backend. Each distinct prompt is read once and its cache is copied to its
sequences; finished sequences leave the batch. A model for which that would be wrong or impossible, such as a recurrent one, is drawn from
by the plain path: transformers' own `generate()`, one prompt at a time, with the same draws. Which models those are: docs/checkpoints.md.
Left out: text; this file deals in token numbers.

Shapes: B sequences alive, P distinct prompts, T positions, V vocabulary.
"""

import hashlib
import inspect
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache, GenerationConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.turns import Drawn
from r1bench.harness.models.weights import UNREADABLE, one_line
from r1bench.harness.records import Sampling

HasEnded = Callable[[list[int]], bool]
"""Whether a sequence ends with the last of these tokens."""
COMPACT_BELOW = 0.75
"""Finished rows are dropped once fewer than this share of the rows is alive: copying the cache at every end costs more."""

MARKED_BY_PADDING = frozenset({"doge"})
"""Types of models whose attention takes padding for text, in transformers."""
MIXED_ROWS = frozenset({"rwkv"})
"""Types of models where one row of a batch moves another, in transformers."""


class GrowingLayer(DynamicLayer):
    """A cache layer that grows by doubling instead of being copied at each token."""

    buffers: tuple[torch.Tensor, torch.Tensor] | None = None
    """Room for keys and values; `keys` and `values` are views of what is filled."""

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Append (B, heads, new, width) keys and values; returns views of all so far."""
        before, keys, values = self.get_seq_length(), self.keys, self.values
        after = before + key_states.shape[-2]
        buffers = self.buffers
        if buffers is None or buffers[0].shape[-2] < after or buffers[0].shape[0] != key_states.shape[0]:
            shape = (*key_states.shape[:-2], max(after + 32, 2 * before), key_states.shape[-1])
            buffers = (key_states.new_empty(shape), value_states.new_empty((*shape[:-1], value_states.shape[-1])))
            if before and keys is not None and values is not None:
                buffers[0][..., :before, :] = keys
                buffers[1][..., :before, :] = values
            self.buffers = buffers
            self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True
        buffers[0][..., before:after, :] = key_states
        buffers[1][..., before:after, :] = value_states
        self.keys, self.values = buffers[0][..., :after, :], buffers[1][..., :after, :]
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep the given rows, in that order; a row may be named more than once."""
        assert self.keys is not None, "rows are selected after the prompt was read"
        assert self.values is not None
        self.keys, self.values = self.keys[indices], self.values[indices]
        self.buffers = None


def new_cache(config: Any) -> DynamicCache:
    """An empty cache for a model; layers with a cache of their own kind (sliding windows, ...) keep it."""
    cache = DynamicCache(config=config)
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def uniforms_for(seed: int, problem_id: str, index: int, count: int) -> torch.Tensor:
    """`count` numbers in [0, 1) that depend on (seed, problem, index) only; float64, shape (count,).

    A Philox stream keyed by a hash: neighbouring seeds or indices share nothing.
    """
    import numpy

    key = hashlib.sha256(f"{seed}:{problem_id}:{index}".encode()).digest()[:16]
    stream = numpy.random.Generator(numpy.random.Philox(key=int.from_bytes(key, "little")))
    return torch.from_numpy(stream.random(count))


def draw_tokens(logits_BV: torch.Tensor, uniforms_B: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """One token for each row by inverting the cumulative distribution at the row's uniform number; shape (B,).

    Temperature first, then top-k, then top-p (the smallest set of most likely tokens that reaches it), as vLLM and transformers do.

    Raises CheckpointError: logits that are not finite, which would otherwise be drawn from as if they meant something.
    """
    if not bool(torch.isfinite(logits_BV.amax(dim=-1)).all()):
        raise CheckpointError("the model gives logits that are not finite numbers; try --dtype float32 or bfloat16, or another checkpoint")
    if sampling.temperature == 0:
        return logits_BV.argmax(dim=-1)
    probabilities = torch.softmax(logits_BV.float() / sampling.temperature, dim=-1)
    order = None
    if sampling.top_p < 1 or sampling.top_k:
        probabilities, order = probabilities.sort(dim=-1, descending=True, stable=True)
        if sampling.top_k:
            probabilities[:, sampling.top_k :] = 0
            probabilities /= probabilities.sum(dim=-1, keepdim=True)
        before = probabilities.cumsum(dim=-1) - probabilities
        probabilities = probabilities.masked_fill(before >= sampling.top_p, 0)
    cumulative = probabilities.double().cumsum(dim=-1)
    targets = uniforms_B.to(cumulative)[:, None] * cumulative[:, -1:]
    places = torch.searchsorted(cumulative, targets, right=True).clamp(max=cumulative.shape[-1] - 1)
    return (places if order is None else order.gather(1, places)).squeeze(1)


def logprobs_under(logits_BV: torch.Tensor, tokens_B: torch.Tensor, sampling: Sampling) -> list[float]:
    """Log-probability of each row's token in nats at the temperature (1 for greedy drawing), before top-k and top-p."""
    scaled = logits_BV.float() / (sampling.temperature or 1.0)
    return (-torch.nn.functional.cross_entropy(scaled, tokens_B, reduction="none")).tolist()


class Alive(NamedTuple):
    """The sequences that are still being drawn, row by row the same in every part."""

    rows: list[int]
    """Their places in the list of requests."""
    cache: DynamicCache
    logits_BV: torch.Tensor
    mask_BT: torch.Tensor
    position_B: torch.Tensor
    draws_BT: torch.Tensor

    def keep(self, places: Sequence[int]) -> "Alive":
        """Only the rows at these places; what follows the logits is not kept, because the next step makes new ones."""
        chosen = torch.tensor(places, device=self.mask_BT.device)
        self.cache.batch_select_indices(chosen)
        rows = [self.rows[place] for place in places]
        return Alive(rows, self.cache, self.logits_BV, self.mask_BT[chosen], self.position_B[chosen], self.draws_BT[chosen])

    def step(self, model: Any, tokens_B: torch.Tensor) -> "Alive":
        """One more token for each row."""
        mask_BT = torch.cat([self.mask_BT, self.mask_BT.new_ones(len(self.rows), 1)], dim=1)
        position_B = self.position_B + 1
        logits = model(
            input_ids=tokens_B[:, None],
            attention_mask=mask_BT,
            position_ids=position_B[:, None],
            past_key_values=self.cache,
            use_cache=True,
        ).logits
        return self._replace(logits_BV=logits[:, -1], mask_BT=mask_BT, position_B=position_B)


def read_prompts(model: Any, prompts: Sequence[Sequence[int]], rows: Sequence[int], draws_BT: torch.Tensor) -> Alive:
    """Read each prompt once, padded on the left, and copy its cache to the sequences that continue it."""
    device, longest = draws_BT.device, max(map(len, prompts))
    ids_PT = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    mask_PT = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
    positions_PT = (mask_PT.cumsum(-1) - 1).clamp(min=0)
    cache = new_cache(model.config)
    logits = model(
        input_ids=ids_PT, attention_mask=mask_PT, position_ids=positions_PT, past_key_values=cache, use_cache=True, logits_to_keep=1
    ).logits
    expand = torch.tensor(rows, device=device)
    cache.batch_select_indices(expand)
    return Alive(list(range(len(rows))), cache, logits[expand, -1], mask_PT[expand], positions_PT[expand, -1], draws_BT)


def can_share_prompts(model: Any) -> bool:
    """Whether prompts of different lengths may be read side by side and their caches copied, row by row.

    Not with a state that has read the padding too, nor where a model does not say how it wants to be told of positions and caches.
    """
    if getattr(model, "_is_stateful", False) or model.config.model_type in MARKED_BY_PADDING | MIXED_ROWS:
        return False
    known = {DynamicLayer, DynamicSlidingWindowLayer}
    has_known_cache = all(type(layer) in known for layer in DynamicCache(config=model.config).layers)
    return has_known_cache and {"position_ids", "past_key_values", "logits_to_keep"} <= set(
        inspect.signature(type(model).forward).parameters
    )


@torch.no_grad()
def decode(
    model: Any,
    prompts: Sequence[Sequence[int]],
    rows: Sequence[int],
    uniforms: Sequence[torch.Tensor],
    sampling: Sampling,
    *,
    end_tokens: frozenset[int],
    is_stop: Any = None,
    with_logprobs: bool = False,
) -> Iterator[Drawn]:
    """Draw one sequence for each entry of `rows`, which names the prompt it continues.

    Args:
        prompts: P lists of token numbers.
        rows: for each sequence the number of its prompt.
        uniforms: for each sequence its draws, at least `sampling.max_tokens` of them.
        end_tokens: tokens that end a sequence.
        is_stop: a function of the tokens so far that says whether to end early (texts to stop at).
        with_logprobs: also tell under which log-probability each token was drawn (`logprobs_under`).

    Yields:
        each sequence as it finishes, at most `sampling.max_tokens` tokens long.

    Raises:
        CheckpointError: the model's own code fails, or gives logits that are not numbers.
    """
    try:
        yield from _decode(model, prompts, rows, uniforms, sampling, end_tokens, is_stop, with_logprobs)
    except (*UNREADABLE, ArithmeticError, RuntimeError, AssertionError) as error:
        if not is_of_model(error):
            raise
        is_full = isinstance(error, torch.OutOfMemoryError)
        cure = "a smaller --sampler-set batch_size" if is_full else "another version of transformers, or another checkpoint"
        raise CheckpointError(
            f"checkpoint {model.config.name_or_path}, of type {model.config.model_type}, cannot be sampled: its code in transformers fails "
            f"with {type(error).__name__}: {one_line(error)}; try {cure}"
        ) from error


def is_of_model(error: Exception) -> bool:
    """Whether an error arose under code of transformers, and not under ours that it called."""
    places = [frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((place for place in reversed(places) if place in ("transformers", "r1bench")), "") == "transformers"


def _decode(
    model: Any,
    prompts: Sequence[Sequence[int]],
    rows: Sequence[int],
    uniforms: Sequence[torch.Tensor],
    sampling: Sampling,
    end_tokens: frozenset[int],
    is_stop: Any,
    with_logprobs: bool,
) -> Iterator[Drawn]:
    """By the path that the model takes."""
    draws_BT = torch.stack([row[: sampling.max_tokens] for row in uniforms]).to(next(model.parameters()).device)

    def has_ended(tokens: list[int]) -> bool:
        return tokens[-1] in end_tokens or (is_stop is not None and is_stop(tokens))

    if can_share_prompts(model):
        yield from draw_together(model, prompts, rows, draws_BT, sampling, has_ended, with_logprobs)
        return
    at_once = 1 if model.config.model_type in MIXED_ROWS else len(rows)
    for number in dict.fromkeys(rows):
        places = [place for place, row in enumerate(rows) if row == number]
        for start in range(0, len(places), at_once):
            part = places[start : start + at_once]
            for drawn in draw_after(model, prompts[number], draws_BT[part], sampling, has_ended, with_logprobs):
                yield drawn._replace(row=part[drawn.row])


def draw_together(
    model: Any,
    prompts: Sequence[Sequence[int]],
    rows: Sequence[int],
    draws_BT: torch.Tensor,
    sampling: Sampling,
    has_ended: HasEnded,
    with_logprobs: bool = False,
) -> Iterator[Drawn]:
    """All rows in one batch."""
    alive = read_prompts(model, prompts, rows, draws_BT)
    tokens: list[list[int]] = [[] for _ in rows]
    logprobs: list[list[float]] | None = [[] for _ in rows] if with_logprobs else None
    is_done = [False] * len(rows)
    for step in range(sampling.max_tokens):
        drawn_B = draw_tokens(alive.logits_BV, alive.draws_BT[:, step], sampling)
        if logprobs is not None:
            for row, logprob in zip(alive.rows, logprobs_under(alive.logits_BV, drawn_B, sampling), strict=True):
                logprobs[row].append(logprob)
        for row, token in zip(alive.rows, drawn_B.tolist(), strict=True):
            if is_done[row]:
                continue
            tokens[row].append(token)
            is_stopped = has_ended(tokens[row])
            if is_stopped or step + 1 == sampling.max_tokens:
                is_done[row] = True
                yield Drawn(row, tokens[row], is_stopped, logprobs[row][: step + 1] if logprobs is not None else None)
        remaining = [place for place, row in enumerate(alive.rows) if not is_done[row]]
        if not remaining:
            return
        if len(remaining) < COMPACT_BELOW * len(alive.rows):
            alive, drawn_B = alive.keep(remaining), drawn_B[remaining]
        alive = alive.step(model, drawn_B)


def draw_after(
    model: Any, prompt: Sequence[int], draws_BT: torch.Tensor, sampling: Sampling, has_ended: HasEnded, with_logprobs: bool = False
) -> list[Drawn]:
    """The plain path: all sequences of one prompt by the model's own `generate()`, which is left one token to choose at each step."""
    ids_BT = torch.tensor([list(prompt)] * len(draws_BT), device=draws_BT.device)
    tokens: list[list[int]] = [[] for _ in draws_BT]
    logprobs: list[list[float]] = [[] for _ in draws_BT]
    is_stopped = torch.zeros(len(draws_BT), dtype=torch.bool, device=draws_BT.device)

    def choose(ids_BT: torch.Tensor, logits_BV: torch.Tensor) -> torch.Tensor:
        drawn_B = draw_tokens(logits_BV, draws_BT[:, ids_BT.shape[1] - len(prompt)], sampling)
        for row, logprob in enumerate(logprobs_under(logits_BV, drawn_B, sampling) if with_logprobs else ()):
            logprobs[row].append(logprob)
        return torch.full_like(logits_BV, -torch.inf).scatter(1, drawn_B[:, None], 0.0)

    def note(ids_BT: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        for row, token in enumerate(ids_BT[:, -1].tolist()):
            if not is_stopped[row]:
                tokens[row].append(token)
                is_stopped[row] = has_ended(tokens[row])
        return is_stopped

    theirs, model.generation_config = model.generation_config, GenerationConfig()  # what generate() takes for what is not stated
    try:
        model.generate(
            ids_BT,
            attention_mask=torch.ones_like(ids_BT),
            generation_config=GenerationConfig(max_new_tokens=sampling.max_tokens, do_sample=False, pad_token_id=0),
            logits_processor=[choose],
            stopping_criteria=[note],
        )
    finally:
        model.generation_config = theirs
    return [
        Drawn(row, said, stopped, logprobs[row][: len(said)] if with_logprobs else None)
        for row, (said, stopped) in enumerate(zip(tokens, is_stopped.tolist(), strict=True))
    ]
