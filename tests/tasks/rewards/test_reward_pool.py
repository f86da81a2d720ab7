"""Rewards that fail in every way they can: what it costs, what is said of it, and that nothing is left behind."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from packages import code_of, install
from processes import processes_of

from r1bench.backends.job import RewardSpec, read_job
from r1bench.backends.journal import FAULT, Journal
from r1bench.harness.errors import GraderError, RewardError, UsageError
from r1bench.harness.records import Completion, Grade, Problem
from r1bench.tasks.grading import GradingPool
from r1bench.tasks.rewards import REWARDS, Judged, check_rewards, get_reward, score
from r1bench.tasks.rewards.audit import audit
from r1bench.tasks.rewards.pool import Fault, RewardPool, Scores
from r1bench.tasks.rewards.workers import MOST_ENDED, RewardWorker

BAD = """
import os, signal, sys, time
from r1bench.tasks.rewards.reward import Reward

def bad(does):
    def reward(judged):
        values = []
        for each in judged:
            values.append(1.0)
            if "bad" in each.completion.text:
                values = does(values)
        return values
    return reward

def swap(value):
    return lambda values: [*values[:-1], value]

def do(act):
    def does(values):
        act()
        return values
    return does

def raise_error():
    raise ValueError("no gold here")

def exhaust():
    kept = []
    while True:
        kept.append(bytes(2**28))

def hold():
    import re
    re.match(r"(a+)+$", "a" * 40 + "b")  # holds the interpreter's lock

def leave_a_child():
    import subprocess
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", __file__])
    time.sleep(1000)

def die_once():
    if not os.path.exists(__file__ + ".once"):
        open(__file__ + ".once", "w").close()
        os._exit(3)

WAYS = {
    "once": do(die_once),
    "raises": do(raise_error), "exits": do(sys.exit), "hangs": do(lambda: time.sleep(1000)), "holds": do(hold), "nan": swap(float("nan")),
    "inf": swap(float("inf")), "huge": swap(1e308), "text": swap("0.5"), "object": swap(object()), "short": lambda values: values[:-1],
    "long": lambda values: [*values, 1.0], "none": lambda values: None, "dies": do(lambda: os._exit(3)),
    "crashes": do(lambda: os.kill(os.getpid(), signal.SIGSEGV)), "exhausts": do(exhaust), "children": do(leave_a_child),
    "closes": do(lambda: os.closerange(3, 100)),
}
globals().update({name: bad(does) for name, does in WAYS.items()})

def prints(judged):
    print('["ready"]', flush=True)
    os.write(1, b"[[1.0]]\\n")
    return [2.0 for _ in judged]

def changes(judged):
    for each in judged:
        each.problem.metadata["seen"] = each.problem.metadata.get("seen", 0) + 1
    return [float(each.problem.metadata["seen"]) for each in judged]

def ranks(judged):
    if any("bad" in each.completion.text for each in judged):
        raise_error()
    return [float(len(judged)) for _ in judged]

group = Reward("other", ranks, "how many", "here", unit="group")
batch = Reward("batch", ranks, "how many", "here", unit="batch")
trainer = Reward("trainer", WAYS and globals()["raises"], "", "", in_trainer=True)

def lists(judged):
    return [1.0 for _ in judged if judged[0]]

def empty(judged):
    return [1.0] * len(judged) if judged[0] else []

def waits(judged):
    while not judged:
        time.sleep(1)
    return [1.0]

def options(judged, *, factor: float = 2.0, is_odd: bool = False):
    return [factor + is_odd for _ in judged]

def positional(judged, factor):
    return []

def strange(judged, *, shape: dict = None):
    return []

