"""What is required of the hub, without a socket and without a clock: steps of a plan are asked for one by one.

Only the last class measures, and only bytes: what one subscriber costs.
"""

import asyncio
import gc
import importlib.util
import json
import subprocess
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from contract import hub as hub_module
from contract.drive import FOREVER, AsyncWake, BlockingWake, wait_for, wait_for_blocking
from contract.event import Event
from contract.hub import MOST_TOPICS, Hub
from contract.message import Refusal, Request
from contract.options import read_options
from contract.service import Service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
LIMIT_S = 10  # for what another thread does at once; who waits so long has waited in vain


def published(hub, topic, *items):
    return wait_for_blocking(lambda wake: hub.publish(topic, [(item, None) for item in items]))


def numbered(count):
    return [str(number) for number in range(count)]


def datas(events):
    return [event.data for event in events]


def take(plan, count):
    """Run a plan until it has given so many events, without waiting for any to be due."""
    events = []
    with closing(plan(BlockingWake())) as steps:
        for _, event in steps:
            events += [] if event is None else [event]
            if len(events) == count:
                break
    return events


def ready(steps):
    """Give the events that a plan has to give now; it is asked for no more once it wants to wait."""
    events = []
    for due, event in steps:
        events += [] if event is None else [event]
        if due == FOREVER:
            break
    return events


class TestResuming:
    @pytest.mark.parametrize("seen", range(4))
    def test_after_an_id_comes_what_was_missed_once_and_in_order(self, seen):
        hub, texts = Hub(100, 10), numbered(4)
        ids = published(hub, "t", *texts)
        with closing(hub.plan("t", ids[seen])(BlockingWake())) as steps:
            assert datas(ready(steps)) == texts[seen + 1 :]

    def test_without_an_id_nothing_is_replayed(self):
        hub = Hub(100, 10)
        published(hub, "t", "a")
        with hub.subscribe("t", None, BlockingWake()) as (kept, _):
            assert (kept.reset, kept.events) == (None, [])

    @pytest.mark.parametrize("id", ["nonsense", "-1", "0", "9" * 30, "9" * 5000, "x-t-1", "²", "٣", "\udcff"])
    def test_an_unknown_id_is_reset_and_gets_all_that_is_kept(self, id):
        hub = Hub(100, 10)
        ids = published(hub, "t", "a", "b")
        reset, first, second = take(hub.plan("t", id), 3)
        ends = {"oldest": ids[0], "newest": ids[1]}
        assert (reset.event, json.loads(reset.data), first.data, second.data) == ("reset", ends, "a", "b")

    @pytest.mark.parametrize("number", ["-1", "+1", " 1", "1_0", "²", "٣", "01x", "99", "9" * 5000])
    def test_an_id_with_a_number_that_is_none_of_ours_is_reset(self, number):
        hub = Hub(100, 10)
        [id] = published(hub, "t", "a")
        assert take(hub.plan("t", id.removesuffix("1") + number), 1)[0].event == "reset"

    def test_a_client_can_resume_from_the_id_of_a_reset(self):
        hub = Hub(2, 10)
        published(hub, "t", "a", "b", "c")
        (reset,) = take(hub.plan("t", "nonsense"), 1)
        assert datas(take(hub.plan("t", reset.id), 2)) == ["b", "c"]

    def test_a_reset_where_nothing_is_kept_names_no_ends(self):
        (reset,) = take(Hub(2, 10).plan("t", "nonsense"), 1)
        assert json.loads(reset.data) == {"oldest": None, "newest": None}

    def test_an_evicted_id_is_reset_and_the_one_before_the_oldest_has_missed_nothing(self):
        hub = Hub(2, 10)
        ids = published(hub, "t", "a", "b", "c", "d")
        reset, *kept = take(hub.plan("t", ids[0]), 3)
        assert (reset.event, datas(kept)) == ("reset", ["c", "d"])
        assert datas(take(hub.plan("t", ids[1]), 2)) == ["c", "d"]

    def test_an_id_of_another_hub_or_topic_is_unknown(self):
        one, two = Hub(100, 10), Hub(100, 10)
        ids = published(one, "t", "a")
        published(two, "t", "b")
        published(one, "u", "c")
        assert take(two.plan("t", ids[0]), 1)[0].event == take(one.plan("u", ids[0]), 1)[0].event == "reset"

    def test_an_id_carries_its_topic_but_no_control_character(self):
        [id] = published(Hub(1, 1), "größe\n\x7f", "x")
        assert ("größe" in id, id.isprintable()) == (True, True)


