"""What the contract needs of any ASGI framework: CORS on every answer, and a request in plain values."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from .message import Refusal, Request, read_body
from .service import Service

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Middleware:
    """Answer preflights and put the CORS headers on every response."""

    def __init__(self, app: Callable[..., Awaitable[None]], service: Service):
        self._app, self._service = app, service

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = headers_of(scope)
        cors = [
            (k.lower().encode(), v.encode()) for k, v in self._service.cors(headers.get("origin")).items()
        ]

        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *cors]}
            await send(message)

        if preflight := self._service.preflight(scope["method"], headers):
            found = [(k.lower().encode(), v.encode()) for k, v in preflight.all_headers.items()]
            await send_with_cors(
                {"type": "http.response.start", "status": preflight.status, "headers": found}
            )
            return await send_with_cors({"type": "http.response.body", "body": b""})
        await self._app(scope, receive, send_with_cors)


def headers_of(scope: MutableMapping[str, Any]) -> dict[str, str]:
    """Give the request's headers, names in lower case, values as ISO-8859-1."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def request_of(scope: MutableMapping[str, Any], body: bytes = b"") -> Request:
    """Give an ASGI scope as the contract's request."""
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Request(scope.get("method", "GET"), scope["path"], query, headers_of(scope), body)


async def read_request(scope: MutableMapping[str, Any], receive: Receive) -> Request:
    """Read the body too, up to its limit, or raise a Refusal."""

    async def chunks():  # type: ignore[no-untyped-def]
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, "the client left before its body was complete")
            yield message.get("body", b"")
            more = message.get("more_body", False)

    return request_of(scope, await read_body(scope["path"], headers_of(scope), chunks()))


async def first_of(*coroutines: Coroutine[Any, Any, Any]) -> Any:
    """Run them all until one ends, cancel the others, and give its result."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass
