"""The measured part of a run, kept by the master or the only process: when it begins, when all is over, what came of it.

When all users are there and each has its stream or its first answer, the window is from now + warm-up until that +
measure; workers and the publisher are told before it begins. Who has not joined when `--join-limit` is over is not
waited for any longer, and the tally counts it as unserved. After the drain every worker is asked for its last state,
all of it becomes one tally file, and the run ends with exit code 0 if the window was whole and everybody was there.
Without `--measure` everything counts until the run is stopped, and the tally is made from the last states the workers
reported.

It has more lines than most because the window and its report are one story.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from sseproof.histogram import merged, summary
from sseproof.merge import due_to_each, merge, write
from sseproof.process import Process
from sseproof.publishing import Publishing

WINDOW, JOIN = "sseproof window", "sseproof join"  # locust's custom messages
ASK, TALLY = "sseproof ask", "sseproof tally"
JOIN_EVERY_S = 0.1
LEAD_S = 0.5  # at least so long before a window begins is it told
LAST_WORDS_S = 10.0  # for workers' last states
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
        self.unserved: dict[str, int] = {}  # of workers, how many of its clients have not joined yet
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
        """Begin to set the window, once: all users are there, if not yet served."""
        if self.state != "spawning":
            return
        self.state = "measuring"
        if self.options.measure:
            self.state = "joining"
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
        self._join()
        self.state = "warm-up"
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
        problems = [f"{len(missing)} of {len(self.workers)} workers did not report"] if missing else []
        if runner.user_count != users:
            problems.append(f"{runner.user_count} users at the end, expected {users}")
        tally = self.write(problems)
        absent = self._absent(tally)
        for problem in [*tally["problems"], *absent]:
            logger.error("The window is not whole: %s", problem)
        self.environment.process_exit_code = 1 if tally["problems"] or absent else 0
        self.state = "over"
        if self.options.headless:
            runner.quit()
        else:
            runner.stop()

    def _join(self) -> None:
        """Wait until every client has its stream or first answer; at the limit say how many have not, and go on."""
        runner = self.environment.runner
        deadline_s = time.monotonic() + self.options.join_limit
        while True:
            left = self.process.unserved()
            if isinstance(runner, MasterRunner):
                left = sum(self.unserved.get(worker, 1) for worker in list(runner.clients))
                runner.send_message(JOIN, None)
            if not left:
                return
            if time.monotonic() >= deadline_s:
                break
            gevent.sleep(JOIN_EVERY_S)
        told = "%d clients are not served after %g s (--join-limit): the window begins without them"
        logger.warning(told, left, self.options.join_limit)

    def _absent(self, tally: dict[str, Any]) -> list[str]:
        """Say how many clients were not there in time: no fault of the window, so figures of the others stand."""
        awaited, unserved = tally["awaited"], tally["unserved"]
        if not unserved or not tally["streams"]:
            return []
        limit = f"the others came later than {self.options.join_limit:g} s (--join-limit) and the warm-up, or never"
        return [f"{awaited - unserved:,} of {awaited:,} streams were served for the whole window; {limit}"]

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

    def write(self, problems: Sequence[str] = ()) -> dict[str, Any]:
        """End the publisher, make the tally and write it where `--tally` says, whole or not at all.

        "problems" in it are why its window is none: these and what shows by now.
        """
        report = self.publisher.end(self.window) if self.publisher is not None else None
        tally = self.tally(report)
        tally["problems"] = [*problems]
        if report is not None and report["failure"]:
            tally["problems"].append(f"publisher: {report['failure']}")
        if self.window is not None and not tally["streams"]:
            tally["problems"].append(f"0 of {tally['clients']} clients were served for the whole window")
        if self.options.tally:
            write(Path(self.options.tally), tally)
        self.written = True
        return tally

    def quitting(self) -> None:
        """Say by the exit code that a window was cut short, or that a run without one heard nothing at all."""
        if self.options.measure and self.state != "over":
            logger.error("The window is not whole: the run was stopped while %s", self.state)
            self.environment.process_exit_code = self.environment.process_exit_code or 1
        # A server that never answers is no failure yet where the run is shorter than the limit for a head. A master
        # is not asked: what its workers have told last may be older than their first answer.
        if not self.options.measure and not isinstance(self.environment.runner, MasterRunner):
            tally = self.tally(None)
            if tally["clients"] and not tally["quantiles"]["headers"]["n"]:
                logger.error("0 of %d clients were answered", tally["clients"])
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
