"""Over HTTP/2, spoken to the server itself: what a stream is without chunks, and many of them on one connection.

Only servers that declare `http2` are judged. The client knows beforehand that HTTP/2 is spoken (RFC 9113, section 3.3),
without TLS; with TLS it is the same from there on, and the cases behind nginx have it. A stream ends well by
END_STREAM ("complete"), badly by RST_STREAM ("reset") or with its connection ("cut", "reset").
"""

import json
import secrets
import time
from urllib.parse import urlencode

import pytest

from sseproof.wire import Event

pytestmark = [pytest.mark.door("proxy"), pytest.mark.needs("http2")]

ROOM_S = 1.0  # for a machine on which others are busy
APART_S = (0.05, 0.1, 0.2, 0.2, 0.2, 0.2)  # tried one after the other: who is late at every distance is late
OF_A_CONNECTION = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
UNREAD = [{"data": "x" * 2**20}]


def new_topic():
    return f"größe-{secrets.token_hex(4)}"  # its ids are beyond ASCII, too


def subscribed(way, topic, name="", id=None):
    """Open a topic's stream and wait for its first block, which is sent once it is subscribed."""
    headers = [] if id is None else [("Last-Event-ID", id)]
    stream = way.open("/events/topic", params={"topic": topic, "as": name}, headers=headers)
    stream.stream.read_some(5.0)
    assert stream.status == 200, f"received {stream.status} to a topic's stream, expected 200"
    return stream


def publish(server, topic, *texts):
    body = [{"data": text} for text in texts]
    found = server.json("POST", f"/json/topic?{urlencode({'topic': topic})}", body)
    assert found.status == 202, f"received {found.status} to what was published, expected 202"


def datas(events):
    return [event.data for event in events]


def closed(server, prefix, names):
    """Wait, for as long as a departure may take, until the streams of these names are closed; give which are."""
    deadline_s = time.monotonic() + 2 * server.ping_s + ROOM_S
    while True:
        counts = server.json("GET", f"/json/open?prefix={prefix}").value["names"]
        seen = {name for name in names if counts.get(name, {}).get("closed") == 1}
        if seen == set(names) or time.monotonic() > deadline_s:
            return seen
        time.sleep(0.02)


# -- one stream


@pytest.mark.recommended("#authoring-notes")
def test_over_http_2_each_event_is_read_before_the_next_is_due(server, http2):
    """A server that schedules many streams may wait for more to send: an event is worth a frame."""
    way, told = http2(server), []
    for apart_s in APART_S:
        script = [{"data": "1"}, {"data": "2", "after": apart_s}]
        # Held open and quiet, so that no third event and no end pushes the second out.
        with way.echo(*script, hold=True) as stream:
            stream.read_for(2 * apart_s)
        late_s = [at - n * apart_s for n, (at, _) in enumerate(stream.arrivals)]
        if len(late_s) == 2 and max(late_s) < apart_s:
            return
        told.append(f"{apart_s:g} s apart, read {', '.join(f'{s:.3f} s' for s in late_s) or 'never'} late")
    pytest.fail(f"events were {'; '.join(told)}; expected each before the next is due")


@pytest.mark.recommended("#authoring-notes")
def test_over_http_2_a_quiet_stream_carries_comments(server, http2):
    """What is between drops a quiet connection, whichever protocol it speaks."""
    stream = subscribed(http2(server), new_topic())
    before = len(stream.chunks)
    stream.read_for(2 * server.ping_s + ROOM_S)
    came = b"".join(chunk.data for chunk in stream.chunks[before:])
    assert (came[:1], stream.events, stream.ended) == (b":", [], None)


@pytest.mark.required("RFC 9113 section 8.2.2")
@pytest.mark.parametrize(
    "target", ["/events/topic?topic=t", "/events/none", "/json/about"], ids=["stream", "404", "json"]
)
def test_over_http_2_no_answer_has_a_field_of_the_connection(server, http2, target):
    """`Connection: keep-alive`, which many a stream is given, makes the whole answer malformed, and a client must not take it."""
    with http2(server).open(target) as stream:
        sent = [name for name, _ in stream.headers.headers]
    upper = [name for name in sent if name != name.lower()]
    assert (sorted(OF_A_CONNECTION & {name.lower() for name in sent}), upper) == ([], [])


@pytest.mark.required("#event-stream-interpretation")
def test_over_http_2_a_finite_stream_is_whole(server, http2):
    """Types, ids and text come out as they went in, and END_STREAM tells that this was all."""
    texts = [
        "plain",
        "",
        " one\n\ntwo: \n",
        "é\u2028\U0001f600",
        "x" * 200_000,
    ]  # more than a window of 64 KiB
    script = [{"data": text, "event": "größer", "id": f"ü{n}"} for n, text in enumerate(texts)]
    stream = http2(server).echo(*script)
    expected = [Event(text, "größer", f"ü{n}") for n, text in enumerate(texts)]
    assert (stream.events, stream.ended) == (expected, "complete")


