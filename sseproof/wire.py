"""The event-stream format without I/O: bytes in, events out; the oracle of the battery.

Written to the letter of the HTML Standard, sections 9.2.5 (parsing) and 9.2.6 (interpreting an event
stream), https://html.spec.whatwg.org/multipage/server-sent-events.html, and using its words.

Strategy: CR, LF and colon are ASCII, and no UTF-8 sequence, broken or not, reaches over an ASCII byte. So
the stream is cut into lines as bytes, and only a whole value is decoded: a character split over two chunks
needs no care, and the result is what decoding first would give. `bytes.splitlines` knows CR, LF and CRLF and
nothing else (`str.splitlines` knows eight more line ends).

Decoder._feed_lines is the whole decoder, line by line. Decoder.feed is a shortcut for blocks of the common
form, about twice as fast; the tests hold both to be equal. The rule of this file: no I/O, no clock,
and no shortcut without that proof.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"

_LINE = re.compile(rb"([^\r\n]*+)(?:\r\n|\r|\n)")
_LINE_END = re.compile(r"\r\n|\r|\n")

# A block of one line of data, with a type and an id where encoders put them: before the data in either order, or
# the id behind it; or else any lines up to a blank one. findall cannot tell an empty group from a missing one, so what
# could be either is left to the lines. In text without CR that ends with a blank line one of the two always
# matches, so findall leaves out no byte.
_BLOCK = re.compile(
    rb"(?:event: ?+(.*+)\n)?(?:id: ?+(.++)\n)?(?:event: ?+(.++)\n)?data: ?+(.*+)\n(?:id: ?+(.++)\n)?\n"
    rb"|((?:.++\n)*\n)"
)


class Event(NamedTuple):
    """A dispatched event. A tuple, for that costs half of what a frozen dataclass does."""

    data: str
    type: str = "message"
    last_event_id: str = ""


class Field(NamedTuple):
    """A field line or, when the name is empty, a comment; `offset` counts bytes from the body's first."""

    offset: int
    name: str
    value: str


class Departure(NamedTuple):
    """Where a body leaves the grammar, in bytes from its first, and why."""

    offset: int
    reason: str


class LineTooLong(ValueError):
    """More bytes came without an end of line or event than the decoder was told to keep."""


