"""How and on what: facts of each header, what servers told, the generator's lag, reasons told once; any JSON is taken."""

import json

import pytest

from sseproof import method, page, said, sources, unranked

HOSTILE = "</dd><script>alert(1)</script>\x1b[31m\u202e{{ 7 * 7 }}"
HEADER = {
    "kind": "header", "format": 1, "run": "r", "started": "2026-01-01T00:00:00Z", "seed": 7, "revision": "abc",
    "machine": {"cores": 2, "memory_bytes": 8 * 2**30, "kernel": "Linux 6", "python": "3.11.7", "cpu": "a cpu"},
    "servers": {"a_b": "a_b"}, "options": {"profile": "full", "trials": None}, "load_average": 0.25,
    "server_cores": [0], "generator_cores": [1], "versions": {"h11": "0.16.0"},
}  # fmt: skip
ABOUT = {
    "framework": "f", "framework_version": "1.0", "http_server": "h", "http_server_version": "2.0", "encoder": "ours",
    "encoder_version": None, "python": "3.11.7",
}  # fmt: skip


def trial(number, marks=(), p50_ms=2.0, lag_ms=0.1, **more):
    quantiles = {
        "staleness": {"n": 2000, "p50": p50_ms * 1e6, "p99": p50_ms * 2e6},
        "lag": {"n": 2000, "p50": lag_ms * 1e6, "p99": lag_ms * 1e7},
    }
    tally = {"seen": 9, "due": 9, "quantiles": quantiles, "generators": [{"cpu_share": 0.125}]}
    return {
        "kind": "trial", "number": number, "block": number, "scenario": "broadcast", "way": "sse", "server": "a_b",
        "state": "ok", "reason": "", "marks": list(marks), "load": {"trials": 5}, "tally": tally, "usage": {},
        "derived": {}, "load_average": 1.5 + number,
    } | more  # fmt: skip


def bench(folder, *lines, **header):
    folder.mkdir(exist_ok=True)
    trials = sum(line["kind"] == "trial" for line in lines)
    path = folder / "bench.jsonl"
    top = HEADER | {"planned": trials} | header
    path.write_text("".join(json.dumps(line) + "\n" for line in [top, *lines]))
    return path


