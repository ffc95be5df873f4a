"""Framing: what goes into a server's encoder comes out of a client's decoder.

Strategy: a case has the server send a script through its framework's own encoder (`server.echo`), lets the
oracle read the body by the standard's algorithm, and compares whole events with what the script meant. One
change is the wire's own: CR and CRLF in data are ends of line, and come out as LF. Rule of the file: what an
encoder may do with a value that no wire can carry is in test_injection.py; here every value fits.
"""

import json
import re

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from sseproof import wire
from sseproof.wire import Event

required, recommended, observed = pytest.mark.required, pytest.mark.recommended, pytest.mark.observed
SLOW_S = 20.0  # for the large scripts: slow is not wrong

LINES = {
    "lf": ("one\ntwo", "one\ntwo"),
    "cr": ("one\rtwo", "one\ntwo"),
    "crlf": ("one\r\ntwo", "one\ntwo"),
    "lf-cr": ("one\n\rtwo", "one\n\ntwo"),
    "blank-lf": ("one\n\ntwo", "one\n\ntwo"),
    "blank-cr": ("one\r\rtwo", "one\n\ntwo"),
    "blank-crlf": ("one\r\n\r\ntwo", "one\n\ntwo"),
    "all-three": ("one\ntwo\rthree\r\nfour", "one\ntwo\nthree\nfour"),
    "only-lf": ("\n", "\n"),
    "only-cr": ("\r", "\n"),
    "only-crlf": ("\r\n", "\n"),
    "only-lf-lf": ("\n\n", "\n\n"),
    "trailing-lf": ("one\n", "one\n"),
    "trailing-cr": ("one\r", "one\n"),
    "trailing-crlf": ("one\r\n", "one\n"),
    "trailing-lf-lf": ("one\n\n", "one\n\n"),
    "leading-lf": ("\none", "\none"),
    "leading-cr": ("\rone", "\none"),
    "leading-crlf": ("\r\none", "\none"),
}
NO_LINE_ENDS = {
    "vt": "\x0b",
    "ff": "\x0c",
    "fs": "\x1c",
    "gs": "\x1d",
    "rs": "\x1e",
    "nel": "\x85",
    "ls": "\u2028",
    "ps": "\u2029",
}
SPACED = {
    "leading-space": " one",
    "two-leading-spaces": "  one",
    "leading-tab": "\tone",
    "leading-no-break-space": "\xa0one",
    "trailing-space": "one ",
    "trailing-tab": "one\t",
    "only-a-space": " ",
    "space-on-each-line": " one \n two ",
}
LOOKALIKES = {
    "leading-colon": ":one",
    "comment": ": one",
    "id": "id: 1",
    "event": "event: y",
    "retry": "retry: 1",
    "data": "data: one",
    "second-event": "data: x\n\nevent: y",
    "all-of-a-block": "one\nid: 1\nevent: y\nretry: 1\n: z\n\ndata: two\n\n",
    "after-cr": "one\rid: 1\r\rdata: two",
    "json": '{"one": "two\\n"}',
    "json-as-it-is": '{"a":1,  "b":1.0,"a":2}',
    "json-string": '"one"',
    "backslash-n": "one\\ntwo",
    "markup": "<b>&amp;</b>",
    "percent": "%0A+%20",
    "chunk": "0\r\n\r\n",
}
CHARACTERS = {
    "nul": "one\0two",
    "c0-c1": "\x01\x08\x1b\x1f\x7f\x80\x9f",
    "bom-first": "\ufeffone",
    "bom-inside": "one\ufeff",
    "one-byte": "\x7f",
    "two-bytes": "\x80\u07ff",
    "three-bytes": "\u0800\ud7ff\ue000\ufffd",
    "four-bytes": "\U00010000\U0010ffff",
    "noncharacters": "\ufdd0\ufffe\uffff\U0001fffe",
    "emoji-joined": "\U0001f469\u200d\U0001f4bb",
    "combining": "e\u0301 \xe9",
    "right-to-left": "\u202e\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
}
NAMES = {
    "plain": "update",
    "mixed-case": "dataReady",
    "combining": "e\u0301 \xe9",
    "unicode": "m\xe9t\xe9o-\u5929\u6c17-\U0001f326",
    "with-spaces": "two words",
    "leading-space": " one",
    "trailing-space": "one ",
    "colon": "a:b: c",
    "digit": "0",
    "leading-zeros": "007",
    "exponent": "1e3",
    "nel": "a\x85b",
    "ls": "a\u2028b",
    "bom": "\ufeffa",
}
ALL_FIELDS = {"comment": "c", "event": "e", "data": "one\ntwo", "id": "1", "retry": 5000}
SCRIPTS = {
    "nothing": [],
    "one-event": [{"data": "one"}],
    "all-fields": [ALL_FIELDS, ALL_FIELDS],
    "each-field-alone": [{name: value} for name, value in ALL_FIELDS.items()],
    "empty-fields": [{"data": "", "event": "", "id": "", "comment": ""}],
    "lines": [{"data": "\n\r\none\r\n\ntwo\r", "comment": "one\r\ntwo\rthree\n"}],
    "characters": [{name: "\0\ufeff\x85\u2028\U0010ffff" for name in ("data", "event", "comment")}],
    "empty-item": [{}, {"data": "one"}],
}

