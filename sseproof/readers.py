"""How bytes behind a head become pieces: an event stream, one JSON answer after the other, WebSocket frames.

A reader has `take(raw)`, which gives the Piece, `memo`, where the next bytes may be looked up instead (see
sseproof.pieces), and `cut()`, which says what is missing when the connection ends here, or None.

An event stream has three paths, each held to the next by a test: bytes seen before (the memo), whole blocks of ours
by one regular expression, and `sseproof.wire.Decoder`, which is made only while the stream is in mid-event and is
told the last event ID by a block of its own.

It has more lines than most because each transport has a reader, and they share one shape.
"""

from __future__ import annotations

import json
import re
from typing import Any

from wsproto import WSConnection
from wsproto.events import RejectConnection
from wsproto.utilities import RemoteProtocolError

from sseproof.bodies import HEAD_BYTES, Body, Head, read_head
from sseproof.pieces import NOTHING, Broken, Memo, Payload, Piece, sorted_out
from sseproof.wire import Decoder, Event, LineTooLong

LIMIT_BYTES = 4 * 2**20  # of one event, one answer, one frame
_BLOCK = re.compile(
    rb"(?:event: message\n)?(?:id: ?+([^\n\0]++)\n)?(?:event: message\n)?"
    rb'data: ?+\{"n": ?([0-9]{1,18}), ?"due_ns": ?([0-9]{1,18}|[1-8][0-9]{18})[,}][^\n]*+\n(?:id: ?+([^\n\0]++)\n)?\n'
    rb"|((?s:.+))"  # anything else, all the rest of it
)


class EventStreamReader:
    """Read an event stream; `last_id` and `retry_s` are what an EventSource would keep."""

    __slots__ = ("_body", "_decoder", "_had_id", "_limit_bytes", "_memo", "last_id", "memo", "retry_s")

    def __init__(self, head: Head, memo: Memo, last_id: str = "", limit_bytes: int = LIMIT_BYTES) -> None:
        self._body = Body(head)
        self._memo = memo
        self._limit_bytes = limit_bytes
        self._decoder: Decoder | None = Decoder(limit_bytes)  # which takes a BOM at the stream's start
        self.last_id = last_id
        self.memo = NOTHING
        self.retry_s: float | None = None
        self._had_id = False  # until then what was known before this stream stays, as browsers have it

    def take(self, raw: bytes) -> Piece:
        """Read what came; raise Broken where it is no HTTP body, or one event passes the limit."""
        was_clean = self._body.clean and self._decoder is None
        text = self._body.feed(raw)
        read = _blocks(text) if self._decoder is None else None
        ours, last_id = read or ((), None)
        foreign: tuple[Event, ...] = ()
        retry = False
        if read is None:
            ours, foreign, last_id, retry = self._decode(text)
        if last_id is not None:
            self.last_id, self._had_id = last_id, True
        piece = Piece(len(raw), ours, foreign, last_id, ended=self._body.ended)
        clean = self._decoder is None and self._body.clean
        self.memo = self._memo if clean else NOTHING
        if was_clean and clean and not foreign and not retry:
            self._memo.keep(raw, piece)
        return piece

    def _decode(self, text: bytes) -> tuple[list[Payload], tuple[Event, ...], str | None, bool]:
        decoder = self._decoder
        if decoder is None:
            decoder = self._decoder = Decoder(self._limit_bytes)
            if self._had_id:
                decoder.feed(f"id: {self.last_id}\n\n".encode())
        try:
            ours, foreign = sorted_out(decoder.feed(text))
        except LineTooLong as error:
            raise Broken(f"sends {error}") from None
        retry = decoder.reconnection_time_ms is not None
        if decoder.reconnection_time_ms is not None:
            self.retry_s = decoder.reconnection_time_ms / 1000
        if text.endswith(
            (b"\n\n", b"\n\r\n")
        ):  # a blank line: the decoder holds nothing but the last event ID
            self._decoder = None
        last_id = decoder.last_event_id if decoder.last_event_id or self._had_id else None
        return ours, foreign, last_id, retry

    def cut(self) -> str | None:
        """Say what is missing if the connection ends here."""
        return (
            None if self._body.ended or self._body.open_ended else "the connection ended without a last chunk"
        )


