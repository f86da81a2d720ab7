"""May two runs be compared? If not: everything that differs, and the command that makes them equal.

    check_comparable(a, b)       # ProtocolError, in one line

n and seed may differ: pass@1 does not depend on them; and samples may have failed (`paired`). Left out: carrying the command out. It is put
together from the two manifests; where a run's own command is known, its data and device are taken over. The folder of runs is where the run
lies today (`Tally.place`), which its own command cannot know; where it is not known the command names none.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from r1bench.harness.errors import NoEvidenceError, ProtocolError
from r1bench.harness.records import Manifest, Sampling
from r1bench.harness.tally import Tally

if TYPE_CHECKING:
    from r1bench.leaderboards.board.entry import Entry

OPTIONS = {"temperature": "--temperature", "top_p": "--top-p", "top_k": "--top-k", "max_tokens": "--max-tokens"}
"""Sampling options that `eval` takes; what a model stops at is the task's."""
OF_PROBLEMS = ("--data", "--map", "--limit")
OF_PLACE = ("--runs", "--out")
OF_MACHINE = ("--sampler", "--sampler-set", "--batch-size", "--device", "--dtype", "--workers", "--sandbox")
IMPORTED = "import"
OWN_TEMPLATES = "prompts differ: each in its own chat template"
WITHOUT_TEMPLATE = "prompts differ: each in its own chat template, or in plain text where the checkpoint has none"
"""Said wherever runs of a chat template are held against each other; every checkpoint renders it in its own way, by intent."""
OURS = "transformers"
"""The sampler of a command that names none."""


class Disagreement(NamedTuple):
    """One thing that two runs do differently and must not, and how to make it equal."""

    what: str
    a: Any
    b: Any
    cure: str


def disagreements(a: Manifest, b: Manifest) -> list[Disagreement]:
    """Everything in two manifests that forbids a comparison."""
    again = "evaluate both with the same"
    pairs = [
        ("task", a.task, b.task, "choose two runs of one task"),
        ("task version", a.task_version, b.task_version, "evaluate the older one again with this r1bench"),
        ("problems", a.problems_digest, b.problems_digest, f"{again} problems: same data, same split, same limit"),
        ("number of problems", a.num_problems, b.num_problems, f"{again} limit"),
        ("template", f"{a.template} ({a.template_hash})", f"{b.template} ({b.template_hash})", f"{again} template"),
        ("grader", a.grader, b.grader, "grade both with one grader"),
        ("grader version", a.grader_version, b.grader_version, "grade the older run again"),
    ]
    options = sorted((a.sampling.keys() | b.sampling.keys()) - {"n", "seed"})
    pairs += [(name, a.sampling.get(name), b.sampling.get(name), f"{again} {name}") for name in options]
    if "" not in (a.prompts_digest, b.prompts_digest) and not {"chat", "plain"} & {a.rendering, b.rendering}:
        pairs.append(("prompts", a.prompts_digest, b.prompts_digest, f"{again} sampler, which made other prompts of the template"))
    return [Disagreement(*pair) for pair in pairs if pair[1] != pair[2]]


def prompts_remark(*runs: "Manifest | Entry") -> str:
    """What a reader should know of the prompts of runs of one protocol; '' where they are the same, or not known."""
    known = {run.prompts_digest for run in runs if run.prompts_digest}
    renderings = {run.rendering for run in runs}
    if len(known) < 2 or not renderings & {"chat", "plain"}:
        return ""
    return WITHOUT_TEMPLATE if "plain" in renderings else OWN_TEMPLATES


def given_options(command: str) -> list[tuple[str, str]]:
    """(option, value) pairs of a recorded `r1bench eval`; none of other commands, whose options mean other things."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    found = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, is_joined, value = word.partition("=")
        if name.startswith("--") and words[1] == "eval":
            found.append((name, value if is_joined else following))
    return found


def kept(manifest: Manifest, names: tuple[str, ...]) -> list[str]:
    """The options of these names that a run's own command had, as words."""
    return [word for name, value in given_options(manifest.command) if name in names for word in (name, value)]


