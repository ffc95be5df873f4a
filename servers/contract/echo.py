"""The scripted stream: what goes in must come out, through the framework's own encoder."""

import time
from typing import Any

from .drive import FOREVER, NOW, Plan, Wake
from .event import Event, unfit
from .message import Refusal, Request, read_json

_FIELDS = ("data", "event", "id", "retry", "comment")
_KEYS = {*_FIELDS, "after", "fail"}
_MOST = 100_000


class ScriptFailed(RuntimeError):
    """Raised inside the stream because the script said `fail`."""


def echo(request: Request, encoder_is_ours: bool) -> "Script":
    """Read the script of a request, or refuse with 422.

    A value that no wire can carry is refused here only where the encoder is ours; a framework's own encoder
    gets it as it is, since what it does with it is what the battery wants to see.
    """
    if request.method == "POST":
        items = request.json(bad=422)
    else:
        items = read_json(request.text("script", most=1_000_000), "script", bad=422)
    if not isinstance(items, list) or len(items) > _MOST:
        raise Refusal(422, f"a script is a list of at most {_MOST} objects")
    for number, item in enumerate(items):
        if wrong := _wrong(item) or (encoder_is_ours and unfit(_event(item))):
            raise Refusal(422, f"item {number} of the script: {wrong}")
    return Script(items, request.flag("hold"))


class Script:
    """Plan the events of a script; `after` waits first, `fail` raises instead of an event."""

    def __init__(self, items: list[dict[str, Any]], hold: bool):
        self._items, self._hold = items, hold

    def __call__(self, wake: Wake) -> Plan:
        for item in self._items:
            due = time.time() + item["after"] if item.get("after") else NOW
            if item.get("fail"):
                yield due, None
                raise ScriptFailed("the script said so")
            yield due, _event(item)
        while self._hold:
            yield FOREVER, None


def _event(item: dict[str, Any]) -> Event:
    return Event(**{name: item.get(name) for name in _FIELDS})


def _wrong(item: Any) -> str | None:
    if not isinstance(item, dict):
        return "it is no object"
    if unknown := set(item) - _KEYS:
        return f"unknown key {min(unknown)!r}, expected some of {', '.join(sorted(_KEYS))}"
    after = item.get("after", 0)
    if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after <= 3600:
        return f"after is {after!r}, expected seconds from 0 to 3600"
    if not isinstance(item.get("fail", False), bool):
        return "fail is neither true nor false"
    return None
