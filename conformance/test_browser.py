"""Browser: what an EventSource in Chromium makes of a server, and what it asks of it when a connection breaks.

The page a case is on does nothing by itself: the case opens the EventSource and judges its steps, each with the
readyState there was. `between` is a relay that keeps what the browser has asked, and cuts or bends what the server says.
What a case notes as observed is Chromium's own doing, or the server's where the standard leaves it open. Waits have 10 s
for what takes milliseconds; where a time is judged it is its early side.
"""

import json
import re
import secrets
from itertools import pairwise
from urllib.parse import urlencode

import pytest

from sseproof.wire import Decoder, Event

pytestmark = pytest.mark.door("browser")

CONNECTING, OPEN, CLOSED = 0, 1, 2
STATES = ["connecting", "open", "closed"]
EARLY_MS = 5  # by which a page's clock, made coarse, and its timer may differ


def origin(server):
    return f"http://{server.process.host}:{server.process.port}"


def new_topic(name="t"):
    return f"{name}-{secrets.token_hex(4)}"


def on_topic(topic):
    return "/events/topic?" + urlencode({"topic": topic})


def publish(server, topic, *texts):
    """Publish texts as one list; give their ids."""
    answer = server.json(
        "POST", "/json/topic?" + urlencode({"topic": topic}), [{"data": text} for text in texts]
    )
    assert answer.status == 202
    return answer.value["ids"]


def opened(server, name):
    """Give how many streams of a name are open."""
    return server.json("GET", f"/json/open?as={name}").value["open"]


def datas(events):
    return [event.data for event in events]


def trail(steps):
    """Give what happened and the readyState then, events left out."""
    return [(step.what, step.state) for step in steps if step.what != "event"]


# -- what goes in comes out


def echo(*items, hold=True):
    return "/events/echo?" + urlencode({"script": json.dumps(items), "hold": str(hold).lower()})


def heard(server, page, *items, types=()):
    """Have the server send these script items to an EventSource; give its events but for one sent behind them."""
    target = echo(*items, {"event": "last", "data": "last"})
    source = page.blank(origin(server)).listen(target, [*types, "last"])
    return source.read_to("last")[:-1]


@pytest.mark.required("#announce-the-connection")
def test_a_stream_opens_and_its_events_come_while_it_is_open(server, page):
    """CONNECTING until the head of the answer is there, then OPEN, with one open event: a page shows it by that."""
    source = page.blank(origin(server)).listen(echo({"data": "a"}, {"data": "b"}))
    source.read(2)
    source.close()
    assert [(step.what, step.state) for step in source.steps] == [
        ("made", CONNECTING),
        ("open", OPEN),
        ("event", OPEN),
        ("event", OPEN),
        ("closed", CLOSED),
    ]


@pytest.mark.required("#dispatchMessage")
def test_events_go_to_who_listens_for_their_type(server, page):
    """An event with a type does not reach onmessage, one without reaches nothing else."""
    items = [
        {"data": "1"},
        {"event": "a", "data": "2"},
        {"event": "größer b", "data": "3"},
        {"event": "unheard", "data": "4"},
        {"event": "message", "data": "5"},
    ]
    events = heard(server, page, *items, types=["a", "größer b"])
    assert events == [Event("1"), Event("2", "a"), Event("3", "größer b"), Event("5")]


@pytest.mark.required("#concept-event-stream-last-event-id")
def test_the_last_event_id_stays_until_another_or_an_empty_one(server, page):
    """Each event tells the id that a reconnect would send, whether or not it brought one itself."""
    items = [{"data": "0"}, {"data": "1", "id": "ü-1"}, {"data": "2"}, {"id": "x y"}, {"data": "3"}]
    items += [{"data": "4", "id": ""}, {"data": "5"}]
    events = heard(server, page, *items)
    ids = [event.last_event_id for event in events]
    assert ids == ["", "ü-1", "ü-1", "x y", "", ""]


