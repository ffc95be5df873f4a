"""HTTP/2 for cases: against hypercorn, and against small peers that say what no server should."""

import contextlib
import functools
import socket
import ssl
import struct
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest

from sseproof import launch, tls
from sseproof.http2 import Connection
from sseproof.http2_stream import Stream, dial
from sseproof.probe import Allowance, ProbeError, ProbeTimeout
from sseproof.stream import EventStream

HEAD = [(":status", "200"), ("content-type", "text/event-stream")]


class Peer:
    """The server's side of one connection, run by `play` in a thread."""

    def __init__(self, sock):
        self.sock, self.events = sock, []
        settings = h2.config.H2Configuration(
            client_side=False,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(settings)
        self.release = threading.Event()

    def begin(self):
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def wait_for(self, kind, count=1):
        """Read until so many events of a kind have come, and give the last."""
        while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
            self.more()
        return found[count - 1]

    def more(self):
        data = self.sock.recv(65536)
        assert data, "the client has left too early"
        self.events += self.h2.receive_data(data)
        self.flush()

    def answer(self, number=1, *pieces, head=HEAD, end=False):
        self.h2.send_headers(number, head, end_stream=end and not pieces)
        for piece in pieces:
            self.h2.send_data(number, piece, end_stream=end and piece is pieces[-1])
        self.flush()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@pytest.fixture
def serve():
    """Start a peer that plays a function once; gives how to connect to it and the peer, once there is one."""
    with contextlib.ExitStack() as stack:
        errors, threads = [], []

        def start(play, context=None):
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listening.settimeout(10)

            def run():
                try:
                    sock, _ = listening.accept()
                    sock.settimeout(10)
                    with contextlib.closing(
                        context.wrap_socket(sock, server_side=True) if context else sock
                    ) as sock:
                        play(Peer(sock))
                except Exception as error:
                    errors.append(error)

            threads.append(threading.Thread(target=run))
            threads[-1].start()
            return functools.partial(dial, *listening.getsockname()), Connection, listening.getsockname()

        yield start
        for thread in threads:
            thread.join(10)
        assert (errors, [thread for thread in threads if thread.is_alive()]) == ([], [])


def asked(serve, play, **options):
    """Send GET / to a peer that plays this once it has been asked, and give the stream."""

    def run(peer):
        peer.begin()
        peer.wait_for(h2.events.RequestReceived)
        play(peer)

    stream = serve(run)[0](**options)
    stream.send_request("GET", "/")
    return stream


def until_left(peer):
    """Take what the client says until it leaves."""
    with contextlib.suppress(OSError):
        while peer.sock.recv(65536):
            pass


# -- as it should be


@pytest.fixture(scope="module")
def hypercorn():
    [script] = launch.find(["quart_hypercorn"])
    with launch.launch(script, "--ping", "0.3") as server:
        yield server.host, server.port


def test_a_stream_over_http_2_reads_as_one_over_http_1_does(hypercorn):
    with dial(*hypercorn) as stream:
        script = b'[{"data": "x", "id": "1"}, {"data": "y", "after": 0.1}]'
        stream.send_request("POST", "/events/echo", [("Content-Type", "application/json")], script)
        events = EventStream(stream, "echo")
        assert [event.data for event in events.read_events(1)] == ["x"]
        assert [event.data for event in events.read_to_end()] == ["x", "y"]
        (first, _), (second, _) = events.arrivals
        assert (stream.ended, stream.gone, stream.head.http_version, stream.stray) == (
            "complete",
            None,
            "2",
            b"",
        )
        assert second - first > 0.05
        assert [len(chunk.data) for chunk in stream.chunks] == [15, 9]


def test_streams_share_a_connection_and_leave_it_one_by_one(hypercorn):
    with Connection(*hypercorn) as connection:
        topic, about = Stream(connection), Stream(connection)
        topic.send_request("GET", "/events/topic?topic=t")
        about.send_request("GET", "/json/about")
        assert about.read_to_end()[:1] == b"{"
        topic.read_some()
        topic.close()
        again = Stream(connection)
        again.send_request("GET", "/json/about")
        again.read_to_end()
        assert (again.head.status, again.ended, topic.ended) == (200, "complete", None)


def test_a_long_request_and_a_long_answer_pass_through_the_windows(hypercorn):
    long = b"x" * 2**20
    with dial(*hypercorn) as stream:
        stream.send_request("POST", "/events/echo", body=b'[{"data": "%s"}]' % long)
        assert stream.read_to_end() == b"data: %s\n\n" % long
        assert stream.sent_bytes < 10_000  # of which a transcript is made


def test_a_transcript_tells_the_exchange(hypercorn):
    with dial(*hypercorn) as stream:
        stream.send_request("GET", "/json/open", [("X-Size", "größe")])
        stream.read_to_end()
        told = stream.transcript()
    assert "> GET /json/open HTTP/2\n> x-size: größe\n" in told
    assert "< HTTP/2 200" in told and "< content-type: application/json" in told and "= complete" in told


# -- how it ends


def end_stream(peer):
    peer.answer(1, b"data: 1\n\n", end=True)


def end_without_more(peer):
    peer.answer(1, b"data: 1\n\n")
    peer.h2.end_stream(1)
    peer.flush()


def rst_stream(peer):
    peer.answer(1, b"data: 1\n\n")
    peer.h2.reset_stream(1, h2.errors.ErrorCodes.INTERNAL_ERROR)
    peer.flush()


def goaway(peer):
    peer.answer(1, b"data: 1\n\n")
    peer.h2.close_connection(last_stream_id=0)
    peer.flush()


def fin(peer):
    peer.answer(1, b"data: 1\n\n")
    peer.sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("play", "ended"),
    [
        (end_stream, "complete"),
        (end_without_more, "complete"),
        (rst_stream, "reset"),
        (goaway, "reset"),
        (fin, "cut"),
    ],
)
def test_how_a_body_ends_is_a_value(serve, play, ended):
    def and_stay(peer):
        play(peer)
        until_left(peer)

    with asked(serve, and_stay) as stream:
        assert (stream.read_to_end(), stream.ended) == (b"data: 1\n\n", ended)


