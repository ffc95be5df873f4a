"""What the commands share of a terminal: a command line's errors, width and colour, a pipe whose reader goes
away, an end that is asked for.

Rule of the file: a pipe gets no control character and a fixed width, so that what is told in it is the same everywhere.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

from rich.console import Console


class UsageError(Exception):
    """Say what is wrong with a command line."""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, so that the caller decides where that is said; `examples` end its help."""

    def __init__(self, prog: str, description: str, examples: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; --help has examples")


@contextlib.contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Have SIGTERM raise KeyboardInterrupt in this process, so that it ends what it holds as at Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def recorder(width: int | None = None, *, colour: bool = False) -> Console:
    """Give a console to capture from, in which nothing that a server has written is markup."""
    return Console(
        file=io.StringIO(), width=width, force_terminal=colour, no_color=not colour, highlight=False,
        markup=False, emoji=False,
    )  # fmt: skip


def coloured() -> bool:
    """Say whether stdout takes colours and its user wants them (NO_COLOR)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def width(least: int) -> int:
    """Give the terminal's width in columns, at least this; in a pipe just this."""
    return max(least, shutil.get_terminal_size().columns) if sys.stdout.isatty() else least


def say(words: str) -> None:
    """Print, also into a pipe whose reader has had enough (`| head`): that changes no exit code."""
    try:
        sys.stdout.write(words)
        sys.stdout.flush()
    except BrokenPipeError:
        hush()


def hush() -> None:
    """Send what is left of stdout nowhere; Python would complain of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
