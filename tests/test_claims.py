"""Claims of tutorials: each verdict is reached by data that hold it, that do not, and that leave it open or are not there."""

import json
import re
from pathlib import Path

import pytest

from sseproof import casebook, claims, evidence, page, sources, witness
from sseproof.evidence import HOLDS, HOLDS_NOT, IN_PART, NOT_MEASURED, UNDECIDED

ROOT = Path(__file__).parent.parent
HOSTILE = "</td><script>alert(1)</script>\x1b[31m{{ 7 * 7 }}"
HEADER = {
    "kind": "header", "format": 1, "run": "r", "started": "2026-01-01T00:00:00Z", "seed": 1, "machine": {},
    "servers": {"a_b": "a_b", "c_d": "c_d"},
}  # fmt: skip


def read(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def judged(folder, *verdicts):
    """Read a conformance run of (server, case, verdict) or (server, case, verdict, finding)."""
    rows = [
        {"kind": "verdict", "server": server, "case": case, "verdict": verdict, "finding": (*finding, "")[0]}
        for server, case, verdict, *finding in verdicts
    ]
    return sources.read([read(folder / "conformance.jsonl", HEADER, *rows)])


def trial(
    server,
    way,
    block,
    p50_ms=1.0,
    cpu_s=0.1,
    requests=0.0,
    scenario="broadcast",
    marks=(),
    figures=(),
    **more,
):
    n = 2000
    tally = {
        "seen": n, "due": n,
        "quantiles": {"staleness": {"n": n, "p50": p50_ms * 1e6, "p99": p50_ms * 3e6}} | more.pop("quantiles", {}),
    }  # fmt: skip
    derived = {
        "server_cpu_s_per_1000": cpu_s, "wire_in_bytes_per_event": 200.0, "wire_out_bytes_per_event": 10.0,
        "requests_per_event": requests, "kib_per_stream": more.pop("kib", None),
    }  # fmt: skip
    return {
        "kind": "trial", "number": hash(f"{server} {way} {block} {scenario}"), "block": block, "scenario": scenario, "way": way,
        "server": server, "state": "ok", "reason": "", "marks": list(marks), "figures": list(figures), "tally": tally,
        "load": {"trials": 5, "users": 200, "publish_rate": 20}, "usage": {"cpu_share": more.pop("cpu_share", 0.1)},
        "derived": derived,
    } | more  # fmt: skip


def five(server, way, *p50_ms, **more):
    """Make five trials, of one staleness or of five."""
    values = p50_ms * 5 if len(p50_ms) == 1 else p50_ms
    return [trial(server, way, block, value, **more) for block, value in enumerate(values, 1)]


def measured(folder, *trials):
    found = sources.read([read(folder / "bench.jsonl", HEADER | {"planned": len(trials)}, *trials)])
    assert found.bench is not None, found.problems
    return found


SSE = five("a_b", "sse", 2.0)
WIDE = (1.0, 4.0, 2.0, 3.0, 1.5)


@pytest.mark.parametrize(
    ("polls", "verdict"),
    [
        (five("a_b", "poll-1s", 500.0), HOLDS),
        (five("a_b", "poll-1s", 1.0), HOLDS_NOT),
        ([*five("a_b", "poll-1s", 500.0), *five("a_b", "poll-0.1s", 1.0)], IN_PART),
        ([*five("a_b", "poll-1s", 500.0), *five("a_b", "poll-0.1s", *WIDE)], IN_PART),
        (five("a_b", "poll-1s", *WIDE), UNDECIDED),
        ([*five("a_b", "poll-1s", 1.0), *five("a_b", "poll-0.1s", *WIDE)], UNDECIDED),
        (five("a_b", "poll-1s", 500.0)[:4], UNDECIDED),
        (five("a_b", "poll-1s", 500.0, marks=["lossy: 1"]), UNDECIDED),
        (five("c_d", "poll-1s", 500.0), UNDECIDED),
        (five("a_b", "long-poll", 500.0), NOT_MEASURED),
        (five("a_b", "poll-1s", 500.0, state="skipped"), NOT_MEASURED),
        ([], NOT_MEASURED),
    ],
)  # fmt: skip
def test_polling_is_staler(tmp_path, polls, verdict):
    assert evidence.latency(measured(tmp_path, *SSE, *polls)).verdict == verdict


def test_what_servers_certainly_differ_in_is_in_part(tmp_path):
    trials = [*SSE, *five("c_d", "sse", 2.0), *five("a_b", "poll-1s", 9.0), *five("c_d", "poll-1s", 0.2)]
    verdict, figure = evidence.latency(measured(tmp_path, *trials))
    assert verdict == IN_PART
    assert "every 1 s: 2.30 (0.10-4.50) times that of SSE (2 servers, 10 pairs of trials)" in figure


@pytest.mark.parametrize(
    ("requests", "by_sse", "trials", "verdict"),
    [
        (2.5, 0.0, 5, HOLDS), (0.05, 0.0, 5, IN_PART), (0.0, 0.0, 5, HOLDS_NOT), (0.05, 0.1, 5, HOLDS_NOT),
        (2.5, 0.0, 4, UNDECIDED),
    ],
)  # fmt: skip
def test_polling_wastes_requests(tmp_path, requests, by_sse, trials, verdict):
    polls = five("a_b", "poll-1s", 500.0, requests=requests)[:trials]
    found, figure = evidence.requests(measured(tmp_path, *five("a_b", "sse", 2.0, requests=by_sse), *polls))
    assert found == verdict
    assert figure.startswith(
        f"Requests per event with 20 events a second: {requests:.2f} every 1 s; by SSE {by_sse:.2f}"
    )


@pytest.mark.parametrize(
    ("often", "rarely", "share", "verdict"),
    [(0.4, 0.02, 0.97, HOLDS), (0.4, 0.02, 0.5, IN_PART), (0.02, 0.4, 0.97, HOLDS_NOT)],
)
def test_polling_overloads(tmp_path, often, rarely, share, verdict):
    polls = [
        *five("a_b", "poll-0.1s", 50.0, cpu_s=often, cpu_share=share),
        *five("a_b", "poll-5s", 2500.0, cpu_s=rarely),
    ]
    found, figure = evidence.overload(measured(tmp_path, *SSE, *polls))
    assert found == verdict
    assert (
        f"Every 0.1 s, {int(share > 0.9)} of 1 server take 90 % of a core or more; by SSE, 0 of 1 server"
        in figure
    )


def test_a_server_so_full_that_it_loses_events_is_full(tmp_path):
    clean = {"a_b": 0.5, "c_d": 1.0}
    polls = [
        each
        for server, share in clean.items()
        for each in (
            *five(server, "poll-0.1s", 50.0, cpu_s=0.4, cpu_share=share, marks=["lossy: 1"] * (share == 1.0)),
            *five(server, "poll-5s", 2500.0, cpu_s=0.02),
        )
    ]
    found, figure = evidence.overload(measured(tmp_path, *SSE, *polls))
    assert found == HOLDS and "1 of 2 servers take 90 % of a core" in figure


def test_one_interval_says_nothing_of_frequency(tmp_path):
    assert evidence.overload(measured(tmp_path, *SSE, *five("a_b", "poll-1s", 500.0))).verdict == NOT_MEASURED


def held(server, *kib, **more):
    return [
        trial(server, "sse", n, scenario="hold", kib=each, figures=["kib_per_stream"], **more)
        for n, each in enumerate(kib, 1)
    ]


@pytest.mark.parametrize(
    ("trials", "verdict"),
    [
        (held("a_b", 9.0, 9.1, 9.2, 9.3, 9.4), HOLDS),
        (held("a_b", 9.0, 9.1), UNDECIDED),
        (held("a_b", -1.0, -0.5, 0.2, 1.0, 2.0), UNDECIDED),
        ([each for n in range(6) for each in held(f"a_{n}", 9.0)], UNDECIDED),
        (held("a_b", *[0.0] * 5), HOLDS_NOT),
        ([*held("a_b", *[9.0] * 5), *held("c_d", *[0.0] * 5)], IN_PART),
        (held("a_b", None), UNDECIDED),
        (held("a_b", 9.0, state="failed"), NOT_MEASURED),
        ([], NOT_MEASURED),
    ],
)  # fmt: skip
def test_a_stream_costs_memory(tmp_path, trials, verdict):
    assert evidence.memory(measured(tmp_path, *SSE, *trials)).verdict == verdict


def test_memory_is_told_with_its_interval_its_doubt_and_who_has_no_figure(tmp_path):
    trials = [*held("a_b", 9.0, 9.4, marks=["not conforming: x"]), *held("c_d", None)]
    figure = evidence.memory(measured(tmp_path, *trials)).figure
    assert (
        figure
        == "KiB per open stream, 200 at once: a_b 9.20 (9.00-9.40) (marked) (2 trials). No figure of c_d."
    )


@pytest.mark.parametrize(
    ("trials", "verdict"),
    [
        (five("a_b", "websocket", 1.0), HOLDS),
        (five("a_b", "websocket", 4.0), HOLDS_NOT),
        (five("a_b", "websocket", *WIDE), UNDECIDED),
        ([*five("a_b", "websocket", 1.0), *five("c_d", "sse", 1.0), *five("c_d", "websocket", 2.0)], IN_PART),
        (five("a_b", "websocket", 1.0, state="skipped"), NOT_MEASURED),
    ],
)  # fmt: skip
def test_websocket_is_faster(tmp_path, trials, verdict):
    assert evidence.websocket(measured(tmp_path, *SSE, *trials)).verdict == verdict


def test_how_much_faster_is_told_per_server(tmp_path):
    figure = evidence.websocket(measured(tmp_path, *SSE, *five("a_b", "websocket", 1.0, cpu_s=0.05))).figure
    assert figure == (
        "Staleness at p50, SSE is 2.00 (2.00-2.00) times WebSocket (1 server, 5 pairs of trials: a_b 2.00 (2.00-2.00)). "
        "CPU per delivery: 2.00 (2.00-2.00) times."
    )


def test_an_event_needs_its_blank_line(tmp_path, monkeypatch):
    found = judged(tmp_path, ("a_b", witness.ENDED, "pass"), ("c_d", witness.ENDED, "fail"))
    verdict, figure = witness.blank_line(found)
    assert verdict == HOLDS
    assert figure == (
        "1 of 2 servers end the last event of a stream with its blank line. A client loses the last event of c_d."
    )
    monkeypatch.setattr(witness, "arrives", lambda body: True)
    assert witness.blank_line(found).verdict == HOLDS_NOT
    assert witness.blank_line(judged(tmp_path, ("a_b", "test_x", "pass"))).verdict == NOT_MEASURED


@pytest.mark.parametrize(
    ("a_b", "c_d", "quiet", "verdict"),
    [
        ("pass", "pass", "pass", HOLDS_NOT), ("pass", "fail", "pass", IN_PART), ("pass", "pass", "warn", IN_PART),
        ("known", "fail", "pass", HOLDS), ("skip", "error", "pass", NOT_MEASURED),
    ],
)  # fmt: skip
def test_streams_leak(tmp_path, a_b, c_d, quiet, verdict):
    leak = witness.LEAKS[0]
    rows = [("a_b", f"{leak}[one]", a_b), ("c_d", f"{leak}[one]", "pass" if c_d == "fail" else c_d)]
    found = judged(tmp_path, *rows, ("c_d", f"{leak}[two]", c_d), ("a_b", f"{witness.QUIET}[x]", quiet))
    assert witness.leaks(found).verdict == verdict


def test_no_server_of_a_framework_asks_for_its_client_as_the_rule_says():
    for path in ROOT.glob("servers/*.py"):
        assert not re.search(r"is_disconnected|connection_aborted|is_client_connected", path.read_text()), (
            path.name
        )


@pytest.mark.parametrize(
    ("a_b", "c_d", "verdict"),
    [("pass", "pass", HOLDS_NOT), ("pass", "warn", IN_PART), ("warn", "warn", UNDECIDED), ("skip", "skip", NOT_MEASURED)],
)  # fmt: skip
def test_retry_spreads_reconnects(tmp_path, a_b, c_d, verdict):
    found = judged(
        tmp_path, ("a_b", f"{witness.ANNOUNCED}[clock]", a_b), ("c_d", f"{witness.ANNOUNCED}[clock]", c_d)
    )
    assert witness.retry(found).verdict == verdict


def test_retry_tells_how_long_a_storm_took(tmp_path):
    storm = [
        trial(
            "a_b",
            "sse",
            n,
            scenario="storm",
            figures=["back.max"],
            quantiles={"back": {"n": 400, "max": 162e6}},
        )
        for n in (1, 2)
    ]
    found = judged(tmp_path, ("a_b", witness.ANNOUNCED, "pass"))
    found.bench = measured(tmp_path, *storm).bench
    assert "were all back after (ms): a_b 162 (162-162)." in witness.retry(found).figure


@pytest.mark.parametrize(
    ("blocks", "awake", "verdict"),
    [
        ("pass", "60 of 60 blocking generators", HOLDS), ("pass", "11 of 60 blocking generators", IN_PART),
        ("fail", "60 of 60 blocking generators", HOLDS_NOT), ("pass", "nobody knows", UNDECIDED),
        ("skip", "60 of 60 blocking generators", NOT_MEASURED),
    ],
)  # fmt: skip
def test_a_sleeping_generator_is_fine(tmp_path, blocks, awake, verdict):
    found = judged(
        tmp_path, ("a_b", f"{witness.BLOCKS}[async]", blocks), ("a_b", witness.SIXTY, "note", awake)
    )
    assert witness.sleeping(found).verdict == verdict


def test_until_how_many_generators_is_told_per_server(tmp_path):
    rows = [("a_b", witness.BLOCKS, "pass"), ("c_d", witness.BLOCKS, "fail")]
    awake = [
        ("a_b", witness.SIXTY, "note", "49 of 60 blocking"),
        ("c_d", witness.SIXTY, "note", "0 of 60 blocking"),
    ]
    assert witness.sleeping(judged(tmp_path, *rows, *awake)) == (
        IN_PART,
        "It stops another stream on c_d (1 of 2). "
        "Of generators that sleep at once, awake in time: a_b 49 of 60, c_d 0 of 60.",
    )


@pytest.mark.parametrize(
    ("a_b", "c_d", "verdict"),
    [
        ("connecting", "connecting", HOLDS),
        ("connecting", "open", IN_PART),
        ("open", "closed", HOLDS_NOT),
    ],
)
def test_a_browser_holds_few_streams(tmp_path, a_b, c_d, verdict):
    said = "6 streams are open and the seventh is {}; it opens when one is closed"
    rows = [
        (server, witness.SEVENTH, "note", said.format(state))
        for server, state in (("a_b", a_b), ("c_d", c_d))
    ]
    many = [("a_b", f"{witness.MANY}[http-1.1]", "fail"), ("a_b", f"{witness.MANY}[http-2]", "pass")]
    found = witness.browsers(judged(tmp_path, *rows, *many))
    assert found.verdict == verdict
    waiting = [a_b, c_d].count("connecting")
    assert found.figure == (
        f"Chromium held 6 streams over HTTP/1.1 and kept one more waiting on {waiting} of 2 servers. "
        "Over HTTP/2, by nginx, it held twenty at once on 1 of 1."
    )


def test_without_data_nothing_is_measured_and_each_claim_says_what_would():
    told = claims.check(sources.Sources())
    assert len(told) == 10 and {each["verdict"] for each in told} == {NOT_MEASURED}
    assert all(each["command"].startswith("nox -s ") for each in told)


def test_a_claim_has_sources_a_rule_and_a_case_that_is_there():
    cases = {
        line.partition("[")[0].partition(" ")[0] for line in (ROOT / "tests/cases.txt").read_text().split()
    }
    for claim in claims.CLAIMS:
        assert 1 <= len(claim.sources) <= 2 and all(
            source.url.startswith("https://") for source in claim.sources
        )
        assert claim.judge.__doc__
        assert not claim.case or any(claim.case in case for case in cases), claim.case


def test_the_cases_that_judge_are_all_there():
    text = (ROOT / "tests/cases.txt").read_text()
    named = (
        witness.ENDED,
        *witness.LEAKS,
        witness.QUIET,
        witness.ANNOUNCED,
        witness.BLOCKS,
        witness.SIXTY,
        witness.SEVENTH,
        witness.MANY,
    )
    assert [name for name in named if name not in text] == []


def test_the_scenarios_that_judge_are_all_there():
    text = (ROOT / "loadtest/scenarios.toml").read_text()
    for name in ("broadcast", "hold", "storm"):
        assert f"[scenarios.{name}]" in text
    for name in ("poll-1s", "websocket", "kib_per_stream", "back.max"):
        assert name in text


def section(found):
    return page.render(found).partition('<section id="claims"')[2].partition("</section>")[0]


def test_the_page_tells_verdict_figure_rule_and_sources(tmp_path):
    html = section(measured(tmp_path, *SSE, *five("a_b", "poll-1s", 500.0)))
    assert '<span class="badge holds">holds</span>' in html and "250 (250-250) times that of SSE" in html
    assert (
        'href="https://javascript.info/long-polling"' in html
        and "Holds if, for every polling interval" in html
    )
    assert html.count("not measured in this run") == 8 and "To measure it: <code>nox -s bench" in html


def test_hostile_names_stay_text(tmp_path):
    trials = [*five(HOSTILE, "sse", 2.0), *five(HOSTILE, "websocket", 1.0), *held(HOSTILE, 1.0)]
    html = section(measured(tmp_path, *trials))
    assert "<script" not in html and "\x1b" not in html and "49" not in html and "&lt;script&gt;" in html
    rows = [
        (HOSTILE, witness.ENDED, "fail"),
        (HOSTILE, witness.BLOCKS, "fail"),
        (HOSTILE, witness.ANNOUNCED, "pass"),
    ]
    found = judged(tmp_path, *rows, (HOSTILE, witness.SIXTY, "note", f"9 of 60 {HOSTILE}"))
    html = section(found)
    place = casebook.case_ids(found.conformance)[witness.SIXTY]
    assert f'href="#{place}"' in html  # and the page has it:
    assert f'id="{place}"' in page.render(found)
    assert "<script" not in html and "&lt;script&gt;" in html


@pytest.mark.parametrize("broken", [None, "x", [], {}, float("nan"), True])
def test_figures_of_other_types_are_no_figures(tmp_path, broken, untyped):
    odd = {"server_cpu_s_per_1000": broken, "wire_in_bytes_per_event": 1.0, "wire_out_bytes_per_event": 1.0}
    trials = [
        *SSE,
        *five("a_b", "poll-1s", 500.0, derived=odd),
        *five("a_b", "poll-5s", 9.0, load={"trials": 1, "users": broken}),
    ]
    found = sources.read([read(tmp_path / "bench.jsonl", HEADER | {"planned": 1}, *trials)])
    assert found.problems or claims.check(found)