class Decoder:
    """Decode one stream, fed in any chunks; events come out as soon as their blank line is in.

    `limit_bytes` bounds what is kept between two events: the unfinished line and the data buffer together.
    Beyond it `feed` raises LineTooLong, and the decoder is of no further use.
    """

    def __init__(self, limit_bytes: int = 32 * 2**20) -> None:
        self.limit_bytes = limit_bytes
        self.last_event_id = ""
        self.reconnection_time_ms: int | None = None
        self.end()

    def end(self) -> None:
        """Drop the pending block, as the standard does at the end of a stream.

        What is fed next is a new stream, as after a reconnection: it may begin with a BOM, and its buffers are
        empty, the last event ID buffer too. The last event ID and the reconnection time stay.
        """
        self._line = bytearray()  # the unfinished one
        self._first_line = True
        self._after_cr = False
        self._data_buffer = bytearray()
        self._type_buffer = ""
        self._id_buffer = ""

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes, possibly none."""
        # A CR LF over two chunks is not touched: its LF stands first in the second, where _feed_lines sees it.
        text = chunk.replace(b"\r\n", b"\n")
        head = text.find(b"\n\n") + 2
        tail = text.rfind(b"\n\n") + 2
        if head == tail or b"\r" in text or b"\0" in text or len(text) > self.limit_bytes:
            return self._feed_lines(chunk)
        # Behind the first blank line the decoder stands between two blocks, whatever came before.
        events, new = self._feed_lines(text[:head]), tuple.__new__
        for early_type, early_id, type_, data, id_, other in _BLOCK.findall(text, head, tail):
            if other:
                events += self._take_lines(other.splitlines())
                continue
            if id_ or early_id:
                self._id_buffer = self.last_event_id = (id_ or early_id).decode("utf-8", "replace")
            type_ = type_ or early_type
            event_type = type_.decode("utf-8", "replace") if type_ else "message"
            # As Event(...) does it, less a call of a function written in Python.
            events.append(new(Event, (data.decode("utf-8", "replace"), event_type, self.last_event_id)))
        return events + self._feed_lines(text[tail:])

    def _feed_lines(self, chunk: bytes) -> list[Event]:
        if not chunk:
            return []
        if self._after_cr:  # its line has ended; an LF now belongs to that end
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        lines = chunk.splitlines()
        rest = lines.pop() if lines and not chunk.endswith((b"\r", b"\n")) else b""
        if lines:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
            if self._first_line:
                lines[0] = lines[0].removeprefix(BOM)
                self._first_line = False
        self._line += rest

        events = self._take_lines(lines)
        if len(self._line) + len(self._data_buffer) > self.limit_bytes:
            raise self._too_long(self._line)
        return events

    def _take_lines(self, lines: list[bytes]) -> list[Event]:
        events = []
        for line in lines:
            if len(line) + len(self._data_buffer) > self.limit_bytes:
                raise self._too_long(line)
            if not line:
                if event := self._dispatch():
                    events.append(event)
                continue
            name, value = _split(line)
            if name == b"data":
                self._data_buffer += value
                self._data_buffer += b"\n"
            elif name == b"event":
                self._type_buffer = value.decode("utf-8", "replace")
            elif name == b"id" and b"\0" not in value:
                self._id_buffer = value.decode("utf-8", "replace")
            elif name == b"retry" and value.isdigit():  # of bytes: ASCII digits, at least one
                # Python reads no more than 4,300 digits; a number that long means "never" however it is cut.
                self.reconnection_time_ms = int(value.lstrip(b"0")[:4300] or b"0")
        return events

    def _too_long(self, line: bytes | bytearray) -> LineTooLong:
        kept_bytes = len(line) + len(self._data_buffer)
        return LineTooLong(f"{kept_bytes} bytes without an end of line or event, limit {self.limit_bytes}")

    def _dispatch(self) -> Event | None:
        self.last_event_id = self._id_buffer
        event_type, self._type_buffer = self._type_buffer or "message", ""
        if not self._data_buffer:
            return None
        data = self._data_buffer[:-1].decode("utf-8", "replace")  # all but the last LF, exactly one
        self._data_buffer.clear()
        return Event(data, event_type, self.last_event_id)


def decode(body: bytes) -> list[Event]:
    """Return the events of a whole body; its unfinished last block dispatches nothing."""
    return Decoder(limit_bytes=len(body)).feed(body)


def fields(body: bytes) -> Iterator[Field]:
    """Yield every comment and every field line, known or unknown, that has its end of line.

    One space behind the colon is not part of the value, nor of a comment's text. A BOM at the body's start
    belongs to no line, but its bytes count in the offsets.
    """
    for line in _lines(body):
        if line[1]:
            name, value = _split(line[1])
            yield Field(line.start(), name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))


def departure(body: bytes) -> Departure | None:
    """Return the first departure from the event-stream ABNF (section 9.2.5), or None if there is none.

    The grammar takes any line as a comment or a field, so all that can be wrong is a byte that is no UTF-8,
    and an end before the blank line of the last event (then the offset is the body's length). CR LF is read
    as one end of line, as the standard's text says, though the bare ABNF could take it for two.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return Departure(error.start, f"byte 0x{body[error.start]:02x} is no UTF-8 here: {error.reason}")
    begun = end = _start(body)
    for line in _lines(body):
        end = line.end()
        if not line[1]:
            begun = end
    if end < len(body):
        return Departure(len(body), f"the line begun at byte {end} has no end of line")
    if begun < end:
        return Departure(len(body), f"the event begun at byte {begun} is not ended by a blank line")
    return None


def encode(
    data: str | None = None,
    *,
    type: str | None = None,
    id: str | None = None,
    retry_ms: int | None = None,
    comment: str | None = None,
) -> bytes:
    """Return one block with its blank line; without `data` it dispatches nothing, yet may move the id.

    Raise ValueError for what no wire can carry: CR or LF in a type or an id, NUL in an id, a retry that is no
    whole number >= 0, a lone surrogate. Not refused though it comes back changed: a CR or CRLF in data (as
    LF, the only line end a data buffer knows), an empty type (as "message").
    """
    if retry_ms is not None and (isinstance(retry_ms, bool) or not isinstance(retry_ms, int) or retry_ms < 0):
        raise ValueError(f"retry is {retry_ms!r}, expected a whole number of milliseconds >= 0")
    for name, value, forbidden in (("type", type, "\r\n"), ("id", id, "\r\n\0")):
        for char in forbidden:
            if char in (value or ""):
                raise ValueError(f"{name} {value!r} holds {char!r}, which no stream can carry there")
    retry = None if retry_ms is None else str(retry_ms)
    given = [("", comment), ("event", type), ("id", id), ("retry", retry), ("data", data)]
    lines = [
        f"{name}: {line}\n" for name, text in given if text is not None for line in _LINE_END.split(text)
    ]
    try:
        return "".join([*lines, "\n"]).encode("utf-8")
    except UnicodeEncodeError as error:
        surrogate = error.object[error.start]
        raise ValueError(f"a lone surrogate, {surrogate!r}, which UTF-8 cannot carry") from None


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value.removeprefix(b" ")


def _start(body: bytes) -> int:
    return len(BOM) if body.startswith(BOM) else 0


def _lines(body: bytes) -> Iterator[re.Match[bytes]]:
    """Yield a match for each line that has its end: [1] is the line, its span includes the end."""
    return _LINE.finditer(body, _start(body))
