"""What well-known tutorials say of Server-Sent Events, held against what a run measured.

A claim is a row of the table: what is said, where, the function that judges it, the section and the case behind it,
and the command that would measure it. Rule of the file: a source was read, and says what it is listed for.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, NamedTuple

from sseproof import casebook, evidence, witness
from sseproof.evidence import Judge
from sseproof.sources import Sources

BENCH = "nox -s bench -- --profile full --scenario"
CASE = "nox -s conformance -- -k"
BROWSER = "nox -s conformance -- --browser -k"
BADGES = {
    evidence.HOLDS: "holds", evidence.HOLDS_NOT: "fails", evidence.IN_PART: "part", evidence.UNDECIDED: "none",
    evidence.NOT_MEASURED: "none",
}  # fmt: skip


class Source(NamedTuple):
    title: str
    url: str


MDN = Source(
    "MDN, Using server-sent events",
    "https://developer.mozilla.org/en-US/docs/Web/API/Server-sent_events/Using_server-sent_events",
)
LONG_POLLING = Source("javascript.info, Long polling", "https://javascript.info/long-polling")
EVENTS = Source("javascript.info, Server Sent Events", "https://javascript.info/server-sent-events")
WEB_DEV = Source(
    "web.dev, Stream updates with server-sent events", "https://web.dev/articles/eventsource-basics"
)
WHY_SSE = Source(
    "DEV, Why Server-Sent Events (SSE) exist",
    "https://dev.to/saras_growth_space/why-server-sent-events-sse-exist-2mh9",
)
RXDB = Source(
    "RxDB, WebSockets vs Server-Sent-Events vs Long-Polling",
    "https://rxdb.info/articles/websockets-sse-polling-webrtc-webtransport.html",
)
SSE_STARLETTE = Source("sse-starlette, an early README", "https://github.com/alairock/sse-starlette")
FASTAPI = Source("FastAPI, Server-Sent Events", "https://fastapi.tiangolo.com/tutorial/server-sent-events")
MODAL = Source("Modal, Streaming endpoints", "https://modal.com/docs/guide/streaming-endpoints.md")
_SITE = "https://www.server-sent-events.com/"
POOLING = Source(
    "server-sent-events.com, Connection pooling for SSE servers",
    f"{_SITE}backend-stream-generation-connection-management/connection-pooling-for-sse-servers/",
)
RETRY = Source(
    "server-sent-events.com, Setting the retry interval",
    f"{_SITE}sse-protocol-fundamentals-architecture/event-id-retry-mechanism-design/setting-the-retry-interval-in-sse-streams/",
)


@dataclass(frozen=True)
class Claim:
    """A claim; `section` is where the page shows what it was held against, `case` the case there, if it is one."""

    text: str
    sources: tuple[Source, ...]
    judge: Judge
    section: str
    command: str
    case: str = ""


CLAIMS = (
    Claim("Polling has higher latency.", (LONG_POLLING, WHY_SSE), evidence.latency, "polling", f"{BENCH} broadcast"),
    Claim("Polling wastes requests.", (WEB_DEV, WHY_SSE), evidence.requests, "polling", f"{BENCH} broadcast"),
    Claim(
        "Polling overloads a server as clients times frequency grows.",
        (WHY_SSE, LONG_POLLING), evidence.overload, "polling", f"{BENCH} broadcast",
    ),
    Claim("Each open stream costs the server memory.", (POOLING,), evidence.memory, "servers", f"{BENCH} hold"),
    Claim(
        "A browser holds only a few streams per host over HTTP/1.1.",
        (MDN, RXDB), witness.browsers, "matrix", f"{BROWSER} {witness.SEVENTH}", witness.SEVENTH,
    ),
    Claim(
        "An event without its blank line never arrives.",
        (MDN, EVENTS), witness.blank_line, "matrix",
        f"{CASE} {witness.ENDED}", witness.ENDED,
    ),
    Claim(
        "Without a check for disconnects, streams leak.",
        (MDN, SSE_STARLETTE), witness.leaks, "matrix", f"{CASE} test_disconnect", witness.LEAKS[0],
    ),
    Claim(
        "The retry field spreads reconnects.",
        (RETRY,), witness.retry, "matrix", f"{CASE} {witness.ANNOUNCED}", witness.ANNOUNCED,
    ),
    Claim(
        "WebSocket is faster than SSE (for events of one direction).",
        (RXDB,), evidence.websocket, "polling", f"{BENCH} broadcast",
    ),
    Claim(
        "A generator that is no async one and sleeps is fine in a streaming response.",
        (FASTAPI, MODAL), witness.sleeping, "matrix", f"{CASE} {witness.SIXTY}", witness.SIXTY,
    ),
)  # fmt: skip


def check(found: Sources) -> list[dict[str, Any]]:
    """Give each claim with our verdict, its figure, the rule behind it and where to look."""
    told, ids = [], {} if found.conformance is None else casebook.case_ids(found.conformance)
    for claim in CLAIMS:
        verdict, figure = claim.judge(found)
        told.append({
            "text": claim.text, "sources": claim.sources, "case": claim.case,
            "place": ids.get(claim.case, claim.section),
            "command": claim.command, "verdict": verdict, "badge": BADGES[verdict], "figure": figure,
            "rule": " ".join((inspect.getdoc(claim.judge) or "").split()),
            "measured": verdict != evidence.NOT_MEASURED,
        })  # fmt: skip
    return told
