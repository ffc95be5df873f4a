"""What a run says while it goes: a line per finished trial, one that changes while a trial runs, the time left.

Rule of the file: a pipe gets plain lines and no control character, of a long trial one a minute; only a terminal gets the line
that changes, and colours only where NO_COLOR is not set.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sseproof import results
from sseproof.plan import Trial

FIXED_S = 3.0  # what a trial takes besides its load, until the first has told
PIPE_EVERY_S = 60.0  # so that who reads a job's log sees a trial of ten minutes go on


class Progress:
    """Tell a run's trials; `done` are those that an earlier part of the run has finished."""

    def __init__(self, trials: Sequence[Trial], done: Mapping[int, str]) -> None:
        self._left = {trial.number: trial.load.seconds for trial in trials if trial.number not in done}
        self._all = len(trials)
        self._terminal = sys.stdout.isatty()
        self._colour = self._terminal and not os.environ.get("NO_COLOR")
        self._fixed_s: list[float] = []
        self._title = ""
        self._running = 0  # the trial's number
        self._begun_s = self._told_s = 0.0
        self._several = len({trial.scenario for trial in trials}) > 1
        self._wide = max((len(self._name(trial)) for trial in trials), default=0)

    def say(self, text: str, colour: str = "") -> None:
        """Print a line."""
        start = "\r\x1b[K" if self._terminal else ""
        painted = f"\x1b[{colour}m{text}\x1b[0m" if colour and self._colour else text
        print(start + painted, flush=True)

    def begin(self, trial: Trial) -> None:
        """Say which trial runs now, where a line can change."""
        self._running, self._begun_s = trial.number, time.monotonic()
        self._told_s = self._begun_s
        self._title = self._titled(trial)
        self.live({"state": "starting"})

    def _name(self, trial: Trial) -> str:
        return f"{trial.scenario} " * self._several + f"{trial.way.name} {trial.server}"

    def _titled(self, trial: Trial) -> str:
        name = self._name(trial)
        return f"[{trial.number:>{len(str(self._all))}}/{self._all}] {name:<{self._wide}}"

    def live(self, figures: Mapping[str, Any]) -> None:
        """Show locust's line of progress; in a pipe, now and then."""
        now_s = time.monotonic()
        if not self._terminal and now_s < self._told_s + PIPE_EVERY_S:
            return
        self._told_s = now_s
        told = f"{self._title} {figures.get('state', '')}"
        if figures.get("seen"):
            told += f" p50 {ms(figures['p50_ns'])} p99 {ms(figures['p99_ns'])} seen {figures['seen']:,}"
            told += f", generator {figures['cpu_share']:.0%}"
        told += f", {self._time_left()}"
        if self._terminal:
            print(f"\r\x1b[K{told[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
        else:
            self.say(told)

    def finish(self, trial: Trial, record: Mapping[str, Any]) -> None:
        """Tell a finished trial in a line."""
        self._left.pop(trial.number, None)
        if record["state"] == "ok":
            self._fixed_s.append(record["seconds"] - trial.load.seconds)
        self.say(f"{self._titled(trial)} {_told(record)}, {self._time_left()}", _colour(record))

    def _time_left(self) -> str:
        fixed_s = sorted(self._fixed_s)[len(self._fixed_s) // 2] if self._fixed_s else FIXED_S
        left_s = sum(self._left.values()) + fixed_s * len(self._left)
        if self._running in self._left:
            left_s -= min(time.monotonic() - self._begun_s, self._left[self._running] + fixed_s)
        minutes, seconds = divmod(round(left_s), 60)
        return f"{minutes}:{seconds:02} left"


def ms(ns: float) -> str:
    """Write nanoseconds as milliseconds with three figures."""
    value = ns / 1e6
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def _colour(record: Mapping[str, Any]) -> str:
    return {"failed": "31", "skipped": "2"}.get(record["state"], "33" if record["marks"] else "")


def _told(record: Mapping[str, Any]) -> str:
    if record["state"] != "ok":
        return f"{record['state']}: {results.visible(record['reason'], 400)}".replace("\n", " | ")
    tally, usage = record["tally"], record["usage"]
    staleness = tally["quantiles"]["staleness"]
    generator = max(each["cpu_share"] for each in tally["generators"])
    server = f"{usage['cpu_share']:.0%}" if usage.get("cpu_share") is not None else "?"
    told = f"p50 {ms(staleness['p50'])} p99 {ms(staleness['p99'])} seen {tally['seen']:,}/{tally['due']:,}"
    told = f"{told if staleness['n'] else 'nothing was due'} cpu {server} + {generator:.0%}"
    kinds = dict.fromkeys(mark.partition(":")[0] for mark in record["marks"])
    return told + "".join(f" ({kind})" for kind in kinds)
