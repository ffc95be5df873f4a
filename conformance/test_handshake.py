"""How a stream begins and ends: status, headers, transfer coding, HEAD, CORS, refusals.

An EventSource opens only for status 200 and text/event-stream; everything else here is HTTP's and Fetch's.
Where the probe's HTTP library would put a header in order, the cases look at the bytes of the head. Nothing
is withheld *for ever*, so a case about waiting tries longer and longer intervals: a server that withholds
fails at each of them, a busy machine only at the short ones.
"""

import contextlib
import random
import re
import time
import zlib

import pytest

from sseproof.wire import Event, decode

ORIGIN = "http://localhost:8080"  # the one origin that the servers allow
STREAMS = {
    "ticks": "/events/ticks",
    "topic": "/events/topic?topic=handshake",
    "demo": "/events/clock",
    "echo": "/events/echo?script=%5B%7B%22data%22%3A%22x%22%7D%5D&hold=true",
}
LONG = "x" * (1024 * 1024 - 1)  # with its two quotes one byte more than a body may have
TOO_LONG = {"method": "POST", "target": "/events/chat", "json": LONG}
INVALID = {"target": "/events/ticks?interval=nope"}
KINDS = {
    "stream": {"target": "/events/ticks"},
    "json": {"target": "/json/about"},
    "refusal": {"target": "/events/nope"},
    "invalid": INVALID,
    "not-allowed": {"method": "PUT", "target": "/events/ticks"},
    "too-long": TOO_LONG,
}
ANSWERS = {
    **STREAMS,
    "finite": "/events/echo?script=%5B%5D",
    "json": "/json/about",
    "refusal": "/events/nope",
}
ENDED = "/events/training?epochs=1&steps=1&after=2"  # its client has seen it to its end, and gets 204
STRANGERS = {
    "longer": "http://localhost:8080.evil.example",
    "no-port": "http://localhost",
    "other-scheme": "https://localhost:8080",
    "upper-case": "http://LOCALHOST:8080",
    "unrelated": "http://evil.example",
    "null": "null",
}
ORIGINS = {"none": {}, "allowed": {"Origin": ORIGIN}, "other": {"Origin": STRANGERS["unrelated"]}}
EVENT_SOURCE = {"Accept": "text/event-stream", "Cache-Control": "no-store"}  # what a browser sends
SOON_S = 2.0  # for what is done at once: it took 0.08 s at most, six servers at a time on two busy cores

each_kind = pytest.mark.parametrize("asked", KINDS.values(), ids=KINDS)
each_origin = pytest.mark.parametrize("headers", ORIGINS.values(), ids=ORIGINS)
each_stranger = pytest.mark.parametrize("origin", STRANGERS.values(), ids=STRANGERS)
every_stream = pytest.mark.parametrize("target", STREAMS.values(), ids=STREAMS)


@pytest.fixture
def heads(lasting):
    """Give the answers to HEAD on each stream; the first case that asks for them opens them all."""
    targets = STREAMS.items()
    return lasting("heads", lambda server: {name: server.open(to, method="HEAD") for name, to in targets})


def fields(answer, name):
    """Find the values of a header in the bytes of the head, as they came, behind interim responses."""
    answer.head  # noqa: B018  waits for it
    head, *later = b"".join(chunk.data for chunk in answer.stream.raw).decode("latin-1").split("\r\n\r\n")
    while re.match(r"HTTP/\S+ 1", head):
        head, *later = later
    pairs = [line.partition(":") for line in head.split("\r\n")[1:]]
    return [value.strip() for key, _, value in pairs if key.strip().lower() == name]


def listed(answer, name):
    """Give the members of a header that is a list, in lower case."""
    return {member.strip().lower() for value in answer.headers.get_all(name) for member in value.split(",")}


def allowed_origins(answer):
    return fields(answer, "access-control-allow-origin")


def media_type(answer):
    return (answer.headers.get("content-type") or "").partition(";")[0].strip().lower()


def goes_on(answer):
    """Say whether the connection serves another request, or has said that it will not."""
    if "close" in listed(answer, "connection"):
        return True
    answer.stream.next_request()
    answer.stream.send_request("GET", "/json/about")
    return answer.stream.read_head(within_s=SOON_S).status == 200


