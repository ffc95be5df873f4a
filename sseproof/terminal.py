"""What the commands share of a terminal: a command line's errors, width and colour, a pipe whose reader goes
away, an end that is asked for.

Rule of the file: a pipe gets no control character and a fixed width, so that what is told in it is the same everywhere.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from sseproof import environment, results


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


Main = Callable[[Sequence[str], Path], int]


def plainly(command: str) -> Callable[[Main], Main]:
    """Have a command that reads result files tell a record that nothing can be made of: exit code 3, and no traceback."""

    def wrap(main: Main) -> Main:
        @functools.wraps(main)
        def told(arguments: Sequence[str], root: Path = environment.ROOT) -> int:
            try:
                return main(arguments, root)
            except UnicodeEncodeError:  # of a terminal that cannot show it; no file is to blame
                raise
            except results.BAD as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{Path(last.filename).name}, line {last.lineno}"
                what = results.visible(f"{type(error).__name__}: {error}", 500)
                blame = f"a result file holds a record that is none, or {place} has a fault"
                print(f"sseproof {command}: {blame}: {what}", file=sys.stderr)
                return 3

        return told

    return wrap


class _Recorder(Console):
    """A console in which what steers a terminal is shown as text, wherever it has come from."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=results.visible(segment.text, 4_000))


def recorder(width: int | None = None, *, colour: bool = False) -> Console:
    """Give a console to capture from, in which nothing that a server has written is markup."""
    return _Recorder(
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
