"""Loads the weights of a checkpoint into a transformers model.

Left out: quantised formats and weights that a repository's own code would read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from r1bench.harness.checkpoints import read_object
from r1bench.harness.errors import CheckpointError, UsageError
from r1bench.harness.models.config import check_kind, check_stated, check_type
from r1bench.harness.models.headers import Tensor, tensors_of
from r1bench.harness.records import Checkpoint

UNREADABLE = (OSError, LookupError, ValueError, TypeError, AttributeError, ImportError)
"""What transformers raises for folders that it cannot make sense of."""
FLOATS = {"F64", "F32", "F16", "BF16"}
"""Types of numbers that weights have where they are not packed in a quantised format."""
LONGEST = 300
"""Characters of what a library said."""
SENTENCE = re.compile(r"[.!?](?=\s)")
"""Where one ends."""
DRAFT = re.compile(r"(?:model\.|language_model\.)*mtp(?:s|_\w+)?\.")
"""Layers that guess further tokens for speculative decoding."""
DRAFT_LAYER = re.compile(
    r"(?:model\.|language_model\.)*layers\.(\d+)\.(?:transformer\.)?"
    r"(?:(?:embed_tokens|eh_proj|shared_head\.\w+|\w*norm)\.|(?:self_attn|linear_attn|mlp|block_sparse_moe|feed_forward)\.)"
)
"""The same as a further layer: what it has of its own, and what every layer has."""
ADAPTED = re.compile(r"(^|[._])(lora|base_layer|modules_to_save|adapters?)([._]|$)")
WITH_MASKS = frozenset({"gpt2", "gpt_neo", "gptj", "gpt_neox", "gpt_bigcode", "codegen"})
"""Types of models of which older versions stored the attention masks."""
MASK = re.compile(r"(^|\.)attn\.(attention\.)?(bias|masked_bias|causal_mask)$")
SENSES = re.compile(r"(^|\.)(vision_|audio_|visual\.|multi_modal_projector\.|mm_projector\.|embed_vision\.|embed_audio\.|image_newline)")
CURES = {
    r"lora_|\.base_layer\.|modules_to_save": "merge the adapter into its base and save the whole",
    r"scale|qweight|qzeros|g_idx|absmax|quant|SCB|zero_point": "give the config.json of the quantised model, with its quantization_config",
    r"(^|\.)(v_head|value_head|score|classifier|reward_head|summary)\.": "give the language model without a head for rewards or classes",
    "": "give the config.json that belongs to the weights",
}
"""What to do, by what a name looks like."""


def check_device(device: str) -> str:
    """The device itself, 'auto' resolved. Raises UsageError: torch does not know it, or this machine does not have it."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise UsageError(f"--device {device!r} is not a device; use auto, cpu, cuda or cuda:0") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"--device {device!r}: this machine has no CUDA device; use --device cpu")
    return device


