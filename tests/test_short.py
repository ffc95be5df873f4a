"""The report in five sentences: each changes with its data, speaks for polling as for SSE, and bad data raise nothing."""

import json
import re

import pytest

from sseproof import page, short, sources

HOSTILE = "</p><script>alert(1)</script>\x1b[31m\u202e{{ 7 * 7 }}"
MACHINE = {"cores": 2, "memory_bytes": 8 * 2**30, "kernel": "Linux 6", "python": "3.11.7"}
HEADER = {
    "kind": "header", "format": 1, "run": "r", "started": "2026-01-01T00:00:00Z", "seed": 1, "machine": MACHINE,
    "servers": {"a_b": "a_b", "c_d": "c_d"},
}  # fmt: skip
FIVE = [1.0, 1.1, 0.9, 1.05, 0.95]


def save(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def judged(folder, *verdicts, footer=True, **header):
    """Write a conformance run of (server, case, verdict) or (server, case, verdict, level)."""
    rows = [
        {
            "kind": "verdict",
            "server": server,
            "case": case,
            "verdict": verdict,
            "level": (*level, "required")[0],
        }
        for server, case, verdict, *level in verdicts
    ]
    end = [{"kind": "footer", "counts": {"x": len(rows)}, "seconds": 1, "slow": 0, "problems": []}]
    return save(folder / "conformance.jsonl", HEADER | header, *rows, *(end if footer else []))


def trial(
    server, way, block, p50_ms, cpu_s=0.1, requests=0.0, marks=(), trials=5, scenario="broadcast", **more
):
    n = 2000
    tally = {
        "seen": n,
        "due": n,
        "quantiles": {"staleness": {"n": n, "p50": p50_ms * 1e6, "p99": p50_ms * 3e6}},
    }
    return {
        "kind": "trial", "number": hash(f"{server} {way} {block} {scenario}"), "block": block, "scenario": scenario, "way": way,
        "server": server, "state": "ok", "reason": "", "marks": list(marks), "load": {"trials": trials}, "tally": tally,
        "usage": {}, "derived": {
            "server_cpu_s_per_1000": cpu_s, "wire_in_bytes_per_event": 200.0, "wire_out_bytes_per_event": 10.0,
            "requests_per_event": requests,
        },
    } | more  # fmt: skip


def series(server, way, values, **more):
    return [trial(server, way, block, value, **more) for block, value in enumerate(values, 1)]


def measured(folder, *trials, planned=None, footer=True, **header):
    top = HEADER | {"planned": len(trials) if planned is None else planned} | header
    end = [{"kind": "footer", "counts": {}, "seconds": 1}] if footer else []
    return save(folder / "bench.jsonl", top, *trials, *end)


def told(*paths):
    found = sources.read(paths)
    assert found.problems == []
    return [each.text for each in short.sentences(found)]


def test_the_first_sentence_counts_what_passed_and_names_who_meets_all(tmp_path):
    right = told(judged(tmp_path, ("a_b", "test_x", "pass"), ("c_d", "test_x", "warn", "recommended")))[0]
    assert right == (
        "Right: 1 of 2 judged cases passed (50.0 %), on 2 servers; a_b and c_d meet every required case."
    )
    some = told(judged(tmp_path, ("a_b", "test_x", "pass"), ("c_d", "test_x", "known")))[0]
    assert some.endswith("; a_b meets every required case.")
    none = told(judged(tmp_path, ("a_b", "test_x", "fail"), ("a_b", "test_y", "note")))[0]
    assert none == "Right: 0 of 1 judged cases passed (0.0 %), on 1 server; none meets every required case."


def test_a_listed_case_that_passes_is_no_case_missed(tmp_path):
    run = judged(tmp_path, ("a_b", "test_x", "pass"), ("a_b", "test_y", "stale"))
    assert "a_b meets every required case" in short.sentences(sources.read([run]))[0].text


def test_one_miss_in_many_is_not_rounded_to_all(tmp_path):
    many = [("a_b", f"test_{n}", "pass") for n in range(5000)]
    assert "(99.9 %)" in told(judged(tmp_path, *many, ("a_b", "test_z", "fail")))[0]
    assert "(all)" in told(judged(tmp_path, *many))[0]


def test_the_second_sentence_names_misses_and_keeps_known_ones_apart(tmp_path):
    rows = [("a_b", f"test_b_{name}[{n}]", "fail") for name in "vwxyz" for n in range(2)]
    wrong = told(
        judged(tmp_path, *rows, ("c_d", "test_k", "known"), ("c_d", "test_w", "warn", "recommended"))
    )[1]
    assert wrong == (
        "Not right: a_b misses 10 required cases (b v, 2 times; b w, 2 times; b x, 2 times; and 4 more); "
        "known failures apart: c_d 1; recommended cases missed: c_d 1."
    )
    fine = told(judged(tmp_path, ("a_b", "test_x", "pass")))[1]
    assert fine == "Not right: no server misses a required case that is not listed as a known failure."
    assert "a_b passes 1 case listed as failing (x)" in told(judged(tmp_path, ("a_b", "test_x", "stale")))[1]


def saved(folder, sse, poll, **more):
    return told(measured(folder, *sse, *poll, **more))[1]


@pytest.mark.parametrize(
    ("poll_ms", "fresh"),
    [(500.0, "is 500 (500-500) times as fresh"), (0.5, "is 2.00 (2.00-2.00) times as stale")],
)
@pytest.mark.parametrize(
    ("cpu_s", "dear"),
    [(0.05, "at 2.00 (2.00-2.00) times the server CPU per 1,000 deliveries (so polling is cheaper there"),
     (0.4, "at 0.25 (0.25-0.25) times the server CPU per 1,000 deliveries,")],
)  # fmt: skip
def test_what_sse_saves_is_said_in_both_directions(tmp_path, poll_ms, fresh, cpu_s, dear):
    sse = series("a_b", "sse", [1.0] * 5)
    text = saved(tmp_path, sse, series("a_b", "poll-1s", [poll_ms] * 5, cpu_s=cpu_s, requests=0.05))
    assert (
        text.startswith("Against polling every 1 s, on the same server, SSE ")
        and fresh in text
        and dear in text
    )
    assert "0.00 requests per event instead of 0.05 (1 server, 5 pairs of trials)." in text


def test_no_difference_is_claimed_of_few_pairs_or_an_interval_that_holds_1(tmp_path):
    few = saved(tmp_path, series("a_b", "sse", [1.0] * 4), series("a_b", "poll-1s", [500.0] * 4))
    assert "not surely different in staleness at p50" in few and "too few pairs to be sure" in few
    alike = saved(tmp_path, series("a_b", "sse", FIVE), series("a_b", "poll-1s", FIVE[::-1]))
    assert "the interval holds 1" in alike and "(not surely different)" in alike


def test_other_intervals_are_told_by_their_cpu(tmp_path):
    polls = [*series("a_b", "poll-1s", [500.0] * 5), *series("a_b", "poll-0.1s", [50.0] * 5, cpu_s=0.2)]
    text = saved(tmp_path, series("a_b", "sse", [1.0] * 5), polls)
    assert text.endswith("Its CPU is 0.50 (0.50-0.50) times that of polling every 0.1 s.")
    assert "every 5 s" in saved(tmp_path, series("a_b", "sse", [1.0]), series("a_b", "poll-5s", [2500.0]))


def test_marked_trials_save_nothing(tmp_path):
    text = saved(
        tmp_path, series("a_b", "sse", [1.0] * 5, marks=["lossy: 1"]), series("a_b", "poll-1s", [9.0] * 5)
    )
    assert text.startswith("What SSE saves over polling: no trials of both")


def test_who_ties_is_said_and_who_does_not(tmp_path):
    slow = series("c_d", "sse", [8.0, 8.8, 7.2, 8.4, 7.6])
    alone = told(measured(tmp_path, *series("a_b", "sse", FIVE), *slow))[2]
    assert alone == "By staleness p50 of broadcast by sse: 1 a_b, 2 c_d; no two tie."
    like = series("e_f", "sse", FIVE[::-1])
    tied = told(measured(tmp_path, *series("a_b", "sse", FIVE), *like, *slow))[2]
    assert re.fullmatch(
        r"By staleness p50 of broadcast by sse: 1 (a_b and e_f|e_f and a_b) \(tied\), 3 c_d\.", tied
    )


def test_a_tie_across_ranks_is_said(tmp_path):
    values = {
        "a_b": [3.0, 3.1, 3.0, 3.1, 3.0],
        "b_c": [2.9, 3.3, 3.3, 3.3, 3.3],
        "c_d": [3.4, 3.4, 3.4, 3.4, 3.2],
    }
    run = measured(tmp_path, *(each for name, own in values.items() for each in series(name, "sse", own)))
    told = " ".join(each.text for each in short.sentences(sources.read([run])))
    assert "1 a_b and b_c (tied), 2 c_d (tied with b_c)." in told


def test_servers_that_were_never_compared_are_not_told_as_apart(tmp_path):
    trials = [each for name in ("a_b", "c_d") for each in series(name, "sse", [2.0] * 6)]
    trials[0]["marks"] = trials[7]["marks"] = ["unhealthy: x"]
    text = " ".join(each.text for each in short.sentences(sources.read([measured(tmp_path, *trials)])))
    assert "1 a_b and c_d (too few blocks of both)." in text and "no two tie" not in text


def test_a_quick_look_ranks_nothing_and_says_why(tmp_path):
    quick = told(measured(tmp_path, *series("a_b", "sse", FIVE[:3], trials=3)))[2]
    assert quick == "Nothing is ranked, nor tied: a rank takes 5 trials (3 trials of each)."
    marked = told(measured(tmp_path, *series("a_b", "sse", FIVE, marks=["generator-bound: 1"])))[2]
    assert marked.endswith("(no server has so many without a mark).")


def test_what_is_left_open_is_counted(tmp_path):
    trials = [
        *series("a_b", "sse", FIVE[:2], marks=["generator-bound: lagged"]),
        trial("c_d", "sse", 1, 1.0, state="skipped", reason="it does not declare 'x'"),
        trial("c_d", "sse", 2, 1.0),
    ]
    (tmp_path / "b").mkdir()
    cases = judged(
        tmp_path / "b", ("a_b", "test_x", "skip"), ("a_b", "test_y", "error"), ("a_b", "test_z", "note")
    )
    text = told(measured(tmp_path, *trials), cases)[-1]
    assert text == (
        "Left open: 3 of 4 trials count for no rank (generator-bound 2, skipped 1); "
        "1 case could not be judged, by no fault of the server's; "
        "1 case skipped, for what the server does not declare; 1 case only noted, since the standard leaves them open."
    )
    assert told(measured(tmp_path, *series("a_b", "sse", FIVE)))[-1].startswith("Left open: nothing")


def test_a_run_cut_short_is_said_first(tmp_path):
    (tmp_path / "b").mkdir()
    bench = measured(tmp_path, *series("a_b", "sse", FIVE), planned=9, footer=False)
    found = sources.read([bench, judged(tmp_path / "b", ("a_b", "test_x", "pass"), footer=False)])
    first, second, third, *_ = short.sentences(found)
    assert first.warning and first.text.startswith("The conformance run was cut short")
    assert second.warning and second.text == "The benchmark was cut short: 5 trials of 9 are here. The rest:"
    assert second.command == "nox -s bench -- --resume r" and not third.warning


def test_what_is_missing_is_said_with_its_command(tmp_path):
    cases = short.sentences(sources.read([judged(tmp_path, ("a_b", "test_x", "pass"))]))
    assert ("No benchmark is in this report.", "nox -s bench") in [
        (each.text, each.command) for each in cases
    ]
    (tmp_path / "conformance.jsonl").unlink()
    bench = short.sentences(sources.read([measured(tmp_path, *series("a_b", "sse", FIVE))]))
    assert (bench[0].text, bench[0].command) == (
        "No conformance run is in this report.",
        "nox -s conformance",
    )
    assert len(short.sentences(sources.Sources())) == 2


@pytest.mark.parametrize("verdict", ["skip", "error", "nonsense", ""])
def test_a_run_in_which_nothing_was_judged_still_makes_sentences(tmp_path, verdict, untyped):
    assert told(judged(tmp_path, ("a_b", "test_x", verdict)))[0] == "No case was judged."
    assert told(judged(tmp_path))[0] == "No case was judged."


def test_a_bench_without_a_trial_still_makes_sentences(tmp_path):
    texts = told(measured(tmp_path, planned=4, footer=False))
    assert texts[0].startswith("The benchmark was cut short: 0 trials of 4") and len(texts) == 5
    assert told(measured(tmp_path, planned=None, servers={}))[-1].startswith("Left open: nothing")


@pytest.mark.parametrize("planned", [None, "many", [], True, 1e400])
def test_a_planned_that_is_no_number_raises_nothing(tmp_path, planned, untyped):
    path = save(tmp_path / "bench.jsonl", HEADER | {"planned": planned}, *series("a_b", "sse", FIVE))
    assert any("cut short" in text for text in told(path))


def test_what_a_server_is_called_stays_text(tmp_path):
    servers = {HOSTILE: "x"}
    path = judged(tmp_path, (HOSTILE, f"test_{HOSTILE}", "fail"), servers=servers)
    (tmp_path / "b").mkdir()
    bench = measured(
        tmp_path / "b", *series(HOSTILE, "sse", FIVE), *series(HOSTILE, "poll-1s", FIVE), servers=servers
    )
    html = page.render(sources.read([path, bench]))
    part = html.partition('<section id="short"')[2].partition("</section>")[0]
    assert "<script" not in part and "\x1b" not in part and "\u202e" not in part and "49" not in part
    assert "&lt;script&gt;" in part


def test_each_sentence_leads_to_its_section(tmp_path):
    (tmp_path / "b").mkdir()
    bench = measured(tmp_path / "b", *series("a_b", "sse", FIVE), *series("a_b", "poll-1s", FIVE))
    found = sources.read([judged(tmp_path, ("a_b", "test_x", "pass")), bench])
    assert [each.section for each in short.sentences(found)] == [
        "matrix",
        "matrix",
        "polling",
        "servers",
        "method",
    ]
    part = page.render(found).partition('<section id="short"')[2].partition("</section>")[0]
    for name in ("matrix", "polling", "servers", "method"):
        assert f'href="#{name}"' in part


def test_the_rows_of_a_foreign_file_are_taken_as_text(tmp_path, untyped):
    row = {"kind": "verdict", "server": 5, "case": None, "verdict": ["fail"], "level": {}}
    found = sources.read([save(tmp_path / "conformance.jsonl", HEADER, row)])
    assert found.conformance is None or short.sentences(found)
