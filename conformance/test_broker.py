"""Several processes on one broker: whoever a client comes back to, it gets what it has missed, all of it, once and in order.

A load balancer sends a client to another process each time, and the broker may go away and come back while streams are
open. Processes are named by the cases and kept for those that follow; "one" and "other" are alike. Broker means Redis,
which writes down all before it answers, so that what it has acknowledged outlives its death.
"""

import json
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

pytestmark = pytest.mark.door("broker")

LAST = ["then", "last"]  # published when a stream has been asked for; two, so that a double of one shows
REFUSED_S = 5.0  # a publisher learns within this that the broker is away; ours take 2 s
BACK_S = 10.0  # from the broker's start until all is as before
HISTORY = 20


def new_topic(name="t"):
    return f"{name}-{secrets.token_hex(4)}"


def numbered(count):
    return [str(number) for number in range(count)]


def told(answer, status=200, within_s=10.0):
    """Read a whole answer in JSON."""
    text = answer.stream.read_to_end(within_s)
    came = f"received {answer.status} with {text[:200]!r}, expected {status}"
    assert answer.status == status, came
    return json.loads(text)


def posted(server, topic, *texts):
    """Ask to publish texts as one list; the answer is not read yet."""
    body = [{"data": text} for text in texts]
    return server.open("/json/topic", method="POST", params={"topic": topic}, json=body)


def publish(server, topic, *texts):
    return told(posted(server, topic, *texts), 202)["ids"]


def publish_again(server, topic, *texts):
    """Publish when the broker is back; what is refused is asked again."""
    deadline_s = time.monotonic() + BACK_S
    while (answer := posted(server, topic, *texts)).status == 503:
        assert time.monotonic() < deadline_s, f"publishing is refused {BACK_S:g} s after the broker's start"
        time.sleep(0.05)
    return told(answer, 202)["ids"]


def resumed(server, topic, id=None):
    """Ask for a topic's stream as an EventSource does that has seen this id; the answer is not read yet."""
    headers = [] if id is None else [("Last-Event-ID", id)]
    return server.open("/events/topic", params={"topic": topic}, headers=headers)


def begun(stream):
    """Wait for a stream's first block that sets the reconnection time, which is sent once it is subscribed."""
    stream.stream.read_until(lambda body: b"retry" in body, 5.0, "the reconnection time")
    return stream


def polled(server, topic, after, wait=0):
    return server.open("/json/topic", params={"topic": topic, "after": after, "wait": wait})


def datas(events):
    return [event.data for event in events]


def to_last(stream, last=LAST[-1], within_s=5.0):
    """Give all events of a stream up to the one published last."""
    deadline_s = time.monotonic() + within_s
    while last not in datas(stream.events):
        stream.read_events(len(stream.events) + 1, max(0.1, deadline_s - time.monotonic()))
    return stream.events


# -- processes


@pytest.mark.required("#the-last-event-id-header")
def test_an_event_published_at_one_process_reaches_subscribers_at_all(server, on_broker):
    """Publisher and reader seldom meet at the same process; and each event has the same id everywhere."""
    topic, one, other = new_topic("größe"), on_broker("one"), on_broker("other")
    streams = [begun(resumed(process, topic)) for process in (one, other)]
    ids = publish(one, topic, "a") + publish(other, topic, "b\nc", "")
    received = [[(event.data, event.last_event_id) for event in stream.read_events(3)] for stream in streams]
    assert received == [list(zip(["a", "b\nc", ""], ids, strict=True))] * 2


@pytest.mark.required("#the-last-event-id-header")
def test_all_processes_send_the_events_in_one_order(server, on_broker):
    """An id is a place in an order: were there two, what comes after it would not be what was missed."""
    topic, processes = new_topic(), [on_broker("one"), on_broker("other")]
    streams = [begun(resumed(process, topic)) for process in processes]
    for number in range(20):
        answers = [posted(process, topic, f"{number}.{n}") for n, process in enumerate(processes)]
        assert [answer.status for answer in answers] == [202, 202]
    here, there = (stream.read_events(40) for stream in streams)
    assert (here, len({event.last_event_id for event in here})) == (there, 40)


@pytest.mark.required("#the-last-event-id-header")
@pytest.mark.parametrize("missed", [0, 1, 6, 1500])
def test_after_an_id_of_one_process_another_sends_exactly_the_events_missed(server, on_broker, missed):
    """A client that comes back is sent to whoever is free."""
    topic, texts = new_topic("größe"), numbered(missed + 1)
    seen, *_ = publish(on_broker("one"), topic, *texts)
    stream = resumed(on_broker("other"), topic, seen)
    publish(on_broker("one"), topic, *LAST)
    assert datas(to_last(stream)) == [*texts[1:], *LAST]


