"""What training saves: the weights as trained, and every other file as the base has it, byte for byte.

transformers would write these files anew, and then others cannot read them: another class and private fields in tokenizer_config.json, the
pre-tokenizer of a class in tokenizer.json, names in config.json that transformers 4 does not know. It also refuses to save values that it
has read from a generation_config.json (sampling values without do_sample). One thing is mended: where tokenizer_config.json names a
class by which AutoTokenizer misreads tokenizer.json, and PreTrainedTokenizerFast reads it right, that class is named. Limit: files
that are nothing to a text model (licence, images, a processor of pictures) are not copied.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from r1bench.harness.checkpoints import DIGESTED
from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.tokenizer import CONFIG as TOKENIZER_CONFIG
from r1bench.harness.models.tokenizer import config_for_others
from r1bench.harness.records import Checkpoint

CONFIG = "config.json"
KEPT = tuple(pattern for pattern in DIGESTED if pattern not in ("*.safetensors", "*.bin"))
BYTES_OF_FLOAT32, BYTES_OF_BFLOAT16 = 4, 2


def read_base(base: Checkpoint) -> dict[str, bytes]:
    """The files of a base beside its weights, by their path within the folder: read once, so that no save needs the base.

    Raises CheckpointError: one of them cannot be read.
    """
    folder = Path(base.path)
    paths = {path for pattern in KEPT for path in folder.glob(pattern) if path.is_file()}
    try:
        kept = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}
        mended = config_for_others(folder)
        return kept | ({TOKENIZER_CONFIG: mended} if mended else {})
    except OSError as error:
        raise CheckpointError(f"checkpoint {folder} cannot be read: {error.filename}: {error.strerror}") from error


def write_model(folder: Path, model: Any, kept: Mapping[str, bytes], *, is_rehearsal: bool = False) -> None:
    """An ordinary Hugging Face folder.

    Args:
        model: a transformers model.
        kept: what `read_base` read.
        is_rehearsal: the first number of each weight only. What cannot be saved comes out in no time and next to no space.
    """
    generation = getattr(model, "generation_config", None)  # a reward model has none
    if generation is not None:
        model.generation_config = type(generation)()  # transformers refuses to save values that it takes; the base's file is kept
    try:
        if is_rehearsal:
            first = {name: value.flatten()[:1] for name, value in model.state_dict().items()}
            model.save_pretrained(folder, state_dict=first, save_original_format=False)
        else:
            model.save_pretrained(folder)
    finally:
        if generation is not None:
            model.generation_config = generation
    (folder / "generation_config.json").unlink(missing_ok=True)
    for name, content in kept.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if name != CONFIG:
            path.write_bytes(content)
        elif (told := config_of(model, content)) is not None:
            path.write_bytes(told)


def config_of(model: Any, content: bytes) -> bytes | None:
    """The base's config.json with the precision and the class of the saved weights; None where it describes another model than this.

    A reward model's also says that it has one value, and what its texts are filled up with.

    The names are the base's: `torch_dtype`, which transformers 4 reads, `dtype`, both, or neither.
    """
    base = json.loads(content)
    if base.get("model_type") != model.config.model_type:  # the text model inside one of several kinds
        return None
    told = with_dtype(base, str(model.dtype).removeprefix("torch.")) | {"architectures": [type(model).__name__]}
    if told["architectures"][0].endswith("ForSequenceClassification"):
        told |= {name: getattr(model.config, name) for name in ("id2label", "label2id", "pad_token_id")}
    return content if told == base else (json.dumps(told, indent=2) + "\n").encode()


def with_dtype(values: dict[str, Any], dtype: str) -> dict[str, Any]:
    """A configuration with another precision wherever it names one, in the configurations inside it too."""
    changed = {key: with_dtype(value, dtype) for key, value in values.items() if isinstance(value, dict)}
    return {**values, **changed, **{key: dtype for key in ("torch_dtype", "dtype") if key in values}}


def num_weights(checkpoint: Checkpoint) -> int:
    """How many numbers the *.safetensors of a folder hold, by their headers; 0 where these cannot be read."""
    from safetensors import SafetensorError, safe_open

    folder, total = Path(checkpoint.path), 0
    try:
        for path in sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="numpy") as file:
                total += sum(math.prod(file.get_slice(name).get_shape()) for name in list(file.keys()))
    except (OSError, SafetensorError):
        return 0
    return total
