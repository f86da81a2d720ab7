"""A verdict, and either side of it, as JSON values: fractions, except margins and limits in points. Left out: judging, words (text.py)."""

import math
from typing import Any

from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate import text
from r1bench.leaderboards.gate.rules import Rules
from r1bench.leaderboards.gate.verdict import TaskVerdict, Verdict
from r1bench.leaderboards.measures import MEASURES, measured


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Everything that is known of a verdict."""
    return {
        "decision": verdict.decision,
        "exit_code": verdict.exit_code,
        "alpha": verdict.rules.alpha,
        "questions": verdict.rules.questions,
        "is_adaptive": any(each.course for each in verdict.tasks),
        "chosen": [each.to_json() for each in verdict.chosen],
        "tasks": [_task_json(each, verdict.rules) for each in verdict.tasks],
        "guards": [guard.to_json() for guard in verdict.guards],
    }


def _task_json(verdict: TaskVerdict, rules: Rules) -> dict[str, Any]:
    found = verdict.estimate
    return {
        "task": verdict.task,
        "decision": verdict.decision,
        "margin_points": verdict.rule.margin,
        "at_least_points": verdict.rule.at_least,
        "difference": found.mean,
        "lower_bound": verdict.lower,
        "upper_bound": verdict.upper,
        "standard_error": found.error,
        "degrees": None if math.isinf(found.degrees) else found.degrees,
        "method": found.method,
        "noise_floor": found.floor,
        "noise_floor_decides": verdict.floor_decides,
        **{key: getattr(verdict, key) for key in ("p_value", "adjusted_p", "is_improvement")},
        "num_problems": len(verdict.baseline.problems),
        "candidate": side_json(verdict.candidate),
        "baseline": side_json(verdict.baseline),
        **verdict.needs._asdict(),
        "adaptive": verdict.course.to_json() if verdict.course else None,
        "sentence": text.sentence(verdict, rules),
        "remarks": text.remarks(verdict, rules),
    }


def side_json(tally: Tally) -> dict[str, Any]:
    """What one evaluation is and says, without its problems. Numbers are those of the table of measures, as the board has them."""
    held, found = tally.manifest, {key: measured(tally, key) for key in MEASURES}
    score = found["score"]
    assert score is not None
    return {
        "id": tally.id,
        "name": held.name,
        "checkpoint_digest": held.checkpoint_digest,
        "stage": held.stage,
        "protocol": held.protocol(),
        **{key: getattr(held, key) for key in ("task_version", "template", "sampling", "grader", "grader_version", "sampler")},
        "versions": held.environment,
        "num_problems": len(tally.problems),
        "n": tally.n,
        "num_samples": tally.num_samples,
        **{"score": score.value, "low": score.low, "high": score.high, "method": score.method},
        "measures": {key: value._asdict() for key, value in found.items() if value is not None},
        "noise": tally.noise.error if tally.noise else None,
    }
