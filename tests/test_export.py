"""Runs for other programs: what JUnit, Markdown, tables and badges say, whatever a server or a file holds."""

import functools
import io
import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from sseproof import __main__ as command_line
from sseproof import badge, benchoptions, export, junit, records, results, sources, summary

ROOT = Path(__file__).parent.parent
HOSTILE = "]]></x><script>alert(1)</script>|`@octocat` **b** [a](javascript:x) #1\x1b[31m\u202e\x00\ufffe\ud800&amp;\r\n| --- |"
MACHINE = {"cores": 2, "memory_bytes": 8_000_000_000, "kernel": "Linux 6", "python": "3.11.7", "cpu": "a cpu"}


def conformance(folder, *verdicts, servers=("a_b",), footer=True, problems=(), head=None):
    """Have our writer write a run of these verdicts; what they do not say is that of a passed case."""
    path = folder / "results" / "r1" / "conformance.jsonl"
    names = {name: name for name in servers}
    header = {
        "run": "r1", "started": "2026-11-21T02:00:00Z", "revision": "abc", "machine": MACHINE, "seed": 7, "servers": names,
        "versions": {"h11": "0.16"}, "with": [], "options": [],
    }  # fmt: skip
    with results.Writer(path, header | (head or {})) as writer:
        for name in servers:
            about = {"framework": "f", "encoder": "e", "encoder_version": "1.0", "capabilities": []}
            writer.line("server", {"name": name, "about": about})
        for number, fields in enumerate(verdicts):
            record = dict.fromkeys(results.COLUMNS, "") | {
                "parameters": {"n": "1"},
                "seconds": 0.25,
                "level": "required",
            }
            record |= {
                "server": servers[0],
                "group": "framing",
                "case": f"test_case_{number}",
                "verdict": "pass",
            }
            writer.line("verdict", record | fields)
        counts = Counter(str(fields.get("verdict", "pass")) for fields in verdicts)
        if footer:
            writer.line(
                "footer", {"counts": counts, "seconds": 3.2, "exit": 1, "slow": 4, "problems": list(problems)}
            )
    return path


def trial(number, server="a_b", p50_ms=2.0, **more):
    quantile = {
        "n": 2000,
        "p50": int(p50_ms * 1e6),
        "p90": 3,
        "p99": int(p50_ms * 3e6),
        "p99.9": 9,
        "max": 10,
        "mean": 1.5,
    }
    tally = {
        "seen": 2000,
        "due": 2000,
        "quantiles": {"staleness": quantile},
        "failures": {"cut": 2},
        "histograms": {"staleness": "HISTX"},
    }
    return {
        "number": number, "block": number, "scenario": "broadcast", "way": "sse", "transport": "sse", "server": server,
        "state": "ok", "reason": "", "marks": [], "load": {"trials": 5, "users": 50, "spawn_rate": 50}, "tally": tally,
        "usage": {"cpu_s": 1.25, "fds": 9}, "seconds": 4.5, "load_average": 1,
        "derived": {"server_cpu_s_per_1000": 0.1, "wire_in_bytes_per_event": 200.0, "wire_out_bytes_per_event": 14.0,
                    "requests_per_event": 0.25},
    } | more  # fmt: skip


def benchmark(folder, *trials, footer=True, **header):
    path = folder / "results" / "r1" / "bench.jsonl"
    head = {
        "run": "r1", "started": "2026-11-21T02:00:00Z", "machine": MACHINE, "seed": 1, "servers": {}, "planned": len(trials),
        "options": {"profile": "full"},
    }  # fmt: skip
    with results.Writer(path, head | header) as writer:
        for record in trials:
            writer.line("trial", record)
        if footer:
            writer.line("footer", {"counts": {"ok": len(trials)}, "seconds": 1})
    return path


def read(*paths):
    return sources.read(paths)


ALL = [
    {"verdict": "pass"},
    {
        "verdict": "fail",
        "because": "received 1, expected 2\nmore",
        "transcript": "> GET /",
        "why": "So it is.",
    },
    {"verdict": "warn", "level": "recommended", "because": "a good server would"},
    {"verdict": "note", "level": "observed", "finding": "answers 200"},
    {"verdict": "known", "because": "received 3", "known": "it is so (x 3.0)"},
    {"verdict": "stale", "because": "it passes, yet it is listed"},
    {"verdict": "skip", "because": "a_b does not declare 'blocking'"},
    {"verdict": "error", "because": "launch: a_b has no uv"},
]


