"""Every scenario of loadtest/ runs alone against the reference, and its tally holds what the scenario promises."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sseproof import plan
from sseproof.launch import find, launch

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "loadtest"
LIMIT_S = 60.0  # a run takes some three seconds on a quiet machine
SCENARIOS = plan.read(FOLDER / "scenarios.toml")


@pytest.fixture(scope="module")
def server():
    [script] = find(["stdlib_asyncio"])
    with launch(script) as running:
        yield running


@pytest.fixture
def run(server, tmp_path):
    """Run a locustfile as its docstring says, on a topic of its own, and give the tally."""

    def run(name, *options, users=10, measure=1):
        path = tmp_path / "tally.json"
        command = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            str(FOLDER / f"{name}.py"),
            "--headless",
            "--only-summary",
        ]
        command += [
            "--host",
            f"http://{server.host}:{server.port}",
            "--users",
            str(users),
            "--spawn-rate",
            "100",
        ]
        command += ["--topic", f"{name} {'-'.join(options)}", "--warm-up", "0", "--drain", "0.3"]
        command += ["--measure", str(measure), "--tally", str(path), "--transport", "sse", *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr[-3000:]
        tally = json.loads(path.read_text())
        assert tally["failures"] == {} and tally["cuts"] == 0
        assert tally["seen"] == tally["due"]
        return tally

    return run


def test_chat_tells_of_first_tokens_gaps_and_whole_answers(run):
    tally = run("chat", "--token-rate", "200")
    begun, whole = (tally["answers"][name] for name in ("begun", "whole"))
    assert 0 < whole <= begun <= whole + 10  # ten people, each with one answer at a time
    assert tally["quantiles"]["first_event"]["n"] >= whole
    # An answer has at least 14 events, so 13 gaps, and most of them are as long as the rate says.
    assert tally["deliveries"] > tally["quantiles"]["gap"]["n"] > 0
    assert tally["quantiles"]["gap"]["mean"] >= 4e6
    assert tally["came"] == tally["deliveries"] and tally["jitter_ns"] >= 0
    # Of 14 to 41 events of an answer the last is no token; the window is a second.
    assert 0.5 * tally["came"] < tally["tokens_per_s"] < tally["came"]
    assert tally["quantiles"]["lag"]["n"] > 0
    assert tally["streams"] == 10


def test_hold_holds_every_stream_and_hears_nothing(run):
    tally = run("hold", users=50)
    assert (tally["streams"], tally["deliveries"], tally["requests"]) == (50, 0, 0)
    assert tally["quantiles"]["headers"]["n"] == 50
    assert [each["streams"] for each in tally["generators"]] == [50]


def test_a_storm_in_two_processes_brings_every_client_back_with_nothing_lost(run):
    # At 300 a second some are due while a client is away: without its Last-Event-ID it would miss them.
    tally = run("storm", "--publish-rate", "300", "--processes", "2", measure=1.5)
    assert tally["storm"] == {"cut": 10, "back": 10}
    assert tally["quantiles"]["back"]["n"] == 10 and tally["quantiles"]["back"]["max"] > 0
    assert tally["reconnects"] == 10
    assert tally["streams"] == 10 and tally["due"] == 10 * tally["publisher"]["due"] > 0


def test_churn_sees_clients_come_and_go_and_owes_nothing_to_who_has_left(run, server):
    tally = run("churn", "--interval", "0.02", "--visit-events", "3", users=20)
    assert (
        tally["visits"] > 18 and 0 < tally["visits_per_s"] <= tally["requests"] + 18
    )  # begun before it, ended in it
    assert tally["due"] > 0 and tally["streams"] >= 2
    assert tally["deliveries"] > tally["seen"]  # visitors see events too


def test_slow_measures_those_who_read_beside_one_who_does_not(run):
    tally = run("slow", "--publish-rate", "40", "--payload-bytes", "10000")
    assert tally["sleepers"] == 1
    assert tally["streams"] == 9 and tally["due"] == 9 * tally["publisher"]["due"] > 0


def test_capacity_steps_up_and_says_how_far_it_held(run):
    tally = run("capacity", "--publish-rate", "40", "--steps", "2", "--bound-ms", "60000", measure=2)
    assert tally["steps"][0]["users"] == 5
    assert all(step["due"] == step["users"] * 20 for step in tally["steps"])
    held = [step["users"] for step in tally["steps"] if step["held"]]
    assert tally["largest"] == max(held, default=0)
    assert tally["on_paper"] is None  # a law of three unknowns from two points would be made up


def test_capacity_ends_at_the_step_that_does_not_hold(run):
    tally = run("capacity", "--publish-rate", "40", "--steps", "2", "--bound-ms", "0.000001", measure=0.5)
    assert [(step["users"], step["held"]) for step in tally["steps"]] == [(5, False)]
    assert tally["largest"] == 0 and tally["quantiles"]["connect"]["n"] == 5  # the others stayed away


def test_every_scenario_is_a_file_with_numbers_and_cases_that_are_there():
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert {scenario.file.stem for scenario in SCENARIOS.values()} == files
    for scenario in SCENARIOS.values():
        for case in {case for way in scenario.ways.values() for case in way.cases}:
            file, _, function = case.partition("::")
            assert f"\ndef {function}(server):" in (ROOT / f"conformance/{file}.py").read_text()
    document = tomllib.loads((FOLDER / "scenarios.toml").read_text())
    assert all("full" in table["profiles"] for table in document["scenarios"].values())
