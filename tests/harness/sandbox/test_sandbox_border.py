"""What crosses the border of the sandbox: values as bytes, messages in a stream, and the filter of system calls.

Run: make test PYTEST_ARGS=tests/harness/sandbox/test_sandbox_border.py
"""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1bench.harness.sandbox import seccomp
from r1bench.harness.sandbox.codec import CodecError, TooLargeError, decode, encode, shown
from r1bench.harness.sandbox.frames import KINDS, FrameError, Parser, framed

KEYS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(), st.tuples(st.integers()))
SCALARS = st.one_of(KEYS, st.floats(), st.complex_numbers(), st.integers(-(10**60), 10**60))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner), st.tuples(inner, inner), st.dictionaries(KEYS, inner), st.sets(KEYS), st.frozensets(KEYS)),
    max_leaves=20,
)


# what crosses


def is_same(one: Any, other: Any) -> bool:
    """Whether two plain values are alike down to types, signs of zero and NaN; sets in any order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other if isinstance(one, set | frozenset) else repr(one) == repr(other)


@given(VALUES)
def test_a_plain_value_comes_back_as_it_was(value: Any) -> None:
    assert is_same(decode(encode(value)), value)


@given(st.binary(max_size=200))
def test_bytes_of_a_stranger_decode_to_plain_values_or_to_an_error(data: bytes) -> None:
    try:
        value = decode(data)
    except CodecError:
        return
    assert encode(value)


@given(st.recursive(st.one_of(st.integers(), st.sampled_from("ltdszifcbarh"), st.text()), st.lists, max_leaves=30))
def test_json_of_a_stranger_decodes_to_plain_values_or_to_an_error(packed: Any) -> None:
    try:
        value = decode(json.dumps(packed).encode())
    except CodecError:
        return
    assert encode(value)


@pytest.mark.parametrize(
    "data", [b"[" * 10**6, b"NaN", b'{"l":1}', b"[]", b'["l"', b'["i","' + b"f" * 10**6 + b'"]', b"1" * 5000, b'["s",["l"]]']
)
def test_what_would_hurt_a_reader_is_refused(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode(data)


@pytest.mark.parametrize("data", [b"[" * 101 + b'"' + b'\\"' * 4_000_000, b'"' * 8_000_000, b"[" * 101 + b'"\\' + b'\n"\\' * 2_000_000])
def test_eight_megabytes_of_quotes_are_refused_in_one_pass(data: bytes) -> None:
    with pytest.raises(CodecError):
        decode(data)


def test_the_parts_of_a_value_are_bounded_and_those_of_its_texts_are_none() -> None:
    with pytest.raises(TooLargeError):
        decode(encode([set()] * 600_000))
    assert decode(encode(['[,\\"' * 600_000] * 2)) == ['[,\\"' * 600_000] * 2


def test_keys_of_equal_hashes_are_refused_and_many_honest_ones_are_not() -> None:
    alike = {(2**61 - 1) * index for index in range(1, 300)}
    with pytest.raises(CodecError, match="equal hashes"):
        decode(encode(alike))
    assert decode(encode(dict.fromkeys(range(9000)))) == dict.fromkeys(range(9000))


def test_a_subclass_crosses_as_its_base_and_an_object_not_at_all() -> None:
    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        def __int__(self) -> int:
            return 7

        __hash__ = int.__hash__

    class Table(dict[str, int]):
        pass

    assert encode([Liar(3), Table(a=1)]) == encode([3, {"a": 1}])
    with pytest.raises(CodecError, match="no plain value"):
        encode([object()])


def test_nesting_and_digits_are_bounded_on_the_way_out() -> None:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    for value in (deep, 1 << 2_000_000):
        with pytest.raises(CodecError):
            encode(value)


def test_any_plain_value_can_be_shown_in_few_letters() -> None:
    for value in (1 << 100_000, "x" * 10**6, [[1] * 1000] * 1000, {-math.inf: {1: {2: {3: {4: {5: 6}}}}}}):
        assert 0 < len(shown(value)) <= 200


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=50))), st.integers(1, 7))
def test_messages_arrive_however_they_are_cut(messages: list[tuple[str, bytes]], size: int) -> None:
    stream = b"".join(framed(kind, body) for kind, body in messages)
    parser = Parser(1000)
    assert [found for at in range(0, len(stream), size) for found in parser.feed(stream[at : at + size])] == messages


@pytest.mark.parametrize("data", [b"\xff\0\0\0\0", b"\0\xff\xff\xff\xff"])
def test_a_message_that_is_none_or_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        Parser(1000).feed(data)


# the filter, played by a second reading of its instructions


def fate(machine: str, number: int, arguments: tuple[int, ...] = (), audit: int | None = None) -> int:
    """What the filter answers to a system call."""
    words = {0: number, 4: audit or seccomp.ARCHITECTURES[machine][0]}
    words |= {16 + 4 * half: arguments[half // 2] >> 32 * (half % 2) & 0xFFFFFFFF for half in range(2 * len(arguments))}
    lines, at, held = seccomp.rules(machine), 0, 0
    while lines[at].code != seccomp.RETURN:
        code, if_true, if_false, value = lines[at]
        if code == seccomp.LOAD:
            held, at = words.get(value, 0), at + 1
            continue
        holds = {seccomp.EQUAL: held == value, seccomp.AT_LEAST: held >= value, seccomp.ANY_BIT: bool(held & value)}[code]
        at += 1 + (if_true if holds else if_false)
    return lines[at].number


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filter_refuses_what_is_listed_and_allows_the_rest(machine: str) -> None:
    numbers = seccomp.ARCHITECTURES[machine][1]
    for name in seccomp.DENIED:
        assert name not in numbers or fate(machine, numbers[name]) == seccomp.FAIL | seccomp.EPERM
    named = set(numbers.values())
    assert all(fate(machine, number) == seccomp.ALLOW for number in range(470) if number not in named)
    assert all(fate(machine, number) == seccomp.FAIL | seccomp.ENOSYS for number in (470, 471, 600, 0x3FFFFFFF))  # newer than the list
    assert all(max(line.if_true, line.if_false) < 256 for line in seccomp.rules(machine))  # a jump is one byte


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filter_looks_at_arguments(machine: str) -> None:
    numbers, refused = seccomp.ARCHITECTURES[machine][1], seccomp.FAIL | seccomp.EPERM
    assert fate(machine, numbers["clone"], (0x01200011,)) == seccomp.ALLOW
    assert all(fate(machine, numbers["clone"], (1 << bit,)) == refused for bit in (7, 17, 25, 26, 27, 28, 29, 30))
    assert all(fate(machine, numbers["clone"], (flag | 17,)) == refused for flag in (0x2000, 0x8000, 0x800000))  # PTRACE, PARENT, UNTRACED
    assert fate(machine, numbers["clone"], (0x003D0F00,)) == seccomp.ALLOW  # a thread, as the C library makes it
    assert fate(machine, numbers["clone3"]) == seccomp.FAIL | seccomp.ENOSYS
    assert [fate(machine, numbers["socket"], (family,)) == refused for family in (1, 2, 10, 16, 40)] == [False, True, True, True, True]
    assert [fate(machine, numbers["prlimit64"], (pid,)) == refused for pid in (0, 1, 77)] == [False, True, True]
    assert [fate(machine, numbers["ioctl"], (0, what)) == refused for what in (0x5412, 0x541C, 0x5401)] == [True, True, False]
    shared, private = 0x21, 0x22  # with MAP_ANONYMOUS; a shared file is no such thing
    assert [fate(machine, numbers["mmap"], (0, 1, 3, flags)) == refused for flags in (shared, 0x23, private, 1, 2)] == [True, True] + [
        False
    ] * 3
    assert [fate(machine, numbers["mmap"], (0, 1, 3, flags)) == refused for flags in (0x40022, 0x40001, 0x20022)] == [True, True, False]
    assert [fate(machine, numbers["madvise"], (0, 1, advice)) == refused for advice in (12, 4, 8)] == [True, False, False]
    assert [fate(machine, numbers["fcntl"], (0, what)) == refused for what in (1031, 1026, 1030, 6)] == [True, True, False, False]
    assert [fate(machine, numbers["prctl"], (what,)) == refused for what in (22, 62, 15, 36)] == [True, True, False, False]
    assert [fate(machine, numbers["setsockopt"], (3, 1, what)) == refused for what in (7, 33, 2, 20)] == [True, True, False, False]
    setting = [(17, 1), (17, 0, 0), (17 | 1 << 32, 1), (17, 1 << 32), (14, 1)]  # the kernel reads half of the first and all of the second
    halves = [fate(machine, numbers["rt_sigaction"], each) == refused for each in setting]
    assert halves == [True, False, True, True, False]
    assert fate(machine, 1, audit=0x40000003) == fate(machine, 0x40000001) == seccomp.KILL_PROCESS


def test_both_kinds_of_processor_refuse_the_same() -> None:
    only_there = {"iopl", "ioperm", "modify_ldt", "inotify_init"}
    assert set(seccomp.X86_64) - set(seccomp.AARCH64) == only_there
    assert not set(seccomp.AARCH64) - set(seccomp.X86_64)
