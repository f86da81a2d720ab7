"""From a file of examples or pairs to a job and its files of tokens; what is refused before anything is trained."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fakes_backend import instead

from r1bench.backends import BACKENDS
from r1bench.backends.contract import finish
from r1bench.backends.examples import EXAMPLES, HELD_OUT, read_examples
from r1bench.backends.job import read_job
from r1bench.backends.journal import Journal
from r1bench.harness.checkpoints import file_digest, find_checkpoint
from r1bench.harness.errors import ContextError, DataError, R1benchError, UsageError
from r1bench.harness.models.tokenizer import load_tokenizer, text_of
from r1bench.harness.training.jobs import Prepared, prepare, resolve, room_of
from r1bench.tasks.templates import TEMPLATES

SMALL = ("batch_size=2",)


@pytest.fixture(autouse=True)
def listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "listener", "fakes_backend:Listener")


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "traces.jsonl", [{"question": f"What is {n} + 1?", "solution": f"It is {n + 1}"} for n in range(30)])


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "pairs.jsonl", [{"prompt": f"{n} + 1?", "chosen": str(n + 1), "rejected": str(n + 2)} for n in range(30)])


def resolved(stage: str, data: Path | None, *settings: str, **options: Any) -> Prepared:
    return resolve(stage, "listener", "tiny", data=data, settings=instead(SMALL, settings), device="cpu", threads=1, **options)


def test_a_job_says_how_many_examples_there_are_and_which(traces: Path, tmp_path: Path) -> None:
    found = resolved("cold-start", traces).job
    assert (found.data.num_examples, found.data.held_out, found.chat.end, found.dtype) == (27, 3, "<|endoftext|>", "float32")
    assert found.data.prompts_digest == resolved("cold-start", traces).job.data.prompts_digest
    other = write_rows(tmp_path / "other.jsonl", [{"question": f"What is {n} + 1?", "solution": f"Is it {n + 1}"} for n in range(30)])
    assert found.data.prompts_digest != resolved("cold-start", other).job.data.prompts_digest


def test_epochs_are_counted_over_what_is_not_held_out(traces: Path) -> None:
    assert resolved("cold-start", traces, "epochs=2").job.num_steps() == 27


def test_the_tokens_of_a_trace_are_those_of_evaluation_and_of_its_answer(traces: Path, tmp_path: Path) -> None:
    job, _ = prepare("cold-start", "listener", "tiny", data=traces, settings=SMALL, device="cpu", threads=1, out=tmp_path / "out")
    tokenizer = load_tokenizer(find_checkpoint("tiny-base"))
    texts = {text_of(tokenizer, example.tokens) for name in (EXAMPLES, HELD_OUT) for example in read_examples(tmp_path / "out" / name)}
    assert texts == {TEMPLATES["plain"].fill(f"What is {n} + 1?") + f"It is {n + 1}<|endoftext|>" for n in range(30)}
    assert read_job(tmp_path / "out" / "job.json") == job


def test_the_seed_says_what_is_held_out_and_no_prompt_is_on_both_sides(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "t.jsonl", [{"question": f"{n % 15}?", "solution": f"it is {n}"} for n in range(30)])
    sides = []
    for seed in (0, 0, 1):
        found = resolved("cold-start", data, f"seed={seed}", "data.held_out=6").encoded
        assert found is not None
        rows = [[tuple(each.tokens[: each.num_prompt]) for each in read_examples(found.folder / name)] for name in (EXAMPLES, HELD_OUT)]
        assert (len(rows[1]), set(rows[0]) & set(rows[1])) == (6, set())
        sides.append(rows[1])
    assert sides[0] == sides[1] != sides[2]


def test_examples_are_not_written_again_when_a_training_goes_on(traces: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"data": traces, "settings": SMALL, "device": "cpu", "threads": 1, "out": tmp_path / "out"}
    prepare("cold-start", "listener", "tiny", **options)
    before = (tmp_path / "out" / EXAMPLES).stat()
    digest = file_digest(tmp_path / "out" / HELD_OUT)
    (tmp_path / "out" / HELD_OUT).unlink()
    prepare("cold-start", "listener", "tiny", **options)
    assert (tmp_path / "out" / EXAMPLES).stat() == before
    assert file_digest(tmp_path / "out" / HELD_OUT) == digest
    write_rows(traces, [{"question": f"What is {n} + 1?", "solution": "no"} for n in range(30)])
    with pytest.raises(UsageError, match=r"holds another training \(data\.prompts_digest"):
        prepare("cold-start", "listener", "tiny", **options)


def test_what_is_too_long_is_left_out_and_counted(traces: Path) -> None:
    with traces.open("a") as file:
        file.write(json.dumps({"question": "long?", "solution": "x" * 900}) + "\n")
    found = resolved("cold-start", traces)
    assert found.job.data.num_examples + found.job.data.held_out == 30
    assert [str(each) for each in found.warnings if each.name == "length"] == [
        "1 of 31 examples are left out: more than algorithm.max_length=256 tokens"
    ]
    with pytest.raises(ContextError, match=r"all 31 examples of .* have more than algorithm\.max_length=4 tokens"):
        resolved("cold-start", traces, "algorithm.max_length=4")


def test_a_length_beyond_the_models_context_is_that_of_the_context(traces: Path) -> None:
    assert resolved("cold-start", traces, "algorithm.max_length=100000").job.algorithm.max_length == 2048  # type: ignore[union-attr]


def test_pairs_become_two_texts_with_one_prompt(pairs: Path) -> None:
    found, tokenizer = resolved("reward-model", pairs), load_tokenizer(find_checkpoint("tiny-base"))
    assert found.encoded is not None
    example = read_examples(found.encoded.folder / EXAMPLES)[0]
    assert text_of(tokenizer, example.tokens) == "User: 0 + 1?\nAssistant: 1<|endoftext|>"
    assert text_of(tokenizer, example.rejected) == "User: 0 + 1?\nAssistant: 2<|endoftext|>"
    assert example.tokens[: example.num_prompt] == example.rejected[: example.num_rejected_prompt]


def test_a_chat_template_of_a_file_goes_into_the_job_and_into_what_is_learned(traces: Path, tmp_path: Path) -> None:
    (tmp_path / "x.jinja").write_text("{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}[assistant] ")
    found = resolved("cold-start", traces, f"chat.template={tmp_path / 'x.jinja'}", "data.template=chat")
    assert found.job.chat.template.startswith("{% for m")
    assert found.encoded is not None
    tokens = read_examples(found.encoded.folder / EXAMPLES)[0].tokens
    asked = "[user] What is 0 + 1?<|endoftext|>[assistant] It is 1<|endoftext|>"
    assert text_of(load_tokenizer(found.base), tokens) == asked


def test_a_result_carries_the_chat_template_that_it_was_trained_with(traces: Path, tmp_path: Path) -> None:
    (tmp_path / "x.jinja").write_text("{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}[assistant] ")
    job = resolved("cold-start", traces, f"chat.template={tmp_path / 'x.jinja'}", out=tmp_path / "out").job
    (tmp_path / "out").mkdir()
    with Journal(tmp_path / "out", 1) as journal:
        final = finish(job, lambda folder: shutil.copytree(job.model, folder, dirs_exist_ok=True) and None, journal)
    assert load_tokenizer(find_checkpoint(str(final))).chat_template == job.chat.template


@pytest.mark.parametrize(
    ("stage", "settings", "told"),
    [
        ("cold-start", ("data.held_out=30",), r"data\.held_out=30 leaves nothing of 30 examples"),
        ("cold-start", ("batch_size=28",), r"batch_size=28 is more than the 27 examples to train on \(3 are held out"),
        ("cold-start", ("chat.end=nothing",), r"chat\.end='nothing' is not one token of .*use one of '<\|endoftext\|>'"),
        ("cold-start", ("chat.end=<|pad|>",), r"'<\|pad\|>' would be learned behind every answer, and ends no completion"),
        ("cold-start", ("chat.template=missing.jinja",), r"chat\.template='missing\.jinja' cannot be read"),
        ("cold-start", ("data.task=arithmetic",), r"data\.task='arithmetic': stage cold-start learns from the examples of --data"),
        ("cold-start", ("data.template=boxd",), r"unknown template 'boxd'; did you mean 'boxed'"),
        ("reward-model", ("chat.end=<|endoftext|>",), r"chat\.end='<\|endoftext\|>': a reward model reads what its chat template writes"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_one_line(
    traces: Path, pairs: Path, stage: str, settings: tuple[str, ...], told: str
) -> None:
    with pytest.raises(R1benchError, match=told):
        resolved(stage, traces if stage == "cold-start" else pairs, *settings)


@pytest.mark.parametrize(("stage", "what"), [("cold-start", "examples"), ("reward-model", "pairs")])
def test_missing_data_is_named(stage: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"stage {stage} learns from {what} .*--data FILE"):
        resolved(stage, None)
    with pytest.raises(DataError, match="holds no rows"):
        resolved(stage, write_rows(tmp_path / "empty.jsonl", []))


def test_a_punishment_that_no_completion_can_earn_is_refused() -> None:
    rewards = "rewards=[{name: soft_overlong, parameters: {max_completion_len: 200, soft_punish_cache: 40}}]"
    options: dict[str, Any] = {"device": "cpu", "threads": 1}
    with pytest.raises(UsageError, match=r"begins beyond 160 tokens, and algorithm\.rollout\.max_tokens=128 lets no completion get there"):
        resolve("zero", "listener", "tiny", settings=(rewards,), **options)
    assert resolve("zero", "listener", "tiny", settings=(rewards, "rollout.max_tokens=161"), **options).job.grpo.rewards


def test_adapters_need_little_room_beside_the_weights(traces: Path) -> None:
    whole, adapted = (resolved("cold-start", traces, "save_every=1", *more) for more in ((), ("lora.rank=1",)))
    rooms = [room_of(each.job, each.base, 0) for each in (whole, adapted)]
    assert rooms[0].each > 2.5 * rooms[1].each


@pytest.mark.parametrize("recipe", ["tiny", "single-gpu", "paper"])
@pytest.mark.parametrize("stage", ["zero", "cold-start", "reward-model"])
@pytest.mark.parametrize("backend", ["custom", "trl"])
def test_every_recipe_has_every_stage_for_both_backends(recipe: str, stage: str, backend: str) -> None:
    from r1bench.backends.job import TrainJob
    from r1bench.harness.training.recipes import read_recipe
    from r1bench.harness.training.stages import STAGES

    values = read_recipe(recipe, stage, backend)
    values["algorithm"]["kind"] = STAGES[stage].algorithm
    assert values["engine"]
    assert values.pop("judged_by") is not None
    assert values.pop("model")
    named = dict.fromkeys(("name", "stage", "backend", "recipe", "model", "model_digest", "out"), "")
    assert TrainJob.model_validate({**values, **named}).algorithm.kind == STAGES[stage].algorithm


def test_a_conversation_of_more_messages_than_tokens_may_be_is_left_out_before_it_is_rendered(tmp_path: Path) -> None:
    turns = [{"role": role, "content": "x"} for _ in range(200) for role in ("user", "assistant")]
    rows = [{"messages": turns}, *({"messages": turns[: 2 * number]} for number in range(1, 6))]
    template = tmp_path / "plain.jinja"
    template.write_text("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    data = write_rows(tmp_path / "long.jsonl", rows)
    found = resolved("cold-start", data, f"chat.template={template}", "algorithm.max_length=300", "data.held_out=0", "batch_size=2")
    assert found.encoded is not None
    assert (found.encoded.num_left_out, found.encoded.num_examples) == (1, 1 + 2 + 3 + 4 + 5)  # here each answer is an example of its own


def test_a_chat_template_that_was_given_is_blamed_and_not_the_checkpoints(traces: Path, tmp_path: Path) -> None:
    (tmp_path / "t.jinja").write_text("{% if %}")
    with pytest.raises(R1benchError, match=r"the chat template given with chat\.template cannot be used"):
        resolved("cold-start", traces, f"chat.template={tmp_path / 't.jinja'}", "data.template=chat")


def test_a_job_has_the_versions_of_what_trains(traces: Path) -> None:
    assert {"r1bench", "torch", "transformers"} <= resolved("cold-start", traces).job.versions.keys()
