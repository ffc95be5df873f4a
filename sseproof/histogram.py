"""Latencies in nanoseconds as HdrHistograms, recorded by the thousand.

`HdrHistogram.record_value` is Python, some 3 microseconds a value; here a whole batch is counted by numpy into the
very array the histogram keeps, so that everything else (add, encode, decode, quantiles of others) is the library's.
The rule of this file: the counts are those `record_value` gives, which a test holds it to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram

LOWEST_NS, HIGHEST_NS, FIGURES = 1_000, 600_000_000_000, 3
QUANTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}


def histogram() -> Any:
    """Make an empty histogram from 1 microsecond to 10 minutes, three significant figures."""
    return HdrHistogram(LOWEST_NS, HIGHEST_NS, FIGURES)


def record(into: Any, values_ns: Sequence[int] | np.ndarray[Any, Any]) -> int:
    """Count nanoseconds; return how many were below 0, which no clock explains.

    What is below 1 microsecond counts as 1 microsecond, what is over 10 minutes as 10 minutes.
    """
    given = np.asarray(values_ns, dtype=np.int64)
    if not given.size:
        return 0
    values = np.clip(given, LOWEST_NS, HIGHEST_NS)
    _, bits = np.frexp((values | into.sub_bucket_mask).astype(np.float64))  # as int.bit_length
    bucket = bits.astype(np.int64) - into.unit_magnitude - (into.sub_bucket_half_count_magnitude + 1)
    within = values >> (bucket + into.unit_magnitude)
    index = ((bucket + 1) << into.sub_bucket_half_count_magnitude) + within - into.sub_bucket_half_count
    lowest = int(index.min())
    found = np.bincount(index - lowest).astype(np.uint64)
    _counts(into)[lowest : lowest + len(found)] += found
    into.total_count += int(values.size)
    into.min_value = min(into.min_value, int(values.min()))
    into.max_value = max(into.max_value, int(values.max()))
    return int((given < 0).sum())


def summary(of: Any) -> dict[str, float]:
    """Give n, the quantiles, the maximum and the mean, in nanoseconds; all 0 where nothing was recorded."""
    if not of.total_count:
        return {"n": 0, **dict.fromkeys(QUANTILES, 0), "max": 0, "mean": 0.0}
    counts = _counts(of)
    reached = np.cumsum(counts)
    found = {"n": int(of.total_count)}
    for name, percent in QUANTILES.items():
        index = int(np.searchsorted(reached, of.get_target_count_at_percentile(percent)))
        found[name] = int(of.get_highest_equivalent_value(of.get_value_from_index(index)))
    used = np.flatnonzero(counts)
    middles = [of._hdr_median_equiv_value(of.get_value_from_index(int(index))) for index in used]
    mean = float(
        np.dot(np.array(middles, dtype=np.float64), counts[used].astype(np.float64)) / of.total_count
    )
    return {**found, "max": int(of.get_max_value()), "mean": mean}


def encoded(of: Any) -> str:
    """Give the histogram as text (base64 of the library's own compressed form)."""
    return str(of.encode().decode("ascii"))


def merged(texts: Iterable[str]) -> Any:
    """Add encoded histograms, exactly: the counts are those of all samples in one."""
    total = histogram()
    for text in texts:
        total.decode_and_add(text)
    return total


def _counts(of: Any) -> np.ndarray[Any, Any]:
    return np.ctypeslib.as_array(of.counts)
