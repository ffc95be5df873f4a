"""Behind nginx: what a proxy makes of a server's streams, with nginx's defaults and with what people set.

The settings (sseproof/nginx.py) are `defaults` (proxy_pass and nothing else, so HTTP/1.0 to the server), `keepalive`
(HTTP/1.1 and connections kept to the server), `gzip`, `timeout` (a proxy_read_timeout of 2 s), `ignored` (nginx does not
heed X-Accel-Buffering, as with a server that sends none) and `http2` (with TLS). nginx itself is not judged: it stands
for all that is between a server and its users. What no standard asks for is recommended at most.
"""

import json
import secrets
import time
import zlib

import pytest

from sseproof.wire import Decoder, Event

pytestmark = pytest.mark.door("proxy")

WAYS = ("defaults", "keepalive", "gzip", "http2")
ROOM_S = 1.0  # for a machine on which others are busy
# Tried one after the other: who is late at every distance is late. All below the ping, which pushes out what waits.
APART_S = (0.05, 0.1, 0.2, 0.2, 0.2, 0.2)
NOTICED = "RFC 9112 section 9.5"
RAISED = [{"data": "first"}, {"data": "second", "after": 0.02}, {"fail": True, "after": 0.02}]
TEXTS = ["plain", "", " one\n\ntwo: \n", "id: 1\nevent: x", "é\u2028\U0001f600e\u0301", "x" * 20_000]


# -- how the cases ask


def echoed(way, setting, *script, hold=False):
    """Have a script sent; the answer is not read yet."""
    offered = {"Accept-Encoding": "gzip" if setting == "gzip" else "identity"}
    params = {"hold": True} if hold else None
    return way.open("/events/echo", method="POST", json=script, params=params, headers=offered)


def arrivals(stream):
    """Give the events read so far, with their seconds since the request, out of the coding that nginx put around."""
    compressed = stream.chunks and stream.headers.get("content-encoding") == "gzip"
    inflate, decoder = zlib.decompressobj(31).decompress if compressed else bytes, Decoder()
    return [(chunk.seconds, event) for chunk in stream.chunks for event in decoder.feed(inflate(chunk.data))]


def wait_for(stream, n, within_s):
    """Read until n events have come, the stream has ended or the time is over; give what has come."""
    deadline_s = time.monotonic() + within_s
    while len(found := arrivals(stream)) < n and not stream.ended and time.monotonic() < deadline_s:
        stream.read_for(0.002)
    return found[:n]


def read_in_time(lateness):
    """Fail unless, at one distance, two events have each been read less than it after they could be due."""
    told = []
    for apart_s in APART_S:
        late_s = lateness(apart_s)
        if len(late_s) == 2 and max(late_s) < apart_s:
            return
        late = ", ".join(f"{s:.3f} s" for s in late_s)
        told.append(f"{apart_s:g} s apart, read {late + ' late' if late else 'never'}")
    pytest.fail(f"events were {'; '.join(told)}; expected each before the next is due")


def new_topic():
    return f"größe-{secrets.token_hex(4)}"  # its ids are beyond ASCII, too


def subscribed(way, topic, id=None):
    """Open a topic's stream and wait for its first block, which is sent once it is subscribed."""
    headers = [] if id is None else [("Last-Event-ID", id)]
    stream = way.open("/events/topic", params={"topic": topic}, headers=headers)
    stream.stream.read_some(5.0)
    assert stream.status == 200, f"received {stream.status} to a topic's stream, expected 200"
    return stream


def publish(server, topic, *texts):
    """Publish, past nginx."""
    body = [{"data": text} for text in texts]
    with server.open("/json/topic", method="POST", params={"topic": topic}, json=body) as answer:
        answer.read_to_end()
    assert answer.status == 202, f"received {answer.status} to what was published, expected 202"


def datas(events):
    return [event.data for event in events]


def counts(server, prefix):
    return server.json("GET", f"/json/open?prefix={prefix}").value["names"]


# -- each event when it is due


@pytest.mark.recommended("#authoring-notes")
@pytest.mark.parametrize("setting", WAYS)
def test_behind_nginx_each_event_is_read_before_the_next_is_due(server, proxied, setting):
    """A proxy holds back what it may hold back: nginx does unless the server says X-Accel-Buffering: no."""
    way = proxied(server, setting)

    def lateness(apart_s):
        # Held open and quiet, so that no third event and no end pushes the second out.
        with echoed(way, setting, {"data": "1"}, {"data": "2", "after": apart_s}, hold=True) as stream:
            found = wait_for(stream, 2, 2 * apart_s)
        if setting == "gzip" and found:
            assert stream.headers.get("content-encoding") == "gzip"
        return [at - n * apart_s for n, (at, _) in enumerate(found)]

    read_in_time(lateness)


