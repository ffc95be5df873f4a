"""A window cut into steps of equal length, each counted by itself: for loads that grow while they are measured.

Of a step only the part from 0.3 to 0.8 of its length counts: before that, those who come in it are still connecting,
and behind it there is time for what is late. An event belongs to the step it was *due* in, however late it came, and
only clients that were served before the counted part began are owed its events. Throughput is another matter: events
that *came* in the counted part, per second, for a server that is behind delivers the rest later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sseproof.histogram import encoded, histogram, merged, record, summary
from sseproof.tally import EVERYTHING, NOT_YET, Tally

COUNTED = (0.3, 0.8)
_Array = np.ndarray[Any, Any]


class Step:
    """What came of one step in one process."""

    def __init__(self) -> None:
        self.staleness = histogram()
        self.dues_ns: set[int] = set()  # of the events anybody saw
        self.seen = self.came = 0


class StepTally(Tally):
    """A tally that also counts by steps; everything else is as in any tally."""

    def __init__(self, label: str, window: tuple[int, int], steps: int, rate_hz: float) -> None:
        super().__init__(label, window)
        self.rate_hz = rate_hz
        self.steps = [Step() for _ in range(steps)]
        self._held: dict[int, bool] = {}

    def awaited(self) -> _Array:
        """Let a window wait for the clients of the first step: the others come when theirs begins."""
        return np.asarray(np.arange(self.expected) % len(self.steps) == 0)

    @property
    def has_window(self) -> bool:
        """Tell whether it is known when the first step begins."""
        return self.window not in (EVERYTHING, NOT_YET)

    def begins_ns(self, step: int) -> int:
        """Give the moment a step begins, and the one before it ends."""
        return self.window[0] + (self.window[1] - self.window[0]) * step // len(self.steps)

    def counted_ns(self, step: int) -> tuple[int, int]:
        """Give the part of a step that counts."""
        begin_ns, end_ns = self.begins_ns(step), self.begins_ns(step + 1)
        first, last = (begin_ns + round((end_ns - begin_ns) * share) for share in COUNTED)
        return first, last

    def served(self, step: int) -> _Array:
        """Tell of each client whether it was served before the counted part of a step began."""
        return (self._joined_ns > 0) & (self._joined_ns <= self.counted_ns(step)[0])

    def numbered(self, who: _Array, dues_ns: _Array, stamps_ns: _Array) -> None:
        """Count them in the steps, too."""
        if not self.has_window:
            return
        for number, step in enumerate(self.steps):
            from_ns, until_ns = self.counted_ns(number)
            served = self.served(number)[who]
            step.came += int(((stamps_ns >= from_ns) & (stamps_ns < until_ns) & served).sum())
            owed = (dues_ns >= from_ns) & (dues_ns < until_ns) & served
            if owed.any():
                record(step.staleness, (stamps_ns - dues_ns)[owed])
                step.seen += int(owed.sum())
                step.dues_ns.update(np.unique(dues_ns[owed]).tolist())

    def part(self) -> list[dict[str, Any]]:
        """Give what each step brought in this process, as plain values."""
        self.flush()
        return [self._part(number) for number in range(len(self.steps))] if self.has_window else []

    def _part(self, number: int) -> dict[str, Any]:
        step, (from_ns, until_ns) = self.steps[number], self.counted_ns(number)
        seconds = (until_ns - from_ns) / 1e9
        return {
            "seconds": seconds,
            "streams": int(self.served(number).sum()),
            "seen": step.seen,
            "came": step.came,
            "each": max(len(step.dues_ns), int(self.rate_hz * seconds)),
            "staleness": encoded(step.staleness),
        }

    def held(self, number: int, bound_ns: float) -> bool:
        """Tell whether a step that is over held in this process; what is late by then counts as missing."""
        if number not in self._held:
            self.flush()
            self._held[number] = bool(joined_up([[self._part(number)]], bound_ns)[0]["held"])
        return self._held[number]


def joined_up(parts: Sequence[Sequence[dict[str, Any]]], bound_ns: float) -> list[dict[str, Any]]:
    """Make one list of steps of what the processes counted; it ends with the first step that did not hold.

    A step holds if every event due was seen, by clients there were any of, and p99 staleness is within the bound.
    """
    found: list[dict[str, Any]] = []
    for step in zip(*(part for part in parts if part), strict=True):
        staleness = summary(merged(each["staleness"] for each in step))
        users = sum(each["streams"] for each in step)
        seen, due = sum(each["seen"] for each in step), users * max(each["each"] for each in step)
        held = bool(users) and seen >= due > 0 and staleness["p99"] <= bound_ns
        throughput = sum(each["came"] for each in step) / step[0]["seconds"]
        found.append(
            {"users": users, "seen": seen, "due": due, "p50_ns": staleness["p50"], "p99_ns": staleness["p99"],
             "n": staleness["n"], "events_per_s": throughput, "held": held}
        )  # fmt: skip
        if not held:
            break
    return found