def cases(folder, about=ABOUT, **header):
    folder.mkdir(exist_ok=True)
    path = folder / "conformance.jsonl"
    lines = [HEADER | header, {"kind": "server", "name": "a_b", "about": about}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def server(about, name="a_b"):
    return {"kind": "server", "name": name, "about": about}


def facts(*paths):
    found = sources.read(paths)
    assert found.problems == []
    return method.facts(found)


def test_a_header_is_told_fact_by_fact(tmp_path):
    [run] = facts(bench(tmp_path, trial(1), trial(2), revision="abc+dirty"))["runs"]
    told = dict(run["facts"])
    assert (run["title"], run["run"], run["dirty"]) == ("Benchmark", "r", True)
    assert told["Memory"] == "8.0 GiB" and told["Processor"] == "a cpu" and told["Seed"] == "7"
    assert told["Options"] == "profile full" and told["Packages"] == "h11 0.16.0"
    assert (told["Server cores"], told["Client cores"]) == ("0", "1") and "Shared" not in told
    assert told["Load before"] == "0.25" and "2.5 to 3.5" in told["Load after"]


def test_a_shared_core_and_a_resumed_run_are_said(tmp_path):
    again = {"kind": "resumed", "started": "2026-01-02", "load_average": 3.0}
    told = dict(facts(bench(tmp_path, trial(1), again, server_cores=[]))["runs"][0]["facts"])
    assert told["Shared"] == "server and generator shared a core"
    assert told["Resumed"] == "2026-01-02, load average 3.00"


def test_servers_are_told_once_where_both_runs_say_the_same(tmp_path, untyped):
    paths = cases(tmp_path / "c"), bench(tmp_path / "b", server(ABOUT), trial(1))
    [row] = facts(*paths)["servers"]
    assert row == {
        "name": "a_b", "framework": "f 1.0", "http_server": "h 2.0", "encoder": "ours", "python": "3.11.7",
        "runs": "conformance and benchmark",
    }  # fmt: skip
    paths = (
        cases(tmp_path / "c", ABOUT | {"framework_version": "1.1"}),
        bench(tmp_path / "b", server(ABOUT), trial(1)),
    )
    assert [(row["framework"], row["runs"]) for row in facts(*paths)["servers"]] == [
        ("f 1.0", "benchmark"),
        ("f 1.1", "conformance"),
    ]


def test_lag_stands_beside_the_least_staleness_of_its_way(tmp_path):
    [lag] = facts(bench(tmp_path, trial(1, p50_ms=3.0, lag_ms=0.1), trial(2, p50_ms=2.0, lag_ms=0.3)))["lags"]
    assert lag == {
        "way": "broadcast by sse", "trials": 2, "p50": "0.20 (0.10-0.30) ms", "p99": "2.00 (1.00-3.00) ms",
        "floor": "2.00 ms", "share": "12%",
    }  # fmt: skip


def test_each_reason_is_told_once_with_its_count(tmp_path):
    lines = [
        trial(1, ["generator-bound: lagged by 12 ms", "lossy: 1 of 9"]), trial(2, ["generator-bound: lagged by 20 ms"]),
        trial(3, state="failed", reason="it died: with words"), trial(4), trial(5, state="skipped", reason="no x"),
        trial(6, ["not conforming: one case", "not conforming: another"]),
    ]  # fmt: skip
    found = sources.read([bench(tmp_path, *lines)])
    assert [(mark.kind, mark.trials, mark.example) for mark in unranked.marks(found.bench)] == [
        ("generator-bound", 2, "lagged by 12 ms"), ("lossy", 1, "1 of 9"), ("failed", 1, "it died: with words"),
        ("skipped", 1, "no x"), ("not conforming", 1, "one case"),
    ]  # fmt: skip
    assert unranked.marks(found.bench)[0].where == ["broadcast by sse: a_b"]
    assert unranked.left_out(found.bench) == 5


def test_missing_unranked_and_wide_are_named(tmp_path):
    told = facts(bench(tmp_path, trial(1, p50_ms=1.0), trial(2, p50_ms=4.0), planned=9))
    assert told["missing"] == 7 and told["unranked"] == ["broadcast by sse"]
    assert told["wide"] == ["broadcast by sse: a_b, staleness.p50 2.50 (1.00-4.00) ms"]
    steady = facts(bench(tmp_path, *[trial(n, p50_ms=2.0 + n / 100) for n in range(5)]))
    assert steady["missing"] == 0 and steady["unranked"] == [] and steady["wide"] == []


def calibration(folder, *lines, **header):
    folder.mkdir(exist_ok=True)
    path = folder / "calibrate.jsonl"
    top = {name: HEADER[name] for name in ("kind", "format", "started", "seed", "machine")}
    lines = [top | {"run": "cal", "planned": 3} | header, *lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def bout(**more):
    told = {"kind": "bout", "purpose": "truth", "block": 0, "state": "ok", "reason": "", "client": "ours"}
    return told | {"mode": "stall", "truth": []} | more


def figure(what, verdict, **found):
    return {"kind": "figure", "what": what, "limit": "at most 1.3", "verdict": verdict} | found


def test_a_calibration_tells_what_the_generator_is_held_to(tmp_path):
    path = calibration(
        tmp_path, bout(agrees=False), bout(agrees=True),
        figure("CPU", "met", median=1.2, low=1.1, high=1.25, trials=5), figure("streams", "not measured"),
    )  # fmt: skip
    bench(tmp_path, trial(1))
    found = sources.read([tmp_path])
    assert (found.names, found.problems) == (["r"], [])
    told = method.facts(found)["calibration"]
    assert (told["run"], told["cpu"], told["agreed"], told["tried"]) == ("cal", "a cpu", 1, 2)
    assert [list(each.values()) for each in told["figures"]] == [
        ["CPU", "at most 1.3", "met", "1.20 (1.10-1.25)"], ["streams", "at most 1.3", "not measured", ""],
    ]  # fmt: skip
    html = section(tmp_path)
    assert "in 1 of 2 tries" in html and "1.20 (1.10-1.25)" in html and "nox -s calibrate" not in html
    renamed = path.rename(tmp_path / "mine.jsonl")
    assert sources.kind_of(renamed) == "calibrate"


def test_a_calibration_that_was_cut_short_or_is_hostile_is_told_as_that(tmp_path):
    given = bench(tmp_path, trial(1))
    html = section(given, calibration(tmp_path / "cut"))
    assert "cut short before its figures" in html and "not held against a known truth" in html
    html = section(
        given, calibration(tmp_path / "bad", figure(HOSTILE, [HOSTILE], median="x"), run=HOSTILE, machine=3)
    )
    assert "<script>alert" not in html and "&lt;script&gt;" in html


def section(*paths):
    return page.render(sources.read(paths)).partition('<section id="method"')[2].partition("</section>")[0]


def test_a_door_that_was_gone_through_is_not_among_what_was_not_measured(tmp_path):
    assert "a proxy, a broker. Client" in section(bench(tmp_path / "a", trial(1)))
    both = [
        trial(1) | {"way": f"sse@{door}", "number": number} for number, door in enumerate(("nginx", "redis"))
    ]
    assert "per server file, a broker. Client" in section(bench(tmp_path / "b", trial(2), both[0]))
    assert "per server file. Client" in section(bench(tmp_path / "c", trial(2), *both))


def test_the_page_says_how_and_what_is_not_there(tmp_path):
    html = section(bench(tmp_path / "b", trial(1)))
    assert "No conformance run is in this report: <code>nox -s conformance</code>" in html
    assert "What a pass does not mean." in html and "<code>nox -s calibrate</code>" in html
    assert "No trial was marked, skipped or failed." in html
    html = section(cases(tmp_path / "c"))
    assert (
        "No benchmark is in this report: <code>nox -s bench</code>" in html
        and "What counts for no rank" not in html
    )
    assert "is missing: the run was cut short" in section(bench(tmp_path / "b", trial(1), planned=2))


ANY = [
    None,
    True,
    0,
    -1,
    1.5,
    1e400,
    10**400,
    "x",
    HOSTILE,
    "y" * 2_000_000,
    [],
    [[[[[[1]]]]]],
    {},
    {"a": {"b": [None]}},
]


@pytest.mark.parametrize("value", ANY, ids=lambda value: str(value)[:12].encode("ascii", "replace").decode())
def test_any_value_anywhere_is_told_or_left_out(tmp_path, value, untyped):
    names = (
        "revision",
        "options",
        "load_average",
        "server_cores",
        "generator_cores",
        "versions",
        "with",
        "started",
        "machine",
    )
    header = dict.fromkeys(names, value)
    odd = trial(1, ["generator-bound: x"], load_average=value)
    odd["tally"]["generators"] = value
    other = trial(2)
    other["tally"]["generators"] = [value, {"cpu_share": value}]
    other["tally"]["quantiles"]["lag"] = value
    again = {"kind": "resumed", "started": value, "load_average": value}
    path = bench(
        tmp_path / "b", server(value), server(dict.fromkeys(ABOUT, value), "c_d"), odd, other, again, **header
    )
    conformance = cases(tmp_path / "c", value, **header)
    assert facts(path, conformance)["lags"]  # which the page would forgive if it raised
    html = section(path, conformance)
    assert "<script" not in html and "\x1b" not in html and "\u202e" not in html
    assert "Method and machine" in html and len(html) < 200_000


def test_a_value_is_written_as_short_text():
    assert said.said({"a": [1, None, "b"], "c": {}, "d": 0.5}) == "a 1, , b, d 0.50"
    assert said.said([[[[[[1]]]]]]) == "..." and len(said.said("x" * 9_000)) < 400
    assert [said.number(value) for value in (1, 2.5, True, "1", None, 1e400, 10**400)] == [
        1.0,
        2.5,
        *[None] * 5,
    ]
