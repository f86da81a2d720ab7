"""codeforces, code_contests: contest problems, solved by a program that reads standard input and prints.

Sources: open-r1/codeforces (official_tests, examples) and files with problem and test_cases; DeepMind CodeContests (Li et al., arXiv
2203.07814: public, private and generated tests) and files shaped alike, with solutions as code or in fenced blocks (TACO, SandboxFusion).
Sampling as R1's for Codeforces: 16 samples, temperature 0.6, top-p 0.95, 32,768 tokens. Outputs are compared word by word, numbers with
a tolerance of 1e-6 where the expected one has a decimal point. Published limits of time and memory are kept; they were set for C++.

Left out: R1's rating (it needs contests and their standings), problems with a checker of their own or a partner to talk to (they are not
counted as this task's), and problems with several right answers of which nothing says so: there a right program can be graded wrong.
"""

from dataclasses import replace
from typing import Any

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks.data.programming import CONTEST_HINT, cases_of, limits_of, problem_of, solutions_of, stdin_tests, text_of
from r1bench.tasks.data.rows import OtherRow
from r1bench.tasks.task import Task

OPTIONS = {"layout": "tokens", "float_tolerance": 1e-6}
TEST_COLUMNS = ("official_tests", "test_cases", "tests", "test", "public_tests", "private_tests", "generated_tests")
SECTIONS = (("input_format", "Input"), ("output_format", "Output"), ("note", "Note"))


def read_row(fields: dict[str, Any], number: int) -> Problem:
    """A row of any of the files above."""
    if fields.get("generated_checker") or fields.get("interaction_format") or fields.get("input_mode") == "file":
        raise OtherRow("judged by a checker, a partner or files")
    cases = [case for column in TEST_COLUMNS for case in cases_of(fields.get(column), column)]
    cases = cases or cases_of(fields.get("examples"), "examples")
    question = text_of(fields, "description", "problem", "question", "content").strip()
    sections = [
        f"{title}\n{fields[name].strip()}" for name, title in SECTIONS if isinstance(fields.get(name), str) and fields[name].strip()
    ]
    return problem_of(
        fields,
        id=str(next((fields[name] for name in ("id", "name", "task_id") if fields.get(name) is not None), f"contest-{number}")),
        prompt="\n\n".join([question, *sections]) + CONTEST_HINT,
        tests=stdin_tests(cases),
        solutions=solutions_of(fields.get("solutions")),
        options={**OPTIONS, **limits_of(fields)},
    )


CODEFORCES = Task(
    name="codeforces",
    version="1",
    summary="Codeforces problems without a checker of their own",
    grader="code",
    template="program",
    sampling=Sampling(n=16, temperature=0.6, top_p=0.95, max_tokens=32768),
    num_problems=408,
    read_row=read_row,
)
CODE_CONTESTS = replace(CODEFORCES, name="code_contests", summary="CodeContests: problems of several judges", num_problems=165)
