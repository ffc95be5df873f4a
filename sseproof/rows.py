"""Locust's own statistics, filled in batches.

`StatsEntry.log` is called once per request and costs some microseconds; here the sums it would have come to are added
at once, so the web UI, the CSV files and the reports of workers to their master see ordinary rows. The rule of this
file: a batch leaves a row as `log`, called for each value, would have left it, which a test holds it to.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from locust import stats as locust_stats
from locust.stats import RequestStats, StatsEntry, StatsError

from sseproof.tally import Tally

_LOCUSTS_OWN = locust_stats.bucket_response_time
METHODS = {"sse": "SSE", "poll": "POLL", "long-poll": "LONGPOLL", "websocket": "WS"}


def publish(tally: Tally, stats: RequestStats, kind: str = "") -> None:
    """Move what is new in a tally to locust's rows: times in milliseconds, failures with their messages."""
    tally.flush()
    tally.settle()
    fresh, tally.fresh = tally.fresh, {}
    failures, tally.fresh_failures = tally.fresh_failures.copy(), type(tally.fresh_failures)()
    size_bytes, tally.fresh_bytes = tally.fresh_bytes, 0
    method = kind or METHODS.get(tally.label, tally.label.upper())
    main = next((row for row in ("event staleness", "event gap") if row in fresh), None)
    for row, batches in fresh.items():
        values = np.concatenate(batches)
        add(stats, method, row, values, size_bytes if row == main else 0)
    for message, count in failures.items():
        fail(stats, method, message, count)


def add(
    stats: RequestStats, method: str, name: str, values_ms: np.ndarray[Any, Any], size_bytes: int
) -> None:
    """Log a batch of response times in milliseconds."""
    for entry in (stats.total, stats.entries[(name, method)]):
        _add(entry, values_ms, size_bytes)


def _add(entry: StatsEntry, values_ms: np.ndarray[Any, Any], size_bytes: int) -> None:
    now = time.time()
    second = int(now)
    if (
        entry.use_response_times_cache
        and entry.last_request_timestamp
        and second > int(entry.last_request_timestamp)
    ):
        entry._cache_response_times(second - 1)
    count = len(values_ms)
    entry.num_requests += count
    entry.num_reqs_per_sec[second] += count
    entry.last_request_timestamp = now
    entry.total_response_time += float(values_ms.sum())  # type: ignore[assignment]  # locust's times are floats
    low, high = float(values_ms.min()), float(values_ms.max())
    entry.min_response_time = low if entry.min_response_time is None else min(entry.min_response_time, low)  # type: ignore[assignment]
    entry.max_response_time = max(entry.max_response_time, high)  # type: ignore[assignment]
    entry.total_content_length += size_bytes
    for value, times in zip(*np.unique(_coarse(values_ms), return_counts=True), strict=True):
        entry.response_times[locust_stats.bucket_response_time(float(value))] += int(times)


def _coarse(values_ms: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round as locust does, so that few values are left to bucket; not at all where its rule was replaced."""
    if locust_stats.bucket_response_time is not _LOCUSTS_OWN:
        return values_ms
    tens = np.power(10.0, np.digitize(values_ms, [100, 1000, 10_000]))
    return np.asarray(np.rint(values_ms / tens) * tens)


def fail(stats: RequestStats, method: str, message: str, count: int) -> None:
    """Log a failure so many times; the part before the colon names the row."""
    name = message.partition(":")[0] if ":" in message else "failure"
    second = int(time.time())
    for entry in (stats.total, stats.entries[(name, method)]):
        entry.num_failures += count
        entry.num_fail_per_sec[second] += count
    key = StatsError.create_key(method, name, message)
    if key not in stats.errors:
        stats.errors[key] = StatsError(method, name, message)
    error = stats.errors[key]
    for _ in range(min(count, 2)):  # first seen, last seen
        error.occurred()
    error.occurrences += count - min(count, 2)
