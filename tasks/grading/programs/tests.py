"""The tests that a program is judged by: which forms there are, whether a row's tests can be used, which of them are plain calls.

    {"kind": "stdin", "cases": [{"input": "1 2", "output": "3"}]}                   a program that reads and prints
    {"kind": "call", "entry_point": "f", "cases": [{"args": [1, 2], "expected": 3}]}    a function, or "Solution.method"
    {"kind": "asserts", "code": "assert f(1, 2) == 3"}                              any test code that holds assertions; an
        "entry_point" says which function is the program's where Python has a builtin of that name
    {"kind": "check", "entry_point": "f", "code": "def check(candidate): ..."}      HumanEval's form
    {"kind": "reference", "entry_point": "f", "code": "def f(a, b): ...", "cases": [{"args": "(1, 2)"}]}
        a function that must return what the reference returns (see `compare`); arguments are a Python literal (EvalPlus's MBPP+)

Each may have `setup`: code that comes before the program, such as the imports that LeetCode takes for granted; and `after`: code behind
it, which makes what the tests take from the program, such as a tree of its nodes (MBPP). Nothing expected may stand there. Test code is the
benchmark's, not a model's; it is parsed here, and run only in the sandbox. Left out: running them (runs.py).
"""

import ast
import builtins
import threading
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from r1bench.harness.sandbox.codec import MAX_DEPTH, CodecError, encode

COMPARED = ("equal", "set", "truth")
"""What of a value is compared with the reference's (`compare`): all of it, its distinct parts, or whether it is true or there."""
KINDS = ("stdin", "call", "asserts", "check", "reference")
PARSING = threading.Lock()


class Call(NamedTuple):
    """One call and the value it must return, by Python's `==`."""

    arguments: tuple[Any, ...]
    expected: Any


def check_tests(tests: Mapping[str, Any], with_values: bool = True) -> str | None:
    """None, or why a program cannot be judged by these tests. `with_values`: whether arguments and results can cross to a program too,
    which takes as long as sending them."""
    kind = tests.get("kind")
    if kind not in KINDS:
        return f"unknown kind {kind!r:.40}; known: {', '.join(KINDS)}"
    reasons = [check_code(tests[name], name) for name in ("setup", "after") if name in tests]
    if kind in ("call", "check", "reference") or "entry_point" in tests:
        reasons.append(check_entry_point(tests.get("entry_point")))
    if kind in ("asserts", "check", "reference"):
        reasons.append(check_code(tests.get("code"), "code"))
    if not any(reasons) and kind in ("asserts", "check"):
        reasons.append(check_assertions(tests["code"], kind))
    if kind in ("stdin", "call", "reference"):
        reasons.append(check_cases(tests.get("cases"), kind))
    if not any(reasons) and with_values:
        reasons.append(check_values(tests))
    if tests.get("compare", "equal") not in COMPARED:
        reasons.append(f"'compare' is {tests['compare']!r:.40}; it must be one of {', '.join(COMPARED)}")
    return next((reason for reason in reasons if reason), None)


def check_entry_point(name: Any) -> str | None:
    """None, or why a name cannot be that of a function or of a method ('Solution.method')."""
    if name is None or name == "":
        return "'entry_point' is missing; it must be the name of a function, or 'Solution.method'"
    parts = name.split(".") if isinstance(name, str) else [""]
    is_name = len(parts) <= 2 and all(part.isidentifier() and len(part) < 200 for part in parts)
    return None if is_name else f"'entry_point' is {name!r:.60}; it must be the name of a function, or 'Solution.method'"


def check_code(code: Any, name: str) -> str | None:
    """None, or why a value is no Python code."""
    if not isinstance(code, str):
        return f"'{name}' is missing; it must be Python code" if code is None else f"'{name}' is a {type(code).__name__}, not text"
    fault = fault_of(code)
    return f"'{name}' does not compile ({fault})" if fault else None


@lru_cache(maxsize=2048)
def fault_of(code: str) -> str | None:
    """None, or why a text does not compile."""
    try:
        parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        return f"{getattr(error, 'msg', None) or error}{line}"
    return None


