"""Fine-tuning with TRL's SFTTrainer on examples that r1bench has made into tokens: its forward pass, its loss, our order and our optimiser.

The loss is the sum over the trained tokens of a step divided by their number, over all forward passes and processes. Packing is TRL's
padding-free form: the examples of a forward pass stand in one row without padding, positions beginning again, and the attention of
transformers keeps them apart by these. Left out: experts' balancing loss, which the job does not have.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.backends.examples import EXAMPLES, Example, read_examples
from r1bench.backends.job import Sft, Support, TrainJob
from r1bench.harness.errors import BackendError

if TYPE_CHECKING:
    from r1bench.backends.trl_backend import Engine

IGNORED = -100
"""The label of a token that is not learned from."""
CLOSE = 1e-3
"""How far logits may be from those of an example alone, as a share of the largest."""


def support(job: TrainJob) -> Support:
    """All that a job says, exactly."""
    return Support(kind="exact")


def settings(job: TrainJob, engine: "Engine") -> dict[str, Any]:
    """Keywords of SFTConfig beside those that the three trainings share. The data are ready: TRL prepares, cuts and shuffles nothing."""
    assert isinstance(job.algorithm, Sft)
    return {
        "loss_type": "nll",
        "completion_only_loss": False,
        "assistant_only_loss": False,
        "max_length": None,
        "truncation_mode": "keep_start",
        "packing": False,
        "eval_packing": False,
        "padding_free": job.algorithm.packing,
        "pad_to_multiple_of": None,
        "shuffle_dataset": False,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "chat_template_path": None,
        "eos_token": None,
        "activation_offloading": False,
        "router_aux_loss_coef": 0.0,
        "trust_remote_code": False,
    }


def labels_of(example: Example, loss_on: str) -> list[int]:
    """The tokens that are learned from, and -100 for the others; nothing is before the first one to predict it from."""
    mask = [False, *example.mask(loss_on)[1:]]
    return [token if is_trained else IGNORED for token, is_trained in zip(example.tokens, mask, strict=True)]


def check_packing(model: Any) -> None:
    """Try whether a model keeps examples apart by their positions. Raises BackendError: it does not."""
    import torch

    size = model.config.get_text_config().vocab_size
    rows = [torch.tensor([[(start + 7 * place) % size for place in range(9 + start)]]) for start in range(3)]
    positions = torch.cat([torch.arange(row.shape[1]) for row in rows])[None]
    model.eval()
    with torch.no_grad():
        together = model(input_ids=torch.cat(rows, dim=1), position_ids=positions, use_cache=False).logits
        alone = torch.cat([model(input_ids=row, use_cache=False).logits for row in rows], dim=1)
    if float((together - alone).abs().max()) > CLOSE * float(alone.abs().max()):
        cure = "use --set algorithm.packing=false, or another engine.attention"
        raise BackendError(f"{type(model).__name__} does not keep the examples of a row apart; {cure}")


def train(job: TrainJob, engine: "Engine") -> None:
    """Train a job to its end, going on from its newest whole checkpoint."""
    from datasets import Dataset
    from trl import SFTConfig

    from r1bench.backends.trl_backend import arguments, session

    assert isinstance(job.algorithm, Sft)
    path = Path(job.out) / EXAMPLES
    read_examples(path)  # names a file that is broken
    with session.opened(job, engine) as run:
        if job.algorithm.packing:
            check_packing(run.model)
        if run.tokenizer.pad_token is None and run.tokenizer.eos_token is None:
            run.tokenizer.pad_token = run.tokenizer.convert_ids_to_tokens(0)  # masked wherever it stands
        config = SFTConfig(**arguments.common(job, engine), **settings(job, engine))
        trainer = run.trainer(trainer_class(), config, figures, train_dataset=Dataset.from_file(str(path)))
        run.train(trainer)


def trainer_class() -> type:
    """TRL's trainer with the order of the job, and figures that count tokens."""
    from trl import SFTTrainer

    from r1bench.backends.trl_backend.batches import Micro, gathered, loader_of, passes_of

    class Trainer(SFTTrainer):
        def get_train_dataloader(self) -> Any:
            self.model_accepts_loss_kwargs = True  # then a loss is divided by all tokens of a step, whatever the model's forward takes
            job, args = self.session.job, self.args
            examples = read_examples(Path(job.out) / EXAMPLES)

            def collate(micro: Micro) -> dict[str, Any]:
                chosen = [examples[place] for place in micro.places]
                rows = [{"input_ids": each.tokens, "labels": labels_of(each, job.algorithm.loss_on)} for each in chosen]
                if not micro.share:
                    rows = [{**row, "labels": [IGNORED] * len(row["labels"])} for row in rows]
                else:
                    self.seen += [len(each.tokens) for each in chosen]
                return self.data_collator(rows)

            self.seen: list[int] = []
            return loader_of(passes_of(job, args.per_device_train_batch_size, args.world_size, args.process_index), collate)

        def compute_loss(self, model: Any, inputs: Any, **options: Any) -> Any:
            is_trained = inputs["labels"][..., 1:] != IGNORED
            loss = super().compute_loss(model, inputs, **options)
            kept = self._metrics["train"]
            kept.setdefault("trained", []).append(float(is_trained.sum()))
            return loss

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            kept = self._metrics["train"]
            passes = kept.pop("trained", [])
            if passes:
                counts = [gathered(self, [count])[0] for count in passes]  # of a pass in all processes, as TRL's accuracies are
                logs["accuracy"] = sum(map(float.__mul__, map(float, kept["mean_token_accuracy"]), counts)) / max(sum(counts), 1)
                tokens, rows = gathered(self, [sum(self.seen), len(self.seen)])
                logs |= {"trained": sum(counts), "length": tokens / max(rows, 1)}
                self.seen.clear()
            super().log(logs, start_time)

    return Trainer


def figures(logs: Sequence[Mapping[str, float]], seconds: float) -> dict[str, float]:
    """Figures of a step."""
    found = {name: float(logs[-1][name]) for name in ("loss", "accuracy", "entropy", "length", "grad_norm", "learning_rate")}
    tokens = float(logs[-1]["trained"])
    return {**found, "tokens": tokens, "update_seconds": seconds, "tokens_per_second": tokens / seconds}
