"""The probe against small peers that send scripted bytes and see what the probe sends."""

import select
import socket
import struct
import threading
import time

import pytest

from sseproof import probe
from sseproof.probe import ProbeError, ProbeTimeout, connect

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Peer:
    """The server's side of one connection, run by `play` in a thread; `release` lets it go on or end."""

    def __init__(self, sock):
        self.sock = sock
        self.request = b""
        self.release = threading.Event()

    def read_request(self):
        while b"\r\n\r\n" not in self.request:
            data = self.sock.recv(65536)
            assert data, "the probe left before it had sent a request"
            self.request += data

    def send(self, *pieces):
        for piece in pieces:
            self.sock.sendall(piece)

    def flood(self, piece):
        """Send until the probe has had enough."""
        try:
            while True:
                self.sock.sendall(piece)
        except OSError:
            pass

    def leave(self):
        """Send FIN, and let the probe be the first to close."""
        self.sock.shutdown(socket.SHUT_WR)
        self.release.wait(10)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@pytest.fixture
def serve():
    """Start a peer that plays a function once; returns a stream connected to it and the peer."""
    streams, threads, peers, errors = [], [], [], []

    def start(play, **options):
        listening = socket.create_server(("127.0.0.1", 0))
        stream = connect(*listening.getsockname(), **options)
        sock, _ = listening.accept()
        listening.close()
        sock.settimeout(10)
        peer = Peer(sock)

        def run():
            try:
                play(peer)
            except BaseException as error:
                errors.append(error)
            finally:
                sock.close()

        thread = threading.Thread(target=run)
        thread.start()
        streams.append(stream)
        threads.append(thread)
        peers.append(peer)
        return stream, peer

    yield start
    for stream in streams:
        stream.close()
    for peer in peers:
        peer.release.set()
    for thread in threads:
        thread.join(15)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def answering(*pieces, then=Peer.leave):
    """Return a play: read the request, send these bytes, then leave (or reset)."""

    def play(peer):
        peer.read_request()
        peer.send(*pieces)
        then(peer)

    return play


def holding(*pieces):
    """Return a play that keeps the connection open, silent, after these bytes."""
    return answering(*pieces, then=lambda peer: peer.release.wait(10))


# -- how a body ends


