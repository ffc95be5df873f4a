"""What is required of the hub over Redis, with a real redis-server: two hubs stand for two processes.

As with hub.py, steps of a plan are asked for one by one; but what comes from Redis comes in its own time, so here they are
driven as in a server with threads, and each wait has a limit.
"""

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from contract.drive import BlockingWake, wait_for_blocking
from contract.message import Refusal, Request
from contract.options import read_options
from contract.service import Service

from sseproof.doors import DOORS
from sseproof.redis_process import Redis
from tests.test_seen import lacking

LIMIT_S = 10.0
# redis-py leaves a connection that it was making when it was cancelled to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SERVERS = Path(__file__).parents[1] / "servers"


@pytest.fixture(scope="module")
def redis():
    try:
        import redis as _  # noqa: F401  (the servers' client)

        program = DOORS["broker"].find()
    except ImportError:
        lacking("the package redis", "pip install redis")
    except pytest.UsageError as error:
        lacking("redis-server", str(error))
    with Redis(program) as started:
        yield started


@pytest.fixture
def hub(redis):
    """Make hubs on this Redis, which was emptied: `hub(history=3)`."""
    from contract.redis_hub import RedisHub

    redis.start()
    redis.ask("FLUSHALL")
    made = []

    def make(history=1000, mailbox=64, topics=100):
        made.append(RedisHub(redis.url, history, mailbox, topics))
        return made[-1]

    yield make
    for each in made:
        each.close()


def published(hub, topic, *items):
    return wait_for_blocking(lambda wake: hub.publish(topic, [(item, None) for item in items], wake))


def polled(hub, topic, last_event_id):
    kept, box = wait_for_blocking(lambda wake: hub.joining(topic, last_event_id, wake))
    hub.leave(box)
    return kept


def numbered(count):
    return [str(number) for number in range(count)]


def datas(events):
    return [event.data for event in events]


class Reader:
    """Drive a plan in a thread, and keep what it gives."""

    def __init__(self, hub, topic, last_event_id=None, most=10**9):
        self.events, self.ended, self._left, self._most = [], threading.Event(), False, most
        self.subscribed = threading.Event()
        self.wake = BlockingWake()
        self._steps = hub.plan(topic, last_event_id)(self.wake)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with closing(self._steps) as steps:
            for due, event in steps:
                if due == 0:
                    self.subscribed.set()
                if event is not None:
                    self.events.append(event)
                if self._left or len(self.events) >= self._most:
                    break
                if event is None and due > 0:
                    self.wake.wait()
                    self.wake.clear()
        self.ended.set()

    def leave(self):
        self._left = True
        self.wake.set()
        assert self.ended.wait(LIMIT_S)

    def until(self, count, limit_s=LIMIT_S):
        wait(lambda: len(self.events) >= count or self.ended.is_set(), limit_s)
        return self.events[:count]


def wait(condition, limit_s=LIMIT_S):
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not so after {limit_s:g} s"
        time.sleep(0.002)


@contextmanager
def reading(hub, topic, last_event_id=None):
    reader = Reader(hub, topic, last_event_id)
    assert reader.subscribed.wait(LIMIT_S)
    try:
        yield reader
    finally:
        reader.leave()


