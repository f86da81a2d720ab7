"""Whether a job's adapters (LoRA) fit its base, asked before anything is trained, for every backend.

The layers are those of an empty model that is built from config.json, so that the question costs no weights. A target is the name of a
linear layer, or the end of one at a dot, as in PEFT. Left out: adapters of embeddings.
"""

import sys
from importlib.util import find_spec
from typing import Any

from r1bench.backends.contract import python_of, versions_in
from r1bench.backends.job import Lora, TrainJob
from r1bench.harness.errors import BackendError, quoted
from r1bench.harness.models.weights import load_config
from r1bench.harness.records import Checkpoint

ALL_LINEAR = "all-linear"
NEEDED = "adapters (LoRA) need peft; pip install 'r1bench[lora]'"
MOST_NAMED = 12


def missing_for_adapters(job: TrainJob) -> str:
    """What the Python of a job lacks to train its adapters, and how to get it; '' where nothing is missing."""
    if job.lora is None:
        return ""
    python = python_of(job)
    is_there = find_spec("peft") if python == sys.executable else versions_in(python, ("peft",))["peft"]
    return "" if is_there else NEEDED


def check_lora(base: Checkpoint, lora: Lora | None) -> None:
    """Refuse adapters for layers that a base does not have.

    Raises BackendError: naming the first target that is not there and what is, or the output layer where it is the embedding too.
    """
    if lora is None or lora.targets == (ALL_LINEAR,):
        return
    if ALL_LINEAR in lora.targets or not lora.targets:
        raise BackendError(f"lora.targets must be {ALL_LINEAR!r} alone, or names of layers, and is {quoted(list(lora.targets))}")
    model, output = empty_model(base)
    layers = {name for name, module in model.named_modules() if type(module).__name__ in ("Linear", "Conv1D")}
    for target in lora.targets:
        matching = {name for name in layers if name == target or name.endswith(f".{target}")}
        if not matching:
            there = sorted({name.rpartition(".")[2] for name in layers - {output}})
            more = ", ..." if len(there) > MOST_NAMED else ""
            raise BackendError(
                f"lora.targets: {base.name} has no linear layer {quoted(target)}; it has {', '.join(there[:MOST_NAMED])}{more}, "
                f"or use {ALL_LINEAR!r} for all of them"
            )
        if output in matching and getattr(model.config.get_text_config(), "tie_word_embeddings", False):
            raise BackendError(
                f"lora.targets: {quoted(target)} of {base.name} is its embedding too, and would be trained in both; leave it out"
            )


def empty_model(base: Checkpoint) -> tuple[Any, str]:
    """The language model of a base without its weights, and the name of its output layer."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(load_config(base))
    output = model.get_output_embeddings()
    return model, next((name for name, module in model.named_modules() if module is output), "")
