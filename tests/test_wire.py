"""The oracle itself: held to the Web Platform Tests, to the standard's examples, and to a literal reading.

`as_written` below is the standard's algorithm over the whole text, slow and without state; Decoder must agree
with it, and its shortcut with its plain lines, for any bytes in any chunks.
"""

import re
import tomllib
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sseproof.wire import Decoder, Departure, Event, Field, LineTooLong, decode, departure, encode, fields

VECTORS = [
    pytest.param(vector, id=f"{path.stem}: {vector['file']}")
    for path in sorted((Path(__file__).parent / "vectors").glob("*.toml"))
    for vector in tomllib.loads(path.read_text(encoding="utf-8"))["vector"]
]

# The alphabet of the random bodies: what the decoder tells apart, and blocks that the shortcut takes or nearly.
TOKENS = [
    b"\r",
    b"\n",
    b":",
    b" ",
    b"\0",
    b"\xef",
    b"\xbb",
    b"\xbf",
    b"\xef\xbb\xbf",
    b"\xf0\x9f",
    b"0",
    b"1",
]
TOKENS += [b"data", b"event", b"id", b"retry", b"\n\n", b"\r\n", b"id: ", b"event: ", b"data: "]
TOKENS += [
    b"data: 1\n\n",
    b"id: 1\ndata: 0\n\n",
    b"event: 1\ndata:\n\n",
    b"id:\ndata:  \n\n",
    b"data: 1\ndata: 0\n\n",
]
bodies = st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join)


