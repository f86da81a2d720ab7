"""Tests that are code, run against a program in another process. Runs inside of the sandbox, confined like the program.

The tests come from the data set and hold what is expected. Names that they use without defining them stand for the program's: a Remote
sends its call over a line between the two processes, and gives back a plain value or raises what the program raised. So an object with an
`__eq__` of its own never gets here, and nothing of the tests gets there but the arguments of calls.

Each assert at the top level of the tests or of `check` is counted on its own: one that fails does not hide those after it. The tests
passed if they ran to their end and every assert held; that is said by a message at the very end, not by the way the process ended.

Three habits of published tests let wrong programs pass, and are corrected here: comparing by numpy, which stretches the smaller array to
the shape of the larger one, an empty one to anything (see `correct_numpy`); EvalPlus's `assertion(out, exp, atol)` with values of
different types (its own evaluator compares them first); and its `_poly(...) <= tolerance` where the polynomial is far below zero.
Left out: functions of the tests as arguments, `isinstance` with a class of the program, arguments changed in place.
"""

import ast
import builtins
import os
import symtable
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial, partialmethod
from importlib import import_module
from types import ModuleType, TracebackType
from typing import Any, NoReturn

from r1bench.harness.sandbox.codec import CodecError, decode, encode
from r1bench.harness.sandbox.frames import Channel, ChannelClosed
from r1bench.harness.sandbox.program import LINE

FILE = "tests.py"
ENDS = (StopIteration, StopAsyncIteration)
CLOSE = (
    "allclose isclose array_equiv equal not_equal assert_allclose assert_almost_equal assert_approx_equal assert_array_almost_equal "
    "assert_array_equal assert_equal assert_array_almost_equal_nulp assert_array_max_ulp"
)
"""Functions of numpy and numpy.testing that say whether two arrays are one."""
UNSTRETCHED = "subtract less less_equal greater greater_equal assert_array_less"
"""Functions of numpy and numpy.testing that compare arrays otherwise."""
MADE = (
    "array asarray asanyarray ascontiguousarray atleast_1d ravel squeeze reshape fromiter concatenate hstack vstack stack sort unique "
    "round around rint floor ceil trunc abs absolute fabs real"
)
"""Functions of numpy that make an array of a list."""
NAMED = ("a", "b", "a1", "a2", "actual", "desired", "x", "y", "ACTUAL", "DESIRED")
"""How numpy's functions name the two that they compare."""
Ask = Callable[[str | int, str, bool, tuple[Any, ...], dict[str, Any]], Any]


class Remote:
    """Something of the program's: a name it defined, or an object that is not plain. Equal to nothing but itself."""

    __slots__ = ("_ask", "_target")

    def __init__(self, ask: Ask, target: str | int) -> None:
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_target", target)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._ask(self._target, "", True, arguments, named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask(self._target, name, False, (), {})

    def __setattr__(self, name: str, value: Any) -> None:
        self.method("__setattr__", name, value)

    def method(self, name: str, *arguments: Any) -> Any:
        """Call a special method of it; TypeError where it has none, as Python says it."""
        try:
            return self._ask(self._target, name, True, arguments, {})
        except AttributeError as error:
            raise TypeError(str(error)) from None

    def __iter__(self) -> Iterator[Any]:
        found = self._ask("builtins.iter", "", True, (self,), {})  # which knows the old protocol, by __getitem__, too
        return found if isinstance(found, Remote) else iter(found)

    def __bool__(self) -> bool:
        return True

    __next__ = partialmethod(method, "__next__")
    __len__ = partialmethod(method, "__len__")
    __getitem__ = partialmethod(method, "__getitem__")
    __str__: Any = partialmethod(method, "__str__")
    __float__ = partialmethod(method, "__float__")
    __int__ = partialmethod(method, "__int__")


