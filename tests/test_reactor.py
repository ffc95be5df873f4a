"""Readers against the oracle and against other implementations, and channels against small peers that misbehave."""

import itertools
import json
import socket
import struct
import threading
import time

import gevent
import h11
import pytest
from gevent.event import Event as Signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Ping, Request, TextMessage

from sseproof import readers
from sseproof.bodies import Body, read_head, request_bytes
from sseproof.pieces import Broken, Memo, payload
from sseproof.reactor import PER_SOURCE, Address, Channel, Limits, resolve, source_address
from sseproof.readers import AnswerReader, EventStreamReader, FrameReader
from sseproof.tally import Tally
from sseproof.wire import Decoder

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def head_of(text):
    return read_head(text)[0]


def chunk(content):
    return b"%x\r\n%s\r\n" % (len(content), content)


def block(n, due_ns=None, line_end=b"\n", early_id=False):
    data = b'data: {"n":%d,"due_ns":%d,"pad":"x"}' % (n, due_ns or 1_700_000_000_000_000_000 + n)
    lines = [b"id: t-%d" % n, data] if early_id else [data, b"id: t-%d" % n]
    return line_end.join([*lines, b"", b""])


# What servers send: ours in several shapes, and everything that must not be taken for it.
BLOCKS = st.one_of(
    st.builds(block, st.integers(0, 30), st.none(), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans()),
    st.sampled_from(
        [
            b": ping\n\n",
            b"retry: 1000\n\n",
            b"data: foreign\n\n",
            b"event: reset\ndata: {}\n\n",
            'event: tick\nid: ü\ndata: {"n":1,"due_ns":2}\n\n'.encode(),
            b'data: {"n":1,"due_ns":2}\n\n',
            b'data: {"n":1,"due_ns":2}\ndata: more\n\n',
            b'id:\ndata: {"n": 7, "due_ns": 8}\n\n',
            b'data: {"n":1,"due_ns":99999999999999999999}\n\n',
            b'id: a\0b\ndata: {"n":3,"due_ns":4}\n\n',
            b"id: only\n\n",
            b"data\n\n",
            b"\n",
            b"data: half a",
        ]
    ),
)


def cut(text, places):
    """Cut bytes at some places, which count from wherever they fall."""
    marks = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(marks)]


def read_as_the_reactor_does(reader, pieces_of_bytes):
    """Look each piece up in the memo the reader offers, and let it read what is not there."""
    seen, foreign, hits = [], [], 0
    for raw in pieces_of_bytes:
        piece = reader.memo.get(raw)
        hits += piece is not None
        if piece is None:
            piece = reader.take(raw)
        elif piece.last_id is not None:
            reader.last_id = piece.last_id
        assert piece.size_bytes == len(raw)
        seen += piece.ours
        foreign += piece.foreign
    return seen, foreign, reader.last_id, hits


def by_the_oracle(text):
    decoder = Decoder()
    events = decoder.feed(text)
    is_ours = [(event, payload(event.data) if event.type == "message" else None) for event in events]
    ours = [tuple(found) for _, found in is_ours if found]
    return ours, [event for event, found in is_ours if not found], decoder.last_event_id


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(BLOCKS, max_size=8),
    st.lists(st.lists(st.integers(0, 600), max_size=6), min_size=1, max_size=4),
    st.booleans(),
)
def test_streams_that_share_a_memo_read_what_the_oracle_reads(blocks, cuts, is_chunked):
    text = b"".join(blocks)
    body = b"".join(chunk(one) for one in blocks if one) if is_chunked else text
    memo, head = Memo(), head_of(CHUNKED if is_chunked else PLAIN)
    ours, foreign, last_id = by_the_oracle(text)
    for places in [*cuts, *cuts]:  # the second time pieces are found in the memo
        found = read_as_the_reactor_does(EventStreamReader(head, memo), cut(body, places))
        assert found[:3] == (ours, foreign, last_id)


def test_what_others_have_received_is_read_once():
    memo, head = Memo(), head_of(CHUNKED)
    parts = [chunk(b"retry: 1000\n\n"), *(chunk(block(n)) for n in range(5))]
    for expected_hits in (0, 5, 5):
        found = read_as_the_reactor_does(EventStreamReader(head, memo), parts)
        assert (len(found[0]), found[2], found[3]) == (5, "t-4", expected_hits)