FIRE_S, LISTS, AT_ONCE = 1.0, 100, 8
BROUGHT = (60, 90, 120, 30)  # events that a connection brings before it breaks; a third of them arrives


def under_fire(publishers, readers):
    """Publish at all, and read on from one connection to the next, process by process; give both in order."""
    topic = new_topic()
    [place] = publish(publishers[0], topic, "place")
    with ThreadPoolExecutor() as pool:
        published = pool.submit(fire, publishers, topic)
        rounds, at = [], 0
        for count, reader in zip(cycle(BROUGHT), cycle(readers), strict=False):
            if at + count > LISTS * AT_ONCE:
                break
            with resumed(reader, topic, place) as stream:
                events = stream.read_events(count, 10.0)
            rounds.append((at, datas(events)))
            at, place = at + count // 3, events[count // 3 - 1].last_event_id
        texts = published.result()
    rounds.append((at, datas(resumed(readers[0], topic, place).read_events(len(texts) - at))))
    return rounds, [(at, texts[at : at + len(received)]) for at, received in rounds]


def fire(publishers, topic):
    texts, start_s = [], time.monotonic()
    for number, publisher in zip(range(LISTS), cycle(publishers), strict=False):
        time.sleep(max(0.0, start_s + number * FIRE_S / LISTS - time.monotonic()))
        items = [f"{number}.{n}" for n in range(AT_ONCE)]
        with posted(publisher, topic, *items) as answer:
            told(answer, 202)
        texts += items
    return texts


@pytest.mark.costly
@pytest.mark.required("#the-last-event-id-header")
def test_nothing_is_lost_or_doubled_while_going_from_process_to_process_under_fire(
    server, on_broker, publishing
):
    """Each process hears of an event at its own time: what one has sent, the next may not have heard of yet."""
    processes = [on_broker("one"), on_broker("other")]
    received, expected = under_fire([publishing("one"), publishing("other")], processes)
    assert received == expected


@pytest.mark.required("#the-last-event-id-header")
def test_a_restarted_server_goes_on_where_it_stopped(server, on_broker, for_itself):
    """A deployment stops every process: what is published meanwhile comes after the id from before."""
    topic, before = new_topic(), for_itself()
    [*_, seen] = publish(before, topic, *numbered(3))
    before.process.stop()
    after = for_itself()
    publish(on_broker("one"), topic, "meanwhile")
    stream = resumed(after, topic, seen)
    publish(after, topic, *LAST)
    assert datas(to_last(stream)) == ["meanwhile", *LAST]


@pytest.mark.required("#the-last-event-id-header")
@pytest.mark.parametrize("wait", [0, 20], ids=["short", "long"])
def test_a_poll_at_one_process_brings_what_a_stream_brings_at_another(server, on_broker, wait):
    """Who falls back to polling half-way does so at another process."""
    topic = new_topic("größe")
    seen, *ids = publish(on_broker("one"), topic, "seen", "a", "b\nc")
    events = resumed(on_broker("one"), topic, seen).read_events(2)
    answer = told(polled(on_broker("other"), topic, seen, wait))
    assert ([item["id"] for item in answer["events"]], answer["last"]) == (ids, ids[-1])
    assert [item["data"] for item in answer["events"]] == datas(events)


@pytest.mark.required("#the-last-event-id-header")
def test_a_held_poll_is_answered_by_an_event_of_another_process(server, on_broker):
    """Held to the end of its wait, it would be slower than asking again and again."""
    topic = new_topic()
    [seen] = publish(on_broker("one"), topic, "seen")
    held = polled(on_broker("other"), topic, seen, wait=20)
    held.read_for(0.05)  # by now it is held; were it not yet, the case would show less and still be right
    [id] = publish(on_broker("one"), topic, "new")
    assert told(held)["last"] == id


# -- what is kept


@pytest.fixture
def evicted(on_broker):
    """Publish more than is kept; give the ids and a process with so small a history."""
    process, topic = on_broker("small", "--history", str(HISTORY)), new_topic()
    return process, topic, [id for text in numbered(HISTORY + 10) for id in publish(process, topic, text)]


@pytest.mark.recommended("#the-last-event-id-header")
def test_of_a_topic_on_a_broker_no_more_is_kept_than_its_history(server, evicted):
    """A broker is shared, and what is kept for ever fills it."""
    process, topic, ids = evicted
    assert [item["id"] for item in told(polled(process, topic, "nonsense"))["events"]] == ids[-HISTORY:]