ENDLESS = {"ticks": "/events/ticks?interval=0.01", "clock": "/events/clock?speed=100"}
BLOCKING = {f"{name}-blocking": f"{target}&blocking=true" for name, target in ENDLESS.items()}


def named(table):
    """Give a table's values as parameters, with its keys for their ids."""
    return [pytest.param(value, id=name) for name, value in table.items()]


def on_the_wire(stream, name):
    """Give the values of every field of this name, in order; a comment's name is empty."""
    return [field.value for field in wire.fields(stream.body) if field.name == name]


# -- data


@required("#event-stream-interpretation")
def test_one_line_of_data_is_one_event(server):
    """The smallest stream there is."""
    assert server.echo({"data": "one"}).events == [Event("one")]


@required("#event-stream-interpretation")
def test_the_answer_to_a_get_is_framed_as_that_to_a_post(server):
    """An EventSource can only GET, and a route of its own may have an encoder of its own."""
    script = [{"data": "one\ntw\xf6 + %", "event": "e", "id": "1"}, {"data": ""}]
    stream = server.open("/events/echo", params={"script": json.dumps(script)})
    assert stream.read_to_end() == [Event("one\ntw\xf6 + %", "e", "1"), Event("", "message", "1")]


@required("#event-stream-interpretation")
@pytest.mark.needs("blocking")
def test_a_blocking_generator_is_framed_as_an_async_one(server):
    """Frameworks run a blocking generator on another path, and that one encodes too."""
    stream = server.echo({"data": "one\ntwo", "id": "1"}, {"data": "", "event": "e"}, blocking=True)
    assert stream.events == [Event("one\ntwo", "message", "1"), Event("", "e", "1")]


@required("#event-stream-interpretation")
@pytest.mark.parametrize("data, expected", [pytest.param(*ends, id=name) for name, ends in LINES.items()])
def test_each_line_of_data_is_a_data_field(server, data, expected):
    """An end of line within a field ends the field; a client joins the lines with LF."""
    assert server.echo({"data": data}, {"data": "next"}).events == [Event(expected), Event("next")]


@required("#dispatchMessage")
def test_empty_data_is_an_event(server):
    """One empty data field leaves a data buffer of one LF, which is dispatched; no data field is not."""
    assert server.echo({"data": ""}, {"data": "", "event": "e"}).events == [Event(""), Event("", "e")]


@required("#dispatchMessage")
def test_an_event_equal_to_the_one_before_is_dispatched_again(server):
    """What looks like a duplicate may be news: two equal readings, two equal words."""
    item = {"data": "one", "event": "e", "id": "1"}
    stream = server.echo(item, item, {"data": "two"}, {"data": "two"})
    assert stream.events == [Event("one", "e", "1")] * 2 + [Event("two", "message", "1")] * 2


@required("#event-stream-interpretation")
def test_ten_thousand_lines_stay_one_event(server):
    """A long listing is one event, and its blank lines end nothing."""
    data = "\n".join("" if n % 10 == 0 else f"line {n}" for n in range(10_000))
    assert server.echo({"data": data}).events == [Event(data)]


