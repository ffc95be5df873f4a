"""HTTP heads and bodies as a client needs them: the head by h11, the body by a decoder that knows where it stands.

h11 reads each kind of head once: servers send the same bytes again and again, and a generator that polls 3,000
times a second cannot spend 100 microseconds on each. A Body is fed whatever came and gives the content; `clean` says
that it stands between two chunks with nothing kept, which is what sseproof.pieces builds on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import h11

from sseproof.pieces import Broken

HEAD_BYTES = 64 * 2**10
_LINE_BYTES = 4 * 2**10  # of a chunk's size line or a trailer
_REQUEST = h11.Request(method="GET", target="/", headers=[("Host", "x")])


class Head(NamedTuple):
    """What a client looks at in a response's head; `length_bytes` is None where none is said."""

    status: int
    media_type: str
    chunked: bool
    length_bytes: int | None
    keep_alive: bool
    encoding: str
    retry_after_s: float | None


def request_bytes(
    method: str, target: str, host: str, headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
) -> bytes:
    """Write one HTTP/1.1 request; raise ValueError for what no request can carry."""
    connection = h11.Connection(h11.CLIENT)
    given = {name.lower() for name, _ in headers}
    ours = [("Host", host)] + ([("Content-Length", str(len(body)))] if body or method == "POST" else [])
    fields = [(name, value) for name, value in ours if name.lower() not in given] + list(headers)
    try:
        head = connection.send(h11.Request(method=method, target=target, headers=fields)) or b""
    except h11.LocalProtocolError as error:
        raise ValueError(f"{method} {target} with {fields} is no HTTP request: {error}") from None
    return head + body


def read_head(data: bytes) -> tuple[Head, bytes] | None:
    """Read a response's head from all that came so far; return it with what follows, None when it is not all there."""
    end = data.find(b"\r\n\r\n") + 4
    if end < 4 or end > HEAD_BYTES:
        if len(data) > HEAD_BYTES:
            raise Broken(f"received {len(data)} bytes without the end of a head, limit {HEAD_BYTES}")
        return None
    head = _parse(data[:end])
    if head.status < 200:  # 100 or 103: the answer is still to come
        return read_head(data[end:])
    return head, data[end:]


@lru_cache(maxsize=256)
def _parse(text: bytes) -> Head:
    connection = h11.Connection(h11.CLIENT)
    connection.send(_REQUEST)
    connection.send(h11.EndOfMessage())
    connection.receive_data(text)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise Broken(f"answers with no HTTP: {error}, received {text[:60]!r}") from None
    if not isinstance(event, h11.Response | h11.InformationalResponse):
        raise Broken(f"answers with no HTTP, received {text[:60]!r}")
    fields = {name.decode("latin-1"): value.decode("latin-1").strip() for name, value in event.headers}
    length, retry_after = fields.get("content-length"), fields.get("retry-after", "")
    bodyless = event.status_code in (204, 304)
    return Head(
        status=event.status_code,
        media_type=fields.get("content-type", "").partition(";")[0].strip().lower(),
        chunked="chunked" in fields.get("transfer-encoding", "").lower() and not bodyless,
        length_bytes=0 if bodyless else None if length is None else int(length),
        keep_alive=event.http_version == b"1.1" and "close" not in fields.get("connection", "").lower(),
        encoding=fields.get("content-encoding", ""),
        retry_after_s=float(retry_after) if retry_after.isdigit() else None,
    )


class Body:
    """Decode one body as its head says: chunked, of a stated length, or until the connection closes.

    `feed` gives the content of what came; what came behind the end is in `excess`.
    """

    __slots__ = ("_chunked", "_left", "_pending", "ended", "excess")

    def __init__(self, head: Head) -> None:
        self._chunked = head.chunked
        # Bytes left of a chunk or of the length; -1: until close; chunked 0: a size line comes next, -2: trailers
        self._left = 0 if head.chunked else -1 if head.length_bytes is None else head.length_bytes
        self._pending = b""
        self.ended = not head.chunked and self._left == 0
        self.excess = b""

    @property
    def clean(self) -> bool:
        """Tell whether the same bytes would be read the same way wherever else a body is clean."""
        return (
            not self.ended and not self._pending and (self._left == 0 if self._chunked else self._left == -1)
        )

    @property
    def open_ended(self) -> bool:
        """Tell whether the close of the connection is its proper end."""
        return not self._chunked and self._left == -1

    def feed(self, raw: bytes) -> bytes:
        """Return the content of these bytes; raise Broken for what is no chunked coding."""
        if self._chunked:
            return self._feed_chunks(raw)
        if self._left == -1:
            return raw
        taken, self.excess = raw[: self._left], raw[self._left :]
        self._left -= len(taken)
        self.ended = self._left == 0
        return taken

    def _feed_chunks(self, raw: bytes) -> bytes:
        data = self._pending + raw if self._pending else raw
        at, found = 0, []
        while not self.ended:
            if self._left > 2:  # the content, and the line end behind it is 2
                found.append(data[at : at + self._left - 2])
                at += len(found[-1])
                self._left -= len(found[-1])
                if self._left > 2:
                    break
            if self._left > 0:
                if len(data) - at < 2:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise Broken(f"sends a chunk that is not ended by CR LF but {data[at : at + 2]!r}")
                at, self._left = at + 2, 0
            end = data.find(b"\r\n", at)
            if end < 0 or end - at > _LINE_BYTES:
                if len(data) - at > _LINE_BYTES:
                    raise Broken(f"sends a chunk's size line of over {_LINE_BYTES} bytes, the limit")
                break
            line, at = data[at:end], end + 2
            self._begin(line)
        self._pending = data[at:]
        if self.ended:
            self.excess, self._pending = self._pending, b""
        return found[0] if len(found) == 1 else b"".join(found)

    def _begin(self, line: bytes) -> None:
        """Take a size line or, behind the last chunk, a trailer."""
        if self._left == -2:
            self.ended = not line
            return
        size = line.partition(b";")[0].strip()
        if not size or len(size) > 15 or size.strip(b"0123456789abcdefABCDEF"):
            raise Broken(f"sends no chunk size but {line[:40]!r}")
        count = int(size, 16)
        self._left = count + 2 if count else -2
