"""The runner: what is wrong is said before it starts, and whatever happens, finished trials stay and can be gone on with."""

import json
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sseproof import bench, benchoptions, plan, progress, results, trial

ROOT = Path(__file__).parent.parent
SCENARIOS = f"""
[scenarios.cast]
file = "{ROOT}/loadtest/broadcast.py"
shows = "a broadcast that is over soon"
[scenarios.cast.transports]
sse = {{}}
websocket = {{ needs = "websocket" }}
[scenarios.cast.profiles.quick]
users = 3
spawn_rate = 100
publish_rate = 50
warm_up_s = 0.5
measure_s = 0.4
drain_s = 0.3
trials = 2
[scenarios.broken]
file = "broken.py"
shows = "a trial that fails, until a file is there"
[scenarios.broken.transports]
sse = {{}}
[scenarios.broken.profiles.full]
users = 3
spawn_rate = 100
publish_rate = 50
warm_up_s = 0.5
measure_s = 0.4
drain_s = 0.3
"""
BROKEN = "import pathlib\nassert pathlib.Path(__file__).with_name('mended').exists(), 'not mended yet'\n"


@pytest.fixture(scope="module", autouse=True)
def marks_of_the_battery(pytestconfig):
    """The cases are imported here, where no plugin of the battery has declared their marks."""
    for mark in ("required", "recommended", "observed", "needs", "slow", "costly", "door"):
        pytestconfig.addinivalue_line("markers", f"{mark}: the battery's")


@pytest.fixture
def root(tmp_path):
    """A project with the reference as its only server, and scenarios that are over soon."""
    for folder in ("servers", "loadtest", "results"):
        (tmp_path / folder).mkdir()
    (tmp_path / "servers" / "contract").symlink_to(ROOT / "servers" / "contract")
    (tmp_path / "servers" / "stdlib_asyncio.py").symlink_to(ROOT / "servers" / "stdlib_asyncio.py")
    (tmp_path / "loadtest" / "scenarios.toml").write_text(SCENARIOS)
    (tmp_path / "loadtest" / "broken.py").write_text(
        BROKEN + (ROOT / "loadtest" / "broadcast.py").read_text()
    )
    return tmp_path


def lines(root, run):
    return results.read_lines(root / "results" / run / "bench.jsonl", results.BENCH_FIELDS)


def kinds(root, run):
    return [line["kind"] for line in lines(root, run)]


def until(condition, within_s=30.0):
    deadline_s = time.monotonic() + within_s
    while not (met := condition()) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return met


# -- what is wrong


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--profile quik", "there is no profile 'quik'; did you mean quick?"),
        ("--scenario cats", "there is no scenario 'cats'; did you mean cast?"),
        ("--transport see", "there is no transport 'see'; did you mean sse?"),
        ("--server stdlib_asyncoi", "stdlib_asyncoi is no server; hint: did you mean stdlib_asyncio?"),
        ("--trials 0", "argument --trials: '0', expected a whole number from 1"),
        ("--processes many", "argument --processes: 'many', expected a whole number from 1"),
        ("--via ngin", "argument --via: invalid choice: 'ngin' (choose from 'nginx')"),
        ("--broker kafka", "argument --broker: invalid choice: 'kafka' (choose from 'redis')"),
        ("--tirals 3", "unrecognized arguments: --tirals 3; --help has examples"),
        ("--run ../x", "--run is '../x', expected a folder's name"),
        ("--run taken", "results/taken is there already; choose another --run, or --resume taken"),
        ("--resume taken --trials 3", "leave out --trials"),
        ("--scenarios nowhere.toml", "nowhere.toml: "),
    ],
)
def test_a_wrong_option_is_said_before_anything_starts(root, capsys, given, told):
    (root / "results" / "taken").mkdir()
    (root / "results" / "taken" / "bench.jsonl").touch()
    assert bench.main(given.split(), root) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("bench: ") and told in captured.err and captured.out == ""
    assert list((root / "results").iterdir()) == [root / "results" / "taken"]


def test_a_case_that_is_none_is_said_before_anything_starts(root, capsys):
    text = SCENARIOS.replace("sse = {}", 'sse = { cases = ["test_delivery::test_topics_do_not_leek"] }', 1)
    (root / "loadtest" / "scenarios.toml").write_text(text)
    assert bench.main([], root) == 2
    assert "test_topics_do_not_leek" in capsys.readouterr().err


