"""What one read from a socket brought: a Piece, made once and used by every stream that receives the same bytes.

All subscribers of one broadcast receive identical bytes, so what a piece of them holds is looked up by the bytes
themselves (Memo) and parsed for the first of them only. That is sound where a reader stands at a boundary, with
nothing kept from before, and stands at one again behind the piece: a reader offers its memo only then (else
NOTHING, which knows no piece), and a test holds what it gives equal to the plain path.

An event is ours when its data begins `{"n":12,"due_ns":1700000000000000000`: its number and due time are read
without parsing JSON. Anything else is foreign and stays a `wire.Event`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from sseproof.wire import Event

MEMO_BYTES = 4 * 2**20
_OURS = re.compile(r'\{"n": ?([0-9]{1,18}), ?"due_ns": ?([0-9]{1,18}|[1-8][0-9]{18})[,}]')


class Broken(Exception):
    """Say what a server sent that no client can read, or that passes a stated limit."""


class Piece:
    """Hold what one read brought. Treated as a constant: many streams share it.

    `first` is the number of its first event when its numbers run on and it holds nothing else, and `after` the number
    that comes next; otherwise `first` is -1, which no client expects. `notable` pieces are shown to the client's owner.
    """

    __slots__ = (
        "after", "count", "dues_ns", "ended", "first", "foreign", "last_id", "notable", "numbers", "size_bytes"
    )  # fmt: skip

    def __init__(
        self,
        size_bytes: int,
        ours: Iterable[tuple[int, int]] = (),
        foreign: tuple[Event, ...] = (),
        last_id: str | None = None,
        ended: bool = False,
        notable: bool = False,
    ) -> None:
        pairs = tuple(ours)
        self.size_bytes = size_bytes
        self.numbers = tuple(n for n, _ in pairs)
        self.dues_ns = tuple(due_ns for _, due_ns in pairs)
        self.foreign = foreign
        self.last_id = last_id
        self.ended = ended
        self.notable = notable or ended or bool(foreign)
        numbers = self.numbers
        runs_on = bool(numbers) and numbers == tuple(range(numbers[0], numbers[0] + len(numbers)))
        self.first = numbers[0] if runs_on and not self.notable else -1
        self.after = numbers[-1] + 1 if numbers else 0
        self.count = len(numbers) + len(foreign)

    def changed(self, size_bytes: int, ours: Iterable[tuple[int, int]]) -> Piece:
        """Give the same piece with another size and other events of ours."""
        return Piece(size_bytes, ours, self.foreign, self.last_id, self.ended, self.notable)

    @property
    def ours(self) -> list[tuple[int, int]]:
        """Give number and due time of each event of ours."""
        return list(zip(self.numbers, self.dues_ns, strict=True))


class Memo(dict[bytes, Piece]):
    """Keep pieces by the bytes they came as, up to 4 MiB of them; then begin anew."""

    def __init__(self) -> None:
        super().__init__()
        self._kept_bytes = 0

    def keep(self, raw: bytes, piece: Piece) -> None:
        self._kept_bytes += len(raw)
        if self._kept_bytes > MEMO_BYTES:
            self.clear()
            self._kept_bytes = len(raw)
        if self._kept_bytes <= MEMO_BYTES:
            self[raw] = piece


NOTHING = Memo()  # offered by a reader in mid-event: whatever comes next has to be read in full


class Payload(NamedTuple):
    """The number and the due time (Unix, in nanoseconds) an event of ours carries."""

    number: int
    due_ns: int


def payload(data: str) -> Payload | None:
    """Read number and due time from an event's data, or return None when it is not ours."""
    found = _OURS.match(data)
    return Payload(int(found[1]), int(found[2])) if found else None


def sorted_out(events: Iterable[Event]) -> tuple[list[Payload], tuple[Event, ...]]:
    """Part events into ours and foreign ones."""
    ours: list[Payload] = []
    foreign: list[Event] = []
    for event in events:
        found = payload(event.data) if event.type == "message" else None
        if found:
            ours.append(found)
        else:
            foreign.append(event)
    return ours, tuple(foreign)
