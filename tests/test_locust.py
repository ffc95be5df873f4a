"""Whole locust runs, each a process of its own: importing locust here would replace everybody's sockets and threads."""

import csv
import http.server
import itertools
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request, TextMessage

ROOT = Path(__file__).parent.parent
BROADCAST = str(ROOT / "loadtest/broadcast.py")


@pytest.fixture(scope="module")
def server():
    """Run the reference; give its port."""
    command = [sys.executable, str(ROOT / "servers/stdlib_asyncio.py"), "--port", "0"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with child:
        yield int(re.search(r":(\d+)", child.stdout.readline())[1])
        child.terminate()


def free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def command(locustfile, port, *options):
    host = f"http://127.0.0.1:{port}"
    if "--processes" in options:  # each run's master needs a port of its own
        master = free_port()
        options += ("--master-bind-port", master, "--master-port", master)
    return [
        *(sys.executable, "-m", "locust", "-f", str(locustfile), "--headless", "--only-summary"),
        *("--host", host, "--users", "6", "--spawn-rate", "6", *map(str, options)),
    ]


def locust(locustfile, port, *options, within_s=60, **more):
    """Run locust to its end; return what came of it, and its tally if it was to write one."""
    done = subprocess.run(
        command(locustfile, port, *options), capture_output=True, text=True, timeout=within_s, **more
    )
    done.tally = None
    if "--tally" in options:
        done.tally = json.loads(Path(options[options.index("--tally") + 1]).read_text())
    return done


def locust_until(condition, locustfile, port, *options, within_s=60):
    """Run locust until a condition holds for a line of its progress, then stop it; return what came of it."""
    options += ("--progress", "--drain", 0)
    child = subprocess.Popen(
        command(locustfile, port, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with child:
        limit = threading.Timer(within_s, child.kill)
        limit.start()
        for line in child.stdout:
            if line.startswith("sseproof: ") and condition(json.loads(line[10:])):
                break
        child.terminate()
        child.out, child.err = child.communicate()
        limit.cancel()
    assert child.returncode >= 0, f"the condition did not hold in {within_s} s: {child.err[-2000:]}"
    child.tally = json.loads(Path(options[options.index("--tally") + 1]).read_text())
    return child


WINDOW = ("--publish-rate", 50, "--warm-up", 0.5, "--measure", 1, "--drain", 0.5)


@pytest.mark.parametrize("transport", ["sse", "poll", "long-poll"])
def test_every_client_sees_what_is_published(server, tmp_path, transport):
    options = ("--transport", transport, "--topic", f"t {transport}", "--poll-every", 0.2, *WINDOW)
    done = locust(BROADCAST, server, *options, "--tally", tmp_path / "t.json", "--csv", tmp_path / "x")
    assert (done.returncode, done.tally["failures"]) == (0, {}), done.stderr
    tally = done.tally
    assert (tally["transport"], tally["streams"], tally["clients"]) == (transport, 6, 6)
    assert tally["due"] == 6 * tally["publisher"]["due"] == 300
    assert (tally["seen"], tally["lost"], tally["duplicates"], tally["reordered"]) == (300, 0, 0, 0)
    assert (tally["worst_client_seen_share"], tally["early"]) == (1.0, 0)
    assert tally["wire_in_bytes"] > 300 * 20
    assert (tally["requests"] == 0) == (transport == "sse")
    quantiles = tally["quantiles"]
    assert quantiles["staleness"]["n"] == 300
    assert 0 < quantiles["staleness"]["p50"] <= quantiles["reader_staleness"]["p50"]
    assert tally["publisher"]["failure"] is None
    with open(tmp_path / "x_stats.csv", newline="") as file:
        rows = {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(file)}
    assert rows["connect"] == 6 and rows["first event"] == 6
    assert rows["event staleness"] > 0  # locust writes once a second, so the last may be missing


def test_processes_report_as_one(server, tmp_path):
    options = ("--transport", "sse", "--topic", "two", "--processes", 2, *WINDOW)
    done = locust(BROADCAST, server, *options, "--tally", tmp_path / "t.json", "--progress")
    assert done.returncode == 0, done.stderr
    tally = done.tally
    assert (tally["streams"], tally["seen"], tally["due"], tally["failures"]) == (6, 300, 300, {})
    assert [one["streams"] for one in tally["generators"]] == [0, 3, 3]
    assert len({one["pid"] for one in tally["generators"]}) == 3
    for worker in tally["generators"][1:]:  # one machine, one clock
        assert abs(worker["clock_offset_ns"]) <= worker["clock_error_ns"]
    assert re.search(r"SSE +event staleness +[3-9]\d\d ", done.stderr)
    lines = [json.loads(line[10:]) for line in done.stdout.splitlines() if line.startswith("sseproof: ")]
    assert {"seen", "due", "p50_ns", "p99_ns", "cpu_share", "users", "state"} == set(lines[-1])
    assert max(line["seen"] for line in lines) > 0


def test_without_a_window_everything_counts(server, tmp_path):
    options = ("--transport", "sse", "--topic", "all", "--publish-rate", 50, "--tally", tmp_path / "t.json")
    done = locust_until(lambda line: line["seen"] > 100, BROADCAST, server, *options)
    assert (done.returncode, done.tally["window"], done.tally["failures"]) == (0, None, {})
    assert done.tally["seen"] > 100
    assert done.tally["requests"] == 6


@pytest.mark.parametrize("transport", ["sse", "poll", "long-poll", "websocket"])
def test_a_host_that_is_down_is_a_failure_and_not_a_hot_loop(tmp_path, transport):
    port = free_port()
    options = ("--transport", transport, "--warm-up", 0, "--measure", 1, "--drain", 0, "--poll-every", 0.1)
    options += ("--join-limit", 0)
    done = locust(BROADCAST, port, *options, "--tally", tmp_path / "t.json")
    assert done.returncode == 1
    [(message, count)] = done.tally["failures"].items()
    assert message == f"connect: cannot connect to 127.0.0.1:{port}: Connection refused"
    assert 6 <= count <= 6 * 4
    assert "0 of 6 clients were served for the whole window" in done.stderr
    assert message in done.stderr  # in locust's own table of errors


class Odd(http.server.BaseHTTPRequestHandler):
    """Answer by the path, and remember who asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.times.append(time.monotonic())
        self.server.asked.append((self.path, dict(self.headers)))
        getattr(self, f"answer_{self.path.strip('/').partition('?')[0]}")()

    do_POST = do_GET

    def begin(self, status, media_type="text/event-stream"):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def answer_missing(self):
        self.begin(404)

    def answer_broken(self):
        self.begin(500)

    def answer_page(self):
        self.begin(200, "text/html")
        self.wfile.write(b"<p>hello")

    def answer_silence(self):
        self.server.until_closed(self.connection)

    def answer_flood(self):
        self.begin(200)
        for _ in range(1000):
            self.wfile.write(b"data: flood\n\n" * 5000)

    def answer_endless(self):
        self.begin(200)
        for _ in range(1000):
            self.wfile.write(b"x" * 65536)

    def answer_over(self):
        self.send_response(204)
        self.end_headers()

    def answer_resume(self):
        """Announce a short retry and send two events more each time, from where the client says it is."""
        self.begin(200)
        at = int(self.headers.get("Last-Event-ID", 0))
        self.wfile.write(b"retry: 50\n\n")
        for n in (at + 1, at + 2):
            self.wfile.write(b'id: %d\ndata: {"n":%d,"due_ns":%d}\n\n' % (n, n, time.time_ns()))

    def answer_chat(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.begin(200)
        for word in asked["messages"][0]["content"].split():
            self.wfile.write(b"data: %s\n\n" % json.dumps({"word": word}).encode())
        self.wfile.write(b"data: [DONE]\n\n")
        self.wfile.flush()
        self.server.until_closed(self.connection)

    def log_message(self, *_):
        pass


@pytest.fixture
def odd():
    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def until_closed(self, connection):
            connection.settimeout(10)
            connection.recv(1)

        def handle_error(self, *_):
            pass

    Server.asked, Server.times = [], []
    with Server(("127.0.0.1", 0), Odd) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def locustfile(path, lines):
    path.write_text(f"from sseproof.locust import *\n\nclass One(EventStreamUser):\n    {lines}\n")
    return path


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing", "wrong status: /missing answers 404, expected 200"),
        ("broken", "wrong status: /broken answers 500, expected 200"),
        ("page", "wrong media type: /page answers with text/html, expected text/event-stream"),
        ("over", None),
    ],
)
def test_what_ends_an_eventsource_is_not_asked_again(odd, tmp_path, path, message):
    file = locustfile(tmp_path / "l.py", f"path = '/{path}'")
    lines = []

    def all_have_asked_and_time_has_passed(line):
        lines.extend([line] * (len(odd.asked) >= 6))
        return len(lines) > 2  # two seconds later: two pauses of an EventSource

    options = ("--tally", tmp_path / "t.json")
    done = locust_until(all_have_asked_and_time_has_passed, file, odd.server_port, *options)
    assert done.tally["failures"] == ({message: 6} if message else {})
    assert len(odd.asked) == 6
    assert (done.returncode == 0) == (message is None)


LATE_S = 1.5


class Late(Odd):
    """Give each stream its head late, and the odd ones of /half none at all; then events of ours."""

    def answer_late(self):
        time.sleep(LATE_S)
        self.begin(200)
        for n in range(10_000):
            self.wfile.write(b'data: {"n":%d,"due_ns":%d}\n\n' % (n, time.time_ns()))
            time.sleep(0.05)

    def answer_half(self):
        if len(self.server.asked) % 2:
            self.server.until_closed(self.connection)
        else:
            self.answer_late()


@pytest.mark.parametrize("processes", [(), ("--processes", 2)], ids=["one", "two"])
def test_a_window_begins_when_all_have_their_streams(odd, tmp_path, processes):
    odd.RequestHandlerClass = Late
    file = locustfile(tmp_path / "l.py", "path = '/late'")
    options = ("--warm-up", 0.5, "--measure", 1, "--drain", 0.2, *processes)
    done = locust(file, odd.server_port, *options, "--tally", tmp_path / "t.json")
    assert done.returncode == 0, done.stderr
    tally = done.tally
    counts = [tally[name] for name in ("streams", "clients", "awaited", "unserved")]
    assert (counts, tally["problems"]) == ([6, 6, 6, 0], [])
    assert tally["quantiles"]["staleness"]["n"] >= 6 * 5


@pytest.mark.parametrize("processes", [(), ("--processes", 2)], ids=["one", "two"])
def test_who_has_no_stream_at_the_limit_is_told_with_the_numbers(odd, tmp_path, processes):
    odd.RequestHandlerClass = Late
    file = locustfile(tmp_path / "l.py", "path = '/half'")
    options = ("--join-limit", 4, "--warm-up", 0.5, "--measure", 1, "--drain", 0.2, *processes)
    done = locust(file, odd.server_port, *options, "--tally", tmp_path / "t.json")
    assert done.returncode == 1
    assert "3 clients are not served after 4 s (--join-limit): the window begins without them" in done.stderr
    assert "3 of 6 streams were served for the whole window" in done.stderr
    tally = done.tally
    counts = [tally[name] for name in ("streams", "clients", "awaited", "unserved")]
    assert (counts, tally["problems"]) == ([3, 6, 6, 3], [])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("silence", "0 of 6 clients were answered"),
        ("endless", "bytes without an end of line or event, limit 4194304"),
        ("flood", None),  # events are events, however many
    ],
)
def test_what_has_no_end_is_told_and_kept_within_memory(odd, tmp_path, path, message):
    file = locustfile(tmp_path / "l.py", f"path = '/{path}'")
    options = ("--publish-rate", 0, "--run-time", 12, "--tally", tmp_path / "t.json")
    done = locust(file, odd.server_port, *options)
    assert (done.returncode == 0) == (message is None)
    assert message is None or message in done.stderr
    [generator] = done.tally["generators"]
    assert generator["rss_bytes"] < 300 * 2**20  # of five users in a flood 100 MiB were measured


def test_a_cut_stream_is_resumed_after_the_announced_time(odd, tmp_path):
    file = locustfile(tmp_path / "l.py", "path = '/resume'")
    options = ("--users", 1, "--tally", tmp_path / "t.json")
    done = locust_until(lambda line: len(odd.asked) > 3, file, odd.server_port, *options)
    ids = [headers.get("Last-Event-ID") for _, headers in odd.asked]
    assert ids[:3] == [None, "2", "4"]
    assert min(b - a for a, b in itertools.pairwise(odd.times)) >= 0.045  # it says 50 ms
    assert done.tally["reconnects"] - len(ids) in (-1, 0)  # the last may not have arrived
    assert (done.tally["duplicates"], done.tally["reordered"], done.tally["lost"]) == (0, 0, 0)
    assert list(done.tally["failures"]) == ["cut: the server ended the stream, expected it to go on"]
    assert done.tally["broken"] == done.tally["cuts"] > 0


def test_a_chat_by_post_is_one_conversation_after_the_other(odd, tmp_path):
    lines = """
    path, method, done = "/chat", "POST", "[DONE]"
    headers = {"Content-Type": "application/json"}
    wait_time = constant(0.2)
    words = []
    @property
    def body(self):
        return json.dumps({"messages": [{"role": "user", "content": "tell me more"}]})
    def on_event(self, event):
        self.words.append(event.data)
@events.quitting.add_listener
def check(environment, **_):
    print("words:", One.words[:4], len(One.words) % 4)
"""
    file = locustfile(tmp_path / "l.py", lines)
    file.write_text("import json\nfrom locust import constant, events\n" + file.read_text())
    options = ("--users", 1, "--tally", tmp_path / "t.json")
    done = locust_until(lambda line: len(odd.asked) > 3, file, odd.server_port, *options)
    assert """words: ['{"word": "tell"}', '{"word": "me"}', '{"word": "more"}', '[DONE]']""" in done.out
    assert (done.returncode, done.tally["failures"]) == (0, {})
    assert min(b - a for a, b in itertools.pairwise(odd.times)) >= 0.195  # wait_time
    assert "Last-Event-ID" not in odd.asked[-1][1]
    assert done.tally["quantiles"]["first_event"]["n"] in (len(odd.asked), len(odd.asked) - 1)
    assert re.search(r"SSE +event gap +[1-9]", done.err)


def websocket_server(listening, count):
    """Serve one WebSocket: events of ours, each on its own, until the client leaves."""
    sock, _ = listening.accept()
    with sock:
        sock.settimeout(10)
        connection = WSConnection(ConnectionType.SERVER)
        connection.receive_data(sock.recv(65536))
        assert isinstance(next(connection.events()), Request)
        sock.sendall(connection.send(AcceptConnection()))
        for n in range(count):
            data = json.dumps({"n": n, "due_ns": time.time_ns()}, separators=(",", ":"))
            item = {"id": str(n), "event": "message", "data": data}
            sock.sendall(connection.send(TextMessage(json.dumps(item))))
        sock.recv(1)


def test_a_websocket_is_listened_to(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=websocket_server, args=(listening, 20))
        thread.start()
        options = ("--transport", "websocket", "--users", 1, "--tally", tmp_path / "t.json")
        port = listening.getsockname()[1]
        done = locust_until(lambda line: line["seen"] == 20, BROADCAST, port, *options)
        thread.join(10)
    assert (done.returncode, done.tally["failures"]) == (0, {})
    assert (done.tally["seen"], done.tally["quantiles"]["staleness"]["n"]) == (20, 20)


def test_too_low_a_limit_of_descriptors_is_said_before_anything_starts(server):
    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (90, 90))

    done = locust(BROADCAST, server, "--measure", 1, preexec_fn=lower)
    assert done.returncode == 2
    assert "6 users in 1 processes need 106 file descriptors each, the limit is 90" in done.stderr
    assert "ulimit -n 106" in done.stderr


def begin(server, path, *more):
    """Start a run with a publisher, and wait until it measures; return locust and the publisher."""
    options = ("--publish-rate", 20, "--warm-up", 0.5, "--measure", 60, "--tally", path, "--progress", *more)
    child = subprocess.Popen(
        command(BROADCAST, server, "--topic", "x", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job would ignore it
    )
    for line in child.stdout:
        if '"measuring"' in line and json.loads(line[10:])["seen"]:
            break
    publisher = [one for one in psutil.Process(child.pid).children() if "sseproof.publisher" in one.cmdline()]
    assert len(publisher) == 1
    return child, publisher[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_cut_short_leaves_nothing_behind(server, tmp_path, number):
    child, publisher = begin(server, tmp_path / "t.json")
    with child:
        os.killpg(child.pid, number) if number == signal.SIGINT else child.send_signal(number)
        child.communicate(timeout=30)
    assert child.returncode != 0
    publisher.wait(10)  # raises when it is still there
    assert (tmp_path / "t.json").exists() == (number != signal.SIGKILL)
    assert [path.name for path in tmp_path.iterdir()] in ([], ["t.json"])
    if number != signal.SIGKILL:
        tally = json.loads((tmp_path / "t.json").read_text())
        assert tally["seen"] > 0 and tally["publisher"]["failure"] is None


def test_a_killed_publisher_is_the_runs_failure(server, tmp_path):
    child, publisher = begin(server, tmp_path / "t.json", "--measure", 3, "--drain", 0.5)
    with child:
        publisher.kill()
        child.communicate(timeout=30)
    assert child.returncode == 1
    tally = json.loads((tmp_path / "t.json").read_text())
    assert tally["publisher"]["failure"] == "the publisher ended without a report, with exit code -9"
    assert tally["lost"] == tally["due"] - tally["seen"] > 0


def test_a_killed_worker_is_the_runs_failure(server, tmp_path):
    child, _ = begin(server, tmp_path / "t.json", "--measure", 3, "--drain", 0.5, "--processes", 2)
    with child:
        workers = [one for one in psutil.Process(child.pid).children() if "locust" in one.cmdline()]
        assert len(workers) == 2
        workers[0].kill()
        child.communicate(timeout=60)
    assert child.returncode == 1
    assert json.loads((tmp_path / "t.json").read_text())["streams"] >= 3


BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_documents_examples_are_locustfiles(tmp_path):
    """Locust itself lists the users of each; whether they work, the tests above show."""
    blocks = BLOCK.findall((ROOT / "docs/locust.md").read_text())
    assert len(blocks) == 3
    for number, block in enumerate(blocks):
        (tmp_path / f"l{number}.py").write_text(block)
    files = ",".join(map(str, tmp_path.glob("*.py")))
    listed = subprocess.run(
        [sys.executable, "-m", "locust", "-f", files, "--list"], capture_output=True, text=True, timeout=60
    )
    assert set(listed.stdout.split()[2:]) == {"Listener", "Talker", "Poller", "LongPoller", "Socket"}


REPEATED = """
import time
from locust.env import Environment
from sseproof.locust import PollUser
from sseproof.reactor import Address

class Listener(PollUser):
    poll_every = 5.0

class Line:
    is_open, asked = True, []
    def ask(self, *_): self.asked.append("on the kept connection")
    def open(self, *_): self.asked.append("on a new one")

user, line, told = Listener(Environment()), Line(), []
user.channel, user._address = line, Address(2, "127.0.0.1", 80, "127.0.0.1")
user._again = lambda seconds, then=None: told.append((seconds, then))
user._next_s = time.monotonic()
user._ask()
due_s, line.is_open = user._next_s, False
user.ended(None, "end")
told[-1][1]()
assert line.asked == ["on the kept connection", "on a new one"], line.asked
assert user._next_s == due_s and 0 < told[-1][0] <= 5, (told, user._next_s - due_s)
"""


def test_a_poll_that_is_asked_again_shifts_no_later_one():
    """uvicorn closes what was idle for 5 s, just when one who polls every 5 s asks again."""
    done = subprocess.run([sys.executable, "-c", REPEATED], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