def test_a_memo_is_bounded(monkeypatch):
    monkeypatch.setattr("sseproof.pieces.MEMO_BYTES", 1000)
    memo, reader = Memo(), None
    reader = EventStreamReader(head_of(PLAIN), memo)
    for n in range(100):
        reader.take(block(n))
    assert 0 < sum(map(len, memo)) <= 1000
    assert block(99) in memo


def test_the_same_bytes_mean_something_else_in_mid_line():
    memo, head = Memo(), head_of(PLAIN)
    clean = [b"\n\n", block(1), block(2)]
    in_a_comment = [b"\n\n", b": the rest is a comment ", block(1), block(2)]
    for _ in range(2):
        assert (
            read_as_the_reactor_does(EventStreamReader(head, memo), clean)[0]
            == by_the_oracle(b"".join(clean))[0]
        )
        found = read_as_the_reactor_does(EventStreamReader(head, memo), in_a_comment)
        assert found[:3] == by_the_oracle(b"".join(in_a_comment))
        memo = Memo()  # and the other way round
        read_as_the_reactor_does(EventStreamReader(head, memo), in_a_comment)


def test_what_begins_in_the_middle_is_not_remembered():
    memo = Memo()
    reader = AnswerReader(memo)
    reader.take(answer(1)[:9])
    reader.take(answer(1)[9:])
    client, server, accepted = shake()
    frame = server.send(TextMessage("hello"))
    reader = FrameReader(memo, client)
    for raw in (accepted + frame[:3], frame[3:], server.send(Ping(b"p"))):
        reader.take(raw)
    reader = EventStreamReader(head_of(CHUNKED), memo)
    for raw in (chunk(b"\n\n"), chunk(block(1))[:9], chunk(block(1))[9:], chunk(b"retry: 7\n\n")):
        reader.take(raw)
    assert memo == {}


@pytest.mark.parametrize("first", [b"retry: 1000\n\n", b": hello\n\n"])
def test_an_id_from_before_stays_until_the_stream_has_one(first):
    reader = EventStreamReader(head_of(PLAIN), Memo(), last_id="before")
    reader.take(first)
    assert reader.last_id == "before"
    reader.take(block(3))
    assert reader.last_id == "t-3"


def test_the_announced_retry_is_kept():
    reader = EventStreamReader(head_of(PLAIN), Memo())
    reader.take(b"retry: 2500\n\n" + block(1))
    assert reader.retry_s == 2.5


def test_an_endless_line_passes_a_stated_limit():
    reader = EventStreamReader(head_of(PLAIN), Memo(), limit_bytes=10_000)
    with pytest.raises(Broken, match="limit 10000"):
        for _ in range(3):
            reader.take(b"x" * 5000)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 400), max_size=8))
def test_chunks_are_read_as_h11_reads_them(contents, places):
    raw = b"".join(map(chunk, contents)) + b"0\r\nA-Trailer: x\r\n\r\n" + b"behind"
    other = h11.Connection(h11.CLIENT)
    other.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    other.send(h11.EndOfMessage())
    other.receive_data(CHUNKED + raw)
    found = []
    while type(event := other.next_event()) is not h11.EndOfMessage:
        found.append(bytes(getattr(event, "data", b"")))
    body = Body(head_of(CHUNKED))
    content, excess = b"", b""
    for piece in cut(raw, places):
        content += body.feed(piece) if not body.ended else b""
        excess += body.excess if body.ended and not excess else b""
    assert (content, body.ended) == (b"".join(found), True)
    assert b"behind".startswith(excess)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"xyz\r\n", "no chunk size but b'xyz'"),
        (b"\r\n", "no chunk size but b''"),
        (b"-5\r\nhello", "no chunk size"),
        (b"2\r\nabcd", "not ended by CR LF but b'cd'"),
        (b"1" * 5000, "over 4096 bytes, the limit"),
        (b"f" * 16 + b"\r\n", "no chunk size"),
    ],
)
def test_what_is_no_chunk_is_said(raw, said):
    with pytest.raises(Broken, match=said):
        Body(head_of(CHUNKED)).feed(raw)


def test_a_head_without_an_end_passes_a_stated_limit():
    with pytest.raises(Broken, match="limit 65536"):
        read_head(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000)


