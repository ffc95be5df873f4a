"""The publisher's process as the conductor of a run holds it: told the window, ended by closing its stdin, read once.

Rule of the file: a publisher that says nothing, or not enough, is a report with its failure, never an exception.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import gevent
import gevent.subprocess

from sseproof.tally import EVERYTHING

LAST_WORDS_S = 10.0  # for its first line, and for its report
logger = logging.getLogger("sseproof")


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
    found: dict[str, Any] = (
        dict(lines[-1]) if len(lines) == 2 else {"sent": 0, "refused": 0, "failure": None, "refusal": None}
    )
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
