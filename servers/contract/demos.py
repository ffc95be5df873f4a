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


def _resumed(events: list[Event], request: Request, interval_s: float) -> Planned:
    """Plan what comes after the last event ID of a finite stream; an unknown id begins it anew."""
    ids = [event.id for event in events]
    after = request.last_event_id
    at = ids.index(after) + 1 if after in ids else 0
    if at == len(events):
        raise Refusal(204)
    return _paced(events[at:], interval_s)


def clock(request: Request) -> Planned:
    """The time of day, once a second."""
    return _computed(lambda _: Event(data=time.strftime("%H:%M:%S")), 1 / _speed(request))


def system(request: Request) -> Planned:
    """CPU and memory of this machine, once a second; CPU since this stream's event before."""
    interval_s = 1 / _speed(request)

    def plan(wake: Wake) -> Plan:
        start, times = time.time(), psutil.cpu_times()
        for number in count(1):
            yield start + number * interval_s, None
            before, times = times, psutil.cpu_times()
            spent = [now - then for now, then in zip(times, before, strict=True)]
            idle = times.idle - before.idle + getattr(times, "iowait", 0) - getattr(before, "iowait", 0)
            memory = psutil.virtual_memory()
            figures = {
                "cpu_percent": round(100 * (1 - idle / (sum(spent) or 1)), 1),
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
    events = []
    for number in range(1, total + 1):
        progress: dict[str, Any] = {
            "epoch": (number - 1) // steps + 1,
            "total_epochs": epochs,
            "progress_percent": round(100 * number / total, 2),
            "loss": round(2.0 / (1 + number / steps), 4),
        }
        events.append(Event(data=json.dumps(progress), event="progress", id=str(number)))
    done = json.dumps({"total_epochs": epochs, "loss": round(2.0 / (1 + epochs), 4)})
    events.append(Event(data=done, event="complete", id=str(total + 1)))
    return _resumed(events, request, 0.1 / _speed(request))


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
    events = []
    for step, message in enumerate(_PIPELINE, 1):
        percentage = round(100 * step / len(_PIPELINE))
        model = {"step": step, "total": len(_PIPELINE), "message": message, "percentage": percentage}
        events.append(Event(data=json.dumps(model), event="pipeline", id=str(step)))
    return _resumed(events, request, 0.5 / _speed(request))


def resilient(request: Request, retry_ms: int) -> Planned:
    """Numbered events, each with its id and the reconnection time."""
    most = request.whole("count", 100, 1, 100_000)
    events = [Event(data=json.dumps({"n": n}), id=str(n), retry=retry_ms) for n in range(1, most + 1)]
    return _resumed(events, request, 0.1 / _speed(request))


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
