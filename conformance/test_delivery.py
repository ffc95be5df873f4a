"""Delivery: every event arrives, when it is due, at everybody it is for, and an end that is no end shows.

A timing case judges by what cannot be early: an event that waits for the next one, or for a timer, cannot have
been read before the next one is due, however quick the machine. A reader that was not scheduled may make any
event look late, so what is missed at one distance is tried again at a larger: a server that withholds fails at
every one.
"""

import contextlib
import json
import secrets
import socket
import time
import zlib

import pytest

from sseproof.wire import Decoder, Event, decode

# All is over before the first keep-alive comment (after 0.5 s), which would push out what is withheld.
APART_S = (0.02, 0.05, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2)
RAISED = [
    {"data": "first"},
    {"data": "second", "after": 0.02},
    {"data": "third", "after": 0.02},
    {"fail": True, "after": 0.02},
]
CUT_WITHIN_S = 2  # a stream whose generator has raised has nothing left to wait for
RAISES = {
    "at-once": [{"data": "first"}, {"fail": True}],
    "later": [{"data": "first"}, {"fail": True, "after": 0.02}],
    "after-three": RAISED,
}
BLOCKING = pytest.param(True, id="blocking", marks=pytest.mark.needs("blocking"))


# -- each event leaves when it is due


@pytest.mark.required("#authoring-notes")
@pytest.mark.parametrize(
    ("size_bytes", "offered"), [(1, "identity"), (1024, "gzip"), (8192, "gzip"), (65536, "identity")]
)
def test_each_event_is_read_before_the_next_is_due(server, size_bytes, offered):
    """A buffer that waits to be full, or for the next event, turns a push into a delay."""
    headers = {"Accept-Encoding": offered}
    _read_in_time(lambda apart_s: _echo_lateness(server, size_bytes, apart_s, headers=headers))


@pytest.mark.required("#authoring-notes")
@pytest.mark.needs("blocking")
@pytest.mark.parametrize("size_bytes", [1, 65536])
def test_each_event_of_a_blocking_generator_is_read_before_the_next_is_due(server, size_bytes):
    """A thread hands its events over one by one, and may do so in batches."""
    _read_in_time(lambda apart_s: _echo_lateness(server, size_bytes, apart_s, blocking=True))


@pytest.mark.required("#authoring-notes")
@pytest.mark.parametrize("blocking", [pytest.param(False, id="async"), BLOCKING])
def test_each_tick_is_read_before_the_next_is_due(server, blocking):
    """A stream that is always one event behind looks alive, and is wrong all the time."""

    def lateness(apart_s):
        params = {"interval": apart_s, **({"blocking": True} if blocking else {})}
        with server.open("/events/ticks", params=params) as stream:
            _read_at_most(stream, 2, within_s=3 * apart_s)
        due_ns = [_number(event) * round(apart_s * 1e9) for event in stream.events]
        read_ns = [stream.stream.started_ns + at * 1e9 for at, _ in stream.arrivals]
        return [(read - due) / 1e9 for read, due in zip(read_ns[:2], due_ns, strict=False)]

    _read_in_time(lateness)


@pytest.mark.required("#authoring-notes")
def test_each_token_of_an_answer_is_read_before_the_next_is_due(server):
    """An answer that is read while it is made is what chats use SSE for."""

    def lateness(apart_s):
        target = f"/events/chat?rate={1 / apart_s:g}"
        with server.open(target, method="POST", json={"message": "hello"}) as stream:
            _read_at_most(stream, 2, within_s=2 * apart_s)
        return [at - n * apart_s for n, (at, _) in enumerate(stream.arrivals[:2])]

    _read_in_time(lateness)