def preflight(server, method, target, header, origin=ORIGIN):
    """Ask as a browser does before a request that carries this header."""
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": header}
    return server.json("OPTIONS", target, headers={"Origin": origin, **asked})


# -- status and headers


@pytest.mark.required("#sse-processing-model")
@every_stream
@pytest.mark.parametrize("headers", [{}, EVENT_SOURCE], ids=["plain", "eventsource"])
def test_the_status_of_a_stream_is_200(server, target, headers):
    """An EventSource fails the connection for any other status, 2xx included."""
    assert server.open(target, headers=headers).status == 200


@pytest.mark.required("#sse-processing-model")
@every_stream
def test_the_media_type_of_a_stream_is_text_event_stream(server, target):
    """An EventSource fails the connection for any other type; by RFC 9110 section 5.3 it comes once."""
    types = fields(server.open(target), "content-type")
    assert [value.partition(";")[0].strip().lower() for value in types] == ["text/event-stream"]


@pytest.mark.required("#text/event-stream")
@every_stream
def test_a_charset_of_a_stream_is_utf_8(server, target):
    """The parameter may be left out; if it is there, the registration of the type allows this value only."""
    types = "".join(fields(server.open(target), "content-type"))
    charsets = re.findall(r';\s*charset\s*=\s*"?([^";\s]*)', types, re.IGNORECASE)
    assert [charset.lower() for charset in charsets] in ([], ["utf-8"])


@pytest.mark.required("RFC 9112 section 6.2")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", ANSWERS.values(), ids=ANSWERS)
def test_a_length_and_a_transfer_coding_exclude_each_other(server, method, target):
    """A message with both is how requests and responses are smuggled; no sender may write it."""
    answer = server.open(target, method=method)
    assert len(fields(answer, "content-length")) + len(fields(answer, "transfer-encoding")) <= 1


@pytest.mark.required("RFC 9110 section 8.6")
@every_stream
def test_a_stream_without_an_end_has_no_length(server, target):
    """A Content-Length is the number of bytes to come, and nobody knows it."""
    assert fields(server.open(target), "content-length") == []


@pytest.mark.recommended("#sse-processing-model")
def test_the_headers_leave_before_the_first_event_is_due(server):
    """An EventSource is `open` when they arrive; until then its page shows that it is connecting."""
    # The first keep-alive comment may push withheld headers out: they have to come clearly before it.
    limit_s = 0.8 * server.ping_s
    streams = [server.echo({"data": "late", "after": 60}, hold=True) for _ in range(3)]
    assert min(stream.head.seconds for stream in streams) <= limit_s


@pytest.mark.required("#sse-processing-model")
@pytest.mark.parametrize("target", [*STREAMS.values(), "/events/training"], ids=[*STREAMS, "training"])
def test_a_resumed_stream_begins_as_a_new_one(server, target):
    """An EventSource judges a reconnection like a first connection: after 206, say, it never tries again."""
    answer = server.open(target, headers={**EVENT_SOURCE, "Last-Event-ID": "1"})
    assert (answer.status, media_type(answer)) == (200, "text/event-stream")


OTHER_PLACES = (
    r"""(?:\b(?:src|href|action|data|poster|srcset)\s*=|\burl\(|@import)\s*["']?\s*(?:https?:)?//[^\s"'>)]+"""
)


@pytest.mark.recommended("#authoring-notes")
def test_the_page_is_html_that_needs_nothing_else(server):
    """What a page loads from elsewhere is missing where there is no network, and tells others who looks at it."""
    answer = server.open("/")
    body = answer.stream.read_to_end().decode()
    assert (answer.status, media_type(answer)) == (200, "text/html")
    assert re.findall(OTHER_PLACES, body, re.IGNORECASE) == []


# -- HEAD and other methods


@pytest.mark.required("RFC 9110 section 9.1")
@pytest.mark.parametrize("name", STREAMS)
def test_head_is_answered_with_the_status_of_get(server, heads, name):
    """A server must know HEAD, GET without the content: whoever asks by it learns of a stream without one."""
    # A server that runs the stream to its end first never comes to its head.
    assert heads[name].stream.read_head(within_s=SOON_S).status == 200


