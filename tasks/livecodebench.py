"""livecodebench: contest problems by date, solved by programs (standard input) or by a method of a class. Source: Jain et al., arXiv
2403.07974; the table `code_generation_lite`, or a file with the columns problem, starter_code, tests.

R1's protocol (arXiv 2501.12948 v2): problems of 2024-08 to 2025-01, 8 samples, temperature 0.6, top-p 0.95, 32,768 tokens, the last
Python block is the program. The official checker's conventions are kept: the imports of IMPORTS come before every program, outputs are
compared line by line with numbers by value, 6 seconds a test. The private tests are published as a compressed Python pickle of one
text; it is read as bytes, opcode by opcode, and anything but one text in it is refused: nothing is unpickled.

Left out: choosing problems by date (give a file that holds those you want).
"""

import base64
import binascii
import pickletools
import re
import zlib
from typing import Any

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks.data.programming import CONTEST_HINT, cases_of, parsed, problem_of, solutions_of, stdin_tests, text_of
from r1bench.tasks.data.rows import BadRow
from r1bench.tasks.task import Task

MODULES = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools", "functools"),
    *("operator", "io", "sys", "json", "builtins", "typing"),
)
IMPORTS = "".join(f"from {module} import *\n" for module in MODULES) + f"import {', '.join(MODULES)}\nsys.setrecursionlimit(50000)\n"
METHOD = re.compile(r"^[ \t]+def (\w+)\(self\b", re.MULTILINE)
STARTER = "{question}\n\nComplete this class:\n\n```python\n{starter}\n```"
MAX_BYTES = 512 * 2**20
ONE_TEXT = "only a pickle of one text is read; remove the row"
TEXT_OPCODES = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE")
OTHER_OPCODES = ("PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP")


def read_row(fields: dict[str, Any], number: int) -> Problem:
    """A row of code_generation_lite, of a file with problem, starter_code and tests, or of one whose tests are code (LeetCode)."""
    question = text_of(fields, "question_content", "problem").strip()
    starter = str(fields.get("starter_code") or "")
    published = fields.get("tests", fields.get("public_test_cases"))
    if isinstance(published, dict) and "functional" in published:
        tests = {"kind": "asserts", "code": published["functional"], "setup": IMPORTS}
        return problem_of(fields, id=f"leetcode-{number}", prompt=question, tests=tests, solutions=solutions_of(fields.get("solutions")))
    cases = cases_of(published, "tests")
    cases += cases_of(private_tests(fields.get("private_test_cases")), "private_test_cases")
    kinds = {str(case.get("testtype", "stdin")) for case in cases}
    if len(kinds) > 1:
        raise BadRow("mixes tests of a program with tests of a function", "one of the two kinds belongs to another problem: remove it")
    if kinds == {"functional"}:
        tests = functional_tests(fields, starter, cases)
        question = STARTER.format(question=question, starter=starter.rstrip())
    else:
        tests = stdin_tests(cases)
        question += CONTEST_HINT
    return problem_of(
        fields,
        id=str(fields.get("question_id") or f"livecodebench-{number}"),
        prompt=question,
        tests={**tests, "setup": IMPORTS},
        options={"time_limit": 6},
    )


def functional_tests(fields: dict[str, Any], starter: str, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Calls of the method that the starter code begins: one JSON value per line of input, one as the output."""
    metadata = parsed(fields.get("metadata") or {}, "metadata")
    methods = METHOD.findall(starter)
    name = metadata.get("func_name") if isinstance(metadata, dict) else None
    if name is None and not methods:
        raise BadRow("has tests of a function and neither a func_name nor starter code", "add the starter code")
    calls = []
    for case in cases:
        arguments = [parsed(line, "input") for line in str(case["input"]).split("\n") if line.strip()]
        calls.append({"args": arguments, "expected": parsed(case["output"], "output")})
    return {"kind": "call", "entry_point": f"Solution.{name or methods[-1]}", "cases": calls}


def private_tests(value: Any, max_bytes: int = MAX_BYTES) -> str | None:
    """The private tests as JSON text: as they are, or unpacked from base64, zlib and a pickle that holds one text."""
    if not isinstance(value, str) or not value.strip():
        return None
    if value.lstrip().startswith("["):
        return value
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b64decode(value, validate=True), max_bytes)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise BadRow(f"the private tests cannot be unpacked ({error})", "fetch the file again") from error
    if unpacker.unconsumed_tail:
        raise BadRow(f"the private tests are larger than {max_bytes} bytes", "remove the row")
    return text_in_pickle(content)


def text_in_pickle(content: bytes) -> str:
    """The one text that a pickle holds, read without unpickling it.

    Raises:
        BadRow: the pickle holds anything else.
    """
    if content[:1] == b"[":
        return content.decode("utf-8", "replace")
    texts: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in TEXT_OPCODES:
                texts.append(str(argument))
            elif opcode.name not in OTHER_OPCODES:
                raise BadRow(f"the private tests are a pickle with {opcode.name} in it", ONE_TEXT)
    except (ValueError, UnicodeError, IndexError) as error:
        raise BadRow(f"the private tests are no pickle ({error})", "fetch the file again") from error
    if len(texts) != 1:
        raise BadRow(f"the private tests are a pickle of {len(texts)} texts", ONE_TEXT)
    return texts[0]


TASK = Task(
    name="livecodebench",
    version="1",
    summary="contest problems: programs and methods",
    grader="code",
    template="program",
    sampling=Sampling(n=8, temperature=0.6, top_p=0.95, max_tokens=32768),
    num_problems=279,
    read_row=read_row,
)
