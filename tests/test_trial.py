"""One trial with a real server, locust and publisher; what dies on the way is told, and nothing of it stays."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from sseproof import aftermath, checks, launch, passage, plan, sampling, trial
from sseproof.client import Client
from sseproof.load import Generator, LoadError
from sseproof.sampling import Sample
from tests.test_seen import lacking

ROOT = Path(__file__).parent.parent
CASES = ("test_delivery::test_equal_events_published_one_after_the_other_all_arrive",)
LOAD = plan.Load(users=5, spawn_rate=100, warm_up_s=0.8, measure_s=1, drain_s=0.5, publish_rate=100)
CORES = sorted(os.sched_getaffinity(0))


@pytest.fixture(scope="module", autouse=True)
def marks_of_the_battery(pytestconfig):
    """The cases are imported here, where no plugin of the battery has declared their marks."""
    for mark in ("required", "recommended", "observed", "needs", "slow", "costly"):
        pytestconfig.addinivalue_line("markers", f"{mark}: the battery's")


@pytest.fixture(autouse=True)
def memory_is_seen_in_a_short_window(monkeypatch):
    """At its own pace, a look a second, a window of one second may have none."""
    monkeypatch.setattr(sampling, "MEMORY_EVERY", 2)


def setting(**more):
    return trial.Setting({"stdlib_asyncio": launch.SERVERS / "stdlib_asyncio.py"}, **more)


def one(load=LOAD, way=None, file="broadcast.py", **more):
    way = way or plan.Way("sse", "sse", cases=CASES)
    return plan.Trial(1, 1, "broadcast", ROOT / "loadtest" / file, way, "stdlib_asyncio", load, **more)


def until(condition, within_s=30.0):
    deadline_s = time.monotonic() + within_s
    while not (met := condition()) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return met


def family():
    return psutil.Process().children(recursive=True)


def running(process, word):
    try:
        return process.status() != psutil.STATUS_ZOMBIE and any(word in part for part in process.cmdline())
    except psutil.Error:
        return False


def kill_once_there(word, *others):
    """Kill, in a thread, the process with this word in its command once there are the others too.

    The last one: leash and uv have it in theirs too, and come first.
    """

    def kill():
        def found(word):
            return next((process for process in reversed(family()) if running(process, word)), None)

        if until(lambda: all(found(each) for each in (word, *others))):
            found(word).send_signal(signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


# -- a trial


def test_a_trial_is_judged_measured_and_looked_after():
    lines = []
    record = trial.run(one(), setting(server_cores=CORES[:1], generator_cores=CORES[-1:]), lines.append)
    assert (record["state"], record["reason"]) == ("ok", "")
    assert (record["judged"], record["missed"]) == (1, [])
    assert [mark for mark in record["marks"] if not mark.startswith("generator-bound")] == []
    tally, usage, derived = record["tally"], record["usage"], record["derived"]
    assert tally["seen"] == tally["due"] == 5 * 100 and tally["streams"] == 5
    assert tally["quantiles"]["staleness"]["n"] == tally["deliveries"] == 500
    window = tally["window"]
    assert window["until_ns"] - window["from_ns"] == 1_000_000_000
    assert 0 < usage["cpu_s"] <= 1.1 and usage["samples"] >= 2  # one core, ticks of 10 ms
    assert usage["fds"] >= usage["fds_before"] + 5 and usage["pss_bytes"] > 2**20
    assert derived["server_cpu_s_per_1000"] == pytest.approx(usage["cpu_s"] / tally["came"] * 1000)
    assert derived["wire_in_bytes_per_event"] > 80 and derived["requests_per_event"] == 0
    assert record["about"]["framework"] == "asyncio"
    assert {"seen", "due", "state"} <= set(lines[0])
    assert family() == []


@pytest.fixture(params=["nginx", "redis"])
def door(request):
    try:
        passage.version(request.param)
    except pytest.UsageError as error:
        lacking(request.param, str(error))
    return request.param


def test_a_trial_through_a_door_is_whole_and_the_doors_cpu_told_apart(door):
    way = plan.Way("sse", "sse", cases=CASES).through(door)
    record = trial.run(one(way=way), setting(server_cores=CORES[:1], generator_cores=CORES[-1:]))
    assert (record["state"], record["reason"], record["door"]) == ("ok", "", door)
    tally, between, derived = record["tally"], record["door_usage"], record["derived"]
    assert tally["seen"] == tally["due"] == 5 * 100
    assert between["processes"] == 1 and between["pss_bytes"] > 2**18
    assert derived["door_cpu_s_per_1000"] == pytest.approx(between["cpu_s"] / tally["came"] * 1000)
    # nginx has both ends of each stream; Redis has as many connections as the server wants, however many streams.
    assert between["fds"] - between["fds_before"] >= (10 if door == "nginx" else 0)
    assert family() == []


@pytest.mark.parametrize("transport", ["poll", "long-poll", "websocket"])
@pytest.mark.parametrize("door", ["nginx"], indirect=True)
def test_every_transport_passes_nginx(transport, door):
    name = "starlette_uvicorn"
    way = plan.Way(transport, transport, ("--poll-every", "0.1") if transport == "poll" else ())
    way = way.through(door)
    one_of_it = plan.Trial(1, 1, "broadcast", ROOT / "loadtest" / "broadcast.py", way, name, LOAD)
    setting = trial.Setting({name: launch.SERVERS / f"{name}.py"}, conformance=False)
    record = trial.run(one_of_it, setting)
    assert (record["state"], record["reason"]) == ("ok", "")
    assert record["tally"]["seen"] == record["tally"]["due"] == 5 * 100


def test_a_door_that_dies_in_mid_trial_is_no_fault_of_the_server(door):
    program = {"nginx": "nginx.conf", "redis": "redis.conf"}[door]
    thread = kill_once_there(program, "sseproof.publisher")
    record = trial.run(one(way=plan.Way("sse", "sse").through(door)), setting(conformance=False))
    thread.join()
    assert record["state"] == "failed"
    assert re.search(r"(nginx|redis-server) (ended|died) .*in the middle of the trial", record["reason"])
    assert until(lambda: family() == [], 10)


def test_a_server_that_misses_a_case_is_measured_and_marked(tmp_path):
    (tmp_path / "test_x.py").write_text(
        "def test_the_answer_is_43(server):\n"
        "    assert server.json('GET', '/json/open').status == 43, 'status 200, expected 43'\n"
    )
    load = plan.Load(users=2, spawn_rate=100, warm_up_s=0, measure_s=0.3, drain_s=0.1, publish_rate=40)
    way = plan.Way("sse", "sse", cases=("test_x::test_the_answer_is_43",))
    record = trial.run(one(load, way), setting(cases=tmp_path))
    assert record["state"] == "ok" and record["missed"] == ["the answer is 43: status 200, expected 43"]
    assert "not conforming: the answer is 43: status 200, expected 43" in record["marks"]
    assert record["tally"]["seen"] > 0


def test_a_server_that_answers_a_case_too_late_misses_it(tmp_path):
    (tmp_path / "test_x.py").write_text(
        "def test_it_answers(server):\n"
        "    last = server.json('GET', '/json/topic?topic=x').value['last']\n"
        "    server.json('GET', f'/json/topic?topic=x&after={last}&wait=9', within_s=0.1)\n"
    )
    (tmp_path / "test_y.py").write_text("def test_ours(server):\n    raise KeyError('ours')\n")
    with launch.launch(launch.SERVERS / "stdlib_asyncio.py") as server:
        found = checks.failures(server, ["test_x::test_it_answers", "test_y::test_ours"], tmp_path)
    assert found[1].startswith("ours: not judged: KeyError"), found
    assert "not judged" not in found[0], found


LINGERING = """
import socket, threading

