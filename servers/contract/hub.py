"""Broadcast: topics with a bounded history, subscribers with bounded mailboxes.

The rule: taking what was kept and joining who is listening is one step under one lock, so between the
replay and the live events there is no gap and no duplicate. Ids are opaque: they carry a token of this
process and the topic's name, so an id of another process or topic is unknown, never mistaken.

It has more than 200 lines because what one lock guards, topics and mailboxes, is read together.
"""

import json
import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from .drive import FOREVER, NOW, Plan, Wake
from .event import Event
from .message import Refusal

MOST_TOPICS = 10_000
_PATIENCE_S = 0.05  # how long a publisher waits while no reader catches up
_MOST_PATIENCE_S = 10.0  # how long it waits in all, for all that it publishes at once


class Kept(NamedTuple):
    """What a subscriber has missed, the reset that says why it cannot be all, and the place reached by then."""

    reset: Event | None
    events: list[Event]
    last: str  # an id to go on from, even where there is no event yet


class Mailbox:
    """Hold the events that wait for one subscriber. Full: it is cut off, and resumes by its id."""

    __slots__ = ("counts", "cut", "events", "topic", "wake")

    def __init__(self, topic: "Topic", wake: Wake, counts: bool):
        self.topic, self.wake, self.cut = topic, wake, False
        self.events: list[Event] = []  # not a deque, which takes 760 bytes while it is empty
        self.counts = counts  # as a subscriber; who polls is none


def catching_up(boxes: list[Mailbox], mailbox: int, until: float = math.inf) -> Generator[float, None, None]:
    """Yield seconds to sleep while those catch up who read, so that a long list cuts off only who does not."""

    def waiting() -> int:  # in mailboxes that are more than half full
        sizes = (len(box.events) for box in boxes if not box.cut)
        return sum(size for size in sizes if 2 * size > mailbox)

    left, patience = waiting(), time.monotonic() + _PATIENCE_S
    while left and time.monotonic() < min(patience, until):
        yield 0.001
        if (now := waiting()) < left:  # somebody reads: that is worth waiting for
            left, patience = now, time.monotonic() + _PATIENCE_S


class Topic:
    """Keep the newest events of one topic. All that touches it holds the hub's lock."""

    def __init__(self, name: str, token: str, history: int):
        # A header carries no control characters, so neither does an id.
        safe = "".join(char if char.isprintable() else f"%{ord(char):02X}" for char in name)
        self._prefix = f"{token}-{safe}-"
        self.newest = 0
        self.kept: deque[Event] = deque(maxlen=history)
        self.mailboxes: set[Mailbox] = set()

    def append(self, data: str, event: str | None) -> Event:
        self.newest += 1
        made = Event(data=data, event=event, id=self.place(self.newest))
        self.kept.append(made)
        return made

    def place(self, number: int) -> str:
        """Give the id of an event; that of the one before the first is a place to resume from too."""
        return f"{self._prefix}{number}"

    @property
    def oldest(self) -> int:
        return self.newest - len(self.kept) + 1

    def after(self, last_event_id: str | None) -> Kept:
        """Give what came after an id: nothing without one, all that is kept if it is unknown or too old."""
        if last_event_id is None:
            return Kept(None, [], self.place(self.newest))
        number = last_event_id.removeprefix(self._prefix)
        if number != last_event_id and number.isdecimal() and number.isascii() and len(number) < 20:
            missed = self.newest - int(number)
            if 0 <= missed <= len(self.kept):
                return Kept(None, list(self.kept)[len(self.kept) - missed :], self.place(self.newest))
        numbers = {"oldest": self.oldest, "newest": self.newest}
        ends = {name: self.place(number) if self.kept else None for name, number in numbers.items()}
        reset = Event(data=json.dumps(ends), event="reset", id=self.place(self.oldest - 1))
        return Kept(reset, list(self.kept), self.place(self.newest))


