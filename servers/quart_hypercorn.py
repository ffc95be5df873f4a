# /// script
# requires-python = ">=3.11"
# dependencies = ["quart", "hypercorn", "psutil"]
# ///
"""Quart streaming an async or a blocking generator, as its documentation shows, on hypercorn."""

import json

import contract
from quart import Quart, Response, request, websocket
from werkzeug.exceptions import HTTPException

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
service = contract.Service(framework="quart", http_server="hypercorn", websocket=True, blocking=True)
app = Quart(__name__, static_folder=None)
app.config["MAX_CONTENT_LENGTH"] = None  # the limit depends on the path: contract.read_body keeps it
app.asgi_app = contract.Middleware(app.asgi_app, service)


async def asked() -> contract.Request:
    body = await contract.read_body(request.path, request.headers, request.body)
    return contract.request_of(request.scope, body)


@app.route("/events/<name>", methods=METHODS)
async def events(name: str) -> Response:
    question = await asked()
    stream = service.stream(question)
    if question.method == "HEAD":
        content = ()
    elif question.flag("blocking"):
        content = (contract.encode(event) for event in stream)  # runs in a thread
    else:
        content = (contract.encode(event) async for event in stream)
    response = Response(content, headers=contract.STREAM_HEADERS)
    response.timeout = None  # a stream has no end: Quart would end it after 60 s
    return response


@app.route("/", methods=METHODS)
@app.route("/<path:path>", methods=METHODS)
async def answer(path: str = "") -> Response:
    return reply(await service.answer(await asked()))


@app.websocket("/ws/<name>")
async def socket(name: str) -> None:
    stream = service.socket(contract.request_of(websocket.scope))
    await websocket.accept()
    async for event in stream:
        await websocket.send_json(contract.as_json(event))


@app.errorhandler(contract.Refusal)
async def refuse(refusal: contract.Refusal) -> Response:
    return reply(refusal.answer)


@app.errorhandler(HTTPException)
async def refuse_as_json(error: HTTPException) -> Response:
    response = error.get_response()
    response.data = json.dumps({"error": error.description})
    response.content_type = "application/json"
    return response


def reply(found: contract.Answer) -> Response:
    return Response(found.body, found.status, found.all_headers)


if __name__ == "__main__":
    contract.serve_hypercorn(app, service)
