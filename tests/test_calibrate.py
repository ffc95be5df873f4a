"""The calibration: its source sends what it says and knows what it did, its truth finds what is wrong."""

import io
import json
import socket
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from rich.console import Console

from sseproof import bout, calibrate, figures, results, source, tables, truth, wire
from sseproof.bodies import Body, read_head

WIDER_NS = 250_000_000
"""Room for a machine that keeps the generator from its core: then several events become one read, with the last's time."""


@contextmanager
def running(*options):
    command = [sys.executable, "-m", "sseproof.source", "--seconds", "0.5", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, json.loads(process.stdout.readline())["port"]
        finally:
            process.kill()


def hear(port, streams=1):
    """Take streams to their end, reading one after the other; give the events of each."""
    found = []
    socks = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(streams)]
    for sock in socks:
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    for sock in socks:
        raw = b""
        while data := sock.recv(65536):
            raw += data
        sock.close()
        head, rest = read_head(raw)
        assert (head.status, head.media_type, head.chunked) == (200, "text/event-stream", True)
        found.append([json.loads(event.data) for event in wire.decode(Body(head).feed(rest))])
    return found


def test_the_source_sends_every_event_to_every_stream(tmp_path):
    with running("--streams", 3, "--rate", 200, "--record", tmp_path / "record") as (process, port):
        found = hear(port, 3)
        report = json.loads(process.communicate(timeout=10)[0])
    assert found[0] == found[1] == found[2]
    events = found[0]
    assert [event["n"] for event in events] == list(range(report["events"]))
    assert report["events"] > 10
    assert report["deliveries"] == 3 * report["events"]
    dues_ns = [event["due_ns"] for event in events]
    assert set(np.diff(dues_ns)) == {5_000_000}
    assert all(event["sent_ns"] >= event["due_ns"] for event in events)


def test_its_record_holds_each_delivery_between_two_moments(tmp_path):
    with running("--streams", 2, "--rate", 200, "--record", tmp_path / "record") as (process, port):
        found = hear(port, 2)
        process.communicate(timeout=10)
    rows = np.fromfile(tmp_path / "record", dtype=np.int64).reshape(-1, 3)
    assert sorted(rows[:, 0]) == sorted(event["due_ns"] for events in found for event in events)
    assert (rows[:, 1] <= rows[:, 2]).all()
    sent_ns = {event["due_ns"]: event["sent_ns"] for event in found[0]}
    assert all(before_ns >= sent_ns[due_ns] for due_ns, before_ns, _ in rows)


def test_what_a_full_socket_refuses_is_sent_later_and_in_order():
    with running("--mode", "flood", "--payload-bytes", 20_000) as (_, port), socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", port))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        raw = b""
        while data := sock.recv(65536):
            raw += data
    head, rest = read_head(raw)
    numbers = [json.loads(event.data)["n"] for event in wire.decode(Body(head).feed(rest))]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 2


def test_the_delays_are_those_of_their_distribution():
    delays = sorted(source.delays_ns(997, seed=3))
    for share in (0.5, 0.9, 0.99):
        expected = 2e6 - 20e6 * np.log(1 - share)
        assert delays[round(share * 997)] == pytest.approx(expected, rel=0.02)
    assert source.delays_ns(997, seed=3) != source.delays_ns(997, seed=4)


@pytest.mark.parametrize("mode", ["stall", "delay"])
def test_a_source_that_is_late_on_purpose_is_late_by_what_it_says(mode, tmp_path):
    options = (
        "--mode",
        mode,
        "--rate",
        100,
        "--stall-at",
        0.1,
        "--record",
        tmp_path / "record",
        "--seconds",
        1.5,
    )
    with running(*options) as (process, port):
        (events,) = hear(port)
        process.communicate(timeout=10)
    low, _ = truth.known(tmp_path / "record", {"from_ns": 0, "until_ns": 2**62})
    assert len(low) == len(events)
    if mode == "stall":  # the first event of the silence waits for the whole of it
        assert low[-1] >= 0.99e9
    else:
        delays = source.delays_ns(997, seed=0)[: len(events)]
        assert (low >= sorted(delays)).all()
        assert all(
            event["sent_ns"] - event["due_ns"] >= delay for event, delay in zip(events, delays, strict=True)
        )


