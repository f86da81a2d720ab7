"""Reinforcement learning by TRL's GRPOTrainer or RLOOTrainer, on our prompts and our rewards, told to our journal.

What is TRL's: generation, advantages, log-probabilities, the loss, the optimiser's steps. What is ours: which prompt stands where and its
tokens, where a completion ends and its text, what it earns (one reward function, in the first process), the journal. Prompts reach TRL as
places in the training ("0", "1", ...), so that no template of TRL's touches them. Limits: TRL draws all completions of a step at once, and
vLLM's server, sleep mode and tensor parallelism are handed on but have not been run.
"""

import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list, gather_object
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig

from r1bench.backends.custom.state import unshared
from r1bench.backends.finished import Finished, figures_of, rows_of
from r1bench.backends.job import TrainJob
from r1bench.backends.journal import FAULT
from r1bench.backends.trl_backend import Engine, session
from r1bench.backends.trl_backend.arguments import common
from r1bench.backends.trl_backend.loss import settings, trainer_of
from r1bench.backends.trl_backend.rollouts import (
    Drawing,
    Prompts,
    completions_of,
    finished_of,
    shift_of,
    shifted,
    update_figures,
)
from r1bench.harness.errors import BackendError
from r1bench.harness.models.turns import end_tokens_of, endless
from r1bench.harness.records import Problem
from r1bench.tasks import get_task
from r1bench.tasks.rewards.pool import Fault, RewardPool

REFERENCE = "reference.safetensors"
"""Of a checkpoint's trainer folder: the reference, where it is no longer the base."""


class Rewarding:
    """TRL's one reward function: what each completion earns, by our graders, and what the journal is told of them.

    Args:
        pool: grades and rewards; None in every process but the first, where all completions come together.
    """

    def __init__(self, run: session.Session, prompts: Prompts, end_tokens: frozenset[int], pool: RewardPool | None) -> None:
        self.run, self.prompts, self.end_tokens, self.pool = run, prompts, end_tokens, pool
        self.drawings: list[Drawing] = []
        """Of this process, set by the trainer as it draws."""
        self.finished: list[Finished] = []
        self.faults: list[Fault] = []
        self.figures: dict[str, float] = {}

    def total(self, **_: Any) -> list[float | None]:
        """The rewards of this process's completions, in sum; None where no reward applies: such a one gets advantage 0, and its siblings
        are compared without it."""
        drawings = gather_object(self.drawings)
        totals = [self.reward(drawings) if self.pool is not None else None]
        (every,) = broadcast_object_list(totals, from_process=0)
        assert every is not None, "the first process has rewarded all"
        count, places = len(self.drawings), int(os.environ.get("RANK", "0"))
        return every[places * count : (places + 1) * count]

    def reward(self, drawings: Sequence[Drawing]) -> list[float | None]:
        """What each of all processes' completions earns."""
        assert self.pool is not None, "the first process has the graders"
        job, completions = self.run.job, completions_of(drawings, self.prompts, self.end_tokens)
        prompts = [self.prompts[drawing.place] for drawing in drawings]
        scores, self.faults = self.pool.score([prompt.problem for prompt in prompts], completions)
        known = zip(drawings, prompts, completions, scores, strict=True)
        self.finished = [finished_of(*each[:3], number % job.grpo.samples, each[3]) for number, each in enumerate(known)]
        totals = [each.scored.total if each.token_ids else math.nan for each in self.finished]
        return shifted(totals, shift_of(job))

    def tell(self, advantages: Sequence[float], policy: int, seconds: float) -> None:
        """Write the completions into the journal, rewarded and not yet learned from."""
        if self.run.journal is None:
            return
        journal, step = self.run.journal, self.run.step
        if count := sum(not each.token_ids for each in self.finished):
            journal.event(FAULT, step=step, what=f"{count} of {len(self.finished)} completions came back without a token; not learned from")
        journal.faults(step, self.faults)
        journal.rollouts(rows_of(step, self.finished, advantages, policy))
        self.figures = figures_of(self.finished, advantages, self.run.job) | {"rollout_seconds": seconds}
        self.tokens = sum(len(each.token_ids) for each in self.finished)