TEXTS = {
    "lines": "one\ntwo\n\nfour",
    "ends": "a\rb\r\nc\nd",
    "nothing": "",
    "newline": "\n",
    "spaces": "  two before, two behind  ",
    "fields": "id: 1\nevent: x\n: no\ndata: y",
    "other-line-ends": "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g",
    "nul": "a\x00b",
    "bom": "\ufeffa\ufeff",
    "unicode": "é日本\U0001f600e\u0301\u05e9\u05dc\u05d5\u05dd",
    "markup": "<script>alert(1)</script>&amp;",
    "long": "x" * 2500,
}


@pytest.mark.required("#event-stream-interpretation")
@pytest.mark.parametrize("name", TEXTS)
def test_text_that_goes_in_comes_out_in_the_page(server, page, name):
    """The battery reads by its own decoder: here a browser says whether it reads the same."""
    events = heard(server, page, {"data": TEXTS[name]}, {"data": "behind"})
    assert datas(events) == [re.sub("\r\n?", "\n", TEXTS[name]), "behind"]


@pytest.mark.required("#event-stream-interpretation")
def test_comments_and_blocks_without_data_dispatch_nothing(server, page):
    """A page that heard of them would take them for news."""
    items = [{"comment": "no\ndata: no"}, {"data": "1"}, {"event": "message"}, {"id": "7"}, {"retry": 5000}]
    assert heard(server, page, *items, {"data": "2"}) == [Event("1"), Event("2", last_event_id="7")]


@pytest.mark.required("#authoring-notes")
def test_keeping_alive_is_not_heard(server, page):
    """A quiet stream stays open by comments, of which the page learns nothing."""
    topic = new_topic()
    source = page.blank(origin(server)).listen(on_topic(topic))
    source.until("open")
    beside = server.open(on_topic(topic))
    for _ in range(10):  # or 5 s, whatever it is kept alive by
        if beside.body.count(b"\n:") < 2:
            beside.stream.read_some(5.0)
    publish(server, topic, "first")
    assert datas(source.read(1)) == ["first"]
    assert trail(source.steps) == [("made", CONNECTING), ("open", OPEN)]


# -- the connection breaks


@pytest.fixture
def cut(lasting, relay, open_page):
    """Tell the story of a stream that is cut twice while its server lives on: `cut()`."""
    return lambda: lasting("cut", lambda server: cut_twice(server, relay(server), open_page))


def cut_twice(server, between, open_page):
    topic = new_topic("größe")
    with open_page() as page:
        source = page.blank(between.origin).listen(on_topic(topic), ["reset"])
        source.until("open")
        publish(server, topic, "0", "1", "2")
        source.read(3)
        for opens, first in (2, 3), (3, 7):
            publish(server, topic, f"{first}", f"{first + 1}")  # which may be on their way, or not
            between.cut()
            publish(server, topic, f"{first + 2}", f"{first + 3}")
            source.until("open", opens)
            source.read_to(f"{first + 3}")
        publish(server, topic, "last")
        source.read_to("last")
        return source.steps, between.asked("/events/topic")


@pytest.mark.required("#reestablish-the-connection")
def test_a_stream_that_is_cut_comes_back_by_itself(server, cut):
    """A cut is told as an error while CONNECTING, not CLOSED: the page need not do anything."""
    again = [("error", CONNECTING), ("open", OPEN)]
    assert trail(cut()[0]) == [("made", CONNECTING), ("open", OPEN), *again, *again]


@pytest.mark.required("#the-last-event-id-header")
def test_no_event_is_lost_or_doubled_over_a_cut(server, cut):
    """What was published meanwhile comes once, in order, and the page did nothing for it."""
    assert datas(step.event for step in cut()[0] if step.event) == [*map(str, range(11)), "last"]


@pytest.mark.required("#the-last-event-id-header")
def test_the_id_seen_last_is_sent_when_it_comes_back(server, cut):
    """As UTF-8, as it was given out; and none at first, for nothing has been seen then."""
    steps, asked = cut()
    seen, at = [], -1
    for step in steps:
        if step.what == "open":
            seen.append(at)
        at = step.event.last_event_id if step.event else at
    sent = [each.headers.get("last-event-id", -1) for each in asked]
    assert sent == seen


