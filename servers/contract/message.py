"""What a framework hands to the contract and gets back, as plain values.

An adapter turns its framework's request into a `Request`, and an `Answer` or a `Refusal` into its
framework's response. Header values are text in ISO-8859-1, as ASGI and WSGI have them.
"""

import json
import math
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

BODY_LIMIT_BYTES = 1024 * 1024
ECHO_LIMIT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold a whole response that is no stream: a status, a JSON value or HTML (None: no body), more headers."""

    status: int
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    html: str | None = None

    @property
    def body(self) -> bytes:
        if self.html is not None:
            return self.html.encode()
        return b"" if self.value is None else json.dumps(self.value).encode()

    @property
    def all_headers(self) -> dict[str, str]:
        """Give the headers of this answer with its media type, if it has a body."""
        kind = {} if self.value is None else {"Content-Type": "application/json"}
        if self.html is not None:
            kind = {"Content-Type": "text/html; charset=utf-8"}
        return {**kind, "Cache-Control": "no-store", **self.headers}


class Refusal(Exception):
    """Raise instead of an answer: a status, what was wrong, more headers."""

    def __init__(self, status: int, error: str | None = None, headers: Mapping[str, str] | None = None):
        super().__init__(error)
        self.answer = Answer(status, None if error is None else {"error": error}, headers or {})


@dataclass(frozen=True, slots=True)
class Request:
    """Hold one request: the path as decoded text, one value per query name, header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def last_event_id(self) -> str | None:
        """Give the id to resume after. The header is UTF-8, whatever the framework took it for."""
        sent = self.headers.get("last-event-id", "").encode("latin-1", "replace").decode(errors="replace")
        return sent or self.query.get("after") or None

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Read a query parameter as a number from low to high, or refuse with 422."""
        sent = self.query.get(name, "")
        try:
            value = float(sent) if sent else default
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # also false for NaN
            raise Refusal(422, f"{name} is {sent!r}, expected a number from {low:g} to {high:g}")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Read a query parameter as a whole number from low to high, or refuse with 422."""
        sent = self.query.get(name, "")
        try:
            value = int(sent) if sent else default
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise Refusal(422, f"{name} is {sent!r}, expected a whole number from {low} to {high}")
        return value

    def flag(self, name: str) -> bool:
        """Read a query parameter as true or false (the default), or refuse with 422."""
        sent = self.query.get(name, "false")
        if sent not in ("true", "false"):
            raise Refusal(422, f"{name} is {sent!r}, expected true or false")
        return sent == "true"

    def text(self, name: str, most: int = 200) -> str:
        """Read a query parameter that must be there, of at most so many characters, or refuse with 422."""
        sent = self.query.get(name, "")
        if not 0 < len(sent) <= most:
            raise Refusal(422, f"{name} has {len(sent)} characters, expected 1 to {most}")
        return sent

    def json(self, bad: int = 400) -> Any:
        """Read the body as JSON, or refuse with the status given."""
        return read_json(self.body, "the body", bad)


def read_json(text: bytes | str, what: str, bad: int) -> Any:
    """Read JSON, without the constants that only Python knows, or refuse with the status given."""
    try:
        return json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise Refusal(bad, f"{what} is no JSON: {error}") from None


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def body_limit(path: str) -> int:
    """Give the most bytes a request to this path may carry."""
    return ECHO_LIMIT_BYTES if path == "/events/echo" else BODY_LIMIT_BYTES


def check_length(path: str, length: int) -> None:
    """Refuse a body that is too large."""
    if length > (limit := body_limit(path)):
        raise Refusal(413, f"the body has more than {limit} bytes")


async def read_body(path: str, headers: Mapping[str, str], chunks: AsyncIterable[bytes]) -> bytes:
    """Read a body chunk by chunk, and refuse it as soon as it is, or says it will be, too large."""
    announced = headers.get("content-length", "")
    check_length(path, int(announced) if announced.isdecimal() else 0)
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        check_length(path, len(body))
    return bytes(body)