@pytest.mark.parametrize(
    ("sent", "body", "ended"),
    [
        (CHUNKED + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", b"onetwo", "complete"),
        (CHUNKED + b"0\r\n\r\n", b"", "complete"),
        (CHUNKED + b"3\r\none\r\n", b"one", "cut"),
        (CHUNKED + b"9\r\none", b"one", "cut"),
        (CHUNKED + b"3\r\none\r\n5", b"one", "cut"),
        (CHUNKED + b"3\r\none\r\n0\r\n", b"one", "cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none", b"one", "complete"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\none", b"one", "complete"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none", b"one", "cut"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none", b"one", "closed"),
        (b"HTTP/1.0 200 OK\r\n\r\none", b"one", "closed"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", "complete"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + EMPTY, b"", "complete"),
    ],
)
def test_the_end_of_a_body_is_told_apart(serve, sent, body, ended):
    stream, _ = serve(answering(sent))
    stream.send_request("GET", "/")
    assert stream.ended is None
    assert stream.read_to_end() == body
    assert stream.ended == ended
    assert b"".join(chunk.data for chunk in stream.raw) == sent
    assert stream.read_some() is False


def test_a_reset_inside_a_body_is_told(serve):
    arrived = threading.Event()

    def play(peer):
        peer.read_request()
        peer.send(CHUNKED + b"3\r\none\r\n")
        assert arrived.wait(10)
        peer.reset()

    stream, _ = serve(play)
    stream.send_request("GET", "/")
    stream.read_until(lambda body: body == b"one", 5, "chunk")
    arrived.set()
    assert stream.read_to_end() == b"one"
    assert stream.ended == "reset"
    assert stream.gone == "reset"


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Type: te"])
def test_an_end_inside_the_head_is_an_error(serve, start):
    stream, _ = serve(answering(start))
    stream.send_request("GET", "/")
    with pytest.raises(
        ProbeError, match=f"closed the connection before a whole head: received {len(start)} bytes"
    ):
        stream.read_head()
    assert stream.ended == "cut"


def test_a_reset_before_the_head_is_an_error(serve):
    stream, _ = serve(answering(then=Peer.reset))
    stream.send_request("GET", "/")
    with pytest.raises(ProbeError, match="the server reset the connection before a whole head"):
        stream.read_head()
    assert stream.ended == "reset"


# -- times, chunks, heads


def test_chunks_are_kept_with_their_time(serve):
    def play(peer):
        peer.read_request()
        peer.send(CHUNKED, b"3\r\none\r\n")
        time.sleep(0.1)
        peer.send(b"3\r\ntwo\r\n0\r\n\r\n")
        peer.leave()

    stream, _ = serve(play)
    began_ns = time.time_ns()
    stream.send_request("GET", "/")
    assert stream.read_some()
    assert stream.body == b"one" and stream.ended is None
    stream.read_to_end()
    one, two = stream.chunks
    assert (one.data, two.data) == (b"one", b"two")
    assert two.seconds - one.seconds >= 0.09
    assert 0 <= stream.head.seconds <= one.seconds
    assert began_ns <= stream.started_ns <= time.time_ns()


def test_a_head_keeps_order_and_repetition(serve):
    stream, _ = serve(
        answering(b"HTTP/1.1 405 Not So\r\nAllow: GET\r\nVARY: a\r\nVary: \xe9\r\nContent-Length: 0\r\n\r\n")
    )
    stream.send_request("PUT", "/")
    head = stream.read_head()
    assert (head.status, head.reason, head.http_version) == (405, "Not So", "1.1")
    assert head.headers == [("allow", "GET"), ("vary", "a"), ("vary", "é"), ("content-length", "0")]
    assert (head.get("Vary"), head.get_all("vary"), head.get("x")) == ("a", ["a", "é"], None)
    assert stream.read_head() is head


def test_a_body_of_16_mib_is_read_in_a_second(serve):
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    stream, _ = serve(answering(CHUNKED, *[piece] * 256, b"0\r\n\r\n"))
    stream.send_request("GET", "/")
    began_s = time.process_time()
    assert len(stream.read_to_end(30)) == 16 * 2**20
    assert stream.ended == "complete"
    assert time.process_time() - began_s < 1.0  # measured: 0.05 s of CPU, the peer's included


def test_100_streams_are_open_at_once(serve):
    streams = [serve(holding(CHUNKED, b"3\r\none\r\n"))[0] for _ in range(100)]
    for stream in streams:
        stream.send_request("GET", "/")
    for stream in streams:
        stream.read_until(lambda body: body == b"one", 10, "chunk")


# -- limits


def test_silence_is_a_timeout_within_its_limit(serve):
    stream, _ = serve(holding())
    stream.send_request("GET", "/")
    began_s = time.monotonic()
    with pytest.raises(ProbeTimeout, match=r"no response head within 0\.2 s: received 0 bytes"):
        stream.read_head(0.2)
    assert 0.2 <= time.monotonic() - began_s < 2.0


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", CHUNKED + b"fffff\r\n"])
def test_a_drip_meets_the_same_limit_as_silence(serve, start):
    def play(peer):
        peer.read_request()
        peer.send(start)
        while not peer.release.wait(0.02):
            peer.send(b"x")

    stream, peer = serve(play)
    stream.send_request("GET", "/")
    began_s = time.monotonic()
    with pytest.raises(
        ProbeTimeout, match=r"within 0\.3 s: received \d\d+ bytes in 0\.\d+ s, the last of them at 0\.\d+ s"
    ):
        stream.read_to_end(0.3)
    assert 0.3 <= time.monotonic() - began_s < 2.0
    peer.release.set()


@pytest.mark.parametrize(
    ("start", "flood", "told"),
    [
        (
            b"HTTP/1.1 200 OK\r\n",
            b"X-More: and more\r\n" * 1000,
            "the response head is longer than 65536 bytes",
        ),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536, "the response head is longer than 65536 bytes"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "the response head is longer than 65536 bytes"),
        (CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n", "bytes of body, the limit is 100000"),
        (CHUNKED + b"1;", b"x" * 65536, "does not speak HTTP"),
        (CHUNKED, (b"1;" + b"x" * 60000 + b"\r\nx\r\n") * 4, "bytes, the limit is 100000 of body"),
        (CHUNKED, b"what?\r\n" * 10, "does not speak HTTP"),
    ],
)
def test_what_never_ends_is_an_error_at_its_bound(serve, start, flood, told):
    def play(peer):
        peer.read_request()
        peer.send(start)
        peer.flood(flood)

    stream, _ = serve(play, keep_bytes=100_000)
    stream.send_request("GET", "/")
    with pytest.raises(ProbeError, match=told):
        stream.read_to_end(10)


def test_a_head_over_its_bound_is_an_error_even_when_whole(serve):
    stream, _ = serve(answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 65536 + b"\r\nContent-Length: 0\r\n\r\n"))
    stream.send_request("GET", "/")
    with pytest.raises(ProbeError, match="the response head is longer than 65536 bytes"):
        stream.read_head()


@pytest.mark.parametrize(
    "garbage", [b"SSH-2.0-OpenSSH\r\n", b"\x16\x03\x01\x00\x00", b"HTTP/one point one\r\n\r\n"]
)
def test_garbage_is_an_error_at_once(serve, garbage):
    stream, _ = serve(holding(garbage))
    stream.send_request("GET", "/")
    with pytest.raises(ProbeError, match=r"the server does not speak HTTP.*received") as caught:
        stream.read_head()
    assert str(caught.value).isprintable()


def test_a_refused_connection_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ProbeError, match=f"no connection to 127.0.0.1:{port}: Connection refused"):
        connect("127.0.0.1", port)


def test_what_was_awaited_is_named(serve):
    stream, _ = serve(holding(CHUNKED, b"3\r\none\r\n"))
    stream.send_request("GET", "/")
    with pytest.raises(ProbeTimeout, match=r"no second event within 0\.1 s: received 5\d bytes"):
        stream.read_until(lambda body: b"two" in body, 0.1, "second event")
    assert stream.body == b"one"


def test_an_end_without_what_was_awaited_is_an_error(serve):
    stream, _ = serve(answering(CHUNKED, b"3\r\none\r\n"))
    stream.send_request("GET", "/")
    with pytest.raises(ProbeError, match=r"no second event: the body ended \(cut\) after 3 bytes"):
        stream.read_until(lambda body: b"two" in body, 5, "second event")


# -- requests


def test_a_request_is_sent_as_given(serve):
    stream, peer = serve(answering(EMPTY))
    stream.send_request("POST", "/events/echo?a=b", [("Last-Event-ID", "größer"), ("X", b"\xff")], b"body")
    stream.read_to_end()
    assert peer.request == (
        b"POST /events/echo?a=b HTTP/1.1\r\nHost: " + stream.authority.encode() + b"\r\n"
        b"Last-Event-ID: gr\xc3\xb6\xc3\x9fer\r\nX: \xff\r\nContent-Length: 4\r\n\r\nbody"
    )


def test_a_request_may_be_http_1_0(serve):
    stream, peer = serve(answering(b"HTTP/1.1 200 OK\r\n\r\none"))
    stream.send_request("GET", "/x", http_version="1.0")
    assert stream.read_to_end() == b"one"
    assert stream.ended == "closed"
    assert peer.request.startswith(b"GET /x HTTP/1.0\r\nHost: ")


@pytest.mark.parametrize(
    ("target", "headers"), [("/a b", []), ("/ä", []), ("/", [("X", "a\r\nb")]), ("/", [("X y", "a")])]
)
def test_what_is_no_http_is_refused_on_our_side(serve, target, headers):
    stream, _ = serve(lambda peer: None)
    with pytest.raises(ValueError, match="no HTTP request"):
        stream.send_request("GET", target, headers)


def test_a_request_goes_byte_by_byte(serve):
    sizes = []

    def play(peer):
        while b"\r\n\r\n" not in peer.request:
            data = peer.sock.recv(65536)
            sizes.append(len(data))
            peer.request += data
        peer.send(EMPTY)
        peer.leave()

    stream, peer = serve(play)
    stream.send_raw(GET, pause_s=0.002, piece_bytes=1)
    assert stream.read_head().status == 200
    assert peer.request == GET
    assert len(sizes) > len(GET) / 2  # a busy peer may find two at once


def test_a_refusal_is_read_although_the_request_could_not_be_sent_whole(serve):
    """A server may answer 413 and close while a long body is still on its way."""

    def play(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        peer.sock.shutdown(socket.SHUT_WR)

    stream, _ = serve(play)
    stream.send_request("POST", "/", body=b"x" * 32 * 2**20)
    assert stream.read_head().status == 413


def test_a_server_that_takes_no_request_is_a_timeout(serve):
    stream, _ = serve(lambda peer: peer.release.wait(10))
    with pytest.raises(ProbeTimeout, match=r"did not take \d+ bytes of request in 0\.2 s"):
        stream.send_request("POST", "/", body=b"x" * 32 * 2**20, within_s=0.2)


# -- the connection's second request, and what follows a response


def test_a_connection_serves_a_second_request(serve):
    def play(peer):
        for body in (b"one", b"two"):
            peer.request = b""
            peer.read_request()
            peer.send(CHUNKED, b"3\r\n", body, b"\r\n0\r\n\r\n")
        peer.release.wait(10)

    stream, _ = serve(play)
    for body in (b"one", b"two"):
        stream.send_request("GET", "/")
        assert stream.read_to_end() == body
        assert stream.ended == "complete"
        stream.next_request()
        assert (stream.head, stream.body, stream.ended, stream.raw) == (None, b"", None, [])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "one side said that it closes",
        ),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "one side said that it closes"),
        (CHUNKED + b"3\r\none\r\n", r"has not come to its end \(cut\)"),
        (EMPTY + b"more\x00", r"5 stray bytes followed the response: more\\x00"),
    ],
)
def test_why_a_connection_serves_no_second_request_is_told(serve, answer, why):
    stream, _ = serve(answering(answer))
    stream.send_request("GET", "/")
    stream.read_to_end()
    with pytest.raises(ProbeError, match=f"serves no second request: .*{why}"):
        stream.next_request()


