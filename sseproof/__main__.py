"""The command line: `sseproof show RUN`, `sseproof report RUN...`; `sseproof --help` lists the rest."""

from __future__ import annotations

import importlib
import sys

COMMANDS = {
    "show": "tell a benchmark's run in the terminal",
    "report": "make a run's page",
    "compare": "tell what changed between two runs",
    "gate": "hold a run against its bounds; the exit code is for CI",
    "export": "write a run as JUnit XML, Markdown, CSV, Parquet and badges",
}
USAGE = (
    "usage: sseproof COMMAND ...\n\n"
    + "\n".join(f"  {name:<9}{what}" for name, what in COMMANDS.items())
    + "\n\n`sseproof COMMAND --help` has examples. The runs themselves: `nox -s conformance`, `nox -s bench`."
)


def main() -> int:
    """Do what the command line says and return its exit code."""
    match sys.argv[1:]:
        case [name, *arguments] if name in COMMANDS:
            return int(importlib.import_module(f"sseproof.{name}").main(arguments))
        case ["-h" | "--help"]:
            print(USAGE)
            return 0
        case [name, *_]:
            from sseproof.ledger import near

            print(f"sseproof: there is no command {name!r}{near(name, COMMANDS)}\n\n{USAGE}", file=sys.stderr)
            return 2
        case _:
            print(USAGE, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
