"""A run told from its file: intervals, ties said as ties, reasons beside what is not ranked; bad files refused."""

import json
import re

import pytest

from sseproof import reading, results, show

HEADER = {
    "kind": "header", "format": 1, "run": "r", "started": "2026-01-01T00:00:00Z", "seed": 1, "servers": {}, "planned": 0,
    "machine": {"cores": 2, "cpu": "a cpu", "kernel": "Linux 6"}, "options": {"profile": "full"}, "server_cores": [0],
}  # fmt: skip


def record(number, block, server, p50_ms, way="sse", marks=(), trials=5, n=2000, **more):
    tally = {
        "seen": n, "due": n, "quantiles": {"staleness": {"n": n, "p50": p50_ms * 1e6, "p99": p50_ms * 3e6}},
    }  # fmt: skip
    return {
        "kind": "trial", "number": number, "block": block, "scenario": "broadcast", "way": way, "server": server,
        "state": "ok", "reason": "", "marks": list(marks), "load": {"trials": trials}, "tally": tally, "usage": {},
        "derived": {
            "server_cpu_s_per_1000": 0.1, "wire_in_bytes_per_event": 200.0, "wire_out_bytes_per_event": 14.0,
            "requests_per_event": 0.25,
        },
    } | more  # fmt: skip


def bare(number, block, server, state, reason):
    given = record(number, block, server, 0, state=state, reason=reason)
    return {key: value for key, value in given.items() if key not in ("tally", "usage", "derived")}


def series(server, values, **more):
    start = sum(map(ord, server)) * 100
    return [record(start + block, block, server, value, **more) for block, value in enumerate(values, 1)]


REFERENCE = series("stdlib_asyncio", [2.0, 2.2, 1.8, 2.1, 1.9])


def write(folder, *trials, footer=True, planned=None):
    path = folder / "bench.jsonl"
    lines = [HEADER | {"planned": len(trials) if planned is None else planned}, *trials]
    lines += [{"kind": "footer", "counts": {"ok": len(trials)}, "seconds": 1}] if footer else []
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def rows(path, way="sse"):
    return {row.server: row for row in reading.read(path).tables["broadcast", way]}


def test_a_table_has_medians_intervals_ratio_and_rank(tmp_path):
    path = write(tmp_path, *REFERENCE, *series("a_slow", [8.0, 8.8, 7.2, 8.4, 7.6]))
    told = show.show(path)
    assert "broadcast by sse" in told
    assert re.search(r"stdlib_asyncio +2\.00 +6\.00 +- +100% +100 +214 B\n1 +1\.80-2\.20 +5\.40-6\.60", told)
    assert re.search(
        r"a_slow +8\.00 +24\.0 +4\.00 +100% +100 +214 B\n2 +7\.20-8\.80 .* 4\.00-4\.00 .* 0\.25 req", told
    )
    assert told.index("stdlib_asyncio ") < told.index("a_slow ")  # the best stands first
    assert "cut short" not in told and "no ranking claimed" not in told


def test_a_tie_is_said_as_a_tie(tmp_path):
    tied = series("a_like", [1.8, 2.3, 1.9, 2.0, 2.2])
    path = write(tmp_path, *REFERENCE, *tied, *series("z_slow", [9.0] * 5))
    assert {name: row.rank for name, row in rows(path).items()} == {
        "stdlib_asyncio": "1, tied",
        "a_like": "1, tied",
        "z_slow": "3",
    }
    assert show.show(path).count("1, tied") == 2


def test_marked_trials_rank_nobody_and_the_reason_is_told(tmp_path):
    marked = series("a_bound", [1.0] * 5)
    marked[0]["marks"] = ["generator-bound: the generator lagged by 12.0 ms at p99, the limit is 10 ms"]
    path = write(tmp_path, *REFERENCE, *marked)
    assert rows(path)["a_bound"].rank == "" and rows(path)["stdlib_asyncio"].rank == "1"
    told = show.show(path)
    assert "a_bound: 1 of 5 trials generator-bound: the generator lagged by 12.0 ms" in told
    assert "a_bound: 4 trials count, a rank takes 5" in told
    assert re.search(r"a_bound .*\nnot ranked", told)


def test_loss_voids_the_latency_and_shows_beside_it(tmp_path):
    lossy = series("a_lossy", [1.0] * 5, marks=["lossy: 1 of 2,000,000 events due were not seen"])
    for each in lossy:
        each["tally"] |= {"seen": 1_999_999, "due": 2_000_000}
    told = show.show(write(tmp_path, *REFERENCE, *lossy))
    assert re.search(r"a_lossy +void +void +- +99\.99%", told)
    assert "a_lossy: 5 of 5 trials lossy: 1 of 2,000,000 events due were not seen" in told


def test_failed_and_skipped_trials_are_told_with_their_reason(tmp_path):
    failed = bare(900, 1, "a_dead", "failed", "the server ended in mid-trial:\n\x1b[31mboom")
    skipped = bare(901, 1, "a_less", "skipped", "a_less does not declare 'websocket'")
    told = show.show(write(tmp_path, *REFERENCE, failed, skipped))
    assert "a_dead: 1 of 1 trials failed: the server ended in mid-trial: | \\x1b[31mboom" in told
    assert "a_less: 1 of 1 trials skipped: a_less does not declare 'websocket'" in told