class Clock:
    """Stand for the time module: each look at it is so many seconds later than the last."""

    def __init__(self, step_s):
        self.now_s, self.step_s = 0.0, step_s

    def monotonic(self):
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def hasty(monkeypatch):
    """Make publishers run out of patience at once."""
    monkeypatch.setattr(hub_module, "time", Clock(step_s=1000.0))


OPERATIONS = st.one_of(
    st.tuples(st.just("publish"), st.integers(1, 7)),
    st.tuples(st.just("read"), st.integers(1, 9)),
    st.tuples(st.just("break"), st.integers(0, 3)),  # so many of the events sent last never arrive
)


RANDOM = settings(max_examples=300, deadline=None, derandomize=True, database=None)


class TestUnderFire:
    @settings(RANDOM, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(operations=st.lists(OPERATIONS, max_size=60), mailbox=st.integers(1, 12))
    def test_nothing_is_lost_or_doubled_in_whatever_order_things_happen(self, hasty, operations, mailbox):
        """Publish, read and break off, step by step; a client that is cut off comes back with its last id."""
        hub, texts = Hub(1000, mailbox), ["first"]
        seen = [Event("first", id=published(hub, "t", "first")[0])]
        steps = hub.plan("t", seen[-1].id)(BlockingWake())
        for what, count in [*operations, ("read", 10_000)]:
            if what == "publish":
                more = [f"{len(texts)}.{number}" for number in range(count)]
                published(hub, "t", *more)
                texts += more
            elif what == "break":
                steps.close()
                del seen[max(1, len(seen) - count) :]
                steps = hub.plan("t", seen[-1].id)(BlockingWake())
            for _ in range(count if what == "read" else 0):
                due, event = next(steps, (None, None))
                if due is None:
                    steps = hub.plan("t", seen[-1].id)(BlockingWake())
                seen += [] if event is None else [event]
        steps.close()
        assert datas(seen) == texts

    @pytest.mark.parametrize("driver", ["async", "blocking"])
    def test_readers_that_come_and_go_while_others_publish_see_all_in_one_order(self, driver):
        """Four publishers, and four readers that leave after every few events and resume, driven as in a server."""
        it = Service(
            framework="x", http_server="x", options=read_options(["--mailbox", "16", "--ping", "60"])
        )
        [first] = published(it.hub, "t", "first")
        lists = [[f"{publisher}.{number}" for number in range(100)] for publisher in range(4)]
        texts = {text for items in lists for text in items}
        readers = run_async(it, first, lists) if driver == "async" else run_blocking(it, first, lists)
        assert readers == [readers[0]] * 4
        assert (len(readers[0]), set(readers[0])) == (400, texts)
        orders = [[text for text in readers[0] if text.startswith(f"{n}.")] for n in range(4)]
        assert orders == lists


def asked(last):
    return Request("GET", "/events/topic", {"topic": "t"}, {"last-event-id": last})


def run_async(it, last, lists):
    async def publish(items):
        for item in items:
            await wait_for(lambda wake, item=item: it.hub.publish("t", [(item, None)]))

    async def read(last):
        seen = []
        while len(seen) < 400:
            events = aiter(it.stream(asked(last)))
            async for event in events:
                if event.data is not None:
                    seen.append(event.data)
                    last = event.id
                    if len(seen) % 7 == 0 or len(seen) == 400:
                        break
            await events.aclose()
        return seen

    async def run():
        readers = [asyncio.create_task(read(last)) for _ in range(4)]
        await asyncio.gather(*map(publish, lists))
        return await asyncio.wait_for(asyncio.gather(*readers), LIMIT_S)

    return asyncio.run(run())


def run_blocking(it, last, lists):
    def publish(items):
        for item in items:
            published(it.hub, "t", item)

    def read(last):
        seen = []
        while len(seen) < 400:
            with closing(iter(it.stream(asked(last)))) as events:
                for event in events:
                    if event.data is not None:
                        seen.append(event.data)
                        last = event.id
                        if len(seen) % 7 == 0 or len(seen) == 400:
                            break
        return seen

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read, last) for _ in range(4)]
        list(pool.map(publish, lists))
        return [reader.result(LIMIT_S) for reader in readers]


