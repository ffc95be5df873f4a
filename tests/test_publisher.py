"""The publisher against servers that take their time, refuse, or are not there."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time

import pytest

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Take POSTs one after the other, and answer each as `answer` says for its number (None: close)."""

    def __init__(self, answer):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._answer = answer
        self.events, self.posts, self.connections = [], [], 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            sock, _ = self._listening.accept()
            with sock:
                sock.settimeout(10)
                first = sock.recv(65536)
                if not first:
                    return
                self.connections += 1
                with contextlib.suppress(ConnectionError):  # it may be killed in mid-answer
                    self._serve(sock, first)

    def _serve(self, sock, data):
        while data:
            while b"\r\n\r\n" not in data:
                data += sock.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            while len(body) < length:
                body += sock.recv(65536)
            posted = json.loads(body[:length])
            self.posts.append((head.partition(b"\r\n")[0].decode(), posted))
            items = posted if isinstance(posted, list) else [posted]
            self.events += [(json.loads(item["data"]), time.time_ns()) for item in items]
            answer = self._answer(len(self.posts))
            if answer is None:
                return
            sock.sendall(answer)
            data = sock.recv(65536)

    def wait_for(self, count, within_s=10):
        deadline_s = time.monotonic() + within_s
        while len(self.events) < count:
            assert time.monotonic() < deadline_s, (
                f"{len(self.events)} events in {within_s} s, expected {count}"
            )
            time.sleep(0.005)

    def close(self):
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._thread.join(10)
        self._listening.close()


@pytest.fixture
def serve():
    servers = []

    def start(answer=lambda number: ACCEPTED):
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def publish():
    children = []

    def start(port, *options):
        command = [sys.executable, "-m", "sseproof.publisher", "--port", str(port), *options]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        children.append(child)
        return child, json.loads(child.stdout.readline())

    yield start
    for child in children:
        child.kill()
        child.communicate()


def end(child):
    printed, _ = child.communicate(timeout=10)
    return json.loads(printed)


def test_events_are_due_at_a_fixed_rate_and_never_sent_before(serve, publish):
    server = serve()
    child, begun = publish(server.port, "--rate", "200", "--topic", "a b", "--payload-bytes", "3")
    server.wait_for(40)
    report = end(child)
    events = [event for event, _ in server.events]
    assert [event["n"] for event in events] == list(range(len(events)))
    assert [event["due_ns"] - begun["start_ns"] for event in events] == [
        n * 5_000_000 for n in range(len(events))
    ]
    assert all(event["sent_ns"] >= event["due_ns"] for event in events)
    assert server.posts[0][0] == "POST /json/topic?topic=a%20b HTTP/1.1"
    assert events[0]["pad"] == "xxx"
    assert report["sent"] + report["refused"] == len(events) and report["refused"] <= 1
    assert (server.connections, report["failure"]) == (1, None)


def test_a_server_that_takes_its_time_does_not_shift_what_is_due(serve, publish):
    def answer(number):
        if number == 3:
            time.sleep(0.5)
        return ACCEPTED

    server = serve(answer)
    child, begun = publish(server.port, "--rate", "100")
    server.wait_for(100)
    report = end(child)
    assert all(event["due_ns"] == begun["start_ns"] + event["n"] * 10**7 for event, _ in server.events)
    assert [event["n"] for event, _ in server.events] == list(range(len(server.events)))
    assert any(isinstance(posted, list) and len(posted) > 20 for _, posted in server.posts)
    assert report["late_max_ns"] >= 0.4e9


def test_what_is_refused_is_counted_and_not_sent_again(serve, publish):
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    server = serve(lambda number: busy if number % 2 else ACCEPTED)
    child, _ = publish(server.port, "--rate", "100")
    server.wait_for(20)
    report = end(child)
    assert (report["failure"], report["refusal"]) == (None, "a POST was answered 503, expected 202")
    assert report["refused"] >= 5 and report["sent"] >= 5
    numbers = [event["n"] for event, _ in server.events]
    assert numbers == sorted(set(numbers))


def test_a_connection_that_breaks_is_made_anew(serve, publish):
    server = serve(lambda number: None if number == 5 else ACCEPTED)
    child, _ = publish(server.port, "--rate", "100")
    server.wait_for(20)
    report = end(child)
    assert (server.connections, report["refused"] >= 1) == (2, True)
    assert report["failure"] is None and "closed without an answer" in report["refusal"]


def test_a_server_that_is_not_there_is_said(publish):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        child, _ = publish(unused.getsockname()[1], "--rate", "100")
        report = end(child)
    assert report["sent"] == 0 and report["refused"] >= 1
    assert "Connection refused" in report["failure"]


def test_only_what_is_due_in_the_window_is_reported(serve, publish):
    server = serve()
    child, begun = publish(server.port, "--rate", "100")
    from_ns = begun["start_ns"] + 300_000_000
    child.stdin.write(f"window {from_ns} {from_ns + 200_000_000}\n")
    child.stdin.flush()
    server.wait_for(60)
    assert end(child)["sent"] == 20


def test_a_publisher_whose_parent_reads_no_more_ends_without_a_word(serve):
    server = serve()
    command = [sys.executable, "-m", "sseproof.publisher", "--port", str(server.port), "--rate", "50"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        child.stdout.readline()
        child.stdout.close()
        child.stdin.close()
        assert (child.wait(20), child.stderr.read()) == (0, "")


def test_a_publisher_ends_with_its_parent(serve):
    """The parent is killed, so that it can tell nobody: the end of stdin is enough."""
    server = serve()
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'sseproof.publisher', '--port', sys.argv[1], '--rate', '50'],"
        " stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(server.port)], stdout=subprocess.PIPE, text=True
    )
    with parent:
        server.wait_for(3)
        assert parent.stdout.readline()
        parent.kill()
        # Both hold this pipe open; its end means that both are gone.
        while select.select([parent.stdout], [], [], 10)[0]:
            if not os.read(parent.stdout.fileno(), 4096):
                break
        else:
            pytest.fail("the publisher is still there 10 s after its parent was killed")


@pytest.mark.parametrize("rate", ["0", "-1", "1e9", "nan"])
def test_a_rate_that_is_none_is_refused(rate):
    command = [sys.executable, "-m", "sseproof.publisher", "--port", "1", "--rate", rate]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "expected over 0" in done.stderr