def test_a_tiny_run_of_ours_agrees_with_the_source(tmp_path, monkeypatch):
    monkeypatch.setattr(truth, "ROOM_NS", WIDER_NS)
    small = bout.Bout("ours", mode="stall", streams=5, warm_up_s=0.5, measure_s=2.0)
    found = bout.run(small, tmp_path / "record")
    rows = truth.compare(truth.known(tmp_path / "record", found["window"]), found["kernel"])
    assert [row["what"] for row in rows] == ["n", "p50", "p90", "p99", "max"]
    assert truth.agrees(rows), rows
    assert found["kernel"]["max"] >= 0.99e9
    assert found["clock"] == "kernel"


BOUNDS = np.arange(1, 1001) * 1_000_000, np.arange(1, 1001) * 1_000_000 + 10_000
RIGHT = {"n": 1000, "p50": 500e6, "p90": 900e6, "p99": 990e6, "max": 1000e6}


def disagreeing(**wrong):
    return [row["what"] for row in truth.compare(BOUNDS, RIGHT | wrong) if not row["agrees"]]


def test_truth_has_room_for_one_millisecond_or_one_percent():
    assert disagreeing() == []
    assert disagreeing(p50=505e6, max=990e6) == []
    assert disagreeing(p50=505.2e6, p90=890e6, max=989e6) == ["p50", "p90", "max"]
    small = np.array([10_000] * 100), np.array([12_000] * 100)
    measured = {"n": 100, "p50": 1_011_000, "p90": 1_013_000, "p99": 0, "max": 12_000}
    assert [row["what"] for row in truth.compare(small, measured) if not row["agrees"]] == ["p90"]


def test_a_client_that_misses_events_is_told_as_such():
    assert disagreeing(n=999) == ["n"]
    record = {
        "purpose": "truth",
        "client": "ours",
        "mode": "stall",
        "streams": 5,
        "state": "ok",
        "attempt": 1,
    }
    line = tables.told(record | {"truth": truth.compare(BOUNDS, RIGHT | {"n": 999})})
    assert "disagrees: 999 deliveries measured, 1,000 known" in line


def test_nothing_seen_is_no_agreement():
    nothing = np.array([], dtype=np.int64)
    assert not truth.agrees(truth.compare((nothing, nothing), dict.fromkeys(RIGHT, 0)))


def test_rivals_report_what_they_saw():
    found = bout.run(bout.Bout("bare", streams=5, rate_hz=50.0, warm_up_s=0.2, measure_s=0.5))
    assert found["events"] > 0
    assert found["seen_share"] == found["events"] / found["due"]
    assert found["cpu_us_per_event"] == pytest.approx(found["cpu_s"] / found["events"] * 1e6)


def test_a_client_that_fails_is_an_error_with_its_words():
    with pytest.raises(
        bout.BoutError, match=r"nobody ended with exit code 2: (?s:.*)invalid choice: 'nobody'"
    ):
        bout.run(bout.Bout("nobody", streams=1))


# -- what is made of the records


def record(client, cost, block, purpose="paced", **more):
    ours = (
        {"kernel": {"p50": 1e6, "p99": 2e6}, "reader": {"p50": 1.5e6, "p99": 3e6}} if client == "ours" else {}
    )
    ours = ours or {"after_sent_p50_ns": 2_000_000, "after_sent_p99_ns": None, "bytes_per_stream": 2048.0}
    return {
        "kind": "bout", "purpose": purpose, "block": block, "state": "ok", "reason": "", "client": client,
        "mode": purpose, "streams": 300, "cpu_us_per_event": cost, "seen_share": 0.5, "events": 10,
        "source_late": False, **ours, **more,
    }  # fmt: skip


def verdicts(records):
    return {figure["what"]: figure for figure in figures.verdicts(records)}


def test_figures_are_ratios_within_a_block():
    records = [record("bare", 10, 0), record("ours", 12, 0), record("bare", 20, 1), record("ours", 24, 1)]
    found = verdicts(records)["CPU per event, ours / bare epoll loop, at 300 streams x 100 events/s"]
    assert (found["median"], found["low"], found["high"], found["trials"]) == (1.2, 1.2, 1.2, 2)
    assert found["verdict"] == "met"