def test_a_connection_that_is_reset_resets_its_streams(serve):
    read = threading.Event()

    def run(peer):
        peer.answer(1, b"data: 1\n\n")
        read.wait(5)
        peer.reset()

    with asked(serve, run) as stream:
        stream.read_some()
        read.set()
        assert (stream.read_to_end(), stream.ended, stream.gone) == (b"data: 1\n\n", "reset", "reset")


@pytest.mark.parametrize(
    ("play", "gone"),
    [(lambda peer: peer.h2.reset_stream(1), "reset"), (lambda peer: peer.sock.shutdown(2), "cut")],
    ids=["rst-stream", "fin"],
)
def test_an_end_before_the_head_is_the_server_s_failure(serve, play, gone):
    def run(peer):
        play(peer)
        with contextlib.suppress(OSError):
            peer.flush()
        until_left(peer)

    with asked(serve, run) as stream:
        with pytest.raises(ProbeError, match=f"the server has {gone} the stream before a whole head"):
            stream.read_head()
        assert stream.ended == gone
        with pytest.raises(ProbeError, match="before a whole head"):  # and again, at once
            stream.read_some(5.0)


def test_after_the_end_of_its_connection_no_stream_begins(serve):
    with asked(serve, fin) as stream:
        stream.read_to_end()
        with pytest.raises(ProbeError, match="has closed the connection"):
            Stream(stream.connection).send_request("GET", "/")


# -- what no server should say


def test_an_answer_of_http_1_is_no_http_2(serve):
    def run(peer):
        peer.sock.recv(65536)
        peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        until_left(peer)

    with serve(run)[0]() as stream:
        stream.send_request("GET", "/")
        with pytest.raises(ProbeError, match=r"does not speak HTTP/2: .* its last bytes begin HTTP/1\.1 400"):
            stream.read_head()
        assert stream.gone == "reset"


@pytest.mark.parametrize("head", [[("x", "y")], [(":status", "zwei")]], ids=["none", "no-number"])
def test_an_answer_without_a_status_is_told(serve, head):
    def run(peer):
        peer.answer(head=head)
        until_left(peer)

    with asked(serve, run) as stream, pytest.raises(ProbeError, match="the response has no :status"):
        stream.read_head()


def test_fields_that_http_2_forbids_are_there_to_be_seen(serve):
    def run(peer):
        peer.answer(head=[*HEAD, ("connection", "keep-alive"), ("Upper", "Case")], end=True)
        until_left(peer)

    with asked(serve, run) as stream:
        assert stream.read_head().headers[1:] == [("connection", "keep-alive"), ("Upper", "Case")]


def test_a_body_shorter_than_its_length_is_no_http_2(serve):
    def run(peer):
        peer.answer(1, b"data", head=[*HEAD, ("content-length", "10")], end=True)
        until_left(peer)

    with asked(serve, run) as stream, pytest.raises(ProbeError, match="does not speak HTTP/2"):
        stream.read_to_end()


