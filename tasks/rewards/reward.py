"""What a reward is: a function over a batch of judged completions, with parameters that its signature declares and this module checks.

A reward takes `Sequence[Judged]` and keyword-only parameters, each with a default (or none, where it must be given) and an annotation
that says what is allowed: `int`, `float`, `str`, `bool`, a `Literal`, or one of these with `Bounds`. So a parameter stands in one place
only. It returns one number per completion, or None where it does not apply. Left out: the rewards themselves, how they are summed
(`__init__`), and the processes that they are computed in (`workers`).
"""

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from r1bench.harness.errors import UsageError, printable, quoted
from r1bench.harness.records import Completion, Grade, Problem


class Judged(NamedTuple):
    """One completion with what it answers and what the task's own grader said."""

    problem: Problem
    completion: Completion
    grade: Grade


Values = list[float | None]


class Bounds(NamedTuple):
    """The least and the greatest value that a number may have."""

    low: float = -math.inf
    high: float = math.inf


ANYTHING = Bounds()
KINDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
"""What a parameter may be, in words."""
Count = Annotated[int, Bounds(low=1)]
Share = Annotated[float, Bounds(0, 1)]
Penalty = Annotated[float, Bounds(high=0)]


@dataclass(frozen=True)
class Parameter:
    """One option of a reward, as the signature of its function declares it."""

    name: str
    kind: type
    default: Any
    """`inspect.Parameter.empty` where it must be given."""
    bounds: Bounds = ANYTHING
    choices: tuple[Any, ...] = ()

    @property
    def is_required(self) -> bool:
        return self.default is inspect.Parameter.empty

    def allowed(self) -> str:
        """What it may be, in words."""
        if self.choices:
            return "one of " + ", ".join(map(repr, self.choices))
        words = KINDS[self.kind]
        limits = [("at least", self.bounds.low), ("at most", self.bounds.high)]
        ends = " and ".join(f"{word} {limit:g}" for word, limit in limits if math.isfinite(limit))
        return f"{words} of {ends}" if ends else words

    def read(self, value: Any) -> Any:
        """The value as the function wants it. YAML reads `1e-3` as text, so a text that is a number will do for one.

        Raises:
            ValueError: it is not allowed.
        """
        if self.choices:
            if value not in self.choices:
                raise ValueError(value)
            return value
        if self.kind is float and isinstance(value, str | int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not self.kind:
            raise ValueError(value)
        if isinstance(value, int | float) and not (self.bounds.low <= value <= self.bounds.high and abs(value) != math.inf):
            raise ValueError(value)
        return value


def parameters_of(function: Callable[..., Values]) -> dict[str, Parameter]:
    """The keyword-only parameters of a function, by name."""
    found = {}
    for name, declared in inspect.signature(function, eval_str=True).parameters.items():
        if declared.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        kind, bounds = declared.annotation, ANYTHING
        choices: tuple[Any, ...] = ()
        if get_origin(kind) is Annotated:
            kind, bounds = get_args(kind)  # the annotations of this package have one Bounds each
        if get_origin(kind) is Literal:
            choices = get_args(kind)
            kind = type(choices[0])
        found[name] = Parameter(name, kind, declared.default, bounds, choices)
    return found


Unit = Literal["completion", "group", "batch"]


@dataclass(frozen=True)
class Reward:
    """A reward with its name, where it comes from, and which of ours it is another form of."""

    name: str
    compute: Callable[..., Values]
    what: str
    """One line for tables."""
    source: str
    literal_of: str = ""
    """For a form that is kept for comparison, defects included: the reward that is right."""
    grader: str = ""
    """The only grader whose verdicts it can be made of; '' for any."""
    unit: Unit = "completion"
    """What it is given at a time in training, and loses together where it fails: one completion; all completions of a problem, for a
    reward that compares them; or the whole batch."""
    in_trainer: bool = False
    """Computed in the process that trains, all of a batch at once: for a model, which is loaded once and shares the device. Nothing can
    end it there where it hangs."""

    @property
    def family(self) -> str:
        """The name that ours and the literal forms of it share."""
        return self.literal_of or self.name

    @property
    def parameters(self) -> dict[str, Parameter]:
        return parameters_of(self.compute)

    def __call__(self, judged: Sequence[Judged], **given: Any) -> Values:
        """One value per completion, or None where the reward does not apply to it.

        Raises:
            UsageError: a parameter that it does not have, that is missing, or whose value is not allowed; or another number of values.
        """
        values = self.compute(judged, **self.resolve(given))
        if len(values) != len(judged):
            raise UsageError(f"reward {quoted(self.name)} owes one value for each completion: {len(judged)}, and gave {len(values)}")
        return [None if value is None else float(value) + 0.0 for value in values]  # + 0.0: no minus zero

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, those given and the defaults of the others. Raises UsageError as __call__ does."""
        known = self.parameters
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean {quoted(near[0])}? " if near else ""
                raise UsageError(f"reward {quoted(self.name)} has no parameter {quoted(name)}; {hint}It has: {', '.join(known) or 'none'}")
        found = {}
        for name, parameter in known.items():
            if name not in given and parameter.is_required:
                raise UsageError(
                    f"reward {quoted(self.name)} needs the parameter {quoted(name)} ({parameter.allowed()}); give it under parameters"
                )
            try:
                found[name] = parameter.read(given[name]) if name in given else parameter.default
            except (ValueError, OverflowError) as error:
                raise UsageError(
                    f"reward {quoted(self.name)}: {name} must be {parameter.allowed()}, and is {quoted(given[name])}"
                ) from error
        return found


def adopt(name: str, found: Any, origin: str) -> Reward:
    """Another package's reward: a `Reward`, or a function of the signature that is described above.

    Args:
        origin: the package, for tables and errors.

    Raises:
        UsageError: it is neither, or its signature cannot be used.
    """
    whose = f"reward {quoted(name)} of {origin}"
    if not (isinstance(found, Reward) or inspect.isroutine(found)):
        raise UsageError(f"{whose} is {quoted(found)} and neither a function nor a Reward of r1bench; mend or update that package")
    reward = replace(found, name=name) if isinstance(found, Reward) else Reward(name, found, f"of {origin}", origin)
    try:
        inspect.signature(reward.compute).bind([], **dict.fromkeys(parameters := reward.parameters))
        wrong = next((each.name for each in parameters.values() if each.kind not in KINDS), "")
    except Exception as error:  # an annotation may be any expression
        raise UsageError(
            f"{whose} cannot be used ({type(error).__name__}: {error}); it takes judged completions and keyword-only parameters with"
            " annotations; mend or update that package"
        ) from error
    if wrong or reward.unit not in get_args(Unit):
        what = f"parameter {quoted(wrong)} must be annotated as int, float, str, bool, a Literal, or one of these with Bounds"
        what = what if wrong else f"unit must be one of {', '.join(get_args(Unit))}, and is {quoted(reward.unit)}"
        raise UsageError(f"{whose}: {what}; mend or update that package")
    return reward


LARGEST = 1e6
"""Of the values that a reward may return, either sign."""


class Outcome(NamedTuple):
    """What a reward gave for one completion."""

    value: float | None
    """NaN where it failed."""
    fault: str = ""
    """The kind of failure: 'raised ValueError', 'returned nan', 'hung for 30 s', ...; '' for none."""
    detail: str = ""
    """More of this one."""


def failed(fault: str, detail: str = "") -> Outcome:
    """What a completion gets whose reward failed."""
    return Outcome(math.nan, fault, detail)


def computed(reward: Reward, judged: Sequence[Judged], options: Mapping[str, Any]) -> list[Outcome] | Outcome:
    """What a reward gives for completions that it is given together, whatever it does; `options` are resolved.

    One failure for all where it raises, or returns another number of values; a value that is not a number is that completion's failure.
    """
    try:
        returned = reward.compute(judged, **options)
        if isinstance(returned, str | bytes | Mapping) or not isinstance(returned, Iterable):
            return failed(f"returned {kind_of(returned)} and not a list of values")
        values = list(islice(returned, len(judged) + 1))
        if len(values) != len(judged):
            count = "more" if len(values) > len(judged) else len(values)
            return failed("returned another number of values", f"{count} for {len(judged)}")
        return [outcome_of(value) for value in values]
    except (Exception, SystemExit) as error:
        return failed(f"raised {type(error).__name__}", said(error))


def outcome_of(value: Any) -> Outcome:
    """A value that a reward returned."""
    if value is None:
        return Outcome(None)
    if isinstance(value, str | bytes):
        return failed(f"returned {kind_of(value)} and not a number", quoted(value))
    try:
        number = float(value) + 0.0  # no minus zero
    except (TypeError, ValueError, OverflowError):
        return failed(f"returned {kind_of(value)} and not a number", quoted(value))
    if abs(number) <= LARGEST:
        return Outcome(number)
    return failed(f"returned {number:g}", "" if not math.isfinite(number) else f"beyond {LARGEST:g}, where advantages lose their digits")


def kind_of(value: Any) -> str:
    """'a str', 'None'."""
    return "None" if value is None else f"a {type(value).__name__}"


def said(error: BaseException) -> str:
    """An error's own words, as one short line; '' where it has none, or fails at that too."""
    try:
        return printable(str(error)[:200])
    except Exception:  # an exception's own __str__ may raise anything
        return ""