@pytest.mark.required("#concept-event-stream-reconnection-time")
def test_it_comes_back_after_no_less_than_the_reconnection_time(server, cut):
    """By `retry` a server spreads, or slows down, those who come back; it holds from one break to the next."""
    steps = [step for step in cut()[0] if step.what in ("error", "open")]
    waits = [after.at_ms - before.at_ms for before, after in pairwise(steps) if before.what == "error"]
    assert [wait for wait in waits if wait < server.retry_ms - EARLY_MS] == [], f"waited {waits} ms"


@pytest.mark.required("#reestablish-the-connection")
def test_a_stream_that_ends_well_is_asked_for_again(server, page):
    """An end is no farewell: only 204, or a refusal, tells an EventSource to stay away."""
    target = echo({"retry": 20}, {"data": "a", "id": "1"}, {"data": "b"}, hold=False)
    source = page.blank(origin(server)).listen(target)
    steps = source.until("event", 4)
    events = [step.event for step in steps if step.event][:4]
    assert events == [Event("a", last_event_id="1"), Event("b", last_event_id="1")] * 2
    assert trail(steps)[:4] == [("made", 0), ("open", OPEN), ("error", CONNECTING), ("open", OPEN)]


# -- what ends it


@pytest.mark.required("#sse-processing-model")
def test_204_to_the_id_of_the_last_event_ends_it_for_good(server, page):
    """Else a browser would ask for a finished stream for ever, and hear its end again and again."""
    source = page.blank(origin(server)).listen("/events/resilient?count=2&speed=1000")
    source.until("error", 2)
    assert trail(source.steps) == [
        ("made", CONNECTING),
        ("open", OPEN),
        ("error", CONNECTING),
        ("error", CLOSED),
    ]
    assert datas(source.events) == ['{"n": 1}', '{"n": 2}']


REFUSALS = {
    "204": "/events/resilient?count=2&after=2",
    "another-media-type": "/json/about",
    "404": "/events/nothing-here",
    "405": "/events/chat",
    "422": "/events/clock?speed=never",
}


@pytest.mark.required("#fail-the-connection")
@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_no_stream_closes_it_at_once(server, page, name):
    """One error, CLOSED, and it is not asked for again; a redirect to a page that says 200 would be taken for a stream."""
    source = page.blank(origin(server)).listen(REFUSALS[name])
    assert trail(source.until("error")) == [("made", CONNECTING), ("error", CLOSED)]


BENT = {
    "500": (rb"HTTP/1.1 \d+ ?[^\r]*", b"HTTP/1.1 500 Internal Server Error"),
    "502": (rb"HTTP/1.1 \d+ ?[^\r]*", b"HTTP/1.1 502 Bad Gateway"),
    "503-retry-after": (rb"HTTP/1.1 \d+ ?[^\r]*", b"HTTP/1.1 503 Unavailable\r\nRetry-After: 1"),
    "202": (rb"HTTP/1.1 \d+ ?[^\r]*", b"HTTP/1.1 202 Accepted"),
    "text-plain": (rb"(?i)(?<=\r\ncontent-type: )[^\r]*", b"text/plain"),
    "no-media-type": (rb"(?i)\r\ncontent-type:[^\r]*", b""),
    "upper-case": (rb"(?i)(?<=\r\ncontent-type: )[^\r]*", b"TEXT/Event-Stream"),
    "latin-1": (rb"(?i)(?<=\r\ncontent-type: )[^\r]*", b"text/event-stream; charset=iso-8859-1"),
    "utf-8": (rb"(?i)(?<=\r\ncontent-type: )[^\r]*", b"text/event-stream; charset=utf-8"),
}


