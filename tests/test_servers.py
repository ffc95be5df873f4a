"""What is required of every server file beyond the battery: its command line, its WebSocket, its end."""

import json
import socket
import subprocess
import time

import pytest
import uv
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_websocket

from sseproof.launch import find, launch
from sseproof.probe import connect

SCRIPTS = find([])


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda path: path.stem)
def server(request):
    with launch(request.param, "--ping", "0.5") as running:
        yield running


def ask(server, method, target, value=None):
    body = b"" if value is None else json.dumps(value).encode()
    with connect(server.host, server.port) as stream:
        stream.send_request(method, target, [("Content-Type", "application/json")] if body else [], body)
        head = stream.read_head()
        return head.status, json.loads(stream.read_to_end() or b"null")


def needs_websocket(server):
    if "websocket" not in server.about["capabilities"]:
        pytest.skip(f"{server.name} does not declare 'websocket'")


def test_the_six_servers_of_the_readme_are_there():
    assert {path.stem for path in SCRIPTS} >= {
        "aiohttp_web",
        "fastapi_uvicorn",
        "flask_gunicorn",
        "quart_hypercorn",
        "starlette_uvicorn",
        "stdlib_asyncio",
    }


def test_it_says_who_speaks(server):
    about = server.about
    named = {key: about[key] for key in about if key.endswith("_version") and key != "encoder_version"}
    assert about["name"] == server.name and all(named.values()), named
    assert (about["encoder"] == "ours") == (about["encoder_version"] is None)


def test_its_page_is_the_same_html_for_get_without_it_for_head_and_for_no_other_method(server):
    found = {}
    with connect(server.host, server.port) as stream:
        for method in (
            "HEAD",
            "GET",
            "PUT",
        ):  # one connection: what a body left behind would be read as the next head
            stream.send_request(method, "/", [("Origin", "http://localhost:8080")])
            head = stream.read_head()
            found[method] = head.status, dict(head.headers), stream.read_to_end()
            if method != "PUT":
                stream.next_request()
    page = (SCRIPTS[0].parent / "contract" / "page.html").read_bytes()
    assert {method: status for method, (status, *_) in found.items()} == {"HEAD": 200, "GET": 200, "PUT": 405}
    assert (found["GET"][2], found["HEAD"][2]) == (page, b"")
    assert sorted(value.strip() for value in found["PUT"][1]["allow"].split(",")) == ["GET", "HEAD"]
    for method, (_, headers, _) in found.items():
        assert headers["access-control-allow-origin"] == "http://localhost:8080", method
        assert headers["vary"] == "Origin", method
    for name in ("content-type", "content-security-policy", "x-content-type-options"):
        assert found["HEAD"][1][name] == found["GET"][1][name]
    assert "script-src 'sha256-" in found["GET"][1]["content-security-policy"]


def test_a_websocket_carries_the_events_of_the_stream(server):
    needs_websocket(server)
    with connect_websocket(f"ws://{server.host}:{server.port}/ws/topic?topic=ws") as websocket:
        until_subscribed(server, "ws")
        _, sent = ask(
            server, "POST", "/json/topic?topic=ws", [{"data": "é"}, {"data": {"a": 1}, "event": "x"}]
        )
        got = [json.loads(websocket.recv(5)) for _ in range(2)]
    assert got == [
        {"id": sent["ids"][0], "event": "message", "data": "é"},
        {"id": sent["ids"][1], "event": "x", "data": '{"a": 1}'},
    ]
    until_subscribed(server, "ws", 0)


def test_a_websocket_resumes_ticks(server):
    needs_websocket(server)
    _, newest = ask(server, "GET", "/json/ticks?interval=0.01")
    after = newest["last"] - 3
    with connect_websocket(
        f"ws://{server.host}:{server.port}/ws/ticks?interval=0.01&after={after}"
    ) as websocket:
        got = [json.loads(json.loads(websocket.recv(5))["data"])["n"] for _ in range(5)]
    assert got == list(range(after + 1, after + 6))


def test_a_websocket_of_an_unknown_name_is_refused(server):
    needs_websocket(server)
    with pytest.raises(InvalidStatus) as refused:
        connect_websocket(f"ws://{server.host}:{server.port}/ws/nope")
    assert refused.value.response.status_code in (403, 404)


def test_a_long_poll_is_held_until_there_is_an_event(server):
    _, first = ask(server, "POST", "/json/topic?topic=poll", {"data": "a"})
    with connect(server.host, server.port) as held:
        held.send_request("GET", f"/json/topic?topic=poll&after={first['ids'][0]}&wait=20")
        _, second = ask(server, "POST", "/json/topic?topic=poll", {"data": "b"})
        held.read_head()
        found = json.loads(held.read_to_end())
    assert found == {
        "events": [{"id": second["ids"][0], "event": "message", "data": "b"}],
        "last": second["ids"][0],
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_sigterm_ends_every_stream_with_its_last_chunk(script):
    with launch(script, "--ping", "0.5") as server:
        streams = [connect(server.host, server.port) for _ in range(50)]
        try:
            for stream in streams:
                stream.send_request("GET", "/events/topic?topic=t")
                stream.read_until(lambda body: b"\n\n" in body or b"\r\n\r\n" in body, 10, "the first block")
            code = server.stop()
            for stream in streams:
                stream.read_to_end()
            assert (code, {stream.ended for stream in streams}) == (0, {"complete"})
        finally:
            for stream in streams:
                stream.close()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_its_command_line_refuses_in_one_line(script):
    def run(*options):
        command = [uv.find_uv_bin(), "run", "--quiet", "--script", script, *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        in_use = run("--port", str(taken.getsockname()[1]))
    wrong = run("--ping", "never")
    assert [(end.returncode, end.stderr.count("\n"), end.stdout) for end in (in_use, wrong)] == [
        (1, 1, ""),
        (2, 1, ""),
    ]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("kafka://127.0.0.1:9092", "'kafka://127.0.0.1:9092'"),
        ("redis://", "'redis://'"),
        ("redis://127.0.0.1:port", "'redis://127.0.0.1:port'"),
        ("redis://127.0.0.1:99999", "'redis://127.0.0.1:99999'"),
        ("redis://127.0.0.1/one", "'redis://127.0.0.1/one'"),
        ("redis://127.0.0.1/0?db=1", "'redis://127.0.0.1/0?db=1'"),
        ("redis://me:secret@127.0.0.1:port", "'redis://...@127.0.0.1:port'"),
    ],
)
def test_a_wrong_brokers_address_is_one_line_without_its_password(address, shown, capsys):
    from contract.options import read_options

    with pytest.raises(SystemExit) as ended:
        read_options(["--broker", address])
    told = capsys.readouterr().err
    assert ended.value.code == 2 and told.count("\n") == 1
    assert f"{shown}, expected memory or redis://HOST:PORT" in told and "secret" not in told


def until_subscribed(server, topic, expected=1, within_s=10):
    """Wait until a topic has so many subscribers; a blocking server sees a departure at its second ping."""
    deadline_s = time.monotonic() + within_s
    while (found := ask(server, "GET", f"/json/open?topic={topic}")[1]["subscribers"]) != expected:
        if time.monotonic() > deadline_s:
            pytest.fail(f"{found} subscribers of {topic} after {within_s} s, expected {expected}")
