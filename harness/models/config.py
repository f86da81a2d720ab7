"""What a checkpoint's configuration says: whether it can be a language model's, and how long a text may be.

Numbers are looked at before transformers sees them, because some are loops there. Left out: what a single architecture asks of its numbers.
"""

import re
from pathlib import Path
from typing import Any

from r1bench.harness.errors import CheckpointError, quoted
from r1bench.harness.models.headers import num_layers, tensors_of

NUM_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
SIZES = (*NUM_LAYERS, "hidden_size", "n_embd", "d_model", "vocab_size", "max_position_embeddings", "n_positions")
"""Numbers that are whole and above zero in every language model."""
OTHER_HEAD = re.compile(r"\w*(RewardModel|For(Sequence|Token)Classification|ForQuestionAnswering|ForMaskedLM|ForMultipleChoice)")
UNLIMITED = 1 << 30
STRETCHED = {"linear", "dynamic"}
"""Ways to stretch positions for which `max_position_embeddings` stays what the model was made with."""


def check_stated(stated: dict[str, Any], folder: Path) -> None:
    """Refuse a config.json whose numbers cannot be, or which states more layers than there are weights altogether.

    Raises CheckpointError: naming the number.
    """
    texts = [stated, *(part for key, part in stated.items() if key in ("text_config", "llm_config") and isinstance(part, dict))]
    for key, value in ((key, part[key]) for part in texts for key in SIZES if part.get(key) is not None):
        if type(value) is list or (type(value) is int and value > 0):
            continue
        raise CheckpointError(f"{folder / 'config.json'} states {key} {str(value)[:40]!r}, which is not a whole number above 0")
    layers = max((part[key] for part in texts for key in NUM_LAYERS if type(part.get(key)) is int), default=0)
    if layers and any(folder.glob("*.safetensors")):
        names = list(tensors_of(folder))
        if layers > len(names):
            found = num_layers(names)
            raise CheckpointError(
                f"{folder / 'config.json'} states {layers:,} layers, the weights have {found:,}; give the config.json that belongs to them"
            )


def check_type(stated: dict[str, Any], folder: str) -> None:
    """Refuse a config.json whose `model_type` transformers has no code for. For one that transformers did not read, to say why.

    Raises CheckpointError: with the type.
    """
    from transformers import CONFIG_MAPPING, __version__

    named = stated.get("model_type")
    if type(named) is str and named in CONFIG_MAPPING:
        return
    place = f"checkpoint {folder} has a config.json"
    if named is None:
        raise CheckpointError(f"{place} without a model_type; give the one that belongs to the weights")
    if "auto_map" in stated:
        raise CheckpointError(
            f"{place} of model_type {quoted(named)}, which asks for code of the folder's own (auto_map), and that is never run; "
            "give a model that transformers itself has code for"
        )
    raise CheckpointError(
        f"{place} of model_type {quoted(named)}, and transformers {__version__} knows no such model; "
        "correct a misspelt type, or, for a newer model: pip install --upgrade transformers"
    )


def check_kind(config: Any, place: str) -> None:
    """Refuse a model that does not continue text, by name."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    named = next(iter(config.architectures or []), "no architecture stated")
    if re.fullmatch(r"\w*(RewardModel|ForSequenceClassification)", named) and len(getattr(config, "id2label", None) or ()) == 1:
        cure = "give a causal language model, and this one as a reward (docs/rewards.md)"
        raise CheckpointError(f"checkpoint {place} is a reward model ({named}), which values answers and writes none; {cure}")
    if config.is_encoder_decoder or OTHER_HEAD.fullmatch(named):
        kind = "an encoder and a decoder" if config.is_encoder_decoder else f"another head than a language model's ({named})"
        raise CheckpointError(f"checkpoint {place} is a {config.model_type} model with {kind}; give a causal language model")
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and not hasattr(config, "auto_map"):
        raise CheckpointError(
            f"checkpoint {place} is a {config.model_type} model ({named}), which transformers does not load as a causal language model; "
            "give one that it does, such as the language model that is part of it"
        )


def context_length_of(config: Any) -> int:
    """Tokens that prompt and completion may have together, by a model's configuration; very many where it names no limit.

    `max_position_embeddings` is what counts, but for positions that are stretched beyond it: YaRN states what it starts from and by how
    much; linear and dynamic stretching start from `max_position_embeddings`, as transformers reads them. Llama 3, LongRoPE and Gemma 3
    state the stretched length already. Never less than `max_position_embeddings`.
    """
    text = config.get_text_config(decoder=True)
    stated = getattr(text, "max_position_embeddings", None) or getattr(text, "max_seq_len", None)
    if not isinstance(stated, int) or stated <= 0:
        return UNLIMITED
    ropes = getattr(text, "rope_parameters", None) or {}
    ropes = [each for each in ropes.values() if isinstance(each, dict)] or [ropes]
    return max(stated, *(stretched_length(text.model_type, stated, each) for each in ropes))


def stretched_length(model_type: str, stated: int, rope: dict[str, Any]) -> int:
    """What one way of rotating positions reaches; 0 where it says nothing of it."""
    kind, factor, original = (rope.get(key) for key in ("rope_type", "factor", "original_max_position_embeddings"))
    if not isinstance(factor, int | float) or not 1 <= factor < UNLIMITED:
        return 0
    if kind == "yarn":
        return int((original if isinstance(original, int) else stated) * factor)
    return int(stated * factor) if kind in STRETCHED and not model_type.startswith("gemma3") else 0