class TestMailboxes:
    def test_a_full_mailbox_cuts_its_subscriber_off_and_no_other(self, hasty):
        hub = Hub(100, 4)
        with hub.subscribe("t", None, BlockingWake()) as (_, slow):
            published(hub, "t", *numbered(4))
            with hub.subscribe("t", None, BlockingWake()) as (_, quick):
                published(hub, "t", "last")
                assert (slow.cut, quick.cut, len(quick.events)) == (True, False, 1)

    @pytest.mark.parametrize("wake", ["async", "blocking"])
    def test_who_is_cut_off_is_woken_and_its_stream_ends_without_what_waited(self, hasty, wake):
        async def run():
            hub, woken = Hub(100, 2), AsyncWake() if wake == "async" else BlockingWake()
            with closing(hub.plan("t", None)(woken)) as steps:
                assert ready(steps) == []
                published(hub, "t", "a", "b", "c")
                assert woken.is_set()
                assert list(steps) == []

        asyncio.run(run())

    def test_who_was_cut_off_resumes_without_loss(self, hasty):
        hub = Hub(100, 2)
        with closing(hub.plan("t", None)(BlockingWake())) as steps:
            ready(steps)
            published(hub, "t", "a")
            [seen] = ready(steps)
            published(hub, "t", *numbered(10))
            assert list(steps) == []
        assert datas(take(hub.plan("t", seen.id), 10)) == numbered(10)

    def test_a_mailbox_never_holds_more_than_its_size(self, hasty):
        hub = Hub(100, 4)
        with hub.subscribe("t", None, BlockingWake()) as (_, box):
            published(hub, "t", *numbered(50))
            assert len(box.events) == 4

    def test_a_replay_longer_than_the_mailbox_cuts_nobody_off(self):
        hub = Hub(1000, 4)
        [seen, *_] = published(hub, "t", *numbered(500))
        assert datas(take(hub.plan("t", seen), 499)) == numbered(500)[1:]

    def test_a_long_list_overflows_no_subscriber_that_reads(self):
        hub, got = Hub(10_000, 8), []
        begun = threading.Event()

        def read():
            wake = BlockingWake()
            with hub.subscribe("t", None, wake) as (_, box):
                begun.set()
                while not box.cut and len(got) < 500:
                    wake.wait(LIMIT_S)
                    wake.clear()
                    while box.events:
                        got.append(box.events.pop(0).data)

        reader = threading.Thread(target=read)
        reader.start()
        assert begun.wait(LIMIT_S)
        published(hub, "t", *numbered(500))
        reader.join(LIMIT_S)
        assert got == numbered(500)

    def test_who_does_not_read_holds_a_publisher_up_for_50_ms_a_batch(self, monkeypatch):
        """By the hub's own clock, which here goes on by a millisecond at every look."""
        clock = Clock(step_s=0.001)
        monkeypatch.setattr(hub_module, "time", clock)
        hub = Hub(100, 8)
        with hub.subscribe("t", None, BlockingWake()):
            for _ in hub.publish("t", [(text, None) for text in numbered(8)]):
                pass  # batches of 2; from the third on the mailbox is more than half full
        assert 0.1 <= clock.now_s < 0.12

    def test_who_reads_a_little_holds_a_publisher_up_for_10_s_in_all(self, monkeypatch):
        clock = Clock(step_s=0.02)
        monkeypatch.setattr(hub_module, "time", clock)
        hub = Hub(10_000, 400)
        with hub.subscribe("t", None, BlockingWake()) as (_, box):
            for _ in hub.publish("t", [(text, None) for text in numbered(4000)]):
                if box.events:
                    box.events.pop(0)
        assert 10 <= clock.now_s < 11

    def test_who_is_cut_off_or_only_polls_is_no_subscriber(self, hasty):
        hub = Hub(100, 2)
        with (
            hub.subscribe("t", None, BlockingWake()),
            hub.subscribe("t", None, BlockingWake(), counts=False),
            hub.subscribe("u", None, BlockingWake()),
        ):
            assert (hub.subscribers("t"), hub.subscribers("u"), hub.subscribers("v")) == (1, 1, 0)
            published(hub, "t", "a", "b", "c")
            assert (hub.subscribers("t"), hub.subscribers("u")) == (0, 1)
        assert hub.subscribers("u") == 0

    def test_a_plan_that_is_closed_leaves_its_topic(self):
        hub = Hub(100, 2)
        steps = hub.plan("t", None)(BlockingWake())
        ready(steps)
        assert hub.subscribers("t") == 1
        steps.close()
        assert hub.subscribers("t") == 0