@pytest.mark.parametrize(
    ("play", "told"),
    [
        (lambda peer: None, "no response head within 0.2 s: received 0 bytes"),
        (lambda peer: peer.answer(1, b"12345"), "no end of the body within 0.2 s: received 5 bytes"),
    ],
    ids=["head", "end"],
)
def test_what_does_not_come_is_waited_for_as_long_as_was_said(serve, play, told):
    def run(peer):
        play(peer)
        until_left(peer)

    with asked(serve, run) as stream:
        start_s = time.monotonic()
        with pytest.raises(ProbeTimeout, match=told):
            stream.read_to_end(0.2)
        assert 0.2 <= time.monotonic() - start_s < 2
        assert stream.ended is None


def test_pings_alone_do_not_prolong_a_wait(serve):
    def run(peer):
        with contextlib.suppress(OSError):
            for _ in range(100):
                peer.h2.ping(b"12345678")
                peer.flush()
                time.sleep(0.02)

    with asked(serve, run) as stream:
        start_s = time.monotonic()
        with pytest.raises(ProbeTimeout):
            stream.read_head(0.3)
        assert time.monotonic() - start_s < 1.5


def test_a_body_that_is_too_long_is_given_up_and_its_memory_given_back(serve):
    def run(peer):
        peer.answer()
        with contextlib.suppress(OSError, AssertionError):
            for _ in range(1000):
                while peer.h2.local_flow_control_window(1) < 16384:
                    peer.more()
                peer.h2.send_data(1, b"x" * 16384)
                peer.flush()

    allowance = Allowance(2**20)
    with asked(serve, run, keep_bytes=100_000, allowance=allowance) as stream:
        with pytest.raises(ProbeError, match="the limit is 100000"):
            stream.read_to_end()
        assert allowance.left_bytes == allowance.most_bytes
        with pytest.raises(ProbeError, match="the limit is 100000"):
            stream.read_some()


# -- windows


def test_a_stream_that_is_not_read_takes_no_more_than_its_window(serve):
    rooms, made = [], threading.Event()

    def run(peer):
        peer.wait_for(h2.events.RequestReceived, 2)
        peer.answer(1, *[b"x" * 16383] * 4)  # all but some bytes of 65,535
        peer.answer(3, b"data: 1\n\n", end=True)
        peer.wait_for(h2.events.RequestReceived, 3)
        rooms.append(peer.h2.local_flow_control_window(1))
        peer.answer(5, end=True)
        while peer.h2.local_flow_control_window(1) < 16384:
            peer.more()
        made.set()
        until_left(peer)

    unread = asked(serve, run)
    connection = unread.connection
    other, last = Stream(connection), Stream(connection)
    other.send_request("GET", "/")
    assert other.read_to_end() == b"data: 1\n\n"
    last.send_request("GET", "/")
    last.read_to_end()
    time_s = unread.now_s()
    assert rooms == [65535 - 4 * 16383]
    for _ in range(4):
        assert unread.read_some()
    assert unread.chunks[-1].seconds < time_s  # it had come while the other waited
    assert made.wait(5)  # what is read makes room again
    unread.close()


def test_a_body_that_the_server_does_not_take_has_its_limit(serve):
    def run(peer):
        peer.begin()
        until_left(peer)  # whose h2 gives no more room by itself

    with serve(run)[0]() as stream:
        start_s = time.monotonic()
        with pytest.raises(ProbeTimeout, match=r"did not take 34465 bytes of request in 0\.3 s"):
            stream.send_request("POST", "/", body=b"x" * 100_000, within_s=0.3)
        assert time.monotonic() - start_s < 2


@pytest.mark.parametrize("reset", [False, True])
def test_an_answer_before_the_whole_body_ends_the_sending(serve, reset):
    def run(peer):
        peer.begin()
        peer.wait_for(h2.events.RequestReceived)
        peer.answer(head=[(":status", "413")], end=True)
        if reset:
            peer.h2.reset_stream(1, 0)
            peer.flush()
        until_left(peer)

    with serve(run)[0]() as stream:
        stream.send_request("POST", "/", body=b"x" * 1_000_000)
        assert stream.read_head().status == 413


# -- leaving


