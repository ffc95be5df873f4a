"""Broadcast over Redis: topics shared by all processes that are on the same one, with the interface of hub.py.

Each process reads the news, one entry per published list, and fetches what is new in the topics that somebody here
listens to; it goes to the mailboxes in the order of the stream, the same everywhere. The rule is hub.py's: a
subscriber joins at a place and its replay ends at that place, so between replay and live events there is no gap and no
duplicate. While Redis is away streams stay open and wait, and publishing and polls are refused. Where the chain of
entries is broken, evicted before it was read or lost by Redis, subscribers are cut off: a `reset` tells them when they are back.

The module has more than 200 lines because joining, delivering and replaying are one step under one lock.
"""

import asyncio
import json
import re
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .drive import FOREVER, NOW, Plan, Wake
from .event import Event
from .hub import Kept, Mailbox, catching_up
from .redis_link import Link, rouse
from .redis_store import ANSWER_S, AWAY, LEASE_S, Entry, Store, is_full, refusal

_PAGE = 500  # entries of a replay that are in memory at a time, for each subscriber
_QUIET_MS = 1000  # how long one question for news waits
_AGAIN_S = 0.2  # from a failure to the next attempt
_PLACE = re.compile(r"\d{1,18}-\d{1,18}", re.ASCII)  # Redis takes 64 bits


class Topic:
    """What this process knows of a topic while somebody here listens. All that touches it holds the hub's lock."""

    def __init__(self, name: str):
        self.name, self.prefix = name, _prefix(name)
        self.users: set[Mailbox] = set()  # who is here, joined or waiting for it
        self.mailboxes: set[Mailbox] = set()  # who has joined, and is not cut off
        self.place: str | None = (
            None  # the entry up to which all has been delivered; None until Redis has said
        )
        self.more = False  # there may be
        self.fetching: asyncio.Task[None] | None = None

    def event(self, entry: Entry) -> Event:
        return Event(data=entry.data, event=entry.event, id=self.prefix + entry.id)


class Page(NamedTuple):
    """Hold a part of a replay, which ends at `upto`; `at` is the entry it has reached."""

    reset: Event | None
    events: list[Event]
    at: str
    upto: str


