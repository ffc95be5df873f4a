"""A sentence of the report's first section, and the few words that all of them need."""

from __future__ import annotations

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