@pytest.mark.recommended("#the-last-event-id-header")
def test_an_id_that_the_broker_has_evicted_is_told_by_a_reset(server, evicted):
    """What was missed is gone in part; and from the reset's own id one can go on."""
    process, topic, ids = evicted
    reset, *kept = resumed(process, topic, ids[3]).read_events(1 + HISTORY)
    ends = json.loads(reset.data) if reset.type == "reset" else reset
    assert (ends, [event.last_event_id for event in kept]) == (
        {"oldest": ids[-HISTORY], "newest": ids[-1]},
        ids[-HISTORY:],
    )
    assert resumed(process, topic, reset.last_event_id).read_events(HISTORY) == kept


@pytest.mark.recommended("#the-last-event-id-header")
def test_ids_of_a_broker_that_has_lost_its_data_are_told_by_a_reset(server, on_broker, redis):
    """A broker without a disk forgets at its restart. Taken for one of now, an old id would hide the loss."""
    topic = new_topic()
    [*_, seen] = publish(on_broker("one"), topic, *numbered(6))
    redis.ask("FLUSHALL")
    publish(on_broker("one"), topic, *numbered(12))
    events = resumed(on_broker("other"), topic, seen).read_events(1)
    assert events[0].type == "reset"


# -- the broker goes away and comes back


@pytest.mark.recommended("#authoring-notes")
def test_a_stream_stays_open_with_comments_while_the_broker_is_away(server, on_broker, redis):
    """Were they ended, all clients would come back at once, and again, to a server that has nothing for them."""
    topic, one = new_topic(), on_broker("one")
    stream = begun(resumed(one, topic))
    publish_again(one, topic, "before")
    stream.read_events(1)
    redis.kill()
    count = comments(stream) + 2
    stream.stream.read_until(lambda _: comments(stream) >= count, 8 * server.ping_s, "two comments more")
    redis.start()
    publish_again(one, topic, *LAST)
    assert datas(to_last(stream, within_s=BACK_S)) == ["before", *LAST]


def comments(stream):
    return len(re.findall(rb"^:", stream.body, re.MULTILINE))


@pytest.mark.recommended("RFC 9110 section 15.6.4")
@pytest.mark.parametrize("how", ["dead", "hanging"])
def test_publishing_while_the_broker_is_away_is_refused_for_now(server, on_broker, redis, how):
    """503 with Retry-After says that the publisher may try again; 202 would be a lie, and silence a publisher that hangs."""
    one, topic = on_broker("one"), new_topic()
    publish_again(one, topic, "before")
    if how == "dead":
        redis.kill()
    else:
        redis.pause()
    answer = posted(one, topic, "meanwhile")
    answer.stream.read_head(REFUSED_S)
    assert (answer.status, bool(answer.headers.get("retry-after"))) == (503, True)


@pytest.mark.recommended("RFC 9110 section 15.6.4")
def test_a_poll_while_the_broker_is_away_is_refused_for_now(server, on_broker, redis):
    """An empty answer would say that nothing was missed."""
    one, topic = on_broker("one"), new_topic()
    [seen] = publish_again(one, topic, "before")
    redis.kill()
    answer = polled(one, topic, seen)
    answer.stream.read_head(REFUSED_S)
    assert (answer.status, bool(answer.headers.get("retry-after"))) == (503, True)


@pytest.mark.recommended("RFC 9110 section 15.6.4")
def test_what_the_broker_refuses_is_refused_for_now(server, on_broker, redis):
    """It is there, but its memory is full: that too is no fault of the publisher's, and passes."""
    one, topic = on_broker("one"), new_topic()
    publish_again(one, topic, "before")
    redis.ask("CONFIG", "SET", "maxmemory", 1)
    try:
        answer = posted(one, topic, "meanwhile")
        answer.stream.read_head(REFUSED_S)
    finally:
        redis.ask("CONFIG", "SET", "maxmemory", 0)
    assert (answer.status, bool(answer.headers.get("retry-after"))) == (503, True)


