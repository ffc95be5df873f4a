"""Limits: what is too much is refused in words a client understands, and costs nobody else anything.

A server may set its limits where it likes; the bodies' are the contract's. So most cases ask for one of two:
served, or refused as HTTP says. Whatever fills a server up (topics, sessions, connections) fills one of its own,
which runs beside the other cases; what was seen of it is judged at the end of the file.
"""

import contextlib
import json
import re
import resource
import subprocess
import sys
import time

import psutil
import pytest

MIB = 2**20
LIMITS = {"/json/topic?topic=limits": MIB, "/events/echo": 32 * MIB}  # bytes of a request's body
TAKEN = {"/json/topic?topic=limits": 202, "/events/echo": 200}
ROUTES = {"json": "/json/topic?topic=limits", "echo": "/events/echo"}
PIECE = b" " * (MIB // 4)
SOON_S = 2.0  # for what is done at once: it took 0.2 s at most on two busy cores
SERVED = (200, 202)
REFUSED = range(400, 500)
each_route = pytest.mark.parametrize("target", ROUTES.values(), ids=ROUTES)


def head(target, *fields, method="POST", kind="application/json"):
    """Write the head of a request by hand."""
    lines = [f"{method} {target} HTTP/1.1", "Host: limits", f"Content-Type: {kind}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def body_of(size_bytes):
    """Give a JSON body of this size piece by piece: a small value and blanks, which cost nobody any memory."""
    start = b'[{"data": "x"}]'
    yield start
    for at in range(len(start), size_bytes, len(PIECE)):
        yield PIECE[: size_bytes - at]


def sent(server, *pieces):
    """Open a connection and send these pieces one after the other; the answer is not read yet."""
    stream = server.connect()
    for piece in pieces:
        stream.send_raw(piece)
    return stream


def chunked(pieces):
    for piece in pieces:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def with_body(server, target, size_bytes, framing="length", *fields):
    """Send a body of this size, its length announced or in chunks."""
    if framing == "length":
        return sent(server, head(target, f"Content-Length: {size_bytes}", *fields), *body_of(size_bytes))
    return sent(server, head(target, "Transfer-Encoding: chunked", *fields), *chunked(body_of(size_bytes)))


def something_came(stream):
    """Wait for the first bytes of an answer, and leave them unread."""
    deadline_s = time.monotonic() + SOON_S
    while not stream.waiting_bytes() and time.monotonic() < deadline_s:
        time.sleep(0.002)
    return stream.waiting_bytes() > 0


def answered(stream, within_s=SOON_S):
    """Read a whole answer and give its status."""
    stream.read_to_end(within_s)
    return stream.head.status


def everything(stream, within_s=SOON_S):
    """Read until the server closes or the time is over, and give all that came, in bytes as they came."""
    with contextlib.suppress(Exception):  # what is no HTTP, and what has no end, is in the bytes
        stream.read_to_end(within_s)
        stream.read_stray(within_s)
    return b"".join(chunk.data for chunk in stream.raw)


def statuses(stream, within_s=SOON_S):
    """Find the statuses of all the answers that came on a connection."""
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] ([2-5]\d\d)", everything(stream, within_s))]


# -- bodies


@pytest.mark.recommended("RFC 9110 section 15.5.14")
@each_route
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_of_exactly_the_limit_is_taken(server, target, framing):
    """A limit that is off by one, or another one underneath, refuses what was promised."""
    stream = with_body(server, target, LIMITS[target], framing)
    assert answered(stream, within_s=5) == TAKEN[target]


@pytest.mark.recommended("RFC 9110 section 15.5.14")
@each_route
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_one_byte_too_large_is_refused_as_too_large(server, target, framing):
    """413 tells a client that the same request will fail again; a body cut at the limit loses its end unseen."""
    stream = with_body(server, target, LIMITS[target] + 1, framing)
    assert answered(stream, within_s=5) == 413


@pytest.mark.recommended("RFC 9110 section 15.5.14")
@each_route
@pytest.mark.parametrize("expects", [(), ("Expect: 100-continue",)], ids=["plain", "expecting"])
def test_a_body_announced_too_large_is_refused_before_it_is_sent(server, target, expects):
    """The length alone says it; a server that waits for the bytes first lets anybody keep it waiting."""
    stream = sent(server, head(target, f"Content-Length: {LIMITS[target] + 1}", *expects))
    assert answered(stream) == 413


@pytest.mark.required("RFC 9110 section 10.1.1")
@each_route
def test_a_client_that_asks_before_it_sends_its_body_is_answered(server, target):
    """curl asks for every body of some length: it sends nothing more until it hears 100 or a final status."""
    stream = sent(server, head(target, "Content-Length: 15", "Expect: 100-continue"))
    asked = something_came(stream)
    stream.send_raw(b'[{"data": "x"}]')
    assert (asked, answered(stream)) == (True, TAKEN[target])


@pytest.mark.required("RFC 9112 section 9.3")
@each_route
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_no_part_of_a_refused_body_is_taken_for_a_request(server, target, framing):
    """Who does not read a body to its end must close: otherwise what is left of it asks in the client's name."""
    smuggled = b"GET /json/about HTTP/1.1\r\nHost: limits\r\n\r\n"
    size_bytes = LIMITS[target] + len(smuggled)
    if framing == "length":
        stream = sent(
            server, head(target, f"Content-Length: {size_bytes}"), *body_of(LIMITS[target]), smuggled
        )
    else:
        pieces = chunked([*body_of(LIMITS[target]), smuggled])
        stream = sent(server, head(target, "Transfer-Encoding: chunked"), *pieces)
    for _ in range(2):
        server.json("GET", "/json/about")  # who comes later is answered: so a busy server has had its turn
        found = statuses(stream, within_s=0.1)
    assert len(found) <= 1


UNREADABLE = {
    "deep": b"[" * 100_000,
    "digits": b'{"data": ' + b"1" * 10_000 + b"}",
    "bytes": b'{"data": "\xff\xfe"}',
    "no-end": b'{"data": "' + b"x" * 100_000,
}


@pytest.mark.recommended("RFC 9110 section 15.6.1")
@each_route
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_cannot_be_read_is_the_clients_error(server, target, body):
    """Nesting and digits without end are known ways to bring a parser down; the request is wrong, not the server."""
    stream = sent(server, head(target, f"Content-Length: {len(body)}"), body)
    readable = body == UNREADABLE["digits"] and SERVED  # a number of any length is JSON
    assert answered(stream) in (*REFUSED, *(readable or ()))


@pytest.mark.recommended("RFC 9110 section 15.6.1")
def test_a_script_in_the_url_that_cannot_be_read_is_the_clients_error(server):
    """What reads a query is seldom what reads a body, and falls over the same nesting."""
    stream = sent(server, head(f"/events/echo?script={'[' * 8000}", method="GET"))
    assert answered(stream) in REFUSED


# -- framing of requests

BROKEN_CHUNKS = {
    "no-size": b"xyz\r\n[]\r\n0\r\n\r\n",
    "negative": b"-2\r\n[]\r\n0\r\n\r\n",
    "prefix": b"0x2\r\n[]\r\n0\r\n\r\n",
    "too-short": b"1\r\n[]\r\n0\r\n\r\n",
    "no-line-end": b"2\r\n[]0\r\n\r\n",
    "another-end": b"2\r\n[]xx0\r\n\r\n",
}
SECOND = b"GET /json/about HTTP/1.1\r\nHost: limits\r\n\r\n"
OVERFLOW = {
    "overflow": b"10000000000000002\r\n[]\r\n0\r\n\r\n"
}  # 2 to a parser of 64 bits; else much to wait for


@pytest.mark.recommended("RFC 9112 section 2.2")
@pytest.mark.parametrize("chunks", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS)
def test_a_broken_chunk_is_a_bad_request(server, chunks):
    """What does not match the grammar SHOULD be answered with 400, and nothing of it be believed."""
    stream = sent(server, head("/events/echo", "Transfer-Encoding: chunked") + chunks)
    assert answered(stream) in REFUSED


@pytest.mark.recommended("RFC 9112 section 2.2")
def test_a_broken_chunk_that_comes_later_is_a_bad_request_too(server):
    """By then the request is in the application's hands, which waits for a body that will never be whole."""
    expecting = head("/events/echo", "Transfer-Encoding: chunked", "Expect: 100-continue")
    streams = {name: sent(server, expecting) for name in BROKEN_CHUNKS}
    for name, stream in streams.items():
        something_came(stream)  # 100: now it is waiting
        stream.send_raw(BROKEN_CHUNKS[name])
    deadline_s = time.monotonic() + 1  # for all of them: those who answer do so at once
    found = {
        name: statuses(stream, max(0.01, deadline_s - time.monotonic())) for name, stream in streams.items()
    }
    assert {name: codes for name, codes in found.items() if not set(codes) & set(REFUSED)} == {}


@pytest.mark.required("RFC 9112 section 7.1")
@pytest.mark.parametrize("chunks", (BROKEN_CHUNKS | OVERFLOW).values(), ids=BROKEN_CHUNKS | OVERFLOW)
def test_what_follows_a_broken_chunk_is_not_taken_for_a_request(server, chunks):
    """Where two parsers differ about a chunk's end, one of them reads the rest as somebody's request."""
    stream = sent(server, head("/events/echo", "Transfer-Encoding: chunked"), chunks + SECOND)
    assert len(statuses(stream, within_s=0.1)) <= 1


AMBIGUOUS = {
    "lengths-differ": ("Content-Length: 2", "Content-Length: 44"),
    "length-negative": ("Content-Length: -2",),
    "length-no-number": ("Content-Length: 2x",),
    "coding-not-last": ("Transfer-Encoding: chunked, identity",),
}


@pytest.mark.required("RFC 9112 section 6.3")
@pytest.mark.parametrize("fields", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_body_of_no_certain_length_is_a_bad_request(server, fields):
    """Where a request ends would be anybody's guess: the server must refuse it and close the connection."""
    stream = sent(server, head("/events/echo", *fields), b"[]" + SECOND)
    found = statuses(stream, within_s=0.3)
    assert (len(found), set(found) <= {400, 501}, stream.gone is not None) == (1, True, True)


@pytest.mark.required("RFC 9112 section 6.1")
@pytest.mark.parametrize("size_bytes", [2, 5, 12], ids=["inside", "chunk", "all"])
def test_a_body_with_a_length_and_chunks_ends_the_connection(server, size_bytes):
    """The chunks count, if anything does: a parser that goes by the length sees another request begin."""
    fields = f"Content-Length: {size_bytes}", "Transfer-Encoding: chunked"
    stream = sent(server, head("/events/echo", *fields), b"2\r\n[]\r\n0\r\n\r\n" + SECOND)
    found = statuses(stream, within_s=0.3)
    assert (len(found), set(found) <= {200, *REFUSED}, stream.gone is not None) == (1, True, True)


@pytest.mark.required("RFC 9112 section 3.2")
@pytest.mark.parametrize("hosts", [[], ["Host: a", "Host: b"]], ids=["none", "two"])
def test_a_request_without_one_host_is_a_bad_request(server, hosts):
    """Proxies route by it: a server that picks one of two answers for a site it was not asked for."""
    stream = sent(server, "\r\n".join(["GET /json/about HTTP/1.1", *hosts, "", ""]).encode())
    assert answered(stream) == 400


@pytest.mark.required("RFC 9112 section 9.3.2")
@pytest.mark.parametrize("first", ["stream", "json"])
def test_pipelined_requests_are_answered_in_order(server, first):
    """The answers carry no number: in another order each would go to somebody else's question."""
    script = json.dumps([{"data": "answer-0", "after": 0.05}]).replace(" ", "").replace('"', "%22")
    quick = json.dumps([{"data": "answer-{}"}]).replace(" ", "").replace('"', "%22")
    targets = [script, *(quick.replace("{}", str(n)) for n in range(1, 5))]
    requests = [f"GET /events/echo?script={target} HTTP/1.1\r\nHost: limits\r\n" for target in targets]
    if first == "json":
        requests[0] = "GET /json/topic?topic=answer-0&wait=0 HTTP/1.1\r\nHost: limits\r\n"
    stream = sent(server, ("\r\n".join(requests) + "Connection: close\r\n\r\n").encode())
    came = re.findall(rb"answer-(\d)", everything(stream))
    assert came == [b"0", b"1", b"2", b"3", b"4"][: max(1, len(came))]


# -- heads

BIG_HEADS = {
    "one-field": [f"X-Big: {'x' * 65536}"],
    "many-fields": [f"X-Field-{n}: {'x' * 50}" for n in range(1000)],
    "long-name": [f"X-{'n' * 65536}: x"],
    "cookie": [f"Cookie: {'; '.join(f'c{n}={n}' for n in range(5000))}"],
}


@pytest.mark.required("RFC 9110 section 5.4")
@pytest.mark.parametrize("fields", BIG_HEADS.values(), ids=BIG_HEADS)
@pytest.mark.parametrize("target", ["/json/about", "/events/clock"], ids=["json", "stream"])
def test_64_kib_of_header_are_served_or_refused(server, target, fields):
    """Cookies grow; a set of fields larger than a server wishes to process MUST be answered with a 4xx."""
    stream = sent(server, head(target, *fields, method="GET"))
    status = stream.read_head(SOON_S).status
    assert status == 200 or status in REFUSED


@pytest.mark.recommended("RFC 9110 section 17.5")
def test_a_header_without_an_end_is_not_kept_for_ever(server):
    """Nothing bounds what a client may send before the blank line but the server."""
    stream, more = sent(server, head("/json/about", method="GET")[:-2]), b"X-More: " + b"x" * 8000 + b"\r\n"
    while not stream.waiting_bytes() and stream.sent_bytes < 2 * MIB:
        stream.send_raw(more * 8)
    found = statuses(stream, within_s=0.5)
    assert stream.gone or set(found) & set(REFUSED), f"nothing said to {stream.sent_bytes} bytes of header"


@pytest.mark.required("RFC 9112 section 3")
def test_a_request_target_too_long_is_served_or_answered_with_414(server):
    """A target longer than a server wishes to parse MUST be answered with 414: the URL is at fault, and which."""
    stream = sent(server, head(f"/json/about?x={'x' * 2**18}", method="GET"))
    assert answered(stream) in (200, 414)


@pytest.mark.required("RFC 9112 section 2")
@pytest.mark.parametrize("target", ROUTES.values(), ids=ROUTES)
def test_a_request_sent_byte_by_byte_is_served(server, target):
    """TCP carries bytes, not requests: where they are cut means nothing, in mid-character neither."""
    stream = server.connect()
    before, cut, behind = b'[{"data": "', "é\U0001f600".encode(), b'"}]'
    start = since(server, "limits", "")["last"]
    whole = head(target, f"Content-Length: {len(before + cut + behind)}")
    stream.send_raw(whole + before, piece_bytes=1, pause_s=0.0005)
    stream.send_raw(cut, piece_bytes=1, pause_s=0.05)  # a busy server, too, is to read no character at once
    stream.send_raw(behind, piece_bytes=1, pause_s=0.0005)
    assert answered(stream) == TAKEN[target]
    came = json.dumps(since(server, "limits", start), ensure_ascii=False).encode() + stream.body
    assert cut in came


# -- a server that is full: one of its own, with small limits

SESSIONS, TOPICS = 3, 30
SMALL = ("--sessions", SESSIONS, "--session-ttl", 1, "--topics", TOPICS)
IDLERS = {
    "silent": (1000, b""),
    "half-head": (200, head("/json/about", method="GET")[:-20]),
    "half-body": (200, head("/json/topic?topic=half", "Content-Length: 1000") + b"[" * 500),
}
FILES = 2000  # a connection of each, and whatever else a process has open
ROOM_FILES = 10  # of the last few questions, and what a server opens once
LEFT_S = 7  # some keep a connection for their idle time, often 5 s, even when its client has left
# A process of its own: `select` knows only a thousand files, and other cases may need it.
IDLE_CLIENTS = """
import resource, socket, sys
host, port, many, start, files = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_NOFILE, (int(files), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
held = []
try:
    for _ in range(int(many)):
        held.append(socket.create_connection((host, int(port)), timeout=2))
        held[-1].sendall(bytes.fromhex(start))
except OSError:
    pass  # refused: that is for the server to decide
print(len(held), flush=True)
sys.stdin.read()
"""


def posted(server, topic, data):
    """Publish one event and give its id."""
    return server.json("POST", f"/json/topic?topic={topic}", {"data": data}).value["ids"][0]


def since(server, topic, id):
    return server.json("GET", f"/json/topic?topic={topic}&after={id}").value


def until_refused(ask, most):
    """Ask again and again, at most so often, and give the first reply that is no success."""
    replies = (ask() for _ in range(most))
    return next((reply for reply in replies if reply.status >= 300), None)


def sessions_full(server):
    refusal = until_refused(lambda: server.json("POST", "/json/session"), 4 * SESSIONS)
    return refusal, time.monotonic()


def sessions_free(server, refused_s, retry_s):
    """Come back when told, and give the status then; half a second more for a busy machine."""
    time.sleep(max(0.0, refused_s + retry_s - time.monotonic()))
    while (status := server.json("POST", "/json/session").status) != 201:
        if time.monotonic() > refused_s + retry_s + 0.5:
            break
    return status


def topics_turned_over(server):
    """Use twice as many topics as there may be; one has a subscriber all the while, one is the oldest."""
    subscriber = server.open("/events/topic?topic=held")
    assert subscriber.status == 200
    held, oldest = posted(server, "held", "one"), posted(server, "oldest", "one")
    for n in range(2 * TOPICS):
        posted(server, f"turn-{n}", "x")
    posted(server, "held", "two")
    posted(server, "oldest", "two")  # made anew: no id of the old one may fit
    with contextlib.suppress(AssertionError):
        subscriber.read_events(2, within_s=SOON_S)
    return {
        "heard": subscriber.events,
        "held": since(server, "held", held),
        "oldest": since(server, "oldest", oldest),
    }


def topics_full(server):
    """Subscribe to more topics than there may be, then leave one; give the refusal, and what comes after."""
    streams = []

    def subscribe():
        streams.append(server.open(f"/events/topic?topic=full-{len(streams)}"))
        return streams[-1] if streams[-1].status == 200 else whole(streams.pop())

    refusal = until_refused(subscribe, 2 * TOPICS)
    streams.pop(0).close()
    deadline_s = time.monotonic() + 3  # a blocking server sees the departure when it pings
    while (late := server.open("/events/topic?topic=late")).status != 200 and time.monotonic() < deadline_s:
        late.close()
        time.sleep(0.02)
    for stream in (*streams, late):
        stream.close()
    return refusal, late.status


def whole(answer):
    answer.read_to_end()
    return answer


def idlers(server, many, start):
    """Let so many clients connect, send this and stop; give the longest that another waited meanwhile, and after."""
    told = [server.process.host, server.process.port, many, start.hex(), FILES]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", IDLE_CLIENTS, *map(str, told)], stdin=pipe, stdout=pipe
    ) as clients:
        waits_s = [served_after_s(server)]
        clients.stdout.readline()  # now all of them are there
        waits_s.append(served_after_s(server))
        clients.communicate()
    return max(*waits_s, served_after_s(server))


def files_left(process, before):
    """Wait until the files of all who have left are closed, and give how many are not."""
    deadline_s = time.monotonic() + LEFT_S
    while (left := process.num_fds() - before) > ROOM_FILES and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return left


def served_after_s(server):
    """Ask for a stream with three events and give the seconds until they had come."""
    start_s = time.monotonic()
    answer = server.echo({"data": "a"}, {"data": "b"}, {"data": "c"}, within_s=5)
    return time.monotonic() - start_s if len(answer.events) == 3 else float("inf")


def story(start):
    """Fill a server up in every way, one after the other; each part's outcome is judged by cases of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= FILES
    if soft < FILES and enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))  # the server inherits it
    with start(*map(str, SMALL)) as server:
        process = psutil.Process(server.about["pid"])
        served_after_s(server)  # what a server opens with its first request stays open
        before = process.num_fds()
        seen = {"sessions": tried(sessions_full, server)}
        seen["turnover"] = tried(topics_turned_over, server)
        seen["topics"] = tried(topics_full, server)
        if enough:
            seen |= {name: tried(idlers, server, *of) for name, of in IDLERS.items()}
            seen["files"] = tried(files_left, process, before)
        refusal, refused_s = seen["sessions"] if isinstance(seen["sessions"], tuple) else (None, 0)
        retry = refusal.headers.get("retry-after") or "" if refusal else ""
        if retry.isdecimal() and int(retry) <= 2:
            seen["sessions-free"] = tried(sessions_free, server, refused_s, int(retry))
    return seen


def tried(part, *arguments):
    """Give what a part gives, or what it raised: one part's failure is not another's."""
    try:
        return part(*arguments)
    except Exception as error:
        return error


BESIDE = {"seen": story}


@pytest.fixture
def seen(aside):
    """Give a part of the story by its name."""

    def part(name):
        found = aside("seen", story).result()
        if isinstance(found.get(name), Exception):
            raise found[name]
        return found.get(name)

    return part


@pytest.mark.recommended("RFC 9110 section 15.6.4")
def test_a_server_with_all_its_sessions_in_use_says_so_and_for_how_long(server, seen):
    """503 means later, 500 means never: a client has to know which, and when to ask again."""
    refusal, _ = seen("sessions")
    assert refusal, f"{4 * SESSIONS} sessions were made, the limit is {SESSIONS}"
    assert (refusal.status, refusal.headers.get("retry-after") is not None) == (503, True)


@pytest.mark.required("RFC 9110 section 10.2.3")
def test_the_time_to_try_again_is_a_number_of_seconds_or_a_date(server, seen):
    """Anything else tells a client nothing, and it comes back at once."""
    refusal, _ = seen("sessions")
    if not refusal or refusal.headers.get("retry-after") is None:
        pytest.skip("it says no time to try again")
    assert re.fullmatch(r"\d+|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", refusal.headers.get("retry-after"))


@pytest.mark.recommended("RFC 9110 section 10.2.3")
def test_a_client_that_comes_back_when_told_is_served(server, seen):
    """Otherwise the time told is of no use, and what was full stays full."""
    if seen("sessions-free") is None:
        pytest.skip("it tells no number of seconds, or more than a session lasts")
    assert seen("sessions-free") == 201


@pytest.mark.recommended("#authoring-notes")
def test_the_topics_of_a_server_are_bounded(server, seen):
    """Each name a client makes up costs a topic; what was published to the oldest goes, and the client is told."""
    assert seen("turnover")["oldest"].get("reset"), f"{2 * TOPICS} topics are kept, the limit is {TOPICS}"


@pytest.mark.required("#authoring-notes")
def test_a_topic_with_a_subscriber_is_never_dropped(server, seen):
    """To the subscriber it would look as if nothing was published any more."""
    found = seen("turnover")
    kept = [item["data"] for item in found["held"]["events"]], found["held"].get("reset")
    assert ([event.data for event in found["heard"]], kept) == (["one", "two"], (["two"], None))


@pytest.mark.recommended("RFC 9110 section 15.6.4")
def test_a_server_with_all_its_topics_in_use_refuses_one_more(server, seen):
    """Dropping one in use would lose events, and keeping one more has no end."""
    refusal, _ = seen("topics")
    assert refusal, f"{2 * TOPICS} topics have subscribers, the limit is {TOPICS}"
    assert (refusal.status, refusal.ended, refusal.headers.get("retry-after") is not None) == (
        503,
        "complete",
        True,
    )


@pytest.mark.recommended("#authoring-notes")
def test_a_topic_is_free_again_when_its_subscriber_has_left(server, seen):
    """Or a server that was full once is full for good."""
    assert seen("topics")[1] == 200


def of_idlers(seen, name):
    if seen(name) is None:
        pytest.skip(f"the limit of open files is below {FILES} and cannot be raised")
    return seen(name)


@pytest.mark.recommended("RFC 9110 section 17.5")
@pytest.mark.parametrize("name", IDLERS)
def test_clients_that_stop_in_the_middle_hold_nobody_up(server, seen, name):
    """A connection costs an attacker nothing; a server that waits for each in turn serves nobody else."""
    waited_s = of_idlers(seen, name)
    assert waited_s <= SOON_S


@pytest.mark.recommended("RFC 9112 section 9.6")
def test_a_client_that_keeps_its_connection_after_its_answer_holds_nobody_up(server):
    """A server that has closed its side waits a while for the client's, lest a reset take the answer back: but not
    in the loop that serves the others."""
    script, headers = [{"data": "one"}], {"Connection": "close"}
    kept = server.open("/events/echo", method="POST", json=script, headers=headers)
    kept.read_to_end()
    other = server.echo({"data": "other"}, hold=True)
    with contextlib.suppress(Exception):  # the next lines tell
        other.read_events(1, SOON_S / 2)
    kept.close()
    assert other.events, f"no event {SOON_S / 2:g} s after the request, expected one"


@pytest.mark.required("RFC 9112 section 9.5")
def test_clients_that_have_left_leave_no_file_open(server, seen):
    """Whether they said nothing, half a request or were refused: what is never closed adds up to a server that
    can accept nobody."""
    left = of_idlers(seen, "files")
    assert left <= ROOM_FILES