@lru_cache(maxsize=2048)
def check_assertions(code: str, kind: str) -> str | None:
    """None, or why test code that compiles could not tell a right program from a wrong one."""
    tree = parse(code)
    if kind == "check" and not any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body):
        return "'code' does not define check(candidate)"
    imported = {
        alias.asname or alias.name: alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    if not any(may_fail(node, imported) for node in ast.walk(tree)):
        return "'code' asserts nothing, so every program would pass"
    return None


def may_fail(node: ast.AST, imported: Mapping[str, str]) -> bool:
    """Whether a part of test code is there to fail: an assertion, or a call such as `np.testing.assert_equal` or `pytest.raises`.

    A call by a bare name counts only if it is imported: others may be the program's. Calls on `self` stand in a class that nothing runs.
    """
    match node:
        case ast.Assert() | ast.Raise():
            return True
        case ast.Call(func=ast.Attribute(value=owner, attr=name)):
            owner_name = getattr(owner, "id", "")
            return (name.startswith("assert") and owner_name != "self") or (owner_name, name) == ("pytest", "raises")
        case ast.Call(func=ast.Name(id=name)):
            return imported.get(name, "").startswith("assert") or imported.get(name) == "raises"
    return False


def check_cases(cases: Any, kind: str) -> str | None:
    """None, or what is wrong with the first bad case."""
    if not isinstance(cases, list | tuple) or not cases:
        return "'cases' is missing or empty; it must be a list with at least one case"
    for number, case in enumerate(cases, start=1):
        if not isinstance(case, Mapping):
            return f"case {number} is a {type(case).__name__}, not an object"
        names = {"stdin": ("input", "output"), "call": ("args", "expected"), "reference": ("args",)}[kind]
        missing = [name for name in names if name not in case]
        if missing:
            return f"case {number} has no '{missing[0]}'"
        wanted: type = list if kind == "call" else str
        for name in ("input", "output", "args"):
            if name in names and not isinstance(case[name], wanted):
                return f"case {number}: '{name}' is a {type(case[name]).__name__}; it must be {'a list' if wanted is list else 'text'}"
            if name in names and wanted is str and not is_encodable(case[name]):
                return f"case {number}: '{name}' holds half of a character (a lone surrogate)"
        if kind == "reference" and not isinstance(literal(case["args"]), tuple):
            return f"case {number}: 'args' is no literal tuple of Python"
    return None


def check_values(tests: Mapping[str, Any]) -> str | None:
    """None, or the first value of tests that no program can be given, or give back."""
    if tests["kind"] in ("asserts", "check"):
        fault = depth_fault(tests["code"])
        return f"'code' holds {fault}, which cannot be sent to a program" if fault else None
    for number, case in enumerate(tests["cases"], start=1):
        if tests["kind"] == "stdin":
            continue
        arguments = literal(case["args"]) if tests["kind"] == "reference" else case["args"]
        if fault := unsendable(arguments):
            return f"case {number}: 'args' cannot be sent to a program: {fault}"
        if "expected" in case and (fault := unsendable(case["expected"])):
            return f"case {number}: 'expected' is {fault}, which no program can return"
    return None


def unsendable(value: Any) -> str:
    """'' or why a value cannot cross the border of the sandbox as an argument."""
    try:
        encode([value])
    except CodecError as error:
        return str(error)
    return ""


@lru_cache(maxsize=2048)
def depth_fault(code: str) -> str:
    """'' or what is nested too deeply among the lists, tuples, sets and dicts that test code writes out."""
    waiting: list[tuple[ast.AST, int]] = [(parse(code), 0)]
    while waiting:
        node, depth = waiting.pop()
        depth += isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict)
        if depth >= MAX_DEPTH - 1:
            return f"a value nested deeper than {MAX_DEPTH - 2}"
        waiting += [(child, depth) for child in ast.iter_child_nodes(node)]
    return ""


def is_encodable(text: str) -> bool:
    """Whether a text can be written down at all."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse(code: str) -> ast.Module:
    """The syntax tree of test code; remarks of the parser about its style are not shown."""
    with PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code)


@lru_cache(maxsize=16384)
def literal(text: str) -> Any:
    """The value of a Python literal; None where it is none."""
    try:
        with PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=2048)
def plain_calls(code: str) -> tuple[str, tuple[Call, ...]] | None:
    """The function and its calls, where test code is nothing but `assert f(literals) == literal`; None where it is more."""
    calls: list[Call] = []
    names: set[str] = set()
    for node in parse(code).body:
        match node:
            case ast.Assert(
                test=ast.Compare(left=ast.Call(func=ast.Name(id=name), args=args, keywords=[]), ops=[ast.Eq()], comparators=[value])
            ):
                try:
                    calls.append(Call(tuple(ast.literal_eval(arg) for arg in args), ast.literal_eval(value)))
                except (ValueError, TypeError, RecursionError, MemoryError):
                    return None
                names.add(name)
            case _:
                return None
    return (names.pop(), tuple(calls)) if len(names) == 1 else None


def names_called(tests: Mapping[str, Any]) -> tuple[str, ...]:
    """What a program must define to be judged: the entry point, or the names that test code uses and does not make itself."""
    if "entry_point" in tests:
        return (tests["entry_point"].partition(".")[0],)
    return names_used(tests["code"]) if tests["kind"] == "asserts" else ()


@lru_cache(maxsize=2048)
def names_used(code: str) -> tuple[str, ...]:
    """The names that test code uses and does not make itself, in order."""
    nodes = list(ast.walk(parse(code)))
    made = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    made |= {alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names}
    used = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    return tuple(dict.fromkeys(name for name in used if name not in made and name not in dir(builtins)))