formless = Reward("formless", lambda judged: raise_error() if judged else [], "", "", literal_of="format")
number = 7
accuracy = lists
"""
NAMES = (
    "raises",
    "exits",
    "hangs",
    "holds",
    "nan",
    "inf",
    "huge",
    "text",
    "object",
    "short",
    "long",
    "none",
    "dies",
    "crashes",
    "exhausts",
)
NAMES += (
    "once",
    "formless",
    "children",
    "closes",
    "prints",
    "changes",
    "group",
    "batch",
    "trainer",
    "empty",
    "waits",
    "options",
    "positional",
    "strange",
    "number",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    entries = [f"{name} = bad_rewards:{name}" for name in NAMES] + ["lost = no_such_module:lost", "quits = quits_at_once:reward"]
    (folder / "quits_at_once.py").write_text("raise SystemExit(3)")
    install(folder, "bad_rewards", BAD, "r1bench.rewards", "\n".join(entries))
    return folder


@pytest.fixture(autouse=True, scope="module")
def _installed(site: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
        yield
    get_reward.cache_clear()


def spec(name: str, **parameters: Any) -> RewardSpec:
    return RewardSpec(name=name, parameters=parameters)


def batch(*texts: str, each: int = 2) -> tuple[list[Problem], list[Completion]]:
    """Completions of problems with so many each; their gold is 42."""
    problems = [Problem(f"p{place // each}", "", ("42",), metadata={}) for place in range(len(texts))]
    return problems, [Completion(text, "stop", len(text)) for text in texts]


TEXTS = ("42", "a bad 42", "41", "42")


def scored(name: str, *texts: str, seconds: float = 30, **options: Any) -> Scores:
    with RewardPool("integer", [spec("accuracy"), spec(name)], seconds=seconds, **options) as pool:
        return pool.score(*batch(*(texts or TEXTS)))


def parts(found: Scores, name: str) -> list[Any]:
    return ["nan" if (value := each.parts[name]) is not None and math.isnan(value) else value for each in found.scores]


# One sample.

ONE_SAMPLE = {
    "raises": ("raised ValueError", "no gold here"),
    "exits": ("raised SystemExit", ""),
    "nan": ("returned nan", ""),
    "inf": ("returned inf", ""),
    "huge": ("returned 1e+308", "beyond 1e+06, where advantages lose their digits"),
    "text": ("returned a str and not a number", "'0.5'"),
    "short": ("returned another number of values", "0 for 1"),
    "long": ("returned another number of values", "more for 1"),
    "none": ("returned None and not a list of values", ""),
    "dies": ("ended its process with exit code 3", ""),
    "crashes": ("ended its process by SIGSEGV", ""),
    "exhausts": ("raised MemoryError", ""),
    "trainer": ("raised ValueError", "no gold here"),
}


@pytest.fixture(scope="module")
def of_all(_installed: None) -> Scores:
    """What all of them give at once."""
    with RewardPool("integer", [spec("accuracy"), *map(spec, ONE_SAMPLE)]) as pool:
        return pool.score(*batch(*TEXTS))


@pytest.mark.parametrize("name", ONE_SAMPLE)
def test_what_fails_for_one_sample_leaves_its_siblings_alone(name: str, of_all: Scores) -> None:
    assert parts(of_all, name) == [1.0, "nan", 1.0, 1.0]
    assert [fault for fault in of_all.faults if fault.source == f"reward {name!r}"] == [
        Fault(f"reward {name!r}", *ONE_SAMPLE[name], "p0", 1, 1)
    ]


def test_a_sample_of_which_one_reward_failed_has_no_total(of_all: Scores) -> None:
    others = float(len(ONE_SAMPLE))
    assert [each.total for each in of_all.scores] == [others + 1, pytest.approx(math.nan, nan_ok=True), others, others + 1]


@pytest.mark.parametrize("name", ["hangs", "holds", "children"])
def test_what_hangs_is_ended_and_its_siblings_are_scored(name: str, site: Path) -> None:
    begin = time.monotonic()
    found = scored(name, seconds=2)
    assert parts(found, name) == [1.0, "nan", 1.0, 1.0]
    assert [fault.how for fault in found.faults] == ["hung for 2 s"]
    assert time.monotonic() - begin < 60
    assert not processes_of(site)


def test_a_reward_that_hangs_for_everything_takes_a_bounded_time() -> None:
    found = scored("hangs", "42", *["bad 42"] * 30, seconds=1)
    assert parts(found, "hangs") == [1.0] + ["nan"] * 30
    assert [(fault.how, fault.num_samples) for fault in found.faults] == [
        ("hung for 1 s", MOST_ENDED),
        ("was not computed", 30 - MOST_ENDED),
    ]


def test_closed_files_end_the_worker_and_cost_that_sample() -> None:
    assert parts(scored("closes"), "closes") == [1.0, "nan", 1.0, 1.0]


def test_a_process_that_ends_once_may_have_been_ended_from_outside() -> None:
    assert scored("once").faults == []


def test_what_a_reward_prints_goes_neither_among_its_values_nor_into_what_a_command_prints(capfd: pytest.CaptureFixture[str]) -> None:
    assert parts(scored("prints"), "prints") == [2.0] * 4
    assert capfd.readouterr().out == ""


def test_a_reward_that_changes_its_arguments_changes_a_copy() -> None:
    problems, completions = batch(*TEXTS)
    with RewardPool("integer", [spec("changes"), spec("accuracy")]) as pool:
        assert parts(pool.score(problems, completions), "changes") == parts(pool.score(problems, completions), "changes") == [1.0] * 4
    assert problems[0].metadata == {}


# Rewards that compare.


def test_a_reward_that_compares_completions_sees_its_group_and_loses_no_other() -> None:
    assert parts(scored("group"), "group") == ["nan", "nan", 2.0, 2.0]
    assert parts(scored("group", "1", "2", "3", "4"), "group") == [2.0] * 4


def test_a_reward_that_compares_a_batch_sees_all_of_it() -> None:
    assert parts(scored("batch", "1", "2", "42", "4"), "batch") == [4.0] * 4


def test_our_rewards_give_in_a_worker_what_they_give_here() -> None:
    problems, completions = batch("42", "it is 42", "it is it is it is 41", "42", "42", "<think>1</think><answer>42</answer>", each=3)
    specs = [spec(name) for name, reward in REWARDS.items() if not reward.parameters.get("model") and not verified(name)]
    with GradingPool("integer") as grading, RewardPool("integer", specs) as pool:
        there, here = pool.score(problems, completions), score(grading, problems, completions, specs)
    assert [(each.total, each.parts) for each in there.scores] == [(each.total, each.parts) for each in here]


def verified(name: str) -> bool:
    """Whether Math-Verify is started for it, which takes long."""
    return name.endswith(("accuracy_s001", "accuracy_open_r1", "cosine_s001", "cosine_open_r1"))


# When to stop.


def test_a_step_without_any_reward_ends_the_training_and_names_who_failed() -> None:
    with pytest.raises(RewardError, match=r"no completion .*reward 'raises' raised ValueError \(no gold here\) for sample 0 .* and 3 more"):
        scored("raises", *["bad"] * 4)


def test_a_step_that_comes_in_several_calls_is_judged_as_a_whole() -> None:
    with RewardPool("integer", [spec("raises")], step_size=4) as pool:
        for text in ("bad", "bad", "bad", "42", "bad", "bad", "bad"):
            pool.score(*batch(text))
        with pytest.raises(RewardError, match=r"4 of 4"):
            pool.score(*batch("bad"))


def test_a_reward_that_applies_to_nothing_ends_the_training() -> None:
    with RewardPool("integer", [spec("code")]) as pool, pytest.raises(RewardError, match="'code' apply to none of them"):
        pool.score(*batch("42"))


def test_a_kind_of_fault_is_told_once_with_its_number_in_the_journal(tmp_path: Path) -> None:
    found = scored("raises", "42", "bad", "bad", "bad")
    assert [fault.num_samples for fault in found.faults] == [3]
    with Journal(tmp_path, 1) as journal:
        journal.event(FAULT, step=1, **found.faults[0].event())
    event = json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])
    assert event["what"] == "reward 'raises' raised ValueError (no gold here) for sample 1 of problem 'p0', and 2 more"
    assert (event["step"], event["num_samples"]) == (1, 3)


# Graders.


def test_a_grader_that_fails_for_one_sample_costs_that_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: GradingPool, requests: Sequence[Any]) -> list[Grade]:
        if any("bad" in request.text for request in requests):
            raise GraderError("a fault")
        return grade(self, requests)

    grade = GradingPool.grade
    monkeypatch.setattr(GradingPool, "grade", broken)
    with RewardPool("integer", [spec("accuracy")]) as pool:
        found = pool.score(*batch(*TEXTS))
    assert [each.grade.outcome for each in found.scores] == ["correct", "failed", "wrong", "correct"]
    assert math.isnan(found.scores[1].total)
    assert found.faults == [Fault("grader 'integer'", "could not judge", "a fault", "p0", 1, 1)]


def test_a_gold_that_cannot_be_judged_by_costs_its_own_group() -> None:
    problems, completions = batch(*TEXTS)
    problems[2:] = [Problem("p1", "", ("no number",))] * 2
    with RewardPool("integer", [spec("accuracy")]) as pool:
        found = pool.score(problems, completions)
    assert [each.grade.outcome for each in found.scores] == ["correct", "correct", "failed", "failed"]
    assert [(fault.source, fault.num_samples) for fault in found.faults] == [("grader 'integer'", 2)]


# Threads and processes.


def test_several_threads_may_ask_and_a_worker_outlives_the_thread_that_first_did() -> None:
    found: list[list[Any]] = []
    with RewardPool("integer", [spec("accuracy"), spec("raises")]) as pool:
        threads = [threading.Thread(target=lambda: found.append(parts(pool.score(*batch(*TEXTS)), "raises"))) for _ in range(4)]
        threads[0].start()
        threads[0].join()
        first = pool.worker.process.process.pid if pool.worker.process else 0
        for thread in threads[1:]:
            thread.start()
        for thread in threads[1:]:
            thread.join()
        assert pool.worker.process is not None
        assert pool.worker.process.process.pid == first
    assert found == [[1.0, "nan", 1.0, 1.0]] * 4


def test_a_worker_that_was_ended_from_outside_costs_nothing() -> None:
    with RewardPool("integer", [spec("format"), spec("accuracy")]) as pool:
        before = pool.score(*batch(*TEXTS))
        assert pool.worker.process is not None
        os.kill(pool.worker.process.process.pid, signal.SIGKILL)
        after = pool.score(*batch(*TEXTS))
    assert parts(after, "format") == parts(before, "format") == [0.0] * 4
    assert after.faults == before.faults == []


def test_no_process_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import sys, threading, time
sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[2] / "support")]!r}
from test_reward_pool import RewardPool, batch, spec
pool = RewardPool("integer", [spec("hangs")], seconds=500)
threading.Thread(target=pool.score, args=batch("bad"), daemon=True).start()
while pool.worker.process is None or not pool.worker.process.process.pid:
    time.sleep(0.01)
print(pool.worker.process.process.pid, flush=True)
time.sleep(500)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    time.sleep(1.5)  # it hangs by now, or starts
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and "Z" not in Path(f"/proc/{worker}/stat").read_text().split(")")[1][:3]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_closed_pool_leaves_no_process() -> None:
    with RewardPool("integer", [spec("format"), spec("accuracy")]) as pool:
        pool.score(*batch(*TEXTS))
        assert pool.worker.process is not None
        process = pool.worker.process.process
    assert process.poll() == -signal.SIGKILL


def test_nothing_starts_before_it_is_needed() -> None:
    with RewardPool("integer", [spec("format")]) as pool:
        assert pool.worker.process is None
        assert pool.score([], []) == Scores([], [])
        assert pool.worker.process is None


# Other packages' rewards, before training.


def test_another_packages_reward_is_checked_and_has_its_parameters_written_down() -> None:
    assert check_rewards([spec("options", factor=3)]) == [{"factor": 3.0, "is_odd": False}]
    assert parts(scored("options"), "options") == [2.0] * 4
    with pytest.raises(UsageError, match="reward 'options' has no parameter 'factors'; did you mean 'factor'"):
        check_rewards([spec("options", factors=3)])
    with pytest.raises(UsageError, match="is_odd must be true or false, and is 1"):
        check_rewards([spec("options", is_odd=1)])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty", "reward 'empty' of bad_rewards 1.0 raised IndexError .* when given no completions"),
        ("positional", "reward 'positional' of bad_rewards 1.0 cannot be used .*missing a required argument: 'factor'"),
        ("strange", "parameter 'shape' must be annotated as int, float"),
        ("number", "reward 'number' of bad_rewards 1.0 is 7 and neither a function nor a Reward"),
        ("lost", "reward 'lost' of bad_rewards 1.0 cannot be loaded .*no_such_module"),
        ("quits", "reward 'quits' of bad_rewards 1.0 cannot be loaded .SystemExit: 3"),
        ("raisess", "unknown reward 'raisess'; did you mean 'raises'"),
    ],
)
def test_another_packages_reward_that_cannot_be_used_is_named_before_training(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check_rewards([spec(name)])


def test_a_reward_that_hangs_on_nothing_at_all_is_named_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RewardWorker.__init__, "__defaults__", (1.0,))
    with pytest.raises(UsageError, match=r"reward 'waits' of bad_rewards 1.0 hung for 1 s when given no completions"):
        check_rewards([spec("waits")])


def test_another_packages_reward_must_not_have_one_of_our_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "thief", "def accuracy(judged): return []", "r1bench.rewards", "accuracy = thief:accuracy")
    monkeypatch.syspath_prepend(tmp_path)
    get_reward.cache_clear()  # 'accuracy' has been asked for
    with pytest.raises(UsageError, match=r"thief 1.0 brings a reward 'accuracy', which is a name of r1bench"):
        check_rewards([spec("accuracy")])


def test_a_reward_that_returns_too_few_values_is_named_where_it_is_called_by_hand() -> None:
    completion = Judged(Problem("p", "", ("42",)), Completion("bad", "stop", 1), Grade("correct", 1.0, None, "", "integer", "1"))
    with pytest.raises(UsageError, match="reward 'short' owes one value for each completion: 1, and gave 0"):
        get_reward("short")([completion])


def test_another_packages_reward_that_raises_is_named_by_the_audit() -> None:
    assert audit(["raises"]).rewards[0].trials == ()
    with pytest.raises(UsageError, match=r"reward 'formless' fails for the corpus \(ValueError: no gold here\)"):
        audit(["formless"])


@pytest.mark.slow
def test_the_rewards_of_the_documentation_train(tmp_path: Path) -> None:
    entries = "brevity = wordy_rewards:brevity\ndifferent = wordy_rewards:different"
    environment = install(tmp_path / "site", "wordy_rewards", code_of("rewards.md", '"""Rewards for'), "r1bench.rewards", entries)
    rewards = "algorithm.rewards=[{name: accuracy}, {name: brevity, weight: 0.2, parameters: {words: 50}}, {name: different}]"
    small = ("steps=1", "batch_size=1", "algorithm.samples=2", "algorithm.minibatches=1", "algorithm.rollout.max_tokens=4", rewards)
    options = [word for setting in small for word in ("--set", setting)] + ["--out", str(tmp_path / "out"), "--no-eval", "--device", "cpu"]
    command = [sys.executable, "-m", "r1bench.harness.cli", "train", "--threads", "1", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "out" / "rollouts.jsonl").read_text().splitlines()[0])
    assert set(row["rewards"]) == {"accuracy", "brevity", "different"}
    assert read_job(tmp_path / "out" / "job.json").grpo.rewards[1].parameters == {"words": 50}
