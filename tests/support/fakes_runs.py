"""A factory of `Run` records: `make_run([[1, 0], [1, 1]])` is two problems with two samples each."""

from collections.abc import Sequence
from typing import Any

from r1bench.harness.records import Completion, Grade, Manifest, Outcome, Run, Sample, Sampling
from r1bench.harness.tally import Tally
from r1bench.leaderboards.measures.reading import of_run


def make_sample(problem: str, index: int, score: float | None, **changes: Any) -> Sample:
    """A graded sample; one that failed where the score is None. `outcome` and every field of Sample may be given."""
    outcome: Outcome = changes.pop("outcome", "failed" if score is None else "correct" if score else "wrong")
    score = score or 0.0
    text = changes.pop("text", f"<think>so</think><answer>{score:g}</answer>")
    fields: dict[str, Any] = {
        "problem_id": problem,
        "index": index,
        "completion": Completion(text=text, finish_reason="stop", num_tokens=changes.pop("num_tokens", 12)),
        "thinking_state": "closed",
        "reasoning_tokens": 8,
        "grade": Grade(outcome, float(score), f"{score:g}", "equal" if score else "differs", "integer", "1"),
        "format_ok": True,
        "languages": {"latin": 6, "han": 0},
    }
    return Sample(**{**fields, **changes})


def make_run(scores: Sequence[Sequence[float | None]], *, samples: Sequence[Sample] | None = None, **changes: Any) -> Run:
    """A complete run with these scores (None: it failed); `changes` are fields of its manifest, `sampling` options among them."""
    name = changes.get("name", "tiny")
    n = max((len(row) for row in scores), default=1)
    names = [f"p{index:04d}" for index in range(len(scores))]
    made = [make_sample(problem, i, score) for problem, row in zip(names, scores, strict=True) for i, score in enumerate(row)]
    fields: dict[str, Any] = {
        "task": "arithmetic",
        "task_version": "1",
        "problems_digest": f"problems-{len(scores)}",
        "num_problems": len(scores),
        "checkpoint": f"checkpoints/{name}",
        "checkpoint_digest": f"digest-of-{name}",
        "name": name,
        "sampler": "scripted",
        "template": "r1-zero",
        "template_hash": "0123456789abcdef",
        "sampling": {**Sampling(n=n).to_json(), "stop": [], **changes.pop("sampling", {})},
        "grader": "integer",
        "grader_version": "1",
        "environment": {"device": "cpu", "torch": "2.9.0"},
        "command": "r1bench eval",
        "rounds": (n,),
    }
    return Run(f"run-{name}", Manifest(**{**fields, **changes}), tuple(made if samples is None else samples))


def make_tally(scores: Sequence[Sequence[float | None]], **changes: Any) -> Tally:
    """The tally of such a run."""
    return of_run(make_run(scores, **changes))