# -- JUnit

SUITE = {
    "name",
    "tests",
    "failures",
    "errors",
    "group",
    "time",
    "skipped",
    "timestamp",
    "hostname",
    "id",
    "package",
    "file",
}
TOLD = {"type", "message"}
JUNIT_10 = {  # of jenkinsci/xunit-plugin's junit-10.xsd: what each element may hold, may have and must have
    "testsuites": ({"testsuite"}, {"name", "time", "tests", "failures", "errors"}, set()),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"}, SUITE, {"name", "tests", "failures", "errors"}
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, {"name", "value"}),
    "testcase": (
        {"skipped", "error", "failure", "system-out", "system-err"}, {"name", "time", "classname", "group"}, {"name"}
    ),
    "skipped": (set(), TOLD, set()), "error": (set(), TOLD, set()), "failure": (set(), TOLD, set()),
    "system-out": (set(), set(), set()), "system-err": (set(), set(), set()),
}  # fmt: skip


def xml(*paths):
    """Parse the XML of a run and hold it against the schema of Jenkins."""
    root = ElementTree.fromstring(junit.render(read(*paths).conformance))
    for element in root.iter():
        children, attributes, needed = JUNIT_10[element.tag]
        assert {child.tag for child in element} <= children
        assert needed <= element.attrib.keys() <= attributes
        assert re.fullmatch(r"\d+\.\d{3}", element.get("time", "0.000"))
    for suite in root:
        for name, tags in (
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            assert int(suite.get(name)) == len(list(suite.iter(tags)))
    for name in ("tests", "failures", "errors"):
        assert int(root.get(name)) == sum(int(suite.get(name)) for suite in root)
    return root


def test_junit_fails_what_the_exit_code_fails(tmp_path):
    [suite] = xml(conformance(tmp_path, *ALL))
    cases = suite.findall("testcase")
    assert [[child.tag for child in case] for case in cases] == [
        [], ["failure"], ["system-out"], ["system-out"], ["system-out"], ["failure"], ["skipped"], ["error"],
    ]  # fmt: skip
    assert (cases[1].get("classname"), cases[1].get("name")) == ("a_b.framing", "test_case_1")
    assert cases[1].get("time") == "0.250"
    failure = cases[1][0]
    assert (failure.get("type"), failure.get("message")) == ("fail", "received 1, expected 2")
    for words in ("more", "> GET /", "So it is.", "nox -s conformance -- --server a_b -k test_case_1"):
        assert words in failure.text
    assert "known: missed, and listed" in cases[4][0].text and "it is so (x 3.0)" in cases[4][0].text
    assert cases[6][0].get("message") == "a_b does not declare 'blocking'"
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert (
        properties.items() >= {"run": "r1", "seed": "7", "version.h11": "0.16", "server.encoder": "e"}.items()
    )
    assert suite.get("timestamp") == "2026-11-21T02:00:00"


def test_junit_has_a_suite_for_each_server(tmp_path):
    path = conformance(tmp_path, {}, {"server": "c.d"}, servers=("a_b", "c.d", "never_reached"))
    suites = xml(path)
    assert [(suite.get("name"), suite.get("tests")) for suite in suites] == [
        ("a_b", "1"), ("c.d", "1"), ("never_reached", "0"),
    ]  # fmt: skip
    assert suites[1].find("testcase").get("classname") == "c_d.framing"


def test_junit_takes_no_half_run_for_a_green_one(tmp_path):
    suite, whole = xml(conformance(tmp_path, {}, footer=False))
    assert (suite.get("errors"), whole.get("errors")) == ("0", "1")
    assert "cut short" in whole.find("testcase/error").get("message")


def test_junit_tells_of_a_ledger_that_is_wrong(tmp_path):
    _, whole = xml(conformance(tmp_path, {}, problems=["line 3 matches nothing"]))
    assert whole.find("testcase/error").text == "line 3 matches nothing"


def test_junit_tells_a_launch_that_failed_once(tmp_path):
    launch = {"verdict": "error", "because": "launch: a_b has no uv\n" + "x" * 5_000}
    made = junit.render(read(conformance(tmp_path, *[launch] * 50)).conformance)
    assert made.count(b"x" * 5_000) == 1 and len(made) < 40_000
    assert ElementTree.fromstring(made).get("errors") == "50"


@pytest.mark.parametrize(
    "field", ["server", "case", "group", "because", "finding", "known", "transcript", "why", "anchor"]
)
@pytest.mark.parametrize("verdict", ["fail", "known", "skip", "error"])
def test_junit_is_xml_whatever_a_server_wrote(tmp_path, field, verdict):
    path = conformance(tmp_path, {"verdict": verdict, field: HOSTILE})
    xml(path)
    assert not re.search(b"[\x00\x1b]|\xef\xbf\xbe", junit.render(read(path).conformance))


def test_junit_cuts_a_megabyte_and_says_so(tmp_path):
    made = junit.render(
        read(conformance(tmp_path, {"verdict": "fail", "transcript": "y" * 1_000_000})).conformance
    )
    assert len(made) < 20_000 and b"more characters not shown" in made


def test_an_unknown_verdict_is_no_pass(tmp_path, untyped):
    found = read(conformance(tmp_path, {"verdict": "passed"}))
    assert ElementTree.fromstring(junit.render(found.conformance)).get("errors") == "1"
    assert ">0/1, 1 error<" in badge.of(found.conformance)["a_b"]


# -- Markdown


class Outline(HTMLParser):
    """What GitHub would make of it: tags, and the text that stands in no code."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.bare, self.code, self.inside = Counter(), "", "", 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.inside += tag == "code"

    def handle_endtag(self, tag):
        self.inside -= tag == "code"

    def handle_data(self, data):
        if self.inside:
            self.code += data
        else:
            self.bare += data


def outline(markdown):
    return Outline(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


OURS = {"h1", "h2", "h3", "p", "strong", "em", "code", "ul", "li", "a", "table", "thead", "tbody", "tr", "th", "td",
        "details", "summary"}  # fmt: skip


def test_the_summary_tells_each_miss_and_how_to_run_it_again(tmp_path):
    told = summary.render(read(conformance(tmp_path, *ALL)), page="https://example.org/runs/1?x=2#y")
    for words in (
        "**1 fail, 1 stale, 1 error.**", "| server | `framing` |", "| `a_b` | 1/6 1F 1w 1k 1S 1E |",
        "- **fail** `a_b` `framing`: `case 1`: `received 1, expected 2`; run `nox -s conformance -- --server a_b -k test_case_1`",
        "- **error** `a_b`: 1 cases not judged: `a_b has no uv`", "`it is so (x 3.0)`", "`a good server would`", "seed `7`",
        "[https://example.org/runs/1?x=2#y](https://example.org/runs/1?x=2#y)",
    ):  # fmt: skip
        assert words in told
    seen = outline(told)
    assert seen.tags["table"] == 1 and seen.tags["details"] == 1 and seen.tags.keys() <= OURS


def test_the_summary_of_a_good_run_says_so_and_of_a_cut_one_does_not(tmp_path):
    good = "No required case is missed that is not listed as known."
    assert good in summary.render(read(conformance(tmp_path / "1", {}, {"verdict": "known", "known": "so"})))
    cut = summary.render(read(conformance(tmp_path / "2", {}, footer=False)))
    assert good not in cut and "the run was cut short" in cut
    assert "Nothing was judged." in summary.render(read(conformance(tmp_path / "3")))


def test_the_summary_has_the_benchmarks_tables(tmp_path):
    reference = [trial(number, "stdlib_asyncio", 2 + number / 10) for number in range(1, 6)]
    slow = [trial(number + 5, "z_slow", 9.0 + number, block=number) for number in range(1, 6)]
    lossy = trial(11, "a_lossy", marks=["lossy: 1 of 2,000 events"], tally=trial(0)["tally"] | {"seen": 1999})
    told = summary.render(read(benchmark(tmp_path, *reference, *slow, lossy, footer=False, planned=12)))
    assert re.search(
        r"\| `stdlib_asyncio` \| 1 \| 2\.30 \[2\.10, 2\.50\] \| 6\.90 \[6\.30, 7\.50\] \| - \| 100% \| 100 \[100, 100\]",
        told,
    )
    assert re.search(r"\| `z_slow` \| 2 \| 12\.0 \[10\.0, 14\.0\] \|", told)
    assert re.search(r"\| `a_lossy` \| not ranked \| void \| void \| - \| 99\.95% \|", told)
    assert "- `a_lossy`: `1 of 1 trials lossy: 1 of 2,000 events`" in told
    assert "11 of `12` trials are there" in told and "`nox -s bench -- --resume r1`" in told
    assert outline(told).tags["table"] == 1


@pytest.mark.parametrize("field", ["server", "case", "group", "because", "known"])
@pytest.mark.parametrize("verdict", ["fail", "known", "error"])
def test_what_a_server_wrote_is_no_markdown(tmp_path, field, verdict):
    told = summary.render(read(conformance(tmp_path, {"verdict": verdict, "known": "so", field: HOSTILE})))
    seen = outline(told)
    assert seen.tags.keys() <= OURS
    assert not re.search(r"@|octocat|javascript|alert", seen.bare)
    assert not re.search("[\x00\x1b\u202e\ud800\r]", told)
    assert seen.tags["a"] == 1  # the page's
    rows = [len(re.findall(r"(?<!\\)\|", line)) for line in told.splitlines() if line.startswith("|")]
    assert len(rows) >= 3 and len(set(rows)) == 1


def test_a_hostile_benchmark_is_no_markdown_either(tmp_path, untyped):
    records_ = [trial(1, HOSTILE, scenario=HOSTILE, way=HOSTILE, figures=[HOSTILE, "a|b"], marks=[HOSTILE])]
    told = summary.render(
        read(benchmark(tmp_path, *records_, machine={"cores": HOSTILE, "cpu": HOSTILE}, options={}))
    )
    seen = outline(told)
    assert seen.tags.keys() <= OURS and seen.tags["table"] == 1
    assert not re.search(r"@|octocat|javascript|alert", seen.bare)


def test_the_summary_keeps_githubs_limit(tmp_path):
    servers = [f"s_{number}" for number in range(400)]
    many = [
        {"verdict": "known", "known": "k" * 9_000, "server": server} for server in servers for _ in range(15)
    ]
    told = summary.render(read(conformance(tmp_path, *many, servers=servers)))
    assert 900_000 < len(told.encode()) <= summary.LIMIT_BYTES
    assert "more lines would be more than a summary may hold" in told
    assert told.count("<details>") == told.count("</details>") == 1
    assert told.rstrip().endswith("[index.html](index.html)")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "x](y)", "a b", "https://x/ )[b]"]
)
def test_only_an_address_becomes_a_link(tmp_path, link):
    assert outline(summary.render(read(conformance(tmp_path, {})), page=link)).tags["a"] == 0


# -- tables


def test_verdicts_are_a_row_each_in_csv_and_parquet(tmp_path):
    table = records.verdicts(
        read(conformance(tmp_path, *ALL, {"because": "=1+1", "finding": HOSTILE})).conformance
    )
    assert list(table) == ["run", *results.COLUMNS]
    assert table["run"].unique().tolist() == ["r1"]
    assert table.loc[1, "because"] == "received 1, expected 2\nmore"  # uncut
    assert table.loc[0, "parameters"] == '{"n": "1"}'
    assert table.loc[8, "because"] == "=1+1"  # as it was recorded
    again = pd.read_csv(io.BytesIO(records.csv(table)), dtype=records.VERDICT, keep_default_na=False)
    assert again["finding"].tolist()[-1].replace("\r\n", "\n") == table["finding"].tolist()[-1].replace(
        "\r\n", "\n"
    )
    assert again["seconds"].tolist() == table["seconds"].tolist()
    pytest.importorskip("pyarrow")
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(records.parquet(table))), table)


def test_trials_are_a_row_each_with_types(tmp_path):
    failed = {
        key: value
        for key, value in trial(2, state="failed", reason="boom").items()
        if key not in ("tally", "usage", "derived")
    }
    table = records.trials(read(benchmark(tmp_path, trial(1), failed)).bench)
    assert list(table) == ["run", *records.TRIAL]
    assert {name: str(kind) for name, kind in table.dtypes.items() if name != "run"} == {
        name: kind for name, (_, kind) in records.TRIAL.items()
    }
    one, two = table.to_dict("records")
    assert one.items() >= {
        "run": "r1", "number": 1, "server": "a_b", "marks": "[]", "load_users": 50, "load_spawn_rate": 50.0, "due": 2000,
        "failures": '{"cut": 2}', "staleness_n": 2000, "staleness_p50_ns": 2_000_000, "staleness_p99_9_ns": 9,
        "server_cpu_s": 1.25, "server_fds": 9, "server_cpu_s_per_1000": 0.1, "seconds": 4.5,
    }.items()  # fmt: skip
    assert (two["state"], two["reason"], pd.isna(two["due"])) == ("failed", "boom", True)
    pytest.importorskip("pyarrow")
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(records.parquet(table))), table)


def test_the_tables_types_are_the_same_whatever_was_measured(tmp_path, untyped):
    one = records.trials(read(benchmark(tmp_path / "1", trial(1))).bench)
    odd = trial(
        1, load={"trials": 5, "users": "many", "spawn_rate": True}, seconds=2**70, usage=[1], judged=1.5
    )
    other = records.trials(read(benchmark(tmp_path / "2", odd)).bench)
    assert one.dtypes.tolist() == other.dtypes.tolist()
    assert (
        pd.isna(other.loc[0, "load_users"])
        and pd.isna(other.loc[0, "load_spawn_rate"])
        and pd.isna(other.loc[0, "seconds"])
    )


def test_histograms_are_a_choice(tmp_path):
    run = read(benchmark(tmp_path, trial(1))).bench
    assert "staleness_histogram" not in records.trials(run)
    assert records.trials(run, histograms=True).loc[0, "staleness_histogram"] == "HISTX"


# -- badges


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", badge.COLOURS.values())
def test_a_badges_white_text_can_be_read(colour):
    assert 1.05 / (luminance(colour) + 0.05) > 5


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"pass": 849, "known": 1, "note": 20, "skip": 3}, ("849/850, 1 known", "mixed")),
        ({"pass": 850}, ("850/850", "good")),
        ({"pass": 4_800, "fail": 3, "warn": 1}, ("4,800/4,804, 3 fail, 1 warn", "bad")),
        ({"error": 850}, ("0/850, 850 error", "bad")),
        ({"stale": 1}, ("0/1, 1 stale", "bad")),
        ({"note": 3}, ("not judged", "none")),
        ({}, ("not judged", "none")),
    ],
)
def test_a_badge_counts_what_was_judged(counts, said):
    assert badge.message(counts) == said


def test_a_badge_of_half_a_run_is_not_green(tmp_path):
    [svg] = badge.of(read(conformance(tmp_path, {}, footer=False)).conformance).values()
    assert ">1/1, cut short<" in svg and badge.COLOURS["good"] not in svg


@pytest.mark.parametrize("name", ["a_b", HOSTILE, "日本語", "e\u0301", "x" * 10_000])
def test_a_badge_is_an_image_with_a_name_whatever_that_is(name):
    svg = badge.render(name, {"pass": 849, "known": 1})
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert (root.get("role"), root.find(f"{space}title").text) == ("img", root.get("aria-label"))
    assert root.get("aria-label").endswith(": SSE conformance: 849/850, 1 known") and len(svg) < 2_000
    assert {element.tag.removeprefix(space) for element in root.iter()} == {
        "svg",
        "title",
        "clipPath",
        "rect",
        "g",
        "text",
    }
    texts = root.findall(f"{space}g/{space}text")
    assert [text.text for text in texts] == ["SSE conformance", "849/850, 1 known"]
    end = float(texts[1].get("x")) + float(texts[1].get("textLength")) + badge.PAD
    assert end == pytest.approx(float(root.get("width")), abs=0.2)


def test_badges_have_files_names_no_two_alike():
    names = ["../x", "..", "/etc/passwd", "A_b", "a_B", "", "con:ä", ".hidden", "a/b", "a\\b", "y" * 500]
    files = badge.files(names)
    assert list(files) == names
    assert all(
        re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.svg", file) and len(file) < 100 for file in files.values()
    )
    assert len({file.lower() for file in files.values()}) == len(names)
    assert files["A_b"] == "A_b.svg" and files["../x"] == "x.svg"


# -- the command


@pytest.fixture
def root(tmp_path):
    conformance(tmp_path, *ALL)
    benchmark(tmp_path, trial(1))
    return tmp_path


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


EVERYTHING = [
    "badges/a_b.svg", "conformance.junit.xml", "schema/bench.schema.json", "schema/conformance.schema.json", "summary.md",
    "trials.csv", "trials.parquet", "verdicts.csv", "verdicts.parquet",
]  # fmt: skip


def test_export_writes_everything_and_prints_each_path(root, capsys):
    pytest.importorskip("pyarrow")
    assert export.main(["r1"], root) == 0
    assert files_of(root / "reports" / "r1") == EVERYTHING
    assert sorted(capsys.readouterr().out.split()) == [f"reports/r1/{name}" for name in EVERYTHING]


def test_export_writes_only_what_is_asked_for_where_it_is_asked_for(root, capsys):
    assert (
        export.main(["--only", "junit,summary", "--to", str(root / "out"), "--link", "https://x/y"], root)
        == 0
    )
    assert files_of(root / "out") == ["conformance.junit.xml", "summary.md"]
    assert "(https://x/y)" in (root / "out" / "summary.md").read_text()
    assert not (root / "reports").exists()


def test_without_pyarrow_the_rest_is_written_and_it_is_said(root, capsys, monkeypatch):
    monkeypatch.setattr(export, "has_pyarrow", lambda: False)
    assert export.main(["r1"], root) == 0
    assert files_of(root / "reports" / "r1") == [name for name in EVERYTHING if "parquet" not in name]
    assert "pip install -e '.[report]'" in capsys.readouterr().err
    assert export.main(["r1", "--only", "parquet"], root) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "junti"], "there is no 'junti', did you mean junit?"),
        (["--only", ","], "nothing is named"),
        (["--onyl", "junit"], "--help has examples"),
    ],
)
def test_a_wrong_command_line_is_said_with_2(root, capsys, arguments, says):
    assert export.main(arguments, root) == 2
    told = capsys.readouterr()
    assert told.out == "" and says.replace(", did", "") in told.err.replace("; did", "").replace(", did", "")


def test_a_folder_that_is_a_file_is_said_with_2(root, capsys):
    (root / "file").write_text("")
    assert export.main(["r1", "--to", str(root / "file")], root) == 2
    assert "file" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "no json\n", "{}\n", '{"kind": "header", "format": 2}\n'])
def test_what_is_no_result_file_is_said_with_3(tmp_path, capsys, content):
    path = tmp_path / "results" / "bad" / "conformance.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert export.main(["bad"], tmp_path) == 3
    assert "conformance.jsonl" in capsys.readouterr().err
    assert export.main(["not-there"], tmp_path) == 3


def test_of_two_files_the_readable_one_is_exported_and_the_other_told(root, capsys):
    (root / "results" / "r1" / "bench.jsonl").write_text("no json\n")
    assert export.main(["r1", "--only", "csv"], root) == 3
    told = capsys.readouterr()
    assert told.out.split() == ["reports/r1/verdicts.csv"] and "bench.jsonl" in told.err


@pytest.mark.parametrize(
    "header",
    [{"servers": [1]}, {"servers": 3}, {"with": 7}, {"versions": [1]}, {"run": "../../x"}, {"seed": {}}],
)
@pytest.mark.parametrize(
    "field", ["none", "server", "case", "group", "because", "seconds", "parameters", "verdict"]
)
def test_records_that_are_none_are_never_a_traceback(tmp_path, header, field, capsys, untyped):
    verdict = {"verdict": "fail"} | ({} if field == "none" else {field: [{"a": 1}]})
    conformance(tmp_path, verdict, head=header)
    assert export.main(["r1"], tmp_path) in (0, 3)
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} <= {"results", "reports"}
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../x", "../../../x", "/tmp/x", "..", "a/../../b"])
def test_no_servers_name_leaves_the_folder(tmp_path, name):
    conformance(tmp_path, {"server": name}, servers=(name,))
    before = files_of(tmp_path)
    assert export.main(["r1", "--to", str(tmp_path / "deep" / "out"), "--only", "badges"], tmp_path) == 0
    [made] = set(files_of(tmp_path)) - set(before)
    assert re.fullmatch(r"deep/out/badges/[\w-][\w.-]*\.svg", made)


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as ended:
        export.main(["--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0 and "examples:" in told and all(kind in told for kind in export.KINDS)


def test_write_can_be_called_with_what_was_read(root):
    made = export.write(sources.read([root / "results" / "r1"]), root / "out", ["junit", "badges"])
    assert made == [root / "out" / "conformance.junit.xml", root / "out" / "badges" / "a_b.svg"]


# -- what the workflows and docs/ci.md run is there

DOCUMENTS = [
    ROOT / "docs" / "ci.md",
    ROOT / "docs" / "results.md",
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
]
OF_PYTEST = {"-k", "-m", "-n"}


def commands(text, *, markdown):
    """Give what a document runs by nox or sseproof, as words; in prose a command stands in backquotes or is indented."""
    if markdown:
        text = "\n".join(re.findall(r"```.*?\n```|`[^`\n]+`|^    [^\n]*", text, re.DOTALL | re.MULTILINE))
    for line in re.findall(r"(?:^|[`(& ])((?:nox -s|sseproof) [^`\n]*)", text, re.MULTILINE):
        yield shlex.split(re.split(r" \|\| | && | > | >> |\)|, |  +", line)[0], posix=True)


@functools.cache
def of_help(command):
    ran = subprocess.run(
        [sys.executable, "-m", "sseproof", command, "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr
    return set(re.findall(r"--[\w-]+", ran.stdout))


def options_of(words):
    """Give the options that a command has, from its own help or, of the battery, from where it declares them."""
    if words[:2] == ["nox", "-s"]:
        sessions = words[2 : words.index("--")] if "--" in words else words[2:]
        assert set(sessions) <= SESSIONS, words
        battery = (ROOT / "sseproof" / "battery.py").read_text()
        return OF_PYTEST | set(re.findall(r'"(--\w+)"', battery)) if "conformance" in sessions else set(
            re.findall(r"--[\w-]+", benchoptions._parser().format_help())
        )  # fmt: skip
    assert words[1] in command_line.COMMANDS, words
    return of_help(words[1])


SESSIONS = set(re.findall(r"^@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_workflow_or_document_runs_is_there(document):
    seen = {tuple(words) for words in commands(document.read_text(), markdown=document.suffix == ".md")}
    assert seen or document.name == "ci.yml"
    for words in seen:
        own = words[words.index("--") + 1 :] if "--" in words else words[2:]
        given = {word.partition("=")[0] for word in own if re.match(r"--?\w", word)}
        assert given <= options_of(list(words)), words


@pytest.mark.parametrize("document", DOCUMENTS[2:], ids=lambda path: path.name)
def test_a_workflow_is_yaml_and_may_only_read(document):
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load(document.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] and job["runs-on"]
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert "github.event" not in step.get("run", "") and "inputs." not in step.get("run", "")


def test_the_workflows_that_are_shown_are_yaml():
    yaml = pytest.importorskip("yaml")
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
    assert [set(yaml.safe_load(block)) for block in blocks] == [
        {"name", True, "permissions", "jobs"},
        {"sse"},
    ]


def test_the_documents_name_each_file_and_kind():
    ci, about = (ROOT / "docs" / "ci.md").read_text(), (ROOT / "docs" / "results.md").read_text()
    for name in EVERYTHING:
        assert (
            name.replace("a_b", "SERVER").replace("bench.schema", "*").replace("conformance.schema", "*")
            in ci
        )
    for fields in (results.FIELDS, results.BENCH_FIELDS):
        assert all(f"| `{kind}` |" in about for kind in fields)
    assert (
        json.loads((ROOT / "sseproof/schema/bench.schema.json").read_text())["$id"] == "urn:sseproof:bench:1"
    )
