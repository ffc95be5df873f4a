"""What a case holds in its hands: one server, the streams it opens, and the process behind it.

A thin layer over launch, probe and stream. Rule of the file: whatever a case opens is closed after it, and
told on failure, without the case doing anything for it.

It has more lines than most because a server's process and a case's way to it are one thing to a case.
"""

from __future__ import annotations

import functools
import json as json_
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode
from weakref import WeakSet

from sseproof import launch, probe
from sseproof.stream import EventStream, Reply

PING_S = 0.5
RETRY_MS = 1000
OURS = ("--ping", str(PING_S), "--retry", str(RETRY_MS))  # options every server of a run is started with
TRANSCRIPTS = 3
KEEP_BYTES = 8 * 2**20  # of a body, and twice what was asked with: echo brings up to 16 MiB back
KEEP_JSON_BYTES = 4 * 2**20  # read, JSON takes up to twenty times its bytes
# For all that a process reads: the one event of 16 MiB is kept as chunks and as text, beside half as much of `unread`.
ALLOWANCE = probe.Allowance(96 * 2**20)
SILENT_CASES = 12  # so many misses by time without a pass, and the rest is not judged
TRANSCRIPT_CHARACTERS = 20_000
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class Subject:
    """One server of this process: started on first use, started again when it has died."""

    def __init__(self, script: Path, with_: Sequence[str], options: Sequence[str] = ()) -> None:
        self.script, self._with, self._options = script, with_, (*OURS, *options)
        self._server: launch.Server | None = None
        self._begun: Future[launch.Server] | None = None
        self._failure: launch.LaunchError | None = None
        self._silent = 0
        self.judged: Client | None = None  # while a case runs

    def begin(self) -> None:
        """Start it in the background, so that it comes up while the cases are collected."""
        self._begun = launch.begin(self.script, *self._options, with_=self._with)

    def running(self) -> launch.Server:
        """Give the server, up and answering; a server that did not start once is not tried again."""
        if self._failure:
            raise self._failure.with_traceback(None)  # which would grow with every case
        if self._server is None or not self._server.alive:
            begun, self._begun = self._begun, None
            self.stop()
            try:
                self._server = begun.result() if begun else self.another()
            except launch.LaunchError as failure:
                self._failure = failure
                raise
        return self._server

    def another(self, *options: str) -> launch.Server:
        """Start one more process of the server, with more options; the caller stops it."""
        return launch.launch(self.script, *self._options, *options, with_=self._with)

    def took_note(self, record: Mapping[str, Any]) -> None:
        """Give a server up that lets one case after the other run into its limit: minutes would not tell more."""
        self._silent = 0 if record["verdict"] == "pass" else self._silent + record["timed_out"]
        if self._silent == SILENT_CASES:
            what = (
                f"has let {SILENT_CASES} cases wait in vain and passed none meanwhile; the rest is not judged"
            )
            words = self._server.last_words() if self._server else ""
            self._failure = launch.LaunchError(self.script.stem, what, words=words)

    def stop(self) -> None:
        if self._begun is not None and self._begun.done() and not self._begun.exception():
            self._begun.result().stop()
        self._begun = None
        if self._server is not None:
            self._server.stop()
            self._server = None


