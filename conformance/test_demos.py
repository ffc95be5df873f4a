"""Demonstrations: every stream people copy from does what its description says, through the framework's encoder.

They run up to a thousand times faster than for a person, so none of these cases waits for its subject. Rule of
the file: that no event is lost, doubled, overtaken or of another type, and that a stream goes on where it
stopped, is required; what only our descriptions promise (fields, figures, seeds, pace) is recommended.
"""

import json
import secrets
import time
from datetime import datetime, timedelta
from itertools import pairwise

import psutil
import pytest

from sseproof.wire import fields

FAST = {"speed": 1000}
TRAINING = "/events/training?epochs=2&steps=3"
NUMBER = (int, float)
SYSTEM = dict.fromkeys(("cpu_percent", "memory_percent", "memory_used_mb", "memory_total_mb"), NUMBER)
QUOTE = {"symbol": str, "price": NUMBER, "change": NUMBER}
TICK = {"n": int, "due_ns": int, "sent_ns": int, "pad": str}


def _told(events, **kinds):
    """Read each event's data, which is a JSON object of these fields and types."""
    return [_object(event.data, kinds) for event in events]


def _read(data):
    """Read JSON as a browser does, without the NaN and Infinity that only Python knows."""
    return json.loads(data, parse_constant=_no_json)


def _no_json(name):
    raise ValueError(f"{name} is no JSON")


def _object(data, kinds):
    try:
        item = _read(data)
    except ValueError:
        item = None
    assert isinstance(item, dict), f"received {data!r}, expected a JSON object"
    assert set(item) == set(kinds)
    wrong = [name for name, kind in kinds.items() if not isinstance(item[name], kind)]
    assert wrong == [], f"{data} has the wrong types in {wrong}"
    return item


def _each(events, name, kind=int):
    """Read one field of each event's data, whatever else it holds."""
    values = []
    for event in events:
        try:
            value = _read(event.data)[name]
        except (ValueError, KeyError, TypeError):
            value = None
        assert isinstance(value, kind), f"received {event.data!r}, expected an object with {name!r} of {kind}"
        values.append(value)
    return values


def _consecutive(numbers):
    first = numbers[0] if numbers else 0
    return list(range(first, first + len(numbers)))


# -- streams without an end


@pytest.mark.required("#dispatchMessage")
def test_clock_sends_events_of_default_type(server):
    """Where no type is sent, an EventSource dispatches to onmessage."""
    events = server.open("/events/clock", params={"speed": 50}).read_events(2)
    assert [event.type for event in events] == ["message", "message"]


UNNAMED = ["/events/counter", "/events/system", "/events/resilient", "/events/ticks?interval=0.01"]


@pytest.mark.required("#dispatchMessage")
@pytest.mark.parametrize("target", UNNAMED, ids=["counter", "system", "resilient", "ticks"])
def test_a_stream_of_one_kind_sends_events_of_default_type(server, target):
    """A page listens to these with onmessage, which hears of no other type."""
    params = {} if "ticks" in target else {"speed": 50}
    events = server.open(target, params=params).read_events(2)
    assert [event.type for event in events] == ["message", "message"]


@pytest.mark.recommended("#event-stream-interpretation")
def test_clock_tells_the_time_of_day(server):
    """What is shown is the server's time, not the page's."""
    events = server.open("/events/clock", params={"speed": 50}).read_events(2)
    now = datetime.now()
    possible = {(now - timedelta(seconds=ago)).strftime("%H:%M:%S") for ago in range(-1, 6)}
    assert {event.data for event in events} - possible == set()


@pytest.mark.required("#event-stream-interpretation")
def test_counter_skips_and_repeats_no_number(server):
    """A number that is skipped or repeated is an event lost or sent twice."""
    counts = _each(server.open("/events/counter", params=FAST).read_events(100), "count")
    assert counts == _consecutive(counts)


@pytest.mark.recommended("#event-stream-interpretation")
def test_counter_counts_from_1_and_tells_the_time(server):
    """Each count is its event's id too, so that a page need not read the data to know its place."""
    start, events = time.time(), server.open("/events/counter", params=FAST).read_events(5)
    told = _told(events, count=int, time=NUMBER)
    counted = [(item["count"], event.last_event_id) for item, event in zip(told, events, strict=False)]
    assert counted == [(1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "5")]
    assert [item for item in told if not start - 1 <= item["time"] <= time.time() + 1] == []


