"""What each backend can train, by asking it: every row is an answer of its `supports` to a small job, nothing is written down twice.

    r1bench backends                                        # prints this
    for ability in abilities("custom"): print(ability.variant.name, ability.support.kind)

The jobs are those of recipe `tiny` but for what a variant sets. Imports nothing that trains, writes nothing. Limit: an answer is about one
setting at a time; two that are each exact may be refused together, and `r1bench train --dry-run` asks about the very job.
"""

import sys
from typing import Any, NamedTuple

from r1bench.backends import BACKENDS, get_backend
from r1bench.backends.job import Support, make_job
from r1bench.backends.losses import PRESETS
from r1bench.harness import plugins
from r1bench.harness.errors import R1benchError


class Variant(NamedTuple):
    """A way to train that a user may ask for."""

    algorithm: str
    """Of the job: grpo, sft or reward_model."""
    name: str
    settings: dict[str, Any]
    """What it changes in the job of its algorithm, by dotted keys: as `--set` takes them."""
    beside: str = ""
    """The variant without the adapters that this one has; '' where it has none. Shown where the two are answered differently."""


BASICS: dict[str, dict[str, Any]] = {
    "grpo": {"samples": 8, "minibatches": 4, "rollout": {"max_tokens": 128}, "loss": {}, "rewards": [{"name": "accuracy"}]},
    "sft": {"max_length": 512},
    "reward_model": {"max_length": 512},
}
"""The least that each algorithm must be given; the rest are the defaults of the job, which are the papers'."""


def of_loss(preset: str) -> Variant:
    """A published loss; one without ratios as its paper has it, with one optimiser step per rollout."""
    once = {"algorithm.minibatches": 1} if PRESETS[preset].fields.get("surrogate") == "reinforce" else {}
    return Variant("grpo", f"loss {preset}", {"algorithm.loss": {"preset": preset}, **once})


PLAIN = (
    *map(of_loss, PRESETS),
    Variant("grpo", "loss dapo, dynamic sampling", {"algorithm.loss": {"preset": "dapo"}, "algorithm.dynamic_sampling": 10}),
    Variant("grpo", "top-p 0.95", {"algorithm.rollout": {"max_tokens": 128, "top_p": 0.95}}),
    Variant("sft", "fine-tuning", {}),
    Variant("sft", "fine-tuning, packed", {"algorithm.packing": True}),
    Variant("reward_model", "pairwise", {}),
    Variant("reward_model", "pairwise, centred", {"algorithm.centring": 0.01}),
    Variant("reward_model", "pointwise", {"algorithm.loss": "pointwise"}),
)
VARIANTS = tuple(
    each
    for plain in PLAIN
    for each in (plain, Variant(plain.algorithm, f"{plain.name}, LoRA", {**plain.settings, "lora": {"rank": 16}}, beside=plain.name))
)


class Ability(NamedTuple):
    """A backend's answer about one variant."""

    variant: Variant
    support: Support


class Ready(NamedTuple):
    """Whether a backend can train with a Python."""

    missing: str
    """What is missing and how to get it; '' where it can train."""
    versions: dict[str, str]
    """Of what trains, by package; '' for one that is missing."""
    whose: str
    """The package that brings it; '' for ours."""


def names() -> list[str]:
    """Every backend, ours first."""
    return plugins.names("backend", BACKENDS)


def missing(backend: str, python: str = sys.executable) -> str:
    """What a backend, ours or another package's, cannot train without; '' where it can."""
    try:
        return get_backend(backend).probe(python)
    except R1benchError as error:
        return str(error)
    except Exception as error:  # a stranger's code may fail in any way
        return fault("probe", error)


def ready(backend: str, python: str = sys.executable) -> Ready:
    """What trains, in which version, and what is missing. Never raises for a fault of a backend."""
    stranger = plugins.strangers("backend").get(backend) if backend not in BACKENDS else None
    whose = plugins.whose(stranger) if stranger else ""
    try:
        versions = {str(name): str(version) for name, version in get_backend(backend).versions(python).items()}
    except R1benchError as error:
        return Ready(str(error), {}, whose)
    except Exception as error:  # a stranger's code may fail in any way
        return Ready(fault("versions", error), {}, whose)
    return Ready(missing(backend, python), versions, whose)


def abilities(backend: str) -> list[Ability]:
    """A backend's answer to each variant."""
    return [Ability(variant, answer(backend, variant)) for variant in VARIANTS]


def answer(backend: str, variant: Variant) -> Support:
    """What a backend says to a job of one variant; an error of its `supports` is a refusal with that reason."""
    try:
        support = get_backend(backend).supports(sample_job(backend, variant))
    except R1benchError as error:
        return Support(kind="refused", reason=str(error))
    except Exception as error:  # a stranger's code may fail in any way
        return Support(kind="refused", reason=fault("supports", error))
    return (
        support if isinstance(support, Support) else Support(kind="refused", reason=fault("supports", TypeError("it returned no Support")))
    )


def sample_job(backend: str, variant: Variant) -> Any:
    """A TrainJob of one variant, of a model and a folder that need not be there."""
    values: dict[str, Any] = {
        **{"name": "sample", "stage": "", "backend": backend, "recipe": "", "model": "", "model_digest": "", "out": ""},
        **{"steps": 70, "batch_size": 24, "data": {"task": "arithmetic"}, "optimizer": {"learning_rate": 2e-4}, "engine": {"threads": 1}},
        "algorithm": {"kind": variant.algorithm, **BASICS[variant.algorithm]},
    }
    for key, value in variant.settings.items():
        group, _, name = key.rpartition(".")
        (values[group] if group else values)[name] = value
    return make_job(values)


def fault(method: str, error: Exception) -> str:
    """One line about a backend's own fault."""
    return f"its {method}() failed ({type(error).__name__}: {error}); mend or update its package"


def differing(found: dict[str, list[Ability]]) -> list[int]:
    """Places in VARIANTS worth a row: those without adapters, and those with them where some backend answers otherwise."""
    plain = {variant.name: place for place, variant in enumerate(VARIANTS) if not variant.beside}
    return [
        place
        for place, variant in enumerate(VARIANTS)
        if not variant.beside or any(rows[place].support != rows[plain[variant.beside]].support for rows in found.values())
    ]
