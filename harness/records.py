"""The nouns of r1bench. Frozen records; everything else is functions over them.

Each is one JSON object; `to_json` and `from_json` are inverse.
"""

import hashlib
import re
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, Self, TypeGuard

from r1bench.harness.canonical import Record, digest_of
from r1bench.harness.errors import quoted

MOST = 10**9
"""Of a count: tokens of a completion, problems, samples per problem. A billion of them still sum to a number of 64 bits."""
LARGEST = 2.0**53
"""Of any other number: the whole numbers up to here are exact as floats."""
ENDS_WITH = "ends with"
"""What the environment of a manifest has ('no token') where a checkpoint has none that ends a completion."""
UNKNOWN_MARKING = "unknown_marking"
"""The flag of a grade where something in the answer looks like the mark of a reasoning and is none that is known."""
LONGEST = 1e9
"""Seconds of one completion: 31 years."""
TASK_NAME = re.compile(r"[^\W_][\w.+-]{0,99}")
"""What a task may be called: its name is part of a folder's, and must not lead out of it."""


def is_count(value: Any, *, least: int = 0) -> TypeGuard[int]:
    """Whether it is a whole number from `least` to MOST; a boolean is none."""
    return type(value) is int and least <= value <= MOST


def is_number(value: Any, *, least: float = -LARGEST) -> TypeGuard[float]:
    """Whether it is a number from `least` to LARGEST: no boolean, no NaN, no infinity."""
    return type(value) in (int, float) and least <= value <= LARGEST


def is_option(value: Any) -> TypeGuard[str | int | float | bool | None]:
    """Whether it may be the value of a sampler's option: a text, a number, yes or no, or nothing."""
    return value is None or type(value) in (str, bool) or is_number(value)


class WrongField(ValueError):
    """A field of a record that was read from a file has a value that it cannot have: which, and the value."""


def require(record: Any, within: str = "", /, **claims: bool) -> None:
    """Raise WrongField for the first field of a record whose claim does not hold. `within`: what a message puts before its name."""
    for name, holds in claims.items():
        if not holds:
            raise WrongField(f"{within}{name} cannot be {quoted(getattr(record, name))}")


Outcome = Literal["correct", "wrong", "unparsed", "truncated", "failed"]
"""correct and wrong are verdicts; unparsed: no answer was found; truncated: the budget ended first; failed: grading itself broke off."""
OUTCOMES: tuple[Outcome, ...] = ("correct", "wrong", "unparsed", "truncated", "failed")

FinishReason = Literal["stop", "length", "error"]
FINISH_REASONS: tuple[FinishReason, ...] = ("stop", "length", "error")

ThinkingState = Literal["closed", "prefilled", "unfinished", "absent", "malformed"]
THINKING_STATES: tuple[ThinkingState, ...] = ("closed", "prefilled", "unfinished", "absent", "malformed")


@dataclass(frozen=True)
class Problem(Record):
    """One question, with what a grader needs to judge an answer."""

    tuples = ("gold",)

    id: str
    """Unique within its task."""
    prompt: str
    """The question itself, before any template."""
    gold: tuple[str, ...]
    """The acceptable answers; one is enough."""
    language: str = "en"
    """The language that the reasoning should be in (BCP 47)."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Level, subject, source: whatever a table may be split by."""
    tests: dict[str, Any] | None = None
    """What a program is run on, for graders that run one."""
    options: dict[str, Any] = field(default_factory=dict)
    """The grader's conventions for this problem, such as a tolerance."""

    def check(self) -> None:
        """Raise WrongField where a value read from a file cannot be that of a problem."""
        require(self, id=type(self.id) is str, prompt=type(self.prompt) is str, language=type(self.language) is str)
        require(self, gold=all(type(text) is str for text in self.gold), tests=type(self.tests) in (dict, type(None)))
        require(self, metadata=type(self.metadata) is dict, options=type(self.options) is dict)

    def digest(self) -> str:
        """Changes when the question or what it is judged by changes, not when metadata does."""
        judged_by = [self.tests, self.options] if self.tests or self.options else []
        return digest_of([self.id, self.prompt, list(self.gold), self.language, *judged_by])


@dataclass(frozen=True)
class Template:
    """How a problem is put to a model."""

    name: str
    text: str
    """With {problem} for the question."""
    kind: Literal["plain", "chat"]
    """plain: the model continues this very text; chat: it is the user's turn in the checkpoint's own chat template, and
    a checkpoint without one gets it as plain text followed by a line break."""

    def fill(self, problem: str) -> str:
        """The text, with the problem in its place. Braces in the problem are left alone."""
        return self.text.replace("{{}}", "{}").replace("{problem}", problem)

    @property
    def hash(self) -> str:
        """Changes with the text and the kind, not with the name."""
        return digest_of([self.text, self.kind])