@pytest.mark.recommended("#event-stream-interpretation")
def test_system_sends_cpu_and_memory_as_each(server):
    """A page draws its bars from these four, from 0 to 100 per cent."""
    told = _told(server.open("/events/system", params={"speed": 50}).read_events(2), **SYSTEM)
    percent = [item[name] for item in told for name in ("cpu_percent", "memory_percent")]
    assert [value for value in percent if not 0 <= value <= 100] == []


@pytest.mark.recommended("#event-stream-interpretation")
def test_system_figures_agree_with_psutil(server):
    """Invented figures of memory would be a demonstration of nothing; CPU moves too fast to be looked at twice."""
    (figures,) = _told(server.open("/events/system", params={"speed": 50}).read_events(1), **SYSTEM)
    memory = psutil.virtual_memory()
    assert figures["memory_total_mb"] == round(memory.total / 2**20, 1)
    # Other processes come and go between the two looks, so there is room of ten points and of ten per cent.
    assert figures["memory_percent"] == pytest.approx(memory.percent, abs=10)
    assert figures["memory_used_mb"] == pytest.approx(memory.used / 2**20, abs=memory.total / 2**20 / 10)


@pytest.mark.recommended("#event-stream-interpretation")
def test_system_cpu_is_above_0_while_a_core_is_busy(server):
    """A CPU figure that never moves is not measured."""
    stream = server.open("/events/system", params={"speed": 10})
    give_up_s = time.monotonic() + 5
    while not stream.read_for(0.001) and time.monotonic() < give_up_s:  # when it is measured, we do not know
        busy_until_s = time.process_time() + 0.01
        while time.process_time() < busy_until_s:
            pass
    (figures,) = _told(stream.read_events(1), **SYSTEM)
    assert figures["cpu_percent"] > 0


@pytest.mark.required("#event-stream-interpretation")
def test_stocks_are_named_by_their_symbol(server):
    """One stream carries many kinds of events, told apart by their type alone."""
    events = server.open("/events/stocks?seed=7", params=FAST).read_events(12)
    assert _each(events, "symbol", str) == [event.type for event in events]
    assert len({event.type for event in events}) == 3


@pytest.mark.required("#event-stream-interpretation")
def test_a_stock_moves_by_the_change_it_tells(server):
    """A quote lost or out of order shows: each price is the one before and the change."""
    events = server.open("/events/stocks?seed=7", params=FAST).read_events(30)
    prices, changes = (_each(events, name, NUMBER) for name in ("price", "change"))
    quotes = list(zip((event.type for event in events), prices, changes, strict=True))
    series = [[quote for quote in quotes if quote[0] == symbol] for symbol in {quote[0] for quote in quotes}]
    steps = [(old[1], new) for quotes in series for old, new in pairwise(quotes)]
    assert len(steps) == 27
    assert [new for old, new in steps if abs(old + new[2] - new[1]) > 0.01] == []


@pytest.mark.recommended("#event-stream-interpretation")
def test_stocks_are_quotes_of_three_companies(server):
    """A page has a place for each of them."""
    events = server.open("/events/stocks?seed=7", params=FAST).read_events(12)
    assert {item["symbol"] for item in _told(events, **QUOTE)} == {"AAPL", "GOOGL", "MSFT"}


@pytest.mark.recommended("#event-stream-interpretation")
def test_stocks_are_the_same_for_the_same_seed_only(server):
    """A demonstration that can be repeated can be tested."""
    first, again, other = (_stocks(server, seed) for seed in ("7", "7", "8"))
    assert (first == again, first == other) == (True, False)


def _stocks(server, seed):
    return server.open("/events/stocks", params={"seed": seed, **FAST}).read_events(12)


PACED = {  # seconds between two events at speed 1, and how many events come at once
    "clock": (1, 1),
    "counter": (1, 1),
    "system": (1, 0),
    "stocks": (1 / 3, 3),
    "training": (0.1, 1),
    "pipeline": (0.5, 1),
    "resilient": (0.1, 1),
}
APART_S = (0.02, 0.05, 0.1, 0.2)  # a busy machine is late at some; what is withheld is at all


