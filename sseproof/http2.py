"""HTTP/2 for cases: one connection over one blocking socket and the package h2; its streams are http2_stream.Stream.

Strategy: whichever stream waits reads the socket for all of its connection; what comes for another is kept with its
time until that one is asked. Nothing runs beside: while nobody waits, nothing is acknowledged either, so a stream that
is not read fills its window and no other's. TLS (ALPN h2) with a context, prior knowledge without. Rule of the file:
every wait has a limit, and what the other side does wrong is a ProbeError.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from sseproof import probe, tls
from sseproof.probe import SEND_S, ProbeError, ProbeTimeout
from sseproof.transcript import printable

if TYPE_CHECKING:
    from sseproof.http2_stream import Stream

SETTINGS = b"\4"  # the type of the frame with which either side begins
CONNECTION_WINDOW_BYTES = 2**24  # beyond a stream's, so that some that are not read do not fill it
_RECV_BYTES = 64 * 1024


class Connection:
    """One connection, and the streams on it. Raises what probe.connect and tls.shake_hands raise."""

    def __init__(
        self,
        host: str,
        port: int,
        trusting: ssl.SSLContext | None = None,
        *,
        within_s: float = 5.0,
        rcvbuf_bytes: int | None = None,
    ) -> None:
        self.authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.scheme = "https" if trusting else "http"
        self.gone: str | None = None  # "closed" or "reset", once the server has done so
        self._broken = False
        self._first = b""
        self._streams: dict[int, Stream] = {}
        self._answered: set[int] = set()  # streams whose answer is whole
        # Cases are to see the fields no answer may have, and say which.
        settings = h2.config.H2Configuration(header_encoding=None, validate_inbound_headers=False)
        self._h2 = h2.connection.H2Connection(settings)
        self.socket = probe.connect(host, port, within_s=within_s, rcvbuf_bytes=rcvbuf_bytes).socket
        try:
            if trusting:
                self.socket = tls.shake_hands(self.socket, host, trusting, "h2")
            self._h2.local_settings.enable_push = 0
            self._h2.initiate_connection()
            self._h2.increment_flow_control_window(CONNECTION_WINDOW_BYTES)
            self.flush()
        except BaseException:
            self.socket.close()
            raise

    def begin(self, stream: Stream, headers: list[tuple[bytes, bytes]], body: bytes, within_s: float) -> int:
        """Send a request, as much of its body as the server takes; give its stream's number.

        A server may answer before it has the whole: the stream's news tell. Raises ProbeError, ProbeTimeout.
        """
        if self.gone:
            raise ProbeError(f"{self.authority} has {self.gone} the connection")
        try:
            number: int = self._h2.get_next_available_stream_id()
            self._streams[number] = stream
            self._h2.send_headers(number, headers, end_stream=not body)
            self.flush()
            self._send_body(number, memoryview(body), time.monotonic() + within_s, within_s)
        except h2.exceptions.StreamClosedError:  # it was reset meanwhile
            pass
        except h2.exceptions.ProtocolError as error:
            raise ProbeError(f"{self.authority} takes no request: {error}") from error
        return number

    def _send_body(self, number: int, body: memoryview, deadline_s: float, within_s: float) -> None:
        while body and not self.gone and number not in self._answered:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room > 0:
                piece, body = body[:room], body[room:]
                self._h2.send_data(number, bytes(piece), end_stream=not body)
                self.flush()
            elif not self.receive(deadline_s) and not self.gone:
                raise ProbeTimeout(
                    f"the server did not take {len(body)} bytes of request in {within_s:.3g} s"
                )

    def flush(self) -> None:
        """Send what the protocol has to say."""
        data = self._h2.data_to_send()
        if not data or self.gone or self.socket.fileno() < 0:
            return
        self.socket.settimeout(SEND_S)
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise ProbeTimeout(f"{self.authority} did not take {len(data)} bytes in {SEND_S:g} s") from None
        except OSError:  # the kernel tells once that it was reset; who reads later sees an end like any other
            self._broken = True

    def receive(self, deadline_s: float) -> bool:
        """Take what comes before a moment and hand it out; False when nothing came, or nothing will any more."""
        left_s = deadline_s - time.monotonic()
        if self.gone or left_s <= 0:
            return False
        try:
            self.socket.settimeout(left_s)
            data = self.socket.recv(_RECV_BYTES)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            data = b""
        except OSError:
            return self._end("reset")
        if not data:
            return self._end("reset" if self._broken else "closed")
        self._first += data[: 4 - len(self._first)]
        try:
            if self._first[3:] not in (b"", SETTINGS):  # h2 would wait for all of so long a frame
                raise h2.exceptions.ProtocolError("its first frame is no SETTINGS")
            events = self._h2.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            self.flush()  # which tells the server why
            self._end("reset")
            said = f"{error}; its last bytes begin {printable(data[:40])}"
            raise ProbeError(f"{self.authority} does not speak HTTP/2: {said}") from None
        for event in events:
            self._hand_out(event)
        self.flush()
        return True

    def _hand_out(self, event: h2.events.Event) -> None:
        if isinstance(
            event, h2.events.ConnectionTerminated
        ):  # GOAWAY: what came too late for it is not answered
            for number, stream in self._streams.items():
                if number > (event.last_stream_id or 0):
                    stream.take("reset")
            return
        number = getattr(event, "stream_id", None) or 0
        if isinstance(event, h2.events.StreamEnded):
            self._answered.add(number)
        if number in self._streams:
            self._streams[number].take(event)

    def _end(self, how: str) -> bool:
        self.gone = how
        for stream in self._streams.values():
            stream.take(how)
        return True

    def acknowledge(self, number: int, count: int) -> None:
        """Let the server send so many bytes more on a stream."""
        with contextlib.suppress(h2.exceptions.ProtocolError):  # it has ended
            self._h2.acknowledge_received_data(count, number)
            self.flush()

    def cancel(self, number: int) -> None:
        """Leave a stream by RST_STREAM, and hear no more of it."""
        self._streams.pop(number, None)
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
            self.flush()

    def close(self) -> None:
        """Leave with FIN."""
        probe.leave(self.socket)

    def reset(self) -> None:
        """Leave with RST."""
        probe.abort(self.socket)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