@pytest.mark.recommended("RFC 9110 section 9.3.2")
@every_stream
def test_head_has_the_headers_of_get(server, target):
    """A server SHOULD send the same; the ones about the connection and the moment are left aside."""
    passing = {"date", "connection", "keep-alive", "content-length", "transfer-encoding"}
    answers = server.open(target, method="HEAD").headers, server.open(target).headers
    head, get = (sorted(pair for pair in answer.headers if pair[0] not in passing) for answer in answers)
    assert head == get


@pytest.mark.required("RFC 9110 section 8.6")
@every_stream
def test_head_has_no_length_that_get_has_not(server, target):
    """`Content-Length: 0` in an answer to HEAD says that a GET would bring nothing."""
    head, get = server.open(target, method="HEAD"), server.open(target)
    if head.status != get.status:
        pytest.skip(f"HEAD is answered with {head.status}: that has a length of its own")
    assert fields(head, "content-length") in ([], fields(get, "content-length"))


@pytest.mark.required("RFC 9110 section 9.3.2")
def test_head_leaves_no_stream_open(server):
    """Nobody reads such a stream and nobody closes it: each HEAD would cost a stream for good."""
    for target in STREAMS.values():
        server.open(target, method="HEAD", params={"as": "handshake-head"}).read_to_end()
    server.open("/events/ticks?interval=0.02").read_events(2)  # by then the others would have begun too
    assert server.json("GET", "/json/open?as=handshake-head").value["open"] == 0


@pytest.mark.required("RFC 9112 section 9.3")
@pytest.mark.parametrize("target", ANSWERS.values(), ids=ANSWERS)
def test_after_head_the_connection_serves_another_request(server, target):
    """The answer to HEAD is over with its headers, so the next request need not wait for a stream's end."""
    head = server.open(target, method="HEAD")
    head.read_to_end(within_s=SOON_S)
    assert goes_on(head)


METHODS = [
    ("POST", "ticks"),
    ("PUT", "ticks"),
    ("PATCH", "echo"),
    ("DELETE", "clock"),
    ("GET", "chat"),
    ("HEAD", "chat"),
]


@pytest.mark.recommended("RFC 9110 section 9.1")
@pytest.mark.parametrize(("method", "stream"), METHODS)
def test_another_method_is_not_allowed(server, method, stream):
    """A method known but not allowed for the target SHOULD be answered with 405."""
    assert server.open(f"/events/{stream}", method=method).status == 405


@pytest.mark.required("RFC 9110 section 15.5.6")
@pytest.mark.parametrize(("method", "stream"), METHODS)
def test_a_405_lists_the_methods_allowed(server, method, stream):
    """Whoever says 405 MUST say what is allowed instead."""
    answer = server.open(f"/events/{stream}", method=method)
    if answer.status != 405:
        pytest.skip(f"{method} is answered with {answer.status}: only a 405 has to say more")
    allowed = {"post"} if stream == "chat" else {"get", "head"}
    assert listed(answer, "allow") >= allowed


@pytest.mark.recommended("RFC 9110 section 9.3.3")
def test_a_stream_can_be_the_answer_to_a_post(server):
    """Language models stream so: the question is too long for a URL."""
    answer = server.open("/events/chat?rate=10000", method="POST", json={"message": "hello"})
    events = answer.read_to_end()
    assert (answer.status, media_type(answer)) == (200, "text/event-stream")
    assert events[-1:] == [Event("[DONE]", type="done")]


# -- the transfer coding and the end


OLD = {"plain": {}, "keep-alive": {"Connection": "keep-alive"}}
old_client = pytest.mark.parametrize("client", OLD)


def old_streams(server):
    """Ask for a finite stream as old clients do. At the start: where none ends, its case has waited by then."""
    script, options = [{"data": "one"}, {"data": "two"}], {"method": "POST", "http_version": "1.0"}
    answers = {
        name: server.open("/events/echo", json=script, headers=headers, **options)
        for name, headers in OLD.items()
    }
    for answer in answers.values():
        answer.read_for(0.1)
        if (
            answer.ended
        ):  # there are servers that serve nobody else until its client has closed too (test_limits)
            answer.close()
    return answers