def _blocks(text: bytes) -> tuple[list[Payload], str | None] | None:
    """Read whole blocks of ours: their payloads and the last ID among them; None when there is anything else."""
    if not text.endswith((b"\n\n", b"\n\r\n")):
        return None
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
        if b"\r" in text:
            return None
    found: list[Payload] = []
    last: bytes | None = None
    for early_id, number, due_ns, late_id, other in _BLOCK.findall(text):
        if other:
            return None
        found.append(Payload(int(number), int(due_ns)))
        last = late_id or early_id or last
    return found, None if last is None else last.decode("utf-8", "replace")


class AnswerReader:
    """Read JSON answers of `/json/topic`, one after the other on a connection that is kept."""

    __slots__ = ("_body", "_content", "_head", "_kept", "_memo", "keep_alive", "last_id", "memo")

    def __init__(self, memo: Memo) -> None:
        self._memo = self.memo = memo
        self._kept = b""  # of a head
        self._head: Head | None = None
        self._body: Body | None = None
        self._content = bytearray()
        self.keep_alive = True
        self.last_id = ""

    def take(self, raw: bytes) -> Piece:
        """Read what came; the piece that ends an answer is `notable` and carries all its events."""
        was_clean = self._head is None and not self._kept
        content = raw
        if self._head is None:
            found = read_head(self._kept + raw)
            if found is None:
                self._kept += raw
                self.memo = NOTHING
                return Piece(len(raw))
            self._head, content = found
            self._body, self._kept = Body(self._head), b""
        assert self._body is not None
        self._content += self._body.feed(content)
        if len(self._content) > LIMIT_BYTES:
            raise Broken(f"sends an answer of over {LIMIT_BYTES} bytes, the limit")
        if not self._body.ended:
            self.memo = NOTHING
            return Piece(len(raw))
        piece = self._answer(len(raw))
        if was_clean and self.keep_alive:
            self._memo.keep(raw, piece)
        self.memo = self._memo
        return piece

    def _answer(self, size_bytes: int) -> Piece:
        assert self._head is not None
        head, text = self._head, bytes(self._content)
        self._head = self._body = None
        self._content.clear()
        self.keep_alive = head.keep_alive
        if head.status != 200:
            raise Broken(f"answers {head.status}, expected 200")
        if head.media_type != "application/json":
            raise Broken(f"answers with {head.media_type or 'no media type'}, expected application/json")
        try:
            answer = json.loads(text)
            events = [_event(item) for item in answer["events"]]
            last = answer["last"]
        except (ValueError, TypeError, KeyError):
            raise Broken(f"answers {text[:60]!r}, expected {{'events': [...], 'last': ...}}") from None
        if answer.get("reset"):
            events.append(Event(text[:60].decode("utf-8", "replace"), "reset"))
        ours, foreign = sorted_out(events)
        return Piece(size_bytes, ours, foreign, None if last is None else str(last), notable=True)

    def cut(self) -> str | None:
        """Say what is missing if the connection ends here; until-close bodies are not used for JSON."""
        return "the connection ended in mid-answer" if self._head or self._kept else None


