"""The measured part of a run, kept by the master or the only process: when it begins, when all is over, what came of it.

When all users are there, the window is from now + warm-up until that + measure; workers and the publisher are told
before it begins. After the drain every worker is asked for its last state, all of it becomes one tally file, and the
run ends with exit code 0 if the window was whole. Without `--measure` everything counts until the run is stopped, and
the tally is made from the last states the workers reported.

It has more lines than most because the window, its publisher and its report are one story.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import gevent.subprocess
from locust.env import Environment
from locust.runners import MasterRunner

from sseproof.histogram import merged, summary
from sseproof.merge import due_to_each, merge, write
from sseproof.process import Process
from sseproof.tally import EVERYTHING

WINDOW, ASK, TALLY = "sseproof window", "sseproof ask", "sseproof tally"  # locust's custom messages
LEAD_S = 0.5  # at least so long before a window begins is it told
LAST_WORDS_S = 10.0  # for workers' last states, and for the publisher's report
logger = logging.getLogger("sseproof")


class Window:
    """Conduct one run on the master, or on the only process there is."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.environment: Environment = process.environment
        self.window: tuple[int, int] | None = None
        self.state = "spawning"
        self.reports: dict[str, dict[str, Any]] = {}  # of workers, the latest each
        self.final: set[str] = set()
        self.offsets: dict[str, dict[str, int]] = {}
        self.workers: set[str] = set()  # who was there when the window was told
        self.publisher: Publishing | None = None
        self.written = False

    @property
    def options(self) -> Any:
        """Give the command line's options, or those of the web UI."""
        return self.environment.parsed_options

    def test_started(self) -> None:
        """Start the publisher, and the lines of progress."""
        self.__init__(self.process)  # type: ignore[misc]  # the web UI may start one run after another
        if self.options.publish_rate:
            self.publisher = Publishing(self.environment.host or "", self.options)
        if self.options.progress:
            gevent.spawn(self._show_progress)

    def spawned(self) -> None:
        """Set the window, once: all users are there."""
        if self.state != "spawning":
            return
        self.state = "measuring"
        if self.options.measure:
            self.state = "warm-up"
            gevent.spawn(self._conduct)

    def _conduct(self) -> None:
        runner = self.environment.runner
        assert runner is not None
        users = runner.target_user_count
        deadline_s = time.monotonic() + LAST_WORDS_S
        while runner.user_count != users and time.monotonic() < deadline_s:
            gevent.sleep(0.02)  # a master waits only a second for its workers' counts
        if self.publisher is not None:
            self.publisher.wait()
        from_ns = time.time_ns() + round(max(LEAD_S, self.options.warm_up) * 1e9)
        self.window = (from_ns, from_ns + round(self.options.measure * 1e9))
        self.process.open_window(self.window)
        if isinstance(runner, MasterRunner):
            self.workers = set(runner.clients)
            runner.send_message(WINDOW, {"from_ns": self.window[0], "until_ns": self.window[1]})
        if self.publisher is not None:
            self.publisher.tell(self.window)
        for state, at_ns in (("measuring", self.window[0]), ("draining", self.window[1])):
            gevent.sleep(max(0.0, (at_ns - time.time_ns()) / 1e9))
            self.state = state
        gevent.sleep(self.options.drain)
        missing = self._gather()
        tally = self.write()
        problems = [f"{len(missing)} of {len(self.workers)} workers did not report"] if missing else []
        if runner.user_count != users:
            problems.append(f"{runner.user_count} users at the end, expected {users}")
        if self.publisher is not None and tally["publisher"]["failure"]:
            problems.append(f"publisher: {tally['publisher']['failure']}")
        if not tally["streams"]:
            problems.append(f"0 of {users} clients were served for the whole window")
        for problem in problems:
            logger.error("The window is not whole: %s", problem)
        self.environment.process_exit_code = 1 if problems else 0
        self.state = "over"
        if self.options.headless:
            runner.quit()
        else:
            runner.stop()

    def _gather(self) -> set[str]:
        """Ask every worker for its last state; return who has not answered in time."""
        runner = self.environment.runner
        if isinstance(runner, MasterRunner):
            runner.send_message(ASK, {"final": True, "asked_ns": time.time_ns()})
            deadline_s = time.monotonic() + LAST_WORDS_S
            while self.workers - self.final and time.monotonic() < deadline_s:
                gevent.sleep(0.02)
        return self.workers - self.final

    def reported(self, worker: str, report: dict[str, Any]) -> None:
        """Keep a worker's latest state; what comes after its last one only repeats it."""
        if worker not in self.final:
            self.reports[worker] = report

    def answered(self, worker: str, answer: dict[str, Any], received_ns: int) -> None:
        """Keep the state a worker was asked for, and by how much its clock is ahead of ours."""
        self.reported(worker, answer)
        if answer["final"]:
            self.final.add(worker)
        asked_ns, got_ns, sent_ns = answer["asked_ns"], answer["got_ns"], answer["sent_ns"]
        error_ns = (received_ns - asked_ns - (sent_ns - got_ns)) // 2  # as NTP reckons it
        best = self.offsets.get(worker)
        if best is None or error_ns < best["clock_error_ns"]:
            offset_ns = (got_ns - asked_ns + sent_ns - received_ns) // 2
            self.offsets[worker] = {"clock_offset_ns": offset_ns, "clock_error_ns": error_ns}

    def tally(self, publisher: dict[str, Any] | None) -> dict[str, Any]:
        """Make the result of all there is by now."""
        own = self.process.report()
        states = [state for report in (own, *self.reports.values()) for state in report["states"]]
        workers = [
            {**report["generator"], **self.offsets.get(name, {})} for name, report in self.reports.items()
        ]
        found = merge(states, self.window, publisher, [own["generator"], *workers])
        return {**found, "transport": getattr(self.options, "transport", None) or found["transport"]}

    def write(self) -> dict[str, Any]:
        """End the publisher, make the tally and write it where `--tally` says, whole or not at all."""
        report = self.publisher.end(self.window) if self.publisher is not None else None
        tally = self.tally(report)
        if self.options.tally:
            write(Path(self.options.tally), tally)
        self.written = True
        return tally

    def quitting(self) -> None:
        """Say by the exit code that a window was cut short."""
        if self.options.measure and self.state != "over":
            logger.error("The window is not whole: the run was stopped while %s", self.state)
            self.environment.process_exit_code = self.environment.process_exit_code or 1

    def quit(self) -> None:
        """Leave nothing behind: no publisher, and a tally of whatever there is."""
        if not self.written:
            self.write()

    def _show_progress(self) -> None:
        while self.state != "over":
            gevent.sleep(1.0)
            print("sseproof:", json.dumps(self.progress()), flush=True)

    def progress(self) -> dict[str, Any]:
        """Give the figures of the line shown each second; workers' are up to a second old."""
        runner = self.environment.runner
        if isinstance(runner, MasterRunner):
            runner.send_message(ASK, {"final": False, "asked_ns": time.time_ns()})
        reports = [self.process.report(), *self.reports.values()]
        states = [state for report in reports for state in report["states"]]
        quantiles = summary(merged(state["histograms"]["staleness"] for state in states))
        each = due_to_each(states, None)
        return {
            "seen": sum(state["seen"] for state in states),
            "due": each * sum(state["streams"] for state in states),
            "p50_ns": quantiles["p50"],
            "p99_ns": quantiles["p99"],
            "cpu_share": max(report["generator"]["cpu_share"] for report in reports),
            "users": runner.user_count if runner is not None else 0,
            "state": self.state,
        }