AT_THE_START = {"old clients": old_streams}


@pytest.mark.required("RFC 9112 section 6.1")
@old_client
def test_an_old_http_client_gets_no_transfer_coding(lasting, server, client):
    """HTTP/1.0 does not know chunked: its clients would take the chunks' sizes for lines of the stream."""
    assert fields(lasting("old clients", old_streams)[client], "transfer-encoding") == []


@pytest.mark.required("RFC 9112 section 6.3")
@old_client
def test_an_old_http_client_learns_the_end_of_a_finite_stream(lasting, server, client):
    """In HTTP/1.0, without a length, the end of the connection is the only end there is."""
    answer = lasting("old clients", old_streams)[client]
    asked_s_ago = time.monotonic() - answer.stream.started_s
    answer.read_for(max(0.2, SOON_S - asked_s_ago))  # until the end, if there is one
    assert (answer.events, answer.ended is not None) == ([Event("one"), Event("two")], True)


FINITE = {"empty": [], "short": [{"data": "one"}], "long": [{"data": "x" * 1024 * 1024}]}
finite = pytest.mark.parametrize("script", FINITE.values(), ids=FINITE)


@pytest.mark.required("RFC 9112 section 6.3")
@finite
def test_a_finite_stream_ends_whole(server, script):
    """A client must be able to tell the end from a broken connection: here by the last chunk or the length."""
    assert server.echo(*script).ended == "complete"


@pytest.mark.required("RFC 9112 section 9.6")
@finite
def test_a_finite_stream_closes_the_connection_when_the_client_asks(server, script):
    """A client that has said `Connection: close` waits for it, and so does the proxy before it."""
    answer = server.echo(*script, headers={"Connection": "close"})
    answer.stream.read_stray(within_s=SOON_S)
    assert (answer.ended, answer.stream.gone is not None) == ("complete", True)


@pytest.mark.recommended("RFC 9112 section 9.6")
@finite
def test_a_finite_stream_is_closed_and_not_reset_when_the_client_asks(server, script):
    """A reset may take back what the client has not read yet; closing in order takes back nothing."""
    answer = server.echo(*script, headers={"Connection": "close"})
    answer.stream.read_stray(within_s=SOON_S)
    assert (answer.ended, answer.stream.gone) == ("complete", "closed")


@pytest.mark.required("RFC 9112 section 9.3")
@finite
def test_after_a_finite_stream_the_connection_serves_another_request(server, script):
    """Or the server says `Connection: close`; a client believes either."""
    assert goes_on(server.echo(*script))


@pytest.mark.required("RFC 9110 section 8.6 and RFC 9112 section 6.1")
def test_a_204_has_neither_length_nor_transfer_coding(server):
    """It ends with its head; a length of 0 is forbidden too, and chunks would be read as the next response."""
    answer = server.open(ENDED)
    framing = fields(answer, "content-length") + fields(answer, "transfer-encoding")
    assert (answer.status, framing) == (204, [])


@pytest.mark.required("RFC 9112 section 9.3")
def test_after_a_204_the_connection_serves_another_request(server):
    """It stops an EventSource from reconnecting, and says nothing of the connection."""
    answer = server.open(ENDED)
    answer.read_to_end(within_s=SOON_S)
    assert goes_on(answer)


@pytest.mark.required("RFC 9112 section 9.3")
def test_after_a_finite_stream_the_connection_serves_another_stream(server):
    """A browser reconnects on the connection it has; nothing of the stream before may be in the next."""
    answer = server.echo({"data": "one", "event": "e", "id": "1"}, {"data": "two"})
    if "close" in listed(answer, "connection"):
        pytest.skip("the server says that it closes")
    answer.stream.next_request()
    answer.stream.send_request("GET", "/events/echo?script=%5B%7B%22data%22%3A%22three%22%7D%5D")
    assert decode(answer.stream.read_to_end()) == [Event("three")]


# -- refusals