@pytest.mark.required("#authoring-notes")
def test_a_published_event_is_read_before_a_comment_could_push_it_out(server):
    """Broadcast goes another way than a script does: through queues, and often with no next event for long."""
    told, limit_s = [], 0.8 * server.ping_s  # no comment is due so soon after the stream was asked for
    for _ in APART_S:
        topic = _topic()
        with _subscribed(server, topic) as stream:
            _publish(server, topic, {"data": "only"})
            _read_at_most(stream, 1, within_s=server.ping_s)
        if stream.arrivals and stream.arrivals[0][0] < limit_s:
            return
        told.append(f"{stream.arrivals[0][0]:.3f} s" if stream.arrivals else "never")
    pytest.fail(f"read {', '.join(told)} after the stream was asked for, expected once before {limit_s:g} s")


def quiet_topic(server):
    """Open a topic to which nothing is published until its case; it has had comments only by then."""
    topic = _topic()
    return topic, _subscribed(server, topic)


AT_THE_START = {"quiet topic": quiet_topic}


@pytest.mark.required("#authoring-notes")
def test_a_published_event_is_read_before_the_next_comment_could_push_it_out(server, lasting):
    """The same on a stream that has been quiet: what wakes it must not be the timer of its comments."""
    topic, stream = lasting("quiet topic", quiet_topic)
    told, limit_s = [], 0.8 * server.ping_s
    stream.read_for(0.01)  # the comments of the time before this case
    for n in range(len(APART_S)):
        begun = len(stream.body)
        stream.stream.read_until(lambda body, n=begun: b"\n:" in b"\n" + body[n:], 5.0, "comment")
        start_s = stream.stream.now_s()
        _publish(server, topic, {"data": "only"})
        _read_at_most(stream, n + 1, within_s=server.ping_s)
        late_s = stream.arrivals[n][0] - start_s if len(stream.arrivals) > n else server.ping_s
        if late_s < limit_s:
            return
        told.append(f"{late_s:.3f} s")
        stream.read_events(n + 1)
    pytest.fail(f"read {', '.join(told)} after it was published, expected once before {limit_s:g} s")


def _read_in_time(lateness):
    """Fail unless, at one distance, two events have each been read less than it after they could be due."""
    told = []
    for n, apart_s in enumerate(APART_S):
        if n > 5:  # what else keeps the server busy may be over then; a buffer is late however long one waits
            time.sleep(0.5)
        late_s = lateness(apart_s)
        if len(late_s) == 2 and max(late_s) < apart_s:
            return
        late = ", ".join(f"{s:.3f} s" for s in late_s)
        told.append(f"{apart_s:g} s apart, read {late + ' late' if late else 'never'}")
    pytest.fail(f"events were {'; '.join(told)}; expected each before the next is due")


def _echo_lateness(server, size_bytes, apart_s, **options):
    """Have two events sent and give how long after its due time each is read, at most."""
    script = [{"data": "x" * size_bytes}, {"data": "second", "after": apart_s}]
    # Held open and quiet, so that no third event and no end pushes the second out.
    stream = _echo(server, script, hold=True, **options)
    # Event n is due n x apart_s after the server has the request, so not before that after it was sent.
    return [at - n * apart_s for n, at in enumerate(_arrivals(stream, 2, within_s=2 * apart_s))]


@pytest.mark.recommended("RFC 9293 section 3.7.4")
def test_an_event_does_not_wait_for_the_acknowledgement_of_the_one_before(server):
    """Nagle's algorithm, or a server that gathers events, keeps a second one back: until the first is acknowledged that takes 40 ms."""
    if not hasattr(socket, "TCP_QUICKACK"):
        pytest.skip("delayed acknowledgements cannot be asked for here: no TCP_QUICKACK")
    # The client reads nothing and acknowledges late, for otherwise loopback lets the server send at once. Three
    # events, for TCP sends no more than ten segments before the first acknowledgement, even without Nagle.
    script = json.dumps([{"data": str(n), "after": 0.001} for n in range(3)]).encode()
    told = []
    for _ in range(40):  # the machine may be busy in some rounds; Nagle holds back in all
        stream = server.connect()
        stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        stream.send_request("POST", "/events/echo?hold=true", [("Content-Type", "application/json")], script)
        early_bytes = _bytes_within(stream, 0.03)
        stream.read_until(lambda body: len(decode(body)) == 3, 5.0, "third event")
        all_bytes = sum(len(chunk.data) for chunk in stream.raw)
        stream.close()
        if early_bytes == all_bytes:
            return
        told += [early_bytes] if early_bytes else []  # nothing was seen in time: that tells nothing
        if len(told) == 8:
            break
    pytest.fail(f"30 ms after the first byte {told} of {all_bytes} bytes were there, expected all once")