def test_connections_end_a_while_after_their_case(server):
    left = [socket.create_connection((server.process.host, server.process.port)) for _ in range(10)]
    assert server.json("GET", "/json/open").status == 200  # answered after it has accepted the others
    threading.Timer(0.5, lambda: [each.close() for each in left]).start()
"""


def test_connections_of_the_cases_are_no_part_of_the_idle_server(tmp_path):
    (tmp_path / "test_x.py").write_text(LINGERING)
    way = plan.Way("sse", "sse", cases=("test_x::test_connections_end_a_while_after_their_case",))
    load = plan.Load(users=5, spawn_rate=100, warm_up_s=0, measure_s=0.5, drain_s=0.1, publish_rate=40)
    record = trial.run(one(load, way), setting(cases=tmp_path))
    assert (record["state"], record["missed"], record["connections_before"]) == ("ok", [], 0)
    assert record["usage"]["fds"] >= record["usage"]["fds_before"] + 5


def test_a_window_is_covered_although_the_sampler_ends_with_it():
    own = psutil.Process().pid
    before = sampling.look(own)
    with sampling.Sampler(own) as sampler:
        while not sampler.samples:
            time.sleep(0.001)
        began_ns = time.time_ns()
        while len(sampler.samples) < 2:
            time.sleep(0.001)
        ended_ns = time.time_ns()  # the next sample would come a quarter of a second later
    assert sampling.within(sampler.samples, began_ns, ended_ns, before)["cpu_s"] is not None


def test_a_server_that_closes_nothing_is_waited_for_to_a_limit():
    with launch.launch(launch.SERVERS / "stdlib_asyncio.py") as server, Client(server) as client:
        assert client.open("/events/topic?topic=bench").status == 200
        assert sampling.settle(server.pid, server.port, within_s=0.2) == 1
    assert sampling.settle(server.pid, server.port) == 0


def test_a_server_without_what_a_transport_needs_is_skipped():
    record = trial.run(one(way=plan.Way("websocket", "websocket", needs="websocket")), setting())
    assert (record["state"], record["reason"]) == (
        "skipped",
        "stdlib_asyncio does not declare 'websocket'",
    )
    assert family() == []


@pytest.mark.parametrize(
    ("victim", "others", "told"),
    [
        ("-m sseproof.generator", ("sseproof.publisher",), "the generator left no tally: locust, killed by SIGKILL"),
        ("stdlib_asyncio.py", ("sseproof.publisher",), "the server ended in mid-trial: stdlib_asyncio, killed by SIGKILL"),
        ("sseproof.publisher", (), "the publisher failed: "),
    ],
    ids=["generator", "server", "publisher"],
)  # fmt: skip
def test_what_is_killed_in_mid_trial_fails_it_and_leaves_nothing(victim, others, told):
    thread = kill_once_there(victim.removeprefix("-m "), *others)
    record = trial.run(one(), setting(conformance=False))
    thread.join()
    assert record["state"] == "failed"
    assert record["reason"].startswith(told)
    assert until(lambda: family() == [], 10)


def test_a_locustfile_that_is_broken_fails_the_trial_with_its_last_words(tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('no such luck')\n")
    record = trial.run(one(file=tmp_path / "broken.py"), setting(conformance=False))
    assert record["state"] == "failed"
    assert "no tally: locust, exit code 1" in record["reason"] and "no such luck" in record["reason"]


def test_a_locust_that_does_not_end_is_ended_at_the_limit(tmp_path):
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(600)\n")
    load = plan.Load(users=1, spawn_rate=100, warm_up_s=0, measure_s=0.1, drain_s=0, join_s=0)
    record = trial.run(one(load, file=tmp_path / "endless.py"), setting(conformance=False, overtime_s=0.5))
    assert record["reason"].startswith("locust has not ended after 1 s")
    assert family() == []


def test_a_server_that_does_not_come_up_fails_the_trial():
    broken = {"stdlib_asyncio": Path(__file__).parent / "broken" / "crashes.py"}
    record = trial.run(one(), trial.Setting(broken))
    assert record["state"] == "failed" and "no such luck" in record["reason"]
    assert family() == []


def test_environment_variables_of_locust_do_not_reach_a_trial(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCUST_USERS", "77")
    generator = Generator(tmp_path, ())
    environ = Path(f"/proc/{generator.process.pid}/environ")
    assert until(lambda: "PYTHONUNBUFFERED=1" in environ.read_text())
    assert "LOCUST_USERS" not in environ.read_text()
    generator.process.kill()


def test_a_runner_that_is_killed_leaves_no_folder(tmp_path):
    folder = tmp_path / "trial"
    folder.mkdir()
    runner = (
        "import os, pathlib, sys; from sseproof.load import Generator; "
        "Generator(pathlib.Path(sys.argv[1]), ()); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", runner, folder], check=False).returncode == -signal.SIGKILL
    assert until(lambda: not folder.exists(), 10)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "the generator left no tally"),
        ("{", "the generator's tally is damaged"),
        ('{"format": 2}', "the generator's tally has format 2, expected 1"),
        ('{"format": 1, "publisher": {"failure": "refused"}}', "the publisher failed: refused"),
        ('{"format": 1, "window": null}', "the window is not whole"),
        ('{"format": 1, "problems": ["5 users at the end"]}', "the window is not whole: 5 users at the end"),
        ('{"format": 1, "window": {"from_ns": 1}, "generators": [1]}', "1 of 2 generator processes reported"),
    ],
)
def test_a_tally_that_is_none_is_told(tmp_path, text, told):
    generator = Generator(tmp_path, (), processes=2)
    generator.process.stop(0.1)
    generator.process.code = 0
    if text is not None:
        generator.path.write_text(text)
    with pytest.raises(LoadError, match=told):
        generator.tally()


# -- cores


@pytest.mark.skipif(len(CORES) < 2, reason="one core only")
def test_a_servers_whole_tree_keeps_to_its_cores():
    with launch.launch(Path(__file__).parent / "broken" / "spawns.py", cores=[CORES[1]]) as server:
        pids = [server.pid, *(child.pid for child in psutil.Process(server.pid).children(recursive=True))]
        assert set(server.about["children"]) < set(pids)
        assert [psutil.Process(pid).cpu_affinity() for pid in pids] == [[CORES[1]]] * len(pids)


# -- samples


def sample(at_s, cpu_s, **more):
    given = {"fds": 7, "threads": 2, "processes": 1, "tcp_bytes": 4096, **more}
    return Sample(round(at_s * 1e9), cpu_s, **given)


def test_cpu_of_a_window_is_read_between_samples():
    samples = [sample(0, 1.0), sample(1, 2.0, fds=9), sample(2, 2.5), sample(3, 4.5, fds=99)]
    found = sampling.within(samples, 500_000_000, 2_500_000_000, sample(0, 0))
    assert found["cpu_s"] == pytest.approx(3.5 - 1.5) and found["cpu_share"] == pytest.approx(1.0)
    assert (found["samples"], found["fds"]) == (2, 9)


def test_memory_grows_by_its_anonymous_part_against_the_idle_server():
    idle = sample(0, 0, pss_bytes=100, anonymous_bytes=50)
    samples = [sample(0, 0), sample(1, 0, pss_bytes=900, anonymous_bytes=80), sample(2, 0, tcp_bytes=9000)]
    found = sampling.within(samples, 0, 2_000_000_000, idle)
    assert (found["pss_bytes"], found["grown_bytes"], found["tcp_grown_bytes"]) == (900, 30, 9000 - 4096)


def test_a_window_that_was_not_sampled_gives_no_figure():
    found = sampling.within([sample(1, 1.0), sample(2, 2.0)], 500_000_000, 1_500_000_000, sample(0, 0))
    assert found == {"cpu_s": None, "samples": 1}


def test_a_look_sees_the_whole_tree():
    with launch.launch(Path(__file__).parent / "broken" / "spawns.py") as server:
        seen = sampling.look(server.pid)
        assert seen.processes == 2 + len(server.about["children"])  # uv and Python
        assert seen.pss_bytes > 2**20 and seen.fds >= 3 * seen.processes and seen.threads >= seen.processes
        assert sampling.look(server.pid, memory=False).pss_bytes is None
    assert sampling.look(server.pid).processes == 0


# -- what it means


def tally(**more):
    good = {
        "generators": [{"pid": 1, "cpu_share": 0.7}], "quantiles": {"lag": {"p99": 10_000_000}}, "clock": "kernel",
        "seen": 10, "due": 10, "streams": 2, "clients": 2, "unserved": 0, "publisher": {"refused": 0, "late_p99_ns": 10**9},
        "deliveries": 10, "came": 10, "broken": 0, "requests": 5, "wire_in_bytes": 1000, "wire_out_bytes": 50,
    }  # fmt: skip
    return good | more


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, []),
        ({"generators": [{"pid": 7, "cpu_share": 0.71}]}, ["generator-bound: process 7 took 71% of its core, the limit is 70%"]),
        ({"quantiles": {"lag": {"p99": 10_100_000}}}, ["generator-bound: the generator lagged by 10.1 ms at p99, the limit is 10 ms"]),
        ({"quantiles": {"lag": {"p99": 10_100_000}}, "clock": "reader"}, []),
        ({"seen": 9}, ["lossy: 1 of 10 events due were not seen"]),
        ({"streams": 1}, ["lossy: 1 of 2 clients were not served for the whole window"]),
        ({"publisher": {"refused": 3}}, ["lossy: the server refused 3 events of the publisher"]),
        ({"publisher": {"refused": 3, "refusal": "a POST was answered 503, expected 202"}},
         ["lossy: the server refused 3 events of the publisher (a POST was answered 503, expected 202)"]),
        ({"broken": 3}, []),  # the numbers tell what was lost
        ({"seen": 0, "due": 0, "publisher": None, "broken": 3}, ["lossy: 3 streams were cut, broken or refused within the window"]),
        ({"seen": 0, "due": 0}, ["lossy: events were published, and none was due to anybody"]),
        ({"seen": 0, "due": 0, "publisher": None}, []),
    ],
)  # fmt: skip
def test_a_mark_says_why_with_the_number_and_its_limit(more, told):
    assert aftermath.marks(tally(**more)) == told


def test_what_a_scenario_allows_is_no_mark():
    assert aftermath.marks(tally(seen=9, streams=1), allows=["loss", "absence"]) == []
    told = "lossy: 1 of 2 clients were not served for the whole window"  # which none has asked for
    assert aftermath.marks(tally(streams=1, unserved=1), allows=["absence"]) == [told]


def test_costs_are_per_delivered_event_and_per_stream():
    usage = {"cpu_s": 0.02, "grown_bytes": 4096, "tcp_grown_bytes": 2048}
    found = aftermath.derived(tally(), usage, {"cpu_s": 0.03, "grown_bytes": 8192})
    assert found == {
        "seen_share": 1.0, "server_cpu_s_per_1000": 2.0, "wire_in_bytes_per_event": 100, "wire_out_bytes_per_event": 5,
        "requests_per_event": 0.5, "kib_per_stream": 2.0, "tcp_kib_per_stream": 1.0,
        "door_cpu_s_per_1000": 3.0, "door_kib_per_stream": 4.0,
    }  # fmt: skip
    behind = aftermath.derived(
        tally(came=5), usage
    )  # half of what was due came after the window, and so did the work
    assert (behind["server_cpu_s_per_1000"], behind["wire_in_bytes_per_event"]) == (4.0, 200)
    nothing = aftermath.derived(tally(came=0, streams=0, due=0), {"cpu_s": None})
    assert set(nothing.values()) == {None}


def test_memory_per_stream_is_not_told_where_clients_come_and_go():
    found = aftermath.derived(tally(clients=5), {"grown_bytes": 4096, "tcp_grown_bytes": 2048})
    assert (found["kib_per_stream"], found["tcp_kib_per_stream"]) == (None, None)
    assert found["requests_per_event"] == 0.5


def test_a_server_that_keeps_a_stream_is_unhealthy_and_stopped():
    with launch.launch(launch.SERVERS / "stdlib_asyncio.py") as server, Client(server) as client:
        assert aftermath.opened(server) == 0
        assert client.open("/events/topic?topic=bench").status == 200
        [told] = aftermath.unhealthy(server, before=0, within_s=0.2)
        assert told == "unhealthy: 1 streams still open 0.2 s after everybody had left"
        assert not server.alive


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "hung"])
def test_a_server_that_does_not_answer_any_more_is_unhealthy(how):
    with launch.launch(launch.SERVERS / "stdlib_asyncio.py") as server:
        os.kill(server.about["pid"], how)
        assert aftermath.unhealthy(server, before=0)[0].startswith(
            "unhealthy: after its trial it does not answer"
        )


# -- the cases


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("test_deliver::test_x", "there is no test_deliver.py in conformance/; did you mean test_delivery"),
        ("test_delivery::test_topics_do_not_leak", "has no such function; did you mean test_topics_do_not_leak_into"),
        ("test_delivery::test_each_tick_is_read_before_the_next_is_due", "takes more than `server`"),
    ],
)  # fmt: skip
def test_a_case_that_cannot_be_run_is_told(name, told):
    with pytest.raises(checks.CheckError) as caught:
        checks.find(name)
    assert told in str(caught.value)