def load_config(checkpoint: Checkpoint) -> Any:
    """The configuration as transformers has it.

    Raises CheckpointError: it cannot be used, or it is not of a model that continues text.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    quiet_transformers()
    try:
        config = AutoConfig.from_pretrained(checkpoint.path, trust_remote_code=False, local_files_only=True)
    except (*UNREADABLE, ArithmeticError, RuntimeError, StrictDataclassError) as error:
        check_type(read_object(Path(checkpoint.path) / "config.json") or {}, checkpoint.path)
        raise CheckpointError(f"checkpoint {checkpoint.path} has a config.json that cannot be used: {one_line(error)}") from error
    check_kind(config, checkpoint.path)
    return config


def check_weights(checkpoint: Checkpoint) -> None:
    """Refuse a folder whose weights and configuration are not of one model, before anything large is built. Asked before `load_model`.

    Raises CheckpointError: naming the first weight that is lacking, has another shape, or would not be used.
    """
    folder = Path(checkpoint.path)
    check_stated(read_object(folder / "config.json") or {}, folder)
    config = load_config(checkpoint)
    if not any(folder.glob("*.safetensors")) or getattr(config, "quantization_config", None):
        return  # pickles and quantised formats are known only when they are loaded
    tensors = tensors_of(folder)
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATS and name.endswith("weight"):
            raise CheckpointError(
                f"checkpoint {checkpoint.path} holds {name} as {tensor.dtype}, and its config.json has no quantization_config to unpack it "
                "with; give the config.json that belongs to the weights"
            )
    report = report_of(config, tensors)
    if report is None:
        return
    for one, other in report["twice"][:1]:
        raise CheckpointError(
            f"checkpoint {checkpoint.path} holds two weights for one place in its model ({len(report['twice'])}, first: {one} and "
            f"{other}), and only one of them would be used; remove what is not meant"
        )
    check_report(checkpoint, report, {name: tensor.shape for name, tensor in tensors.items()})


def report_of(config: Any, tensors: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """What loading such weights would report, by transformers' own rules of renaming and merging, on tensors without content.

    Besides what transformers itself reports: `twice`, pairs of weights for one place.
    None where this transformers cannot tell so; then loading itself will.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.initialization import no_init_weights
        from transformers.modeling_utils import LoadStateDictConfig

        empty = torch.device("meta")
        with empty, no_init_weights():
            model: Any = AutoModelForCausalLM.from_config(config)
            state = {name: torch.empty(tensor.shape) for name, tensor in tensors.items()}
        mapping: Any = get_model_conversion_mapping(model)
        twice = taken_twice(model, mapping, state)
        rules = LoadStateDictConfig(ignore_mismatched_sizes=True, device_map={"": empty}, dtype=model.dtype, weight_mapping=mapping)
        report, _ = model._load_pretrained_model(model, state, None, rules)
        model.tie_weights(missing_keys=report.missing_keys, recompute_mapping=False)
        model._adjust_missing_and_unexpected_keys(report)
        return {**report.to_dict(), "twice": twice}
    except (*UNREADABLE, ArithmeticError, RuntimeError):
        return None