def _sped_up(lasting, name, apart_s):
    """Give what comes at once of a demo, and two events more, due so far apart: read once, whatever is judged by it."""
    period_s, at_once = PACED[name]

    def read(server):
        with server.open(f"/events/{name}", params={"speed": period_s / apart_s}) as stream:
            stream.read_events(at_once + 2)
        return stream

    return lasting(f"{name} every {apart_s:g} s", read)


@pytest.mark.recommended("#authoring-notes")
@pytest.mark.parametrize(("name", "period_s", "at_once"), [(k, *v) for k, v in PACED.items()], ids=PACED)
def test_a_demo_is_never_early(server, lasting, name, period_s, at_once):
    """Its pace, here sped up to fifty events a second, is a promise a page relies on."""
    apart_s = APART_S[0]
    stream = _sped_up(lasting, name, apart_s)
    early = [
        at - n * apart_s
        for n, (at, _) in enumerate(stream.arrivals, 1 - at_once)
        if n > 0 and at < n * apart_s
    ]
    assert early == []


@pytest.mark.recommended("#authoring-notes")
@pytest.mark.parametrize(("name", "period_s", "at_once"), [(k, *v) for k, v in PACED.items()], ids=PACED)
def test_each_event_of_a_demo_is_read_before_the_next_is_due(server, lasting, name, period_s, at_once):
    """Withheld until the next one comes, or sent at another pace, a page shows what was."""
    told = []
    for apart_s in APART_S:
        stream = _sped_up(lasting, name, apart_s)
        read_s = [at for at, _ in stream.arrivals[: at_once + 2]]
        due_s = [max(0, n) * apart_s for n in range(1 - at_once, 3)]
        if all(at < due + apart_s for at, due in zip(read_s, due_s, strict=True)):
            return
        told.append(f"{apart_s:g} s apart, read after {', '.join(f'{s:.3f} s' for s in read_s)}")
    pytest.fail(f"events were {'; '.join(told)}; expected each before the next is due")


DEFAULT = {"clock": 1, "counter": 1, "system": 1, "training": 0.1, "resilient": 0.1, "pipeline": 0.5}


def unhurried(server):
    """Open streams at the speed for people; by the time of their cases they are some seconds old."""
    return {name: server.open(f"/events/{name}") for name in DEFAULT}


AT_THE_START = {"unhurried": unhurried}