def _bytes_within(stream, limit_s):
    """Give how many bytes wait unread at most limit_s after the first of them can have come."""
    none_s = start_s = time.monotonic()
    early_bytes = 0
    while time.monotonic() - start_s < 5:
        before_s, waiting_bytes, after_s = time.monotonic(), stream.waiting_bytes(), time.monotonic()
        if not waiting_bytes:
            none_s = before_s
        elif after_s - none_s < limit_s:
            early_bytes = waiting_bytes
        else:  # or this loop was held up itself and has seen nothing in time: that counts as 0 bytes
            break
        time.sleep(0.0005)
    return early_bytes


# -- streams do not hold up each other


@pytest.mark.required("#authoring-notes")
@pytest.mark.parametrize("then", [{"hold": True}, {}], ids=["quiet", "waiting"])
def test_a_slow_stream_does_not_hold_up_another(server, then):
    """A server that serves one stream after the other serves one client."""
    slow = _echo(server, [{"data": "one"}, *([] if then else [{"data": "two", "after": 60}])], **then)
    slow.read_events(1)
    other = server.echo({"data": "a"}, {"data": "b"}, within_s=2)  # held up by `slow` it would take a minute
    assert (other.events, slow.events) == ([Event("a"), Event("b")], [Event("one")])


@pytest.mark.required("#authoring-notes")
@pytest.mark.needs("blocking")
@pytest.mark.parametrize("blocking", [False, True], ids=["async", "blocking"])
def test_a_blocking_generator_does_not_stop_another_stream(server, blocking):
    """A generator that sleeps in the event loop's thread stops every other client while it does."""
    for sleeps_s in (0.3, 1.2, 4.8):
        start_s = time.monotonic()
        sleeper = _echo(server, [{"data": "one"}, {"data": "two", "after": sleeps_s}], blocking=True)
        sleeper.read_events(1)
        other = server.echo({"data": "a"}, {"data": "b", "after": 0.01}, blocking=blocking)
        took_s = time.monotonic() - start_s
        if other.events == [Event("a"), Event("b")] and took_s < sleeps_s:
            return
    pytest.fail(f"received {other.events} after {took_s:.2f} s, expected a and b before {sleeps_s:g} s")


@pytest.mark.costly
@pytest.mark.observed("#authoring-notes")
@pytest.mark.needs("blocking")
def test_sixty_blocking_generators_sleep_at_once(server, finding):
    """A blocking generator takes a thread while it sleeps, and frameworks keep few of them (often 40)."""
    sleeps_s, room_s, many = 0.2, 0.3, 60
    script = [{"data": "one"}, {"data": "two", "after": sleeps_s}]
    streams = [_echo(server, script, blocking=True) for _ in range(many)]
    deadline_s = time.monotonic() + sleeps_s + room_s
    for stream in streams:
        _read_at_most(stream, 2, within_s=max(0.001, deadline_s - time.monotonic()))
    took_s = [stream.arrivals[1][0] - stream.arrivals[0][0] for stream in streams if len(stream.arrivals) > 1]
    in_time = sum(seconds < sleeps_s + room_s for seconds in took_s)
    finding(f"{in_time} of {many} blocking generators that sleep {sleeps_s:g} s at once wake up in time")


# -- many streams, no tick missing


@pytest.mark.costly
@pytest.mark.required("#event-stream-interpretation")
def test_a_hundred_streams_at_once_get_every_tick(server):
    """Percentiles count what came; an event that never came is in none of them."""
    # The time is for a server that is slow: only one that leaves some of them waiting takes it all.
    assert _ticks_missed(server, streams=100, ticks=8, interval_s=0.04, within_s=15) == []