JSON = {"Content-Type": "application/json"}
REFUSALS = {
    "unknown-stream": (404, KINDS["refusal"]),
    "unknown-session": (404, {"target": "/events/progress?session=nope"}),
    "body-too-long": (413, TOO_LONG),
    "bad-parameter": (422, INVALID),
    "no-topic": (422, {"target": "/events/topic"}),
    "no-script": (422, {"method": "POST", "target": "/events/echo", "json": {}}),
    "no-json": (422, {"method": "POST", "target": "/events/chat", "body": b"{", "headers": JSON}),
}


@pytest.mark.required("#sse-processing-model")
@pytest.mark.parametrize("asked", [asked for _, asked in REFUSALS.values()], ids=REFUSALS)
def test_a_refusal_is_a_whole_response_and_no_stream(server, asked):
    """Status 200 would open the EventSource, and half a response would look like a fault of the network."""
    answer = server.open(**asked)
    answer.read_to_end()
    opens = answer.status == 200 and media_type(answer) == "text/event-stream"
    assert (answer.ended, opens) == ("complete", False)


@pytest.mark.recommended("RFC 9110 section 15.5")
@pytest.mark.parametrize(("status", "asked"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_tells_its_cause_by_status_and_has_a_media_type(server, status, asked):
    """By the status a client decides whether to try again, and by the type how to show what was said."""
    answer = server.open(**asked)
    assert (answer.status, media_type(answer) in ("", "text/event-stream")) == (status, False)


@pytest.mark.recommended("RFC 9112 section 9.6")
def test_a_body_too_long_is_refused_without_a_reset(server):
    """Closing on a body that has not been read resets the connection, and the refusal may be lost with it."""
    for _ in range(
        60
    ):  # a race with what is still on its way: uvicorn lost from one in six to two in three of them
        answer = server.open(**TOO_LONG, headers={"Connection": "close"})
        answer.read_to_end()
        answer.stream.read_stray(within_s=SOON_S)
        assert answer.stream.gone != "reset", (
            "the connection was reset, expected the refusal and then a close"
        )


@pytest.mark.slow  # it starts a server of its own
@pytest.mark.required("RFC 9110 section 15.6.4")
def test_a_refusal_for_want_of_room_is_a_whole_response_and_no_stream(server, another):
    """A full server is the one that most needs its refusals understood: half a response looks like a fault."""
    full = another("--sessions", "1")
    assert full.json("POST", "/json/session").status == 201
    answer = full.open("/json/session", method="POST")
    answer.read_to_end()
    assert (answer.status, answer.ended) == (503, "complete")
    assert media_type(answer) not in ("", "text/event-stream")


# -- CORS
# Required is what Fetch makes a browser refuse, and what opens a hole. That only some origins are allowed,
# and may send credentials, is the contract's; a server that is meant for everybody may say `*`.

READERS = {
    **{
        f"{name}-{method}": {"method": method, "target": target}
        for name, target in ANSWERS.items()
        for method in ("GET", "HEAD")
    },
    **{name: KINDS[name] for name in ("invalid", "not-allowed", "too-long")},
    "ended": {"target": ENDED},  # without them it is an error to the browser, and so it reconnects for ever
    "chat": {"method": "POST", "target": "/events/chat?rate=10000", "json": {"message": "hello"}},
    "publish": {"method": "POST", "target": "/json/topic?topic=handshake", "json": {"data": "x"}},
}


@pytest.mark.required("Fetch, CORS protocol")
@pytest.mark.parametrize("asked", READERS.values(), ids=READERS)
def test_a_page_of_an_allowed_origin_may_read_the_answer(server, asked):
    """A browser compares the origin byte by byte, and gives the page nothing when there are two."""
    assert allowed_origins(server.open(**asked, headers={"Origin": ORIGIN})) in ([ORIGIN], ["*"])


@pytest.mark.required("Fetch, CORS protocol")
@each_kind
@each_stranger
def test_another_origin_is_not_allowed(server, origin, asked):
    """An origin that only looks like an allowed one must not read what was meant for that one."""
    assert origin not in allowed_origins(server.open(**asked, headers={"Origin": origin}))


@pytest.mark.recommended("Fetch, CORS protocol")
@each_kind
def test_an_answer_is_not_for_every_origin(server, asked):
    """With `*` each page on the web may read what a server behind a firewall, or on this machine, has to say."""
    assert allowed_origins(server.open(**asked, headers=ORIGINS["other"])) != ["*"]


@pytest.mark.required("Fetch, CORS protocol and HTTP caches")
@each_kind
def test_an_answer_varies_by_its_origin(server, asked):
    """Without it a cache gives the answer meant for one origin, or for none, to another."""
    answers = {name: server.open(**asked, headers=headers) for name, headers in ORIGINS.items()}
    unmarked = [name for name, answer in answers.items() if not {"origin", "*"} & listed(answer, "vary")]
    several = len({tuple(allowed_origins(answer)) for answer in answers.values()}) > 1
    assert (unmarked if several else []) == []


@pytest.mark.required("Fetch, CORS protocol and credentials")
@each_kind
@each_origin
def test_a_wildcard_origin_never_comes_with_credentials(server, headers, asked):
    """A browser refuses the two together, so an EventSource with credentials would never open."""
    answer = server.open(**asked, headers=headers)
    assert (allowed_origins(answer), fields(answer, "access-control-allow-credentials")) != (["*"], ["true"])


@pytest.mark.recommended("Fetch, CORS protocol and credentials")
def test_an_allowed_origin_may_send_credentials(server):
    """`new EventSource(url, {withCredentials: true})` opens for exactly this value, in lower case."""
    answer = server.open("/events/ticks", headers={"Origin": ORIGIN})
    credentials = fields(answer, "access-control-allow-credentials")
    assert (allowed_origins(answer), credentials) == ([ORIGIN], ["true"])


PREFLIGHTS = {
    "ticks": ("GET", "/events/ticks", "last-event-id"),
    "topic": ("GET", "/events/topic?topic=handshake", "last-event-id"),
    "chat": ("POST", "/events/chat", "content-type"),
    "echo": ("POST", "/events/echo", "content-type"),
    "publish": ("POST", "/json/topic?topic=handshake", "content-type"),
}
each_preflight = pytest.mark.parametrize(("method", "target", "header"), PREFLIGHTS.values(), ids=PREFLIGHTS)


@pytest.mark.required("Fetch, CORS-preflight fetch")
@each_preflight
def test_a_preflight_passes(server, method, target, header):
    """Clients on fetch() send Last-Event-ID or JSON themselves, and a browser asks before it lets them."""
    answer = preflight(server, method, target, header)
    credentials = answer.headers.get("access-control-allow-credentials") == "true"
    enough = {header} if credentials else {header, "*"}  # with credentials `*` is a header's name like others
    assert answer.status // 100 == 2
    assert answer.headers.get_all("access-control-allow-origin") in ([ORIGIN], ["*"])
    assert enough & listed(answer, "access-control-allow-headers")


@pytest.mark.recommended("Fetch, CORS protocol and credentials")
@each_preflight
def test_a_preflight_allows_credentials(server, method, target, header):
    """A page with cookies asks first too, and what the answer allows helps nothing if this does not."""
    answer = preflight(server, method, target, header)
    assert answer.headers.get_all("access-control-allow-credentials") == ["true"]


@pytest.mark.required("Fetch, CORS-preflight fetch")
@each_stranger
def test_a_preflight_of_another_origin_does_not_pass(server, origin):
    """What the answer must not allow, the question before it must not allow either."""
    answer = preflight(server, "POST", "/events/chat", "content-type", origin)
    assert origin not in answer.headers.get_all("access-control-allow-origin")


@pytest.mark.recommended("Fetch, CORS-preflight fetch")
def test_a_preflight_is_not_for_every_origin(server):
    """With `*` each page on the web may have the server work for it."""
    answer = preflight(server, "POST", "/events/chat", "content-type", STRANGERS["unrelated"])
    assert answer.headers.get_all("access-control-allow-origin") != ["*"]


# -- compression, and what the standard leaves open

CODINGS = {"gzip": "gzip", "br": "br", "zstd": "zstd", "all": "gzip, deflate, br, zstd"}
NOISE_BYTES = 1024
NOISE = random.Random(0).randbytes(NOISE_BYTES).hex()  # no coding makes fewer than its bytes of it


def has_come(answer, limit_s):
    """Say whether the event of noise had come before the limit, in seconds since the request."""
    data = b"".join(chunk.data for chunk in answer.chunks if chunk.seconds < limit_s)
    coding = answer.headers.get("content-encoding") if answer.stream.head else None
    if coding not in (None, "identity", "gzip", "deflate"):
        return len(data) >= NOISE_BYTES  # what comes before an event compresses well, or is short
    if coding in ("gzip", "deflate"):
        with contextlib.suppress(zlib.error):
            data = zlib.decompressobj(wbits=47).decompress(data)
    return Event(NOISE) in decode(data)


@pytest.mark.recommended("RFC 9110 section 12.5.3")
@pytest.mark.parametrize("codings", CODINGS.values(), ids=CODINGS)
def test_an_offer_to_compress_delays_no_event(server, codings):
    """Every browser offers it; a compressor that is not flushed after each event holds them back."""
    # The second event leaves no earlier than the pause after the request; 0.4 s is before the first comment.
    came = []
    for pause_s in (0.05, 0.1, 0.2, 0.4):
        script = [{"data": NOISE}, {"data": NOISE, "after": pause_s}]
        answer = server.open("/events/echo", method="POST", json=script, headers={"Accept-Encoding": codings})
        answer.read_for(pause_s)
        came.append(has_come(answer, pause_s))
        if came[-1]:
            break
    assert came[-1:] == [True]


@pytest.mark.required("RFC 9110 section 8.4")
@pytest.mark.parametrize("accepted", ["gzip", "deflate", "gzip;q=0", "identity"])
def test_a_finite_stream_is_whole_in_the_coding_that_was_accepted(server, accepted):
    """A coding that was not accepted cannot be read, and one without its end is a fault of the network."""
    script = [{"data": "one"}, {"data": NOISE}, {"data": "two"}]
    answer = server.echo(*script, headers={"Accept-Encoding": accepted})
    codings = listed(answer, "content-encoding") - {"identity"}
    assert codings <= ({accepted} & {"gzip", "deflate"})
    body = answer.body
    if codings:
        decoder = zlib.decompressobj(wbits=47)
        body = decoder.decompress(body)
        assert decoder.eof, "the coding has no end"
    assert decode(body) == [Event("one"), Event(NOISE), Event("two")]


@pytest.mark.observed("RFC 9110 section 12.5.1")
def test_a_client_that_accepts_json_only_asks_for_a_stream(server, finding):
    """A server may refuse with 406 or send the stream all the same."""
    answer = server.open("/events/ticks", headers={"Accept": "application/json"})
    finding(f"answers {answer.status} with {media_type(answer) or 'no media type'}")


@pytest.mark.observed("RFC 9111 section 5.2.2")
@pytest.mark.parametrize("header", ["Cache-Control", "X-Accel-Buffering"])
def test_a_stream_tells_caches_and_proxies_what_to_do(server, finding, header):
    """Widely believed to be required, though no standard says so of a stream's response."""
    finding(f"{header}: {', '.join(fields(server.open('/events/ticks'), header.lower())) or 'not sent'}")


@pytest.mark.observed("RFC 9112 section 2.1")
def test_an_empty_stream_has_a_size(server, finding):
    """What a stream costs before its first event: the head and the end."""
    answer = server.echo()
    size_bytes = sum(len(chunk.data) for chunk in answer.stream.raw)
    finding(f"{size_bytes} bytes, {len(answer.body)} of them body")


# -- what has to be waited for


@pytest.mark.required("RFC 9110 section 9.3.2")
def test_head_gets_no_body(server, heads):
    """A stray byte is read as the beginning of the next response on the connection."""
    for head in heads.values():
        head.read_to_end()
    last = heads["ticks"].stream
    # By then each of them would have brought something, a comment at least.
    last.read_stray(max(0.0, last.started_s + 1.2 * server.ping_s - time.monotonic()))
    assert {name: head.stream.stray for name, head in heads.items()} == dict.fromkeys(heads, b"")