def _at(place: Path | None) -> list[str]:
    return ["--runs", str(place)] if place is not None else []


def import_command(run: Manifest, *, place: Path | None = None) -> str:
    """The command that imports a run's file again, which finishes it; empty where it is not known."""
    try:
        words = shlex.split(run.command)
    except ValueError:
        return ""
    if words[1:2] != ["import"]:
        return ""
    before = ["", *words[:-1]]
    others = [word for word, last in zip(words, before, strict=True) if word.partition("=")[0] not in OF_PLACE and last not in OF_PLACE]
    return shlex.join(others + _at(place))


def again_command(run: Manifest, protocol: Manifest, *, samples: int | None = None, place: Path | None = None) -> str:
    """The command that evaluates the checkpoint of `run` as `protocol` was made (itself, to finish or top up a run), into `place`.

    Empty for imported runs, whose sampling is not known.
    """
    if IMPORTED in (run.sampler, protocol.sampler):
        return ""
    sampling = Sampling.from_json(protocol.sampling)
    words = ["r1bench", "eval", run.checkpoint, "--tasks", protocol.task, "--samples", str(samples or protocol.n)]
    for key, option in OPTIONS.items():
        words += [option, f"{getattr(sampling, key)}"]
    words += ["--template", protocol.template]
    if run.sampling.get("seed"):
        words += ["--seed", str(run.sampling["seed"])]
    if run.name != run.checkpoint.rstrip("/").rpartition("/")[2]:
        words += ["--name", run.name]
    of_problems = kept(protocol, OF_PROBLEMS)
    if run.problems_digest == protocol.problems_digest:
        of_problems = of_problems or kept(run, OF_PROBLEMS)
    return shlex.join(words + of_problems + kept(run, OF_MACHINE) + _sampler_words(run, kept(run, OF_MACHINE)) + _at(place))


def _sampler_words(run: Manifest, given: list[str]) -> list[str]:
    """The sampler and its options, as the manifest has them, where the run's own command did not name them."""
    is_ours = run.sampler == OURS
    words = [] if is_ours or not run.sampler_options or "--sampler" in given else ["--sampler", run.sampler]
    options: dict[str, Any] = {"batch_size": run.batch_size} if run.batch_size else {}
    options |= {**run.sampler_options.get("sample", {}), **run.sampler_options.get("run", {})}
    named = {word.partition("=")[0] for word in given}
    for name, value in options.items():
        is_default = value is None or (is_ours and value == "auto")
        if not is_default and name not in named and f"--{name.replace('_', '-')}" not in named:
            words += ["--sampler-set", f"{name}={value}"]
    return words


def regrade_command(tally: Tally) -> str:
    """The command that grades a run again."""
    return shlex.join(["r1bench", "regrade", tally.id, "--write", *_at(tally.place)])


def is_older(version: str, other: str) -> bool:
    """Versions are counted up."""
    first, second = ((int(text) if text.isdecimal() else -1, text) for text in (version, other))
    return first < second


def cure(a: Tally, b: Tally, found: list[Disagreement]) -> str:
    """How to make all of it equal, with the commands; A is the reference unless its task or grader is the older one."""
    what, held_a, held_b = {each.what for each in found}, a.manifest, b.manifest
    if "task" in what:
        return ""
    is_regraded = what == {"grader version"}
    if not is_regraded and IMPORTED in (held_a.sampler, held_b.sampler):
        named = " and ".join(letter for letter, side in (("A", held_a), ("B", held_b)) if side.sampler == IMPORTED)
        return f"{named} was imported and cannot be drawn again; import both from files of one protocol and with the same --data"
    if "stop" in what:
        return "where a completion stops is the task's and no option: evaluate the older one again with this r1bench"
    if "prompts" in what:
        return "what a model reads is the sampler's to make and no option: evaluate both with one sampler"
    commands = []
    if is_older(held_a.task_version, held_b.task_version):
        commands.append(again_command(held_a, held_a, place=a.place))
    elif is_older(held_a.grader_version, held_b.grader_version):
        commands.append(regrade_command(a))
    if what - {"grader version", "task version"} or is_older(held_b.task_version, held_a.task_version):
        commands.append(again_command(held_b, held_a, place=b.place))
    elif is_older(held_b.grader_version, held_a.grader_version):
        commands.append(regrade_command(b))
    return f"to make them equal, run: {' && '.join(commands)}" if commands else ""


