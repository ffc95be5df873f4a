"""The demonstration streams: small pictures of what people use SSE for, each a plan of (due, event).

`after` is the last event ID. Streams that end are resumable, and refuse with 204 whoever has seen their end,
because that is how a server stops an EventSource from reconnecting.
"""

import json
import random
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import psutil

from .drive import NOW, Plan, Wake
from .event import Event
from .message import Refusal, Request

Planned = Callable[[Wake], Plan]
_SPEECH = (
    "a server sends an event and the client reads it then waits for one more line while the "
    "connection stays open until either side has had enough of tokens"
)
_PIPELINE = ("queued", "fetching", "cleaning", "training", "evaluating", "publishing", "done")
_STOCKS = {"AAPL": 190.0, "GOOGL": 140.0, "MSFT": 370.0}


def _speed(request: Request) -> float:
    return request.number("speed", 1, 0.01, 1000)


def _paced(events: Iterable[Event], interval_s: float, lead: int = 1) -> Planned:
    """Plan events at equal distances; the first `lead` go at once."""

    def plan(wake: Wake) -> Plan:
        start = time.time()
        for number, event in enumerate(events):
            yield start + max(0, number + 1 - lead) * interval_s, event

    return plan


def _computed(make: Callable[[int], Event], interval_s: float) -> Planned:
    """Plan an endless stream whose event is made when it is due."""

    def plan(wake: Wake) -> Plan:
        start = time.time()
        for number in count():
            yield start + number * interval_s, None
            yield NOW, make(number)

    return plan


def _resumed(make: Callable[[int], Event], total: int, request: Request, interval_s: float) -> Planned:
    """Plan what comes after the last event ID of a stream of events 1 to total; an unknown id begins it anew."""
    after = request.last_event_id or ""
    seen = int(after) if after.isascii() and after.isdecimal() and len(after) < 10 else 0
    if seen == total:
        raise Refusal(204)
    first = seen + 1 if seen < total else 1
    return _paced(map(make, range(first, total + 1)), interval_s)


def clock(request: Request) -> Planned:
    """The time of day, once a second."""
    return _computed(lambda _: Event(data=time.strftime("%H:%M:%S")), 1 / _speed(request))


def system(request: Request) -> Planned:
    """CPU and memory of this machine, once a second; CPU since this stream's event before."""
    interval_s = 1 / _speed(request)

    def plan(wake: Wake) -> Plan:
        start, times, percent = time.time(), psutil.cpu_times(), 0.0
        for number in count(1):
            yield start + number * interval_s, None
            before, times = times, psutil.cpu_times()
            names = set(times._fields) - {"guest", "guest_nice"}  # Linux counts these as user time too
            spent = {name: getattr(times, name) - getattr(before, name) for name in names}
            if (total := sum(spent.values())) > 0:  # else too little time for the kernel to have counted
                idle = spent["idle"] + spent.get("iowait", 0)
                percent = round(min(100.0, max(0.0, 100 * (1 - idle / total))), 1)
            memory = psutil.virtual_memory()
            figures = {
                "cpu_percent": percent,
                "memory_percent": memory.percent,
                "memory_used_mb": round(memory.used / 2**20, 1),
                "memory_total_mb": round(memory.total / 2**20, 1),
            }
            yield NOW, Event(data=json.dumps(figures))

    return plan


def training(request: Request) -> Planned:
    """A training run: one `progress` event a step, then `complete`."""
    epochs, steps = request.whole("epochs", 10, 1, 1000), request.whole("steps", 100, 1, 1000)
    if (total := epochs * steps) > 100_000:
        raise Refusal(422, f"epochs x steps is {total}, expected at most 100000")

    def make(number: int) -> Event:
        if number > total:
            done = json.dumps({"total_epochs": epochs, "loss": round(2.0 / (1 + epochs), 4)})
            return Event(data=done, event="complete", id=str(number))
        progress: dict[str, Any] = {
            "epoch": (number - 1) // steps + 1,
            "total_epochs": epochs,
            "progress_percent": round(100 * number / total, 2),
            "loss": round(2.0 / (1 + number / steps), 4),
        }
        return Event(data=json.dumps(progress), event="progress", id=str(number))

    return _resumed(make, total + 1, request, 0.1 / _speed(request))


def stocks(request: Request) -> Planned:
    """Prices of three stocks on one stream, each event named by its symbol; the same for the same seed."""
    seed = request.query.get("seed")
    chance = random.Random(seed)
    prices = dict(_STOCKS)

    def quotes() -> Iterable[Event]:
        while True:
            for symbol in prices:
                change = round(chance.gauss(0, 1), 2)
                prices[symbol] = round(max(1.0, prices[symbol] + change), 2)
                quote = {"symbol": symbol, "price": prices[symbol], "change": change}
                yield Event(data=json.dumps(quote), event=symbol)

    return _paced(quotes(), 1 / 3 / _speed(request), lead=3)


def pipeline(request: Request) -> Planned:
    """The steps of a pipeline, the data of a typed model."""

    def make(step: int) -> Event:
        percentage = round(100 * step / len(_PIPELINE))
        model = {
            "step": step,
            "total": len(_PIPELINE),
            "message": _PIPELINE[step - 1],
            "percentage": percentage,
        }
        return Event(data=json.dumps(model), event="pipeline", id=str(step))

    return _resumed(make, len(_PIPELINE), request, 0.5 / _speed(request))


def resilient(request: Request, retry_ms: int) -> Planned:
    """Numbered events, each with its id and the reconnection time."""

    def make(number: int) -> Event:
        return Event(data=json.dumps({"n": number}), id=str(number), retry=retry_ms)

    return _resumed(make, request.whole("count", 100, 1, 100_000), request, 0.1 / _speed(request))


def counter(request: Request) -> Planned:
    """An endless counter with its time, one a second."""
    return _computed(
        lambda n: Event(data=json.dumps({"count": n + 1, "time": time.time()}), id=str(n + 1)),
        1 / _speed(request),
    )


def chat(request: Request) -> Planned:
    """An answer token by token; the same for the same message and seed."""
    body = request.json(bad=422)
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str) or not message:
        raise Refusal(422, "message is missing or no text")
    if not isinstance(body.get("conversation_id", ""), str | None):
        raise Refusal(422, "conversation_id is no text")
    chance = random.Random(f"{request.query.get('seed', '')}:{message}".encode(errors="replace"))
    words = chance.choices(_SPEECH.split(), k=chance.randint(12, 40))
    tokens = [words[0].title(), *(f" {word}" for word in words[1:])]
    events = [Event(data=token, event="token") for token in [*tokens, "."]]
    return _paced([*events, Event(data="[DONE]", event="done")], 1 / request.number("rate", 20, 0.1, 10_000))


DEMOS: dict[str, Callable[[Request], Planned]] = {
    "clock": clock,
    "system": system,
    "training": training,
    "stocks": stocks,
    "pipeline": pipeline,
    "counter": counter,
    "chat": chat,
}