def test_too_few_open_files_are_said_with_the_number_and_the_command(root, capsys, monkeypatch):
    monkeypatch.setattr(benchoptions.resource, "getrlimit", lambda _: (202, 4096))
    assert bench.main([], root) == 2
    assert "3 clients, and a server needs 203 open files" in capsys.readouterr().err
    monkeypatch.setattr(benchoptions.resource, "getrlimit", lambda _: (202, 202))
    assert bench.main([], root) == 2
    told = capsys.readouterr().err
    assert "the limit is 202: as root: prlimit --pid $$ --nofile=203:203" in told
    assert resource.RLIM_INFINITY == -1  # which is below any number


def test_there_is_help_with_examples(root, capsys):
    with pytest.raises(SystemExit) as caught:
        bench.main(["--help"], root)
    told = capsys.readouterr().out
    assert caught.value.code == 0
    assert "nox -s bench -- --resume" in told and "exit code: 0 every trial was measured" in told


def test_a_run_to_resume_that_is_none_is_exit_code_3(root, capsys):
    assert bench.main(["--resume", "r"], root) == 3
    assert "bench: cannot read" in capsys.readouterr().err


# -- runs


def test_a_run_measures_each_trial_and_ends_with_its_table(root, capsys, monkeypatch):
    begun, begin = [], trial.begin
    monkeypatch.setattr(trial, "begin", lambda each, setting: begun.append(each) or begin(each, setting))
    assert bench.main(["--run", "r", "--seed", "1"], root) == 0
    header, *_, footer = lines(root, "r")
    assert kinds(root, "r").count("trial") == header["planned"] == 4
    assert kinds(root, "r").count("server") == 1
    assert footer["counts"] == {"ok": 2, "skipped": 2}  # the reference has no WebSocket
    assert [each.way.name for each in begun].count("websocket") == 1  # which is asked for once
    assert {"cores", "kernel", "cpu", "memory_bytes", "open_files"} <= header["machine"].keys()
    assert header["versions"]["locust"] and header["seed"] == 1
    told = capsys.readouterr().out
    assert re.search(
        r"^\[\d/4\] sse stdlib_asyncio +p50 .* seen 60/60 cpu \d+% \+ \d+%.*, \d:\d\d left$", told, re.M
    )
    assert "skipped: stdlib_asyncio does not declare 'websocket'" in told
    assert "broadcast" not in told and "cast by sse" in told and "no ranking claimed" in told
    assert "\r" not in told and "\x1b" not in told
    assert told.endswith("results/r/bench.jsonl; again: sseproof show r; page: reports/r/index.html\n")
    page = (root / "reports" / "latest" / "index.html").read_text()
    assert "<title>sseproof: r</title>" in page and "stdlib_asyncio" in page and "Not told:" not in page


def test_a_failed_trial_is_exit_code_1_and_resume_does_it_again(root, capsys):
    assert bench.main(["--run", "r", "--profile", "full", "--no-conformance"], root) == 1
    [failed] = [line for line in lines(root, "r") if line["kind"] == "trial"]
    assert failed["state"] == "failed" and "not mended yet" in failed["reason"]
    assert "failed: the generator left no tally" in capsys.readouterr().out
    (root / "loadtest" / "mended").touch()
    assert bench.main(["--resume", "r"], root) == 0
    again = lines(root, "r")
    assert [line["kind"] for line in again][-3:] == ["resumed", "trial", "footer"]
    assert again[-2]["state"] == "ok" and again[-1]["counts"] == {"ok": 1}
    assert "cut short" not in capsys.readouterr().out
    assert bench.main(["--resume", "r"], root) == 0  # nothing is left to do
    assert kinds(root, "r").count("trial") == 2


def test_a_plan_that_has_changed_cannot_be_gone_on_with(root, capsys):
    header = {"run": "r", "started": "", "machine": {}, "seed": 1, "servers": {}, "planned": 99}
    options = {
        "profile": "quick", "server": [], "scenario": [], "transport": [], "trials": None, "processes": 1,
        "no_conformance": False, "scenarios": None,
    }  # fmt: skip
    results.Writer(root / "results" / "r" / "bench.jsonl", header | {"options": options}).close()
    assert bench.main(["--resume", "r"], root) == 2
    assert (
        "the plan of r had 99 trials, scenarios.toml now gives 4: it cannot go on" in capsys.readouterr().err
    )