@dataclass(frozen=True)
class RenderedPrompt(Record):
    """What a model read of a problem."""

    problem_id: str
    text: str
    """The whole of it, special tokens included; those that the tokenizer puts before a plain text are not."""
    num_tokens: int

    def check(self) -> None:
        """Raise WrongField where a value read from a file cannot be that of a prompt."""
        require(self, problem_id=type(self.problem_id) is str, text=type(self.text) is str, num_tokens=is_count(self.num_tokens))


@dataclass(frozen=True)
class Sampling(Record):
    """Everything that decides which tokens are drawn. No sampler may add a default of its own."""

    tuples = ("stop",)

    n: int = 1
    """Completions per problem."""
    temperature: float = 1.0
    """0 means greedy, and then n must be 1."""
    top_p: float = 1.0
    top_k: int = 0
    """0 means no limit."""
    max_tokens: int = 512
    """The most tokens that a completion may have, its end-of-text token included."""
    stop: tuple[str, ...] = ()
    """Texts that end a completion; they stay in it."""
    seed: int = 0

    def check(self) -> None:
        """Raise WrongField where a value read from a file cannot be that of a protocol. Imported runs have max_tokens 0."""
        counted = {"n": is_count(self.n, least=1), "top_k": is_count(self.top_k), "max_tokens": is_count(self.max_tokens)}
        drawn = {"temperature": is_number(self.temperature), "top_p": is_number(self.top_p)}
        seeded = type(self.seed) is int and abs(self.seed) < 2**64
        require(self, "sampling.", **counted, **drawn, seed=seeded, stop=all(type(text) is str for text in self.stop))

    def digest(self) -> str:
        """The protocol: everything but how many samples were drawn, and with which seed."""
        fields = self.to_json()
        return digest_of({key: fields[key] for key in fields if key not in ("n", "seed")})


@dataclass(frozen=True)
class Completion(Record):
    """What a model said, exactly."""

    text: str
    """Raw text as generated, special tokens too; only the token that ended it is left out."""
    finish_reason: FinishReason
    num_tokens: int
    """Generated tokens, the end-of-text token included; 0 where it is not known (imported text)."""
    num_prompt_tokens: int = 0
    seconds: float = 0.0
    """Wall time from the start of its batch to its last token."""
    prefill: str = ""
    """Text at the end of the prompt that belongs to the answer, such as '<think>\\n'."""
    end: str = ""
    """The token that ended it ('<|im_end|>'); '' where its budget or a stop text did, or where that is not known."""


@dataclass(frozen=True)
class Thinking(Record):
    """A completion split into its reasoning and its answer part."""

    state: ThinkingState
    reasoning: str
    answer_part: str
    """The only text that a grader may look for an answer in; empty while the reasoning is unfinished."""


@dataclass(frozen=True)
class Grade(Record):
    """A grader's verdict on one completion."""

    tuples = ("flags",)

    outcome: Outcome
    score: float
    """0.0 ... 1.0; 1.0 for correct and 0.0 otherwise where a grader knows only right and wrong. Read it with the outcome."""
    extracted: str | None
    """The answer that was found, as it stood in the text."""
    reason: str
    """Why, in a few words: 'equal', 'differs', 'no answer found', ..."""
    grader: str
    version: str
    microseconds: int = 0
    flags: tuple[str, ...] = ()
    """Remarks that do not change the verdict: 'unboxed', 'unterminated_box', ..."""
    details: dict[str, Any] = field(default_factory=dict)
    """The grader's own fields: canonical form, result of each test, rate of each rule."""

    @property
    def unknown_mark(self) -> str | None:
        """What looks like a mark of reasoning in the answer and is not known; None without that flag."""
        return str(self.details.get(UNKNOWN_MARKING, "")) if UNKNOWN_MARKING in self.flags else None

    @property
    def agrees(self) -> bool:
        """Whether outcome and score go together: correct is never 0, wrong never 1, the others are 0. A share may lie between."""
        return self.score > 0 if self.outcome == "correct" else self.score < 1 if self.outcome == "wrong" else self.score == 0


