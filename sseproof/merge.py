"""Many processes' tallies as one result: sums, exact histograms, and what was due.

A state is what `Tally.state` gives, from this process or, by locust's messages, from another machine. What was due to
each client is what the publisher says was due in the window; without a publisher of ours it is the span between the
first and the last number any client saw, which is less than the truth only at its ends.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sseproof.histogram import encoded, merged, summary
from sseproof.tally import HISTOGRAMS

FORMAT = 1
SUMS = (
    "streams", "clients", "awaited", "unserved", "seen", "duplicates", "reordered", "cuts", "broken", "reconnects", "deliveries", "came",
    "requests",
    "wire_in_bytes", "wire_out_bytes", "early",
)  # fmt: skip


def merge(
    states: Sequence[dict[str, Any]],
    window: tuple[int, int] | None,
    publisher: dict[str, Any] | None = None,
    generators: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Make the one JSON object of a run; times and quantiles in nanoseconds."""
    total = {name: sum(state[name] for state in states) for name in SUMS}
    histograms = {name: merged(state["histograms"][name] for state in states) for name in HISTOGRAMS}
    failures: Counter[str] = Counter()
    for state in states:
        failures.update(state["failures"])
    each = due_to_each(states, publisher)
    owing = [state for state in states if state["streams"]]
    worst = min((state["worst_seen"] for state in owing), default=0)
    due = total["streams"] * each
    return {
        "format": FORMAT,
        "transport": "+".join(sorted({state["label"] for state in states})),
        "window": None if window is None else {"from_ns": window[0], "until_ns": window[1]},
        **total,
        "due": due,
        "lost": max(0, due - total["seen"]),
        "failures": dict(failures),
        "clock": "reader" if any(state["clock"] == "reader" for state in states) else "kernel",
        "worst_client_seen_share": worst / each if each and owing else None,
        "histograms": {name: encoded(found) for name, found in histograms.items()},
        "quantiles": {name: summary(found) for name, found in histograms.items()},
        "publisher": publisher,
        "generators": list(generators),
    }


def due_to_each(states: Sequence[dict[str, Any]], publisher: dict[str, Any] | None) -> int:
    """Give the number of events due in the window, to each client that was there all the time."""
    if publisher is not None:
        return int(publisher["due"])
    first = min((state["first_number"] for state in states), default=0)
    last = max((state["last_number"] for state in states), default=-1)
    return max(0, last - first + 1)


def write(path: Path, tally: Mapping[str, Any]) -> None:
    """Write a tally's file, whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    draft.write_text(json.dumps(tally))
    draft.rename(path)