@pytest.mark.required("RFC 9113 section 8.1")
def test_over_http_2_a_generator_that_raises_cuts_the_stream(server, http2):
    """RST_STREAM is all that tells a client: END_STREAM says that this was all, and nothing at all that more will come."""
    script = [{"data": "first"}, {"data": "second", "after": 0.02}, {"fail": True, "after": 0.02}]
    stream = http2(server).echo(*script, hold=True)
    stream.read_to_end(2.0)
    assert (datas(stream.events), stream.ended in ("cut", "reset")) == (["first", "second"], True), (
        stream.ended
    )


@pytest.mark.required("RFC 9110 section 9.3.2")
def test_over_http_2_head_is_answered_and_opens_no_stream(server, http2):
    """Headers and END_STREAM, and nobody left at the server who waits for events."""
    name = "http2.head"
    answer = http2(server).open("/events/topic", method="HEAD", params={"topic": "t", "as": name})
    answer.read_to_end(2.0)
    names = server.json("GET", f"/json/open?prefix={name}").value["names"]
    seen = (answer.status, answer.headers.get("content-type"), answer.body, name in names)
    assert seen == (200, "text/event-stream", b"", False)


@pytest.mark.required("#sse-processing-model")
def test_over_http_2_a_204_ends_a_stream_for_good(server, http2):
    """It is how a server tells an EventSource not to come again."""
    way, target = http2(server), "/events/training?epochs=1&steps=2&speed=100"
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
def test_over_http_2_a_refusal_is_whole(server, http2, method, target, status):
    """An EventSource gives up on any status but 200, and a person wants to read why."""
    answer = http2(server).open(target, method=method)
    answer.read_to_end(2.0)
    seen = (answer.status, answer.headers.get("content-type"), answer.ended)
    assert seen == (status, "application/json", "complete")
    assert "error" in json.loads(answer.body)


@pytest.mark.required("#the-last-event-id-header")
def test_over_http_2_an_id_beyond_ascii_is_resumed_from(server, http2):
    """Last-Event-ID is UTF-8, and HPACK takes a header for bytes."""
    way, topic = http2(server), new_topic()
    stream = subscribed(way, topic)
    publish(server, topic, "seen")
    [seen] = stream.read_events(1)
    stream.close()
    publish(server, topic, "one", "two")
    assert datas(subscribed(way, topic, id=seen.last_event_id).read_events(2)) == ["one", "two"]


# -- many on one connection


@pytest.mark.required("RFC 9113 section 5")
def test_over_http_2_one_connection_carries_thirty_streams(server, one_connection):
    """A browser opens six connections to a host, over all its tabs; by HTTP/2 all streams share one."""
    way, topic = one_connection(server), new_topic()
    streams = [subscribed(way, topic) for _ in range(30)]
    publish(server, topic, "to all")
    assert [datas(stream.read_events(1)) for stream in streams] == [["to all"]] * 30


@pytest.mark.required("RFC 9113 section 5.2")
def test_over_http_2_a_stream_that_is_not_read_holds_up_no_other(server, one_connection):
    """Each stream has a window of its own: the tab in the background fills its own, and no other's."""
    way, topic = one_connection(server), new_topic()
    stream, unread = subscribed(way, topic), way.echo(*UNREAD, hold=True)
    for n in range(20):  # by which the other's window is full
        publish(server, topic, f"{n}")
        stream.read_events(n + 1)
    assert datas(stream.events) == [f"{n}" for n in range(20)]
    assert datas(unread.read_events(1)) == [UNREAD[0]["data"]]


@pytest.mark.required("RFC 9113 section 5.4.2")
def test_over_http_2_a_cancelled_stream_ends_and_no_other(server, one_connection):
    """RST_STREAM is how a browser leaves an EventSource while its page, and the connection, stay."""
    way, topic, names = one_connection(server), new_topic(), ["http2.cancel.0", "http2.cancel.1"]
    streams = [subscribed(way, topic, name) for name in [*names, "http2.cancel.stays"]]
    for stream in streams[:2]:
        stream.close()
    assert closed(server, "http2.cancel.", names) == set(names)
    publish(server, topic, "still here")
    assert datas(streams[2].read_events(1)) == ["still here"]


@pytest.mark.required("RFC 9112 section 9.5")
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_over_http_2_all_streams_end_with_their_connection(server, one_connection, how):
    """A user who closes the browser leaves many streams at once."""
    way, names = one_connection(server), [f"http2.{how}.{n}" for n in range(5)]
    streams = [subscribed(way, new_topic(), name) for name in names]
    connection = streams[0].stream.connection
    connection.close() if how == "fin" else connection.reset()
    assert closed(server, f"http2.{how}.", names) == set(names)
