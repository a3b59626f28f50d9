"""The other end of ``benchmarks.peers.environment.Worker``: a line in, a turn, its speed out."""

import contextlib
import json
import sys
from collections.abc import Callable


def serve(measure: Callable[[], float]) -> None:
    """Takes a turn for every line that comes; what else would be printed goes to the errors."""
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for _ in sys.stdin:
            print(json.dumps(measure()), file=answers, flush=True)