@pytest.mark.slow
@pytest.mark.observed("#event-stream-interpretation")
def test_five_hundred_streams_at_once_get_every_tick(server, finding):
    """How far a server goes is worth knowing; the standard names no number."""
    missed = _ticks_missed(server, streams=500, ticks=2, interval_s=0.25, within_s=5)
    finding(f"{500 - len(missed)} of 500 streams got every tick{''.join(f'; {line}' for line in missed[:3])}")


@pytest.mark.required("#event-stream-interpretation")
def test_no_tick_is_missing_among_six_hundred(server):
    """One lost in a hundred is not seen in ten: so most of these are due already and come at once."""
    after = time.time_ns() // 1_000_000 - 500
    headers = {"Last-Event-ID": str(after)}
    stream = server.open("/events/ticks?interval=0.001&count=600", headers=headers)
    seen = [event.last_event_id for event in stream.read_to_end()]
    assert seen == [str(tick) for tick in range(after + 1, after + 601)]


def _ticks_missed(server, *, streams, ticks, interval_s, within_s):
    """Open so many endless streams of the same ticks and tell, a line for each stream, what did not come."""
    # The same ticks are due to all, whenever their stream opens: the id of a tick is its number.
    after = time.time_ns() // round(interval_s * 1e9)
    due = [str(tick) for tick in range(after + 1, after + 1 + ticks)]
    opened = []
    for number in range(streams):
        headers = {"Last-Event-ID": str(after)}
        opened.append(server.open("/events/ticks", params={"interval": interval_s}, headers=headers))
        if number % 50 == 49:  # what overflows the backlog comes a second later, and is not asked here
            _read_at_most(opened[-1], 1, within_s=0.5)
    deadline_s = time.monotonic() + within_s
    missed = []
    for number, stream in enumerate(opened):  # what is not read yet waits in the socket
        _read_at_most(stream, ticks, within_s=max(0.01, deadline_s - time.monotonic()))
        seen = [event.last_event_id for event in stream.events[:ticks]]
        if seen != due:
            missing = sorted(set(due) - set(seen))
            missed.append(f"stream {number}: seen {len(seen)} of {ticks} due, missing {missing}, read {seen}")
    for stream in opened:  # only now: one that ended would make room for another
        stream.close()
    return missed


# -- long streams


@pytest.mark.slow
@pytest.mark.required("#authoring-notes")
@pytest.mark.parametrize("seconds", [65, 130])
def test_a_long_stream_still_delivers_at_its_end(server, lasting, seconds):
    """Timeouts of 30, 60 and 120 s are common, and a stream that delivers nothing may keep its socket open."""
    stream = lasting("long", _seconds)  # one for both, so that the waits overlap
    seen = [_number(event) for event in stream.read_events(seconds, within_s=seconds + 10)]
    assert seen == list(range(seen[0], seen[0] + seconds))


def _seconds(server):
    return server.open("/events/ticks", params={"interval": 1})


# -- broadcast


@pytest.mark.required("#event-stream-interpretation")
def test_broadcast_order_is_the_same_for_every_subscriber(server):
    """Clients that apply changes in different orders end in different states."""
    topic = _topic()
    subscribers = [_subscribed(server, topic) for _ in range(10)]
    lists = [[{"data": f"{publisher}.{number}"} for number in range(20)] for publisher in range(5)]
    publishers = [_publisher(server, topic, items) for items in lists]  # all at once
    ids = [id for publisher in publishers for id in _ids(publisher)]
    texts = [item["data"] for items in lists for item in items]
    assert len(ids) == len(texts)
    published = dict(zip(ids, texts, strict=True))
    orders = [[event.last_event_id for event in stream.read_events(len(ids))] for stream in subscribers]
    assert orders == [orders[0]] * len(subscribers)
    assert {event.last_event_id: event.data for event in subscribers[0].events} == published


