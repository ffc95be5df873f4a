"""Keep-alive: what a stream carries while its server has nothing to say.

All of these cases wait for the same thing, that a stream has been quiet for long enough. So the streams are
opened together at the file's first case and judged one after the other, and the waits overlap. Bounds are four
intervals where one would do: that is room for a busy machine, and a server without keep-alive misses any bound.
"""

import time

import pytest

from sseproof.wire import Decoder, Event, fields

LARGE = "\n".join(["x" * 1023] * 8192)  # 8 MiB: the kernel takes 4 while nobody reads
IDLE_S = 5.7  # HTTP servers close an idle connection after 5 s by default, some after 2 s


def unread(server):
    """Open a stream, read nothing of its one event, and return when the event has begun to come."""
    script = [{"data": LARGE}]
    stream = server.open("/events/echo?hold=true", method="POST", json=script, rcvbuf_bytes=65536)
    deadline_s = time.monotonic() + 2.0
    while stream.stream.waiting_bytes() < 1024 and time.monotonic() < deadline_s:  # more than a head
        time.sleep(0.005)
    return stream


STREAMS = {
    "unread": unread,  # first: the others begin when its event has begun
    "echo": lambda server: server.echo({"data": "one", "id": "7"}, hold=True),
    "topic": lambda server: server.open("/events/topic?topic=keepalive"),
    "ticks": lambda server: server.open("/events/ticks?interval=3600"),
    "blocking": lambda server: server.echo(hold=True, blocking="blocking" in server.about["capabilities"]),
    "flowing": lambda server: server.open("/events/ticks?interval=0.05"),
}


@pytest.fixture
def together(lasting):
    """Give the streams of this file by their names; the first case opens them all."""
    return lasting("keepalive", lambda server: {name: opened(server) for name, opened in STREAMS.items()})


def comments(body):
    return [field.value for field in fields(body) if field.name == ""]


@pytest.mark.required("#event-stream-interpretation")
def test_keeping_alive_never_breaks_an_event(server, together):
    """An event that takes longer than the interval to send comes out in one piece all the same."""
    stream, neighbour = together["unread"], together["echo"]
    # It is the first case because servers cut off who reads nothing for long.
    neighbour.read_for(neighbour.stream.started_s + 1.2 * server.ping_s - time.monotonic())
    assert stream.read_events(1) == [Event(LARGE)]


@pytest.mark.required("#authoring-notes")
@pytest.mark.parametrize("name", ["echo", "topic", "ticks"])
def test_a_quiet_stream_carries_a_comment(server, together, name):
    """Proxies drop a connection on which nothing moves, and only by writing does a server notice who has left."""
    together[name].stream.read_until(comments, within_s=4 * server.ping_s, what="comment")


@pytest.mark.required("#authoring-notes")
@pytest.mark.needs("blocking")
def test_a_quiet_blocking_generator_is_kept_alive_too(server, together):
    """It sits in a thread and cannot send the comment itself: somebody else has to."""
    together["blocking"].stream.read_until(comments, within_s=4 * server.ping_s, what="comment")


@pytest.mark.required("#event-stream-interpretation")
def test_keeping_alive_dispatches_nothing_and_changes_no_id(server, together):
    """A keep-alive that is an event wakes every page, and one with an id makes a reconnect lose events."""
    stream, decoder = together["echo"], Decoder()
    # The event has two fields: whatever follows them is the keep-alive.
    stream.stream.read_until(lambda body: len(list(fields(body))) > 2, 4 * server.ping_s, "keep-alive")
    events = decoder.feed(stream.body)
    assert (events, decoder.last_event_id) == ([Event("one", last_event_id="7")], "7")


@pytest.mark.recommended("#authoring-notes")
def test_no_comment_comes_while_events_flow(server, together):
    """The events keep the connection alive; a timer that does not see them wakes every client for nothing."""
    stream = together["flowing"]
    enough = int(1.5 * server.ping_s / 0.05)
    stream.read_events(enough)
    if comments(stream.body):  # a machine too busy for one interval may have had cause: it has not twice
        stream = server.open("/events/ticks?interval=0.05")
        stream.read_events(enough)
    assert comments(stream.body) == []


@pytest.mark.required("#sse-processing-model")
def test_a_quiet_stream_outlives_the_timeout_of_an_idle_connection(server, quiet_since_the_start):
    """A response that goes on is not an idle connection, however little it says."""
    stream = quiet_since_the_start()
    stream.read_for(stream.stream.started_s + IDLE_S - time.monotonic())
    server.json("POST", "/json/topic?topic=quiet", {"data": "still here"})
    assert [event.data for event in stream.read_events(1)] == ["still here"]
