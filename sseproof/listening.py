"""What a page listens to, seen from a case: an EventSource, or a stream read by fetch, with every step it took.

The page keeps them (browser.js); here they are asked for, waited for, and given as plain values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sseproof.stream import StreamFault
from sseproof.wire import Event

if TYPE_CHECKING:
    from sseproof.tab import Tab

_SCRIPT_AND = f"args => {{ {Path(__file__).with_name('browser.js').read_text('utf-8')}\n"


@dataclass(frozen=True)
class Step:
    """Hold one step of an EventSource: what happened, when by the page's clock, and the readyState then."""

    what: str  # made, open, event, error, closed
    at_ms: float
    state: int
    event: Event | None = None
    origin: str = ""


class Source:
    """An EventSource in a page, with every step it took."""

    def __init__(self, tab: Tab, name: str, url: str, types: Sequence[str], credentials: bool) -> None:
        self._tab, self._name, self._url = tab, name, url
        tab.ask(_SCRIPT_AND + "sseproof.open(...args); }", [name, url, credentials, list(types)])

    @property
    def steps(self) -> list[Step]:
        """Give all steps so far."""
        found = self._tab.ask("name => sseproof.sources[name].steps", self._name)
        return [_step(each) for each in found]

    @property
    def events(self) -> list[Event]:
        """Give the events so far."""
        return [step.event for step in self.steps if step.event]

    @property
    def state(self) -> int:
        """Give its readyState now."""
        return int(self._tab.ask("name => sseproof.sources[name].source.readyState", self._name))

    def until(self, what: str, count: int = 1) -> list[Step]:
        """Wait for so many steps of a kind in all ("open", "event", "error"); give all steps."""
        return self._until([what], count)

    def until_either(self, *whats: str) -> Step:
        """Wait for the first step of any of these kinds; give it."""
        return next(step for step in self._until(whats, 1) if step.what in whats)

    def _until(self, whats: Sequence[str], count: int) -> list[Step]:
        expected = f"{count} x {' or '.join(whats)} of an EventSource on {self._url[:120]}"
        call = "([name, whats, count]) => sseproof.settled(name, whats, count)"
        self._tab.until(call, [self._name, list(whats), count], expected, self._seen)
        steps = self.steps
        if sum(step.what in whats for step in steps) < count:
            raise StreamFault(f"received {self._seen()}, and it is closed for good, expected {expected}")
        return steps

    def read(self, count: int) -> list[Event]:
        """Wait for so many events in all; give the first so many."""
        self.until("event", count)
        return self.events[:count]

    def read_to(self, data: str) -> list[Event]:
        """Wait for an event with this data; give all events up to it."""
        call = "([name, data]) => sseproof.sources[name].steps.some(step => step.data === data)"
        call += " || sseproof.settled(name, [], 1)"
        self._tab.until(call, [self._name, data], f"an event with {data!r}", self._seen)
        events = self.events
        if data not in [event.data for event in events]:
            raise StreamFault(f"received {self._seen()}, and it is closed for good, expected {data!r}")
        return events[: [event.data for event in events].index(data) + 1]

    def close(self) -> None:
        """Close it, as a page does that has seen enough."""
        self._tab.ask("name => sseproof.close(name)", self._name)

    def _seen(self) -> str:
        told = [f"{step.what} (readyState {step.state}){_brief(step.event)}" for step in self.steps]
        return ", ".join(told if len(told) < 12 else [*told[:4], "...", *told[-6:]])


class Reading:
    """A stream read by fetch in a page."""

    def __init__(
        self, tab: Tab, name: str, url: str, json: Mapping[str, Any] | None, init: Mapping[str, Any]
    ) -> None:
        self._tab, self._name = tab, name
        function = "const [name, url, json, init] = args; if (json !== null) { init.method = 'POST'; "
        function += (
            "init.body = JSON.stringify(json); init.headers = { 'Content-Type': 'application/json' }; } "
        )
        tab.ask(_SCRIPT_AND + function + "sseproof.read(name, url, init); }", [name, url, json, dict(init)])

    @property
    def found(self) -> dict[str, Any]:
        """Give its status, its state (asked, reading, ended, failed), its error and its chunks' times."""
        keep = (
            "({ status, state, error, chunks }) => ({ status, state, error, times: chunks.map(c => c.at) })"
        )
        return dict(self._tab.ask(f"name => ({keep})(sseproof.reads[name])", self._name))

    @property
    def body(self) -> bytes:
        """Give what was read so far."""
        return bytes(self._tab.ask("name => sseproof.reads[name].chunks.flatMap(c => c.bytes)", self._name))

    def until(self, condition: str, expected: str) -> dict[str, Any]:
        """Wait until a condition of `read` holds: "read.chunks.length > 1"; give what was found."""
        self._tab.until(
            f"name => {{ const read = sseproof.reads[name]; return {condition}; }}",
            self._name,
            expected,
            lambda: {**self.found, "body": self.body[-200:]},
        )
        return self.found

    def abort(self) -> None:
        """Break it off, as a page's cancel button does."""
        self._tab.ask("name => sseproof.reads[name].abort.abort()", self._name)


def _step(found: Mapping[str, Any]) -> Step:
    event = None
    if found["what"] == "event":
        event = Event(found["data"], found["type"], found["lastEventId"])
    return Step(found["what"], found["at"], found["state"], event, found.get("origin", ""))


def _brief(event: Event | None) -> str:
    return "" if event is None else f" {event.type} {event.data[:40]!r} id {event.last_event_id[:40]!r}"
