"""Hostile values: what an encoder does with a value that no wire can carry.

A CR or LF in an event type or id, a NUL in an id, a retry that is no number: each often comes from a user.
Three things may become of it. *Smuggled*: a client reads an event or a field that nobody meant; that is
never right. *Altered*: the value is cleaned or dropped, and nobody is told. *Refused*: an error status
before the stream, or a stream that is cut, without its last chunk, where the value stood. Rule of the
file: that nothing is smuggled is required, that the value is refused is recommended, how is observed.
"""

import pytest

from sseproof import wire
from sseproof.wire import Event

required, recommended, observed = pytest.mark.required, pytest.mark.recommended, pytest.mark.observed
WITHIN_S = 3.0  # an encoder that fails must not leave its client hanging

BEFORE, MEANT, AFTER = Event("before", "a", "1"), Event("meant", "b", "2"), Event("after", "c", "3")
PAYLOAD = "{end}data: smuggled{end}event: smuggled{end}id: smuggled{end}retry: 666{end}"
ENDS = {"lf": "\n", "cr": "\r", "crlf": "\r\n", "lf-lf": "\n\n"}
NO_NUMBERS = {"negative": -1, "float": 1.5, "true": True, "text": "soon", "empty-text": ""}
TEXTS_INT_TAKES = {
    "signed": "+1000",
    "spaced": " 1000 ",
    "underscore": "1_000",
    "arabic-digits": "\u0661\u0662",
}
# Python's surrogateescape, meant for file names, turns U+DC80 to U+DCFF into single bytes.
HALVES = {"high": "\ud800", "low": "\udc80"}


def named(table):
    """Give a table's values as parameters, with its keys for their ids."""
    return [pytest.param(value, id=name) for name, value in table.items()]


def echo_between(server, **hostile):
    """Send three events, the middle one with a hostile value in place of one of its own."""
    items = [
        {"data": event.data, "event": event.type, "id": event.last_event_id}
        for event in (BEFORE, MEANT, AFTER)
    ]
    return server.echo(items[0], {**items[1], **hostile}, items[2], within_s=WITHIN_S)


def smuggled(stream, field):
    """Give the events that nobody meant; the hostile field of the middle one may have any value."""
    came = stream.events if stream.status == 200 else []
    if field == "event":
        came = [Event(e.data, MEANT.type, e.last_event_id) if e.data == "meant" else e for e in came]
    if field == "id":
        came = [Event(e.data, e.type, MEANT.last_event_id) if e.data == "meant" else e for e in came]
    return [event for event in came if event not in (BEFORE, MEANT, AFTER)]


def blocks(stream):
    """Give the names of each block's fields; what has no field, as a ping, is left out."""
    body = stream.body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if stream.status == 200 else b""
    names = [[field.name for field in wire.fields(block + b"\n")] for block in body.split(b"\n\n")]
    return [block for block in names if any(block)]


def outcome(stream):
    """Say what became of a hostile value: "refused" if the client can tell, else "altered" or "lost"."""
    if stream.status >= 400:
        return "refused"
    if "meant" in [event.data for event in stream.events]:
        return "altered"
    return "refused" if stream.ended in ("cut", "reset") else "lost"


@required("#event-stream-interpretation")
@pytest.mark.parametrize("end", named(ENDS))
@pytest.mark.parametrize("field", ["event", "id", "comment", "retry"])
def test_no_field_smuggles_another_past_an_end_of_line(server, field, end):
    """Whoever can put an end of line into a field would write the next fields and events himself."""
    assert smuggled(echo_between(server, **{field: "9" + PAYLOAD.format(end=end)}), field) == []


@required("#event-stream-interpretation")
@pytest.mark.parametrize("end", named({"lf": "\n", "cr": "\r", "crlf": "\r\n"}))
@pytest.mark.parametrize("field", ["event", "id", "comment", "retry"])
def test_an_end_of_line_after_a_value_does_not_split_its_block(server, field, end):
    """A regular expression's $ lets one trailing LF through, and the LF behind it makes a blank line."""
    stream = echo_between(server, **{field: "9" + end})
    assert [block for block in blocks(stream) if "data" not in block] == []