RUN = "import sys; from pathlib import Path; from sseproof import bench; sys.exit(bench.main(sys.argv[2:], Path(sys.argv[1])))"


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(root):
    path = root / "results" / "r" / "bench.jsonl"
    words = ["--run", "r", "--transport", "sse", "--trials", "9", "--no-conformance"]
    command = [sys.executable, "-c", RUN, str(root), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as runner:
        assert until(lambda: path.exists() and b'"kind": "trial"' in path.read_bytes())
        family = psutil.Process(runner.pid)
        assert until(lambda: len(family.children(recursive=True)) >= 4)  # two leashes with a process each
        pids = [process.pid for process in family.children(recursive=True)]
        runner.send_signal(signal.SIGINT)
        told, error = runner.communicate(timeout=30)
    assert runner.returncode == 130
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert (
        "interrupted; finished trials are in results/r/bench.jsonl; the rest: nox -s bench -- --resume r"
        in error
    )
    found = kinds(root, "r")
    assert 1 <= found.count("trial") < 9 and "footer" not in found
    assert "This run was cut short" in told


def test_a_file_cut_in_mid_write_is_gone_on_with_behind_its_last_whole_line(root):
    path = root / "results" / "r" / "bench.jsonl"
    results.Writer(path, {"run": "r"}).close()
    with path.open("a") as file:
        file.write('{"kind": "tri')
    with results.Writer(path, {"started": ""}, resume=True) as writer:
        writer.line("footer", {})
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()] == [
        "header",
        "resumed",
        "footer",
    ]


# -- cores and progress


def test_the_server_has_a_core_of_its_own_where_there_are_two():
    assert bench._split([0, 1, 2]) == ([0], [1, 2])
    assert bench._split([3]) == ([], [])
    assert bench._where([], []).startswith("one core for server and generator: their figures are mixed")


@pytest.mark.parametrize(
    ("ns", "told"), [(1_234_000, "1.23 ms"), (12_340_000, "12.3 ms"), (2_345_000_000, "2,345 ms")]
)
def test_milliseconds_have_three_figures(ns, told):
    assert progress.ms(ns) == told


def test_a_pipe_gets_a_line_a_minute_and_the_time_left_goes_down(capsys, monkeypatch):
    now_s = 1000.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s)
    load, way = (
        plan.Load(users=1, spawn_rate=1, warm_up_s=1, measure_s=597, drain_s=1),
        plan.Way("sse", "sse"),
    )
    one, other = (plan.Trial(number, 1, "broadcast", Path(), way, "a_server", load) for number in (1, 2))
    telling = progress.Progress([one, other], {})
    telling.begin(one)
    figures = {
        "state": "measuring",
        "seen": 1200,
        "p50_ns": 1_000_000,
        "p99_ns": 20_000_000,
        "cpu_share": 0.25,
    }
    for _ in range(1800):
        now_s += 0.5
        telling.live(figures)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 900 / 60
    told = "[1/2] sse a_server measuring p50 1.00 ms p99 20.0 ms seen 1,200, generator 25%"
    assert lines[0] == f"{told}, 19:06 left"
    assert lines[1] == f"{told}, 18:06 left"
    assert lines[-1] == f"{told}, 10:03 left"  # it takes longer than planned: the other's time is left


def test_a_line_names_the_scenario_where_there_are_several_and_tells_what_there_is(capsys):
    load, way = plan.Load(users=1, spawn_rate=1, warm_up_s=1, measure_s=60, drain_s=1), plan.Way("sse", "sse")
    one = plan.Trial(1, 1, "hold", Path(), way, "a_server", load)
    other = plan.Trial(2, 1, "chat", Path(), way, "a_server", load)
    record = {
        "state": "ok", "marks": ["lossy: a", "lossy: b"], "seconds": 64.0, "usage": {"cpu_share": 0.25},
        "tally": {
            "quantiles": {"staleness": {"n": 0, "p50": 0, "p99": 0}}, "seen": 0, "due": 0,
            "generators": [{"cpu_share": 0.5}],
        },
    }  # fmt: skip
    progress.Progress([one, other], {}).finish(one, record)
    progress.Progress([one], {}).finish(one, record)
    assert capsys.readouterr().out.splitlines() == [
        "[1/2] hold sse a_server nothing was due cpu 25% + 50% (lossy), 1:04 left",
        "[1/1] sse a_server nothing was due cpu 25% + 50% (lossy), 0:00 left",
    ]