def taken_twice(model: Any, mapping: Sequence[Any], names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of weights for one place: transformers adds or takes away the prefix of the base model and renames, and the last one wins.

    Weights that are merged into one, such as the experts of a layer, are no pair unless two of them are the same part of it, or one of
    them is the whole.
    """
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    places, prefix = model.state_dict(), model.base_model_prefix
    renamings = [each for each in mapping if isinstance(each, WeightRenaming)]
    converters = [each for each in mapping if isinstance(each, WeightConverter)]
    makers = {pattern: maker for maker in converters for pattern in maker.source_patterns}
    taken: dict[str, dict[tuple[Any, str], str]] = {}
    twice = []
    for name in sorted(names):
        place, pattern = rename_source_key(name, renamings, converters, prefix, places)
        if place not in places and name in places:
            place, pattern = rename_source_key(name, [], [], prefix, places)
        if place not in places:
            continue
        maker, part = None if pattern is None else makers[pattern], ""
        if maker is not None:  # parts are told apart by their names, whatever prefix these have
            part = re.sub(rf"^({re.escape(prefix)}\.)+", "", rename_source_key(name, renamings, [])[0])
        for each in [place] if maker is None else [place.replace(maker.target_patterns[0], target) for target in maker.target_patterns]:
            parts = taken.setdefault(each, {})
            other = parts.get((maker, part)) or next((first for (kind, _), first in islice(parts.items(), 1) if kind is not maker), None)
            twice += [(other, name)] if other else []
            parts.setdefault((maker, part), name)
    return twice


def check_report(checkpoint: Checkpoint, report: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]] | None = None) -> None:
    """Refuse what a report of loading tells of weights that are lacking, of another shape or left out. `shapes`: in the file, where known.

    Raises CheckpointError: naming the first of them.
    """
    place, stated = f"checkpoint {checkpoint.path}", read_object(Path(checkpoint.path) / "config.json") or {}
    lacking = sorted([*map(str, report["missing_keys"]), *(str(each[0]) for each in report["mismatched_keys"])])
    unused = sorted(name for name in map(str, report["unexpected_keys"]) if not is_harmless(name, stated, (shapes or {}).get(name)))
    if lacking:
        differing = {
            str(name): f", {[*found]} in the file and {[*wanted]} by config.json" for name, found, wanted in report["mismatched_keys"]
        }
        cure = f"and holds others instead ({len(unused)}, first: {unused[0]}); {CURES['']}" if unused else "copy it again"
        raise CheckpointError(
            f"{place} does not hold all weights of its config.json ({len(lacking)} lacking or of another shape, "
            f"first: {lacking[0]}{differing.get(lacking[0], '')}){' ' if unused else '; '}{cure}"
        )
    if unused:
        cure = next(cure for pattern, cure in CURES.items() if re.search(pattern, unused[0]))
        raise CheckpointError(
            f"{place} holds weights that its config.json has no place for ({len(unused)}, first: {unused[0]}), "
            f"and without them it is another model; {cure}"
        )


def is_harmless(name: str, stated: Mapping[str, Any], shape: tuple[int, ...] | None = None) -> bool:
    """Whether a weight that the model does not take moves no text, by its name, the configuration and its shape where that is known.

    Besides what transformers itself passes over for a kind of model (rotary frequencies, draft layers): draft layers by other names, the
    eyes and ears of a model of which the language part is loaded, and the attention masks that older versions stored.
    """
    if ADAPTED.search(name):
        return False
    text = stated.get("text_config") or stated
    layer, num_layers, num_draft = DRAFT_LAYER.match(name), text.get("num_hidden_layers"), text.get("num_nextn_predict_layers")
    if layer and isinstance(num_layers, int) and isinstance(num_draft, int) and num_layers <= int(layer[1]) < num_layers + num_draft:
        return True
    if SENSES.search(name):
        return any(key.startswith(("vision_", "audio_")) for key in stated)
    return bool(DRAFT.match(name) or (MASK.search(name) and text.get("model_type") in WITH_MASKS and is_mask(shape)))


def is_mask(shape: tuple[int, ...] | None) -> bool:
    """Whether an attention mask, a square, or the single number that stood for what is masked can have this shape."""
    if shape is None or len(shape) < 2:
        return shape in (None, (), (1,))
    return shape[-1] == shape[-2] and set(shape[:-2]) <= {1}


def load_model(checkpoint: Checkpoint, device: str, dtype: str = "auto", *, allow_pickle: bool = False) -> Any:
    """The model in evaluation mode, with every weight of the folder in its place.

    Raises:
        CheckpointError: transformers cannot load the folder (with its reason in one line), the weights do not fill the model, which
            transformers would fill up with random numbers, or there are more of them, which it would leave out.
    """
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    model: Any
    report: Any
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            checkpoint.path,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=None if allow_pickle else True,
            local_files_only=True,
            output_loading_info=True,
        )
        model, report = loaded
        model.to(device)
    except (*UNREADABLE, ArithmeticError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise CheckpointError(f"checkpoint {checkpoint.path} cannot be loaded: {one_line(error)}") from error
    check_report(checkpoint, report)
    return model.eval()


def one_line(error: Exception) -> str:
    """The first sentences of what a library says went wrong, whole ones where that is possible, of at most LONGEST characters.

    Lines are taken up to one that ends a sentence; of a sentence that is too long the beginning, which then ends in '...'.
    """
    said = str(error).strip() or type(error).__name__
    if isinstance(error, KeyError):
        said = f"{said.splitlines()[0]} is not known"
    text = ""
    for line in filter(None, (line.strip() for line in said.splitlines())):
        text = f"{text} {line}".strip()
        if text.endswith((".", "!", "?")) or len(text) > LONGEST:
            break
    if len(text) <= LONGEST:
        return text
    ends = [found.end() for found in SENTENCE.finditer(text, 0, LONGEST)]
    return text[: ends[-1]] if ends else f"{text[: LONGEST - 4].rpartition(' ')[0] or text[: LONGEST - 4]} ..."


def quiet_transformers() -> None:
    """No progress bars of loading in the middle of ours."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