@required("#event-stream-interpretation")
def test_an_id_with_nul_costs_no_event_and_changes_no_other_field(server):
    """A client ignores such an id; it must still read the events around it."""
    stream = echo_between(server, id="2\0id: 9")
    came = [(event.data, event.type) for event in stream.events] if stream.status == 200 else []
    complete = [("before", "a"), ("meant", "b"), ("after", "c")]
    assert came == (complete[: len(came)] if outcome(stream) == "refused" else complete)


@recommended("#event-stream-interpretation")
@pytest.mark.parametrize("end", named(ENDS))
@pytest.mark.parametrize("field", ["event", "id", "retry"])
def test_an_end_of_line_in_a_field_is_refused(server, field, end):
    """A value altered silently is a listener never called, or a place from which nobody can resume."""
    assert outcome(echo_between(server, **{field: "9" + PAYLOAD.format(end=end)})) == "refused"


@recommended("#event-stream-interpretation")
def test_an_id_with_nul_is_refused(server):
    """The client would ignore it, keep the id before, and resume from there."""
    assert outcome(echo_between(server, id="2\0")) == "refused"


@required("#event-stream-interpretation")
@pytest.mark.parametrize("retry", named(NO_NUMBERS | TEXTS_INT_TAKES))
def test_a_reconnection_time_on_the_wire_is_digits_whatever_it_was(server, retry):
    """A client ignores a retry of anything but ASCII digits, so it would go on with the time before."""
    stream = echo_between(server, retry=retry)
    body = stream.body if stream.status == 200 else b""
    values = [field.value for field in wire.fields(body) if field.name == "retry"]
    assert [value for value in values if not (value.isascii() and value.isdigit())] == []


@recommended("#concept-event-stream-reconnection-time")
@pytest.mark.parametrize("retry", named(NO_NUMBERS))
def test_a_reconnection_time_that_is_no_whole_number_is_refused(server, retry):
    """It is a programmer's mistake, and found sooner if it is not dropped silently."""
    assert outcome(echo_between(server, retry=retry)) == "refused"


@required("#parsing-an-event-stream")
@pytest.mark.parametrize("half", named(HALVES))
@pytest.mark.parametrize("field", ["data", "event", "id", "comment"])
def test_a_lone_surrogate_is_never_written_as_bad_utf_8(server, field, half):
    """Event streams are always UTF-8, which has no bytes for half of a surrogate pair."""
    body = echo_between(server, **{field: f"one{half}two"}).body
    assert body.decode(errors="replace").encode() == body


@recommended("#parsing-an-event-stream")
@pytest.mark.parametrize("half", named(HALVES))
@pytest.mark.parametrize("field", ["data", "event", "id", "comment"])
def test_a_lone_surrogate_is_refused(server, field, half):
    """JSON can bring one in from any client, and a clean-looking end would lose events silently."""
    assert outcome(echo_between(server, **{field: f"one{half}two"})) == "refused"


@observed("#event-stream-interpretation")
@pytest.mark.parametrize(
    "hostile",
    named(
        {
            "event-lf": {"event": "one\ntwo"},
            "id-lf": {"id": "one\ntwo"},
            "id-nul": {"id": "one\0two"},
            "retry-text": {"retry": "soon"},
            "retry-negative": {"retry": -1},
            "data-surrogate": {"data": "one\ud800two"},
        }
    ),
)
def test_a_value_no_wire_can_carry_is_refused_altered_or_lost(server, finding, hostile):
    """An error status, a stream that is cut, a value that is cleaned: the standard does not choose."""
    stream = echo_between(server, **hostile)
    how = f"status {stream.status}, {len(stream.events)} of 3 events, the stream {stream.ended}"
    finding(f"{outcome(stream)}: {how}; the middle one came as {stream.events[1:2]}")