class Mismatch:
    """How the log-probabilities of what drew differ from those of what is trained, over the tokens of a step."""

    def __init__(self) -> None:
        self.sums, self.largest = torch.zeros(4, dtype=torch.float64), 0.0

    def add(self, training_BT: torch.Tensor, sampling_BT: torch.Tensor, mask_BT: torch.Tensor) -> None:
        """Take in a forward pass. Tokens that the engine could not tell count nowhere."""
        difference = (training_BT.double() - sampling_BT.double())[mask_BT.bool() & ~sampling_BT.isnan()].cpu()
        weights = difference.exp()
        self.sums += torch.stack(
            [torch.tensor(float(len(weights))).double(), difference.abs().sum(), weights.sum(), weights.square().sum()]
        )
        self.largest = max(self.largest, float(difference.abs().max()) if len(weights) else 0.0)

    def figures(self, accelerator: Any) -> dict[str, float]:
        """Of all processes, by their names in the journal; empty where nothing is known. Begins anew."""
        known = accelerator.gather(torch.tensor([[*self.sums.tolist(), self.largest]], device=accelerator.device)).double().cpu()
        self.__init__()  # type: ignore[misc]
        (count, total, first, second), largest = known[:, :4].sum(dim=0).tolist(), float(known[:, 4].max())
        if not count:
            return {}
        return {"mismatch/mean": total / count, "mismatch/max": largest, "mismatch/ess": first**2 / (count * second)}


