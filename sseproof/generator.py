"""Locust, warmed up: imported before its command line is known, so that this takes no time from the trial.

    python -m sseproof.generator FIFO

reads one JSON list of arguments from the FIFO and is then `python -m locust ARGUMENTS...`, in the same process. A
trial starts it together with the server, whose address it is told when the server has been judged. Rule of the file:
it changes nothing about locust.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import locust.main


def main(fifo: str) -> None:
    """Wait for the arguments, then be locust."""
    sys.argv = [locust.main.__file__, *json.loads(Path(fifo).read_text("ascii"))]
    runpy.run_module("locust", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