class Program:
    """The other side: asks it, and keeps one Remote for each object."""

    def __init__(self, line: Channel) -> None:
        self.line, self.objects, self.is_lost = line, dict[int, Remote](), False

    def resolve(self, number: int) -> Remote:
        """The Remote of an object; always the same, so that `is` and `==` with itself hold."""
        return self.objects.setdefault(number, Remote(self.ask, number))

    def refer(self, value: Any) -> int:
        """The number of an object that is passed back, or of Python's own `int`, `len` and so on."""
        if isinstance(value, Remote) and isinstance(value._target, int):
            return value._target
        name = value._target if isinstance(value, Remote) else f"builtins.{getattr(value, '__name__', '')}"
        if not isinstance(value, Remote) and getattr(builtins, name.removeprefix("builtins."), None) is not value:
            raise CodecError(f"a {type(value).__name__} of the tests cannot be sent to the program")
        found = self.ask(name, "", False, (), {})
        return found._target if isinstance(found, Remote) and isinstance(found._target, int) else 0

    def ask(self, target: str | int, name: str, is_call: bool, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Ask, and wait for the answer: a value, or what was raised."""
        try:
            request = encode((target, name, is_call, False, arguments, named), self.refer)
        except CodecError as error:
            raise TypeError(str(error)) from None
        self.line.send("call", request)
        try:
            kind, body = self.line.receive()
            found = decode(body, self.resolve, None) if kind == "value" else rebuilt(body, is_call and name == "__next__")
        except (ChannelClosed, ValueError, TypeError):
            self.is_lost = True  # whatever the tests make of the exception
            raise ChannelClosed from None
        if kind != "value":
            raise found
        return found


def rebuilt(body: bytes, may_end: bool) -> Exception:
    """The exception that the program raised, as the nearest builtin one. A RuntimeError for what would end a process, and, but for the
    end of an iterator, what Python takes for the end of an iteration (as in a generator, PEP 479)."""
    kind, _, text, near, arguments = decode(body)
    found = getattr(builtins, near, None)
    if not isinstance(found, type) or not issubclass(found, Exception) or (issubclass(found, ENDS) and not may_end):
        return RuntimeError(f"{kind}: {text}")
    for attempt in (arguments, (text,)):
        try:
            return found(*attempt)
        except Exception:
            continue
    return RuntimeError(f"{kind}: {text}")


class Held:
    """Around one assert: says whether it held, and goes on."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.index, self.num_failed, self.first = channel, 0, 0, ""

    def __call__(self, index: int) -> "Held":
        self.index = index
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is None:
            self.channel.send("held", encode((self.index, True, "")))
            return False
        if not isinstance(error, Exception):
            return False
        reason = told(error)
        self.num_failed += 1
        self.first = self.first or reason
        self.channel.send("held", encode((self.index, False, reason)))
        return True


def told(error: BaseException) -> str:
    """An exception in one line, with the line of the tests where it came from."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        text = str(error)[:300]
    except Exception:  # such as that of ValueError(10**5000)
        text = ""
    return f"{type(error).__name__}{': ' if text else ''}{text} (line {line} of the tests)"


def with_counted_asserts(tree: ast.Module) -> int:
    """Wrap each assert at the top level and in `check`; how many there are."""
    count = 0
    bodies = [tree.body, *(part.body for part in tree.body if isinstance(part, ast.FunctionDef) and part.name == "check")]
    for body in bodies:
        for place, statement in enumerate(body):
            if not isinstance(statement, ast.Assert):
                continue
            held = ast.Call(ast.Name("__held__", ast.Load()), [ast.Constant(count)], [])
            body[place] = ast.copy_location(ast.With([ast.withitem(held)], [statement]), statement)
            count += 1
    ast.fix_missing_locations(tree)
    return count


class Corrections(ast.NodeTransformer):
    """Test code whose `_poly(xs, x) <= 0.0001` is `abs(_poly(xs, x)) <= 0.0001`."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """A comparison."""
        self.generic_visit(node)
        if isinstance(node.left, ast.Call) and getattr(node.left.func, "id", "") == "_poly" and isinstance(node.ops[0], ast.Lt | ast.LtE):
            node.left = ast.copy_location(ast.Call(ast.Name("abs", ast.Load()), [node.left], []), node.left)
        return node


class Corrected:
    """A function of numpy as the tests see it; numpy itself, which calls some of them too, sees it as it was."""

    def __init__(self, function: Any, rule: Callable[..., Any]) -> None:
        self.function, self.rule = function, rule

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        caller = sys._getframe(1)
        if caller.f_globals.get("__name__", "").partition(".")[0] == "numpy":
            return self.function(*arguments, **named)
        return self.rule(self.function, caller.f_code.co_name == "assertion", arguments, named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)


def correct_numpy(np: Any, testing: Any) -> None:
    """Replace functions of numpy, and of numpy.testing, which may be None, so that an answer of another shape is not stretched to fit.

    What is said to be equal or close must be of one shape, but an array of the tests' own may be compared with one number. What is empty
    may not be subtracted from what is not, nor put in order with it. For operators, an array that was made straight from an empty value
    remembers that (`small_array`): against what is not empty, `==`, `!=` and `-` raise. The operators `<` and `>` do not: every
    element of an empty array is below a bound.
    """
    kind = small_array(np)
    rules: tuple[tuple[Callable[..., Any], str], ...] = (
        (partial(close, np, kind), CLOSE),
        (partial(unstretched, np), UNSTRETCHED),
        (partial(made, np, kind), MADE),
    )
    for rule, names in rules:
        for name in names.split():
            module = testing if name.startswith("assert_") else np
            if hasattr(module, name):
                setattr(module, name, Corrected(getattr(module, name), rule))


def small_array(np: Any) -> Any:
    """The type of arrays of at most one element that the tests made from a value as it came. Else like any array."""
    strict = (np.equal, np.not_equal, np.subtract)

    class Small(np.ndarray):
        def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **named: Any) -> Any:
            plain = [each.view(np.ndarray) if isinstance(each, Small) else each for each in inputs]
            if function in strict and method == "__call__":
                refuse_stretching(np, plain)
            if "out" in named:
                named["out"] = tuple(each.view(np.ndarray) if isinstance(each, Small) else each for each in named["out"])
            found = getattr(function, method)(*plain, **named)
            return found.view(Small) if isinstance(found, np.ndarray) and found.size == 0 else found

        def __getitem__(self, key: Any) -> Any:
            return self.view(np.ndarray)[key]

    Small.__module__, Small.__name__ = "numpy", "array"  # as codec.py and repr() know arrays
    return Small


def shape_of(np: Any, value: Any) -> tuple[int, ...] | None:
    """The shape that numpy gives a value; None where its parts have different ones."""
    try:
        return tuple(np.shape(value))
    except (ValueError, TypeError):
        return None


def refuse_stretching(np: Any, pair: Sequence[Any]) -> None:
    """AssertionError where one of two values is empty and the other is not."""
    shapes = [shape_of(np, part) for part in pair[:2]]
    if None not in shapes and len({0 in shape for shape in shapes if shape is not None}) == 2:
        raise AssertionError(unlike(pair, shapes))


def unlike(pair: Sequence[Any], shapes: Sequence[Any]) -> str:
    """How two values differ, in words."""
    return " instead of ".join(f"{type(part).__name__} of shape {shape}" for part, shape in zip(pair, shapes, strict=True))


def compared(arguments: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    """The two values that a call compares."""
    return [*arguments, *[named[name] for name in NAMED if name in named]][:2]


def unstretched(np: Any, function: Any, _: bool, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What a function says of two arrays, neither or both of them empty."""
    refuse_stretching(np, compared(arguments, named))
    return function(*arguments, **named)


def made(np: Any, kind: Any, function: Any, _: bool, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """The array that a function makes, which remembers that it was made from a plain value if it has at most one element."""
    found = function(*arguments, **named)
    is_computed = bool(arguments) and isinstance(arguments[0], np.ndarray) and not isinstance(arguments[0], kind)
    return found.view(kind) if type(found) is np.ndarray and found.size <= 1 and not is_computed else found


def close(np: Any, kind: Any, function: Any, is_strict: bool, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What a function says of two arrays, if they are of one shape; else that they are neither close nor equal.

    An array of the tests' own may still be compared with one number, if it has two elements or was computed. Strict: plain values must be
    of one type.
    """
    pair = compared(arguments, named)
    shapes = [shape_of(np, part) for part in pair]
    if len(pair) < 2 or None in shapes:
        return function(*arguments, **named)
    larger = pair[0] if shapes[1] == () else pair[1]
    is_spread = () in shapes and isinstance(larger, np.ndarray) and larger.size > isinstance(larger, kind)
    is_array = any(isinstance(part, np.ndarray | np.generic) for part in pair)
    if (shapes[0] == shapes[1] or is_spread) and (is_array or not is_strict or type(pair[0]) is type(pair[1])):
        return function(*arguments, **named)
    if function.__name__.startswith("assert"):
        raise AssertionError(unlike(pair, shapes))
    return np.bool_(function.__name__ == "not_equal")


def undefined_names(tests: str) -> set[str]:
    """The names that the tests use and do not define, builtin ones too."""
    top = symtable.symtable(tests, FILE, "exec")
    defined = {each.get_name() for each in top.get_symbols() if each.is_assigned() or each.is_imported() or each.is_namespace()}
    used, tables = set[str](), [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {each.get_name() for each in table.get_symbols() if each.is_referenced() and (table is top or each.is_global())}
    return used - defined


def names_of_the_program(tests: str, tree: ast.Module, given: set[str]) -> tuple[set[str], set[str]]:
    """Names that are the program's, and names of standard modules that the tests use without importing them."""
    called = {part.func.id for part in ast.walk(tree) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}
    free = undefined_names(tests)
    modules = {name for name in free - given - called if name in sys.stdlib_module_names}
    return {name for name in free - modules if name in given or not hasattr(builtins, name)} | given, modules


def serve_examination(channel: Channel) -> None:
    """Run the tests; leave when they ended."""
    tests, entry_point, names = decode(channel.receive()[1])
    try:
        tree = ast.parse(tests, FILE)
        program_names, modules = names_of_the_program(tests, tree, {*names, *([entry_point] if entry_point else [])})
        tree = ast.fix_missing_locations(Corrections().visit(tree))
        channel.send("count", encode(with_counted_asserts(tree)))
        code = compile(tree, FILE, "exec", dont_inherit=True)
    except Exception as error:
        leave(channel, "refused", f"the tests cannot be compiled: {type(error).__name__}: {error}"[:500])
    program, held = Program(Channel(LINE)), Held(channel)
    module = ModuleType("tests")
    sys.modules["tests"] = module
    module.__dict__.update({name: Remote(program.ask, name) for name in program_names}, __held__=held)
    module.__dict__.update({name: __import__(name) for name in modules})
    channel.send("served")
    try:
        if "numpy" in tests:
            with suppress(ImportError):
                correct_numpy(import_module("numpy"), import_module("numpy.testing") if "testing" in tests else None)
        exec(code, module.__dict__)
        if entry_point:
            module.__dict__["check"](module.__dict__[entry_point])
    except ChannelClosed:
        leave(channel, "lost", "")
    except BaseException as error:
        leave(channel, "lost" if program.is_lost else "failed", told(error))
    if program.is_lost:
        leave(channel, "lost", "")
    leave(channel, "failed" if held.num_failed else "passed", held.first)


def leave(channel: Channel, kind: str, reason: str) -> NoReturn:
    """Say how the tests ended, and end."""
    channel.send(kind, encode(reason))
    os._exit(0)
