"""The command line: `sseproof show RUN` tells a benchmark's run again."""

from __future__ import annotations

import sys

from sseproof import show


def main() -> int:
    """Do what the command line says and return its exit code."""
    match sys.argv[1:]:
        case ["show", *arguments]:
            return show.main(arguments)
        case ["-h" | "--help"]:
            print(show.USAGE)
            return 0
        case _:
            print(show.USAGE, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
