"""What we measured against what the source knows: quantile by quantile, within 1 ms or 1 %.

The source notes the time before and after it hands each event to the kernel, so the true staleness of a delivery lies
between two known bounds, and each true quantile between the same quantiles of the bounds. Ours has to lie there too,
give or take the room. Rule of the file: exact ranks and no interpolation, for a gap in the distribution is where
interpolated quantiles differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOM_NS, ROOM_SHARE = 1_000_000, 0.01
QUANTILES = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "max": 1.0}
_Array = np.ndarray[Any, Any]


def known(record: Path, window: Mapping[str, int]) -> tuple[_Array, _Array]:
    """Read the lower and upper bounds of staleness, each in order, of deliveries due in the window; nanoseconds."""
    due_ns, before_ns, after_ns = np.fromfile(record, dtype=np.int64).reshape(-1, 3).T
    within = (due_ns >= window["from_ns"]) & (due_ns < window["until_ns"])
    return np.sort((before_ns - due_ns)[within]), np.sort((after_ns - due_ns)[within])


def compare(bounds: tuple[_Array, _Array], measured: Mapping[str, float]) -> list[dict[str, Any]]:
    """Hold measured quantiles (a tally's, in nanoseconds) against the known ones: a row each, and one of the count."""
    low, high = bounds
    rows = [_row("n", len(low), len(low), measured["n"], 0.0)]
    for name, share in QUANTILES.items():
        if len(low):
            rank = (
                max(1, int(share * len(low) + 0.5)) - 1
            )  # HdrHistogram's rule; the next rank may lie beyond a gap
            one, other = int(low[rank]), int(high[rank])
            rows.append(_row(name, one, other, measured[name], max(ROOM_NS, ROOM_SHARE * one)))
    return rows


def _row(name: str, low: int, high: int, measured: float, room: float) -> dict[str, Any]:
    off = min(0.0, measured - low) + max(0.0, measured - high)
    return {
        "what": name,
        "known": [low, high],
        "measured": measured,
        "off": off,
        "room": room,
        "agrees": abs(off) <= room,
    }


def agrees(rows: list[dict[str, Any]]) -> bool:
    """Tell whether everything agrees; nothing seen agrees with nothing."""
    return len(rows) > 1 and all(row["agrees"] for row in rows)