class Client:
    """One case's way to a running server; closes every stream the case opened."""

    def __init__(self, process: launch.Server) -> None:
        self.process, self.name, self.about = process, process.name, process.about
        self.ping_s, self.retry_ms = PING_S, RETRY_MS
        self.seed = 0  # the run's, where `aside` has started the server
        self._streams: list[probe.Stream] = []
        self._beside: list[Client] = []
        self._opened: WeakSet[EventStream] = WeakSet()
        self._refused = False
        self._dial: Callable[..., Any] = functools.partial(probe.connect, process.host, process.port)

    def through(self, dial: Callable[..., Any]) -> Client:
        """Give another way to the server, such as a proxy's, whose streams are closed and told with this one's.

        `dial` takes the options of probe.connect and gives what behaves as its Stream does.
        """
        other = Client(self.process)
        other._dial, other._streams, other._opened = dial, self._streams, self._opened
        return other

    def connect(self, **options: Any) -> probe.Stream:
        """Connect without a request; options as probe.connect takes them."""
        # Hypothesis opens hundreds in one case: what has ended long ago gives its socket back.
        for old in self._streams[:-TRANSCRIPTS]:
            if old.ended and not (old.head and old.head.status == 101):  # with which a WebSocket has begun
                old.close()
                old.release()
                self._streams.remove(old)
        self._refused = True  # until it has not
        options = {"keep_bytes": KEEP_BYTES, "allowance": ALLOWANCE, **options}
        stream: probe.Stream = self._dial(**options)
        self._refused = False
        self._streams.append(stream)
        return stream

    @property
    def lost(self) -> bool:
        """Tell whether the server has refused a connection, or ended one before its response was complete."""
        return self._refused or any(stream.gone and stream.ended != "complete" for stream in self._streams)

    def open(
        self,
        target: str,
        *,
        method: str = "GET",
        headers: Headers | None = None,
        body: bytes | None = None,
        json: Any = None,
        http_version: str = "1.1",
        rcvbuf_bytes: int | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> EventStream:
        """Send a request on a connection of its own; the answer's head is not read yet."""
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers or ())
        if json is not None:
            body = json_.dumps(json).encode("ascii")
            pairs.append(("Content-Type", "application/json"))
        if params:
            target += ("&" if "?" in target else "?") + urlencode(
                {key: _query(value) for key, value in params.items()}
            )
        keep_bytes = KEEP_BYTES + 2 * len(body or b"")
        stream = self.connect(rcvbuf_bytes=rcvbuf_bytes, keep_bytes=keep_bytes)
        stream.send_request(method, target, pairs, body or b"", http_version=http_version)
        opened = EventStream(stream, f"{method} {target[:80]}")
        self._opened.add(opened)
        return opened

    def echo(
        self,
        *items: Mapping[str, Any],
        hold: bool = False,
        blocking: bool = False,
        within_s: float = 5.0,
        headers: Headers | None = None,
    ) -> EventStream:
        """Have the server send these script items and read to the end of the response.

        With `hold` the server keeps the stream open at its end, and nothing is read yet.
        """
        params = {name: True for name, wanted in (("hold", hold), ("blocking", blocking)) if wanted}
        stream = self.open("/events/echo", method="POST", json=list(items), params=params, headers=headers)
        if not hold:
            stream.read_to_end(within_s)
        return stream

    def json(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        headers: Headers | None = None,
        within_s: float = 5.0,
    ) -> Reply:
        """Ask a JSON route and read its whole answer."""
        with self.open(target, method=method, json=body, headers=headers) as answer:
            head = answer.stream.read_head(within_s)
            answer.stream.keep_bytes = KEEP_JSON_BYTES
            return Reply(head.status, head, answer.stream.read_to_end(within_s))

    def tell_too(self, other: Client) -> None:
        """Have the transcript tell another one's streams too: those that outlive a case and that it judges."""
        self._beside.append(other)

    def transcript(self) -> str:
        """Tell the last streams' bytes and times, in at most TRANSCRIPT_CHARACTERS characters.

        Of streams that outlive the case those that were read last, which are those it has looked at.
        """
        share = TRANSCRIPT_CHARACTERS // TRANSCRIPTS
        read = [stream for other in self._beside for stream in other._streams if stream.raw]
        beside = sorted(read, key=lambda stream: (stream.started_s or 0.0) + stream.raw[-1].seconds)
        told = [stream.transcript() for stream in [*beside, *self._streams][-TRANSCRIPTS:]]
        cut = [
            text if len(text) <= share else f"{text[: share - 1000]}\n[...]\n{text[-900:]}" for text in told
        ]
        return "\n\n".join(cut)

    def close(self) -> None:
        for stream in self._streams:
            stream.close()
            stream.release()

    def let_go(self) -> None:
        """Drop what was read, however long somebody (a traceback) holds on to the streams."""
        for opened in self._opened:
            opened.let_go()
        for stream in self._streams:
            stream.let_go()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _query(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