@required("#parsing-an-event-stream")
@pytest.mark.parametrize("char", named(NO_LINE_ENDS))
def test_only_cr_and_lf_end_a_line(server, char):
    """Python's str.splitlines() knows eight more ends of line than the standard does."""
    assert server.echo({"data": f"one{char}two{char}"}).events == [Event(f"one{char}two{char}")]


@required("#event-stream-interpretation")
@pytest.mark.parametrize("data", named(SPACED))
def test_space_around_data_survives(server, data):
    """A client takes away one space after the colon and nothing else, so the encoder owes that one."""
    assert server.echo({"data": data}).events == [Event(data)]


@required("#event-stream-interpretation")
@pytest.mark.parametrize("data", named(LOOKALIKES))
def test_data_that_looks_like_syntax_stays_data(server, data):
    """Users type what they like: fields, escapes and markup are text like any other."""
    expected = data.replace("\r\n", "\n").replace("\r", "\n")
    assert server.echo({"data": data}, {"data": "next"}).events == [Event(expected), Event("next")]


@required("#parsing-an-event-stream")
@pytest.mark.parametrize("data", named(CHARACTERS))
def test_every_character_of_unicode_survives_in_data(server, data):
    """The grammar takes every character but CR and LF, NUL included, and only a stream's first BOM is none."""
    assert server.echo({"data": data}).events == [Event(data)]


# -- event type


@required("#event-stream-interpretation")
@pytest.mark.parametrize("type", named(NAMES))
def test_an_event_type_comes_out_as_it_went_in(server, type):
    """A listener is found by its exact name."""
    assert server.echo({"event": type, "data": "one"}).events == [Event("one", type)]


@required("#event-stream-interpretation")
def test_an_event_type_of_64_kib_comes_out_whole(server):
    """The standard sets types no limit, and half a name is another name."""
    name = "0123456789abcdef" * 4096
    assert server.echo({"data": "one", "event": name}).events == [Event("one", name)]


@required("#dispatchMessage")
def test_an_empty_event_type_means_message(server):
    """An empty event type buffer leaves the type at message."""
    assert server.echo({"event": "", "data": "one"}).events == [Event("one", "message")]


@required("#dispatchMessage")
def test_an_event_type_does_not_leak_into_the_next_event(server):
    """A client forgets the type at each blank line, and so must an encoder that keeps state."""
    stream = server.echo({"event": "e", "data": "one"}, {"data": "two"}, {"event": "e"}, {"data": "three"})
    assert stream.events == [Event("one", "e"), Event("two"), Event("three")]


# -- id


@required("#event-stream-interpretation")
@pytest.mark.parametrize("id", named(NAMES))
def test_an_id_comes_out_as_it_went_in(server, id):
    """The id is what a client sends back; one changed character and it resumes elsewhere."""
    assert server.echo({"data": "one", "id": id}).events == [Event("one", "message", id)]


@required("#concept-event-stream-last-event-id")
def test_an_id_persists_until_another_event_sets_one(server):
    """The last event ID outlives the event that set it."""
    stream = server.echo({"data": "a", "id": "1"}, {"data": "b"}, {"data": "c", "id": "2"}, {"data": "d"})
    assert [(event.data, event.last_event_id) for event in stream.events] == [
        ("a", "1"),
        ("b", "1"),
        ("c", "2"),
        ("d", "2"),
    ]


@required("#event-stream-interpretation")
def test_an_empty_id_resets_the_last_event_id(server):
    """An id field without value is how a server says that there is no place to resume from."""
    stream = server.echo({"data": "one", "id": "1"}, {"data": "two", "id": ""})
    assert stream.events == [Event("one", "message", "1"), Event("two", "message", "")]


@required("#dispatchMessage")
def test_an_id_alone_dispatches_nothing_yet_moves_the_last_event_id(server):
    """A server that filters events out still tells its client how far it has come."""
    stream = server.echo({"id": "1"}, {"data": "one"}, {"id": "2"}, {"data": "two"})
    assert stream.events == [Event("one", "message", "1"), Event("two", "message", "2")]


