"""What one locust process keeps: its tallies, and the greenlets that count and report them.

The reactor's callbacks fill the tallies; here they are flushed four times a second and moved to locust's rows twice a
second. A state of everything goes to the master with each of locust's own reports, so it outlives this process.
"""

from __future__ import annotations

import os
import resource
import time
from typing import Any

import gevent
import psutil
from locust.env import Environment
from locust.runners import WorkerRunner

from sseproof.pieces import Memo
from sseproof.reactor import Channel
from sseproof.rows import publish
from sseproof.tally import EVERYTHING, NOT_YET, Tally

FLUSH_S, ROWS_EVERY = 0.25, 2
SPARE_DESCRIPTORS = 100


class Process:
    """The tallies of this process by label, and the window they share."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.window: tuple[int, int] = EVERYTHING
        self.tallies: dict[str, Tally] = {}
        self.memos: dict[str, Memo] = {}
        self._usage: dict[str, tuple[float, float]] = {}
        self._loop: gevent.Greenlet | None = None

    @property
    def options(self) -> Any:
        """Give the command line's options, or those of the web UI."""
        return self.environment.parsed_options

    def start(self) -> None:
        """Begin anew, at the start of a test."""
        measured = getattr(self.options, "measure", None)
        self.window = NOT_YET if measured else EVERYTHING
        self.tallies.clear()
        self.memos.clear()
        self._usage = {"from": usage()}
        if isinstance(self.environment.runner, WorkerRunner):
            Channel.worker = max(0, self.environment.runner.worker_index)
        raise_descriptor_limit()
        if self._loop is None:
            self._loop = gevent.spawn(self._run)

    def tally(self, label: str) -> Tally:
        """Give the tally of one kind of client."""
        if label not in self.tallies:
            self.tallies[label] = Tally(label, self.window)
        return self.tallies[label]

    def memo(self, kind: str) -> Memo:
        """Give what pieces of one kind of stream are remembered by."""
        return self.memos.setdefault(kind, Memo())

    def open_window(self, window: tuple[int, int]) -> None:
        """Count from now on what lies in this window, and this process's own use of the machine during it."""
        self.window = window
        for tally in self.tallies.values():
            tally.flush()
            tally.window = window
        for name, at_ns in zip(("from", "until"), window, strict=True):
            gevent.spawn_later(max(0.0, (at_ns - time.time_ns()) / 1e9), self._note_usage, name)

    def unserved(self) -> int:
        """Count the clients that a window still waits for; the first call says which: those there are by then."""
        now_ns = time.time_ns()
        for tally in self.tallies.values():
            tally.expect()
        return sum(tally.unserved(now_ns) for tally in self.tallies.values())

    def finish(self) -> None:
        """Move what is left to locust's rows, at the end of a test."""
        for tally in self.tallies.values():
            for _ in range(2):  # the second time what was missing is settled as lost
                publish(tally, self.environment.stats)

    def _note_usage(self, name: str) -> None:
        self._usage[name] = usage()

    def _run(self) -> None:
        turn = 0
        while True:
            gevent.sleep(FLUSH_S)
            turn += 1
            for tally in list(self.tallies.values()):
                tally.flush()
                if turn % ROWS_EVERY == 0:
                    publish(tally, self.environment.stats)

    def report(self) -> dict[str, Any]:
        """Give the states of all tallies and this process's share of its core, for the master."""
        cpu_s, wall_s = (
            until - begun
            for begun, until in zip(self._usage["from"], self._usage.get("until", usage()), strict=True)
        )
        states = [tally.state() for tally in self.tallies.values()]
        generator = {
            "pid": os.getpid(),
            "cpu_s": cpu_s,
            "wall_s": wall_s,
            "cpu_share": cpu_s / wall_s if wall_s > 0 else 0.0,
            "rss_bytes": psutil.Process().memory_info().rss,
            "streams": sum(state["streams"] for state in states),
        }
        return {"states": states, "generator": generator}


def usage() -> tuple[float, float]:
    """Give this process's CPU time and the wall clock, in seconds."""
    return time.process_time(), time.monotonic()


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def lack_of_descriptors(users: int, processes: int) -> str | None:
    """Say what is missing for so many users, each with a connection, and how to get it; None when nothing is."""
    needed = -(-users // max(1, processes)) + SPARE_DESCRIPTORS
    limit = raise_descriptor_limit()
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return None
    return (
        f"{users} users in {max(1, processes)} processes need {needed} file descriptors each, the limit is {limit}; "
        f"raise it (as root: ulimit -Hn {needed} && ulimit -n {needed}) or use more --processes"
    )
