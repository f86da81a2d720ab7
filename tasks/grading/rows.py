"""A row of completions to grade -> a GradeRequest: what `r1bench grade` reads.

    {"response": "... \\\\boxed{25}", "gold": "025"}                                       math, integer, choice
    {"response": "...", "tests": {"kind": "stdin", "cases": [{"input": "1", "output": "2"}]}}    code
    {"response": "...", "target": "zh"}                                                    language
    {"response": "...", "style": "think-only"}                                             format

Every row may have `id`, `prefilled_think` (the prompt ended in `<think>`) and `options`; why a completion ended is read before. Other
columns are not looked at. A row that is not as it should be raises BadRequest, which names the field and the cure.
"""

from collections.abc import Callable, Mapping
from typing import Any

from r1bench.harness.errors import quoted
from r1bench.harness.records import FinishReason
from r1bench.tasks.grading import check_options, get_grader
from r1bench.tasks.grading.format import check_style
from r1bench.tasks.grading.languages.grader import check_target
from r1bench.tasks.grading.programs.tests import check_tests
from r1bench.tasks.grading.request import GradeRequest

PREFILL = "<think>\n"
MOST_SECONDS = 3600.0
MOST_MEGABYTES = 65536.0
KINDS = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", type(None): "null"}


def kind_of(value: Any) -> str:
    """What a value is, in the words of JSON; empty text is called so."""
    return "empty text" if value == "" else KINDS.get(type(value), type(value).__name__)


class BadRequest(Exception):
    """A row that cannot be graded: what is wrong with which field, and what it must be."""


def to_request(grader: str, fields: Mapping[str, Any], finish_reason: FinishReason = "stop") -> GradeRequest:
    """The request that a row states.

    Raises:
        BadRequest: a field is missing, of a wrong type, or has a value that the grader does not know.
    """
    response = fields.get("response")
    if not isinstance(response, str):
        given = "is missing" if "response" not in fields else f"is {kind_of(response)}"
        raise BadRequest(f"'response' {given}; it must be the completion as text")
    prefilled = fields.get("prefilled_think", False)
    if not isinstance(prefilled, bool):
        raise BadRequest(f"'prefilled_think' is {prefilled!r:.40}; it must be true or false")
    request = GradeRequest(response, finish_reason=finish_reason, prefill=PREFILL if prefilled else "", options=options_of(fields))
    row = get_grader(grader)
    for column in filter(None, (row.needs, row.column)):
        request = READERS[column](request, fields)
    if reason := check_options(grader, request.options):
        raise BadRequest(f"'options': {reason}")
    if grader == "choice":
        check_letters(request)
    return request


def check_letters(request: GradeRequest) -> None:
    """Raise BadRequest for a gold letter beyond the row's own choices."""
    choices = request.options.get("choices") or []
    for gold in request.gold if choices else ():
        if len(gold.strip()) == 1 and not 0 <= ord(gold.strip().upper()) - ord("A") < len(choices):
            raise BadRequest(f"'gold' is {quoted(gold)}, and the row has {len(choices)} choices; correct one of them")


def options_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The row's own conventions; an empty object where it has none."""
    options = fields.get("options")
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise BadRequest(f'\'options\' is a {type(options).__name__}; it must be an object, such as {{"percent": "either"}}')
    return dict(options)


def with_golds(request: GradeRequest, fields: Mapping[str, Any]) -> GradeRequest:
    """The request with the acceptable answers, at least one."""
    if "gold" not in fields or fields["gold"] is None:
        raise BadRequest("'gold' is missing; it must be the right answer as text, or a list of acceptable ones")
    gold = fields["gold"]
    golds = gold if isinstance(gold, list) else [gold]
    wrong = [value for value in golds if not isinstance(value, str)]
    if wrong:
        raise BadRequest(f"'gold' is {kind_of(wrong[0])}, or holds it; write it as text, in quotes")
    if not golds or not all(value.strip() for value in golds):
        raise BadRequest("'gold' is empty; fill it in or remove the row")
    return request._replace(gold=tuple(dict.fromkeys(golds)))


def with_tests(request: GradeRequest, fields: Mapping[str, Any]) -> GradeRequest:
    """The request with the tests of a program, and its limits among the options."""
    tests = fields.get("tests")
    if not isinstance(tests, dict):
        given = "is missing" if tests is None else f"is {kind_of(tests)}"
        raise BadRequest(f"'tests' {given}; it must be an object with a 'kind' (stdin, call, asserts, check)")
    if reason := check_tests(tests):
        raise BadRequest(f"'tests': {reason}")
    prompt = fields.get("prompt") or ""
    if not isinstance(prompt, str):
        raise BadRequest(f"'prompt' is {kind_of(prompt)}; it must be the text that the response completes")
    limits = {}
    for name, most in (("time_limit", MOST_SECONDS), ("memory_limit", MOST_MEGABYTES)):
        value = fields.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
                raise BadRequest(f"'{name}' is {value!r:.40}; it must be a number above 0, of at most {most:.0f}")
            limits[name] = value
    return request._replace(tests=tests, prompt=prompt, options={**request.options, **limits})


def with_target(request: GradeRequest, fields: Mapping[str, Any]) -> GradeRequest:
    """The request with the language that its reasoning should be in."""
    target = fields.get("target")
    if not isinstance(target, str) or not target.strip():
        raise BadRequest("'target' is missing or no text; it must be a language, such as en, zh or es")
    if reason := check_target(target):
        raise BadRequest(f"'target': {reason}")
    return request._replace(language=target, options={**request.options, "target": target})


def with_style(request: GradeRequest, fields: Mapping[str, Any]) -> GradeRequest:
    """The request with the format that was asked for."""
    style = fields.get("style", "think-answer")
    reason = check_style(style) if isinstance(style, str) else f"is {kind_of(style)}; it must be think-answer, think-only or boxed"
    if reason:
        raise BadRequest(f"'style': {reason}")
    return request._replace(options={**request.options, "style": style})


READERS: dict[str, Callable[[GradeRequest, Mapping[str, Any]], GradeRequest]] = {
    "gold": with_golds,
    "tests": with_tests,
    "target": with_target,
    "style": with_style,
}
"""By what a grader needs, and by the column that it reads."""
