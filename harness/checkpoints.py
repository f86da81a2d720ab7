"""Checkpoints: Hugging Face folders, found by name, checked before anything is loaded, and sealed when a stage has made them.

A seal is `r1bench.json` (parent, stage, backend, recipe, versions, file digests) and a file COMPLETE beside it, written last. A folder with
the one and without the other is an unfinished checkpoint.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

from r1bench.harness.canonical import DEEPEST, digest_of
from r1bench.harness.errors import CheckpointError, StorageError
from r1bench.harness.records import Checkpoint
from r1bench.harness.store.disk import read_json

EMBEDDED = "tiny-base"
SEAL, COMPLETE = "r1bench.json", "COMPLETE"
DIGESTED = (
    *("*.safetensors", "*.bin", "config.json", "generation_config.json"),
    *("*token*.json", "*.model", "*.tiktoken", "vocab.*", "merges.txt", "*.jinja"),
    *("tekken.json", "additional_chat_templates/*.jinja"),
)
"""Files that decide what a model says."""
READ_AS_JSON = ("*config.json", "*token*.json", "*.index.json", "vocab.json")
"""Files that whatever loads a model or a tokenizer reads as a JSON object."""
SEALED = (*DIGESTED, "trainer/*")
"""Files that a seal vouches for: those, and what a training needs to go on."""
ADAPTER = ("adapter_config.json", "adapter_model*", "pytorch_lora_weights*")
"""What PEFT and its like write."""
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def find_checkpoint(name: str, *, allow_pickle: bool = False) -> Checkpoint:
    """The checkpoint that a user named: `tiny-base`, a folder, or a hub id (`org/model`, `org/model@revision`).

    Raises CheckpointError: nothing there, no configuration or weights, pickled weights without `allow_pickle`, an unfinished folder.
    """
    if name == EMBEDDED:
        folder = Path(str(files("r1bench.harness") / "tiny_base"))
    elif Path(name).exists():
        folder = Path(name)
    elif HUB_ID.fullmatch(name.partition("@")[0]) and not name.startswith((".", "/")):
        folder = fetch(name, allow_pickle=allow_pickle)
    else:
        raise CheckpointError(f"checkpoint {name!r} does not exist; give a folder, a hub id (org/model) or {EMBEDDED}")
    check_folder(folder, name, allow_pickle=allow_pickle)
    seal = read_seal(folder)
    title = safe_name(str(seal.get("name") or (folder.resolve().name if Path(name).exists() else name)))
    lineage = {key: text if isinstance(text := seal.get(key), str) else "" for key in ("stage", "parent")}
    return Checkpoint(EMBEDDED if name == EMBEDDED else title, str(folder), folder_digest(folder), **lineage)


def safe_name(text: str) -> str:
    """A name that is one harmless part of a path and of a line of text."""
    return re.sub(r"[^\w.@+-]+", "-", text).strip("-.")[:80] or "checkpoint"


def fetch(name: str, *, allow_pickle: bool = False) -> Path:
    """Download a hub checkpoint, safetensors only unless pickles are allowed, and return its folder."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    patterns = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.tiktoken", "vocab.*", "merges.txt", COMPLETE]
    patterns += ["*.bin"] if allow_pickle else []
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            f"checkpoint {name!r} is no folder here, and the hub did not give it ({type(error).__name__}); check name and connection"
        ) from error


def check_folder(folder: Path, name: str, *, allow_pickle: bool = False) -> None:
    """Refuse a folder that cannot be a checkpoint, saying what it lacks."""
    if not folder.is_dir():
        raise CheckpointError(f"checkpoint {name!r} is a file; give the folder that holds config.json and *.safetensors")
    check_adapter(folder, name)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"checkpoint {name!r} has no config.json; give the folder that save_pretrained() wrote")
    for path in sorted(folder.iterdir()):
        if path.exists() and not (path.is_file() or path.is_dir()):  # what loads a model would wait for a pipe's writer for ever
            raise CheckpointError(f"checkpoint {name!r} has a {path.name} that is no file; copy it again")
        if any(path.match(pattern) for pattern in READ_AS_JSON) and path.is_file() and read_object(path) is None:
            raise CheckpointError(
                f"checkpoint {name!r} has a {path.name} that is no JSON object of at most {DEEPEST} levels; copy it again"
            )
    if (folder / SEAL).is_file() and not (folder / COMPLETE).is_file():
        raise CheckpointError(f"checkpoint {name!r} is unfinished ({COMPLETE} is missing); resume the training that was writing it")
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
    if not pickles:
        raise CheckpointError(f"checkpoint {name!r} has no weights (*.safetensors); was it copied whole?")
    if not allow_pickle:
        raise CheckpointError(
            f"checkpoint {name!r} holds its weights in a pickle ({pickles[0]}), which can run code when loaded; "
            "convert it to safetensors, or trust it with --allow-pickle (r1bench eval)"
        )


