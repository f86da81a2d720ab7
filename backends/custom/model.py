"""What is trained: a language model, or one with a single value on top, whole or by adapters beside frozen weights.

A model stays in evaluation mode, so that nothing is dropped out but what the job asks for: `learning` turns on the dropout of adapters and
gradient checkpointing, and only while a gradient is computed.
"""

import copy
from pathlib import Path
from random import Random
from typing import Any

import torch

from r1bench.backends.job import Lora, RewardModel, TrainJob
from r1bench.harness.errors import BackendError, CheckpointError
from r1bench.harness.models.weights import UNREADABLE, check_report, load_model, one_line
from r1bench.harness.records import Checkpoint


def load(checkpoint: Checkpoint, job: TrainJob) -> Any:
    """The model of a job with the weights of a folder. Raises CheckpointError: it cannot be loaded."""
    if isinstance(job.algorithm, RewardModel):
        return load_classifier(checkpoint, job.device, job.dtype, job.seed)
    return load_model(checkpoint, job.device, job.dtype)


def load_classifier(checkpoint: Checkpoint, device: str, dtype: str, seed: int) -> Any:
    """A model that gives a text one value. On top of a language model the layer for it is new, with weights that follow from the seed.

    Raises CheckpointError: transformers has no such model of this type, or other weights are lacking.
    """
    from transformers import AutoModelForSequenceClassification

    try:
        loaded: Any = AutoModelForSequenceClassification.from_pretrained(
            checkpoint.path, num_labels=1, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
        model, report = loaded
    except (*UNREADABLE, RuntimeError) as error:
        raise CheckpointError(f"checkpoint {checkpoint.path} cannot become a reward model: {one_line(error)}") from error
    inner = f"{model.base_model_prefix}."
    parts = ("missing_keys", "unexpected_keys")  # outside the inner model: the new layer, and that of the language model
    check_report(checkpoint, {**report, **{part: [name for name in report[part] if name.startswith(inner)] for part in parts}})
    source = torch.Generator().manual_seed(key_of(f"head:{seed}"))
    width = getattr(model.config.get_text_config(), "initializer_range", 0.02)
    for name in sorted(name for name in report["missing_keys"] if not name.startswith(inner)):
        model.get_parameter(name).data.normal_(std=width, generator=source)
    return model.to(device).eval()


def key_of(text: str) -> int:
    """A number that follows from a text, for a generator of random numbers."""
    return Random(text).getrandbits(63)


def add_adapters(model: Any, lora: Lora, job: TrainJob) -> Any:
    """Put adapters into a model, which are then all that is trained of it, and the new layer of a reward model; returns PEFT's model.

    They are in float32 beside weights of any precision. Raises BackendError: PEFT cannot adapt this model so.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    torch.manual_seed(key_of(f"adapters:{job.seed}"))
    is_classifier = isinstance(job.algorithm, RewardModel)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # PEFT divides by the rank, and takes any number
        target_modules=lora.targets[0] if lora.targets == ("all-linear",) else list(lora.targets),
        lora_dropout=lora.dropout,
        task_type=TaskType.SEQ_CLS if is_classifier else TaskType.CAUSAL_LM,
        base_model_name_or_path=job.model,
    )
    try:
        return get_peft_model(model, config).eval()
    except ValueError as error:
        raise BackendError(f"{type(model).__name__} cannot be given these adapters: {one_line(error)}; name other lora.targets") from error


def merged(adapted: Any) -> Any:
    """An ordinary model with the adapters added to its weights; a copy, so that not one bit of what is trained changes."""
    return copy.deepcopy(adapted).merge_and_unload()


def write_adapter(folder: Path, adapted: Any) -> None:
    """The adapter alone, as PEFT writes it."""
    adapted.save_pretrained(str(folder), save_embedding_layers=False)


def enable_checkpointing(model: Any) -> None:
    """Keep the activations between layers only, and compute the others again. Raises BackendError: the model cannot."""
    try:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    except (ValueError, NotImplementedError) as error:
        cure = "use --set engine.gradient_checkpointing=false"
        raise BackendError(f"{type(model).__name__} has no gradient checkpointing; {cure}") from error


def learning(model: Any, key: str) -> None:
    """Get ready for a gradient: layers that can be computed again are, and the dropout of adapters draws what follows from a key."""
    for name, module in model.named_modules():
        if getattr(module, "gradient_checkpointing", False) or "lora_dropout" in name:
            module.training = True
    torch.manual_seed(key_of(key))
