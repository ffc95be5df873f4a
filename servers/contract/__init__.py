"""What every server serves, written once and free of any framework.

An adapter makes one `Service`, turns each request into a `Request`, gives `service.stream(request)` to its
framework's own SSE support and `service.answer(request)` to its JSON response, and ends with the serve function
of its HTTP server. docs/contract.md lists the routes.
"""

from .asgi import Middleware, first_of, gone, read_request, request_of
from .drive import Stream
from .event import Event, encode, unfit
from .message import Answer, Refusal, Request, body_limit, check_length, read_body
from .options import listen
from .serve import GRACE_S, serve_aiohttp, serve_gunicorn, serve_hypercorn, serve_uvicorn
from .service import Service, as_json

STREAM_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}

__all__ = [
    "GRACE_S",
    "STREAM_HEADERS",
    "Answer",
    "Event",
    "Middleware",
    "Refusal",
    "Request",
    "Service",
    "Stream",
    "as_json",
    "body_limit",
    "check_length",
    "encode",
    "first_of",
    "gone",
    "listen",
    "read_body",
    "read_request",
    "request_of",
    "serve_aiohttp",
    "serve_gunicorn",
    "serve_hypercorn",
    "serve_uvicorn",
    "unfit",
]
