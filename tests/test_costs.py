"""The sections on polling and on servers: what they tell of simulated records, and what they say where there are none."""

import itertools
import json
import math
import re

import jinja2
import pytest

from sseproof import charts, costs, histogram, page, reading, results, standings

HEADER = {
    "kind": "header", "format": 1, "run": "r", "started": "2026-01-01T00:00:00Z", "seed": 1, "servers": {}, "planned": 0,
    "machine": {"cores": 2}, "options": {"profile": "full"}, "server_cores": [0],
}  # fmt: skip
HOSTILE = "$x^2$<script>alert(1)</script>\x1b[31m"
LOSSY = "lossy: 3 of 2,000 events due were not seen"
BOUND = "generator-bound: the generator lagged by 12.0 ms at p99, the limit is 10 ms"


def spread(p50_ms):
    counted = histogram.histogram()
    if not math.isfinite(p50_ms):
        return {}
    histogram.record(counted, [int(p50_ms * 1e6 * (0.5 + n / 1000)) for n in range(1000)])
    return {"staleness": histogram.encoded(counted)}


def trial(
    block, server, p50_ms, way="sse", *, scenario="broadcast", cpu=0.1, marks=(), seen=2000, trials=5, **more
):
    kinds = {kind: {"n": 2000, "p50": p50_ms * 1e6, "p99": p50_ms * 3e6, "max": p50_ms * 4e6}
             for kind in ("staleness", "headers", "first_event", "gap", "back")}  # fmt: skip
    tally = {"seen": seen, "due": 2000, "quantiles": kinds, "histograms": spread(p50_ms)} | more.pop(
        "tally", {}
    )
    return {
        "kind": "trial", "number": hash((block, server, way, scenario)), "block": block, "scenario": scenario, "way": way,
        "server": server, "state": "ok", "reason": "", "marks": list(marks), "load": {"trials": trials, "options": []},
        "tally": tally, "usage": {"cpu_share": 0.01},
        "derived": {
            "server_cpu_s_per_1000": cpu, "wire_in_bytes_per_event": 200.0, "wire_out_bytes_per_event": 14.0,
            "requests_per_event": 0.25 if way.startswith("poll") else 0.0, "kib_per_stream": 9.5,
        },
    } | more  # fmt: skip


def series(server, p50_ms, way="sse", count=5, **more):
    drift = (1.0, 1.1, 0.9, 1.05, 0.95)
    return [trial(block + 1, server, p50_ms * drift[block], way, **more) for block in range(count)]


def failed(server, way="sse", state="failed", reason="the server died"):
    given = trial(1, server, 1, way, state=state, reason=reason)
    return {key: value for key, value in given.items() if key not in ("tally", "usage", "derived")}


