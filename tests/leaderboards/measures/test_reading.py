"""Runs become tallies: the values of every sample in order, what is not known, digests, folders; and no text is left."""

import math
import pickle
import random
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from fakes_folders import make_problems, store_run
from fakes_runs import make_run, make_sample, make_tally

from r1bench.harness.canonical import digest_of
from r1bench.harness.records import OUTCOMES, Completion, Grade, Noise, Sample
from r1bench.harness.store.runs import open_run, read_run
from r1bench.harness.tally import Tally
from r1bench.leaderboards.measures.reading import answer_of, of_run, place_of, read
from r1bench.tasks.grading.behaviour import measure

TEXTS = ("<think>Wait, 2+2.</think><answer>4</answer>", "It is \\boxed{4}.", "so " * 300, "<think>but 你好 再见</think><answer>5</answer>")


def drawn(problem: str, index: int, draw: random.Random) -> Sample:
    """A sample in which everything differs from its neighbours."""
    text, outcome, tokens = draw.choice(TEXTS), draw.choice(OUTCOMES), draw.randrange(1, 900)
    finish = "length" if outcome == "truncated" else "stop"
    return make_sample(
        problem,
        index,
        float(outcome == "correct"),
        completion=Completion(text, finish, tokens, draw.randrange(9), draw.random()),
        grade=Grade(outcome, float(outcome == "correct"), str(draw.randrange(3)), "", "integer", "1"),
        behaviour=measure(text, "", finish, tokens),
        reasoning_tokens=tokens // 2,
        format_ok=draw.random() < 0.5,
        languages={"en": draw.randrange(9), "zh": draw.randrange(9)},
        published=draw.choice([True, False, None]),
    )


def drawn_samples(num_problems: int = 7, n: int = 3) -> list[Sample]:
    draw = random.Random(3)
    return [drawn(f"p{number:04d}", index, draw) for number, index in product(range(num_problems), range(n))]


READERS = {
    "index": lambda sample: sample.index,
    "score": lambda sample: sample.grade.score,
    "outcome": lambda sample: OUTCOMES.index(sample.grade.outcome),
    "tokens": lambda sample: sample.completion.num_tokens,
    "reasoning_tokens": lambda sample: sample.reasoning_tokens,
    "prompt_tokens": lambda sample: sample.completion.num_prompt_tokens,
    "seconds": lambda sample: sample.completion.seconds,
    "truncated": lambda sample: sample.completion.finish_reason == "length",
    "format": lambda sample: sample.behaviour["style:think-answer"],
    "style:boxed": lambda sample: sample.behaviour["style:boxed"],
    "loop": lambda sample: sample.behaviour["loop"],
    "han": lambda sample: sample.languages["zh"],
    "words": lambda sample: sum(sample.languages.values()),
}


@pytest.mark.parametrize("key", READERS)
def test_values_are_those_of_the_samples_by_problem_and_index(key: str) -> None:
    samples = drawn_samples()
    shuffled = random.Random(1).sample(samples, len(samples))
    tally = make_tally([[1] * 3] * 7, samples=shuffled)
    counted = [[each for each in samples[3 * number : 3 * number + 3] if not each.has_failed] for number in range(7)]
    assert tally.rows(key) == [[READERS[key](each) for each in row] for row in counted if row]
    assert tally.problems == tuple(f"p{number:04d}" for number, row in enumerate(counted) if row)


def test_everything_that_every_sample_recorded_is_there_in_its_order() -> None:
    samples = drawn_samples()
    tally = make_tally([[1] * 3] * 7, samples=samples)
    assert [key for key in samples[0].behaviour if key not in ("reasoning_tokens", "truncated")] == list(tally.recorded)
    for key in tally.recorded:
        assert tally.values[key].tolist() == [sample.behaviour[key] for sample in samples if not sample.has_failed]


def test_problems_are_sorted_whatever_the_order_in_which_they_were_asked(tmp_path: Path) -> None:
    problems = make_problems(3)[::-1]
    run = make_run([[1, 0]] * 3, problems_digest=digest_of([problem.digest() for problem in problems]))
    with open_run(tmp_path, run.manifest, problems) as writer:
        for sample in run.samples:
            writer.append(sample)
    assert [sample.problem_id for sample in read_run(writer.folder).samples][::2] == ["p0002", "p0001", "p0000"]
    assert read(writer.folder).problems == ("p0000", "p0001", "p0002")