@pytest.mark.recommended("#authoring-notes")
@pytest.mark.parametrize("setting", [way for way in WAYS if way != "gzip"])
def test_behind_nginx_each_token_of_an_answer_is_read_before_the_next_is_due(server, proxied, setting):
    """The answer to a POST streams as one to GET does: chats live behind proxies too."""
    way = proxied(server, setting)

    def lateness(apart_s):
        target = f"/events/chat?rate={1 / apart_s:g}"
        with way.open(target, method="POST", json={"message": "hello"}) as stream:
            found = wait_for(stream, 2, 2 * apart_s)
        return [at - n * apart_s for n, (at, _) in enumerate(found)]

    read_in_time(lateness)


@pytest.mark.recommended("#authoring-notes")
@pytest.mark.parametrize("setting", [way for way in WAYS if way != "gzip"])
def test_behind_nginx_a_stream_answers_before_its_first_event(server, proxied, setting):
    """An EventSource is open when the headers are there, and a page shows that it is."""
    way, told, limit_s = proxied(server, setting), [], 0.8 * server.ping_s  # a ping brings them in any case
    for _ in APART_S:
        with way.open("/events/topic", params={"topic": new_topic()}) as stream:
            head = stream.stream.read_head(5.0)
        if head.status == 200 and head.seconds < limit_s:
            return
        told.append(f"{head.status} after {head.seconds:.3f} s")
    pytest.fail(f"received {', '.join(told)}, expected 200 once before {limit_s:g} s")


@pytest.mark.observed("#authoring-notes")
@pytest.mark.parametrize("setting", ["ignored", "ignored-keepalive"])
def test_behind_nginx_events_wait_where_x_accel_buffering_is_not_heeded(server, proxied, setting, finding):
    """What the users of a server see that does not send this header: nothing else of the answer differs."""
    script = [{"data": "x" * 1000, "after": 0.05} for _ in range(12)]
    with echoed(proxied(server, setting), setting, *script, hold=True) as stream:
        found = wait_for(stream, 12, 1.6)
    due_s, first_s = 0.05, found[0][0] if found else 0.0
    together = sum(at == first_s for at, _ in found)
    if together > 1:
        told = f"the first comes {first_s - due_s:.2f} s after it was due, with {together - 1} more"
    elif found:
        late_s = max(at - n * due_s for n, (at, _) in enumerate(found, 1))
        told = "each comes alone, " + ("when due" if late_s < ROOM_S else f"up to {late_s:.1f} s late")
    else:
        told = "none comes within 1.6 s"
    finding(f"of 12 events of 1 kB, 50 ms apart, {told}")


# -- all of it passes, and nothing else


@pytest.mark.required("#event-stream-interpretation")
@pytest.mark.parametrize("setting", WAYS)
def test_behind_nginx_a_finite_stream_is_whole(server, proxied, setting):
    """Types, ids and text in any script go in at one side and come out at the other, to the very end."""
    script = [{"data": text, "event": "größer", "id": f"ü{n}"} for n, text in enumerate(TEXTS)]
    stream = echoed(proxied(server, setting), setting, *script)
    stream.read_to_end()
    expected = [Event(text, "größer", f"ü{n}") for n, text in enumerate(TEXTS)]
    assert ([event for _, event in arrivals(stream)], stream.ended) == (expected, "complete")


@pytest.mark.required("RFC 9112 section 8")
@pytest.mark.parametrize("setting", [way for way in WAYS if way != "defaults"])
def test_behind_nginx_a_generator_that_raises_cuts_the_stream(server, proxied, setting):
    """A proxy that takes a fault for the end tells every client that this was all."""
    stream = echoed(proxied(server, setting), setting, *RAISED)
    stream.read_to_end(2.0)
    assert (len(arrivals(stream)), stream.ended in ("cut", "reset")) == (2, True), stream.ended


@pytest.mark.observed("RFC 9112 section 8")
def test_behind_nginx_by_http_1_0_a_generator_that_raises_looks_like_the_end_or_not(server, proxied, finding):
    """In HTTP/1.0 the end of a connection is the end of an answer: nginx's default asks for no more."""
    stream = echoed(proxied(server, "defaults"), "defaults", *RAISED)
    stream.read_to_end(2.0)
    finding(f"{len(arrivals(stream))} of 2 events come, then the body ends ({stream.ended})")


