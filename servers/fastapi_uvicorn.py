# /// script
# requires-python = ">=3.11"
# dependencies = ["fastapi>=0.135", "uvicorn[standard]", "psutil"]
# ///
"""FastAPI's own fastapi.sse, on uvicorn."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Annotated, Any

import contract
import fastapi.routing
from fastapi import Depends, FastAPI, Request, Response, WebSocket
from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.routing import Match

service = contract.Service(
    framework="fastapi",
    encoder="fastapi",
    http_server="uvicorn",
    websocket=True,
    blocking=True,
    workers=True,
    pings=True,
)
fastapi.routing._PING_INTERVAL = service.options.ping  # FastAPI has no public setting for it
app = FastAPI(openapi_url=None)
app.add_middleware(contract.Middleware, service=service)


async def asked(request: Request) -> contract.Request:
    return await contract.read_request(request.scope, request.receive)


async def opened(request: Annotated[contract.Request, Depends(asked)]) -> AsyncIterator[contract.Stream]:
    # FastAPI may drop a generator whose client has left without closing it; a dependency's exit always runs.
    with closing(service.stream(request)) as stream:
        yield stream


def encoded(event: contract.Event) -> ServerSentEvent:
    return ServerSentEvent(
        raw_data=event.data, event=event.event, id=event.id, retry=event.retry, comment=event.comment
    )


class Step(BaseModel):
    step: int
    total: int
    message: str
    percentage: float


class BlockingRoute(APIRoute):
    """FastAPI runs a route's generator in a thread if it is no async one: so that is a route of its own."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        blocking = scope["type"] == "http" and contract.request_of(scope).query.get("blocking") == "true"
        return super().matches(scope) if blocking else (Match.NONE, {})


Stream = Annotated[contract.Stream, Depends(opened)]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@app.head("/events/{name}")
async def head(stream: Stream) -> Response:
    return EventSourceResponse(iter(()), headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


def blocking_events(stream: Stream) -> Iterator[ServerSentEvent]:
    for event in stream:
        yield encoded(event)


app.router.add_api_route(
    "/events/{name}",
    blocking_events,
    methods=METHODS,
    response_class=EventSourceResponse,
    route_class_override=BlockingRoute,
)


@app.get("/events/pipeline", response_class=EventSourceResponse)
async def pipeline(stream: Stream) -> AsyncIterator[ServerSentEvent]:
    async for event in stream:
        step = Step.model_validate_json(event.data) if event.data else None
        yield ServerSentEvent(data=step, event=event.event, id=event.id, retry=event.retry)


@app.api_route("/events/{name}", methods=METHODS, response_class=EventSourceResponse)
async def events(stream: Stream) -> AsyncIterator[ServerSentEvent]:
    async for event in stream:
        yield encoded(event)


@app.websocket("/ws/{name}")
async def socket(websocket: WebSocket) -> None:
    stream = service.socket(contract.request_of(websocket.scope))
    await websocket.accept()

    async def send() -> None:
        async for event in stream:
            await websocket.send_json(contract.as_json(event))
        await websocket.close()

    await contract.first_of(send(), contract.gone(websocket.receive))


@app.api_route("/{path:path}", methods=[*METHODS, "HEAD"])
async def answer(request: Request, question: Annotated[contract.Request, Depends(asked)]) -> Response:
    found = await contract.first_of(service.answer(question), contract.gone(request.receive))
    return reply(found or contract.Answer(204))


def reply(found: contract.Answer) -> Response:
    return Response(found.body, found.status, dict(found.all_headers))


@app.exception_handler(contract.Refusal)
async def refuse(request: Request | WebSocket, refusal: contract.Refusal) -> Response | None:
    if isinstance(request, WebSocket):
        return await request.send_denial_response(reply(refusal.answer))
    return reply(refusal.answer)


if __name__ == "__main__":
    contract.serve_uvicorn(app, service)