def test_a_missed_figure_is_said_to_be_missed():
    found = verdicts([record("bare", 10, 0), record("ours", 14, 0), record("httpx_sse", 60, 0)])
    assert (
        found["CPU per event, ours / bare epoll loop, at 300 streams x 100 events/s"]["verdict"] == "missed"
    )
    assert found["CPU per event, httpx_sse / ours, at 300 streams x 100 events/s"]["verdict"] == "missed"
    assert found["p50, by the kernel / by the reader, at 30,000 events/s"]["verdict"] == "missed"
    assert found["CPU per event, readline / ours, at 300 streams x 100 events/s"]["verdict"] == "not measured"


def test_memory_is_the_slope_between_two_numbers_of_streams():
    held = [
        record(
            "ours",
            None,
            0,
            "hold",
            streams=n,
            held=n,
            rss_bytes=100 * 2**20 + n * 15 * 1024,
            connects_per_s=2500,
        )
        for n in (2000, 10_000)
    ]
    found = verdicts(held)["KiB per stream in one process, from 2,000 to 10,000 quiet streams"]
    assert (found["median"], found["verdict"]) == (15.0, "met")
    held[1]["held"] = 9_999
    assert verdicts(held)["connects per second, 10,000 streams"]["verdict"] == "not measured"


def test_the_tables_say_what_was_seen_and_hold_no_control_characters():
    records = [record("bare", 10, 0), record("ours", 14, 0), record("httpx_sse", 60, 0)]
    printed = io.StringIO()
    tables.show(records, Console(width=120, file=printed))
    text = printed.getvalue()
    assert "\x1b" not in text
    (line,) = [line for line in text.splitlines() if "httpx_sse" in line and "50.0%" in line]
    assert "4.29" in line
    assert "missed" in text


@pytest.mark.parametrize("name", ["../x", "a b", "."])
def test_a_runs_name_that_is_no_folders_is_said_before_anything_starts(tmp_path, capsys, name):
    assert calibrate.main(["--run", name], root=tmp_path) == 2
    assert f"calibrate: --run is {name!r}, expected a folder's name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_every_block_puts_ours_beside_the_others():
    todo = calibrate.plan(quick=True, truth_only=False, seed=1)
    assert [each.mode for purpose, _, each in todo if purpose == "truth"] == ["stall", "delay"]
    for wanted in (0, 1, 2):
        clients = [each.client for purpose, block, each in todo if purpose == "paced" and block == wanted]
        assert clients.count("ours") == clients.count("bare") == 1
        assert len(clients) == len(set(clients))
    assert todo == calibrate.plan(quick=True, truth_only=False, seed=1) != calibrate.plan(True, False, seed=2)


@pytest.fixture
def faked(tmp_path, monkeypatch):
    """Calibrate with bouts that are told, not fought."""

    def calibrated(known, run):
        monkeypatch.setattr(bout, "run", run)
        monkeypatch.setattr(truth, "known", lambda *_: known)
        code = calibrate.main(["--truth", "--run", "told", "--seed", "1"], root=tmp_path)
        return code, results.read_lines(tmp_path / "results" / "told" / "calibrate.jsonl", figures.FIELDS)

    return calibrated


def test_the_exit_code_is_0_when_measured_and_known_agree(faked, capsys):
    answer = {**record("ours", 10, 0, "truth"), "kernel": RIGHT, "window": {}}
    code, records = faked(BOUNDS, lambda *_: dict(answer))
    assert (code, len([each for each in records if each["kind"] == "bout"])) == (0, 2)


def test_a_truth_that_is_missed_is_tried_three_times_and_told(faked, capsys):
    answer = {**record("ours", 10, 0, "truth"), "kernel": RIGHT | {"p99": 1.0}, "window": {}}
    code, records = faked(BOUNDS, lambda *_: dict(answer))
    assert (code, len([each for each in records if each["kind"] == "bout"])) == (1, 6)
    assert "disagrees: p99 0.00 ms, known 990.00 to 990.01 ms, room 9.90 ms" in capsys.readouterr().out


def test_a_bout_that_fails_turns_the_exit_code_and_is_kept(faked, capsys):
    def fail(*_):
        raise bout.BoutError("ours ended with exit code 1: boom")

    code, records = faked(BOUNDS, fail)
    assert code == 1
    assert {each["reason"] for each in records if each["kind"] == "bout"} == {
        "ours ended with exit code 1: boom"
    }
    assert records[-1]["wrong"] > 0