class RedisHub:
    """Publish to topics and subscribe to them, from one event loop or from many threads, in many processes."""

    def __init__(self, url: str, history: int, mailbox: int, most_topics: int):
        self._url, self._history, self._mailbox, self._most_topics = url, history, mailbox, most_topics
        self._topics: dict[str, Topic] = {}
        self._lock = threading.Lock()
        self._link = Link(self._begin)
        self._back = asyncio.Event()  # Redis answers
        self._said: str | None = None
        self._closed = False

    # -- for the contract, in the threads of the server

    def make_room(self, name: str) -> None:
        """Do nothing: only Redis knows whether there is room, and is asked when it is needed."""

    def subscribers(self, name: str) -> int:
        """Count who listens to a topic in this process, and is not cut off."""
        with self._lock:
            return sum(box.counts for box in self._topics[name].mailboxes) if name in self._topics else 0

    def publish(
        self, name: str, items: list[tuple[str, str | None]], wake: Wake
    ) -> Generator[float, None, list[str]]:
        """Append events in order and return their ids. Or refuse with 503: then none is there, or Redis's answer was lost."""
        ids = yield from self._answered(lambda: self._store.publish(name, items), wake)
        return [_prefix(name) + id for id in ids]

    def joining(
        self, name: str, last_event_id: str | None, wake: Wake
    ) -> Generator[float, None, tuple[Kept, Mailbox]]:
        """Join as one who polls and take all that was missed, or refuse with 503."""
        box = self._enter(name, wake, counts=False)
        try:
            kept = yield from self._answered(lambda: self._whole(box, last_event_id), wake)
        except BaseException:
            self.leave(box)
            raise
        return kept, box

    def leave(self, box: Mailbox) -> None:
        """Listen no longer."""
        topic: Any = box.topic
        with self._lock:
            topic.users.discard(box)
            topic.mailboxes.discard(box)
            if not topic.users:
                self._topics.pop(topic.name, None)

    def plan(self, name: str, last_event_id: str | None) -> Callable[[Wake], Plan]:
        """Plan the stream of a topic: first what was missed, then what comes."""
        return partial(self._stream, name, last_event_id)

    def close(self) -> None:
        """Let go of Redis; who still waits waits for ever."""
        self._closed = True  # redis-py now and then takes a cancellation for a failure of its connection
        self._link.close()

    def _stream(self, name: str, last_event_id: str | None, wake: Wake) -> Plan:
        box = self._enter(name, wake, counts=True)
        coming = self._link.call(self._patiently(self._first, box, last_event_id), wake)
        try:
            yield from _until(coming)
            page: Page | None = coming.result()
            if page is None:
                return  # no room for the topic
            yield NOW, None  # subscribed: what follows is not missed
            if page.reset:
                yield NOW, page.reset
            while page:
                for event in page.events:
                    yield NOW, event
                if page.at == page.upto:
                    break
                coming = self._link.call(self._patiently(self._next, box, page), wake)
                yield from _until(coming)
                page = coming.result()
            del page
            while not box.cut:
                while box.events and not box.cut:
                    yield NOW, box.events.pop(0)
                yield (NOW if box.cut else FOREVER), None
        finally:
            coming.cancel()
            self.leave(box)

    def _enter(self, name: str, wake: Wake, counts: bool) -> Mailbox:
        with self._lock:
            topic: Any = self._topics.setdefault(name, Topic(name))
            box = Mailbox(topic, wake, counts)
            topic.users.add(box)
            return box

    def _answered(
        self, ask: Callable[[], Coroutine[Any, Any, Any]], wake: Wake
    ) -> Generator[float, None, Any]:
        """Wait for what Redis answers, in a limited time, or refuse."""

        async def within() -> Any:
            async with asyncio.timeout(ANSWER_S):
                return await ask()

        coming = self._link.call(within(), wake)
        while not coming.done():
            yield FOREVER
            wake.clear()
        try:
            return coming.result()
        except AWAY as error:
            raise refusal(error) from None

    # -- in the link's thread

    async def _begin(self) -> None:
        """Read the news for as long as the process lives, whether Redis does or not."""
        self._store = Store(self._url, self._history, self._most_topics)
        renewing = asyncio.create_task(self._renew())
        try:
            while not self._closed:
                try:
                    await self._read_news()
                except AWAY as error:
                    self._tell(f"is away, streams wait: {str(error) or type(error).__name__}")
                await self._store.hang_up()
                await asyncio.sleep(_AGAIN_S)
        finally:
            renewing.cancel()
            await self._store.close()

    async def _read_news(self) -> None:
        place = await self._store.newest_news()
        self._tell("is there")
        self._fetch_all(None)  # what came while we did not look
        while not self._closed:
            async with asyncio.timeout(_QUIET_MS / 1000 + ANSWER_S):
                place, names = await self._store.news(place, _QUIET_MS)
            self._fetch_all(names)

    def _tell(self, what: str) -> None:
        """Say once on stderr that Redis has gone, and that it is back."""
        there = what == "is there"
        if there != self._back.is_set() and (self._said or not there):
            at = urlsplit(self._url)
            print(f"redis at {at.hostname}:{at.port} {what}", file=sys.stderr, flush=True)
            self._said = what
        self._back.set() if there else self._back.clear()

    async def _renew(self) -> None:
        """Say of each topic that somebody listens here to, that it is in use."""
        while True:
            await asyncio.sleep(LEASE_S / 3)
            for topic in self._all():
                try:
                    await self._store.join(topic.name)
                except AWAY:
                    break

    def _all(self) -> list[Topic]:
        with self._lock:
            return list(self._topics.values())

    def _fetch_all(self, names: set[str] | None) -> None:
        for topic in self._all():
            if names is None or topic.name in names:
                self._fetch(topic)

    def _fetch(self, topic: Topic) -> "asyncio.Task[None]":
        """Have what is new in a topic delivered; the task ends when all is that was there by now."""
        topic.more = True
        if topic.fetching is None or topic.fetching.done():
            topic.fetching = asyncio.create_task(self._fetched(topic))
        return topic.fetching

    async def _fetched(self, topic: Topic) -> None:
        batch = max(1, self._mailbox // 4)
        while topic.more and topic.users and topic.place is not None and not self._closed:
            topic.more = False
            try:
                entries = await self._store.entries(topic.name, f"({topic.place}", "+", batch)
            except AWAY:
                topic.more = True
                await self._pause()
                continue
            topic.more |= len(entries) == batch
            for seconds in catching_up(self._deliver(topic, entries), self._mailbox):
                await asyncio.sleep(seconds)

    def _deliver(self, topic: Topic, entries: list[Entry]) -> list[Mailbox]:
        with self._lock:
            woken = set(topic.mailboxes) if entries else set()
            for entry in entries:
                whole, topic.place = entry.after == topic.place, entry.id
                event = topic.event(entry)
                for box in list(topic.mailboxes):
                    if whole and len(box.events) < self._mailbox:
                        box.events.append(event)
                    else:
                        box.cut = True
                        topic.mailboxes.discard(box)
        rouse(box.wake for box in woken)
        return [box for box in woken if not box.cut]

    async def _pause(self) -> None:
        await asyncio.sleep(_AGAIN_S)
        await self._back.wait()

    async def _patiently(self, ask: Callable[..., Coroutine[Any, Any, Page]], *given: Any) -> Page | None:
        """Ask until Redis answers; None where it says that there is no room."""
        while True:
            try:
                return await ask(*given)
            except AWAY as error:
                if is_full(error):
                    return None
            await self._pause()

    async def _whole(self, box: Mailbox, last_event_id: str | None) -> Kept:
        page = await self._first(box, last_event_id)
        reset, events, prefix = page.reset, list(page.events), _prefix(box.topic.name)  # type: ignore[attr-defined]
        while page.at != page.upto and not box.cut:
            page = await self._next(box, page)
            events += page.events
        return Kept(reset, events, prefix + page.upto)

    async def _first(self, box: Mailbox, last_event_id: str | None) -> Page:
        """Join the listeners and give the first page of what was missed."""
        topic: Any = box.topic
        sent = (last_event_id or "").removeprefix(topic.prefix)
        known = sent != last_event_id and _PLACE.fullmatch(sent) is not None
        if topic.place is None:
            newest = await self._store.join(topic.name)
            topic.place = topic.place or newest
            if topic.more:  # news came before we knew what is new in them
                self._fetch(topic)
        if known and _order(sent) > _order(topic.place):  # another process was quicker than this one
            await asyncio.shield(self._fetch(topic))
        with self._lock:
            upto = topic.place
            if box in topic.users:
                topic.mailboxes.add(box)
        if last_event_id is None or (known and sent == upto):
            return Page(None, [], upto, upto)
        if known:
            entries = await self._store.entries(topic.name, sent, upto, _PAGE)
            if entries and entries[0].id == sent:
                return self._page(box, Page(None, [], sent, upto), entries[1:])
        entries = await self._store.entries(topic.name, "-", upto, _PAGE)
        before = entries[0].after if entries else upto
        if known and before == sent:
            return self._page(box, Page(None, [], sent, upto), entries)
        ends = (entries[0].id, upto) if entries else (None, None)
        told = {name: id and topic.prefix + id for name, id in zip(("oldest", "newest"), ends, strict=True)}
        reset = Event(data=json.dumps(told), event="reset", id=topic.prefix + before)
        return self._page(box, Page(reset, [], before, upto), entries)

    async def _next(self, box: Mailbox, page: Page) -> Page:
        entries = await self._store.entries(box.topic.name, f"({page.at}", page.upto, _PAGE)  # type: ignore[attr-defined]
        return self._page(box, page._replace(reset=None), entries)

    def _page(self, box: Mailbox, page: Page, entries: list[Entry]) -> Page:
        """Go on from a page; what is no longer whole cuts its subscriber off, who is told when it is back."""
        topic: Any = box.topic
        at, events = page.at, []
        for entry in entries:
            if entry.after != at:
                break
            at = entry.id
            events.append(topic.event(entry))
        if len(events) == len(entries) > 0 or at == page.upto:
            return Page(page.reset, events, at, page.upto)
        with self._lock:
            box.cut = True
            topic.mailboxes.discard(box)
        return Page(page.reset, events, at, at)


def _until(coming: Future[Any]) -> Plan:
    while not coming.done():
        yield FOREVER, None


def _order(place: str) -> tuple[int, ...]:
    return tuple(map(int, place.split("-")))


def _prefix(name: str) -> str:
    """Give what the ids of a topic begin with: a header carries no control characters, so neither does an id."""
    return "".join(c if c.isprintable() and c != "%" else f"%{ord(c):02X}" for c in name) + "-"
