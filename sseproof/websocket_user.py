"""A user that hears the same events by WebSocket: wsproto shakes hands, the reactor reads the frames.

It reconnects as an EventStreamUser does, with `after=` in place of Last-Event-ID, which a WebSocket does not have.
"""

from __future__ import annotations

from urllib.parse import quote

from gevent.hub import Waiter
from locust import task
from locust.env import Environment
from wsproto import ConnectionType, WSConnection
from wsproto.events import Request
from wsproto.frame_protocol import FrameProtocol

from sseproof.pieces import Piece
from sseproof.reactor import Address
from sseproof.readers import FrameReader
from sseproof.users import PAUSE_S, SocketUser


class WebSocketUser(SocketUser):
    """Listen to one WebSocket whose text frames are `{"id", "event", "data"}`, or any text."""

    abstract = True
    label = "websocket"
    path = "/ws/topic?topic=main"

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._reader: FrameReader | None = None
        self._last_id, self._is_open = "", False

    @task
    def listen(self) -> None:
        """Listen until the user is stopped or the server refuses."""
        address = self.address()
        try:
            while True:
                self._may_stop(True)
                why, kind = self._once(address)
                self._last_id = (self._reader.last_id if self._reader else "") or self._last_id
                was_open = self._reader is not None and self._reader.opened
                if kind == "end" and was_open:
                    kind, why = "cut", "the server closed the WebSocket, expected it to go on"
                self.tally.fail(f"{kind}: {why}")
                self.tally.broke()
                if kind == "broken" and not was_open:
                    break
                if was_open:
                    self.tally.cut()
                self.pause(PAUSE_S)
                self.tally.reconnected()
            self.idle()
        finally:
            self.leave()

    def _once(self, address: Address) -> tuple[str | None, str]:
        target = self.path
        if self._last_id:
            target += f"{'&' if '?' in target else '?'}after={quote(self._last_id, safe='')}"
        handshake = WSConnection(ConnectionType.CLIENT)
        request = handshake.send(Request(host=address.host, target=target))
        self._reader = FrameReader(self.process.memo("frames"), handshake)
        self._waiter, self._is_open = Waiter(), False
        self.channel.open(address, request, self.limits, self._reader)
        return self.wait_for_end()

    def noticed(self, piece: Piece) -> None:
        """Begin when the handshake is through, answer pings, show foreign events."""
        reader = self._reader
        if reader is None:
            return
        if not self._is_open:
            self._is_open = True
            self.channel.answered()
            self.tally.joined(self.channel.client)
        for content in reader.pings:
            self.channel.send(bytes(FrameProtocol(True, []).pong(content)))
        reader.pings.clear()
        self.show(piece)