def chunked(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


cut_places = st.lists(st.integers(0, 10_000), max_size=6)


def run(chunks: Iterable[bytes], *, plain: bool = False) -> tuple[list[Event], str, int | None]:
    """Return the events, the last event ID and the reconnection time after the end."""
    decoder = Decoder()
    feed = decoder._feed_lines if plain else decoder.feed
    events = [event for chunk in chunks for event in feed(chunk)]
    decoder.end()
    return events, decoder.last_event_id, decoder.reconnection_time_ms


def as_written(body: bytes) -> tuple[list[Event], str, int | None]:
    """Read 9.2.5 and 9.2.6 aloud, over the whole text at once."""
    events, last_event_id, retry_ms = [], "", None
    data = event_type = id_buffer = ""
    text = utf8_decode(body).removeprefix("\ufeff")
    for line in re.split("\r\n|\r|\n", text)[:-1]:
        name, _, value = line.partition(":")
        value = value[1:] if value[:1] == " " else value
        if line == "":
            last_event_id = id_buffer
            if data != "":
                events.append(Event(data[:-1], event_type or "message", last_event_id))
            data = event_type = ""
        elif name == "event":
            event_type = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            id_buffer = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            retry_ms = int(value)
    return events, last_event_id, retry_ms


def utf8_decode(body: bytes) -> str:
    """Decode as the Encoding Standard's UTF-8 decoder does, byte by byte (its BOM left in place)."""
    out, point, needed, lower, upper = "", 0, 0, 0x80, 0xBF
    for byte in body:
        if needed and lower <= byte <= upper:
            point, needed, lower, upper = point << 6 | byte & 0x3F, needed - 1, 0x80, 0xBF
            out += "" if needed else chr(point)
            continue
        if needed:  # an error; the byte is then read anew, as a first one
            out, needed, lower, upper = out + "\ufffd", 0, 0x80, 0xBF
        if byte <= 0x7F:
            out += chr(byte)
        elif 0xC2 <= byte <= 0xDF:
            point, needed = byte & 0x1F, 1
        elif 0xE0 <= byte <= 0xEF:
            point, needed = byte & 0xF, 2
            lower, upper = {0xE0: 0xA0}.get(byte, 0x80), {0xED: 0x9F}.get(byte, 0xBF)
        elif 0xF0 <= byte <= 0xF4:
            point, needed = byte & 0x7, 3
            lower, upper = {0xF0: 0x90}.get(byte, 0x80), {0xF4: 0x8F}.get(byte, 0xBF)
        else:
            out += "\ufffd"
    return out + ("\ufffd" if needed else "")


@pytest.mark.parametrize("vector", VECTORS)
def test_a_vector_gives_its_events_in_whatever_chunks(vector: dict[str, Any]) -> None:
    parts = vector["stream"] if isinstance(vector["stream"], list) else [vector["stream"]]
    text = "".join(part if isinstance(part, str) else part["repeat"] * part["times"] for part in parts)
    body = text.encode()
    expected = (
        [Event(**event) for event in vector["events"]],
        vector.get("last_event_id", ""),
        vector.get("retry_ms"),
    )
    assert as_written(body) == expected
    assert run([body]) == expected
    assert run(bytes([byte]) for byte in body) == expected
    for cut in range(len(body) + 1):
        assert run([body[:cut], body[cut:]]) == expected, f"split at byte {cut}"


@given(bodies, cut_places)
def test_any_bytes_in_any_chunks_are_read_as_the_standard_is_written(body: bytes, cuts: list[int]) -> None:
    assert run(chunked(body, cuts)) == as_written(body)
    assert decode(body) == as_written(body)[0]


@given(bodies, cut_places)
@example(b"\n\ndata: 0\r1\n\n", [])
@example(b"\n\nid: 0\0\ndata: 1\n\n", [])
@example(b"\n\nid: 0\ndata: 1\n\nid:\ndata: 1\n\n", [])
def test_the_shortcut_is_equal_to_plain_lines(body: bytes, cuts: list[int]) -> None:
    fast, plain = Decoder(), Decoder()
    for chunk in chunked(body, cuts):
        assert fast.feed(chunk) == plain._feed_lines(chunk)
        assert vars(fast) == vars(plain)


@given(
    st.lists(
        st.sampled_from(b"\x00A\x7f\x80\x8f\x90\x9f\xa0\xbf\xc1\xc2\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff")
    )
)
def test_broken_utf8_becomes_replacement_characters_as_in_the_encoding_standard(values: list[int]) -> None:
    body = bytes(values)
    assert body.decode("utf-8", "replace") == utf8_decode(body)
    assert decode(b"data:" + body + b"\n\n") == [Event(utf8_decode(body))]


@pytest.mark.parametrize(
    ("chunks", "events_after_each"),
    [
        ([b"data: x\r\r", b"\ndata: y\n\n"], [["x"], ["y"]]),
        ([b"data: x\r\n\r", b"\n", b"data: y\r", b"\r"], [["x"], [], [], ["y"]]),
        ([b"data: x\r", b"\n\n"], [[], ["x"]]),
        ([b"data: x\r", b"", b"\ndata: y\n\n"], [[], [], ["x\ny"]]),
        ([b"data: x\n", b"\n\ndata: y\n\n"], [[], ["x", "y"]]),
    ],
)
def test_an_event_is_dispatched_with_the_first_byte_that_ends_it(chunks: Any, events_after_each: Any) -> None:
    decoder = Decoder()
    assert [[event.data for event in decoder.feed(chunk)] for chunk in chunks] == events_after_each


@pytest.mark.parametrize("char", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_cr_and_lf_end_a_line(char: str) -> None:
    assert decode(f"data: one{char}two\n\n".encode()) == [Event(f"one{char}two")]


def test_a_block_without_data_dispatches_nothing_and_moves_the_id() -> None:
    decoder = Decoder()
    assert decoder.feed(b"id: 7\nevent: lost\n\ndata: x\n\nid: 8\n") == [Event("x", "message", "7")]
    assert decoder.last_event_id == "7"
    assert decoder.feed(b"\n") == []
    assert decoder.last_event_id == "8"


def test_after_the_end_a_new_stream_begins_with_empty_buffers() -> None:
    decoder = Decoder()
    decoder.feed(b"id: 1\nretry: 5\ndata: a\n\nid: 2\nevent: lost\ndata: lost\ndata: lo")
    decoder.end()
    assert (decoder.last_event_id, decoder.reconnection_time_ms) == ("1", 5)
    assert decoder.feed(b"\xef\xbb\xbfdata: b\n\n") == [Event("b")]


@pytest.mark.parametrize(
    ("value", "retry_ms"),
    [
        ("0", 0),
        ("007", 7),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        (" 1", None),
        ("1 ", None),
        ("\u0661", None),
        ("\xb2", None),
        ("0" * 5000 + "3", 3),
        ("9" * 5000, int("9" * 4300)),
    ],
)
def test_retry_takes_ascii_digits_only(value: str, retry_ms: int | None) -> None:
    assert run([f"retry: {value}\n\n".encode()]) == ([], "", retry_ms)


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 101,
        b"data:" + b"x" * 96 + b"\n\n",
        b"data: 123456\n" * 15,
        b"data:\n\ndata: " + b"x" * 99 + b"\n\n",
        b":" + b"\xff" * 100,
    ],
)
@pytest.mark.parametrize("size_bytes", [1, 7, 1000])
def test_more_than_the_limit_without_an_end_is_an_error_that_names_it(body: bytes, size_bytes: int) -> None:
    decoder = Decoder(limit_bytes=100)
    decoder.feed(b"data: before\n\n" * 100)
    with pytest.raises(LineTooLong, match=r"^1\d\d bytes without an end of line or event, limit 100$"):
        for start in range(0, len(body), size_bytes):
            decoder.feed(body[start : start + size_bytes])


def test_up_to_the_limit_any_stream_of_any_length_goes_through() -> None:
    decoder = Decoder(limit_bytes=100)
    block = b"data:" + b"x" * 95 + b"\n\n" + b"data:\n" * 95 + b"\n"
    assert len(decoder.feed(block * 50)) == 100