@pytest.mark.recommended("#authoring-notes")
@pytest.mark.parametrize("name", DEFAULT)
def test_a_demo_keeps_its_pace_without_speed(server, lasting, name):
    """What people see: the speed of all other cases is not theirs."""
    stream, age_s = lasting("unhurried", unhurried)[name], 2.5
    left_s = stream.stream.started_s + age_s - time.monotonic()
    stream.read_events(int(age_s / DEFAULT[name]) // 2, within_s=max(1.0, left_s))
    stream.read_for(0.01)  # what else has come is there already
    assert len(stream.events) <= int(stream.stream.now_s() / DEFAULT[name]) + 1


@pytest.mark.recommended("#event-stream-interpretation")
def test_clock_goes(server, lasting):
    """A time that stands still is right once a day."""
    stream = lasting("unhurried", unhurried)["clock"]
    stream.read_events(2, within_s=max(1.0, stream.stream.started_s + 3.5 - time.monotonic()))
    if (
        stream.events[0].data == stream.events[1].data
    ):  # the first came late, in the second of the next: then see a third
        stream.read_events(3, within_s=max(1.0, stream.stream.started_s + 4.5 - time.monotonic()))
    assert len({event.data for event in stream.events}) >= 2


# -- streams with an end


@pytest.mark.required("#event-stream-interpretation")
def test_training_sends_every_step_and_then_complete(server):
    """Two types on one stream: the last event must not be taken for one more step, nor lost with the end."""
    events = server.open(TRAINING, params=FAST).read_to_end()
    assert [event.type for event in events] == ["progress"] * 6 + ["complete"]
    percent = _each(events[:-1], "progress_percent", NUMBER)
    assert percent == sorted(set(percent))
    assert len({event.last_event_id for event in events}) == 7


@pytest.mark.recommended("#event-stream-interpretation")
@pytest.mark.parametrize(("name", "events"), [("training", 1001), ("resilient", 100)])
def test_a_finite_demo_is_as_long_as_described_unless_asked(server, name, events):
    """Ten epochs of a hundred steps and their end; a hundred numbers."""
    assert len(server.open(f"/events/{name}", params=FAST).read_to_end()) == events


@pytest.mark.recommended("#event-stream-interpretation")
def test_training_tells_its_place_and_a_loss_that_falls(server):
    """A curve is drawn from these four."""
    events = server.open(TRAINING, params=FAST).read_to_end()
    assert [event.last_event_id for event in events] == [str(n) for n in range(1, 8)]
    told = _told(events[:-1], epoch=int, total_epochs=int, progress_percent=NUMBER, loss=NUMBER)
    assert [(item["epoch"], item["total_epochs"]) for item in told] == [(1, 2)] * 3 + [(2, 2)] * 3
    assert [item["progress_percent"] for item in told] == pytest.approx(
        [100 * n / 6 for n in range(1, 7)], abs=0.01
    )
    losses = [item["loss"] for item in told]
    assert losses == sorted(set(losses), reverse=True)


@pytest.mark.required("#event-stream-interpretation")
def test_pipeline_sends_every_step_in_order(server):
    """A model is no reason for another order, another type or no last step."""
    events = server.open("/events/pipeline", params=FAST).read_to_end()
    steps, totals = _each(events, "step"), _each(events, "total")
    assert (steps, set(totals)) == (_consecutive(steps), {len(steps)})
    assert {event.type for event in events} == {"pipeline"}


@pytest.mark.recommended("#event-stream-interpretation")
def test_pipeline_sends_a_model_for_every_step(server):
    """A typed model is one JSON object on the wire, with the names and types of its fields."""
    events = server.open("/events/pipeline", params=FAST).read_to_end()
    told = _told(events, step=int, total=int, message=str, percentage=NUMBER)
    assert [item["step"] for item in told[:1]] == [1]
    percent = [item["percentage"] for item in told]
    assert (percent[-1:], percent) == ([100], sorted(percent))


@pytest.mark.required("#event-stream-interpretation")
def test_resilient_sends_every_number_with_its_id(server):
    """An id that belongs to another event makes a client resume at the wrong place."""
    events = server.open("/events/resilient?count=100", params=FAST).read_to_end()
    numbers = _each(events, "n")
    assert [event.last_event_id for event in events] == [str(n) for n in numbers]
    assert (len(numbers), numbers) == (100, _consecutive(numbers))


@pytest.mark.recommended("#event-stream-interpretation")
def test_resilient_sends_an_id_and_the_reconnection_time_with_every_event(server):
    """With both in each event a client can lose its connection anywhere."""
    stream = server.open("/events/resilient?count=5", params=FAST)
    events = stream.read_to_end()
    retry = [field.value for field in fields(stream.body) if field.name == "retry"]
    ids = [field.value for field in fields(stream.body) if field.name == "id"]
    assert retry == [str(server.retry_ms)] * 6  # once alone at the beginning
    assert ids == [event.last_event_id for event in events]
    assert len(set(ids)) == 5


FINITE = {
    "training": TRAINING,
    "pipeline": "/events/pipeline",
    "resilient": "/events/resilient?count=5",
}


def _whole(server, target):
    stream = server.open(target, params=FAST)
    stream.read_events(5)  # each has at least so many
    return stream.read_to_end()


@pytest.mark.required("RFC 9112 section 7.1")
@pytest.mark.parametrize("target", FINITE.values(), ids=FINITE)
def test_a_finite_demo_ends_whole(server, target):
    """Without its last chunk a client cannot tell the end from a fault."""
    stream = server.open(target, params=FAST)
    stream.read_to_end()
    assert stream.ended == "complete"


@pytest.mark.required("#the-last-event-id-header")
@pytest.mark.parametrize("seen", [1, 4])
@pytest.mark.parametrize("target", FINITE.values(), ids=FINITE)
def test_a_finite_demo_goes_on_after_the_last_event_id(server, target, seen):
    """What was seen does not come again, what was missed comes once, with the ids and data it had."""
    events = _whole(server, target)
    headers = {"Last-Event-ID": events[seen - 1].last_event_id}
    assert server.open(target, params=FAST, headers=headers).read_to_end() == events[seen:]


@pytest.mark.recommended("#sse-processing-model")
@pytest.mark.parametrize("target", FINITE.values(), ids=FINITE)
def test_a_finite_demo_answers_204_to_the_id_of_its_last_event(server, target):
    """An EventSource reconnects after every end but a 204, for ever."""
    last = _whole(server, target)[-1].last_event_id
    again = server.open(target, params=FAST, headers={"Last-Event-ID": last})
    assert (again.status, again.read_to_end(), again.body) == (204, [], b"")


@pytest.mark.required("#sse-processing-model")
@pytest.mark.parametrize("name", ["counter", "resilient"])
def test_a_demo_stops_when_its_client_leaves(server, name):
    """A generator whose clean-up never runs goes on counting for nobody."""
    mark = f"demo-{secrets.token_hex(4)}"
    stream = server.open(f"/events/{name}", params={"as": mark, "speed": 20})
    stream.read_events(1)
    stream.close()
    # A server notices by writing, and at the second write at the latest: within two intervals, and as much again for
    # a machine that is busy. Between two looks we wait, since every request may set off the clean-up that is missing.
    deadline_s, counts = time.monotonic() + 4 * server.ping_s, {}
    while counts != {"open": 0, "opened": 1, "closed": 1} and time.monotonic() < deadline_s:
        time.sleep(0.02)
        counts = server.json("GET", f"/json/open?as={mark}").value
    assert counts == {"open": 0, "opened": 1, "closed": 1}


# -- a session's progress


def _session(server):
    made = server.json("POST", "/json/session")
    session = made.value.get("session") if isinstance(made.value, dict) else None
    assert (made.status, type(session)) == (201, str)
    return session


def _progress(server, session, speed=1000, last=None):
    headers = {} if last is None else {"Last-Event-ID": last}
    return server.open("/events/progress", params={"session": session, "speed": speed}, headers=headers)


@pytest.mark.required("#event-stream-interpretation")
def test_progress_goes_up_and_ends_whole(server):
    """A bar that goes back, or repeats itself, shows an event overtaken or sent twice."""
    stream = _progress(server, _session(server))
    events = stream.read_to_end()
    values = _each(events, "progress")
    assert (len(values) > 1, values) == (True, sorted(set(values)))
    expected = [("progress", str(value)) for value in values]
    assert [(event.type, event.last_event_id) for event in events] == expected
    assert stream.ended == "complete"


@pytest.mark.recommended("#event-stream-interpretation")
def test_progress_goes_from_0_to_100_and_names_its_session(server):
    """A bar that skips its end or belongs to another session misleads."""
    session = _session(server)
    told = _told(_progress(server, session).read_to_end(), progress=int, session=str)
    values = [item["progress"] for item in told]
    assert (values[:1], values[-1:], {item["session"] for item in told}) == ([0], [100], {session})


@pytest.mark.recommended("#authoring-notes")
def test_progress_is_never_early_however_many_watch(server):
    """Its step is half a second, here fifty times faster; a second window must not drive the first one's bar."""
    session = _session(server)
    streams = [_progress(server, session, speed=50) for _ in range(2)]
    for stream in streams:
        stream.read_events(8)  # no step is more than ten, so there are at least eleven values
    # The first value is there at once, and the second is due half a second of the session after someone listens.
    early = [at for n, (at, _) in enumerate(streams[0].arrivals) if at < n * 0.01]
    assert early == []


@pytest.mark.required("#the-last-event-id-header")
def test_progress_survives_a_reconnect(server):
    """The session holds the progress, not the connection: nothing is lost, nothing begins anew."""
    session = _session(server)
    with _progress(server, session, speed=50) as first:
        seen = first.read_events(3)
    missed = [
        event.last_event_id for event in _progress(server, session, last=seen[-1].last_event_id).read_to_end()
    ]
    after_first = _progress(server, session, last=seen[0].last_event_id).read_to_end()
    whole = [seen[0].last_event_id, *(event.last_event_id for event in after_first)]
    assert [event.last_event_id for event in seen] + missed == whole


@pytest.mark.required("#event-stream-interpretation")
def test_two_streams_of_a_session_see_the_same_progress(server):
    """Two windows of one page belong to one session."""
    session = _session(server)
    opened = [_progress(server, session, speed=100) for _ in range(2)]
    long, short = sorted((stream.read_to_end() for stream in opened), key=len, reverse=True)
    # Whoever comes later begins at the newest value; from there on both see the same.
    assert len(short) > 1
    assert short == long[-len(short) :]


@pytest.mark.recommended("#sse-processing-model")
def test_progress_answers_204_to_who_has_seen_100(server):
    """An EventSource reconnects after every end but a 204, for ever."""
    session = _session(server)
    _progress(server, session).read_to_end()
    assert _progress(server, session, last="100").status == 204


@pytest.mark.recommended("RFC 9110 section 15.5.5")
@pytest.mark.parametrize(
    "query", ["?session=unknown", "?session=", ""], ids=["unknown", "empty", "not-given"]
)
def test_progress_of_no_session_is_not_found(server, query):
    """A stream that says nothing would leave its page waiting."""
    answer = server.json("GET", f"/events/progress{query}")
    assert (answer.status, b'"error"' in answer.body) == (404, True)


# -- chat

NO_MESSAGES = {
    "empty": b"",
    "half": b"{",
    "no-utf-8": b"\xff",
    "text": b'"hello"',
    "list": b"[]",
    "no-field": b"{}",
    "number": b'{"message": 5}',
    "null": b'{"message": null}',
    "conversation-number": b'{"message": "hello", "conversation_id": 5}',
}


def _chat(server, message, seed=1, **more):
    return server.open(
        f"/events/chat?seed={seed}&rate=10000", method="POST", json={"message": message, **more}
    )


@pytest.mark.required("#event-stream-interpretation")
def test_chat_sends_tokens_and_then_done(server):
    """Tokens carry their own spaces; lost at a line's beginning they make one long word."""
    stream = _chat(server, "Grüße")
    stream.read_events(3)  # at least two tokens and the end
    *tokens, done = stream.read_to_end()
    assert (done.type, done.data, stream.ended) == ("done", "[DONE]", "complete")
    assert {event.type for event in tokens} == {"token"}
    answer = "".join(event.data for event in tokens)
    assert (answer == answer.strip(), len(answer.split(" ")) > 1) == (True, True), answer


@pytest.mark.recommended("#event-stream-interpretation")
@pytest.mark.parametrize(
    ("message", "seed", "same"),
    [("hello", 1, True), ("hello", 2, False), ("goodbye", 1, False)],
    ids=["again", "other-seed", "other-message"],
)
def test_chat_answers_the_same_to_the_same_message_and_seed_only(server, message, seed, same):
    """A demonstration that can be repeated can be tested."""
    first, second = _chat(server, "hello", seed=1), _chat(server, message, seed=seed)
    assert (first.read_to_end() == second.read_to_end()) == same


@pytest.mark.recommended("#event-stream-interpretation")
def test_chat_takes_a_conversation_id(server):
    """The field is optional, and taken when it is text."""
    answers = [_chat(server, "hello"), _chat(server, "hello", conversation_id="c1")]
    assert [answer.status for answer in answers] == [200, 200]


@pytest.mark.recommended("#authoring-notes")
def test_chat_is_never_faster_than_its_rate(server):
    """An answer that comes in one piece is no stream."""
    stream = server.open("/events/chat?rate=100", method="POST", json={"message": "hello"})
    stream.read_events(6)
    early = [at for n, (at, _) in enumerate(stream.arrivals[:6]) if at < n / 100]
    assert early == []


@pytest.mark.recommended("RFC 9110 section 15.5.21")
@pytest.mark.parametrize("body", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_chat_refuses_what_is_no_message(server, body):
    """A refusal must come before the stream: after it there is no status left to send."""
    answer = server.open(
        "/events/chat", method="POST", body=body, headers={"Content-Type": "application/json"}
    )
    whole = answer.stream.read_to_end(5.0)
    assert (answer.status, b'"error"' in whole) == (422, True)


# -- ticks


@pytest.mark.required("#event-stream-interpretation")
@pytest.mark.parametrize("size", [0, 1, 5000])
def test_ticks_are_numbered_by_their_ids(server, size):
    """Staleness is measured by these numbers: id and n agree, none is skipped."""
    stream = server.open("/events/ticks", params={"interval": 0.01, "count": 4, "size": size})
    stream.read_events(4)
    events = stream.read_to_end()
    numbers = _each(events, "n")
    assert (len(numbers), numbers) == (4, _consecutive(numbers))
    assert [event.last_event_id for event in events] == [str(n) for n in numbers]
    assert stream.ended == "complete"


@pytest.mark.recommended("#event-stream-interpretation")
@pytest.mark.parametrize("size", [0, 1, 5000])
def test_ticks_carry_their_due_time_and_what_was_asked_for(server, size):
    """Staleness is measured against the due time, n x interval, and costs are measured by size."""
    stream = server.open("/events/ticks", params={"interval": 0.01, "count": 4, "size": size})
    told = _told(stream.read_events(4), **TICK)
    expected = [{"due_ns": item["n"] * 10_000_000, "pad": "x" * size} for item in told]
    assert [{name: item[name] for name in ("due_ns", "pad")} for item in told] == expected


@pytest.mark.recommended("#authoring-notes")
@pytest.mark.parametrize("interval_s", [0.003, 0.01])
def test_a_tick_never_leaves_before_it_is_due(server, interval_s):
    """What is early would be measured as less than no staleness."""
    stream = server.open("/events/ticks", params={"interval": interval_s, "count": 5})
    told = _told(stream.read_events(5), **TICK)
    assert [item["sent_ns"] - item["due_ns"] for item in told if item["sent_ns"] < item["due_ns"]] == []
    # The arrival is ours to time: seconds on a steady clock after a Unix time, so a millisecond of room.
    read_ns = [stream.stream.started_ns + at * 1e9 + 1e6 for at, _ in stream.arrivals]
    assert [item for item, at_ns in zip(told, read_ns, strict=False) if at_ns < item["due_ns"]] == []


@pytest.mark.required("#the-last-event-id-header")
def test_ticks_go_on_after_the_last_event_id(server):
    """Resuming after an id is arithmetic: what was due meanwhile comes at once, then the clock goes on."""
    seen = time.time_ns() // 10_000_000 - 5
    again = server.open("/events/ticks?interval=0.01&count=8", headers={"Last-Event-ID": str(seen)})
    assert [event.last_event_id for event in again.read_to_end()] == [str(seen + n) for n in range(1, 9)]


@pytest.mark.recommended("#authoring-notes")
def test_a_tick_tells_when_it_was_sent(server):
    """Staleness is measured by it: a tick that was due long ago is sent when it is asked for, not when it was due."""
    seen = time.time_ns() // 10_000_000 - 50
    stream = server.open("/events/ticks?interval=0.01&count=60", headers={"Last-Event-ID": str(seen)})
    stream.read_to_end()
    # A Unix time is not steady as the arrivals' clock is, so a millisecond of room.
    asked_ns, room_ns = stream.stream.started_ns, 1_000_000
    read_ns = [asked_ns + at * 1e9 for at, _ in stream.arrivals]
    sent_ns = _each(stream.events, "sent_ns")
    assert [
        at
        for at, read in zip(sent_ns, read_ns, strict=True)
        if not asked_ns - room_ns <= at <= read + room_ns
    ] == []


@pytest.mark.recommended("#event-stream-interpretation")
def test_ticks_are_the_same_for_who_polls(server):
    """Clients that poll are compared with those that stream, so both must see the same ticks."""
    after = time.time_ns() // 100_000_000 - 5
    value = server.json("GET", f"/json/ticks?interval=0.1&after={after}").value
    numbers = [item["n"] for item in value["events"]]
    stream = server.open("/events/ticks?interval=0.1&count=5", headers={"Last-Event-ID": str(after)})
    streamed = _told(stream.read_to_end(), **TICK)
    assert numbers[:5] == [item["n"] for item in streamed]
    assert numbers[-1:] == [value["last"]]
    assert [item["due_ns"] for item in value["events"][:5]] == [item["due_ns"] for item in streamed]