@required("#event-stream-interpretation")
def test_an_id_of_64_kib_comes_out_whole(server):
    """Some ids carry a whole cursor; the standard sets them no limit."""
    assert server.echo({"data": "one", "id": "0123456789abcdef" * 4096}).events == [
        Event("one", "message", "0123456789abcdef" * 4096)
    ]


# -- retry


@required("#event-stream-interpretation")
@pytest.mark.parametrize("retry", [0, 1, 2500, 2**31, 10**16])
def test_a_reconnection_time_is_written_in_digits(server, retry):
    """A client ignores a retry that holds anything but ASCII digits; 0 is one, and asks for no wait."""
    assert on_the_wire(server.echo({"data": "one", "retry": retry}), "retry") == [str(retry)]


@required("#dispatchMessage")
def test_a_reconnection_time_alone_dispatches_nothing(server):
    """A block without data only sets the time."""
    stream = server.echo({"retry": 2500}, {"data": "one"})
    assert (stream.events, on_the_wire(stream, "retry")) == ([Event("one")], ["2500"])


# -- comments


@required("#dispatchMessage")
@pytest.mark.parametrize("comment", named({"text": "note", "empty": "", "lines": "one\ntwo\r\nthree\rfour"}))
def test_a_comment_dispatches_nothing(server, comment):
    """Comments keep a connection alive, and no listener may hear of them."""
    stream = server.echo({"data": "one"}, {"comment": comment}, {"data": "two"})
    assert stream.events == [Event("one"), Event("two")]


@required("#event-stream-interpretation")
def test_a_comment_beside_fields_changes_none_of_them(server):
    """A comment may stand in any block."""
    stream = server.echo({"comment": "note", "data": "one", "event": "e", "id": "1"})
    assert stream.events == [Event("one", "e", "1")]


@recommended("#authoring-notes")
@pytest.mark.parametrize("comment", named({"text": "note", "lines": "one\ntwo\r\nthree\rfour"}))
def test_each_line_of_a_comment_reaches_the_wire(server, comment):
    """Its bytes are its purpose: proxies and people that look at the wire see them."""
    came = [line.strip() for line in on_the_wire(server.echo({"comment": comment}), "")]
    assert [line for line in came if line in comment.split()] == comment.split()


# -- the whole body


@required("#parsing-an-event-stream")
@pytest.mark.parametrize("script", named(SCRIPTS))
def test_the_whole_body_fits_the_grammar(server, script):
    """The standard gives event streams an ABNF, and UTF-8 as their only encoding."""
    assert wire.departure(server.echo(*script).body) is None


@required("#parsing-an-event-stream")
@pytest.mark.needs("blocking")
@pytest.mark.parametrize("script", named(SCRIPTS))
def test_the_whole_body_of_a_blocking_generator_fits_the_grammar(server, script):
    """It may be encoded on another path."""
    assert wire.departure(server.echo(*script, blocking=True).body) is None


@required("#parsing-an-event-stream")
@pytest.mark.parametrize(
    "target",
    [
        *named({**ENDLESS, "topic": "/events/topic?topic=grammar"}),
        *(pytest.param(t, id=name, marks=pytest.mark.needs("blocking")) for name, t in BLOCKING.items()),
    ],
)
def test_the_body_of_an_endless_stream_fits_the_grammar(server, target):
    """What a script is spared may be put into other streams: announcements, keep-alives, chunks of their own."""
    stream = server.open(target)
    stream.stream.read_until(up_to_last_blank_line, within_s=5.0, what="blank line")
    if "topic=" in target:
        server.json("POST", target.replace("/events/", "/json/"), [{"data": "\xe9\n\u5929\r\U0001f326"}] * 3)
    stream.read_events(3)
    assert wire.departure(up_to_last_blank_line(stream.body)) is None


@required("#parsing-an-event-stream")
def test_the_body_of_an_answer_to_a_chat_fits_the_grammar(server):
    """It ends by itself, and so must its last event."""
    stream = server.open("/events/chat?rate=10000", method="POST", json={"message": "m\xe9t\xe9o"})
    stream.read_events(2)
    stream.read_to_end()
    assert wire.departure(stream.body) is None


def up_to_last_blank_line(body):
    """Give the part of a body that further bytes cannot finish or change."""
    ends = [match.end() for match in re.finditer(rb"(?:\r\n|\r(?!\n)|\n){2}", body)]
    return body[: ends[-1]] if ends else b""


