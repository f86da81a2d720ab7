"""A checkpoint's folder that somebody made to harm: what loads a model would end in a traceback, or wait for ever."""

import os
import shutil
from pathlib import Path

import pytest

from r1bench.harness.checkpoints import find_checkpoint, is_sealed
from r1bench.harness.errors import CheckpointError

NESTED = "[" * 200_000 + "]" * 200_000
JSON = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "special_tokens_map.json", "r1bench.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find_checkpoint("tiny-base").path, tmp_path / "model"))


@pytest.mark.parametrize("value", [NESTED, "[" * 300 + "]" * 300, "1" * 5000])
@pytest.mark.parametrize("name", JSON)
def test_json_of_a_checkpoint_that_is_nested_deeply_is_refused_in_one_line(folder: Path, name: str, value: str) -> None:
    (folder / name).write_text(f'{{"model_type": "llama", "x": {value}}}')
    (folder / "COMPLETE").touch()
    with pytest.raises(CheckpointError, match=name) as found:
        find_checkpoint(str(folder))
    assert len(str(found.value)) < 300
    assert not is_sealed(folder)


@pytest.mark.parametrize("name", [*JSON, "more.safetensors", "chat_template.jinja"])
def test_a_pipe_or_a_device_in_a_checkpoint_is_refused_at_once(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(CheckpointError, match=name):
        find_checkpoint(str(folder))
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match=name):
        find_checkpoint(str(folder))


def test_a_seal_that_calls_its_stage_a_list_has_no_stage(folder: Path) -> None:
    (folder / "r1bench.json").write_text('{"stage": ["x"], "parent": {"a": 1}, "name": "../../x"}')
    (folder / "COMPLETE").touch()
    found = find_checkpoint(str(folder))
    assert (found.stage, found.parent, found.name) == ("", "", "x")