class Rolling:
    """In front of GRPOTrainer or RLOOTrainer: our prompts, what was drawn kept as it is, the journal told, the reference kept."""

    rewarding: Rewarding
    mismatch: Mismatch

    def _tokenize_prompts(self: Any, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        self.places = [int(place) for place in prompts]
        return [self.rewarding.prompts[place].token_ids for place in self.places], None, {}

    def _generate_single_turn(self: Any, prompt_ids: list[list[int]], *rest: Any) -> Any:
        drawn = super()._generate_single_turn(prompt_ids, *rest)  # type: ignore[misc]
        has_logprobs = isinstance(drawn, tuple)  # GRPOTrainer's
        tokens, logprobs = drawn if has_logprobs else (drawn, None)
        tokens = [list(each) for each in tokens]
        by_row = [None] * len(tokens) if logprobs is None else logprobs
        self.rewarding.drawings = [Drawing(*each) for each in zip(self.places, tokens, by_row, strict=True)]
        tokens = [each or [self.eos_token_ids[0]] for each in tokens]  # TRL looks at the last token of each
        if not has_logprobs:
            return tokens
        return tokens, None if logprobs is None else [each or [None] for each in logprobs]

    def _generate_and_score_completions(self: Any, inputs: Any) -> Any:
        started = time.perf_counter()
        batch = super()._generate_and_score_completions(inputs)  # type: ignore[misc]
        self.rewarding.tell(list(self._logs["advantages"]), self.state.global_step, time.perf_counter() - started)
        return batch

    def _get_per_token_logps_and_entropies(self: Any, *given: Any, **named: Any) -> Any:
        found = super()._get_per_token_logps_and_entropies(*given, **named)  # type: ignore[misc]
        self.newest_logprobs = found[0].detach()
        return found

    def _compute_loss(self: Any, model: Any, inputs: Mapping[str, Any]) -> Any:
        loss = super()._compute_loss(model, inputs)  # type: ignore[misc]
        sampling = inputs.get("sampling_per_token_logps")
        if sampling is not None:  # without old ones, the step's only update begins at the policy that drew
            training = inputs.get("old_per_token_logps", self.newest_logprobs)
            self.mismatch.add(training, sampling, inputs["completion_mask"])
        return loss

    def _save_optimizer_and_scheduler(self: Any, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)  # type: ignore[misc]
        if self.args.sync_ref_model and self.accelerator.is_main_process:
            reference = self.accelerator.unwrap_model(self.ref_model)
            save_file({name: value.contiguous() for name, value in unshared(reference).items()}, Path(output_dir) / REFERENCE)


def gaps_of(job: TrainJob, engine: Engine) -> list[str]:
    """What the journal will not say of the rollouts."""
    if engine.generation == "transformers":
        return ["no log-probabilities of what was drawn: transformers' generation gives TRL none, so the mismatch is unknown too"]
    return ["no log-probabilities of what was drawn: RLOOTrainer does not keep them"] if trainer_of(job) == "rloo" else []


def prepare_ends(run: session.Session) -> frozenset[int]:
    """Let the tokens that end a completion in evaluation end it in TRL; returns them. Nothing else of a generation_config counts.

    Raises BackendError: there is none, and TRL cannot train without.
    """
    model, tokenizer = run.model, run.tokenizer
    end_tokens = end_tokens_of(model, tokenizer)
    if not end_tokens:
        raise BackendError(f"TRL needs a token that ends a completion: {endless(run.job.model)}")
    if tokenizer.eos_token_id not in end_tokens:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(min(end_tokens))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    whole = model.get_base_model() if run.job.lora is not None else model
    whole.generation_config = GenerationConfig(eos_token_id=sorted(end_tokens), pad_token_id=tokenizer.pad_token_id)
    return end_tokens


def check_vllm(engine: Engine) -> None:
    """Raise BackendError where vLLM shall draw and is not there."""
    if engine.generation != "transformers" and find_spec("vllm") is None:
        cure = "pip install 'trl[vllm]' there, or use --set engine.generation=transformers"
        raise BackendError(f"engine.generation={engine.generation} needs vllm, which {sys.executable} does not have; {cure}")


def prepare_vllm(job: TrainJob) -> None:
    """Let vLLM hold the weights in the job's precision, which TRL does not pass on: vLLM makes 16 bits of float32 by itself.

    On a CPU vLLM packs the weights into a form of its own and drops the originals, so that TRL could not send it new ones; there it is told
    to keep them, which costs speed and no accuracy.
    """
    from trl.generation import vllm_generation

    options: dict[str, Any] = {"dtype": job.dtype}
    if job.device == "cpu":
        from vllm.model_executor.layers import utils

        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # TRL reaches for the model inside vLLM
        options["enforce_eager"] = True
        utils.dispatch_cpu_unquantized_gemm = lambda layer, **_: setattr(layer, "cpu_linear", torch.nn.functional.linear)
    vllm_generation.LLM = partial(vllm_generation.LLM, **options)


def make_config(job: TrainJob, engine: Engine, end_tokens: frozenset[int]) -> tuple[type, Any]:
    """The trainer's class with ours in front of it, and its configuration."""
    from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

    ends = {"stop_token_ids": sorted(end_tokens)} if engine.generation != "transformers" else None
    given = {**common(job, engine), **settings(job, engine), "generation_kwargs": ends}
    kind, config = (RLOOTrainer, RLOOConfig) if trainer_of(job) == "rloo" else (GRPOTrainer, GRPOConfig)
    return type(kind.__name__, (Rolling, kind), {}), config(**given)


def train(job: TrainJob, problems: Sequence[Problem] | None, engine: Engine) -> None:
    """Train a job to its end, going on from its newest whole checkpoint."""
    check_vllm(engine)
    with session.opened(job, engine, gaps=gaps_of(job, engine)) as run, ExitStack() as stack:
        end_tokens = prepare_ends(run)
        prompts = Prompts(job, problems, run.tokenizer)
        if engine.generation == "vllm-colocate":
            prepare_vllm(job)
        kind, config = make_config(job, engine, end_tokens)
        pool = stack.enter_context(RewardPool(get_task(job.data.task).grader, job.grpo.rewards)) if run.is_main else None
        rewarding, mismatch = Rewarding(run, prompts, end_tokens, pool), Mismatch()
        divergence = "k1" if trainer_of(job) == "rloo" else "k3"

        def figures(logs: Sequence[Mapping[str, float]], seconds: float) -> dict[str, float]:
            differing = mismatch.figures(trainer.accelerator)
            if not rewarding.figures:
                return {}
            drawn = rewarding.figures["rollout_seconds"]
            speed = {"update_seconds": seconds - drawn, "tokens_per_second": rewarding.tokens / seconds}
            return rewarding.figures | update_figures(logs, divergence) | differing | speed

        places = Dataset.from_dict({"prompt": [str(place) for place in range(job.num_steps() * job.batch_size)]})
        trainer = run.trainer(kind, config, figures, reward_funcs=rewarding.total, train_dataset=places)
        trainer.rewarding, trainer.mismatch = rewarding, mismatch
        if run.start.checkpoint and config.sync_ref_model:
            kept = load_file(run.start.checkpoint / session.TRAINER / REFERENCE)
            trainer.accelerator.unwrap_model(trainer.ref_model).load_state_dict(kept, strict=False)
        run.train(trainer)
