"""A response as its events: the probe's bytes and times read through the oracle's decoder.

It judges nothing, it only waits, and says what came when a wait ends without what was awaited. Rule of the
file: every wait has a limit, and what goes wrong on the wire is the server's failure (AssertionError,
ProbeError, ProbeTimeout), never ours.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from sseproof import probe, wire

_EVENT_BYTES = 320  # what an event costs beside its text: two tuples, three strings, a number


class StreamFault(AssertionError):
    """A stream did not bring what a case waited for; the message gives both sides and the limit."""


class StreamTimeout(StreamFault):
    """It did not bring it in time."""


@dataclass(frozen=True)
class Reply:
    """One whole answer that is no stream: status, headers (a probe.Head), body in bytes."""

    status: int
    headers: probe.Head
    body: bytes

    @property
    def value(self) -> Any:
        """The body read as JSON; None when it is empty."""
        try:
            return json.loads(self.body) if self.body else None
        except (ValueError, RecursionError):
            raise StreamFault(f"status {self.status} came with {self.body[:80]!r}, expected JSON") from None


class EventStream:
    """One response and its socket, decoded by the oracle as far as it has been read."""

    def __init__(self, stream: probe.Stream, what: str) -> None:
        self.stream = stream
        self._what = what
        self._decoder = wire.Decoder()
        self._decoded_chunks = 0
        self._arrivals: list[tuple[float, wire.Event]] = []

    @property
    def head(self) -> probe.Head:
        """The status line and headers, waited for when they have not been read yet."""
        return self.stream.head or self.stream.read_head()

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def headers(self) -> probe.Head:
        return self.head

    @property
    def body(self) -> bytes:
        return self.stream.body

    @property
    def chunks(self) -> list[probe.Chunk]:
        return self.stream.chunks

    @property
    def ended(self) -> str | None:
        """How the response ended ("complete", "closed", "cut", "reset"), None while it goes on."""
        return self.stream.ended

    @property
    def arrivals(self) -> list[tuple[float, wire.Event]]:
        """The events read so far, each with its arrival in seconds since the request."""
        chunks = self.stream.chunks
        for chunk in chunks[self._decoded_chunks :]:
            try:
                events = self._decoder.feed(chunk.data)
                self._decoded_chunks += 1
                self.stream.charge(len(chunk.data) + _EVENT_BYTES * len(events))
            except wire.LineTooLong as error:
                raise StreamFault(f"{self._what}: {error}") from None
            except probe.ProbeError:
                self.let_go()
                raise
            self._arrivals += [(chunk.seconds, event) for event in events]
        return self._arrivals

    def let_go(self) -> None:
        """Keep no more than what a transcript shows."""
        self.stream.let_go()
        self._arrivals, self._decoder = [], wire.Decoder()
        self._decoded_chunks = len(self.stream.chunks)

    @property
    def events(self) -> list[wire.Event]:
        """The events read so far."""
        return [event for _, event in self.arrivals]

    def read_events(self, n: int, within_s: float = 5.0) -> list[wire.Event]:
        """Wait until n events have arrived and return the first n; StreamFault when they do not."""
        start = time.monotonic()
        while len(self.arrivals) < n:
            left_s = start + within_s - time.monotonic()
            if not self._more(left_s):
                came = f"{self._what}: received {len(self._arrivals)} events after {time.monotonic() - start:.1f} s"
                end = f", then the stream ended ({self.ended})" if self.ended else ""
                fault = StreamFault if self.ended else StreamTimeout
                raise fault(f"{came}{end}, expected {n} within {within_s:g} s")
        return self.events[:n]

    def read_for(self, seconds: float) -> list[wire.Event]:
        """Read whatever comes for so many seconds and return all events so far."""
        end = time.monotonic() + seconds
        while self._more(end - time.monotonic()):
            pass
        return self.events

    def read_to_end(self, within_s: float = 5.0) -> list[wire.Event]:
        """Read until the response ends, in whichever way, and return all its events."""
        self.stream.read_to_end(within_s)  # the head too, if it has not been read
        return self.events

    def _more(self, within_s: float) -> bool:
        """Read one more chunk; False when the time is over or the response has ended."""
        if within_s <= 0 or self.stream.ended:
            return False
        try:
            if self.stream.head is None:
                self.stream.read_head(within_s)
                return True
            return self.stream.read_some(within_s)
        except probe.ProbeTimeout:
            return False

    def close(self) -> None:
        self.stream.close()

    def reset(self) -> None:
        self.stream.reset()

    def half_close(self) -> None:
        self.stream.half_close()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
