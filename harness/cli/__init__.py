"""The command line: parse, one call, print. Results go to stdout, progress and errors to stderr.

Exit codes: 0 done; 1 the gate says FAIL, or `tasks check` found something; 2 wrong usage or input; 3 the gate says INSUFFICIENT EVIDENCE;
4 a fault of r1bench itself (with a traceback); 130 interrupted.
"""

import click

from r1bench.harness import __version__
from r1bench.harness.cli import backends, board, compare, doctor, evaluate, gate, grading, metrics, report, rollouts, tasks, train
from r1bench.harness.cli.options import OneLineErrors


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="r1bench")
def main() -> None:
    """Did this training stage make the model better, by how much, and how sure are we?"""


COMMANDS: tuple[click.Command, ...] = (
    *(tasks.tasks, evaluate.evaluate_command, evaluate.import_command, train.train, rollouts.rollouts, backends.backends, doctor.doctor),
    *(grading.grade, grading.regrade, grading.audit_rewards, metrics.metrics, compare.compare, compare.power),
    *(board.leaderboard, board.import_lm_eval, gate.gate, gate.baseline, report.report),
)
for command in COMMANDS:
    main.add_command(command)
