# /// script
# requires-python = ">=3.11"
# dependencies = ["flask", "flask-sock", "gunicorn", "psutil"]
# ///
"""Flask streaming a generator, as its documentation shows, on gunicorn's threads; WebSocket by Flask-Sock."""

import json

import contract
from flask import Flask, Response, g, request
from flask_sock import Sock
from simple_websocket import Server
from werkzeug.exceptions import HTTPException

THREADS = 1200  # a stream keeps its thread
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
service = contract.Service(
    framework="flask", http_server="gunicorn", websocket=True, blocking=True, workers=True
)
app = Flask(__name__, static_folder=None)
app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": service.options.ping}
sock = Sock(app)


def asked() -> contract.Request:
    contract.check_length(request.path, request.content_length or 0)
    # Werkzeug cuts a chunked body at its limit without a word: what is one byte over, the contract refuses.
    request.max_content_length = contract.body_limit(request.path) + 1
    headers = {name.lower(): value for name, value in request.headers}
    return contract.Request(request.method, request.path, request.args, headers, request.get_data())


@app.route("/events/<name>", methods=METHODS)
def events(name: str) -> Response:
    stream = service.stream(asked())
    return Response((contract.encode(event) for event in stream), headers=contract.STREAM_HEADERS)


@app.route("/", methods=METHODS)
@app.route("/<path:path>", methods=METHODS)
def answer(path: str = "") -> Response:
    return reply(service.answer_blocking(asked()))


@sock.route("/ws/<name>")
def socket(ws: Server, name: str) -> None:
    for event in g.stream:
        if not ws.connected:  # its own thread reads, and sees the client leave
            break
        if event.data is not None:
            ws.send(json.dumps(contract.as_json(event)))


@app.before_request
def before() -> Response | None:
    if preflight := service.preflight(request.method, request.headers):
        return reply(preflight)
    if request.path.startswith("/ws/"):  # Flask-Sock accepts before it calls the route: refuse here
        g.stream = service.socket(asked(), ping_s=service.options.ping)
    return None


@app.after_request
def allow_origin(response: Response) -> Response:
    response.headers.update(service.cors(request.headers.get("Origin")))
    return response


@app.errorhandler(contract.Refusal)
def refuse(refusal: contract.Refusal) -> Response:
    return reply(refusal.answer)


@app.errorhandler(HTTPException)
def refuse_as_json(error: HTTPException) -> Response:
    response = error.get_response()
    response.data = json.dumps({"error": error.description})
    response.content_type = "application/json"
    return response


def reply(found: contract.Answer) -> Response:
    return Response(found.body, found.status, found.all_headers)


if __name__ == "__main__":
    contract.serve_gunicorn(app, service, threads=THREADS)