@pytest.mark.observed("#sse-processing-model")
@pytest.mark.parametrize("name", BENT)
def test_a_stream_under_another_head_is_read_or_not(server, page, relay, finding, name):
    """Statuses and media types a proxy may put in front: which of them closes an EventSource for good."""
    between = relay(server)
    page.blank(between.origin)
    between.bend(lambda head: re.sub(*BENT[name], head, count=1))
    # A stream with an end: of what may be plain text Chromium waits for 512 bytes, or the end, before it says anything.
    source = page.listen(echo({"data": "é"}, hold=False))
    first = source.until_either("event", "error")
    read = f"reads {first.event.data!r}" if first.event else "reads nothing"
    finding(f"{read}, and is then {STATES[first.state]}")


@pytest.mark.observed("#reestablish-the-connection")
def test_what_a_generator_that_raises_at_once_does_to_a_page(server, page, finding):
    """A 500 closes an EventSource for good, a stream that is cut brings it back: which, depends on who sends the head when."""
    source = page.blank(origin(server)).listen(echo({"fail": True}))
    told = next(step for step in source.until("error") if step.what == "error")
    finding("closes for good" if told.state == CLOSED else "tries again")


# -- other origins


@pytest.fixture
def foreign(lasting, second, relay):
    """Give a server that admits one origin more, a relay before it, and that origin, another port of the host: `foreign()`."""

    def begin(server):
        home = relay(server).origin
        there = second("--allow-origin", home)
        return there, relay(there), home

    return lambda: lasting("foreign", begin)


@pytest.mark.required("Fetch, CORS protocol and credentials")
@pytest.mark.parametrize("credentials", [False, True], ids=["without", "with"])
def test_a_page_of_an_allowed_origin_reads_a_stream(server, page, foreign, credentials):
    """With credentials the cookie goes along, and the answer must say that it may; without, it stays at home."""
    _, between, home = foreign()
    page.blank(home).cookie(home, "who", "me")  # a cookie is its host's, whatever the port
    name = new_topic()
    source = page.listen(f"{between.origin}/events/counter?as={name}&speed=20", credentials=credentials)
    source.read(2)
    [step, *_] = [step for step in source.steps if step.event]
    [asked] = [each for each in between.asked("/events/counter") if name in each.target]
    sent = {header: asked.headers.get(header) for header in ("origin", "cookie")}
    assert (step.origin, sent) == (
        between.origin,
        {"origin": home, "cookie": "who=me" if credentials else None},
    )


@pytest.mark.required("Fetch, CORS protocol")
@pytest.mark.parametrize("credentials", [False, True], ids=["without", "with"])
def test_a_page_of_another_origin_reads_nothing(server, page, foreign, credentials):
    """Any page on the net may ask; what a server sends to whom it does not know, the browser must keep from it."""
    _, _, home = foreign()
    source = page.blank(home).listen(f"{origin(server)}/events/counter?speed=20", credentials=credentials)
    source.until_either("event", "error")
    assert trail(source.steps) == [("made", CONNECTING), ("error", CLOSED)]


@pytest.mark.required("#the-last-event-id-header")
def test_a_stream_of_another_origin_is_resumed_after_a_cut(server, page, foreign):
    """Across origins the id is sent as well; the cut loses nothing there either."""
    there, between, home = foreign()
    topic = new_topic("größe")
    source = page.blank(home).listen(between.origin + on_topic(topic), ["reset"])
    source.until("open")
    publish(there, topic, "0")
    source.read(1)
    between.cut()
    publish(there, topic, "1")
    source.until("open", 2)
    publish(there, topic, "last")
    assert datas(source.read_to("last")) == ["0", "1", "last"]


@pytest.mark.required("Fetch, CORS-preflight fetch")
def test_a_page_of_an_allowed_origin_posts_and_reads_the_answer(server, page, foreign):
    """JSON in a POST is asked about first: without a good answer to OPTIONS there is no chat on another origin."""
    _, between, home = foreign()
    target = f"{between.origin}/events/chat?rate=10000"
    reading = page.blank(home).read(target, json={"message": "hi"}, credentials="include")
    found = reading.until("read.state !== 'asked' && read.state !== 'reading'", "an answer read to its end")
    assert (found["state"], found["error"], found["status"]) == ("ended", "", 200)
    assert Decoder().feed(reading.body)[-1] == Event("[DONE]", "done")