class Publishing:
    """The publisher's process, which ends when its stdin does."""

    def __init__(self, host: str, options: Any) -> None:
        parts = urlsplit(host)
        command = [sys.executable, "-m", "sseproof.publisher", "--host", parts.hostname or "127.0.0.1"]
        command += ["--port", str(parts.port or 80), "--topic", options.topic]
        command += ["--rate", str(options.publish_rate), "--payload-bytes", str(options.payload_bytes)]
        self._child = gevent.subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C at the terminal is ours to handle
        )
        self.report: dict[str, Any] | None = None
        self._first = gevent.spawn(self._child.stdout.readline)  # which says when its first event was due

    def wait(self) -> None:
        """Wait until it publishes; not forever, for it may have failed."""
        self._first.join(LAST_WORDS_S)

    def tell(self, window: tuple[int, int]) -> None:
        """Say which due times to report on."""
        try:
            self._child.stdin.write(f"window {window[0]} {window[1]}\n".encode())
            self._child.stdin.flush()
        except OSError:
            logger.error("The publisher has ended early, with exit code %s", self._child.poll())

    def end(self, window: tuple[int, int] | None) -> dict[str, Any]:
        """Close its stdin and return its report, with how many events were due."""
        if self.report is None:
            try:
                self.wait()
                printed, _ = self._child.communicate(timeout=LAST_WORDS_S)
                lines = [json.loads(line) for line in ((self._first.value or b"") + printed).splitlines()]
            except (subprocess.TimeoutExpired, OSError, ValueError):
                self._child.kill()
                lines = []
            self.report = _report(lines, window or (EVERYTHING[0], time.time_ns()), self._child.poll())
        return self.report


def _report(lines: list[dict[str, Any]], window: tuple[int, int], code: int | None) -> dict[str, Any]:
    found: dict[str, Any] = dict(lines[-1]) if len(lines) == 2 else {"sent": 0, "refused": 0, "failure": None}
    if len(lines) != 2:
        found |= {"late_p50_ns": None, "late_p99_ns": None, "late_max_ns": None}
        found["failure"] = f"the publisher ended without a report, with exit code {code}"
    found["due"] = 0
    if lines:
        interval_ns, start_ns = 1e9 / lines[0]["rate_hz"], lines[0]["start_ns"]
        first, behind = (max(0, -(-(at_ns - start_ns) // interval_ns)) for at_ns in window)
        found["due"] = int(max(0, behind - first))
    found.pop("start_ns", None)
    found.pop("rate_hz", None)
    return found
