# /// script
# requires-python = ">=3.11"
# dependencies = ["starlette", "sse-starlette", "uvicorn[standard]", "psutil"]
# ///
"""Starlette with sse-starlette, on uvicorn."""

from contextlib import closing
from typing import Any

import anyio
import contract
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

service = contract.Service(
    framework="starlette",
    encoder="sse-starlette",
    http_server="uvicorn",
    websocket=True,
    blocking=True,
    workers=True,
    pings=True,
)


def encoded(event: contract.Event) -> ServerSentEvent:
    return ServerSentEvent(
        event.data, event=event.event, id=event.id, retry=event.retry, comment=event.comment
    )


class ClosingResponse(EventSourceResponse):
    """Close the stream with its response: a blocking generator would wait for the garbage collector."""

    def __init__(self, stream: contract.Stream, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with closing(self._stream):
            await super().__call__(scope, receive, send)


async def events(request: Request) -> Response:
    asked = await contract.read_request(request.scope, request.receive)
    stream = service.stream(asked)
    if asked.flag("blocking"):
        content = (encoded(event) for event in stream)  # runs in a thread
    else:
        content = (encoded(event) async for event in stream)
    # The stream ends by itself at shutdown; the grace period keeps sse-starlette from cancelling it before. It is shorter
    # than uvicorn's, which would cancel who does not read with a traceback.
    return ClosingResponse(
        stream,
        content,
        ping=service.options.ping,
        shutdown_event=anyio.Event(),
        shutdown_grace_period=contract.GRACE_S / 2,
    )


async def answer(request: Request) -> Response:
    asked = await contract.read_request(request.scope, request.receive)
    found = await contract.first_of(service.answer(asked), contract.gone(request.receive))
    return reply(found or contract.Answer(204))


async def socket(websocket: WebSocket) -> None:
    stream = service.socket(contract.request_of(websocket.scope))
    await websocket.accept()

    async def send() -> None:
        async for event in stream:
            await websocket.send_json(contract.as_json(event))
        await websocket.close()

    await contract.first_of(send(), contract.gone(websocket.receive))


def reply(found: contract.Answer) -> Response:
    return Response(found.body, found.status, dict(found.all_headers))


async def refuse(request: Request | WebSocket, refusal: contract.Refusal) -> Response | None:
    if isinstance(request, WebSocket):
        return await request.send_denial_response(reply(refusal.answer))
    return reply(refusal.answer)


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
app = Starlette(
    routes=[
        Route("/events/{name}", events, methods=METHODS),
        WebSocketRoute("/ws/{name}", socket),
        Route("/{path:path}", answer, methods=METHODS),
    ],
    middleware=[Middleware(contract.Middleware, service=service)],
    exception_handlers={contract.Refusal: refuse},
)

if __name__ == "__main__":
    contract.serve_uvicorn(app, service)