def run(folder, *trials):
    path = folder / "bench.jsonl"
    servers = {record["server"]: record["server"] for record in trials}
    lines = [
        HEADER | {"planned": len(trials), "servers": servers},
        *trials,
        {"kind": "footer", "counts": {}, "seconds": 1},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return reading.read(path)


def html(found):
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(page.TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
        finalize=lambda value: results.visible(value) if type(value) is str else value,
    )  # fmt: skip
    both = {"polling": costs.polling(found), "compared": standings.servers(found)}
    return "".join(templates.get_template(name).render(both) for name in ("polling.html", "servers.html"))


def alt(chart):
    return re.search(r'aria-label="([^"]*)"', chart.svg)[1]


def chart(section, id_):
    return next(each for each in section["charts"] if each.id == id_)


REFERENCE = series("stdlib_asyncio", 2.0)
POLLED = series("stdlib_asyncio", 500.0, "poll-1s", cpu=0.05)


def test_the_alt_text_tells_the_figures_of_the_records(tmp_path):
    found = costs.polling(run(tmp_path, *REFERENCE, *POLLED))
    assert alt(chart(found, "polling-cpu")) == (
        "stdlib_asyncio: SSE delivers at 2.00 ms (1.80\u20132.20) p50 for 100 ms of CPU per 1,000 (100\u2013100), 100 % seen; "
        "polling 1 s delivers at 500 ms (450\u2013550) p50 for 50.0 ms of CPU per 1,000 (50.0\u201350.0), 100 % seen"
    )
    assert "for 214 B per event" in alt(chart(found, "polling-bytes"))
    assert "for 0.25 requests per event" in alt(chart(found, "polling-requests"))
    assert "SSE p50 2.00, p99 6.00 ms, 100 % seen" in alt(chart(found, "polling-spread"))
    assert (found["server"], found["absent"], found["others"]) == ("stdlib_asyncio", [], [])


def test_the_reference_is_told_first_and_the_others_on_its_axes(tmp_path):
    found = costs.polling(run(tmp_path, *series("a_first", 4.0), *REFERENCE, *POLLED))
    assert found["server"] == "stdlib_asyncio"
    assert [(each.id, each.title) for each in found["others"]] == [("polling-cpu-2", "a_first")]
    assert costs.polling(run(tmp_path, *series("a_first", 4.0)))["server"] == "a_first"


def test_a_way_without_a_point_says_why(tmp_path):
    skipped = failed("stdlib_asyncio", "websocket", "skipped", "it does not declare 'websocket'")
    found = costs.polling(run(tmp_path, *REFERENCE, skipped))
    assert found["absent"] == [
        "WebSocket: 1 of 1 trials skipped: it does not declare 'websocket'; 0 trials count, a rank takes 5"
    ]


def test_loss_voids_the_latency_and_leaves_the_cost(tmp_path):
    lossy = series("stdlib_asyncio", 3.0, "poll-1s", marks=[LOSSY], seen=1997)
    found = costs.polling(run(tmp_path, *REFERENCE, *lossy))
    [row] = [row for row in found["servers"][0]["ways"] if row["way"] == "polling 1 s"]
    assert (row["p50"], row["p99"], row["seen"]) == ("void", "void", "9,985 of 10,000")
    assert row["cpu"].startswith("100") and "lossy" in row["why"]
    assert "polling 1 s" not in alt(chart(found, "polling-cpu")) + alt(chart(found, "polling-spread"))


def test_a_lossy_server_is_void_in_the_standings(tmp_path):
    lossy = series("a_lossy", 1.0, marks=[LOSSY], seen=1997)
    found = standings.servers(run(tmp_path, *REFERENCE, *lossy))
    told = alt(chart(found, "servers-staleness"))
    assert "a_lossy void p50, void p99, 99.85 % seen, not ranked" in told
    assert "void: 5 of 5 trials lossy" in chart(found, "servers-staleness").svg


def test_ranks_ties_and_ratios_are_those_of_the_run(tmp_path):
    tied = [trial(n, "a_like", ms) for n, ms in enumerate([1.8, 2.3, 1.9, 2.0, 2.2], 1)]
    found = standings.servers(run(tmp_path, *REFERENCE, *tied, *series("z_slow", 8.0)))
    told = alt(chart(found, "servers-staleness"))
    assert (
        told.count("rank 1, tied") == 2 and "z_slow 8.00 ms (7.20\u20138.80) p50" in told and "rank 3" in told
    )
    assert "z_slow 4.00 times (4.00\u20134.00)" in alt(chart(found, "servers-ratio"))
    assert found["too_few"] == "" and [row["rank"] for row in found["rows"]] == ["1, tied", "1, tied", "3"]


def test_a_marked_server_is_shown_and_not_ranked_with_its_reason(tmp_path):
    found = standings.servers(run(tmp_path, *REFERENCE, *series("a_bound", 1.0, marks=[BOUND])))
    assert "a_bound 1.00 ms (0.90\u20131.10) p50" in alt(chart(found, "servers-staleness"))
    assert f"broadcast, a_bound: 5 of 5 trials {BOUND}" in found["reasons"]
    assert {row["server"]: row["rank"] for row in found["rows"]} == {
        "a_bound": "not ranked",
        "stdlib_asyncio": "1",
    }


def test_one_trial_has_no_interval_and_ranks_nobody(tmp_path):
    found = run(tmp_path, *series("stdlib_asyncio", 2.0, count=1, trials=1))
    assert "2.00 ms p50 for 100 ms" in alt(chart(costs.polling(found), "polling-cpu"))
    assert standings.servers(found)["too_few"] == "Nobody is ranked: 1 trial of each, and a rank takes 5."


def test_each_scenario_gives_its_chart(tmp_path):
    trials = [
        trial(block, server, ms, scenario=scenario, figures=[figure])
        for block in range(1, 6) for server, ms in (("stdlib_asyncio", 2.0), ("b_slow", 9.0))
        for scenario, figure in (("chat", "first_event.p50"), ("storm", "back.max"), ("hold", "kib_per_stream"))
    ]  # fmt: skip
    for record in trials:
        record["load"]["options"] = ["--token-rate", "50"]
    found = standings.servers(run(tmp_path, *REFERENCE, *trials))
    assert "b_slow 9.00 ms" in alt(chart(found, "servers-first-token"))
    assert (
        "stdlib_asyncio 6.00 ms" in alt(chart(found, "servers-gap"))
        and "due every 20 ms" in chart(found, "servers-gap").svg
    )
    assert "b_slow 36.0 ms" in alt(chart(found, "servers-storm"))
    assert "b_slow 9.50 KiB" in alt(chart(found, "servers-memory"))
    assert "stdlib_asyncio 2.00 ms" in alt(chart(found, "servers-headers"))
    assert (
        "rank 2" in chart(found, "servers-storm").svg
    )  # reading.py's rank by the scenario's own first figure
    assert {"Staleness p50, ms", "KiB per stream", "Storm: all back, ms"} <= {*found["columns"].values()}
    assert not {"capacity-largest", "churn-visits_per_s"} & found["columns"].keys()  # measured of nobody


def test_every_column_of_the_servers_table_is_in_its_rows(tmp_path):
    [row, *_] = standings.servers(run(tmp_path, *REFERENCE))["rows"]
    assert {*standings.COLUMNS} == row.keys() - {"server"}


def climbed(server, throughputs):
    steps = [{"users": 100 * n, "seen": 9, "due": 9, "p50_ns": 1e6, "p99_ns": 5e6 * n, "n": 9, "events_per_s": x, "held": True}
             for n, x in enumerate(throughputs, 1)]  # fmt: skip
    more = {"steps": steps, "largest": 100 * len(steps)}
    return [
        trial(1, server, 2, scenario="capacity", tally=more, figures=["largest", "staleness.p99"], trials=1)
    ]


def test_a_bend_gives_a_prediction_that_is_called_paper(tmp_path):
    bent = [20.0 * n / (1 + 0.001 * (n - 1) + 1e-6 * n * (n - 1)) for n in range(100, 900, 100)]
    straight = climbed("a_straight", [2000.0 * n for n in range(1, 7)])
    found = standings.servers(
        run(tmp_path, *straight, *climbed("b_bent", bent), *climbed("c_short", [2000.0]))
    )
    [paper] = found["paper"]
    assert paper.title == "Throughput on paper: b_bent" and "on paper" in paper.svg
    law = 20.0 * 1e6 / (1 + 0.001 * (1e6 - 1) + 1e-6 * 1e6 * (1e6 - 1))
    assert f"gives {law:,.0f} events per second at a million clients" in alt(paper)
    assert "measured up to 800 clients" in alt(paper)
    assert (
        "a_straight: no bend was seen up to 600 clients: the law predicts no limit from this."
        in found["said"]
    )
    assert any(each.startswith("c_short: too few steps") for each in found["said"])
    assert "b_bent holds at least 800 clients" in alt(chart(found, "servers-capacity"))


def test_what_was_not_measured_names_the_command_that_measures_it(tmp_path):
    told = html(run(tmp_path, *REFERENCE))
    for scenario in ("hold", "chat", "storm", "capacity"):
        assert (
            f"Not measured in this run: <code>nox -s bench -- --profile full --scenario {scenario}</code>"
            in told
        )
    told = html(run(tmp_path, *climbed("a_b", [1.0])))
    assert "Not measured in this run: <code>nox -s bench -- --scenario broadcast</code>" in told


ODD = {
    "only failed": [failed("a_b"), failed("a_b", "poll-1s")],
    "only skipped": [failed("a_b", "websocket", "skipped", "no websocket")],
    "only lossy": series("a_b", 1.0, marks=[LOSSY], seen=1),
    "no histograms": series("a_b", 1.0, tally={"histograms": {}}),
    "broken histograms": series("a_b", 1.0, tally={"histograms": {"staleness": "HISTFAAAnonsense"}}),
    "histograms of another kind": series("a_b", 1.0, tally={"histograms": None}),
    "no samples": series("a_b", 0.0),
    "another way": series("a_b", 1.0, "carrier-pigeon"),
    "hold without memory": [trial(1, "a_b", 1.0, scenario="hold", figures=["kib_per_stream"], derived={})],
    "capacity without steps": [trial(1, "a_b", 1.0, scenario="capacity")],
    "nothing": [],
}  # fmt: skip


@pytest.mark.parametrize("trials", ODD.values(), ids=ODD)
def test_whatever_is_missing_the_sections_make_sense(tmp_path, trials, untyped):
    told = html(run(tmp_path, *trials))
    assert "SSE against polling" in told and "nan" not in told.lower().replace("nano", "")


def test_all_charts_of_a_page_have_ids_of_their_own(tmp_path):
    told = html(
        run(
            tmp_path,
            *REFERENCE,
            *POLLED,
            *series("a_b", 3.0),
            *series("c_d", 4.0),
            *climbed("a_b", [2e3, 4e3]),
        )
    )
    ids = re.findall(r' id="([^"]+)"', told)
    assert len(ids) == len(set(ids)) > 12


def test_a_servers_name_is_text_in_both_sections(tmp_path):
    told = html(
        run(tmp_path, *series(HOSTILE, 2.0), *series(HOSTILE, 90.0, "poll-1s"), *climbed(HOSTILE, [2e3, 4e3]))
    )
    assert "<script" not in told and "\x1b" not in told
    assert "$x^2$&lt;script&gt;" in told


def test_bins_hold_every_sample_once():
    counted = histogram.histogram()
    histogram.record(counted, [1_000, 5_000_000, 5_000_000, 900_000_000])
    found = costs.bins(counted)
    assert sum(share for *_, share in found) == pytest.approx(1)
    assert [share for low, high, share in found if low <= 5.0 < high] == [0.5]
    assert all(one[1] == pytest.approx(other[0]) for one, other in itertools.pairwise(found))
    assert costs.bins(histogram.histogram()) == []


def test_a_page_of_twenty_servers_is_small(tmp_path):
    trials = [
        each
        for n in range(20)
        for way in charts.COLOURS
        for each in series(f"server_{n}", 2.0 + n, way, count=1)
    ]
    assert len(html(run(tmp_path, *trials))) < 1_000_000
