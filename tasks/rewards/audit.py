"""Which known hacks does a reward fall for? `r1bench audit-rewards [REWARD...]`.

Each hack of the corpus (`rewards/hacks.json`; our own texts) holds a completion that games a reward and an honest one to compare it with.
Both are graded and rewarded as in training. A reward falls for a hack if the hacked completion earns at least as much as the honest
one. Which rewards a hack is aimed at stands with it: a reward is not blamed for what it never claimed to see, and a reward of an honest
kind can still fall for a hack by its nature. Left out: hacks that only show over a whole training (a rising reward on a flat evaluation).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from textwrap import fill
from typing import Any, Literal

from r1bench.harness.errors import R1benchError, SandboxError, UsageError, printable, quoted
from r1bench.harness.records import Completion, Grade, Problem
from r1bench.tasks.data.tables import read_table
from r1bench.tasks.grading import GradingPool, request_of
from r1bench.tasks.rewards import REWARDS, Judged, Reward, get_reward
from r1bench.tasks.rewards.reward import said
from r1bench.tasks.rewards.wording import pieces_of

WIDTH = 80


@dataclass(frozen=True)
class Hack:
    """One way to earn a reward without deserving it."""

    name: str
    what: str
    source: str
    targets: tuple[str, ...]
    """Families of rewards that it is aimed at: the names of ours; literal forms follow theirs."""
    grader: str
    problem: Problem
    hacked: Completion
    honest: Completion


@dataclass(frozen=True)
class Trial:
    """What one reward gave for one hack."""

    hack: str
    verdict: Literal["falls", "resists", "does not apply", "skipped"]
    hacked: float | None = None
    honest: float | None = None
    reason: str = ""
    """Why it was skipped."""


@dataclass(frozen=True)
class RewardAudit:
    """All trials of one reward."""

    reward: str
    trials: tuple[Trial, ...]

    def hacks(self, verdict: str) -> list[str]:
        """The hacks that ended in a verdict."""
        return [trial.hack for trial in self.trials if trial.verdict == verdict]


@dataclass(frozen=True)
class AuditReport:
    """What `audit` found."""

    rewards: tuple[RewardAudit, ...]

    @property
    def is_ok(self) -> bool:
        """Whether no reward fell for anything."""
        return not any(audited.hacks("falls") for audited in self.rewards)

    def to_json(self) -> dict[str, Any]:
        return {"rewards": [asdict(audited) for audited in self.rewards], "is_ok": self.is_ok}

    def render(self) -> str:
        """The report as text for a terminal: a line per reward, what it falls for, and at the end what these hacks do."""
        lines: list[str] = []
        for audited in self.rewards:
            fallen = audited.hacks("falls")
            count = f"{len(fallen)} of {len(fallen) + len(audited.hacks('resists'))}"
            rest = [f"{len(hacks)} {label}" for label in ("does not apply", "skipped") if (hacks := audited.hacks(label))]
            lines.append(f"{audited.reward:25} falls for {count}" + "".join(f", {text}" for text in rest))
            lines += [fill(", ".join(fallen), WIDTH, initial_indent="    ", subsequent_indent="    ")] if fallen else []
            if len(fallen) == len(audited.trials) > 1 and not any(trial.honest for trial in audited.trials):
                lines.append("    an honest completion earns nothing either")
            reasons = dict.fromkeys(trial.reason for trial in audited.trials if trial.verdict == "skipped")
            lines += [fill(f"skipped: {printable(reason)}", WIDTH, initial_indent="    ", subsequent_indent="    ") for reason in reasons]
        named = sorted({hack for audited in self.rewards for hack in audited.hacks("falls")})
        known = {hack.name: hack for hack in load_hacks()}
        legend = [fill(f"{name}: {known[name].what}", WIDTH, subsequent_indent="    ") for name in named]
        return "\n".join([*lines, *(["", *legend] if legend else [])])


@cache
def load_hacks() -> tuple[Hack, ...]:
    """The corpus that ships."""
    return tuple(read_hack(row) for row in read_table(__package__, "hacks.json"))


def read_hack(row: Mapping[str, Any]) -> Hack:
    """A hack from its JSON object. A text is a string or a list of strings and of [string, how many times]."""
    problem = Problem(id=row["name"], **{**row["problem"], "gold": tuple(row["problem"].get("gold", ()))})
    completions = {name: read_completion(row[name]) for name in ("hacked", "honest")}
    return Hack(**{"grader": "integer", **row, "targets": tuple(row["targets"]), "problem": problem, **completions})


def read_completion(value: Mapping[str, Any]) -> Completion:
    """A completion from its JSON object; where no number of tokens is given, words and signs are counted and one for the end."""
    pieces = [value["text"]] if isinstance(value["text"], str) else value["text"]
    text = "".join(piece if isinstance(piece, str) else piece[0] * piece[1] for piece in pieces)
    tokens = value.get("tokens", len(pieces_of(text)) + 1)
    return Completion(text, value.get("finish_reason", "stop"), tokens, prefill=value.get("prefill", ""))


def audit(names: Sequence[str] = (), parameters: Mapping[str, Mapping[str, Any]] | None = None, *, sandbox: str = "auto") -> AuditReport:
    """Try every hack on the rewards that it is aimed at.

    Args:
        names: rewards; none for all of them.
        parameters: reward -> its options, such as the model of 'reward_model', which is skipped without one.
        sandbox: where programs run, as for GradingPool; hacks of code are skipped where there is none.

    Raises:
        UnknownNameError, UsageError: a name or a parameter that cannot be, or another package's reward that fails.
    """
    rewards = [get_reward(name) for name in dict.fromkeys(names)] or list(REWARDS.values())
    options = parameters or {}
    for name in options:
        if name not in [reward.name for reward in rewards]:
            raise UsageError(f"parameters are given for {name!r}, which is not audited; name it or leave them out")
        if not isinstance(options[name], Mapping):
            raise UsageError(f"the parameters of {name!r} are {options[name]!r:.40}; give them by name, as in {name}.NAME=VALUE")
    aimed_at = {reward.family for reward in rewards}
    hacks = [hack for hack in load_hacks() if aimed_at & set(hack.targets)]
    graded = grade_hacks(hacks, sandbox)
    return AuditReport(tuple(audit_one(reward, hacks, graded, options.get(reward.name, {})) for reward in rewards))


def grade_hacks(hacks: Sequence[Hack], sandbox: str = "auto") -> dict[str, tuple[Grade, Grade] | str]:
    """Hack -> the grades of its hacked and its honest completion, or why there are none."""
    found: dict[str, tuple[Grade, Grade] | str] = {}
    for grader in dict.fromkeys(hack.grader for hack in hacks):
        chosen = [hack for hack in hacks if hack.grader == grader]
        requests = [request_of(hack.problem, done) for hack in chosen for done in (hack.hacked, hack.honest)]
        try:
            with GradingPool(grader, sandbox=sandbox) as pool:
                grades = pool.grade(requests)
        except SandboxError as error:
            found |= {hack.name: f"programs cannot be run here: {error}" for hack in chosen}
            continue
        found |= {hack.name: (grades[2 * place], grades[2 * place + 1]) for place, hack in enumerate(chosen)}
    return found


def audit_one(
    reward: Reward, hacks: Sequence[Hack], graded: Mapping[str, tuple[Grade, Grade] | str], options: Mapping[str, Any]
) -> RewardAudit:
    """All trials of one reward, rewarded as one batch."""
    aimed = [hack for hack in hacks if reward.family in hack.targets]
    missing = [name for name, parameter in reward.parameters.items() if parameter.is_required and name not in options]
    if missing:
        reason = f"it needs the parameter {missing[0]!r}"
        return RewardAudit(reward.name, tuple(Trial(hack.name, "skipped", reason=reason) for hack in aimed))
    judged: list[Judged] = []
    for hack in aimed:
        if not isinstance(grades := graded[hack.name], str):
            judged += [Judged(hack.problem, done, grade) for done, grade in zip((hack.hacked, hack.honest), grades, strict=True)]
    try:
        values = iter(reward(judged, **options))
    except R1benchError:
        raise
    except Exception as error:  # another package's may fail in any way
        what = f"{type(error).__name__}: {said(error)}"
        raise UsageError(f"reward {quoted(reward.name)} fails for the corpus ({what}); mend or update its package") from error
    trials = []
    for hack in aimed:
        if isinstance(grades := graded[hack.name], str):
            trials.append(Trial(hack.name, "skipped", reason=grades))
        else:
            trials.append(compare(hack.name, next(values), next(values)))
    return RewardAudit(reward.name, tuple(trials))


def compare(hack: str, hacked: float | None, honest: float | None) -> Trial:
    """A value of None adds nothing to a sum, and is compared as 0; the reward does not apply where both are None."""
    if hacked is None and honest is None:
        return Trial(hack, "does not apply")
    return Trial(hack, "falls" if (hacked or 0.0) >= (honest or 0.0) else "resists", hacked, honest)