# -- six connections

ROOM = {"http-1.1": 6, "http-2": 20}  # of streams; over HTTP/2 there would be more


@pytest.fixture
def way(request):
    """Give the origin by which a server is reached over a version of HTTP: `way(server, "http-2")`."""

    def give(server, version):
        if version == "http-1.1":
            return origin(server)
        try:
            nginx = request.getfixturevalue("nginx")
        except pytest.FixtureLookupError:
            pytest.skip("a browser speaks no HTTP/2 without TLS, which nginx brings: add --proxy nginx")
        return f"https://127.0.0.1:{nginx().ports['http2']}"

    return give


@pytest.fixture
def many(lasting, open_page, way):
    """Open one stream more than six, or twenty: `many("http-1.1")` gives how many are open, and the last one's state."""
    return lambda version: lasting(
        f"many-{version}", lambda server: open_many(server, way(server, version), ROOM[version], open_page)
    )


def open_many(server, at, room, open_page):
    name = new_topic()
    with open_page() as page:
        page.blank(at)
        sources = [page.listen(f"/events/counter?speed=10&as={name}") for _ in range(room + 1)]
        flows = "room => Object.values(sseproof.sources).slice(0, room).every(one => one.steps.length > 5)"
        page.until(flows, room, "over 3 events of each", lambda: [len(source.events) for source in sources])
        before = opened(server, name), sources[-1].state
        sources[0].close()
        sources[-1].read(1)
        return before


@pytest.mark.required("#authoring-notes")
@pytest.mark.parametrize("version", ROOM)
def test_many_streams_of_one_page_are_open_at_once(server, many, version):
    """Six a browser opens to a host over HTTP/1.1, over HTTP/2 far more: a server that stops at fewer leaves a page waiting."""
    assert many(version)[0] >= ROOM[version]


@pytest.mark.observed("#authoring-notes")
def test_a_seventh_stream_waits_until_one_is_closed(server, many, finding):
    """Six over all tabs, and nothing says so: a page that opens one more looks as if its server were dead."""
    count, state = many("http-1.1")
    finding(f"{count} streams are open and the seventh is {STATES[state]}; it opens when one is closed")


# -- a page is left


@pytest.mark.recommended("RFC 9112 section 9.5")
@pytest.mark.parametrize("how", ["closed", "aborted", "tab-closed"])
def test_the_server_sees_that_a_page_has_had_enough(server, request, open_page, within, how):
    """By close(), by an abort of fetch, or with the tab: no more is sent, and nothing of the stream is left."""
    name = new_topic()
    page = open_page() if how == "tab-closed" else request.getfixturevalue("page")
    page.blank(origin(server))
    if how == "aborted":
        reading = page.read(f"/events/chat?rate=1&as={name}", json={"message": "a long answer"})
        reading.until("read.chunks.length > 0", "a first token")
    else:
        source = page.listen(f"/events/counter?speed=10&as={name}")
        source.read(1)
    before = opened(server, name)
    {"closed": lambda: source.close(), "aborted": lambda: reading.abort(), "tab-closed": page.close}[how]()
    within(lambda: opened(server, name) == 0, f"0 streams open after it was {how}")
    assert before == 1


@pytest.mark.observed("#garbage-collection")
@pytest.mark.parametrize("head", ["as-it-is", "storable"])
def test_what_becomes_of_the_stream_of_a_page_in_the_cache(server, page, relay, finding, head):
    """A page that is left is kept for the way back, and its stream with it, unless both say no-store."""

    def storable(found):
        stays = head == "as-it-is" and found.startswith(
            b"HTTP/1.1 200"
        )  # not that of an icon that is not there
        return found if stays else re.sub(rb"(?i)\r\ncache-control:[^\r]*", b"", found)

    between, name = relay(server), new_topic()
    between.bend(storable)
    source = page.blank(between.origin).listen(f"/events/counter?speed=20&as={name}")
    at = len(source.read(1))
    page.go(f"{between.origin}/json/open")
    server.open("/events/ticks?interval=0.1").read_events(4)  # a while, by another clock
    away = opened(server, name)
    page.back()
    if not page.ask("() => typeof sseproof !== 'undefined'"):
        finding("back, the page is loaded anew, and its stream is over")
        return
    source.read(at + 20)
    numbers = [json.loads(event.data)["count"] for event in source.events]
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    finding(f"away, {away} stream is open; back, it goes on, and {missing} of its events are missing")


