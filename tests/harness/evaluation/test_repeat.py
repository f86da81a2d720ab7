"""`eval --repeat-check`: the same requests in the same batches, what is counted, its error, and a run that stays as it is."""

import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from r1bench.harness.cli import main
from r1bench.harness.errors import StorageError, UsageError
from r1bench.harness.evaluation import repeat
from r1bench.harness.evaluation.evaluate import all_requests, evaluate
from r1bench.harness.records import Checkpoint, Completion, Noise, Problem, Run, Sampling
from r1bench.harness.samplers import Choice, Prompt, Request, Requests, Sampler
from r1bench.harness.samplers.hf import plan_batches
from r1bench.harness.samplers.scripted import ScriptedSampler
from r1bench.harness.store.listed import SAMPLES
from r1bench.harness.store.runs import NOISE, read_noise, read_run
from r1bench.tasks import get_task
from r1bench.tasks.templates import TEMPLATES

PROBLEMS = [Problem(f"p{number}", f"What is {number} + 1?", (str(number + 1),)) for number in range(6)]


@dataclass(frozen=True)
class Options:
    batch_size: int = 8


class Backend(ScriptedSampler):
    """A scripted sampler that draws in batches and remembers them, and may answer another time differently."""

    Options = Options

    def __init__(self, script: Callable[[str, int], str], batch_size: int = 8) -> None:
        super().__init__(script)
        self.options = Options(batch_size)
        self.batches: list[list[Request]] = []

    def together(self, whole: Sequence[Sequence[Request]]) -> list[list[Request]]:
        return plan_batches(whole, self.options.batch_size)

    def generate(self, requests: Requests, sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        missing = {request.key for request in requests}
        self.batches += [batch for batch in self.together(requests.whole) if any(request.key in missing for request in batch)]
        return super().generate(requests, sampling)


def right(problem_id: str, index: int) -> str:
    return f"<answer>{int(problem_id[1:]) + 1}</answer>"


def wrong_once(problem_id: str, index: int) -> str:
    return "<answer>0</answer>" if (problem_id, index) == ("p3", 1) else right(problem_id, index)


def evaluated(root: Path, sampler: ScriptedSampler, n: int = 4) -> Run:
    checkpoint = Checkpoint("scripted", "nowhere", "digest")
    return evaluate(get_task("arithmetic"), PROBLEMS, checkpoint, sampler, Sampling(n=n, max_tokens=64), TEMPLATES["plain"], root)


def repeated(root: Path, run: Run, sampler: ScriptedSampler, **options: int) -> Noise:
    return repeat.repeat_check(run, root / run.id, PROBLEMS, sampler, TEMPLATES["plain"], repeat.Again(**options))


def test_a_backend_that_repeats_itself_has_no_noise(tmp_path: Path) -> None:
    found = repeated(tmp_path, evaluated(tmp_path, Backend(right)), Backend(right))
    assert (found.num_problems, found.num_samples, found.num_identical, found.num_flips, found.error) == (6, 24, 24, 0, 0.0)


def test_a_flipped_score_is_counted_and_gives_the_error_of_the_formula(tmp_path: Path) -> None:
    found = repeated(tmp_path, evaluated(tmp_path, Backend(right)), Backend(wrong_once))
    assert (found.num_identical, found.num_flips) == (23, 1)
    assert found.mean_difference == pytest.approx(-1 / 24)
    assert found.error == pytest.approx(math.sqrt((1 / 4) ** 2 / 2 / 6 / 6))


def test_another_text_with_the_same_score_is_no_flip(tmp_path: Path) -> None:
    found = repeated(tmp_path, evaluated(tmp_path, Backend(right)), Backend(lambda *key: "So: " + right(*key)))
    assert (found.num_identical, found.num_flips, found.error) == (0, 0, 0.0)


def test_the_run_s_own_batches_are_repeated_also_those_of_a_later_round(tmp_path: Path) -> None:
    evaluated(tmp_path, first := Backend(right), n=2)
    run = evaluated(tmp_path, first, n=6)
    repeated(tmp_path, run, again := Backend(right), num_problems=6)
    assert all(batch in first.batches for batch in again.batches)


def test_another_batch_size_asks_the_same_in_other_batches(tmp_path: Path) -> None:
    run = evaluated(tmp_path, Backend(right))
    found = repeated(tmp_path, run, again := Backend(right), batch_size=5)
    assert [len(batch) for batch in again.batches] == [5, 5, 5, 5, 4]
    assert found.environment["batch size"] == "5"


def test_what_was_found_is_stored_beside_the_samples_and_changes_nothing_else(tmp_path: Path) -> None:
    run = evaluated(tmp_path, Backend(right))
    before = {path.name: path.read_bytes() for path in (tmp_path / run.id).iterdir()}
    found = repeated(tmp_path, run, Backend(wrong_once))
    after = {path.name: path.read_bytes() for path in (tmp_path / run.id).iterdir()}
    assert after.keys() - before.keys() == {NOISE}
    assert {name: after[name] for name in before} == before
    assert read_noise(tmp_path / run.id) == read_run(tmp_path / run.id).noise == found


def test_an_interruption_leaves_the_run_whole_and_the_check_can_be_made_again(tmp_path: Path) -> None:
    def broken(problem_id: str, index: int) -> str:
        raise KeyboardInterrupt

    run = evaluated(tmp_path, Backend(right))
    samples = (tmp_path / run.id / SAMPLES).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        repeated(tmp_path, run, Backend(broken))
    assert (tmp_path / run.id / SAMPLES).read_bytes() == samples
    assert read_noise(tmp_path / run.id) is None
    assert repeated(tmp_path, run, Backend(right)).num_identical == 24


def test_an_incomplete_run_is_refused(tmp_path: Path) -> None:
    run = evaluated(tmp_path, Backend(right))
    with pytest.raises(StorageError, match="incomplete and cannot be repeated; finish it"):
        repeated(tmp_path, Run(run.id, run.manifest, run.samples[:-1]), Backend(right))


def batches_of(num_problems: int, n: int, batch_size: int) -> list[list[Request]]:
    prompts = [Prompt(f"p{number:04d}", "", num_tokens=number % 7) for number in range(num_problems)]
    return plan_batches(all_requests(prompts, (n,)), batch_size)


@pytest.mark.parametrize(("num_problems", "n", "batch_size"), [(250, 4, 16), (30, 64, 128), (1000, 1, 128), (5, 2, 128), (40, 1, 1)])
def test_chosen_batches_are_whole_distinct_spread_and_hold_enough_problems(num_problems: int, n: int, batch_size: int) -> None:
    plan = batches_of(num_problems, n, batch_size)
    chosen = repeat.chosen_batches(plan, 32)
    places = [plan.index(batch) for batch in chosen]
    assert len({request.prompt.problem_id for batch in chosen for request in batch}) >= min(32, num_problems)
    assert places == sorted(set(places))
    gaps = [b - a for a, b in zip([-1, *places], [*places, len(plan)], strict=True)]
    assert max(gaps) <= len(plan) / len(places) + 1


class Fresh(Backend):
    """Another sample every time."""

    repeats = "no"


@pytest.mark.parametrize(("kind", "size", "named"), [(Fresh, None, "repeats nothing"), (ScriptedSampler, 4, "has no option batch_size")])
def test_what_a_sampler_cannot_be_asked_again_is_refused(kind: type[Sampler], size: int | None, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        repeat.asked(0, size, Choice("its name", kind, kind.Options()))


def test_the_default_stops_where_problems_have_too_many_samples() -> None:
    chosen = repeat.chosen_batches(batches_of(30, 64, 128), repeat.NUM_PROBLEMS, repeat.MOST_SAMPLES)
    assert sum(map(len, chosen)) == 512


def test_the_error_is_the_spread_of_pass_at_1_over_repetitions() -> None:
    dice, num_problems, n, repeated_n, rate = random.Random(0), 30, 4, 2, 0.15

    def draw(count: int) -> list[float]:
        return [float(dice.random() < rate) for _ in range(count)]  # a score of 0 that comes out as 1 now and then

    squares = []
    for _ in range(1500):
        rows = [[b - a for a, b in zip(draw(repeated_n), draw(repeated_n), strict=True)] for _ in range(8)]
        squares.append(repeat.noise_error(rows, num_problems, n) ** 2)
    means = [sum(sum(draw(n)) / n for _ in range(num_problems)) / num_problems for _ in range(1500)]
    middle = sum(means) / len(means)
    spread = math.sqrt(sum((mean - middle) ** 2 for mean in means) / len(means))
    assert math.sqrt(sum(squares) / len(squares)) == pytest.approx(spread, rel=0.07)


def test_no_flip_in_so_many_samples_bounds_the_rate_exactly() -> None:
    bound = repeat.most_flips(128)
    assert (1 - bound) ** 128 == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("script", "said"), [(right, "no score flips; at most 11.7 % do"), (wrong_once, "1 score flips; the backend alone")]
)
def test_the_line_says_how_many_and_how_sure(tmp_path: Path, script: Callable[[str, int], str], said: str) -> None:
    run = evaluated(tmp_path, Backend(right))
    repeated(tmp_path, run, Backend(script))
    assert said in repeat.render(read_run(tmp_path / run.id))


def test_the_command_checks_a_real_model_and_prints_its_line_to_stderr_beside_json(tmp_path: Path) -> None:
    options = ["--limit", "4", "--samples", "2", "--max-tokens", "8", "--device", "cpu", "--runs", str(tmp_path), "--json"]
    made = CliRunner().invoke(main, ["eval", "tiny-base", "--tasks", "arithmetic", *options, "--repeat-check"])
    assert "8 of 8 texts identical, no score flips" in " ".join(made.stderr.split())
    assert [read_noise(folder).num_samples for folder in tmp_path.iterdir()] == [8]  # type: ignore[union-attr]


def test_a_batch_size_of_a_repetition_without_one_is_refused(tmp_path: Path) -> None:
    made = CliRunner().invoke(main, ["eval", "tiny-base", "--tasks", "arithmetic", "--repeat-batch-size", "4", "--runs", str(tmp_path)])
    assert made.exit_code == 2
    assert "give --repeat-check too" in made.stderr


@pytest.mark.parametrize("size", ["0", "1.5", "many"])
def test_a_repetition_of_no_problems_is_refused(tmp_path: Path, size: str) -> None:
    made = CliRunner().invoke(main, ["eval", "tiny-base", "--tasks", "arithmetic", f"--repeat-check={size}", "--runs", str(tmp_path)])
    assert made.exit_code == 2
    assert "--repeat-check" in made.stderr


BROKEN = [
    {"error": "0.1"},
    {"error": float("nan")},
    {"error": -0.1},
    {"error": 1.5},
    {"mean_difference": None},
    {"mean_difference": float("inf")},
    {"num_samples": -1},
    {"num_flips": 1.5},
    {"num_identical": 99},
    {"environment": []},
]


@pytest.mark.parametrize("change", BROKEN)
def test_a_noise_file_that_says_what_cannot_be_is_one_line(tmp_path: Path, change: dict[str, object]) -> None:
    run = evaluated(tmp_path, Backend(right))
    repeated(tmp_path, run, Backend(wrong_once))
    path = tmp_path / run.id / NOISE
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StorageError, match=r"noise\.json cannot be read"):
        read_run(tmp_path / run.id)


def test_one_problem_asked_again_is_called_one(tmp_path: Path) -> None:
    run = evaluated(tmp_path, Backend(right))
    repeated(tmp_path, run, Backend(right, batch_size=4), num_problems=1, batch_size=1)
    again = read_run(tmp_path / run.id)
    assert again.noise is not None
    text = repeat.render(replace(again, noise=replace(again.noise, num_problems=1)))
    assert "1 problem asked again" in text