@dataclass(frozen=True)
class Sample(Record):
    """problem x completion x grade: the unit on disk."""

    problem_id: str
    index: int
    """0 ... n-1 within its problem."""
    completion: Completion
    thinking_state: ThinkingState
    reasoning_tokens: int
    """Tokens of the reasoning; of the whole completion where no reasoning is marked; 0 where tokens are not known."""
    grade: Grade
    format_ok: bool
    """Whether the completion keeps to <think>...</think><answer>...</answer>."""
    languages: dict[str, int] = field(default_factory=dict)
    """Words of the reasoning by language: {'en': ..., 'zh': ...}; by script ('latin', 'han') in run folders of graders before."""
    behaviour: dict[str, float] = field(default_factory=dict)
    """Counts and shares that describe how the completion reasons (behaviour.py): repetition, reflection, ..."""
    published: bool | None = None
    """The verdict that came with an imported completion: another grader's opinion, kept beside ours."""

    @property
    def key(self) -> tuple[str, int]:
        """What no two samples of a run share."""
        return self.problem_id, self.index

    @property
    def has_failed(self) -> bool:
        """Whether generating or grading it broke off. It has no score then, and is part of no number but their count."""
        return self.grade.outcome == "failed" or self.completion.finish_reason == "error"

    def check(self) -> None:
        """Raise WrongField or TypeError where a value read from a file cannot be that of a sample."""
        done, grade, index = self.completion, self.grade, self.index
        is_placed, is_known = type(index) is int and 0 <= index < MOST, self.thinking_state in THINKING_STATES
        require(self, problem_id=isinstance(self.problem_id, str), index=is_placed, thinking_state=is_known)
        is_counted, is_known = 0 <= done.num_tokens <= MOST, done.finish_reason in FINISH_REASONS
        require(done, "completion.", text=isinstance(done.text, str), num_tokens=is_counted, finish_reason=is_known)
        require(grade, "grade.", outcome=grade.outcome in OUTCOMES, score=0 <= grade.score <= 1)
        if not grade.agrees:
            raise WrongField(f"grade.score is {grade.score}, which {quoted(grade.outcome)} cannot have")

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        nested = {"completion": Completion.from_json(value["completion"]), "grade": Grade.from_json(value["grade"])}
        return cls(**{**value, **nested})


def sample_digest(sample: Sample) -> str:
    """16 hexadecimal digits for what a sample says and what it scored."""
    told = repr((sample.problem_id, sample.index, sample.completion.text, sample.grade.score))
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:16]


@dataclass(frozen=True)
class Manifest(Record):
    """A run's identity, written before its first token and then only ever extended in `rounds`."""

    tuples = ("rounds",)

    task: str
    task_version: str
    problems_digest: str
    num_problems: int
    checkpoint: str
    """How the user named it; `name` is what tables call it."""
    checkpoint_digest: str
    name: str
    sampler: str
    template: str
    template_hash: str
    sampling: dict[str, Any]
    """As `Sampling.to_json`, with the n of the first round."""
    grader: str
    grader_version: str
    environment: dict[str, str]
    """Versions of what produced the samples, and the device."""
    command: str
    rounds: tuple[int, ...]
    """The n after each round: (4,) and, topped up, (4, 16)."""
    batch_size: int = 0
    """Sequences per batch, 0 where the sampler names none: part of the identity because a sample's last bits can depend on it."""
    sampler_options: dict[str, dict[str, str | int | float | bool | None]] = field(default_factory=dict)
    """The sampler's own options by scope: `sample` for those that can move a sample, `run` and `machine` for the others
    (harness/samplers/options.py). Empty in the folders of before, which `transformers` made."""
    prompts_digest: str = ""
    """Of the texts that the model read (store/prompts.py); empty where they are not known, as in imported runs and folders of before."""
    rendering: str = ""
    """Who made them: 'template' (the template filled in, nothing else), 'chat' (the checkpoint's own chat template), 'plain' (it has none:
    the template filled in and a line break), or 'sampler'."""
    stage: str = ""
    parent: str = ""
    """Digest of the checkpoint this one was trained from."""
    format: int = 1
    """Version of the run folder."""

    @property
    def n(self) -> int:
        return self.rounds[-1]

    def check(self) -> None:
        """Raise WrongField or TypeError where a value read from a file cannot be that of a manifest."""
        require(self, **{each.name: type(getattr(self, each.name)) is each.type for each in fields(self) if each.type in (str, int)})
        require(self, task=bool(TASK_NAME.fullmatch(self.task)))
        made_by, scopes = self.environment, self.sampler_options
        is_told = type(made_by) is dict and all(type(text) is str for pair in made_by.items() for text in pair)
        is_drawn = bool(self.rounds) and all(is_count(n, least=1) for n in self.rounds)
        is_chosen = type(scopes) is dict and all(type(found) is dict and all(map(is_option, found.values())) for found in scopes.values())
        counted = {name: is_count(getattr(self, name)) for name in ("num_problems", "batch_size")}
        require(self, environment=is_told, rounds=is_drawn, sampler_options=is_chosen, **counted)
        Sampling.from_json(self.sampling).check()

    def identity(self) -> str:
        """The same for two evaluations that draw the same samples: the run folder is named after it."""
        leave_out = (
            "name",
            "environment",
            "command",
            "rounds",
            "stage",
            "parent",
            "checkpoint",
            "sampler_options",
            "prompts_digest",
            "rendering",
        )
        fields = {key: value for key, value in self.to_json().items() if key not in leave_out}
        if moving := self.sampler_options.get("sample"):
            fields["sampler_options"] = moving
        fields["sampling"] = {key: value for key, value in self.sampling.items() if key != "n"}
        fields["computed"] = [self.environment.get("dtype", ""), self.environment.get("device", "").partition(",")[0]]
        return digest_of(fields)

    def made_with(self) -> dict[str, str]:
        """What produced the samples: the sampler with those options of its own that can move a sample, versions, device."""
        options = {f"{self.sampler} {name}": str(value) for name, value in self.sampler_options.get("sample", {}).items()}
        return {"sampler": self.sampler, **options, **self.environment}

    def protocol(self) -> str:
        """What must agree before two runs may be compared (n may differ: pass@1 does not depend on it)."""
        sampling, judged_by = Sampling.from_json(self.sampling).digest(), [self.grader, self.grader_version]
        prompts = [self.prompts_digest] if self.rendering == "sampler" else []  # template and problems say it all, or the checkpoint does
        asked = [self.task, self.task_version, self.problems_digest, self.template_hash]
        return digest_of([*asked, sampling, *judged_by, *prompts])