def test_an_informational_head_is_not_the_answer():
    head, rest = read_head(b"HTTP/1.1 103 Early Hints\r\n\r\n" + PLAIN + b"data")
    assert (head.status, head.media_type, rest) == (200, "text/event-stream", b"data")


def answer(*numbers, last="z", **more):
    events = [{"id": f"t-{n}", "event": "message", "data": f'{{"n":{n},"due_ns":{n + 5}}}'} for n in numbers]
    body = json.dumps({"events": events, "last": last, **more}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 900), max_size=6))
def test_answers_are_read_wherever_they_are_cut(places):
    memo = Memo()
    for _ in range(2):
        reader, seen = AnswerReader(memo), []
        for whole in (answer(1, 2), answer(), answer(3, last=None)):
            for raw in cut(whole, places):
                piece = reader.memo.get(raw) or reader.take(raw)
                seen += piece.numbers
            assert piece.notable
        assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "answers 500, expected 200"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
            "with text/html, expected",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
            "answers b'\\[\\]', expected",
        ),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP"),
    ],
)
def test_what_is_no_answer_is_said(raw, said):
    with pytest.raises(Broken, match=said):
        AnswerReader(Memo()).take(raw)


def shake():
    """Give both sides of a WebSocket, and what the server answers to the handshake."""
    client, server = WSConnection(ConnectionType.CLIENT), WSConnection(ConnectionType.SERVER)
    server.receive_data(client.send(Request(host="x", target="/")))
    next(server.events())
    return client, server, server.send(AcceptConnection())


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([1, 2, 3, "long", "ping", "parts"]), max_size=6),
    st.lists(st.integers(0, 900), max_size=6),
)
def test_frames_are_read_as_wsproto_writes_them(plan, places):
    client, server, raw = shake()
    expected, pings = [], 0
    for what in plan:
        if what == "ping":
            raw, pings = raw + server.send(Ping(b"p")), pings + 1
            continue
        n = 5 if isinstance(what, str) else what
        expected.append(n)
        pad = "x" * (70_000 if what == "long" else 1)
        text = json.dumps({"id": "i", "event": "message", "data": f'{{"n":{n},"due_ns":9}}', "pad": pad})
        if what == "parts":
            raw += server.send(TextMessage(text[:9], message_finished=False))
            text = text[9:]
        raw += server.send(TextMessage(text))
    memo = Memo()
    for _ in range(2):
        reader, seen = FrameReader(memo, client), []
        for part in cut(raw, places):
            piece = reader.memo.get(part) or reader.take(part)
            seen += piece.numbers
        assert (seen, len(reader.pings)) == (expected, pings)
        client, server, accepted = shake()
        raw = accepted + raw[raw.index(b"\r\n\r\n") + 4 :]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"\x81\x80abcd", "masked"),
        (b"\xc1\x00", "extension"),
        (b"\x80\x00", "opcode 0 out of place"),
        (b"\x83\x00", "opcode 3"),
        (b"\x81\x7f" + (2**40).to_bytes(8, "big"), f"limit {readers.LIMIT_BYTES}"),
    ],
)
def test_what_no_websocket_may_send_is_said(frame, said):
    client, _, accepted = shake()
    with pytest.raises(Broken, match=said):
        FrameReader(Memo(), client).take(accepted + frame)


def test_a_refused_handshake_is_said():
    client, _, _ = shake()
    with pytest.raises(Broken, match="answers 404, expected 101"):
        FrameReader(Memo(), client).take(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")


def test_a_request_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="is no HTTP request"):
        request_bytes("GET", "/", "x", (("A", "b\r\nC: d"),))


class Owner:
    """Remember what a channel tells."""

    def __init__(self, tally):
        self.tally, self.memo = tally, Memo()
        self.ends, self.pieces, self.over = [], [], Signal()

    def begun(self, head):
        if head.status != 200:
            raise Broken(f"answers {head.status}")
        self.reader = EventStreamReader(head, self.memo)
        return self.reader

    def noticed(self, piece):
        self.pieces.append(piece)

    def ended(self, why, kind):
        self.ends.append((kind, why))
        self.over.set()


