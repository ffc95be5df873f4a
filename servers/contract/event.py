"""One event of a stream, and the encoder of the servers whose framework has none.

`encode` follows the HTML Standard, section 9.2.5 ("Parsing an event stream"), read backwards: what
a client must read is what we write. `unfit` says which values no wire can carry.
"""

import json
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Hold the fields of one block; those that are None are not sent. A script may put any JSON here."""

    data: Any = None
    event: Any = None
    id: Any = None
    retry: Any = None
    comment: Any = None


PING = Event(comment="ping")
_LINE_END = re.compile(r"\r\n|\r|\n")  # not str.splitlines(), which knows eight more


def text(value: Any) -> str:
    """Give the text SSE carries for a JSON value: strings as they are, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def unfit(event: Event) -> str | None:
    """Say why no wire can carry this event, or return None."""
    for name in ("event", "id"):
        value = getattr(event, name)
        if value is not None and not isinstance(value, str):
            return f"{name} is no text: {value!r}"
        if value is not None and _LINE_END.search(value):
            return f"{name} holds an end of line"
    if event.id is not None and "\0" in event.id:
        return "id holds a NUL, so a client would ignore it"
    if event.retry is not None and (type(event.retry) is not int or event.retry < 0):
        return f"retry is no whole number of milliseconds from 0: {event.retry!r}"
    for name in ("data", "event", "id", "comment"):
        value = getattr(event, name)
        if value is not None and not _is_unicode(text(value)):
            return f"{name} holds a lone surrogate, which UTF-8 cannot carry"
    return None


def encode(event: Event) -> bytes:
    """Write one block. The space after each colon keeps a leading space in the value."""
    lines = []
    if event.comment is not None:
        lines += [f": {line}" for line in _LINE_END.split(text(event.comment))]
    if event.event is not None:
        lines.append(f"event: {event.event}")
    if event.data is not None:
        lines += [f"data: {line}" for line in _LINE_END.split(text(event.data))]
    if event.id is not None:
        lines.append(f"id: {event.id}")
    if event.retry is not None:
        lines.append(f"retry: {event.retry}")
    return ("\n".join(lines) + "\n\n").encode()


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