@pytest.mark.required("RFC 9110 section 9.3.2")
@pytest.mark.parametrize("setting", [way for way in WAYS if way != "gzip"])
def test_behind_nginx_head_is_answered_and_opens_no_stream(server, proxied, setting):
    """What looks whether a stream is there must not hold one open at the server, where nobody reads it."""
    name = f"proxy.head.{setting}"
    answer = proxied(server, setting).open("/events/topic", method="HEAD", params={"topic": "t", "as": name})
    answer.read_to_end(2.0)
    media_type = (answer.headers.get("content-type") or "").partition(";")[0]
    seen = (answer.status, media_type, answer.body, name in counts(server, name))
    assert seen == (200, "text/event-stream", b"", False)


@pytest.mark.required("#sse-processing-model")
@pytest.mark.parametrize("setting", [way for way in WAYS if way != "gzip"])
def test_behind_nginx_a_204_passes(server, proxied, setting):
    """It is how a server tells an EventSource not to come again, and has no body that could be waited for."""
    way, target = proxied(server, setting), "/events/training?epochs=1&steps=2&speed=100"
    *_, last = way.open(target).read_to_end()
    answer = way.open(target, headers=[("Last-Event-ID", last.last_event_id)])
    answer.read_to_end(2.0)
    assert (answer.status, answer.body, answer.ended) == (204, b"", "complete")


@pytest.mark.required("RFC 9110 section 15.5")
@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/events/none", 404), ("PUT", "/events/topic", 405), ("GET", "/events/echo?script=no", 422)],
    ids=["404", "405", "422"],
)
def test_behind_nginx_a_refusal_is_whole_and_the_server_s_own(server, proxied, method, target, status):
    """nginx puts a page of its own where it finds no answer that it can pass on."""
    answer = proxied(server, "defaults").open(target, method=method)
    answer.read_to_end(2.0)
    media_type = (answer.headers.get("content-type") or "").partition(";")[0]
    seen = (answer.status, media_type, answer.ended)
    assert seen == (status, "application/json", "complete"), answer.body[:200]
    assert "error" in json.loads(answer.body)


@pytest.mark.required("RFC 9112 section 9.3")
def test_behind_nginx_a_kept_connection_serves_one_request_after_the_other(server, proxied):
    """nginx sends the next user's request on the connection of the last one: what is left over there is theirs."""
    way = proxied(server, "keepalive")
    seen = [datas(way.echo({"data": f"{n}"}).events) for n in range(4)]
    assert seen == [["0"], ["1"], ["2"], ["3"]]


# -- topics and ids


@pytest.mark.required("#the-last-event-id-header")
@pytest.mark.parametrize("setting", [way for way in WAYS if way != "gzip"])
def test_behind_nginx_an_id_beyond_ascii_is_resumed_from(server, proxied, setting):
    """Last-Event-ID is UTF-8, and passes through proxies that take a header for bytes."""
    way, topic = proxied(server, setting), new_topic()
    stream = subscribed(way, topic)
    publish(server, topic, "seen")
    [seen] = stream.read_events(1)
    stream.close()
    publish(server, topic, "one", "two")
    assert datas(subscribed(way, topic, seen.last_event_id).read_events(2)) == ["one", "two"]


@pytest.mark.required("#event-stream-interpretation")
def test_behind_nginx_a_hundred_events_reach_each_subscriber_in_order(server, proxied):
    """One connection to the server each, and all of the same: what is published in one order is read in it."""
    topic, texts = new_topic(), [f"{n}" for n in range(100)]
    streams = [subscribed(proxied(server, setting), topic) for setting in WAYS]
    publish(server, topic, *texts[:50])
    publish(server, topic, *texts[50:])
    seen = [[event.data for _, event in wait_for(stream, 100, 5.0)] for stream in streams]
    assert seen == [texts] * len(WAYS)


@pytest.mark.recommended("#authoring-notes")
def test_behind_nginx_one_http_2_connection_carries_thirty_streams(server, nginx, one_connection):
    """A browser opens six connections to a host, over all its tabs; by HTTP/2 all streams share one."""
    way, topic = one_connection(server, nginx()), new_topic()
    streams = [subscribed(way, topic) for _ in range(30)]
    publish(server, topic, "to all")
    assert [datas(stream.read_events(1)) for stream in streams] == [["to all"]] * 30


