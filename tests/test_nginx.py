"""nginx as the suite starts it: up, ended, broken on purpose, killed under a case; nothing of it stays.

Where nginx is missing the tests are skipped and say what to install; with SSEPROOF_BROWSER=required, as in CI, that is
a failure.
"""

import functools
import http.server
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

import psutil
import pytest

from sseproof import http2_stream, nginx_process, probe, tls
from sseproof.doors import DOORS
from sseproof.launch import LaunchError
from sseproof.nginx_process import KEEPALIVE, SETTINGS, Nginx
from tests.test_battery import FAKES
from tests.test_seen import lacking

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def installed():
    try:
        DOORS["proxy"].find()
    except pytest.UsageError as error:
        lacking("nginx", str(error))


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"data: {self.request_version} {self.headers.get('Connection')}\n\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Upstream(http.server.ThreadingHTTPServer):
    daemon_threads = True


class Upstream6(Upstream):
    address_family = socket.AF_INET6


class KeepsItOpen(Answer):
    """Answers a request of HTTP/1.0 in HTTP/1.1 and stays open, where http.server would close a moment later."""

    def do_GET(self):
        super().do_GET()
        self.close_connection = False
        self.server.seen.append((self.client_address, self.request_version))


def serving(kind, host, answer=Answer):
    server = kind((host, 0), answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def upstream():
    with serving(Upstream, "127.0.0.1") as server:
        yield "127.0.0.1", server.server_port
        server.shutdown()


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Give where nginx's temporary folders are made, which must be empty in the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.glob("sseproof-nginx-*")) == []


def read(dial):
    with dial() as stream:
        stream.send_request("GET", "/")
        body = stream.read_to_end()
    return stream.head.status, body


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(condition, within_s=10.0):
    deadline_s = time.monotonic() + within_s
    while not (met := condition()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return met


def program(path, text):
    """Write a program that stands for nginx."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


# -- up and down


def test_nginx_listens_on_a_port_for_each_setting_and_goes_with_all_it_had(upstream, folders):
    with Nginx(upstream) as nginx:
        pid = nginx.pid
        seen = {name: read(nginx.dial(name)) for name in SETTINGS}
        assert (len(set(nginx.ports.values())), nginx.lost()) == (len(SETTINGS), False)
    assert seen == {
        name: (
            200,
            b"data: HTTP/1.0 close\n\n" if name in ("defaults", "ignored") else b"data: HTTP/1.1 None\n\n",
        )
        for name in SETTINGS
    }
    assert is_gone(pid)
    for port in nginx.ports.values():
        with pytest.raises(probe.ProbeError, match="Connection refused"):
            probe.connect("127.0.0.1", port)
    assert not nginx.lost()  # it was stopped


def test_nginx_stops_and_starts_on_the_same_ports(upstream, folders):
    with Nginx(upstream, {"keepalive": SETTINGS["keepalive"]}) as nginx:
        ports, first = dict(nginx.ports), nginx.pid
        open_ = nginx.dial("keepalive")()
        nginx.stop()
        assert open_.socket.recv(1) == b""  # its connections went with it
        open_.close()
        nginx.start()
        assert (nginx.ports, read(nginx.dial("keepalive"))[0]) == (ports, 200)
        nginx.start()  # of one that runs, it is another
        assert is_gone(first) and read(nginx.dial("keepalive"))[0] == 200


def test_nginx_stands_before_a_server_on_ipv6(folders):
    with serving(Upstream6, "::1") as server, Nginx(("::1", server.server_port), {"defaults": ""}) as nginx:
        assert read(nginx.dial("defaults"))[0] == 200
        server.shutdown()


def test_nginx_before_nobody_says_so_to_its_clients(folders):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = nobody.getsockname()
    with Nginx(address, {"defaults": ""}) as nginx:
        assert read(nginx.dial("defaults"))[0] == 502


def test_nginx_ends_with_who_started_it(upstream, tmp_path):
    code = (
        "from sseproof.nginx_process import Nginx\nimport time\n"
        f"nginx = Nginx({upstream!r}, {{'defaults': ''}})\nprint(nginx.pid, flush=True)\ntime.sleep(60)"
    )
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environ) as holder:
        pid = int(holder.stdout.readline())
        assert not is_gone(pid)
        holder.kill()
    assert until(lambda: is_gone(pid))


# -- nginx that does not start


def test_a_configuration_that_nginx_refuses_is_told_in_its_own_words(upstream, folders):
    with pytest.raises(LaunchError) as caught:
        Nginx(upstream, {"odd": "no_such_directive on;"})
    assert str(caught.value).startswith("nginx ended with exit code 1 at its start")
    assert 'unknown directive "no_such_directive"' in str(caught.value)


def test_a_program_that_ends_at_once_is_told_with_what_it_printed(upstream, folders, tmp_path, monkeypatch):
    monkeypatch.setenv("SSEPROOF_NGINX", program(tmp_path / "odd", "echo no nginx here; exit 3"))
    with pytest.raises(LaunchError, match=r"exit code 3 at its start\n.*\n    no nginx here"):
        Nginx(upstream)


def test_a_program_that_does_not_listen_has_its_limit(upstream, folders, tmp_path, monkeypatch):
    monkeypatch.setattr(nginx_process, "START_S", 0.3)
    told = tmp_path / "pid"
    monkeypatch.setenv(
        "SSEPROOF_NGINX", program(tmp_path / "odd", f"echo $$ > {told}; echo thinking; exec sleep 60")
    )
    with pytest.raises(LaunchError, match=r"does not listen after 0\.3 s\n.*\n    thinking"):
        Nginx(upstream)
    assert is_gone(int(told.read_text()))


@pytest.mark.parametrize("taken", [1, 9], ids=["once", "always"])
def test_a_port_that_somebody_took_meanwhile_is_another_try(upstream, folders, monkeypatch, taken):
    left = [taken]
    with socket.create_server(("127.0.0.1", 0)) as somebody:

        def ports(count, right=nginx_process.free_ports):
            left[0] -= 1
            return [somebody.getsockname()[1]] if left[0] >= 0 else right(count)

        monkeypatch.setattr(nginx_process, "free_ports", ports)
        monkeypatch.setattr(nginx_process, "TRIES", 2)  # nginx itself tries for 2.5 s each time
        if taken == 1:
            with Nginx(upstream, {"defaults": ""}) as nginx:
                assert read(nginx.dial("defaults"))[0] == 200
        else:
            with pytest.raises(LaunchError, match="98: Address already in use"):
                Nginx(upstream, {"defaults": ""})


def test_a_connection_that_its_server_may_close_is_never_used_again(folders):
    with serving(Upstream, "127.0.0.1", KeepsItOpen) as server:
        server.seen = []
        with Nginx(("127.0.0.1", server.server_port), {"old": "", "keepalive": KEEPALIVE}) as nginx:
            assert [read(nginx.dial(name))[0] for name in ("old", "keepalive", "old", "keepalive")] == [
                200
            ] * 4
        server.shutdown()
    assert [version for _, version in server.seen] == ["HTTP/1.0", "HTTP/1.1"] * 2
    old, kept, older, kept_still = (address for address, _ in server.seen)
    assert (len({old, kept, older}), kept_still) == (3, kept)


def test_ctrl_c_while_it_starts_leaves_nothing(upstream, folders, monkeypatch):
    pids = []

    def interrupted(path):
        pids.extend(child.pid for child in psutil.Process().children(recursive=True))
        raise KeyboardInterrupt

    monkeypatch.setattr(nginx_process, "_holds_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Nginx(upstream)
    assert pids and all(map(is_gone, pids))


@pytest.mark.parametrize("missing", ["h2", "trustme"])
def test_a_package_that_is_missing_is_named_with_what_installs_it(missing, monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else there(name))
    with pytest.raises(
        pytest.UsageError, match=f"--proxy nginx needs the package {missing}: pip install {missing}"
    ):
        DOORS["proxy"].find()


# -- TLS


def test_a_client_trusts_this_nginx_and_no_other(upstream, folders):
    with Nginx(upstream, {"http2": ""}) as nginx, Nginx(upstream, {"http2": ""}) as other:
        with pytest.raises(tls.NotTrusted, match=f"127.0.0.1:{nginx.ports['http2']} is not trusted: "):
            http2_stream.dial("127.0.0.1", nginx.ports["http2"], trusting=other.trusting())
        assert read(nginx.dial("http2"))[0] == 200


def test_without_tls_nginx_s_port_of_tls_tells(upstream, folders):
    with Nginx(upstream, {"http2": ""}) as nginx:
        status, body = read(functools.partial(probe.connect, "127.0.0.1", nginx.ports["http2"]))
    assert (status, b"The plain HTTP request was sent to HTTPS port" in body) == (400, True)


# -- under the cases of a run


HEAD = '''
import contextlib, os, signal, time
import psutil, pytest

pytestmark = pytest.mark.door("proxy")

def kill(pid):
    """Kill it and wait until it is dead, not yet buried perhaps."""
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.001)

def note(nginx):
    with open("pids", "a") as file: print(nginx.pid, file=file)
'''
KILLED = """
@pytest.mark.required("#a")
def test_1_passes(server, nginx, proxied):
    note(nginx())
    assert [event.data for event in proxied(server, "keepalive").echo({"data": "1"}).events] == ["1"]

@pytest.mark.required("#a")
def test_2_loses_nginx_unseen(server, nginx, proxied):
    kill(nginx().pid)

@pytest.mark.required("#a")
def test_3_passes_again(server, nginx, proxied):
    note(nginx())
    assert [event.data for event in proxied(server, "http2").echo({"data": "3"}).events] == ["3"]

@pytest.mark.required("#a")
def test_4_loses_nginx_and_sees_it(server, nginx, proxied):
    way = proxied(server, "keepalive")
    kill(nginx().pid)
    way.echo({"data": "4"})

@pytest.mark.recommended("#a")
@pytest.mark.parametrize("setting", ["defaults", "gzip"])
def test_5_passes_again(server, nginx, proxied, setting):
    note(nginx())
    assert proxied(server, setting).open("/", method="POST", json=[]).status == 200

@pytest.mark.required("#a")
def test_6_loses_one_of_its_own(server, another_nginx):
    note(another_nginx)
    kill(another_nginx.pid)
    server.through(another_nginx.dial("keepalive")).echo({"data": "6"})

@pytest.mark.required("#a")
def test_7_stops_one_of_its_own(server, another_nginx):
    note(another_nginx)
    another_nginx.stop()
    note(another_nginx)
"""


@pytest.fixture
def run(pytester, monkeypatch, tmp_path):
    """Run cases behind nginx against a fake server; give their rows by name, and keep nothing of any nginx."""
    pytester.makeconftest(FAKES)
    pytester.makeini("[pytest]\naddopts = --strict-markers --import-mode=importlib\nfilterwarnings = error\n")
    (pytester.mkdir("servers") / "one_fake.py").touch()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))

    def give(cases):
        from sseproof import results

        (pytester.mkdir("conformance") / "test_group.py").write_text(HEAD + cases)
        command = [sys.executable, "-m", "pytest", "-p", "sseproof.battery", "-o", "testpaths=conformance"]
        command += ["-qq", "--run", "r", "--proxy", "nginx"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=pytester.path)
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        assert (done.returncode, list(temporary.glob("sseproof-nginx-*"))) == (1, []), (
            done.stdout + done.stderr
        )
        pids = pytester.path / "pids"
        assert all(is_gone(int(pid)) for pid in (pids.read_text().split() if pids.exists() else []))
        return results.read(pytester.path / "results" / "r" / "conformance.jsonl").set_index(
            "case"
        ), done.stdout

    return give


def test_nginx_that_dies_under_a_case_is_that_case_s_error_and_the_next_has_another(run):
    rows, told = run(KILLED)
    lost = ["test_2_loses_nginx_unseen", "test_4_loses_nginx_and_sees_it", "test_6_loses_one_of_its_own"]
    assert list(rows.index[rows.verdict == "error"]) == lost, list(rows.because[-4:])
    assert set(rows.verdict.drop(lost)) == {"pass"}, list(rows.because.drop(lost))
    for case in lost:
        assert "nginx ended (exit code -9) in the middle of the case" in rows.because[case]
    assert "in the middle of the case" in told


def test_nginx_that_does_not_start_is_told_once_and_asked_once(run, tmp_path, monkeypatch):
    tried = tmp_path / "tried"
    odd = program(tmp_path / "odd", f"echo x >> {tried}; echo 'nginx: [emerg] out of luck' >&2; exit 1")
    monkeypatch.setenv("SSEPROOF_NGINX", odd)
    rows, told = run(KILLED.partition('@pytest.mark.required("#a")\ndef test_6')[0])
    assert set(rows.verdict) == {"error"}
    assert rows.because.str.contains("ended with exit code 1 at its start").all()
    assert rows.because.str.contains(r"nginx: \[emerg\] out of luck").all()
    assert (tried.read_text().split(), told.count("out of luck")) == (["x"], 1)


def test_a_certificate_that_is_not_trusted_is_our_fault(run):
    rows, _ = run("""
@pytest.mark.required("#a")
def test_1_finds_another_s_certificate(server, nginx, tmp_path, proxied):
    import functools
    from sseproof import http2_stream, tls
    tls.certify(tmp_path, "127.0.0.1")
    port = nginx().ports["http2"]
    server.through(functools.partial(http2_stream.dial, "127.0.0.1", port, trusting=tls.trusting(tmp_path))).echo()

@pytest.mark.required("#a")
def test_2_passes(server, proxied):
    assert proxied(server, "http2").echo({"data": "x"}).ended == "complete"
""")
    assert list(rows.verdict) == ["error", "pass"]
    assert "NotTrusted: 127.0.0.1:" in rows.because.iloc[0]