@pytest.mark.required("#event-stream-interpretation")
def test_events_published_in_one_list_keep_their_order(server):
    """A subscriber sees one publisher's events in the order in which they were published."""
    topic = _topic()
    subscriber = _subscribed(server, topic)
    _publish(server, topic, [{"data": str(number)} for number in range(500)])
    assert [event.data for event in subscriber.read_events(500)] == [str(number) for number in range(500)]


@pytest.mark.required("#event-stream-interpretation")
def test_topics_do_not_leak_into_each_other(server):
    """A subscriber must not be shown what was meant for others, however alike their names are."""
    topic = _topic()
    long = "x" * 180  # brokers cut names, PostgreSQL's at 63 bytes; 200 characters are allowed here
    others = ("-1", "/", " ", "*", "%", "é", "e\u0301", f"{long}1", f"{long}2")
    topics = [topic, topic.upper(), *(topic + more for more in others)]
    subscribers = {name: _subscribed(server, name) for name in topics}
    for text, names in (("first", topics), ("last", reversed(topics))):
        for name in names:
            _publish(server, name, {"data": f"{text} for {name}"})
    seen = {name: [event.data for event in stream.read_events(2)] for name, stream in subscribers.items()}
    assert seen == {name: [f"first for {name}", f"last for {name}"] for name in topics}


@pytest.mark.required("#event-stream-interpretation")
@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"data": "plain"}, ("message", "plain")),
        ({"data": ""}, ("message", "")),
        ({"data": " one\n\ntwo: \n"}, ("message", " one\n\ntwo: \n")),
        ({"data": "id: 1\nevent: x\n: no comment"}, ("message", "id: 1\nevent: x\n: no comment")),
        ({"data": "é\u2028\U0001f600e\u0301"}, ("message", "é\u2028\U0001f600e\u0301")),
        ({"data": "x" * 100_000}, ("message", "x" * 100_000)),
        ({"data": "named", "event": "größer"}, ("größer", "named")),
        ({"data": 12, "event": "number"}, ("number", "12")),
    ],
    ids=["plain", "empty", "lines", "fields", "unicode", "long", "named", "number"],
)
def test_a_broadcast_event_keeps_its_type_and_data(server, item, expected):
    """What is published through a topic reaches its subscribers as it is, and leaves nothing in the next event."""
    topic = _topic()
    subscriber = _subscribed(server, topic)
    _publish(server, topic, [item, {"data": "next"}])
    seen = [(event.type, event.data) for event in subscriber.read_events(2)]
    assert seen == [expected, ("message", "next")]


@pytest.mark.required("#event-stream-interpretation")
def test_equal_events_published_one_after_the_other_all_arrive(server):
    """What looks like a duplicate may be news: two equal readings, two equal words."""
    topic = _topic()
    subscriber = _subscribed(server, topic)
    for _ in range(2):
        _publish(server, topic, [{"data": "same", "event": "e"}] * 2)
    _publish(server, topic, {"data": "last"})
    assert [event.data for event in subscriber.read_events(5)] == ["same"] * 4 + ["last"]


# -- a generator that raises


@pytest.mark.required("RFC 9112 section 8")
@pytest.mark.parametrize("script", RAISES.values(), ids=RAISES)
def test_a_generator_that_raises_cuts_the_stream(server, script):
    """A clean end would say that this was all; cut short, the client knows that it was not."""
    stream = server.echo(*script, within_s=CUT_WITHIN_S)
    assert stream.ended in ("cut", "reset")


@pytest.mark.required("RFC 9112 section 8")
@pytest.mark.needs("blocking")
@pytest.mark.parametrize("script", RAISES.values(), ids=RAISES)
def test_a_blocking_generator_that_raises_cuts_the_stream(server, script):
    """An exception in another thread is easily lost."""
    stream = server.echo(*script, blocking=True, within_s=CUT_WITHIN_S)
    assert stream.ended in ("cut", "reset")


