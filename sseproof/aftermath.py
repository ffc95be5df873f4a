"""What a trial's tally and samples mean: figures that can be held against each other, and marks.

A mark says why a trial ranks nobody: "generator-bound" (the generator was the number), "lossy" (what was lost is in no
quantile), "unhealthy" (the server is not what it was before). Rule of the file: a mark gives the number and its limit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sseproof import launch, probe
from sseproof.client import Client
from sseproof.load import TOPIC

HEALTH_S = 5.0  # for a server to see that everybody has left
BOUND_CORE = 0.70
BOUND_LAG_NS = 10_000_000


def derived(
    tally: Mapping[str, Any], usage: Mapping[str, Any], door: Mapping[str, Any] | None = None
) -> dict[str, float | None]:
    """Give the costs per event that came and per open stream; None where there was none to share them.

    `door` is what a proxy or a broker took, which is never in the server's.
    """
    # What came by the clock, as CPU, bytes and requests do: a server that is behind has had no work yet with the rest.
    events = tally["came"]
    # Where clients come and go, memory is spread over more streams than those that stayed: then it is not told.
    held = tally["streams"] if tally["streams"] == tally["clients"] else 0

    def per(number: float | None, of: float) -> float | None:
        return None if number is None or not of else number / of

    return {
        "seen_share": per(tally["seen"], tally["due"]),
        "server_cpu_s_per_1000": per(usage.get("cpu_s"), events / 1000),
        "wire_in_bytes_per_event": per(tally["wire_in_bytes"], events),
        "wire_out_bytes_per_event": per(tally["wire_out_bytes"], events),
        "requests_per_event": per(tally["requests"], events),
        "door_cpu_s_per_1000": per((door or {}).get("cpu_s"), events / 1000),
        "door_kib_per_stream": per((door or {}).get("grown_bytes"), held * 1024),
        "kib_per_stream": per(usage.get("grown_bytes"), held * 1024),
        "tcp_kib_per_stream": per(usage.get("tcp_grown_bytes"), held * 1024),
    }


def marks(tally: Mapping[str, Any], allows: Sequence[str] = ()) -> list[str]:
    """Say why a trial gives no ranking: the generator was the number, or events were lost.

    `allows` is the scenario's: "loss" and "absence" are no fault where they are the point. A late publisher is no
    mark: it waits for the server's answers, and events are due whether it is late or not.
    """
    found = [
        f"generator-bound: process {each['pid']} took {each['cpu_share']:.0%} of its core, "
        f"the limit is {BOUND_CORE:.0%}"
        for each in tally["generators"]
        if each["cpu_share"] > BOUND_CORE
    ]
    lag_ns = tally["quantiles"].get("lag", {}).get("p99", 0) if tally["clock"] == "kernel" else 0
    if lag_ns > BOUND_LAG_NS:
        limit = f"the limit is {BOUND_LAG_NS / 1e6:.0f} ms"
        found.append(f"generator-bound: the generator lagged by {lag_ns / 1e6:.1f} ms at p99, {limit}")
    if tally["seen"] < tally["due"] and "loss" not in allows:
        missing = tally["due"] - tally["seen"]
        found.append(f"lossy: {missing:,} of {tally['due']:,} events due were not seen")
    # A scenario may let its clients come and go, but its window is to begin with all it has waited for.
    absent = tally["unserved"] if "absence" in allows else tally["clients"] - tally["streams"]
    if absent:
        found.append(f"lossy: {absent} of {tally['clients']} clients were not served for the whole window")
    publisher = tally.get("publisher") or {}
    if publisher.get("refused"):
        why = f" ({publisher['refusal']})" if publisher.get("refusal") else ""
        found.append(f"lossy: the server refused {publisher['refused']} events of the publisher{why}")
    if (
        tally["broken"] and not tally["due"] and "loss" not in allows
    ):  # no number tells what was lost with them
        found.append(f"lossy: {tally['broken']:,} streams were cut, broken or refused within the window")
    if publisher and not tally["due"]:
        found.append("lossy: events were published, and none was due to anybody")
    return found


def opened(server: launch.Server) -> int:
    """Count the streams that a server holds open."""
    with Client(server) as client:
        return int(client.json("GET", "/json/open").value["open"])


def unhealthy(server: launch.Server, before: int, within_s: float = HEALTH_S) -> list[str]:
    """Say what is wrong with a server after its trial, and stop it. `before` streams were open when it began.

    Everybody has left by now. Some servers see that only when a write fails, so something is published.
    """
    deadline_s, found = time.monotonic() + within_s, []
    target = f"/json/topic?topic={TOPIC}"
    try:
        with Client(server) as client:
            while True:
                there = client.json("GET", f"/json/open?topic={TOPIC}").value
                left = max(there["open"] - before, there["subscribers"])
                if left <= 0 or time.monotonic() > deadline_s:
                    break
                client.json("POST", target, {"data": "is anybody still there?"})
                time.sleep(0.02)
            about = client.json("GET", "/json/about").value
        if about["pid"] != server.about["pid"]:
            found.append(f"unhealthy: process {about['pid']} answers, it was {server.about['pid']}")
        if left > 0:
            found.append(f"unhealthy: {left} streams still open {within_s:g} s after everybody had left")
    except (probe.ProbeError, probe.ProbeTimeout, AssertionError, LookupError, TypeError) as error:
        found.append(f"unhealthy: after its trial it does not answer as before: {str(error)[:200]}")
    if code := server.stop():
        found.append(f"unhealthy: SIGTERM ended it with exit code {code}, expected 0")
    return found
