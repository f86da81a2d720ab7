"""A verdict as JSON values. Left out: judging (gate.py), words (gate_text.py)."""

from typing import Any

from r1bench.leaderboards.gate import text as gate_text
from r1bench.leaderboards.gate.verdict import TaskVerdict, Verdict


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Plain JSON values: fractions, except margins and limits in points."""
    return {
        "decision": verdict.decision,
        "exit_code": verdict.exit_code,
        "alpha": verdict.rules.alpha,
        "questions": verdict.rules.questions,
        "is_adaptive": any(each.course for each in verdict.tasks),
        "chosen": [each.to_json() for each in verdict.chosen],
        "tasks": [_task_json(each) | gate_text.to_json(each, verdict.rules) for each in verdict.tasks],
        "guards": [guard.to_json() for guard in verdict.guards],
    }


def _task_json(verdict: TaskVerdict) -> dict[str, Any]:
    return {
        "task": verdict.task,
        "decision": verdict.decision,
        "margin_points": verdict.rule.margin,
        "at_least_points": verdict.rule.at_least,
        "difference": verdict.estimate.mean,
        "lower_bound": verdict.lower,
        "upper_bound": verdict.upper,
        "standard_error": verdict.estimate.error,
        "degrees": None if verdict.estimate.degrees == float("inf") else verdict.estimate.degrees,
        "method": verdict.estimate.method,
        "noise_floor": verdict.estimate.floor,
        "noise_floor_decides": verdict.floor_decides,
        "p_value": verdict.p_value,
        "adjusted_p": verdict.adjusted_p,
        "is_improvement": verdict.is_improvement,
        "num_problems": len(verdict.baseline.problems),
        "candidate": verdict.candidate.to_json(),
        "baseline": verdict.baseline.to_json(),
        **verdict.needs._asdict(),
        "adaptive": verdict.course.to_json() if verdict.course else None,
    }