@pytest.mark.required("#sse-processing-model")
def test_the_answer_to_a_post_is_read_token_by_token(server, page):
    """What shows in a chat, by fetch: the second token a second after the first, when all of them would take many."""
    reading = page.blank(origin(server)).read("/events/chat?rate=2", json={"message": "a long answer"})
    text = "read.chunks.map(({ bytes }) => String.fromCharCode(...bytes)).join('')"
    found = reading.until(f"({text}.match(/^event: ?token$/gm) ?? []).length > 1", "two tokens of an answer")
    reading.abort()
    assert (found["status"], found["state"]) == (200, "reading")


# -- the server is killed


@pytest.fixture
def killed(lasting, foreign, second, open_page):
    """Tell the story of a server that is killed, and started again on its port, while a page has streams open: `killed()`."""
    return lambda: lasting("killed", lambda _: kill_and_start_again(*foreign(), second, open_page))


def kill_and_start_again(there, between, home, second, open_page):
    topic, port = new_topic(), there.process.port
    with open_page() as page:
        page.blank(home)
        live = page.listen(origin(there) + on_topic(topic), ["reset"])
        numbered = page.listen(origin(there) + "/events/resilient?count=1000")
        live.until("open")
        publish(there, topic, "0", "1")
        live.read(2)
        numbered.read(5)
        there.process.kill()  # SIGKILL: it says nothing to anybody
        live.until("error", 2)
        numbered.until("error", 2)
        again = second("--allow-origin", home, "--port", str(port))
        live.until("open", 2)
        numbered.until("open", 2)
        publish(again, topic, "new", "last")
        live.read_to("last")
        numbered.read(len(numbered.events) + 5)
        return live.steps, numbered.steps


@pytest.mark.required("#reestablish-the-connection")
@pytest.mark.parametrize("which", [0, 1], ids=["topic", "resilient"])
def test_a_page_finds_its_way_back_to_a_server_that_was_killed(server, killed, which):
    """While nobody listens it asks again and again; each try in vain is an error while CONNECTING, none is the last."""
    steps = trail(killed()[which])
    tries = [step for step in steps if step == ("error", CONNECTING)]
    assert steps == [("made", CONNECTING), ("open", OPEN), *tries, ("open", OPEN)] and len(tries) > 1


@pytest.mark.required("#concept-event-stream-reconnection-time")
def test_between_two_tries_lies_no_less_than_the_reconnection_time(server, killed):
    """A server that comes up under the load of all who wait for it needs that they wait."""
    steps = [step for step in killed()[0] if step.what in ("error", "open")]
    waits = [after.at_ms - before.at_ms for before, after in pairwise(steps) if before.what == "error"]
    assert [wait for wait in waits if wait < server.retry_ms - EARLY_MS] == [], f"waited {waits} ms"


@pytest.mark.required("#the-last-event-id-header")
def test_a_numbered_stream_goes_on_over_a_kill_where_it_was(server, killed):
    """What can be computed from the id needs no memory of it: not even this loses or doubles an event."""
    numbers = [json.loads(step.event.data)["n"] for step in killed()[1] if step.event]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.recommended("#the-last-event-id-header")
def test_a_page_is_told_that_the_events_before_a_kill_are_gone(server, killed):
    """In memory a topic dies with its process: a reset says so, and what is published then comes."""
    events = [step.event for step in killed()[0] if step.event]
    assert [event.type for event in events] == ["message", "message", "reset", "message", "message"]
    assert datas(events)[3:] == ["new", "last"]