class TestTopics:
    def test_topics_are_bounded_and_the_one_unused_longest_goes_first(self):
        hub = Hub(1, 1)
        with hub.subscribe("heard", None, BlockingWake()):
            [id] = published(hub, "used", "a")
            for number in range(MOST_TOPICS + 5):
                hub.make_room("used")
                hub.make_room(str(number))
            assert len(hub._topics) == MOST_TOPICS
            assert ("heard" in hub._topics, "0" in hub._topics) == (True, False)
        assert published(hub, "used", "b")[0].rpartition("-")[0] == id.rpartition("-")[0]

    def test_when_all_topics_are_heard_a_new_one_is_refused_and_an_old_one_is_not(self):
        hub = Hub(1, 1, most_topics=2)
        with hub.subscribe("a", None, BlockingWake()):
            with hub.subscribe("b", None, BlockingWake()):
                hub.make_room("a")
                with pytest.raises(Refusal) as refusal:
                    published(hub, "c", "x")
                assert refusal.value.answer.status == 503
                assert refusal.value.answer.headers["Retry-After"].isdecimal()
            published(hub, "c", "x")
            assert set(hub._topics) == {"a", "c"}

    def test_an_id_of_a_topic_that_had_to_go_is_unknown_when_it_is_there_again(self):
        hub = Hub(10, 10, most_topics=1)
        [id] = published(hub, "t", "a")
        published(hub, "u", "b")
        published(hub, "t", "c", "d")
        assert [event.event for event in take(hub.plan("t", id), 3)] == ["reset", None, None]

    def test_of_a_topic_no_more_is_kept_than_its_history(self):
        hub = Hub(3, 10)
        published(hub, "t", *numbered(10))
        assert datas(hub._topics["t"].kept) == ["7", "8", "9"]


CLIENT = """
import socket, sys

def ask(target, until):
    for sock in socks:
        sock.sendall(f"GET {target} HTTP/1.1\\r\\nHost: x\\r\\nOrigin: http://localhost:8080\\r\\n\\r\\n".encode())
    for sock in socks:
        got = b""
        while until not in got:
            got += sock.recv(65536)
    print("done", flush=True)
    sys.stdin.readline()

socks = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(int(sys.argv[2]))]
ask("/json/open", b"}")
ask("/events/topic?topic=t", b"retry: ")
"""


class TestMemory:
    """Bytes that Python has allocated (tracemalloc), so the kernel's part of a socket is not in it."""

    MANY = 200

    def test_a_subscriber_costs_at_most_4_kib_beside_its_socket_in_the_reference(self, monkeypatch):
        """The reference's own connections in this process; their clients, in another, ask for JSON, then for a topic.

        A subscriber is what a connection takes while it streams more than while it waits for a request. It was
        3.8 KB with Python 3.11: six coroutines and generators, a task that watches for the client's end, a timer.
        """
        monkeypatch.setattr(sys, "argv", ["reference", "--ping", "60"])
        spec = importlib.util.spec_from_file_location("reference", ROOT / "servers" / "stdlib_asyncio.py")
        reference = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(reference)
        idle_bytes, streaming_bytes = asyncio.run(asyncio.wait_for(self.measured(reference), 3 * LIMIT_S))
        assert (streaming_bytes - idle_bytes) / self.MANY <= 4096

    async def measured(self, reference):
        """Give the bytes allocated while so many connections are idle, and while all of them stream."""
        tasks = set()

        def accept(reader, writer):
            tasks.add(task := asyncio.create_task(reference.Connection(reader, writer).serve()))
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=2 * self.MANY)
        port = server.sockets[0].getsockname()[1]
        await self.clients(port, 20)  # what is made once is not counted
        tracemalloc.start(1)
        try:
            return await self.clients(port, self.MANY)
        finally:
            tracemalloc.stop()
            server.close()

    async def clients(self, port, many):
        """Run so many clients through both requests; give the bytes allocated after each."""
        arguments = ["-c", CLIENT, str(port), str(many)]
        client = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        allocated = []
        for _ in range(2):
            assert await client.stdout.readline() == b"done\n"
            gc.collect()
            allocated.append(tracemalloc.get_traced_memory()[0])
            client.stdin.write(b"\n")
        await client.wait()
        return allocated

    def test_a_replay_is_not_held_as_long_as_its_stream(self):
        """Ten thousand events missed are a list of 80 KB, which nobody needs once they are sent."""
        hub = Hub(10_000, 16)
        [seen, *_] = published(hub, "t", *numbered(10_000))
        tracemalloc.start(1)
        try:
            with closing(hub.plan("t", seen)(BlockingWake())) as steps:
                assert len(ready(steps)) == 9999
                gc.collect()
                assert tracemalloc.get_traced_memory()[0] < 8192
        finally:
            tracemalloc.stop()