class TestSharing:
    def test_what_one_process_publishes_all_see_in_one_order(self, hub):
        one, two = hub(), hub()
        with reading(one, "t") as here, reading(two, "t") as there, ThreadPoolExecutor() as pool:
            lists = [[f"{n}.{m}" for m in range(50)] for n in range(4)]
            list(
                pool.map(
                    lambda pair: [published(pair[0], "t", x) for x in pair[1]],
                    zip([one, two] * 2, lists, strict=True),
                )
            )
            seen = here.until(200), there.until(200)
        assert seen[0] == seen[1]
        assert [[d for d in datas(seen[0]) if d.startswith(f"{n}.")] for n in range(4)] == lists

    @pytest.mark.parametrize("missed", [0, 1, 6, 1500])
    def test_after_an_id_of_another_process_comes_what_was_missed(self, hub, missed):
        one, two = hub(history=10_000), hub()
        ids = published(one, "größe", *numbered(missed + 1))
        with reading(two, "größe", ids[0]) as reader:
            published(one, "größe", "last")
            assert datas(reader.until(missed + 1)) == [*numbered(missed + 1)[1:], "last"]

    def test_an_id_that_this_process_has_not_heard_of_yet_is_no_unknown_one(self, hub):
        """A client may be quicker from one process to the other than Redis's news."""
        one, two = hub(), hub()
        with reading(two, "t"):
            for number in range(100):
                [id] = published(one, "t", str(number))
                assert polled(two, "t", id)[:2] == (None, [])

    def test_a_poll_brings_what_a_stream_does(self, hub):
        one, two = hub(), hub()
        ids = published(one, "t", *numbered(700))
        kept = polled(two, "t", ids[0])
        assert (datas(kept.events), kept.last, kept.reset) == (numbered(700)[1:], ids[-1], None)

    def test_the_place_of_a_topic_in_which_nothing_is_yet_can_be_resumed_from(self, hub):
        one, two = hub(), hub()
        last = polled(one, "t", None).last
        published(one, "t", "a")
        assert datas(polled(two, "t", last).events) == ["a"]

    def test_readers_that_come_and_go_while_others_publish_lose_and_double_nothing(self, hub):
        hubs = [hub(mailbox=16), hub(mailbox=16)]
        [first] = published(hubs[0], "t", "first")
        lists = [[f"{n}.{m}" for m in range(100)] for n in range(4)]

        def read(number):
            seen, last = [], first
            while len(seen) < 400:
                reader = Reader(hubs[(number + len(seen)) % 2], "t", last, most=min(7, 400 - len(seen)))
                assert reader.ended.wait(LIMIT_S)
                seen += reader.events
                last = seen[-1].id if seen else first
            return datas(seen)

        with ThreadPoolExecutor(8) as pool:
            readers = [pool.submit(read, number) for number in range(4)]
            for n, items in enumerate(lists):
                pool.submit(lambda n=n, items=items: [published(hubs[n % 2], "t", item) for item in items])
            found = [reader.result(60) for reader in readers]
        assert found == [found[0]] * 4
        assert sorted(found[0]) == sorted(text for items in lists for text in items)


class TestHistory:
    def test_an_evicted_id_is_reset_and_the_one_before_the_oldest_has_missed_nothing(self, hub):
        one = hub(history=2)
        ids = published(one, "t", "a", "b", "c", "d")
        kept = polled(hub(history=2), "t", ids[0])
        assert (kept.reset.event, json.loads(kept.reset.data)) == (
            "reset",
            {"oldest": ids[2], "newest": ids[3]},
        )
        assert datas(kept.events) == ["c", "d"]
        again = polled(one, "t", kept.reset.id)
        assert (again.reset, datas(again.events)) == (None, ["c", "d"])
        assert polled(one, "t", ids[1])[:2] == (None, again.events)

    @pytest.mark.parametrize(
        "id",
        [
            "nonsense",
            "-1",
            "0",
            "t-0-0",
            "t-1-1",
            "t-",
            "t-9-9-9",
            "t-²-1",
            "9" * 5000,
            "t-" + "9" * 20 + "-0",
            "\udcff",
            "u-1-1",
        ],
    )
    def test_an_unknown_id_is_reset_and_gets_all_that_is_kept(self, hub, id):
        one = hub()
        ids = published(one, "t", "a", "b")
        kept = polled(one, "t", id)
        assert json.loads(kept.reset.data) == {"oldest": ids[0], "newest": ids[1]}
        assert datas(kept.events) == ["a", "b"]

    def test_an_id_of_another_topic_is_unknown(self, hub):
        one = hub()
        [id] = published(one, "u", "a")
        published(one, "t", "b")
        assert polled(one, "t", id).reset is not None

    def test_a_reset_where_nothing_is_kept_names_no_ends_and_can_be_resumed_from(self, hub):
        kept = polled(hub(), "t", "nonsense")
        assert json.loads(kept.reset.data) == {"oldest": None, "newest": None}
        assert polled(hub(), "t", kept.reset.id)[:2] == (None, [])

    def test_topics_are_bounded_and_one_in_use_stays(self, hub):
        one, two = hub(topics=2), hub(topics=2)
        with reading(one, "heard"):
            [id] = published(two, "heard", "a")
            for number in range(5):
                published(two, str(number), "x")
            assert polled(two, "heard", id).reset is None
            with reading(one, "also"):
                with pytest.raises(Refusal) as refusal:
                    published(two, "more", "x")
                assert (refusal.value.answer.status, "Retry-After" in refusal.value.answer.headers) == (
                    503,
                    True,
                )
                full = Reader(two, "more")
                assert full.ended.wait(LIMIT_S)

    def test_what_is_no_longer_whole_cuts_its_subscribers_off(self, hub, redis):
        """Redis has lost its data: who listens is told so when it comes back, instead of going on as if nothing was."""
        one = hub()
        with reading(one, "t") as reader:
            [id] = published(one, "t", "a")
            reader.until(1)
            redis.ask("FLUSHALL")
            published(one, "t", "b")
            assert reader.ended.wait(LIMIT_S)
        assert (datas(reader.events), polled(one, "t", id).reset is None) == (["a"], False)


