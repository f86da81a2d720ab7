"""Reward models with TRL's RewardTrainer: one value for a text, learned from pairs of them, in our order and with our optimiser.

The value is transformers' own, read at the last token that is not padding; its layer begins as the custom backend's does, from the job's
seed. Left out: labels (pointwise), which TRL does not have.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.backends.examples import EXAMPLES, read_examples
from r1bench.backends.job import RewardModel, Support, TrainJob

if TYPE_CHECKING:
    from r1bench.backends.trl_backend import Engine


def support(job: TrainJob) -> Support:
    """Pairs exactly; labels not at all."""
    assert isinstance(job.algorithm, RewardModel)
    if job.algorithm.loss == "pointwise":
        return Support(kind="refused", reason="TRL's RewardTrainer learns from pairs, not from labels; use --backend custom")
    return Support(kind="exact")


def settings(job: TrainJob, engine: "Engine") -> dict[str, Any]:
    """Keywords of RewardConfig beside those that the three trainings share. The data are ready: TRL filters and tokenises nothing."""
    assert isinstance(job.algorithm, RewardModel)
    return {
        "center_rewards_coefficient": job.algorithm.centring or None,
        "max_length": None,
        "disable_dropout": False,  # the session has, and an adapter's stays
        "pad_to_multiple_of": None,
        "chat_template_path": None,
        "eos_token": None,
        "activation_offloading": False,
        "trust_remote_code": False,
    }


def train(job: TrainJob, engine: "Engine") -> None:
    """Train a job to its end, going on from its newest whole checkpoint."""
    from datasets import Dataset
    from trl import RewardConfig

    from r1bench.backends.custom.reward_model import padding_of
    from r1bench.backends.trl_backend import arguments, session

    path = Path(job.out) / EXAMPLES
    examples = read_examples(path)
    with session.opened(job, engine) as run:
        padding = padding_of(run.tokenizer, run.model.config.get_text_config(), examples)
        run.tokenizer.pad_token = run.tokenizer.convert_ids_to_tokens(padding)
        run.model.config.get_text_config().pad_token_id = padding
        config = RewardConfig(**arguments.common(job, engine), **settings(job, engine))
        pairs = Dataset.from_file(str(path)).rename_columns({"tokens": "chosen_ids", "rejected": "rejected_ids"})
        run.train(run.trainer(trainer_class(), config, figures, train_dataset=pairs))


def trainer_class() -> type:
    """TRL's trainer with the order of the job, and figures that count pairs."""
    import torch
    from trl import RewardTrainer

    from r1bench.backends.trl_backend.batches import Micro, gathered, loader_of, passes_of

    class Trainer(RewardTrainer):
        def get_train_dataloader(self) -> Any:
            job, args = self.session.job, self.args
            examples = read_examples(Path(job.out) / EXAMPLES)

            def collate(micro: Micro) -> dict[str, Any]:
                chosen = [examples[place] for place in micro.places]
                rows = [{"chosen_ids": each.tokens, "rejected_ids": each.rejected} for each in chosen]
                return {**self.data_collator(rows), "share": torch.tensor(micro.share)}

            self.sums = torch.zeros(4, dtype=torch.float64)  # right pairs, margins, tokens, pairs
            return loader_of(passes_of(job, args.per_device_train_batch_size, args.world_size, args.process_index), collate)

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
            share, num_tokens = inputs.pop("share"), float(inputs["attention_mask"].sum())
            self.accelerator.gather = lambda values: values  # TRL's own figures, dropped below, want as many pairs in every process
            try:
                loss, outputs = super().compute_loss(model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch)
            finally:
                del self.accelerator.gather
            if share:
                chosen, rejected = outputs.logits.detach().double().squeeze(-1).cpu().chunk(2)
                margins = chosen - rejected
                self.sums += torch.tensor([float((margins > 0).sum()), float(margins.sum()), num_tokens, len(margins)])
            return (loss * share, outputs) if return_outputs else loss * share

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            self._metrics["train"].clear()
            right, margins, tokens, pairs = gathered(self, self.sums.tolist())
            if pairs:
                logs |= {"accuracy": right / pairs, "margin": margins / pairs, "tokens": tokens, "length": tokens / pairs / 2}
                self.sums.zero_()
            super().log(logs, start_time)

    return Trainer


def figures(logs: Sequence[Mapping[str, float]], seconds: float) -> dict[str, float]:
    """Figures of a step."""
    names = ("loss", "accuracy", "margin", "length", "tokens", "grad_norm", "learning_rate")
    found = {name: float(logs[-1][name]) for name in names}
    return {**found, "update_seconds": seconds, "tokens_per_second": found["tokens"] / seconds}