@pytest.fixture
def meet():
    """Connect a channel to a peer that plays a function in a thread; return the tally and the owner when it ended."""
    threads = []

    def start(play, limits=None, within_s=10):
        listening = socket.create_server(("127.0.0.1", 0))

        def serve():
            sock, _ = listening.accept()
            listening.close()
            with sock:
                sock.settimeout(10)
                while b"\r\n\r\n" not in sock.recv(65536):
                    pass
                play(sock)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        tally = Tally("sse")
        owner = Owner(tally)
        channel = Channel(tally, owner)
        address = resolve("127.0.0.1", listening.getsockname()[1])
        channel.open(address, request_bytes("GET", "/", address.host), limits or Limits())
        assert owner.over.wait(within_s), "the channel has not ended"
        tally.flush()
        return tally, owner

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def now_block(n):
    return block(n, due_ns=time.time_ns())


def test_events_are_counted_in_order(meet):
    def play(sock):
        sock.sendall(CHUNKED)
        for n in range(7, 27):
            sock.sendall(chunk(now_block(n)))
            time.sleep(0.002)
        sock.sendall(b"0\r\n\r\n")

    tally, owner = meet(play)
    assert owner.ends == [("end", None)]
    assert (tally.deliveries, tally.duplicates, tally.reordered) == (20, 0, 0)
    assert (tally.first_number, tally.last_number, owner.reader.last_id) == (7, 26, "t-26")
    assert tally.histograms["gap"].total_count == 19
    assert [tally.histograms[name].total_count for name in ("connect", "headers", "first_event")] == [1, 1, 1]


def test_all_subscribers_of_a_broadcast_keep_their_place():
    """Pieces that the first has read are found by the others, and the ID is theirs nevertheless."""
    count, events = 5, 20
    listening = socket.create_server(("127.0.0.1", 0))

    def broadcast():
        subscribers = [listening.accept()[0] for _ in range(count)]
        listening.close()
        for sock in subscribers:
            sock.settimeout(10)
            while b"\r\n\r\n" not in sock.recv(65536):
                pass
            sock.sendall(CHUNKED + chunk(b"retry: 1000\n\n"))
        for n in range(events):
            time.sleep(0.005)  # so that most are read one by one
            for sock in subscribers:
                sock.sendall(chunk(block(n)))
        for sock in subscribers:
            sock.sendall(b"0\r\n\r\n")
            sock.close()

    thread = threading.Thread(target=broadcast)
    thread.start()
    tally, memo = Tally("sse"), Memo()
    owners = [Owner(tally) for _ in range(count)]
    address = resolve("127.0.0.1", listening.getsockname()[1])
    for owner in owners:
        owner.memo = memo
        Channel(tally, owner).open(address, request_bytes("GET", "/", address.host), Limits())
    for owner in owners:
        assert owner.over.wait(10)
    thread.join(10)
    tally.flush()
    assert (tally.deliveries, tally.duplicates, dict(tally.failures)) == (count * events, 0, {})
    assert [owner.reader.last_id for owner in owners] == [f"t-{events - 1}"] * count
    assert 0 < len(memo) < count * events


def test_the_kernel_has_it_before_the_reader(meet):
    def play(sock):
        sock.sendall(PLAIN)
        for n in range(50):
            sock.sendall(now_block(n))
            time.sleep(0.001)

    tally, _ = meet(play)
    found = {name: tally.histograms[name] for name in ("staleness", "reader_staleness", "lag")}
    assert [one.total_count for one in found.values()] == [50, 50, 50]
    assert tally.early == 0
    assert found["staleness"].get_mean_value() < found["reader_staleness"].get_mean_value()


def test_a_stalled_reader_does_not_make_an_event_stale(meet):
    """What waits in the kernel's buffer is in the client's hands; the reader's delay is its own, called lag."""

    def play(sock):
        sock.sendall(PLAIN)
        time.sleep(0.1)
        sock.sendall(now_block(1))
        sent.set()
        time.sleep(0.6)

    sent = threading.Event()
    stall = gevent.spawn_later(0.02, lambda: (sent.wait(5), time.sleep(0.3)))
    tally, _ = meet(play)
    stall.join()
    assert tally.histograms["lag"].get_max_value() >= 0.25e9
    assert tally.histograms["reader_staleness"].get_max_value() >= 0.25e9
    assert tally.histograms["staleness"].get_max_value() < tally.histograms["lag"].get_max_value()