class TestMailboxes:
    def test_a_full_mailbox_cuts_its_subscriber_off_and_no_other(self, hub):
        one = hub(mailbox=4)
        _, slow = wait_for_blocking(lambda wake: one.joining("t", None, wake))
        with reading(one, "t") as quick:
            published(one, "t", *numbered(20))
            assert datas(quick.until(20)) == numbered(20)
            assert slow.cut
        one.leave(slow)

    def test_a_list_longer_than_a_mailbox_cuts_nobody_off_who_reads(self, hub):
        one, two = hub(mailbox=8), hub(mailbox=8)
        with reading(two, "t") as reader:
            published(one, "t", *numbered(500))
            assert datas(reader.until(500)) == numbered(500)

    def test_who_has_left_is_not_kept(self, hub):
        one = hub()
        with reading(one, "t"):
            assert one.subscribers("t") == 1
        assert (one.subscribers("t"), one._topics) == (0, {})


class TestAway:
    def test_streams_wait_and_publishing_is_refused_and_then_all_goes_on(self, hub, redis):
        one, two = hub(), hub()
        with reading(one, "t") as reader:
            published(one, "t", "a")
            [a] = reader.until(1)
            redis.kill()
            with pytest.raises(Refusal) as refusal:
                published(one, "t", "lost")
            assert refusal.value.answer.status == 503
            with pytest.raises(Refusal):
                polled(two, "t", a.id)
            late = Reader(two, "t", a.id)
            redis.start()
            published(two, "t", "b")
            assert datas(reader.until(2)) == ["a", "b"]
            assert datas(late.until(1)) == ["b"]
            late.leave()

    def test_one_that_hangs_is_waited_for_no_longer_than_said(self, hub, redis):
        one = hub()
        published(one, "t", "a")
        redis.pause()
        try:
            start_s = time.monotonic()
            with pytest.raises(Refusal):
                published(one, "t", "b")
            assert time.monotonic() - start_s < 5
        finally:
            redis.start()

    def test_what_redis_refuses_is_told_in_its_words(self, hub, redis):
        one = hub()
        published(one, "t", "a")
        redis.ask("CONFIG", "SET", "maxmemory", 1)
        try:
            with pytest.raises(Refusal) as refusal:
                published(one, "t", "b")
        finally:
            redis.ask("CONFIG", "SET", "maxmemory", 0)
        assert (refusal.value.answer.status, "maxmemory" in str(refusal.value)) == (503, True)
        published(one, "t", "c")
        assert datas(polled(one, "t", "nonsense").events) == ["a", "c"]


class TestService:
    def test_a_held_poll_waits_to_its_end_and_an_event_ends_it(self, hub, redis):
        it = Service(framework="x", http_server="x", options=read_options(["--broker", redis.url]))
        hub()
        [id] = published(it.hub, "t", "a")
        ask = Request("GET", "/json/topic", {"topic": "t", "after": id, "wait": "0.3"}, {})
        start_s = time.monotonic()
        assert it.answer_blocking(ask).value == {"events": [], "last": id}
        assert time.monotonic() - start_s >= 0.3
        with ThreadPoolExecutor() as pool:
            held = pool.submit(
                it.answer_blocking, Request("GET", "/json/topic", {**ask.query, "wait": "30"}, {})
            )
            [new] = published(it.hub, "t", "b")
            assert held.result(LIMIT_S).value["last"] == new

    def test_the_memory_broker_imports_nothing_of_redis(self):
        code = "import sys, contract; contract.Service(framework='x', http_server='x')\nprint([m for m in sys.modules if 'redis' in m])"
        done = subprocess.run([sys.executable, "-c", code], cwd=SERVERS, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("[]\n", "")