class Hub:
    """Publish to topics and subscribe to them, from one event loop or from many threads."""

    def __init__(self, history: int, mailbox: int, most_topics: int = MOST_TOPICS):
        self._history, self._mailbox, self._most_topics = history, mailbox, most_topics
        self._token = secrets.token_hex(4)
        self._made = 0
        self._topics: dict[str, Topic] = {}
        self._lock = threading.Lock()

    def publish(
        self, name: str, items: list[tuple[str, str | None]], wake: Wake | None = None
    ) -> Generator[float, None, list[str]]:
        """Append events in order and return their ids; yield seconds to sleep, so that readers keep up.

        `wake` is for brokers that have to wait for an answer.
        """
        ids: list[str] = []
        until = time.monotonic() + _MOST_PATIENCE_S
        batch = max(1, self._mailbox // 4)
        for start in range(0, len(items), batch):
            with self._lock:
                topic = self._topic(name)
                for data, event in items[start : start + batch]:
                    made = topic.append(data, event)
                    ids.append(str(made.id))
                    self._deliver(topic, made)
                boxes = list(topic.mailboxes)
            yield NOW
            yield from catching_up(boxes, self._mailbox, until)
        return ids

    def subscribers(self, name: str) -> int:
        """Count who listens to a topic, and is not cut off; 0 for one never seen."""
        with self._lock:
            return sum(box.counts for box in self._topics[name].mailboxes) if name in self._topics else 0

    def make_room(self, name: str) -> None:
        """Make a topic, or refuse with 503 while all places are taken."""
        with self._lock:
            self._topic(name)

    @contextmanager
    def subscribe(
        self, name: str, last_event_id: str | None, wake: Wake, counts: bool = True
    ) -> Iterator[tuple[Kept, Mailbox]]:
        """Join for as long as a `with` block lasts."""
        kept, box = self.join(name, last_event_id, wake, counts)
        try:
            yield kept, box
        finally:
            self.leave(box)

    def join(self, name: str, last_event_id: str | None, wake: Wake, counts: bool) -> tuple[Kept, Mailbox]:
        """Take what was missed and join the listeners, in one step."""
        with self._lock:
            topic = self._topic(name)
            box = Mailbox(topic, wake, counts)
            topic.mailboxes.add(box)
            return topic.after(last_event_id), box

    def joining(
        self, name: str, last_event_id: str | None, wake: Wake
    ) -> Generator[float, None, tuple[Kept, Mailbox]]:
        """Join as one who polls; a generator, because other brokers have to wait for it."""
        yield from ()
        return self.join(name, last_event_id, wake, counts=False)

    def leave(self, box: Mailbox) -> None:
        """Listen no longer."""
        with self._lock:
            box.topic.mailboxes.discard(box)

    def plan(self, name: str, last_event_id: str | None) -> Callable[[Wake], Plan]:
        """Plan the stream of a topic: first what was missed, then what comes."""
        return partial(self._stream, name, last_event_id)

    def _stream(self, name: str, last_event_id: str | None, wake: Wake) -> Plan:
        # Not `with self.subscribe`, which takes another 700 bytes for as long as the stream lasts.
        kept, box = self.join(name, last_event_id, wake, counts=True)
        try:
            yield NOW, None  # subscribed: what follows is not missed
            if kept.reset:
                yield NOW, kept.reset
            for event in kept.events:
                yield NOW, event
            del kept  # or a replay would be held as long as its stream
            while not box.cut:
                while box.events and not box.cut:
                    yield NOW, box.events.pop(0)
                yield (NOW if box.cut else FOREVER), None
        finally:
            self.leave(box)

    def _topic(self, name: str) -> Topic:
        if name not in self._topics:
            if len(self._topics) >= self._most_topics:
                self._drop_one()
            self._made += 1
            self._topics[name] = Topic(name, f"{self._token}.{self._made}", self._history)
        topic = self._topics[name] = self._topics.pop(name)  # the dict is in the order of use
        return topic

    def _drop_one(self) -> None:
        idle = next((name for name, topic in self._topics.items() if not topic.mailboxes), None)
        if idle is None:
            raise Refusal(503, f"all {self._most_topics} topics are in use", {"Retry-After": "1"})
        del self._topics[idle]

    def _deliver(self, topic: Topic, event: Event) -> None:
        for box in list(topic.mailboxes):
            if len(box.events) >= self._mailbox:
                box.cut = True
                topic.mailboxes.discard(box)
            else:
                box.events.append(event)
            box.wake.set()
