"""A sentence of the report's first section, and how all that is told writes counts, shares, numbers and names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sseproof.said import said


@dataclass(frozen=True)
class Sentence:
    """One sentence, the section of the page that shows it, and a command where one gets what is missing."""

    text: str
    section: str
    command: str = ""
    warning: bool = False


def count(n: int, what: str) -> str:
    """Write a number of things: "1 case", "2,000 cases"."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def names(servers: Sequence[str]) -> str:
    """List names as a sentence does: "a, b and c"."""
    told = [said(server, 60) for server in servers]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def share(seen: int, due: int) -> str:
    """Write what was seen of what was due, so that one lost event in a million is not rounded away."""
    if not due:
        return "-"
    return "100%" if seen == due else f"{min(99.99, 100 * seen / due):.2f}%"


def number(value: float) -> str:
    """Write a number with three figures; thousands as k."""
    if not math.isfinite(size := abs(value)):
        return str(value)
    if size >= 9999.5:
        return f"{number(value / 1000)}k"
    return f"{value:.2f}" if size < 9.995 else f"{value:.1f}" if size < 99.95 else f"{value:,.0f}"