@pytest.mark.required("#the-last-event-id-header")
def test_behind_an_nginx_that_is_restarted_a_client_misses_nothing(server, another_nginx):
    """A deployment ends every stream at once: each must see that it was cut, come back, and go on where it was."""
    way, topic = server.through(another_nginx.dial("keepalive")), new_topic()
    stream = subscribed(way, topic)
    publish(server, topic, "seen")
    [seen] = stream.read_events(1)
    another_nginx.stop()
    stream.read_to_end()
    publish(server, topic, "one", "two")
    another_nginx.start()
    again = subscribed(way, topic, seen.last_event_id)
    publish(server, topic, "three")
    assert (stream.ended in ("cut", "reset"), datas(again.read_events(3))) == (True, ["one", "two", "three"])


# -- who leaves


LEAVING = [(setting, how) for setting in ("defaults", "keepalive", "http2") for how in ("fin", "rst")]
LEAVING.append(("http2", "cancel"))


def left(server, proxied, shared):
    """Have a client leave by each setting and in each way, all at once, and give when the server noticed which.

    One cancels its stream, by RST_STREAM, on a connection of HTTP/2 that goes on.
    """
    streams = {}
    for setting, how in LEAVING:
        params = {"topic": "left", "as": f"proxy.left.{setting}.{how}"}
        way = shared if how == "cancel" else proxied(server, setting)
        streams[setting, how] = way.open("/events/topic", params=params)
    for stream in streams.values():
        stream.stream.read_some(5.0)
    for (_, how), stream in streams.items():
        stream.reset() if how == "rst" else stream.close()
    start_s, noticed = time.monotonic(), {}
    while len(noticed) < len(LEAVING) and time.monotonic() - start_s < 2 * server.ping_s + ROOM_S:
        for name, count in counts(server, "proxy.left.").items():
            if count["closed"] == 1:
                noticed.setdefault(name.removeprefix("proxy.left."), time.monotonic() - start_s)
        time.sleep(0.02)
    return noticed


@pytest.mark.required(NOTICED)
@pytest.mark.parametrize(("setting", "how"), LEAVING, ids=["-".join(pair) for pair in LEAVING])
def test_behind_nginx_a_client_s_leaving_reaches_the_server(
    server, nginx, proxied, one_connection, lasting, setting, how
):
    """nginx closes its own connection when the user's is gone; a server that does not look keeps both streams.

    Within two pings of it, as without a proxy: to the server it is always a FIN.
    """
    noticed = lasting("proxy.left", lambda server: left(server, proxied, one_connection(server, nginx())))
    limit_s = 2 * server.ping_s + ROOM_S
    assert f"{setting}.{how}" in noticed, f"the stream is still open after {limit_s:g} s, expected it closed"


# -- a quiet stream, judged last, when it has been quiet for long


QUIET_S = 3.0  # half as long again as nginx's patience


def quiet(server, proxied, nginx):
    """Open streams on which only pings go, for longer than nginx waits for a server to say something."""
    way, late = proxied(server, "timeout"), {"data": "late", "after": QUIET_S}
    streams = {"echo": way.echo(late, hold=True)}
    if "blocking" in server.about["capabilities"]:
        streams["blocking"] = way.echo(late, hold=True, blocking=True)
    topic = new_topic()
    streams["topic"] = subscribed(way, topic)
    return nginx(), topic, streams


AT_THE_START = {"proxied": quiet}


@pytest.fixture
def long_quiet(lasting, proxied, nginx):
    """Give the topic and the streams that have been quiet from the start; opened again where nginx has died."""

    def opening(server):
        return quiet(server, proxied, nginx)

    running, found = nginx(), lasting("proxied", opening)
    return (found if found[0] is running else lasting(f"proxied by {running.pid}", opening))[1:]


@pytest.mark.recommended("#authoring-notes")
@pytest.mark.parametrize(
    "name", ["echo", "topic", pytest.param("blocking", marks=pytest.mark.needs("blocking"))]
)
def test_behind_nginx_a_quiet_stream_outlives_the_read_timeout_by_its_pings(server, long_quiet, name):
    """nginx drops a server that says nothing for proxy_read_timeout; a comment now and then is all it takes."""
    topic, streams = long_quiet
    stream = streams[name]
    stream.read_for(max(0.0, stream.stream.started_s + QUIET_S - time.monotonic()))
    if name == "topic":
        publish(server, topic, "late")
    assert datas(stream.read_events(1)) == ["late"]
