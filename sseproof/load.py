"""The generator's side of a trial: one locust command on a leash, watched until it has written its tally.

Strategy: locust is started warm (sseproof.generator) and told its command line when the server has been judged; from
then on everything about load is its business. Its progress comes as lines on stdout, its result as one JSON file.
Rule of the file: what is not a whole tally is a LoadError with the reason.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sseproof.environment import copied_environ
from sseproof.leashed import Leashed
from sseproof.plan import Trial

TOPIC = "bench"
START_S = 30.0  # for locust to be imported
QUIT_S = 15.0  # for locust to end once its tally is there
PROGRESS = "sseproof: "
TALLY_FORMAT = 1
Live = Callable[[Mapping[str, Any]], None]


class LoadError(Exception):
    """The generator gave no result; the message is the reason."""


def arguments(trial: Trial, host: str, processes: int, tally: Path) -> list[str]:
    """Give locust's command line for a trial against this host."""
    load, way = trial.load, trial.way
    given: dict[str, object] = {
        "-f": trial.file, "--host": host, "--users": load.users, "--spawn-rate": load.spawn_rate,
        "--transport": way.transport, "--topic": TOPIC, "--join-limit": load.join_s,
        "--warm-up": load.warm_up_s, "--measure": load.measure_s, "--drain": load.drain_s, "--tally": tally,
    }  # fmt: skip
    if load.publish_rate:
        given |= {"--publish-rate": load.publish_rate, "--payload-bytes": load.payload_bytes}
    if processes > 1:
        given["--processes"] = processes
    words = [word for name, value in given.items() for word in (name, str(value))]
    return [*words, "--headless", "--only-summary", "--progress", *way.options, *load.options]


def locust_environ() -> dict[str, str]:
    """Give what locust is started with: without LOCUST_USERS and its like, which would leave no trace in the results."""
    environ = {name: value for name, value in copied_environ().items() if not name.startswith("LOCUST_")}
    return environ | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


class Generator:
    """Locust, warm: `go` tells it its command line, `tally` waits for what has come of it."""

    def __init__(self, folder: Path, cores: Sequence[int], processes: int = 1) -> None:
        self.path = folder / "tally.json"
        self._fifo, self._processes = folder / "arguments", processes
        os.mkfifo(self._fifo)
        command = [sys.executable, "-m", "sseproof.generator", str(self._fifo)]
        self.process = Leashed("locust", command, environ=locust_environ(), cores=cores, folder=folder)

    def go(self, trial: Trial, host: str) -> None:
        """Hand over the command line; raises LoadError if locust has ended before."""
        told = json.dumps(arguments(trial, host, self._processes, self.path)).encode("ascii")
        deadline_s = time.monotonic() + START_S
        while not self.process.wait(0.01):
            with contextlib.suppress(OSError):  # ENXIO: it is still importing
                pipe = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
                os.write(pipe, told)
                os.close(pipe)
                return
            if time.monotonic() > deadline_s:
                raise LoadError(f"locust has not come up after {START_S:g} s: {self.process.last_words(3)}")
        raise LoadError(f"the generator ended before it began: {ended(self.process)}")

    def watch(self, limit_s: float, alive: Callable[[], None], live: Live) -> None:
        """Wait until the tally is there or locust has ended; `alive` may raise, `live` gets each line of progress."""
        deadline_s, told_bytes = time.monotonic() + limit_s, 0
        while not self.path.exists() and not self.process.wait(0.1):
            alive()
            if time.monotonic() > deadline_s:
                raise LoadError(f"locust has not ended after {limit_s:.0f} s: {self.process.last_words(3)}")
            text = self.process.printed_so_far(told_bytes)
            whole = text[: text.rfind("\n") + 1]
            told_bytes += len(whole.encode("utf-8", "replace"))
            for line in whole.splitlines():
                if line.startswith(PROGRESS):
                    with contextlib.suppress(ValueError):
                        live(json.loads(line.removeprefix(PROGRESS)))

    def tally(self) -> dict[str, Any]:
        """Wait for locust's end and read what it has left; raises LoadError for what is no whole window."""
        if not self.process.wait(QUIT_S):
            raise LoadError(f"locust wrote its tally and has not ended {QUIT_S:g} s later")
        try:
            tally: dict[str, Any] = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            raise LoadError(f"the generator left no tally: {ended(self.process)}") from None
        except ValueError as error:
            raise LoadError(f"the generator's tally is damaged: {error}") from None
        if tally.get("format") != TALLY_FORMAT:
            raise LoadError(
                f"the generator's tally has format {tally.get('format')!r}, expected {TALLY_FORMAT}"
            )
        if failure := (tally.get("publisher") or {}).get("failure"):
            raise LoadError(f"the publisher failed: {failure}")
        if tally.get("problems"):
            raise LoadError(f"the window is not whole: {'; '.join(tally['problems'])}")
        # Clients that came too late turn locust's exit code too; here they are a mark (aftermath), and figures stay.
        late = self.process.code == 1 and tally.get("unserved")
        if (self.process.code and not late) or not tally.get("window"):
            raise LoadError(f"the window is not whole: {ended(self.process)}")
        if len(tally["generators"]) < self._processes:
            raise LoadError(f"{len(tally['generators'])} of {self._processes} generator processes reported")
        return tally


def ended(process: Leashed) -> str:
    """Say how a process has ended and what it printed last."""
    code = process.code or 0
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    words = process.last_words(5).replace("\n", " | ")
    return f"{process.name}, {how}" + (f"; it printed last: {words}" if words else "")
