"""prompts.jsonl: written once before the first token, held against today's prompts when a run is gone on with."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from r1bench.harness.errors import StorageError
from r1bench.harness.evaluation.evaluate import evaluate
from r1bench.harness.evaluation.regrade import write_run
from r1bench.harness.records import Checkpoint, Problem, Run, Sampling, Template
from r1bench.harness.samplers import Prompt
from r1bench.harness.samplers.scripted import ScriptedSampler
from r1bench.harness.store.listed import MANIFEST, run_folders
from r1bench.harness.store.prompts import PROMPTS, digest_of_prompts, read_prompts
from r1bench.harness.store.runs import read_manifest, run_id
from r1bench.tasks import get_task
from r1bench.tasks.templates import TEMPLATES

PROBLEMS = [Problem(f"p{number}", f"What is {number} + 1?", (str(number + 1),)) for number in range(3)]


class Own(ScriptedSampler):
    """Reads the template with something of its own before it."""

    before = ""

    def prompts(self, template: Template, problems: Sequence[tuple[str, str]]) -> list[Prompt]:
        return [each._replace(text=self.before + each.text) for each in super().prompts(template, problems)]


class Served(ScriptedSampler):
    """Does not know what the model reads."""

    def prompts(self, template: Template, problems: Sequence[tuple[str, str]]) -> list[Prompt]:
        return [each._replace(num_tokens=None) for each in super().prompts(template, problems)]


def run(root: Path, *, n: int = 1, before: str = "", template: str = "plain", kind: type[ScriptedSampler] = Own) -> Run:
    sampler = kind(lambda problem, index: f"<answer>{index}</answer>")
    sampler.before = before  # type: ignore[attr-defined]
    sampling = Sampling(n=n, max_tokens=64)
    return evaluate(get_task("arithmetic"), PROBLEMS, Checkpoint("c", "nowhere", "d"), sampler, sampling, TEMPLATES[template], root)


def forget(folder: Path) -> None:
    """Make a folder one of a version that stored no prompts."""
    (folder / PROMPTS).unlink()
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["prompts_digest"], manifest["rendering"]
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_every_prompt_is_stored_with_its_tokens_and_the_manifest_has_the_digest(tmp_path: Path) -> None:
    made = run(tmp_path)
    found = read_prompts(tmp_path / made.id, made.manifest)
    assert [(each.problem_id, each.text, each.num_tokens) for each in found][1] == ("p1", "User: What is 1 + 1?\nAssistant: ", 7)
    assert (made.manifest.prompts_digest, made.manifest.rendering) == (digest_of_prompts(found), "template")


@pytest.mark.parametrize(
    ("before", "template", "rendering"),
    [("", "plain", "template"), ("!", "plain", "sampler"), ("!", "boxed", "chat")],
)
def test_the_manifest_says_who_made_the_prompts(tmp_path: Path, before: str, template: str, rendering: str) -> None:
    assert run(tmp_path, before=before, template=template).manifest.rendering == rendering


def test_a_run_whose_prompts_are_others_now_is_not_topped_up(tmp_path: Path) -> None:
    made = run(tmp_path)
    stored = {path: path.read_bytes() for path in (tmp_path / made.id).iterdir()}
    with pytest.raises(StorageError, match=r"was asked other prompts than this checkpoint gets now.*--out FOLDER.*r1bench 0"):
        run(tmp_path, n=2, before="!")
    assert {path: path.read_bytes() for path in (tmp_path / made.id).iterdir()} == stored
    assert run(tmp_path, n=2).manifest.rounds == (1, 2)


def test_a_prompt_of_as_many_words_and_other_tokens_is_another_one(tmp_path: Path) -> None:
    made = run(tmp_path)
    path = tmp_path / made.id / PROMPTS
    path.write_text(path.read_text().replace('"num_tokens":7,"problem_id":"p1"', '"num_tokens":8,"problem_id":"p1"'))
    with pytest.raises(StorageError, match="first of problem 'p1'"):
        run(tmp_path, n=2)


def test_prompts_are_there_before_the_first_token(tmp_path: Path) -> None:
    def script(problem: str, index: int) -> str:
        assert len(list(tmp_path.glob(f"*/{PROMPTS}"))) == len(list(tmp_path.glob(f"*/{MANIFEST}"))) == 1
        return "<answer>1</answer>"

    sampling = Sampling(n=1, max_tokens=64)
    evaluate(get_task("arithmetic"), PROBLEMS, Checkpoint("c", "", "d"), ScriptedSampler(script), sampling, TEMPLATES["plain"], tmp_path)


def test_prompts_that_were_lost_are_written_again_and_damaged_ones_are_named(tmp_path: Path) -> None:
    path = tmp_path / run(tmp_path).id / PROMPTS
    whole = path.read_bytes()
    path.unlink()
    run(tmp_path)
    assert path.read_bytes() == whole
    for damaged in (b"{broken\n", whole.replace(b"What", b"Who"), whole[:-1].replace(b"7", b'"7"'), b'{"a":1}\n'):
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match=r"prompts\.jsonl .*; restore it from a copy of the run, or delete it"):
            run(tmp_path)


def test_a_folder_without_stored_prompts_is_found_and_gone_on_with_as_it_is(tmp_path: Path) -> None:
    made = run(tmp_path, template="boxed")
    forget(tmp_path / made.id)
    assert run_id(read_manifest(tmp_path / made.id)) == made.id, "prompts do not belong to the identity"
    topped = run(tmp_path, n=2, template="boxed")
    assert (topped.id, topped.manifest.rounds, topped.manifest.prompts_digest) == (made.id, (1, 2), "")
    assert not (tmp_path / made.id / PROMPTS).exists()
    assert len(run_folders(tmp_path)) == 1


def test_a_sampler_that_does_not_know_what_the_model_reads_stores_none(tmp_path: Path) -> None:
    made = run(tmp_path, kind=Served)
    assert (made.manifest.prompts_digest, made.manifest.rendering) == ("", "")
    assert not (tmp_path / made.id / PROMPTS).exists()


def test_a_regraded_run_keeps_its_prompts(tmp_path: Path) -> None:
    made = run(tmp_path / "a")
    prompts = read_prompts(tmp_path / "a" / made.id, made.manifest)
    again = write_run(tmp_path / "b", made, PROBLEMS, prompts, list(made.samples), "3")
    assert (again / PROMPTS).read_bytes() == (tmp_path / "a" / made.id / PROMPTS).read_bytes()