def finishing(tally: Tally) -> str:
    """How to finish an incomplete run, with the command where it is known."""
    held, is_imported = tally.manifest, tally.manifest.sampler == IMPORTED
    command = import_command(held, place=tally.place) if is_imported else again_command(held, held, place=tally.place)
    what = "importing its file again" if is_imported else "running the same evaluation again"
    return f"finish it by {what}" + (f": {command}" if command else "")


def redrawing(tally: Tally) -> str:
    """How samples that failed come to a score, with the command where it is known."""
    if tally.manifest.sampler == IMPORTED:
        return "import a file in which they did not fail"
    command = again_command(tally.manifest, tally.manifest, place=tally.place) if tally.folder else ""
    return "draw them again with the same evaluation" + (f": {command}" if command else "")


def check_complete(tally: Tally) -> None:
    """Raises ProtocolError, in one line with the command that cures it, unless every problem has its samples; NoEvidenceError: none of them
    has a score."""
    if not (missing := tally.shortfall):
        return
    named = f"run {tally.id} ({tally.manifest.name})"
    if tally.failed and len(tally.failed) == tally.manifest.num_problems * tally.manifest.n:
        raise NoEvidenceError(f"{named} has no score: all of its {len(tally.failed)} samples failed; {redrawing(tally)}")
    raise ProtocolError(f"{named} is {missing} samples; {finishing(tally)}")


def check_protocol(a: Tally, b: Tally) -> None:
    """Raises ProtocolError, in one line with the command that makes them equal, unless both were made in the same way."""
    if found := disagreements(a.manifest, b.manifest):
        named = "; ".join(f"{what} {first!r} / {second!r}, {how}" for what, first, second, how in found)
        raise ProtocolError("; ".join(filter(None, (f"{_pair(a, b)}: {named}", cure(a, b, found)))))


def check_comparable(a: Tally, b: Tally) -> None:
    """Raises ProtocolError, in one line, unless both runs are complete, of one protocol, and over the same problems; NoEvidenceError: what
    failed leaves none in both."""
    for tally in (a, b):
        check_complete(tally)
    check_protocol(a, b)
    if a.drawn.keys() != b.drawn.keys():
        shared = f"only {len(a.drawn.keys() & b.drawn.keys())} of {len(a.drawn)} problems are in both"
        raise ProtocolError(f"{_pair(a, b)}: {shared}; evaluate both with the same problems")
    check_shared(a, b)


def check_shared(a: Tally, b: Tally) -> None:
    """Raises NoEvidenceError, in one line with the cure, unless some problem has a score in both."""
    if not set(a.problems) & set(b.problems):
        named = f"runs {a.id} ({a.manifest.name}) and {b.id} ({b.manifest.name}) cannot be compared"
        raise NoEvidenceError(f"{named}: no problem has a sample in both that did not fail; {redrawing(a)}; {redrawing(b)}")


def paired(a: Tally, b: Tally) -> tuple[Tally, Tally]:
    """Both runs over the problems that have samples in both; what all samples of one of them failed on is left out of both."""
    if a.problems == b.problems:
        return a, b
    shared = set(a.problems) & set(b.problems)
    return a.only(shared), b.only(shared)


def _pair(a: Tally, b: Tally) -> str:
    return f"runs {a.id} ({a.manifest.name}) and {b.id} ({b.manifest.name}) must not be compared"


def is_same_evaluation(a: Tally, b: Tally) -> bool:
    """Whether both hold the very same texts and scores from the same checkpoint: a copy, or an exact repetition."""
    is_same = a.manifest.checkpoint_digest == b.manifest.checkpoint_digest and a.samples_digest == b.samples_digest
    return is_same and [each.key for each in a.failed] == [each.key for each in b.failed]
