# /// script
# requires-python = ">=3.11"
# dependencies = ["aiohttp", "aiohttp-sse", "psutil"]
# ///
"""aiohttp with aiohttp-sse, whose send() always sends data: blocks without data are written by our encoder."""

from contextlib import closing

import contract
from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp_sse import EventSourceResponse, sse_response

service = contract.Service(
    framework="aiohttp", encoder="aiohttp-sse", http_server="aiohttp", websocket=True, pings=True
)
routes = web.RouteTableDef()


async def asked(request: web.Request) -> contract.Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.raw_headers}
    body = await contract.read_body(request.path, headers, request.content.iter_chunked(2**16))
    return contract.Request(request.method, request.path, request.query, headers, body)


@routes.route("*", "/events/{name}")
async def events(request: web.Request) -> web.StreamResponse:
    stream = service.stream(await asked(request))
    async with sse_response(
        request,
        allow_all_methods=True,
        ping_interval=service.options.ping,
        send_timeout=service.options.user_timeout_s,
    ) as response:
        if request.method != "HEAD":
            with closing(stream):
                async for event in stream:
                    await send(response, event)
    return response


async def send(response: EventSourceResponse, event: contract.Event) -> None:
    if event.data is None:
        if wrong := contract.unfit(event):
            raise ValueError(wrong)
        await response.write(contract.encode(event))
        return
    if event.comment is not None:
        await response.write(contract.encode(contract.Event(comment=event.comment)))
    await response.send(event.data, id=event.id, event=event.event, retry=event.retry)


@routes.get("/ws/{name}")
async def socket(request: web.Request) -> web.WebSocketResponse:
    stream = service.socket(await asked(request))
    websocket = web.WebSocketResponse(timeout=contract.GRACE_S / 2, heartbeat=service.options.ping)
    await websocket.prepare(request)

    async def send() -> None:
        async for event in stream:
            await websocket.send_json(contract.as_json(event))

    async def read() -> None:
        async for _ in websocket:
            pass

    await contract.first_of(send(), read())
    await websocket.close()
    return websocket


@routes.route("*", "/{path:.*}")
async def answer(request: web.Request) -> web.Response:
    return reply(await service.answer(await asked(request)))


def reply(found: contract.Answer) -> web.Response:
    return web.Response(body=found.body, status=found.status, headers=found.all_headers)


@web.middleware
async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        preflight = service.preflight(request.method, request.headers)
        return reply(preflight) if preflight else await handler(request)
    except contract.Refusal as refusal:
        return reply(refusal.answer)
    except ConnectionResetError:
        return web.Response()  # the client has left: nobody will read it


async def allow_origin(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(service.cors(request.headers.get("Origin")))


app = web.Application(middlewares=[refuse])
app.add_routes(routes)
app.on_response_prepare.append(allow_origin)

if __name__ == "__main__":
    contract.serve_aiohttp(app, service)
