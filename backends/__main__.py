"""`python -m r1bench.backends JOB.json PARENT`: the process that trains, started by `r1bench train`."""

import sys
from pathlib import Path

from r1bench.backends.contract import main

sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
