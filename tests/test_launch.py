"""The launcher against servers broken on purpose (tests/broken/): each failure is told apart, nothing stays."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import uv

from sseproof import environment, probe
from sseproof.environment import LaunchError, prepare
from sseproof.launch import UnknownServer, find, launch
from sseproof.leashed import Leashed

BROKEN = Path(__file__).parent / "broken"
OK = BROKEN / "ok.py"


def until(condition, within_s=10.0):
    """Wait until the condition holds, and say whether it came to that."""
    deadline_s = time.monotonic() + within_s
    while not (met := condition()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return met


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def failure(script, *options, **settings):
    with pytest.raises(LaunchError) as caught:
        launch(script, *options, **settings)
    return str(caught.value)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Keep the environments of scripts made for one test out of the user's cache."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))


# -- up and down


def test_a_server_comes_up_answers_and_ends_cleanly():
    with launch(OK) as server:
        assert server.name == "ok"
        assert server.alive
        assert server.about["name"] == "ok"
        assert os.getpgid(server.about["pid"]) == server.pid
        with probe.connect(server.host, server.port) as stream:
            stream.send_request("GET", "/")
            assert stream.read_head().status == 200
        assert server.stop() == 0
        assert not server.alive
    assert is_gone(server.about["pid"])
    assert is_gone(server.pid)


def test_a_server_gets_sigterm_once_and_its_words_are_kept_without_control_characters():
    server = launch(OK)
    assert server.stop() == 0
    assert server.last_words() == f"http://127.0.0.1:{server.port}\nsignals 1 \\x1b[31mred\\x1b[0m"
    assert server.last_words(lines=1) == "signals 1 \\x1b[31mred\\x1b[0m"


def test_what_is_printed_before_an_answer_is_there_after_it():
    """A case that looks for a traceback once it has its answer would else find none, now and then."""
    talk = "import os, socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
    talk += "while asked := s.recv(9):\n  os.write(2, asked)\n  s.send(b'.')"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        with Leashed("talk", [sys.executable, "-c", talk, port], environ=os.environ) as command:
            asking, _ = listening.accept()
            for number in range(300):
                before_bytes = command.printed_bytes
                asking.send(b"%d;" % number)
                assert (asking.recv(1), command.printed(before_bytes)) == (b".", f"{number};")
            asking.close()


def test_a_server_that_ignores_sigterm_is_killed_after_the_limit():
    server = launch(BROKEN / "ignores_sigterm.py")
    began_s = time.monotonic()
    assert server.stop(within_s=0.3) == -signal.SIGKILL
    assert time.monotonic() - began_s >= 0.3
    assert is_gone(server.about["pid"])


def test_all_that_a_server_has_started_ends_with_it():
    server = launch(BROKEN / "spawns.py")
    children = server.about["children"]
    assert not any(is_gone(pid) for pid in children)
    server.stop()
    assert all(is_gone(pid) for pid in children)


def test_what_a_server_has_started_ends_when_the_server_crashes():
    with launch(BROKEN / "spawns.py") as server:
        os.kill(psutil.Process(server.pid).children()[0].pid, signal.SIGKILL)
        assert server.wait(10)
        assert server.code == -signal.SIGKILL
        assert all(is_gone(pid) for pid in server.about["children"])


def test_kill_ends_a_server_at_once_and_may_be_repeated():
    server = launch(OK)
    server.kill()
    server.kill()
    assert server.stop() == -signal.SIGKILL
    assert is_gone(server.about["pid"])


@pytest.mark.parametrize(("failures", "raised"), [(2, None), (3, OSError)])
def test_a_start_is_tried_again_when_the_kernel_has_no_memory_for_it(monkeypatch, failures, raised):
    real, left = subprocess.Popen, iter([errno.EFAULT] * failures)

    def start(*arguments, **options):
        if number := next(left, 0):
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    monkeypatch.setattr("sseproof.leashed.subprocess.Popen", start)
    outcome = pytest.raises(raised, match="Bad address") if raised else contextlib.nullcontext()
    with outcome, Leashed("true", ["true"], environ=dict(os.environ)) as command:
        assert command.wait(10)


def test_a_killed_leash_leaves_no_server():
    with launch(OK) as server:
        psutil.Process(server.pid).parent().kill()
        assert server.wait(10)
        assert until(lambda: is_gone(server.about["pid"]))


def test_two_servers_of_one_file_run_side_by_side():
    with launch(OK) as one, launch(OK) as other:
        assert one.port != other.port
        assert one.stop() == 0
        assert other.alive


LAUNCHER = """
import sys
from pathlib import Path
from sseproof.launch import launch
server = launch(Path(sys.argv[1]))
print(server.pid, server.about["pid"], flush=True)
sys.stdin.read()
"""


def test_a_launcher_that_is_killed_leaves_no_server():
    command = [sys.executable, "-c", LAUNCHER, str(OK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as launcher:
        pids = [int(pid) for pid in launcher.stdout.readline().split()]
        assert len(pids) == 2
        launcher.kill()
    assert until(lambda: all(is_gone(pid) for pid in pids)), f"still there: {pids}"


def test_ctrl_c_during_a_launch_leaves_nothing_behind():
    command = [sys.executable, "-c", LAUNCHER, str(BROKEN / "silent.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as launcher:
        family = psutil.Process(launcher.pid)
        assert until(lambda: len(family.children(recursive=True)) == 3)  # leash, uv, Python
        pids = [process.pid for process in family.children(recursive=True)]
        launcher.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in launcher.communicate(timeout=15)[1]
    assert until(lambda: all(is_gone(pid) for pid in pids)), f"still there: {pids}"


# -- not coming up


def test_a_crash_is_told_with_its_last_words():
    message = failure(BROKEN / "crashes.py")
    assert message.startswith("crashes ended with exit code 1 before it answered")
    assert "RuntimeError: no such luck" in message
    assert "by hand: uv run --script" in message


def test_a_missing_module_is_told():
    message = failure(BROKEN / "missing_module.py")
    assert message.startswith("missing_module cannot import what it needs (exit code 1): ModuleNotFoundError")
    assert "a_module_that_nobody_has" in message


def test_a_syntax_error_is_told(tmp_path, own_cache):
    script = tmp_path / "bad_syntax.py"
    script.write_text("# /// script\n# requires-python = '>=3.11'\n# ///\ndef (:\n")
    message = failure(script)
    assert message.startswith("bad_syntax has a syntax error (exit code 1): SyntaxError")
    assert "def (:" in message


def test_a_taken_port_is_told():
    with launch(OK) as server:
        message = failure(OK, "--port", str(server.port))
        assert message.startswith("ok found its port taken (exit code 1)")
        assert f"127.0.0.1:{server.port}" in message


def test_a_wrong_option_is_told():
    assert failure(OK, "--colour").startswith("ok does not take its options (exit code 2)")


def test_an_end_after_the_url_is_told():
    message = failure(BROKEN / "exits_after_start.py")
    assert message.startswith("exits_after_start ended with exit code 3 before it answered")


def test_a_server_that_prints_no_url_is_told_within_the_limit():
    began_s = time.monotonic()
    message = failure(BROKEN / "silent.py", within_s=0.5)
    assert message.startswith("silent has not printed its URL (the first line on stdout) after 0.5 s")
    assert time.monotonic() - began_s >= 0.5


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("500", "badly: status 500 Internal Server Error, expected 200"),
        ("garbage", "badly: the server does not speak HTTP"),
        ("header", "badly: the response head is longer than 65536 bytes"),
        ("line", "badly: received"),
        ("text", "badly: no JSON object but 'hello'"),
        ("nothing", "accepts connections but does not answer GET /json/about: no response head within"),
        ("drip", "accepts connections but does not answer GET /json/about: no end of the body within"),
    ],
)
def test_a_bad_answer_is_told_within_the_limit(how, told):
    limit_s = 1.0 if how in {"nothing", "drip"} else 20.0
    message = failure(BROKEN / "answers_badly.py", "--how", how, within_s=limit_s)
    assert message.startswith("answers_badly a") and told in message
    assert "\x1b" not in message
    if how == "500":
        assert "RuntimeError: the handler is broken" in message


def test_a_file_without_header_is_told():
    message = failure(BROKEN / "no_header.py")
    assert message.startswith("no_header has no '# /// script' header")
    assert "PEP 723" in message


def test_a_missing_file_is_told():
    assert "cannot be read" in failure(BROKEN / "not_there.py")


def test_a_dependency_that_cannot_be_had_is_told_in_the_words_of_uv(tmp_path, own_cache):
    script = tmp_path / "wants_much.py"
    script.write_text(
        '# /// script\n# dependencies = ["nothing @ file:///nowhere/nothing-1-py3-none-any.whl"]\n# ///\n'
    )
    message = failure(script)
    assert message.startswith("wants_much has no environment: uv failed")
    assert "/nowhere/nothing-1-py3-none-any.whl" in message


def test_a_release_asked_for_that_cannot_be_had_is_told():
    message = failure(OK, with_=["nothing @ file:///nowhere/nothing-1-py3-none-any.whl"])
    assert message.startswith("ok was not started: uv failed")


def test_uv_missing_is_told_with_how_to_get_it(monkeypatch):
    def missing():
        raise FileNotFoundError("not here")

    monkeypatch.setattr(uv, "find_uv_bin", missing)
    message = failure(OK)
    assert "without uv" in message and "pip install uv" in message


# -- the environment


def test_the_environment_is_resolved_anew_when_the_day_or_the_header_changes(
    tmp_path, own_cache, monkeypatch
):
    script = tmp_path / "some_server.py"
    script.write_text("# /// script\n# dependencies = []\n# ///\n")
    runs = []
    run = environment._uv
    monkeypatch.setattr(environment, "_uv", lambda *arguments: runs.append(arguments[:2]) or run(*arguments))

    def prepared():
        runs.clear()
        folder = prepare(script)
        assert (folder / "pyvenv.cfg").is_file()
        return [arguments[1] for arguments in runs if arguments[0] == "sync"]

    monkeypatch.setenv("UV_EXCLUDE_NEWER", "2026-01-01T00:00:00Z")
    assert prepared() == ["--script"]
    assert prepared() == []
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "2026-02-01T00:00:00Z")
    assert prepared() == ["--reinstall"]
    assert prepared() == []
    script.write_text("# /// script\n# dependencies = [ ]\n# ///\n")
    assert prepared() == ["--reinstall"]
    (prepare(script) / environment._STAMP).unlink()
    assert prepared() == ["--reinstall"]


def test_the_day_is_the_users_or_else_the_projects(monkeypatch):
    monkeypatch.delenv("UV_EXCLUDE_NEWER", raising=False)
    assert environment.exclude_newer().endswith("Z")
    with launch(OK) as server:
        assert server.about["day"] == environment.exclude_newer()
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "2026-01-01T00:00:00Z")
    assert environment.exclude_newer() == "2026-01-01T00:00:00Z"


def test_two_runs_at_once_prepare_one_after_the_other(tmp_path, own_cache):
    script = tmp_path / "some_server.py"
    script.write_text("# /// script\n# dependencies = []\n# ///\n")
    folders = []
    threads = [threading.Thread(target=lambda: folders.append(prepare(script))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 4 and len(set(folders)) == 1


# -- finding


def test_servers_are_found_by_name_and_by_path():
    assert find(["no_header", "no_header.py", str(BROKEN / "no_header.py")], BROKEN) == [
        BROKEN / "no_header.py"
    ]
    assert BROKEN / "no_header.py" in find([], BROKEN)
    assert OK not in find([], BROKEN)  # not framework_server.py
    assert find([str(OK)], BROKEN) == [OK]


@pytest.mark.parametrize("name", ["ignores_sigtrm", "ignores", "SIGTERM", "ignores_sigterm.txt"])
def test_an_unknown_server_is_told_with_its_near_matches(name):
    with pytest.raises(UnknownServer, match=r"did you mean .*ignores_sigterm"):
        find([name], BROKEN)


def test_an_unknown_server_like_none_is_told_with_all_there_are():
    with pytest.raises(UnknownServer, match="there are: answers_badly, exits_after_start"):
        find(["zzz"], BROKEN)
    with pytest.raises(UnknownServer, match="is no file"):
        find(["nowhere/zzz.py"], BROKEN)


def test_a_folder_without_servers_is_told(tmp_path):
    with pytest.raises(UnknownServer, match="holds no server"):
        find([], tmp_path)


def test_the_environment_is_read_while_another_thread_changes_it():
    """As pytest does at each phase of each case, while a story starts its server beside them: one run in thirty broke."""
    stop = threading.Event()

    def change():
        while not stop.is_set():
            os.environ["SSEPROOF_TEST_CHANGES"] = "1"
            del os.environ["SSEPROOF_TEST_CHANGES"]

    changing = threading.Thread(target=change)
    changing.start()
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(300):
            assert environment.uv_environ()["NO_COLOR"] == "1"
    finally:
        sys.setswitchinterval(interval_s)
        stop.set()
        changing.join()
