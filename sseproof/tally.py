"""What the clients of one process have received: sequences checked as it comes, times counted by the thousand.

While events arrive, the reactor only appends to a log; `flush`, some times a second, turns them into
histograms with numpy. An event counts if its *due* time lies in the window, so that what a server is late with still
counts; bytes, requests, cuts and gaps count by the clock, and so does `came`, what bytes and CPU are divided by. Connect, headers and first event count from the start, for
most of them happen before a window begins. An event that comes twice counts once, and as a duplicate.

`state` is all of it as plain values, and sseproof.merge makes one result of many states.

It has more lines than most because what is counted and how it is flushed cannot be read apart.
"""

from __future__ import annotations

import struct
import time
from array import array
from collections import Counter
from typing import Any

import numpy as np

from sseproof.histogram import encoded, histogram, record
from sseproof.pieces import NOTHING, Piece

EVERYTHING = (0, 2**62)
NOT_YET = (2**62, 2**62)
HISTOGRAMS = ("staleness", "reader_staleness", "lag", "connect", "headers", "first_event", "gap")
NO_STAMP = bytes(16)
REQUEST = Piece(0)  # in the log it stands for a request
_TIMESPEC = struct.Struct("qq")  # as the kernel's
_PLAIN = (
    "duplicates", "reordered", "cuts", "broken", "reconnects", "came", "requests", "early", "wire_in_bytes", "wire_out_bytes",
    "first_number", "last_number", "clock", "label",
)  # fmt: skip
MISSING_KEPT = 10_000  # numbers a client remembers as missing; of a larger gap only the count
_Array = np.ndarray[Any, Any]


class Client:
    """The place of one client in the sequence: `expected` is the number that comes next, None before the first.

    The reactor keeps here, and nowhere else, all that it touches for each event: an object more is a cache miss more.
    """

    __slots__ = ("channel", "expected", "last", "memo", "missing", "number", "receive", "tally")

    def __init__(self, tally: Tally, number: int) -> None:
        self.tally = tally
        self.number = number
        self.expected: int | None = None
        self.missing: set[int] | None = None
        self.channel: Any = None
        self.receive: Any = None  # the socket's recvmsg
        self.memo = NOTHING  # the reader's, or none while there is no reader
        self.last: Piece | None = None  # the last piece with an ID that the reader has not seen

    def check(self, piece: Piece) -> Piece:
        """Take a piece that is not simply the next; return it without what came before already."""
        new = [(n, due_ns) for n, due_ns in piece.ours if self._is_new(n, due_ns)]
        return piece if len(new) == len(piece.numbers) else piece.changed(piece.size_bytes, new)

    def _is_new(self, n: int, due_ns: int) -> bool:
        expected = n if self.expected is None else self.expected
        if n >= expected:
            if n > expected:
                self._miss(range(expected, n))
            self.expected = n + 1
            return True
        if self.missing and n in self.missing:
            self.missing.discard(n)
            self.tally.reordered += self.tally.in_window(due_ns)
            self.tally.fail(f"reorder: event {n} came after event {expected - 1}")
            return True
        self.tally.duplicates += self.tally.in_window(due_ns)
        self.tally.fail("duplicate: an event came twice")
        return False

    def _miss(self, numbers: range) -> None:
        self.missing = set() if self.missing is None else self.missing
        room = MISSING_KEPT - len(self.missing)
        self.missing.update(numbers[:room])
        self.tally.gappy[self] = self.tally.gappy.get(self, 0) + len(numbers)


