"""The files of examples: what is written is read, and every step's places follow from the job."""

from pathlib import Path

import pytest

from r1bench.backends.examples import Example, places_of, read_examples, write_examples
from r1bench.backends.job import TrainJob
from r1bench.harness.errors import BackendError

ROWS = [Example("a", [1, 2, 3], 1), Example("b", [4, 5, 6, 7], 1, trained=[1, 2, 3, 4]), Example("c", [1], 0, [], [9, 8], 1, 1.0)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert write_examples(tmp_path / "x.arrow", iter(ROWS)) == 3
    found = read_examples(tmp_path / "x.arrow")
    assert [found[0], found[-1], *found] == [ROWS[0], ROWS[2], *ROWS]
    assert found[1:] == ROWS[1:]


def test_the_answers_of_a_conversation_are_trained_and_nothing_between_them() -> None:
    assert ROWS[0].mask() == [False, True, True]
    assert ROWS[1].mask() == [False, True, False, True]
    assert ROWS[1].mask("all") == [True] * 4


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", None])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.arrow").write_bytes(content)
    with pytest.raises(BackendError, match=r"x\.arrow cannot be read"):
        read_examples(tmp_path / "x.arrow")


def job(**values: object) -> TrainJob:
    return TrainJob.model_validate(
        {
            **dict.fromkeys(("name", "stage", "backend", "recipe", "model", "model_digest", "out"), ""),
            **{"batch_size": 4, "data": {"num_examples": 10}, "optimizer": {}, "algorithm": {"kind": "sft"}},
            **values,
        }
    )


def test_an_epoch_takes_every_example_once_and_its_last_step_what_is_left() -> None:
    two = job(epochs=2)
    steps = [places_of(two, step) for step in range(two.num_steps())]
    assert [len(places) for places in steps] == [4, 4, 4, 4, 4]
    taken = [place for places in steps for place in places]
    assert sorted(taken[:10]) == sorted(taken[10:]) == list(range(10))
    assert taken[:10] != taken[10:]
    assert [len(places_of(job(epochs=1), step)) for step in range(job(epochs=1).num_steps())] == [4, 4, 2]


def test_steps_go_on_through_the_epochs() -> None:
    assert [len(places_of(job(steps=4), step)) for step in range(4)] == [4] * 4