@dataclass(frozen=True)
class Checkpoint(Record):
    """A Hugging Face folder that can be sampled from."""

    name: str
    path: str
    digest: str
    """Of its configuration, tokenizer and weights."""
    stage: str = ""
    parent: str = ""


@dataclass(frozen=True)
class Noise(Record):
    """What a backend answers differently when it is asked the very same again: from re-running a slice of a run (`eval --repeat-check`)."""

    num_problems: int
    num_samples: int
    """Samples that were drawn again, with their seeds."""
    num_identical: int
    """Of these, how many came out with the same text, letter by letter."""
    num_flips: int
    """Of these, how many came out with another score."""
    mean_difference: float
    """Mean score of the repetition minus that of the first time."""
    error: float
    """Standard error that this alone gives pass@1 of the whole run; 0 where every score came out the same."""
    environment: dict[str, str] = field(default_factory=dict)
    """Versions and device of the repetition."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises WrongField or TypeError where a value cannot be what an `eval --repeat-check` found."""
        found = cls(**value)
        counts = ("num_samples", "num_problems", "num_identical", "num_flips")
        require(found, **{name: type(count := getattr(found, name)) is int and 0 <= count <= found.num_samples for name in counts})
        told = found.environment
        is_told = isinstance(told, dict) and all(isinstance(text, str) for text in told.values())
        is_share = is_number(found.error, least=0) and found.error <= 1
        require(found, mean_difference=is_number(found.mean_difference, least=-1) and found.mean_difference <= 1, error=is_share)
        require(found, environment=is_told)
        return found


@dataclass(frozen=True)
class Run:
    """One evaluation: a checkpoint on a task. What the store reads back and what every statistic starts from."""

    id: str
    """Name of its folder."""
    manifest: Manifest
    samples: tuple[Sample, ...]
    """Sorted by problem, then index; without repetitions."""
    noise: Noise | None = None
    """The backend's own nondeterminism, where it was measured."""
    left_out: tuple[str, ...] = ()
    """What of its files is not among the samples, a line each with its cure."""
    notes: tuple[str, ...] = ()
    """What a reader of its numbers should know, a line each; they do not name the run."""
    has_texts: bool = True
    """False where each completion's text was replaced by the sample's digest (`sample_digest`)."""

    @property
    def is_complete(self) -> bool:
        """Whether every problem has exactly the n samples that were asked for."""
        counts = [len(samples) for samples in self.samples_by_problem.values()]
        return len(counts) == self.manifest.num_problems > 0 and set(counts) == {self.manifest.n}

    @property
    def shortfall(self) -> str:
        """'' for a complete run, otherwise 'incomplete 512/1000': samples received and asked for."""
        if self.is_complete:
            return ""
        n, counts = self.manifest.n, map(len, self.samples_by_problem.values())
        return f"incomplete {sum(min(count, n) for count in counts)}/{self.manifest.num_problems * n}"

    @cached_property
    def samples_by_problem(self) -> dict[str, list[Sample]]:
        """Problem id -> its samples in order of index. Grouped once: not to be changed."""
        found: dict[str, list[Sample]] = {}
        for sample in self.samples:
            found.setdefault(sample.problem_id, []).append(sample)
        return found

    def scores_by_problem(self) -> dict[str, list[float]]:
        """Problem id -> the scores of its samples, of those that did not fail; a problem without any is left out."""
        rows = {name: [each.grade.score for each in samples if not each.has_failed] for name, samples in self.samples_by_problem.items()}
        return {name: row for name, row in rows.items() if row}

    @property
    def num_failed(self) -> int:
        """Samples that have no score."""
        return sum(sample.has_failed for sample in self.samples)
