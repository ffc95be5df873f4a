"""CORS as Fetch defines it: an allowed origin is compared whole and exactly, and echoed; another gets nothing."""

from collections.abc import Collection, Mapping

from .message import Answer

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST",
    "Access-Control-Allow-Headers": "Last-Event-ID, Content-Type, Cache-Control",
    "Access-Control-Max-Age": "600",
}


def cors_headers(origin: str | None, allowed: Collection[str]) -> dict[str, str]:
    """Give the headers every response carries, refusals and preflights included."""
    if origin not in allowed:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": str(origin),
        "Access-Control-Allow-Credentials": "true",
    }


def preflight(method: str, headers: Mapping[str, str], allowed: Collection[str]) -> Answer | None:
    """Answer a preflight, or return None if the request is none."""
    if method != "OPTIONS" or not headers.get("access-control-request-method"):
        return None
    return Answer(204, headers=_PREFLIGHT if headers.get("origin") in allowed else {})
