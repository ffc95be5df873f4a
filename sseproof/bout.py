"""One bout: a source on one core, one client on another, and what the client took for what it saw.

Strategy: the client is a process of its own, ours a real `locust` command on loadtest/broadcast.py; it measures itself
over a window and says so in JSON. Rule of the file: whatever goes wrong is a BoutError with both sides' last words, and
nothing of a bout outlives it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sseproof.environment import ROOT
from sseproof.leashed import Leashed
from sseproof.load import locust_environ

OURS = "ours"
LIMIT_S = 60.0  # for starting and connecting, beyond warm-up and window
DRAIN_S = 0.5
LATE_NS = 10_000_000
"""A source that is late by more at p99 was not given its core: what it sent came in heaps, and heaps are cheap."""


class BoutError(Exception):
    """A bout that gave no result; the message says which side failed and what it printed last."""


@dataclass(frozen=True)
class Bout:
    """What is put to a client. `rate_hz` is each stream's; `mode` is the source's (sseproof.source)."""

    client: str
    mode: str = "paced"
    streams: int = 300
    rate_hz: float = 100.0
    warm_up_s: float = 1.0
    measure_s: float = 3.0
    processes: int = 1
    seed: int = 0

    def due(self, window_s: float) -> int | None:
        """Give how many deliveries are due in a window; None where there is no pace."""
        return None if self.mode in ("flood", "quiet") else round(self.streams * self.rate_hz * window_s)


def cores() -> tuple[list[int], list[int]]:
    """Give the source's core and the client's; nothing is pinned where there is only one."""
    own = sorted(os.sched_getaffinity(0))
    return ([own[0]], [own[1]]) if len(own) > 1 else ([], [])


def run(bout: Bout, record: Path | None = None) -> dict[str, Any]:
    """Run a bout and give what came of it. Raises BoutError.

    `record` is where the source leaves what it knows, in a folder made for it alone: killed, we leave none behind.
    """
    source_cores, client_cores = cores()
    environ = locust_environ()
    with tempfile.TemporaryDirectory(prefix="sseproof-") as folder:
        tally = Path(folder) / "tally.json"
        kept = record.parent if record else None
        with Leashed(
            "source", _source(bout, record), environ=environ, cores=source_cores, folder=kept
        ) as source:
            command = _client(bout, _port(source), tally)
            with Leashed(
                bout.client, command, environ=environ, cores=client_cores, folder=Path(folder)
            ) as client:
                limit_s = LIMIT_S + bout.warm_up_s + bout.measure_s
                if not client.wait(limit_s):
                    raise BoutError(
                        f"{bout.client} has not ended after {limit_s:g} s: {client.last_words(5)}"
                    )
                if client.code:
                    raise BoutError(
                        f"{bout.client} ended with exit code {client.code}: {client.last_words(8)}"
                    )
                printed = client.printed()
            if not source.wait(10.0):
                raise BoutError(f"the source has not ended 10 s after its clients: {source.last_words(5)}")
            if source.code:
                raise BoutError(f"the source ended with exit code {source.code}: {source.last_words(5)}")
            sent = _last_json(source)
        found = (
            _ours(json.loads(tally.read_text()))
            if bout.client == OURS
            else json.loads(printed.splitlines()[-1])
        )
    return {**vars(bout), **found, **_derived(bout, found, sent), "source": sent}


def _derived(bout: Bout, found: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    events, connected_s = found["events"], sent["accepted_in_s"]
    # A rival that is late with everything is late with the end of its window, too.
    due = bout.due(bout.measure_s if bout.client == OURS else found["wall_s"])
    return {
        "due": due,
        "cpu_us_per_event": found["cpu_s"] / events * 1e6 if events else None,
        "seen_share": events / due if due else None,
        "connects_per_s": bout.streams / connected_s if connected_s else None,
        "source_late": sent["late_p99_ns"] > LATE_NS,
    }


def _source(bout: Bout, record: Path | None) -> list[str]:
    seconds = bout.warm_up_s + bout.measure_s + 30.0  # it ends when its clients do
    given: dict[str, object] = {
        "--streams": bout.streams, "--rate": bout.rate_hz, "--mode": bout.mode, "--seconds": seconds,
        "--stall-at": bout.warm_up_s + bout.measure_s / 2 - 0.5, "--seed": bout.seed,
    }  # fmt: skip
    if record is not None:
        given["--record"] = record
    return [
        sys.executable,
        "-m",
        "sseproof.source",
        *(word for pair in given.items() for word in map(str, pair)),
    ]


def _client(bout: Bout, port: int, tally: Path) -> Sequence[str]:
    window = ["--warm-up", str(bout.warm_up_s), "--measure", str(bout.measure_s)]
    if bout.client != OURS:
        which = [bout.client, "--port", str(port), "--streams", str(bout.streams)]
        return [sys.executable, "-m", "sseproof.rivals", *which, *window]
    many = ["--processes", str(bout.processes)] if bout.processes > 1 else []
    return [
        sys.executable, "-m", "locust", "-f", str(ROOT / "loadtest" / "broadcast.py"), "--headless", "--only-summary",
        "--host", f"http://127.0.0.1:{port}", "--users", str(bout.streams), "--spawn-rate", str(bout.streams),
        "--transport", "sse", "--drain", str(DRAIN_S), "--tally", str(tally),
        "--join-limit", str(LIMIT_S / 2), *window, *many,
    ]  # fmt: skip


def _ours(tally: dict[str, Any]) -> dict[str, Any]:
    """Give a tally's figures as a rival reports its own; a master without streams is not a generator."""
    quantiles, generators = tally["quantiles"], [each for each in tally["generators"] if each["streams"]]
    return {
        "events": tally["deliveries"],
        "wall_s": max((each["wall_s"] for each in generators), default=0.0),
        "cpu_s": sum(each["cpu_s"] for each in generators),
        "rss_bytes": sum(each["rss_bytes"] for each in generators),
        "held": tally["streams"],
        "window": tally["window"],
        "clock": tally["clock"],
        "failures": tally["failures"],
        "kernel": quantiles["staleness"],
        "reader": quantiles["reader_staleness"],
        "lag": quantiles["lag"],
    }


def _port(source: Leashed) -> int:
    deadline_s = time.monotonic() + 20.0
    while time.monotonic() < deadline_s and source.alive:
        if "\n" in (printed := source.printed_so_far()):
            return int(json.loads(printed.splitlines()[0])["port"])
        time.sleep(0.01)
    raise BoutError(f"the source has not said its port: {source.last_words(5) or 'it has said nothing'}")


def _last_json(process: Leashed) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(process.printed().splitlines()[-1])
    return found