def test_long_lines_and_many_lines_are_read_in_linear_time() -> None:
    """Seen by ending at all: copying the line anew for each of these chunks would move 500 GB."""
    size_bytes = 16 * 2**20
    decoder = Decoder()
    for _ in range(size_bytes // 256):
        assert decoder.feed(b"data:" * 50 + b"012345") == []
    [event] = decoder.feed(b"\n" + b"data: line\n" * 10_000 + b"\n")
    assert len(event.data) == size_bytes - len("data:") + 10_000 * len("\nline")


texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" :\r\n\0\ufeff"), max_size=10)
lineless = texts.map(lambda text: re.sub("[\r\n]", "", text))
events = st.builds(
    Event, texts.map(lambda text: re.sub("\r\n|\r", "\n", text)), lineless.map(lambda t: t or "message")
)
ids = st.none() | lineless.map(lambda text: text.replace("\0", ""))


@given(st.lists(st.tuples(events, ids, st.none() | texts), max_size=5), cut_places)
def test_what_is_encoded_is_decoded_and_fits_the_grammar(script: list[Any], cuts: list[int]) -> None:
    body, expected, last_event_id = b"", [], ""
    for event, id_, comment in script:
        body += encode(event.data, type=event.type, id=id_, comment=comment)
        last_event_id = last_event_id if id_ is None else id_
        expected.append(event._replace(last_event_id=last_event_id))
    assert run(chunked(body, cuts)) == (expected, last_event_id, None)
    assert departure(body) is None


def test_the_encoder_writes_one_field_a_line() -> None:
    assert encode() == b"\n"
    assert encode("") == b"data: \n\n"
    assert encode("a\rb\r\nc\nd\n") == b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"
    assert encode(comment="a\ndata: b") == b": a\n: data: b\n\n"
    assert (
        encode("\ufeffx", type="t", id="", retry_ms=0)
        == "event: t\nid: \nretry: 0\ndata: \ufeffx\n\n".encode()
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({name: f"a{char}b"}, f"{name} 'a.+b' holds")
        for name in ("type", "id")
        for char in ("\r", "\n", "\r\n")
    ]
    + [({"id": "a\0"}, "id .+ holds")]
    + [({"retry_ms": value}, "retry is .+, expected a whole number") for value in (-1, 1.5, 1.0, True, "1")]
    + [({name: "\ud800"}, "lone surrogate") for name in ("data", "type", "id", "comment")],
)
def test_the_encoder_refuses_what_no_wire_can_carry(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        encode(**arguments)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf",
        b"\n",
        b"\r\n",
        b":\n\n",
        b"data: x\r\n\r\n",
        b"data: x\r\r",
        b"data: x\n\r\n",
        b"no field\n\n",
        b"\xef\xbb\xbf\xef\xbb\xbfdata\n\n",
        b"\0\n\n",
        b" : \n\n\n",
        "data: \U0001f600\u0085\n\n".encode(),
    ],
)
def test_what_fits_the_grammar_has_no_departure(body: bytes) -> None:
    assert departure(body) is None


@pytest.mark.parametrize(
    ("body", "offset", "reason"),
    [
        (b"data: x", 7, "the line begun at byte 0 has no end of line"),
        (b"data: x\n\nda", 11, "the line begun at byte 9 has no end of line"),
        (b"data: x\n", 8, "the event begun at byte 0 is not ended by a blank line"),
        (b"data: x\r\n", 9, "the event begun at byte 0 is not ended by a blank line"),
        (b": ping\r\n\r\nid\rdata\r", 18, "the event begun at byte 10 is not ended by a blank line"),
        (b"\xef\xbb\xbf:\n", 5, "the event begun at byte 3 is not ended by a blank line"),
        (b"data: \xff\n\n", 6, "byte 0xff is no UTF-8 here: invalid start byte"),
        (b"data: \xed\xa0\x80\n\n", 6, "byte 0xed is no UTF-8 here: invalid continuation byte"),
        (b"data: \xc0\x80\n\n", 6, "byte 0xc0 is no UTF-8 here: invalid start byte"),
        (b"data: ok\n\n\xe2\x82", 10, "byte 0xe2 is no UTF-8 here: unexpected end of data"),
    ],
)
def test_a_departure_names_its_byte_and_its_reason(body: bytes, offset: int, reason: str) -> None:
    assert departure(body) == Departure(offset, reason)


@given(bodies)
def test_a_body_without_departure_loses_nothing_at_its_end(body: bytes) -> None:
    """The grammar and the decoder agree: one more block after a good body stands alone, and changes nothing."""
    if departure(body) is None:
        assert decode(body + b"event: last\n\n") == decode(body)
        assert [event.data for event in decode(body + b"data: last\n\n")] == [
            *(e.data for e in decode(body)),
            "last",
        ]


def test_fields_gives_every_line_with_its_byte_offset() -> None:
    body = "\ufeff: ping\r\nid:é\r\rretry\n\ndata:  a:b\nother: \ndata: unended".encode()
    assert list(fields(body)) == [
        Field(3, "", "ping"),
        Field(11, "id", "é"),
        Field(18, "retry", ""),
        Field(25, "data", " a:b"),
        Field(36, "other", ""),
    ]