@pytest.mark.costly
@pytest.mark.required("#the-last-event-id-header")
def test_nothing_acknowledged_is_lost_or_doubled_when_the_broker_dies_and_is_back(server, on_broker, redis):
    """202 is a promise: it holds over the broker's death, for who stays and for who comes back."""
    topic, processes = new_topic(), [on_broker("one"), on_broker("other")]
    streams = [begun(resumed(process, topic)) for process in processes]
    [first] = publish_again(processes[0], topic, "first")
    acknowledged, refused = ["first"], []
    for number, process in zip(range(30), cycle(processes), strict=False):
        if number == 10:
            redis.kill()
        if number == 14:
            redis.start()
        answer = posted(process, topic, str(number))
        answer.stream.read_head(REFUSED_S)
        (acknowledged if answer.status == 202 else refused).append(str(number))
    publish_again(processes[0], topic, *LAST)
    acknowledged += LAST
    received = [datas(to_last(stream, within_s=BACK_S)) for stream in streams]
    received.append(["first", *datas(to_last(resumed(processes[1], topic, first)))])
    kept = [[text for text in texts if text not in refused] for texts in received]
    assert (kept, received[0] == received[1] == received[2]) == ([acknowledged] * 3, True)


@pytest.mark.recommended("#the-last-event-id-header")
def test_a_client_that_comes_while_the_broker_is_away_gets_what_it_missed(server, on_broker, redis):
    """An EventSource that is answered with 503 gives up for good: so its stream is opened, and waits."""
    topic, one = new_topic(), on_broker("one")
    seen, *_ = publish_again(one, topic, "seen", "missed")
    redis.kill()
    stream = resumed(on_broker("other"), topic, seen)
    status = stream.status
    redis.start()
    publish_again(one, topic, *LAST)
    assert (status, datas(to_last(stream, within_s=BACK_S))) == (200, ["missed", *LAST])


# -- workers of one server


WORKERS = ("workers", "--workers", "2")


def pids(server, most=200):
    """Ask who answers, on connection after connection, until two have."""
    seen = set()
    for _ in range(most):
        with server.open("/json/about") as answer:
            seen.add(told(answer)["pid"])
        if len(seen) > 1:
            break
    return seen


@pytest.mark.recommended("#the-last-event-id-header")
@pytest.mark.needs("workers")
def test_all_workers_of_a_server_serve(server, on_broker):
    """What is shown below of two workers would be shown of one, were the other idle."""
    assert len(pids(on_broker(*WORKERS))) == 2


@pytest.mark.costly
@pytest.mark.required("#the-last-event-id-header")
@pytest.mark.needs("workers")
def test_nothing_is_lost_or_doubled_between_workers_under_fire(server, on_broker, publishing):
    """The kernel gives each connection to whichever worker is free: no client can choose its own."""
    workers = on_broker(*WORKERS)
    received, expected = under_fire([publishing(*WORKERS)], [workers])
    assert received == expected


@pytest.mark.costly
@pytest.mark.required("#the-last-event-id-header")
@pytest.mark.needs("workers")
def test_a_hundred_clients_resume_at_once_at_the_workers(server, on_broker):
    """After a restart of the network they all come back in the same second, to all workers."""
    workers, topic, texts = on_broker(*WORKERS), new_topic("größe"), numbered(20)
    ids = publish(workers, topic, *texts)
    places = [number % len(ids) for number in range(100)]
    streams = [resumed(workers, topic, ids[place]) for place in places]
    publish(workers, topic, *LAST)
    expected = [[*texts[place + 1 :], *LAST] for place in places]
    assert [datas(to_last(stream)) for stream in streams] == expected


ODD = {
    "unknown": b"nonsense",
    "zero": b"0-0",
    "huge": b"9" * 30 + b"-1",
    "redis": b"1-1 * $",
    "no-utf-8": b"\xff\xfe",
    "sql": b"1' OR '1'='1",
}


@pytest.mark.recommended("#the-last-event-id-header")
@pytest.mark.needs("workers")
@pytest.mark.parametrize("id", ODD.values(), ids=ODD)
def test_an_id_that_no_worker_has_given_out_is_told_by_a_reset(server, on_broker, id):
    """Anybody can send anything; whatever the broker would make of it, it is opaque text here."""
    workers, topic = on_broker(*WORKERS), new_topic()
    publish(workers, topic, "kept")
    events = resumed(workers, topic, id).read_events(2)
    assert [event.type for event in events] == ["reset", "message"]


@pytest.mark.recommended("RFC 9112 section 9.6")
@pytest.mark.needs("workers")
def test_workers_end_their_streams_well_at_sigterm(server, for_itself):
    """A deployment stops a server with all its workers: each stream gets its end, and no worker stays."""
    workers = for_itself("--workers", "2")
    streams = [begun(resumed(workers, new_topic())) for _ in range(10)]
    code = workers.process.stop(8.0)
    ends = [stream.stream.read_to_end(2.0) is not None and stream.ended for stream in streams]
    assert (code, ends) == (0, ["complete"] * 10)