@pytest.mark.required("#authoring-notes")
def test_events_before_a_raise_have_been_delivered(server):
    """What was due before the fault is not part of it."""
    stream = server.echo(*RAISED, within_s=CUT_WITHIN_S)
    assert [event.data for event in stream.events] == ["first", "second", "third"]


@pytest.mark.observed("#authoring-notes")
def test_an_event_right_before_a_raise_arrives_or_is_lost(server, finding):
    """Where a queue lies between generator and socket, its last event may be thrown away with it."""
    stream = server.echo({"data": "first"}, {"data": "second"}, {"fail": True}, within_s=CUT_WITHIN_S)
    finding(f"{len(stream.events)} of 2 events right before the raise arrive; the body ends ({stream.ended})")


@pytest.mark.required("#authoring-notes")
def test_a_generator_that_raises_leaves_the_other_streams_alone(server):
    """One stream's fault is not the fault of the others: task groups and shared queues may spread it."""
    topic = _topic()
    subscriber = _subscribed(server, topic)
    server.echo(*RAISED, within_s=CUT_WITHIN_S)
    _publish(server, topic, {"data": "still here"})
    assert [event.data for event in subscriber.read_events(1)] == ["still here"]


@pytest.mark.observed("RFC 9110 section 15.6.1")
def test_a_raise_before_the_first_event_shows_in_the_status_or_the_end(server, finding):
    """Where nothing has been sent yet a server could still answer 500."""
    stream = server.echo({"fail": True}, within_s=CUT_WITHIN_S)
    finding(f"answers {stream.status}, then ends the body ({stream.ended}) after {len(stream.body)} bytes")


# -- how the cases ask


def _echo(server, script, *, headers=None, **options):
    """Have a script sent; the answer is not read yet."""
    return server.open("/events/echo", method="POST", params=options, json=script, headers=headers)


def _arrivals(stream, n, within_s):
    """Read until n events have come or the time is over and give when, in seconds since the request."""
    deadline_s = time.monotonic() + within_s
    read_s = []
    while len(read_s) < n and not stream.ended and time.monotonic() < deadline_s:
        stream.read_for(0.002)
        # A server may compress where it is allowed to, if each event comes through at once.
        compressed = stream.chunks and stream.headers.get("content-encoding") == "gzip"
        inflate = zlib.decompressobj(31).decompress if compressed else bytes
        decoder = Decoder()
        try:
            read_s = [chunk.seconds for chunk in stream.chunks for _ in decoder.feed(inflate(chunk.data))]
        except zlib.error as error:
            pytest.fail(f"the body says that it is gzip, and is not: {error}")
    return read_s[:n]


def _read_at_most(stream, n, within_s):
    """Wait for n events, but no longer; the stream tells what has come."""
    with contextlib.suppress(AssertionError):
        stream.read_events(n, within_s=within_s)


def _number(event):
    """Read the id of a tick."""
    id = event.last_event_id
    assert id.isascii() and id.isdecimal(), f"received the id {id!r}, expected a whole number"
    return int(id)


def _topic():
    return f"t{secrets.token_hex(4)}"


def _subscribed(server, topic):
    """Open a stream of a topic; its first block (`retry`) is sent once it is subscribed."""
    stream = server.open("/events/topic", params={"topic": topic})
    stream.stream.read_some(5.0)
    return stream


def _publish(server, topic, body):
    """Publish one item or a list, and wait until the server has taken it."""
    _ids(_publisher(server, topic, body))


def _publisher(server, topic, body):
    return server.open("/json/topic", method="POST", params={"topic": topic}, json=body)


def _ids(publisher):
    status, body = publisher.status, publisher.stream.read_to_end()
    try:
        ids = json.loads(body)["ids"]
    except (ValueError, KeyError, TypeError):
        ids = None
    came = f"received {status} with {body[:200]!r}"
    assert status == 202 and isinstance(ids, list), f"{came}, expected 202 with ids"
    return ids