def test_loss_duplicate_and_reorder_are_told_apart(meet):
    def play(sock):
        sock.sendall(PLAIN)
        for n in (1, 2, 2, 5, 4, 8):
            sock.sendall(block(n))
            time.sleep(0.01)

    tally, _ = meet(play)
    tally.settle()
    tally.settle()
    assert (tally.deliveries, tally.duplicates, tally.reordered) == (5, 1, 1)
    assert dict(tally.failures) == {
        "duplicate: an event came twice": 1,
        "reorder: event 4 came after event 5": 1,
        "loss: events are missing between two that came": 3,
    }


def close_at_once(sock):
    pass


def reset(sock):
    sock.sendall(PLAIN + block(1))
    time.sleep(0.05)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def flood(piece, head=PLAIN):
    def play(sock):
        try:
            sock.sendall(head)
            for _ in range(1000):
                sock.sendall(piece)
        except OSError:
            pass

    return play


@pytest.mark.parametrize(
    ("play", "kind", "said"),
    [
        (close_at_once, "headers", "closed without an answer"),
        (lambda sock: sock.sendall(b"HTTP/1.1 2"), "headers", "after 10 bytes of a head"),
        (lambda sock: sock.sendall(b"hello\r\n\r\n"), "refused", "no HTTP"),
        (lambda sock: sock.sendall(b"HTTP/1.1 503 Busy\r\n\r\n"), "refused", "answers 503"),
        (lambda sock: sock.sendall(CHUNKED + chunk(block(1))), "cut", "without a last chunk"),
        (lambda sock: sock.sendall(CHUNKED + b"zz\r\n"), "broken", "no chunk size"),
        (reset, "cut", "reset by peer"),
        (flood(b"x" * 65536), "broken", f"limit {readers.LIMIT_BYTES}"),
        (flood(b"A: b\r\n" * 5000, b"HTTP/1.1 200 OK\r\n"), "refused", "limit 65536"),
    ],
)
def test_how_a_connection_fails_is_said(meet, play, kind, said):
    _, owner = meet(play)
    [(found, why)] = owner.ends
    assert found == kind
    assert said in why


def test_a_head_that_does_not_come_is_waited_for_no_longer_than_told(meet):
    done = threading.Event()
    _, owner = meet(lambda sock: done.wait(5), Limits(head_s=0.2))
    done.set()
    assert owner.ends == [("headers", "the server sent no complete answer in 0.2 s")]


def test_a_refused_connection_is_said():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        tally = Tally("sse")
        owner = Owner(tally)
        Channel(tally, owner).open(resolve("127.0.0.1", port), b"", Limits())
        assert owner.over.wait(5)
    assert owner.ends == [("connect", f"cannot connect to 127.0.0.1:{port}: Connection refused")]


def test_a_request_larger_than_the_socket_takes_goes_out_whole(meet):
    size = 48 * 2**20

    def play(sock):
        sock.sendall(PLAIN)
        time.sleep(0.2)  # until the kernel takes no more
        got = 0
        while got < size:
            got += len(sock.recv(65536))
        sock.sendall(block(1))

    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        sock, _ = listening.accept()
        with sock, listening:
            sock.settimeout(10)
            play(sock)

    thread = threading.Thread(target=serve)
    thread.start()
    tally = Tally("sse")
    owner = Owner(tally)
    Channel(tally, owner).open(resolve("127.0.0.1", listening.getsockname()[1]), b"x" * size, Limits())
    assert owner.over.wait(10)
    thread.join()
    tally.flush()
    assert (owner.ends, tally.deliveries, tally.wire_out_bytes) == ([("end", None)], 1, size)


def test_a_port_range_is_not_used_up():
    home, away = Address(socket.AF_INET, "127.0.0.1", 1, "x"), Address(socket.AF_INET, "192.0.2.1", 1, "x")
    assert source_address(home, PER_SOURCE - 1, worker=0) is None
    assert source_address(home, PER_SOURCE, worker=0) == "127.0.0.2"
    assert source_address(home, 0, worker=3) == "127.0.3.1"
    assert source_address(away, PER_SOURCE, worker=3) is None


def test_a_source_of_its_own_is_used(meet, monkeypatch):
    monkeypatch.setattr(Channel, "worker", 3)
    sources = []

    def play(sock):
        sources.append(sock.getpeername()[0])
        sock.sendall(PLAIN)

    meet(play)
    assert sources == ["127.0.3.1"]