def test_a_trial_that_was_run_again_counts_as_it_was_the_last_time(tmp_path):
    path = write(tmp_path, bare(7, 1, "a_one", "failed", "boom"), record(7, 1, "a_one", 3.0), planned=1)
    assert rows(path)["a_one"].figures["staleness.p50"].median == 3e6
    assert "boom" not in show.show(path) and reading.read(path).complete


def test_fewer_than_five_trials_claim_no_ranking(tmp_path):
    few = [record(n, n, "a_one", 2.0, trials=3) for n in (1, 2, 3)]
    told = show.show(write(tmp_path, *few))
    assert "a quick look: no ranking claimed (3 trials of each, a rank takes 5)" in told
    assert "not ranked" in told


def test_a_quantile_of_too_few_samples_is_not_told(tmp_path):
    path = write(tmp_path, *series("a_few", [2.0] * 5, n=999))
    assert set(rows(path)["a_few"].figures) == {"staleness.p50"}
    assert re.search(r"a_few +2\.00 +- ", show.show(path))


def test_a_scenario_says_which_figures_it_is_about(tmp_path):
    def capacity(number, block, server, largest):
        given = record(number, block, server, 1.0, figures=["largest", "kib_per_stream"])
        given["tally"] |= {"largest": largest}
        given["derived"]["kib_per_stream"] = 17.5
        return given

    more = [capacity(block, block, "a_more", 900 + block) for block in range(1, 6)]
    less = [capacity(10 + block, block, "b_less", 100 + block) for block in range(1, 6)]
    told = show.show(write(tmp_path, *less, *more))
    assert re.search(r"a_more +903 +17\.5 .*\n1 ", told) and re.search(r"b_less +103 +17\.5 .*\n2 ", told)
    assert told.index("a_more") < told.index("b_less")  # more is better


def test_a_run_that_was_cut_short_says_so_and_how_to_go_on(tmp_path):
    told = show.show(write(tmp_path, *REFERENCE, footer=False, planned=12))
    assert "This run was cut short: 7 of 12 trials are missing. The rest: nox -s bench -- --resume r" in told
    assert "cut short: 7" in show.show(write(tmp_path, footer=False, planned=7))
    assert "cut short: 1" in show.show(write(tmp_path, *REFERENCE, planned=6))  # whatever wrote the footer


def test_80_columns_are_enough_and_a_pipe_gets_no_control_character(tmp_path):
    wide = series("starlette_uvicorn", [12345.6, 23456.7, 34567.8, 11111.1, 22222.2], way="poll-5s")
    told = show.show(write(tmp_path, *REFERENCE, *wide))
    table = [line for line in told.splitlines() if not line.startswith("run ")]
    assert max(map(len, table)) <= 80 and "…" not in told
    assert re.fullmatch(r"[^\x00-\x09\x0b-\x1f\x7f]*", told)
    assert "\x1b[" in show.show(tmp_path / "bench.jsonl", colour=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "holds no benchmark: sseproof report 20260101-aa"),
        ("", "holds no results"),
        ("hello\n", "its first line is no header of format 1"),
        ('{"kind": "header", "format": 1}\n', "line 1, is damaged"),
        (json.dumps(HEADER) + '\n{"kind": "trial"}\n', "line 2, is damaged"),
        (
            json.dumps(HEADER) + "\n" + json.dumps(record(1, 1, "a", 1.0, tally=3)) + "\n",
            "line 2, is damaged: tally is 3, expected object",
        ),
    ],
)
def test_a_bad_file_is_told_and_is_exit_code_3(tmp_path, capsys, text, told):
    folder = tmp_path / "results" / "20260101-aa"
    folder.mkdir(parents=True)
    if text is not None:
        (folder / "bench.jsonl").write_text(text)
    assert show.main(["20260101-aa"], tmp_path) == 3
    error = capsys.readouterr().err
    assert re.search(told, error) and error.startswith("sseproof show: ") and error.count("\n") == 1
    with pytest.raises(results.ResultsError):
        reading.read(folder / "bench.jsonl")


def test_a_run_is_found_by_id_and_by_file_and_a_near_one_is_named(tmp_path, capsys):
    folder = tmp_path / "results" / "20260101-aa"
    folder.mkdir(parents=True)
    path = write(folder, *REFERENCE)
    assert show.main([str(path)], tmp_path) == show.main(["20260101-aa"], tmp_path) == 0
    assert capsys.readouterr().out.count("stdlib_asyncio  ") == 2
    assert show.main(["20260101-ab"], tmp_path) == 3
    assert "did you mean 20260101-aa?" in capsys.readouterr().err
    assert show.main([str(folder)], tmp_path) == 0
    assert show.main([], tmp_path) == show.main(["--bogus"], tmp_path) == 2
    assert capsys.readouterr().err.count("--help has examples") == 2
    with pytest.raises(SystemExit) as ended:
        show.main(["--help"], tmp_path)
    assert ended.value.code == 0 and "examples:" in capsys.readouterr().out