def check_adapter(folder: Path, name: str) -> None:
    """Refuse a folder with an adapter, alone or beside a model: the weights of the model are not those that were trained."""
    found = sorted(path.name for pattern in ADAPTER for path in folder.glob(pattern))
    if not found:
        return
    base = (read_object(folder / "adapter_config.json") or {}).get("base_model_name_or_path")
    beside = "holds beside its model an adapter" if (folder / "config.json").is_file() else "is an adapter and no model"
    raise CheckpointError(
        f"checkpoint {name!r} {beside} ({found[0]}); merge it into its base{f' {base}' if base else ''} and save the whole "
        "(peft: merge_and_unload(), then save_pretrained())"
    )


def file_digest(path: Path) -> str:
    """SHA-256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digests(folder: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of the files that fit a pattern, by their path within the folder."""
    paths = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(paths)}


def folder_digest(folder: Path) -> str:
    """16 digits for every file that decides what the model says; the same for a copy under another name."""
    return digest_of(file_digests(folder, DIGESTED))


def sealed_digest(folder: Path) -> str:
    """What `folder_digest` was when the folder was sealed, by its seal alone; '' where it has no seal that can be read."""
    try:
        sealed = read_seal(folder).get("files")
    except (CheckpointError, OSError, ValueError):
        return ""
    if not isinstance(sealed, dict):
        return ""
    names = [name for name in sealed if any(name.count("/") == each.count("/") and fnmatchcase(name, each) for each in DIGESTED)]
    return digest_of({name: sealed[name] for name in sorted(names)})


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where it holds none, of too many levels, or cannot be read."""
    try:
        value = read_json(path)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def read_seal(folder: Path) -> dict[str, Any]:
    """The seal of a folder, or nothing where there is none."""
    path = folder / SEAL
    found = read_object(path) if path.exists() else {}
    if found is None:
        raise CheckpointError(f"{path} is not a readable seal; restore it or delete it")
    return found


def sync_folder(folder: Path) -> None:
    """Make every file of a folder, and the folder itself, durable."""
    for path in [*(found for found in folder.rglob("*") if found.is_file()), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def seal(folder: Path, write: Callable[[Path], None], lineage: dict[str, Any]) -> Path:
    """Write a checkpoint so that it is there whole or not at all.

    Args:
        folder: where it shall stand; replaced if it exists.
        write: fills an empty folder with the checkpoint's files.
        lineage: parent, stage, backend, recipe, versions, ...

    Raises:
        StorageError: the disk refused; what stood there before is untouched.
    """
    from safetensors import SafetensorError

    building = folder.with_name(f".{folder.name}.building")
    try:
        shutil.rmtree(building, ignore_errors=True)  # a killed writer may have left it
        building.mkdir(parents=True)
        write(building)
        record = {**lineage, "files": file_digests(building, SEALED), "sealed_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        (building / SEAL).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for path in building.rglob("*.safetensors"):
            path.chmod((building / SEAL).stat().st_mode)  # safetensors lets nobody but its writer read them
        sync_folder(building)
        (building / COMPLETE).touch()
        sync_folder(building)
        replace_folder(building, folder)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StorageError(f"cannot write checkpoint {folder}: {reason}; free space or choose another --out") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


def replace_folder(new: Path, old: Path) -> None:
    """Put a finished folder in the place of another, which is gone only once the new one stands."""
    aside = old.with_name(f".{old.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)


def is_sealed(folder: Path) -> bool:
    """Whether a folder is complete and its files are the ones that were sealed."""
    try:
        return (folder / COMPLETE).is_file() and read_seal(folder).get("files") == file_digests(folder, SEALED)
    except (CheckpointError, OSError):
        return False