class FrameReader:
    """Read a WebSocket handshake's answer (by wsproto) and then a server's frames.

    `opened` tells whether the handshake is through, `pings` collects what has to be answered.
    """

    __slots__ = ("_handshake", "_kept", "_memo", "_message", "last_id", "memo", "opened", "pings")

    def __init__(self, memo: Memo, handshake: WSConnection) -> None:
        self._memo = memo
        self.memo = NOTHING
        self._handshake: WSConnection | None = handshake
        self.opened = False
        self.last_id = ""
        self._kept = b""
        self._message: bytearray | None = None  # begun by a frame without FIN
        self.pings: list[bytes] = []

    def take(self, raw: bytes) -> Piece:
        """Read what came; raise Broken for what RFC 6455 does not allow a server, or over the limit."""
        was_clean = self.opened and not self._kept and self._message is None
        shaken = self._shake(self._kept + raw) if self._handshake else self._kept + raw
        if shaken is None:
            self._kept += raw
            return Piece(len(raw))
        begun, self.opened = not self.opened, True
        data = shaken
        events: list[Event] = []
        at, ended, control = 0, False, False
        while not ended and (frame := _frame(data, at)):
            opcode, final, content, at = frame
            if opcode >= 8:
                control = True
                ended = opcode == 8
                if opcode == 9:
                    self.pings.append(content)
            elif (message := self._append(opcode, final, content)) is not None:
                events.append(_message_event(message))
        self._kept = data[at:]
        if len(self._kept) > LIMIT_BYTES + 14:
            raise Broken(f"sends a frame of over {LIMIT_BYTES} bytes, the limit")
        ours, foreign = sorted_out(events)
        last_id = events[-1].last_event_id if events else None
        self.last_id = last_id or self.last_id
        piece = Piece(len(raw), ours, foreign, last_id, ended=ended, notable=begun or bool(self.pings))
        clean = not self._kept and self._message is None
        self.memo = self._memo if clean else NOTHING
        if was_clean and clean and not control and not foreign:
            self._memo.keep(raw, piece)
        return piece

    def _shake(self, data: bytes) -> bytes | None:
        """Read the handshake's answer; return what follows it, None while it is not all there."""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 or self._handshake is None:
            if len(data) > HEAD_BYTES:
                raise Broken(f"received {len(data)} bytes without the end of a head, limit {HEAD_BYTES}")
            return None
        try:
            self._handshake.receive_data(data[:end])
            answer = next(self._handshake.events(), None)
        except RemoteProtocolError as error:
            raise Broken(f"answers the WebSocket handshake badly: {error}") from None
        if isinstance(answer, RejectConnection):
            raise Broken(f"answers {answer.status_code}, expected 101")
        self._handshake, self._kept = None, b""
        return data[end:]

    def _append(self, opcode: int, final: bool, content: bytes) -> bytes | None:
        """Add a data frame to its message; return the message when it is whole."""
        if (opcode == 0) == (self._message is None) or opcode > 2:
            raise Broken(f"sends a frame of opcode {opcode} out of place")
        if opcode and final:
            return content
        self._message = bytearray() if self._message is None else self._message
        self._message += content
        if len(self._message) > LIMIT_BYTES:
            raise Broken(f"sends a message of over {LIMIT_BYTES} bytes, the limit")
        if not final:
            return None
        whole, self._message = bytes(self._message), None
        return whole

    def cut(self) -> str | None:
        """Say what is missing if the connection ends here: a WebSocket ends with a close frame."""
        return "the connection ended without a close frame"


def _frame(data: bytes, at: int) -> tuple[int, bool, bytes, int] | None:
    """Cut the frame at a place: opcode, FIN, content, the place behind it; None when it is not all there."""
    if len(data) - at < 2:
        return None
    first, second = data[at], data[at + 1]
    if first & 0x70 or second & 0x80:
        raise Broken("sends a masked frame or one with an extension, though none was agreed")
    size, start = second, at + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, start = int.from_bytes(data[start : start + width], "big"), start + width
    if size > LIMIT_BYTES and len(data) >= start:
        raise Broken(f"sends a frame of {size} bytes, limit {LIMIT_BYTES}")
    if len(data) < start + size:
        return None
    return first & 0x0F, bool(first & 0x80), data[start : start + size], start + size


def _message_event(message: bytes) -> Event:
    try:
        return _event(json.loads(message))
    except (ValueError, TypeError, KeyError):  # not of the contract's form: the text itself is the event
        return Event(message.decode("utf-8", "replace"), "message")


def _event(item: Any) -> Event:
    return Event(str(item["data"]), str(item["event"]), str(item["id"]))
