"""What the weights of a folder are called and how large they are, without reading the weights: the headers of its safetensors files.

A header is 8 bytes of length, then JSON: {name: {dtype, shape, data_offsets}}. Left out: pickled weights, which have no header.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness.errors import CheckpointError

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
MOST_BYTES = 100_000_000
"""Of a header; the format allows no more."""
SPARE = re.compile(r"consolidated.*\.safetensors|model\.(fp16|bf16|fp32)(-\d+-of-\d+)?\.safetensors")
"""Files that may lie beside the weights: the same ones in Mistral's own form, or in another precision (transformers' `variant`)."""
LAYER = re.compile(r"(.*?)(?:^|\.)(\d+)\.")


class Tensor(NamedTuple):
    """One weight as its header describes it."""

    dtype: str
    """As safetensors writes it: F32, BF16, I8, ..."""
    shape: tuple[int, ...]


def tensors_of(folder: Path) -> dict[str, Tensor]:
    """The weights that transformers would read from a folder, by their names.

    Raises CheckpointError: a file is cut short or is not safetensors, a part is missing or holds other weights than the index says, or
    there are weights beside the ones that are read, so that nobody can tell which are meant.
    """
    paths = [folder / WHOLE] if (folder / WHOLE).is_file() else indexed(folder)
    found: dict[str, Tensor] = {}
    for path in paths:
        header = read_header(path)
        twice = sorted(found.keys() & header)
        if twice:
            raise CheckpointError(f"checkpoint {folder} holds {twice[0]} in two of its files; copy it again")
        found |= header
    check_beside(folder, paths)
    check_index(folder, found)
    return found


def indexed(folder: Path) -> list[Path]:
    """The files that the index names, in order."""
    names = sorted(set(read_index(folder).values()))
    for name in names:
        if Path(name).name != name:
            raise CheckpointError(f"{folder / INDEX} names a file outside of its folder, {name!r}; it cannot be trusted")
        if not (folder / name).is_file():
            raise CheckpointError(f"checkpoint {folder} lacks {name}, which its {INDEX} names; copy it whole")
    return [folder / name for name in names]


def read_index(folder: Path) -> dict[str, str]:
    """The file of each weight, by the index."""
    path = folder / INDEX
    if not path.is_file():
        others = ", ".join(sorted(each.name for each in folder.glob("*.safetensors"))[:3])
        raise CheckpointError(f"checkpoint {folder} has neither {WHOLE} nor {INDEX}, only {others}; was it copied whole?")
    try:
        places = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        if places and all(isinstance(each, str) for each in places.values()):
            return places
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    raise CheckpointError(f"{path} has no weight_map from names to files; copy it again")


def check_index(folder: Path, found: dict[str, Tensor]) -> None:
    """Refuse an index that names weights which are not in its files."""
    lacking = [] if (folder / WHOLE).is_file() else sorted(read_index(folder).keys() - found.keys())
    if lacking:
        raise CheckpointError(
            f"checkpoint {folder} lacks weights that its {INDEX} names ({len(lacking)}, first: {lacking[0]}); copy it again"
        )


def check_beside(folder: Path, read: list[Path]) -> None:
    """Refuse further weights, which nothing would read."""
    spare = sorted(path.name for path in set(folder.glob("*.safetensors")) - set(read) if not SPARE.fullmatch(path.name))
    if spare or ((folder / WHOLE).is_file() and (folder / INDEX).is_file()):
        raise CheckpointError(
            f"checkpoint {folder} holds {spare[0] if spare else INDEX} beside {read[0].name}, and only {read[0].name} "
            f"{'and its like are' if len(read) > 1 else 'is'} read; move away what is not meant"
        )


def read_header(path: Path) -> dict[str, Tensor]:
    """The weights in one file. Raises CheckpointError: it is damaged."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if 2 <= length <= min(size - 8, MOST_BYTES) else None
        described: dict[str, Any] = {name: each for name, each in header.items() if name != "__metadata__"}  # type: ignore[union-attr]
        found = {name: Tensor(str(each["dtype"]), tuple(map(int, each["shape"]))) for name, each in described.items()}
        end = max((int(each["data_offsets"][1]) for each in described.values()), default=0)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a safetensors file, or its header is damaged; copy it again") from error
    if 8 + length + end != size:
        raise CheckpointError(f"{path} has {size:,} bytes where its header tells of {8 + length + end:,}; copy it again")
    return found


def num_layers(names: list[str]) -> int:
    """How many layers the weights are of: the longest row of numbers 0 ... n-1 that stand first in names with the same beginning."""
    numbers: dict[str, set[int]] = {}
    for name in names:
        if place := LAYER.match(name):
            numbers.setdefault(place[1], set()).add(int(place[2]))
    return max((max(each) + 1 for each in numbers.values()), default=0)