def test_a_stream_that_shares_its_connection_leaves_by_rst_stream(serve):
    seen = []

    def run(peer):
        peer.begin()
        peer.wait_for(h2.events.RequestReceived)
        peer.answer()
        seen.append(peer.wait_for(h2.events.StreamReset).error_code)
        until_left(peer)

    _, connect, address = serve(run)
    with connect(*address) as connection, Stream(connection) as stream:
        stream.send_request("GET", "/")
        stream.read_head()
    assert stream.ended is None
    wait_until(lambda: seen)
    assert seen == [h2.errors.ErrorCodes.CANCEL]


@pytest.mark.parametrize(("leave", "seen"), [("close", b""), ("reset", ConnectionResetError)])
def test_a_stream_alone_leaves_with_its_connection(serve, leave, seen):
    how = []

    def run(peer):
        peer.answer()
        try:
            while data := peer.sock.recv(65536):
                pass
            how.append(data)
        except OSError as error:
            how.append(type(error))

    stream = asked(serve, run)
    stream.read_head()
    getattr(stream, leave)()
    getattr(stream, leave)()  # once is enough
    wait_until(lambda: how)
    assert how == [seen]
    assert (stream.read_to_end(), stream.ended) == (b"", "reset")  # its own doing, and no wait


def wait_until(condition):
    deadline_s = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.005)


def test_what_belongs_to_http_1_is_refused(serve):
    def run(peer):
        peer.answer()
        until_left(peer)

    with asked(serve, run) as stream:
        stream.read_head()
        for name, given in (("send_raw", (b"",)), ("receive", (1, 1.0)), ("next_request", ())):
            with pytest.raises(ValueError, match=r"belongs to HTTP/1\.1"):
                getattr(stream, name)(*given)


# -- connections that do not come about


def test_a_port_at_which_nobody_listens_is_told():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(ProbeError, match=f"no connection to 127.0.0.1:{port}: Connection refused"):
        dial("127.0.0.1", port)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    tls.certify(folder, "127.0.0.1")
    return folder


def side(folder, protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / tls.CERTIFICATE, folder / tls.KEY)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def test_with_tls_a_certificate_of_ours_is_trusted(serve, certified):
    def run(peer):
        peer.begin()
        peer.wait_for(h2.events.RequestReceived)
        peer.answer(1, b"data: 1\n\n", end=True)
        until_left(peer)

    with serve(run, side(certified, ["h2"]))[0](trusting=tls.trusting(certified)) as stream:
        stream.send_request("GET", "/")
        assert (stream.read_to_end(), stream.ended) == (b"data: 1\n\n", "complete")


def shaken(serve, context, **options):
    """Try TLS with a peer that may not like it, and say nothing of its trouble."""

    def run(peer):
        with contextlib.suppress(OSError), context.wrap_socket(peer.sock, server_side=True) as sock:
            until_left(Peer(sock))

    return serve(run)[0](**options)


def test_with_tls_another_s_certificate_is_not_trusted(serve, certified, tmp_path):
    tls.certify(tmp_path, "127.0.0.1")
    with pytest.raises(
        tls.NotTrusted, match=r"127\.0\.0\.1:\d+ is not trusted: .*(unable to get local issuer|verify)"
    ):
        shaken(serve, side(certified, ["h2"]), trusting=tls.trusting(tmp_path))


def test_with_tls_a_certificate_for_another_address_is_not_trusted(serve, tmp_path):
    tls.certify(tmp_path, "127.0.0.2")
    with pytest.raises(tls.NotTrusted, match="IP address mismatch"):
        shaken(serve, side(tmp_path, ["h2"]), trusting=tls.trusting(tmp_path))


@pytest.mark.parametrize(
    ("protocols", "told"), [(None, "no protocol of ALPN"), (["http/1.1"], "no protocol of ALPN")]
)
def test_with_tls_a_server_that_speaks_no_http_2_is_told(serve, certified, protocols, told):
    with pytest.raises(ProbeError, match=f"speaks {told}, expected h2"):
        shaken(serve, side(certified, protocols), trusting=tls.trusting(certified))


def test_a_server_without_tls_is_told(serve, certified):
    def run(peer):
        peer.sock.recv(65536)
        peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        until_left(peer)

    with pytest.raises(ProbeError, match=r"no TLS with 127\.0\.0\.1:\d+: "):
        serve(run)[0](trusting=tls.trusting(certified))


def test_a_server_that_does_not_answer_tls_has_its_limit(serve, certified):
    with pytest.raises(ProbeTimeout, match=r"no TLS with 127\.0\.0\.1:\d+ after 0\.2 s"):
        serve(until_left)[0](trusting=tls.trusting(certified), within_s=0.2)
