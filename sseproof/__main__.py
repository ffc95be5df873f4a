"""The command line: `sseproof show RUN`, `sseproof report RUN...`; `sseproof --help` lists the rest."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "bench": "measure what SSE, polling and WebSocket cost",
    "show": "tell a benchmark's run in the terminal",
    "report": "make a run's page",
    "compare": "tell what changed between two runs",
    "gate": "hold a run against its bounds; the exit code is for CI",
    "export": "write a run as JUnit XML, Markdown, CSV, Parquet and badges",
}
USAGE = (
    "usage: sseproof COMMAND ...\n\n"
    + "\n".join(f"  {name:<9}{what}" for name, what in COMMANDS.items())
    + "\n\n`sseproof COMMAND --help` has examples. `nox -s conformance` judges servers."
)


def main() -> int:
    """Do what the command line says and return its exit code."""
    match sys.argv[1:]:
        case [name, *arguments] if name in COMMANDS:
            return _run(name, arguments)
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


def _run(name: str, arguments: Sequence[str]) -> int:
    """Run a command; Ctrl-C while it still imports, and a reader that goes away, are no reason for a traceback."""
    try:
        code = int(importlib.import_module(f"sseproof.{name}").main(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"\nsseproof {name}: interrupted; no file was left half written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        from sseproof import terminal

        terminal.hush()
        return 141
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("gevent", "locust", "wsproto"):
            raise
        print(
            f"sseproof {name} needs {error.name}: pip install -e '.[bench]' in sseproof's folder",
            file=sys.stderr,
        )
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
