"""redis-server as the suite starts it: up, ended, broken on purpose, killed under a case; nothing of it stays.

Where it is missing the tests are skipped and say what to install; with SSEPROOF_BROWSER=required, as in CI, that is a failure.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from sseproof import redis_process
from sseproof.doors import DOORS
from sseproof.launch import LaunchError
from sseproof.redis_process import Redis
from tests.test_battery import project  # noqa: F401  (a fixture)
from tests.test_seen import lacking

pytest_plugins = ["pytester"]


@pytest.fixture
def program():
    try:
        return DOORS["broker"].find()
    except pytest.UsageError as error:
        lacking("redis-server", str(error))


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Have Redis's folders be made here; none may be left in the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.glob("sseproof-redis-*")) == []


def failure(*arguments, **more):
    with pytest.raises(LaunchError) as told:
        Redis(*arguments, **more)
    return str(told.value)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_it_has_acknowledged_is_there_when_it_is_started_again_on_its_port(program, end):
    with Redis(program) as redis:
        port, id = redis.port, redis.ask("XADD", "s", "*", "data", "größe")
        getattr(redis, end)()
        assert (redis.alive, redis.lost()) == (False, False)
        redis.start()
        assert redis.ask("XRANGE", "s", "-", "+").splitlines() == [id, "data", "größe"]
        assert (redis.port, redis.lost()) == (port, False)


def test_it_listens_to_this_machine_only(program):
    with Redis(program) as redis:
        assert redis.ask("CONFIG", "GET", "bind") == "bind\n127.0.0.1"


def test_one_that_is_paused_goes_on_when_it_is_started(program):
    with Redis(program) as redis:
        redis.pause()
        redis.start()
        assert redis.ask("PING") == "PONG"


def test_a_setting_it_does_not_know_is_told_in_its_words(program):
    told = failure(program, config="no-such-thing yes\n")
    assert "ended with exit code 1" in told and "no-such-thing" in told


def test_a_port_in_use_is_told_in_its_words(program):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = failure(program, port=taken.getsockname()[1])
    assert "in use" in told and "SSEPROOF_REDIS" in told


def test_a_port_that_was_taken_meanwhile_is_given_up_for_another(program, monkeypatch):
    free = redis_process.free_ports
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([[taken.getsockname()[1]]])
        monkeypatch.setattr(redis_process, "free_ports", lambda count: next(ports, None) or free(count))
        with Redis(program) as redis:
            assert (redis.ask("PING"), redis.port == taken.getsockname()[1]) == ("PONG", False)


def test_a_program_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(redis_process, "UP_S", 0.3)
    script = tmp_path / "silent"
    script.write_text("#!/bin/sh\necho still thinking\nexec sleep 60\n")
    script.chmod(0o755)
    told = failure(str(script))
    assert "does not answer" in told and "still thinking" in told


def test_an_error_of_redis_is_told(program):
    with Redis(program) as redis, pytest.raises(LaunchError, match="did not take NONSENSE x: ERR unknown"):
        redis.ask("NONSENSE", "x")


def test_a_death_nobody_wanted_is_noticed_and_it_can_be_started_again(program):
    with Redis(program) as redis:
        os.kill(redis._process.pid, signal.SIGKILL)
        assert redis._process.wait(5)
        assert redis.lost() and "died in the middle of the case (exit code -9)" in str(redis.died())
        redis.start()
        assert (redis.lost(), redis.ask("PING")) == (False, "PONG")


CASES = """
import os, signal
import pytest

pytestmark = pytest.mark.door("broker")

@pytest.mark.required("#a")
def test_loses_redis(server, redis):
    os.kill(redis._process.pid, signal.SIGKILL)
    assert redis._process.wait(5)
    raise AssertionError("the stream was cut")

@pytest.mark.required("#a")
def test_the_next_has_redis_again(server, redis):
    assert redis.ask("PING") == "PONG"

@pytest.mark.required("#a")
def test_stops_it_and_leaves_it(server, redis):
    redis.stop()

@pytest.mark.required("#a")
def test_has_it_again_too(server, redis):
    assert redis.ask("PING") == "PONG"
"""


def test_a_redis_that_dies_makes_an_error_of_the_case_and_the_next_one_works(program, project):  # noqa: F811
    project.cases(CASES)
    assert project.run("--broker", "redis") == 1
    expected = ["error", "pass", "pass", "pass"]
    assert list(project.verdicts.values()) == expected
    [because] = project.results[project.results.verdict == "error"].because
    assert "redis-server died in the middle of the case" in because


def test_a_redis_that_does_not_start_makes_an_error_of_each_case(project, tmp_path, monkeypatch):  # noqa: F811
    script = tmp_path / "broken-redis"
    script.write_text("#!/bin/sh\necho out of luck\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setenv("SSEPROOF_REDIS", str(script))
    project.cases(CASES)
    assert project.run("--broker", "redis") == 1
    assert set(project.verdicts.values()) == {"error"}
    assert all("out of luck" in because for because in project.results.because)


def test_workers_are_refused_without_a_broker(project):  # noqa: F811
    project.cases(CASES)
    assert project.run("--workers", "2") == 4
    assert "--workers needs --broker redis" in project.errors


def test_a_server_of_one_process_is_skipped_where_several_are_asked_for(program, project):  # noqa: F811
    project.servers("all_alone")
    project.cases("import pytest\n@pytest.mark.required('#a')\ndef test_is_judged(server): pass\n")
    assert project.run("--broker", "redis", "--workers", "2") == 0
    told = project.results.set_index("server")
    assert told.verdict.to_dict() == {"one_fake": "pass", "all_alone": "skip"}
    assert told.because["all_alone"] == "all_alone: fake is run here as one process"


def test_kill_9_leaves_neither_redis_nor_its_folder(program, folders):
    script = (
        "import os, signal; from sseproof.redis_process import Redis\n"
        f"redis = Redis({program!r}); print(redis.pid, redis.folder, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == -signal.SIGKILL
    pid, folder = done.stdout.split()
    deadline_s = time.monotonic() + 30
    while (psutil.pid_exists(int(pid)) or Path(folder).exists()) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert Path(folder).parent == folders and not Path(folder).exists() and not psutil.pid_exists(int(pid))


def test_ctrl_c_leaves_no_redis(program, project):  # noqa: F811
    project.cases("""
import pathlib, time
import pytest

pytestmark = pytest.mark.door("broker")

@pytest.mark.required("#a")
def test_waits(server, redis):
    pathlib.Path("port").write_text(str(redis._process.pid))
    time.sleep(60)
""")
    command = project.command("--broker", "redis", "-n", "0")
    run = subprocess.Popen(command, cwd=project.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    told, deadline_s = Path(project.path) / "port", time.monotonic() + 30
    while not (told.exists() and told.read_text()) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    pid = int(told.read_text())
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 2
    assert not psutil.pid_exists(pid)