class Tally:
    """Count what the clients of one kind receive in this process. `label` names the kind ("sse")."""

    def __init__(self, label: str, window: tuple[int, int] = EVERYTHING) -> None:
        self.label = label
        self.window = window
        self.clock = "kernel"
        self.who = array(
            "q"
        )  # these four belong together: client, piece, when read, the kernel's struct timespec
        self.pieces: list[Piece] = []
        self.read_ns = array("q")
        self.stamps = bytearray()
        self.connects_ns: list[int] = []
        self.heads_ns: list[int] = []
        self.histograms = {name: histogram() for name in HISTOGRAMS}
        self.failures: Counter[str] = Counter()
        self.fresh: dict[str, list[_Array]] = {}  # milliseconds not yet in locust's rows
        self.fresh_failures: Counter[str] = Counter()
        self.fresh_bytes = 0
        self.gappy: dict[Client, int] = {}  # who misses how much, since the last `settle`
        self._gappy_before: dict[Client, int] = {}
        self.early = self.duplicates = self.reordered = self.cuts = self.broken = self.reconnects = 0
        self.deliveries = self.came = self.requests = self.wire_in_bytes = self.wire_out_bytes = 0
        self.first_number, self.last_number = 2**62, -1  # of the window's events
        self.clients = 0
        self.expected = 0  # of the first so many clients a window waits for those that are `awaited`
        # Per client: window events seen, last event or request and whether it was a request, when it came, and left
        self._seen, self._last_ns, self._was_request, self._joined_ns, self._left_ns = (
            np.zeros(64, dtype=np.int64) for _ in range(5)
        )

    def in_window(self, ns: int) -> bool:
        """Tell whether a time counts."""
        return self.window[0] <= ns < self.window[1]

    def add_client(self) -> Client:
        """Make room for one more client."""
        number, self.clients = self.clients, self.clients + 1
        if number == len(self._seen):
            for name in ("_seen", "_last_ns", "_was_request", "_joined_ns", "_left_ns"):
                setattr(self, name, np.concatenate([getattr(self, name), np.zeros(number, dtype=np.int64)]))
        return Client(self, number)

    def opened(self, client: Client) -> None:
        """Take note that a stream is asked for now: the next event is its first."""
        now_ns = time.time_ns()
        self.add(client, REQUEST, now_ns, _TIMESPEC.pack(*divmod(now_ns, 1_000_000_000)))

    def joined(self, client: Client) -> None:
        """Take note that a client is served from now on: events due later are owed to it."""
        if not self._joined_ns[client.number]:
            self._joined_ns[client.number] = time.time_ns()

    def expect(self) -> None:
        """Have a window wait for the clients there are by now; who comes later is not waited for."""
        self.expected = self.expected or self.clients

    def awaited(self) -> _Array:
        """Tell of each expected client whether a window waits for it."""
        return np.ones(self.expected, dtype=bool)

    def unserved(self, by_ns: int) -> int:
        """Count who is awaited, has not left, and was not served by a moment in Unix nanoseconds."""
        joined, left = self._joined_ns[: self.expected], self._left_ns[: self.expected]
        there = ((joined > 0) & (joined <= by_ns)) | ((left > 0) & (left <= by_ns))
        return int((self.awaited() & ~there).sum())

    def left(self, client: Client) -> None:
        """Take note that a client has gone of its own accord: nothing more is owed to it."""
        self._left_ns[client.number] = time.time_ns()

    def add(self, client: Client, piece: Piece, read_ns: int, stamp: bytes) -> None:
        """Put one read into the log, to be counted by `flush`; the reactor does the same where it counts."""
        self.who.append(client.number)
        self.pieces.append(piece)
        self.read_ns.append(read_ns)
        self.stamps += stamp

    def sent(self, count_bytes: int) -> None:
        """Count bytes on their way to the server."""
        self.wire_out_bytes += count_bytes * self.in_window(time.time_ns())

    def received(self, count_bytes: int) -> None:
        """Count bytes that no piece stands for."""
        self.wire_in_bytes += count_bytes * self.in_window(time.time_ns())

    def fail(self, message: str, count: int = 1) -> None:
        """Count a failure by its plain message."""
        self.failures[message] += count
        self.fresh_failures[message] += count

    def cut(self) -> None:
        """Count a stream that ended though nobody asked for it."""
        self.cuts += self.in_window(time.time_ns())

    def broke(self) -> None:
        """Count a stream that was cut or broken, or an ask for one that was refused."""
        self.broken += self.in_window(time.time_ns())

    def reconnected(self) -> None:
        """Count a stream opened again."""
        self.reconnects += self.in_window(time.time_ns())

    def settle(self) -> None:
        """Report as lost what was missing at the last call already."""
        older, self._gappy_before, self.gappy = self._gappy_before, self.gappy, {}
        for client, count in older.items():
            lost = min(count, len(client.missing)) if client.missing else 0
            if lost:
                self.fail("loss: events are missing between two that came", lost)

    def flush(self) -> None:
        """Count what has come since the last call."""
        for name, waiting in (("connect", self.connects_ns), ("headers", self.heads_ns)):
            if waiting:
                self._note(name, np.array(waiting, dtype=np.int64))
                waiting.clear()
        if not self.who:
            return
        who, read_ns = np.array(self.who, dtype=np.int64), np.array(self.read_ns, dtype=np.int64)
        stamps_ns = self._stamps_ns(read_ns)
        # Most reads share their pieces: what a piece holds is looked at once, and spread by its place among them.
        read = self.pieces[:]
        for taken in (self.who, self.pieces, self.read_ns, self.stamps):
            del taken[:]  # in place, for the reactor holds on to them
        _, at, which = np.unique(
            np.fromiter(map(id, read), np.int64, len(read)), return_index=True, return_inverse=True
        )
        pieces = [read[place] for place in at]
        sizes = np.array([piece.size_bytes for piece in pieces], dtype=np.int64)[which]
        by_clock = self._within(stamps_ns)
        self.wire_in_bytes += int(sizes[by_clock].sum())
        self.fresh_bytes += int(sizes.sum())
        ours = np.array([len(piece.dues_ns) for piece in pieces], dtype=np.int64)
        if ours.any():
            dues_ns = np.array([due_ns for piece in pieces for due_ns in piece.dues_ns], dtype=np.int64)
            counts = ours[which]
            begins = (np.cumsum(ours) - ours)[which]  # where each read's events begin in dues_ns
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            spread = dues_ns[np.repeat(begins, counts) + within]
            self._count_ours(
                np.repeat(who, counts), spread, np.repeat(stamps_ns, counts), np.repeat(read_ns, counts)
            )
            self._count_numbers(pieces)
        events = np.array([piece.count for piece in pieces], dtype=np.int64)[which]
        record(self.histograms["lag"], (read_ns - stamps_ns)[(events > ours[which]) & by_clock])
        requests = np.array([piece is REQUEST for piece in pieces], dtype=bool)[which]
        some = (events > 0) | requests
        self._count_gaps(who[some], stamps_ns[some], events[some], ours[which][some], requests[some])

    def _stamps_ns(self, read_ns: _Array) -> _Array:
        """Give the kernel's times, and the reader's for reads the kernel told none of."""
        pairs = np.frombuffer(bytes(self.stamps), dtype=np.int64).reshape(-1, 2)
        found = pairs[:, 0] * 1_000_000_000 + pairs[:, 1]
        without = found == 0
        if without.any():
            found[without] = read_ns[without]
            # The very first reads have none, until the kernel begins; that is before any window.
            if self._within(read_ns[without]).any():
                self.clock = "reader"
        return np.asarray(found)

    def _within(self, times_ns: _Array) -> _Array:
        return (times_ns >= self.window[0]) & (times_ns < self.window[1])

    def numbered(self, who: _Array, dues_ns: _Array, stamps_ns: _Array) -> None:
        """Look at numbered events as they are counted: whose, when due, when the kernel had them. Nothing more here."""

    def _count_ours(self, who: _Array, dues_ns: _Array, stamps_ns: _Array, read_ns: _Array) -> None:
        self.numbered(who, dues_ns, stamps_ns)
        self.came += int(self._within(stamps_ns).sum())
        staleness = stamps_ns - dues_ns
        self._freshen("event staleness", staleness)
        within = self._within(dues_ns)
        if not within.any():
            return
        self.early += record(self.histograms["staleness"], staleness[within])
        record(self.histograms["reader_staleness"], (read_ns - dues_ns)[within])
        record(self.histograms["lag"], (read_ns - stamps_ns)[within])
        self.deliveries += int(within.sum())
        seen = np.bincount(who[within])
        self._seen[: len(seen)] += seen

    def _count_numbers(self, pieces: list[Piece]) -> None:
        """Remember the first and the last number due in the window."""
        for piece in pieces:
            for n, due_ns in piece.ours:
                if self.window[0] <= due_ns < self.window[1]:
                    self.first_number = min(self.first_number, n)
                    self.last_number = max(self.last_number, n)

    def _count_gaps(
        self, who: _Array, stamps_ns: _Array, events: _Array, ours: _Array, requests: _Array
    ) -> None:
        """Count the time between two events of one stream, and from its request to its first."""
        if not len(who):
            return
        order = np.argsort(who, kind="stable")
        who, stamps_ns, events, ours, requests = (
            each[order] for each in (who, stamps_ns, events, ours, requests)
        )
        starts = np.flatnonzero(np.diff(who, prepend=-1))
        before_ns, after_request = np.roll(stamps_ns, 1), np.roll(requests, 1)
        before_ns[starts] = self._last_ns[who[starts]]
        after_request[starts] = self._was_request[who[starts]] > 0
        spans = stamps_ns - before_ns
        first, follows = ~requests & after_request, ~requests & ~after_request & (before_ns > 0)
        self._note("first_event", spans[first])
        within = self._within(stamps_ns) & ~requests
        record(self.histograms["gap"], spans[follows & within])
        together = int((events - 1)[within].sum())  # read at once: no gap between them
        record(self.histograms["gap"], np.zeros(together, dtype=np.int64))
        foreign = events - ours
        came = int(foreign[within].sum())  # due when it came: nobody says otherwise
        self.deliveries += came
        self.came += came
        self._freshen("event gap", spans[follows & (foreign > 0)])
        self._freshen("event gap", np.zeros(int((events - 1)[foreign > 0].sum())))
        self._last_ns[who], self._was_request[who] = (
            stamps_ns,
            requests,
        )  # of several of one client the last stays

    def _note(self, name: str, values_ns: _Array) -> None:
        record(self.histograms[name], values_ns)
        self._freshen(name.replace("_", " "), values_ns)

    def _freshen(self, row: str, values_ns: _Array) -> None:
        if len(values_ns):
            self.fresh.setdefault(row, []).append(values_ns / 1e6)

    def state(self) -> dict[str, Any]:
        """Give all that is counted as plain values, for a message to another process."""
        self.flush()
        count = self.clients
        joined, left = self._joined_ns[:count], self._left_ns[:count]
        stayed = (joined > 0) & (joined <= self.window[0] if self.window != EVERYTHING else True)
        stayed &= (left == 0) | (left >= self.window[1])
        seen = self._seen[:count][stayed]
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "deliveries": self.deliveries + self.duplicates,
            "clients": int(count - ((left > 0) & (left < self.window[0])).sum()),
            "streams": int(stayed.sum()),
            "awaited": int(self.awaited().sum()),
            "unserved": self.unserved(self.window[0]) if self.window != EVERYTHING else 0,
            "seen": int(seen.sum()),
            "worst_seen": int(seen.min()) if len(seen) else 0,
            "failures": dict(self.failures),
            "histograms": {name: encoded(found) for name, found in self.histograms.items()},
        }