def test_a_folder_gives_the_tally_of_its_run(tmp_path: Path) -> None:
    folder = store_run(tmp_path, [[1] * 3] * 7, samples=drawn_samples(), name="x", sampling={"max_tokens": 900})
    found, expected = read(folder), of_run(read_run(folder), place=tmp_path)
    assert bytes_of(found) == bytes_of(expected)
    assert (found.place, found.samples_digest) == (tmp_path, expected.samples_digest)


def bytes_of(tally: Tally) -> tuple[Tally, dict[str, bytes]]:
    """The tally, and its values bit by bit, since NaN is not equal to itself."""
    return replace(tally, values={}), {key: held.tobytes() for key, held in tally.values.items()}


def test_a_tally_holds_no_text() -> None:
    samples = [make_sample("p0000", index, 1, text=f"<think>secret</think> {index}") for index in range(4)]
    assert b"secret" not in pickle.dumps(make_tally([[1] * 4], samples=samples))


def test_what_imported_text_does_not_say_is_not_known() -> None:
    samples = [make_sample("p0000", index, 1, num_tokens=0, languages={}, format_ok=False) for index in range(2)]
    tally = make_tally([[1, 1]], samples=samples)
    assert not {"truncated", "mixed"} & tally.values.keys()
    assert (tally.known("tokens"), tally.known("reasoning_tokens"), tally.known("published")) == ([], [], [])
    assert tally.known("format") == [[0, 0]]


def test_an_incomplete_run_has_a_tally_of_what_is_there() -> None:
    tally = make_tally([[1, 1], [1, 1]], samples=[make_sample("p0001", 1, 1), make_sample("p0000", 0, 0)])
    assert (tally.shortfall, tally.rows("score"), tally.rows("index")) == ("incomplete 2/4", [[0], [1]], [[0], [1]])
    empty = make_tally([[1, 1]], samples=[])
    assert (empty.counts, empty.recorded, empty.rows("score"), empty.shortfall) == ((), (), [], "incomplete 0/2")


def test_the_digest_is_of_texts_and_scores_and_of_no_order() -> None:
    samples = drawn_samples()
    digest = make_tally([[1] * 3] * 7, samples=samples).samples_digest
    assert make_tally([[1] * 3] * 7, samples=samples[::-1], name="other").samples_digest == digest
    said = replace(samples[0], completion=replace(samples[0].completion, text="else"))
    scored = replace(samples[0], grade=replace(samples[0].grade, score=1 - samples[0].grade.score))
    others = {make_tally([[1] * 3] * 7, samples=[changed, *samples[1:]]).samples_digest for changed in (said, scored)}
    assert len(others | {digest}) == 3


def test_equal_wrong_answers_of_a_problem_have_one_number_and_right_ones_0() -> None:
    given = [("wrong", "7"), ("correct", "4"), ("wrong", " 7 "), ("unparsed", None), ("wrong", "8"), ("correct", "4.0"), ("truncated", "7")]
    grades = [Grade(outcome, float(outcome == "correct"), text, "", "integer", "1") for outcome, text in given]
    samples = [make_sample(f"p{number}", index, 0, grade=grade) for number in "01" for index, grade in enumerate(grades)]
    rows = make_tally([[1] * 7] * 2, samples=samples).rows("vote")
    assert [[None if math.isnan(vote) else vote for vote in row] for row in rows] == [[1, 0, 1, None, 2, 0, None]] * 2
    assert "vote" not in make_tally([[1] * 7] * 2, samples=samples, grader="code").values
    assert answer_of(samples[0]) == answer_of(samples[2]) != answer_of(samples[4])


def test_noise_notes_and_what_is_left_out_come_along() -> None:
    run = replace(make_run([[1]]), noise=Noise(2, 4, 3, 1, 0.25, 0.01), left_out=("half",), notes=("odd",))
    assert (of_run(run).noise_error, of_run(run).remarks, of_run(run).place) == (0.01, ("half", f"{run.id}: odd"), None)


def test_the_place_of_a_folder_is_the_one_that_the_user_wrote() -> None:
    assert place_of(Path("runs/x")) == Path("runs")
    assert place_of(Path("x")) == Path(".")
    assert place_of(Path("..")) == Path("..").resolve().parent