def test_a_connection_that_the_server_has_closed_serves_no_second_request(serve):
    stream, _ = serve(answering(EMPTY))
    stream.send_request("GET", "/")
    stream.read_to_end()
    assert stream.read_stray(5) == b""
    assert stream.gone == "closed"
    with pytest.raises(ProbeError, match="the server closed it"):
        stream.next_request()


@pytest.mark.parametrize("raw", [False, True])
def test_stray_bytes_after_a_head_response_are_visible(serve, raw):
    stream, _ = serve(answering(CHUNKED, b"3\r\none\r\n", b"0\r\n\r\n"))
    if raw:
        stream.send_raw(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    else:
        stream.send_request("HEAD", "/")
    assert stream.read_to_end() == b""
    assert stream.ended == "complete"
    assert stream.read_stray(5) == b"3\r\none\r\n0\r\n\r\n"
    assert stream.stray == b"3\r\none\r\n0\r\n\r\n"
    assert "! 13 stray bytes after the end: 3\\r\\none" in stream.transcript()


def test_a_head_response_without_stray_bytes_has_none(serve):
    stream, _ = serve(holding(CHUNKED))
    stream.send_request("HEAD", "/")
    assert stream.read_to_end() == b""
    assert stream.read_stray(0.05) == b""
    stream.next_request()


def test_what_follows_a_switch_of_protocols_is_stray(serve):
    stream, _ = serve(answering(b"HTTP/1.1 101 Over\r\nUpgrade: websocket\r\n\r\n\x81\x00"))
    stream.send_raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert stream.read_head().status == 101
    assert stream.read_stray(5) == b"\x81\x00"


# -- ways to leave, and not to read


def test_a_close_is_a_fin_although_bytes_are_unread(serve):
    seen = []

    def play(peer):
        peer.read_request()
        peer.send(CHUNKED, b"3\r\none\r\n")
        seen.append(peer.sock.recv(1))

    stream, peer = serve(play)
    stream.send_request("GET", "/")
    stream.read_some()
    peer.send(b"3\r\ntwo\r\n")
    assert select.select([stream], [], [], 5)[0]  # waiting to be read
    with stream:
        pass
    peer.release.set()
    wait_for(seen)
    assert seen == [b""]
    stream.close()  # again is no error


def test_a_reset_is_seen_by_the_peer(serve):
    seen = []

    def play(peer):
        peer.read_request()
        try:
            seen.append(peer.sock.recv(1))
        except ConnectionResetError:
            seen.append("reset")

    stream, _ = serve(play)
    stream.send_request("GET", "/")
    stream.reset()
    stream.reset()
    wait_for(seen)
    assert seen == ["reset"]


def test_much_is_received_at_once_and_read_later(serve):
    body = b"x" * 300_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    stream, _ = serve(lambda peer: (peer.read_request(), peer.send(head, body), peer.leave()))
    stream.send_request("GET", "/")
    stream.read_head()
    stream.receive(len(body), within_s=5)
    assert stream.body == b""
    assert stream.read_to_end() == body and stream.ended == "complete"


def test_what_is_received_at_once_has_its_time(serve):
    stream, _ = serve(lambda peer: (peer.read_request(), peer.send(CHUNKED, b"1\r\nx\r\n"), peer.leave()))
    stream.send_request("GET", "/")
    stream.read_head()
    stream.receive(1_000_000, within_s=0.1)  # all there is, and then the end
    assert stream.read_some() and stream.body == b"x"
    assert not stream.read_some() and stream.ended == "cut"


def test_a_reset_met_while_receiving_at_once_is_told_by_who_reads(serve):
    stream, peer = serve(
        lambda peer: (peer.read_request(), peer.send(CHUNKED), peer.release.wait(10), peer.reset())
    )
    stream.send_request("GET", "/")
    stream.read_head()
    peer.release.set()
    stream.receive(1_000_000, within_s=5)
    assert not stream.read_some() and stream.ended == "reset"


def test_what_is_received_at_once_twice_is_read_in_order(serve):
    stream, _ = serve(
        lambda peer: (peer.read_request(), peer.send(CHUNKED, b"2\r\nxy\r\n0\r\n\r\n"), peer.leave())
    )
    stream.send_request("GET", "/")
    stream.read_head()
    for _ in range(3):
        stream.receive(3, within_s=0.1)
    assert stream.read_to_end() == b"xy" and stream.ended == "complete"


def test_a_half_closed_stream_still_reads(serve):
    def play(peer):
        peer.read_request()
        assert peer.sock.recv(1) == b""
        peer.send(EMPTY)
        peer.leave()

    stream, _ = serve(play)
    stream.send_request("GET", "/")
    stream.half_close()
    assert stream.read_head().status == 200


def test_waiting_bytes_are_counted_without_being_read(serve):
    stream, _ = serve(holding(EMPTY))
    assert stream.waiting_bytes() == 0
    stream.send_request("GET", "/")
    deadline_s = time.monotonic() + 5
    while stream.waiting_bytes() < len(EMPTY) and time.monotonic() < deadline_s:
        time.sleep(0.001)
    assert stream.waiting_bytes() == len(EMPTY)
    assert stream.raw == []
    assert stream.read_head().status == 200


def test_a_small_receive_buffer_makes_a_reader_that_does_not_read_felt(serve):
    sent = []

    def play(peer):
        peer.read_request()
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        peer.sock.settimeout(0.3)
        try:
            while True:
                sent.append(peer.sock.send(b"x" * 4096))
        except TimeoutError:
            sent.append("full")

    stream, _ = serve(play, rcvbuf_bytes=4096)
    stream.send_raw(GET)
    deadline_s = time.monotonic() + 10
    while "full" not in sent and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert sent[-1] == "full" and sum(sent[:-1]) < 200_000


def wait_for(seen):
    deadline_s = time.monotonic() + 10
    while not seen and time.monotonic() < deadline_s:
        time.sleep(0.005)


# -- the transcript


def test_a_transcript_shows_the_exchange(serve):
    stream, _ = serve(
        answering(CHUNKED, b"9\r\ndata: \xc3\xa9\n\r\n", b"3\r\na\x00\x1b\r\n", b"1\r\n\xe2\r\n")
    )
    stream.send_request("POST", "/events/echo", [("X", "y")], b"[{}]")
    stream.read_to_end()
    lines = stream.transcript().splitlines()
    assert lines[0] == "> POST /events/echo HTTP/1.1"
    assert "> X: y" in lines and "> [{}]" in lines
    assert any(line.startswith("< HTTP/1.1 200 OK  (") and line.endswith(" ms)") for line in lines)
    assert "< transfer-encoding: chunked" in lines
    shown = [line.strip() for line in lines if " bytes  " in line]
    assert [line.split(" bytes  ")[1] for line in shown] == [
        "data: é\\n",
        "a\\x00\\x1b  hex 61 00 1b",
        "\\xe2  hex e2",
    ]
    assert all(line.split()[1] == "ms" for line in shown)
    assert lines[-1].startswith("= cut (") and "13 bytes of body" in lines[-1]


def test_a_transcript_is_bounded_and_says_what_it_leaves_out(serve):
    pieces = [b"1f4\r\n" + b"\x01" * 500 + b"\r\n"] * 200
    stream, _ = serve(answering(CHUNKED, *pieces, b"0\r\n\r\n"))
    stream.send_raw(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"\x1b" * 10_000 + b"\r\n\r\n")
    stream.read_to_end()
    text = stream.transcript()
    assert len(text) < 9000
    assert text.startswith("> GET / HTTP/1.1\n") and "characters cut ..." in text
    assert "= complete (" in text.splitlines()[-1]
    assert text.replace("\n", "").isprintable()


def test_a_transcript_of_garbage_shows_the_bytes(serve):
    stream, _ = serve(answering(b"\x16\x03\x01 \xe2\x80\xae"))
    stream.send_request("GET", "/")
    with pytest.raises(ProbeError):
        stream.read_head()
    assert "\\x16\\x03\\x01 \\u202e  hex 16 03 01 20 e2 80 ae" in stream.transcript()
    assert stream.transcript().replace("\n", "").isprintable()


def test_a_transcript_of_a_stream_that_goes_on_says_so(serve):
    stream, _ = serve(holding(CHUNKED))
    assert stream.transcript() == "> (nothing sent)\n= still open (0.0 ms), 0 bytes of body, 0 received"
    stream.send_request("GET", "/")
    stream.read_head()
    assert "= still open (" in stream.transcript()


def test_text_is_shown_on_one_line_without_control_characters():
    assert probe.printable(b"a\r\n\t\x00\xff\xc3\xa9") == "a\\r\\n\\t\\x00\\xffé"
    assert probe.printable("\u2028\u202e\ud800") == "\\u2028\\u202e\\ud800"


def test_a_moment_is_one_although_its_reader_was_taken_off_the_core(monkeypatch):
    """Preempted for 80 ms between two clocks, at the first try."""
    passed_s = iter([0.0, 0.08, 0.08001, 0.08002, 0.08003, 0.08004])
    monkeypatch.setattr(probe.time, "monotonic", lambda: next(passed_s))
    unix_ns = iter([0, 80_000_015, 80_000_035])
    monkeypatch.setattr(probe.time, "time_ns", lambda: next(unix_ns))
    at_ns, at_s = probe.moment()
    assert at_ns / 1e9 == pytest.approx(at_s, abs=0.0001)