@required("#event-stream-interpretation")
def test_the_last_event_is_ended_by_a_blank_line(server):
    """A client drops an event that the stream's end leaves unfinished: what follows must be a new one."""
    stream = server.echo({"data": "one"}, {"data": "two"})
    assert wire.decode(stream.body + b"data: more\n\n") == [Event("one"), Event("two"), Event("more")]


@recommended("#event-stream-interpretation")
def test_the_wire_holds_no_field_but_the_standards(server):
    """A client ignores a field of any other name, so whatever it carries is lost."""
    body = server.echo(ALL_FIELDS, ALL_FIELDS).body
    assert {field.name for field in wire.fields(body)} - {"", "data", "event", "id", "retry"} == set()


# -- size


@pytest.mark.costly
@required("#event-stream-interpretation")
@pytest.mark.parametrize("mib", [1, 16])
def test_one_event_of_many_mebibytes_comes_out_whole(server, mib):
    """The standard sets no limit; a buffer that cuts or drops would lose the event."""
    data = ("0123456789abcdef" * 255 + "the 4096th byte\n") * (mib * 256)
    assert server.echo({"data": data}, within_s=SLOW_S).events == [Event(data)]


@pytest.mark.costly
@required("#event-stream-interpretation")
def test_one_line_of_four_mebibytes_comes_out_whole(server):
    """Most JSON is one line, however long."""
    data = "0123456789abcdef" * 2**18
    assert server.echo({"data": data}, within_s=SLOW_S).events == [Event(data)]


@pytest.mark.costly
@required("#event-stream-interpretation")
def test_ten_thousand_events_come_in_order(server):
    """None lost, none doubled, none overtaken."""
    stream = server.echo(*({"data": f"event {n}", "id": str(n)} for n in range(10_000)), within_s=SLOW_S)
    assert stream.events == [Event(f"event {n}", "message", str(n)) for n in range(10_000)]


@required("#parsing-an-event-stream")
@pytest.mark.parametrize("shift", range(4))
def test_a_character_survives_where_a_chunk_ends_inside_it(server, shift):
    """With four shifts, a cut at any even place falls inside a four-byte character in some of them."""
    data = "x" * shift + "\U0001f326" * 40_000
    assert server.echo({"data": data}).events == [Event(data)]


# -- what the standard leaves open, and chance


@observed("#event-stream-interpretation")
@pytest.mark.parametrize(
    "data", named({"null": None, "number": 1.5, "true": True, "list": ["a", 1], "object": {"a": 1}})
)
def test_data_that_is_no_text_comes_out_in_some_form(server, finding, data):
    """SSE carries text; whether and how other values become text is each encoder's choice."""
    stream = server.echo({"data": data})
    came = [event.data for event in stream.events] if stream.status == 200 else f"status {stream.status}"
    finding(f"data {data!r} comes out as {came}, the stream {stream.ended}")


def texts(without, **sizes):
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters=without), **sizes)


ITEMS = st.fixed_dictionaries(
    {},
    optional={
        # Half of all data is made of what has a meaning on the wire.
        "data": texts("") | st.text("\r\n :daeid\0\x0b\x85\u2028\ufeff"),
        # Empty event types and ids have cases of their own.
        "event": texts("\r\n", min_size=1),
        "id": texts("\r\n\0", min_size=1),
        "retry": st.integers(1, 2**53),
        "comment": texts(""),
    },
)


def meant(script):
    """Give the events a script means: the id persists, CR and CRLF become LF, no data is no event."""
    last_event_id = ""
    for item in script:
        last_event_id = item.get("id", last_event_id)
        if "data" in item:
            data = item["data"].replace("\r\n", "\n").replace("\r", "\n")
            yield Event(data, item.get("event", "message"), last_event_id)


@pytest.mark.costly
@required("#event-stream-interpretation")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(ITEMS, max_size=8))
def test_random_scripts_come_out_as_they_went_in(server, script):
    """What nobody thought of: any text in any field of any event."""
    stream = server.echo(*script)
    assert (stream.events, wire.departure(stream.body)) == (list(meant(script)), None)
