"""Finding, refusing and sealing checkpoints."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from r1bench.harness.checkpoints import COMPLETE, SEAL, find_checkpoint, folder_digest, is_sealed, read_seal, seal
from r1bench.harness.errors import CheckpointError, StorageError


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find_checkpoint("tiny-base").path, tmp_path / "copied"))


def test_the_digest_of_a_copy_is_the_same_and_changes_with_its_content(copied: Path) -> None:
    assert find_checkpoint(str(copied)).digest == find_checkpoint("tiny-base").digest
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 1e-5}))
    assert find_checkpoint(str(copied)).digest != find_checkpoint("tiny-base").digest


def test_a_missing_checkpoint_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"'\./nowhere' does not exist; give a folder, a hub id"):
        find_checkpoint("./nowhere")


def test_a_folder_without_weights_is_refused(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="has no weights"):
        find_checkpoint(str(copied))


def test_a_folder_without_configuration_is_refused(copied: Path) -> None:
    (copied / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        find_checkpoint(str(copied))


def test_a_pickled_checkpoint_is_refused_naming_the_flag(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="--allow-pickle"):
        find_checkpoint(str(copied))
    assert find_checkpoint(str(copied), allow_pickle=True).path == str(copied)


def test_an_unfinished_checkpoint_is_refused(copied: Path) -> None:
    (copied / SEAL).write_text("{}")
    with pytest.raises(CheckpointError, match="unfinished"):
        find_checkpoint(str(copied))


def test_a_seal_holds_lineage_and_digests_and_notices_damage(tmp_path: Path) -> None:
    folder = seal(tmp_path / "made", lambda place: (place / "config.json").write_text("{}") and None, {"stage": "zero"})
    assert read_seal(folder)["stage"] == "zero"
    assert is_sealed(folder)
    (folder / "config.json").write_text("{ }")
    assert not is_sealed(folder)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    folder = seal(tmp_path / "made", lambda place: (place / "config.json").write_text("{}") and None, {})
    before = folder_digest(folder)

    def fail(place: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left"):
        seal(folder, fail, {})
    assert folder_digest(folder) == before
    assert (folder / COMPLETE).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_whoever_may_read_the_seal_may_read_the_weights(tmp_path: Path) -> None:
    folder = seal(tmp_path / "a", lambda folder: save_file({"a": np.zeros(1)}, folder / "model.safetensors"), {})
    assert (folder / "model.safetensors").stat().st_mode == (folder / "r1bench.json").stat().st_mode


def test_a_name_in_a_seal_cannot_leave_its_folder_or_steer_a_terminal(copied: Path) -> None:
    (copied / SEAL).write_text(json.dumps({"name": "../../evil/\x1b[2Jx"}))
    (copied / COMPLETE).touch()
    assert find_checkpoint(str(copied)).name == "evil-2Jx"


@pytest.mark.parametrize("content", ["[]", "{broken", '"text"'])
def test_a_configuration_or_a_seal_that_is_no_object_is_named(copied: Path, content: str) -> None:
    (copied / COMPLETE).touch()
    for name in (SEAL, "config.json"):
        (copied / name).write_text(content)
        with pytest.raises(CheckpointError, match=name):
            find_checkpoint(str(copied))
        (copied / name).unlink()


def test_weights_that_do_not_fill_the_model_are_refused(copied: Path) -> None:
    from r1bench.harness.models.weights import load_model

    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 6}))
    with pytest.raises(CheckpointError, match=r"does not hold all weights.*layers\.4"):
        load_model(find_checkpoint(str(copied)), "cpu")
