"""`python -m r1bench.harness.cli` is `r1bench`."""

from r1bench.harness.cli import main

main()
