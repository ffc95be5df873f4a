"""The schemas of the result files: what our own writers write fits them, and what they would not write does not."""

import json
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest

from sseproof import (
    aftermath,
    bench,
    benchoptions,
    judge,
    machine,
    merge,
    records,
    results,
    run,
    sampling,
    tally,
    trial,
)
from sseproof.cases import Collected

ROOT = Path(__file__).parent.parent
SCHEMAS = {
    kind: json.loads((ROOT / "sseproof" / "schema" / f"{kind}.schema.json").read_text())
    for kind in ("conformance", "bench")
}
PASSED = {
    "kind": "verdict", "server": "a_b", "case": "test_x", "group": "framing", "parameters": {}, "level": "required",
    "anchor": "#x", "why": "so", "verdict": "pass", "seconds": 0.1, "because": "", "finding": "", "known": "",
    "transcript": "", "timed_out": False, "died": False,
}  # fmt: skip
ABOUT = {"name": "a_b", "framework": "f", "capabilities": []}


def wrong(kind, record):
    """Say what is wrong with a line, as of its own kind's definition."""
    schema = SCHEMAS[kind]
    whole = jsonschema.Draft202012Validator(schema)
    own = {"$ref": f"#/$defs/{record.get('kind')}", "$defs": schema["$defs"]}
    known = record.get("kind") in schema["$defs"]
    told = (
        [error.message for error in jsonschema.Draft202012Validator(own).iter_errors(record)]
        if known
        else ["kind"]
    )
    assert bool(told) != whole.is_valid(record)
    return told


@pytest.fixture(autouse=True)
def marks_of_the_battery(pytestconfig):
    pytestconfig.addinivalue_line("markers", "required: the battery's")


def conformance(folder, *made, status=1):
    """Have the battery's own plugin write a run of these records and give its lines."""
    option = SimpleNamespace(
        run="r", seed=7, with_=["x==1"], numprocesses=None, no_summary=True, keyword="", server=["a_b"]
    )
    config = SimpleNamespace(
        option=option,
        rootpath=folder,
        get_terminal_writer=lambda: SimpleNamespace(line=lambda *_: None),
        invocation_params=SimpleNamespace(args=["--seed", "7"]),
    )
    scripts = {"a_b": folder / "servers" / "a_b.py"}
    writer = run.Run(config, scripts, [], Collected(selected=len(made)))
    writer.pytest_sessionstart()
    for report in made:
        writer.pytest_runtest_logreport(report)
    writer.pytest_sessionfinish(SimpleNamespace(exitstatus=status))
    return [json.loads(line) for line in writer.path.read_text().splitlines()]


@pytest.mark.parametrize("parameter", ["\u2028"])
def test_what_the_battery_writes_fits(request, tmp_path, parameter):
    """Its reasons are said here."""
    request.node.add_marker(pytest.mark.required("#parsing-an-event-stream"))
    made = []
    for outcome in ("passed", "failed"):
        record = judge.record(request.node, "a_b", "test_x")
        raised = (
            None if outcome == "passed" else SimpleNamespace(value=AssertionError("received 1, expected 2"))
        )
        report = SimpleNamespace(
            when="call", skipped=False, failed=bool(raised), duration=0.01, longreprtext="", outcome=outcome
        )
        judge.judge(record, report, SimpleNamespace(excinfo=raised, when="call"), None)
        told = judge.clean(record | {"about": ABOUT})
        made.append(SimpleNamespace(sseproof=told, when="teardown", nodeid=f"x::{outcome}"))
    lost = SimpleNamespace(
        when="???", nodeid="conformance/test_x.py::test_y[a_b]", longrepr="its worker died"
    )
    lines = conformance(tmp_path, *made, lost)
    assert [line["kind"] for line in lines] == ["header", "server", "verdict", "verdict", "verdict", "footer"]
    assert [line["verdict"] for line in lines[2:5]] == ["pass", "fail", "error"]
    assert [wrong("conformance", line) for line in lines] == [[]] * 6


def options():
    return benchoptions.read_options(
        [
            "--no-conformance",
            "--server",
            "stdlib_asyncio",
            "--profile",
            "full",
            "--run",
            "a-run-that-is-not-there",
        ],
        ROOT,
    )


def measured(chosen, number=0):
    """Make a trial's record by the very functions a trial goes through, of a window in which nothing came."""
    counted = tally.Tally("sse", (1_000, 2_000))
    client = counted.add_client()
    counted.joined(client)
    publisher = {
        "sent": 3,
        "refused": 0,
        "late_p50_ns": 1,
        "late_p99_ns": 2,
        "late_max_ns": 3,
        "failure": None,
        "refusal": None,
        "due": 0,
    }
    process = {"pid": 7, "cpu_s": 0.1, "wall_s": 1.0, "cpu_share": 0.1, "rss_bytes": 1, "streams": 1}
    told = merge.merge([counted.state()], (1_000, 2_000), publisher, [process]) | {"problems": []}
    samples = [
        sampling.Sample(at_ns, cpu_s, 9, 3, 1, 4096, 1 << 20, 1 << 19)
        for at_ns, cpu_s in ((900, 0.1), (1_500, 0.2), (2_100, 0.3))
    ]
    usage = sampling.within(samples, 1_000, 2_000, samples[0])
    record = trial.blank(chosen.trials[number]) | {"judged": 0, "missed": [], "connections_before": 0}
    record |= {"tally": told, "usage": usage, "derived": aftermath.derived(told, usage)}
    return record | {"marks": aftermath.marks(told), "seconds": 1.25, "load_average": 0.5}


def benchmark(folder, monkeypatch):
    monkeypatch.setattr(bench, "PACKAGES", ("h11",))  # locust need not be here
    chosen = options()
    header = bench._header(
        chosen, trial.Setting(scripts=chosen.scripts), machine.describe() | machine.limits()
    )
    skipped = trial.skipped(chosen.trials[1], trial.Setting(scripts={}), "it does not declare 'websocket'")
    path = folder / "bench.jsonl"
    with results.Writer(path, header) as writer:
        writer.line("server", {"name": "stdlib_asyncio", "about": ABOUT})
        writer.line("trial", measured(chosen))
        writer.line("trial", trial.finish(skipped))
        writer.line("footer", {"counts": {"ok": 1, "skipped": 1}, "seconds": 3.5})
    resumed = {"started": header["started"], "load_average": 0.1, "revision": ""}
    results.Writer(path, resumed, resume=True).close()
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_the_benchmark_writes_fits(tmp_path, monkeypatch):
    lines = benchmark(tmp_path, monkeypatch)
    assert [line["kind"] for line in lines] == ["header", "server", "trial", "trial", "footer", "resumed"]
    assert [line.get("state") for line in lines[2:4]] == ["ok", "skipped"]
    assert [wrong("bench", line) for line in lines] == [[]] * 6


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "passed"}, {"seconds": -0.1}, {"seconds": "0.1"}, {"kind": "verdicts"}, {"case": ""},
        {"level": "optional"}, {"parameters": []}, {"died": 1}, {"surprise": 1}, {"verdict": "fail"},
        {"verdict": "warn", "because": "x"}, {"verdict": "known", "because": "x"}, {"verdict": "note"},
    ],
    ids=str,
)  # fmt: skip
def test_a_verdict_that_nobody_writes_does_not_fit(change):
    assert wrong("conformance", PASSED) == []
    assert wrong("conformance", PASSED | change)


@pytest.mark.parametrize("name", sorted(PASSED))
def test_a_verdict_without_one_of_its_fields_does_not_fit(name):
    assert wrong("conformance", {key: value for key, value in PASSED.items() if key != name})


def at(record, path, value):
    """Change one leaf of a copy; a value of None takes it out."""
    copy = json.loads(json.dumps(record))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("state",), "good"), (("seconds",), -1), (("number",), 0), (("load", "users"), 1.5), (("tally",), None),
        (("load", "drain_s"), -0.1), (("tally", "seen"), -1), (("tally", "quantiles", "staleness", "p99"), None),
        (("tally", "quantiles", "staleness", "p50"), -5), (("tally", "quantiles", "new"), {}), (("usage",), None),
        (("usage", "cpu_s"), -0.1), (("derived", "seen_share"), "all"), (("transport",), "smoke"), (("marks",), ""),
        (("tally", "window", "from_ns"), None), (("missed",), ["a case"]), (("reason",), "why"), (("tally", "clock"), "sun"),
    ],
    ids=str,
)  # fmt: skip
def test_a_trial_that_nobody_writes_does_not_fit(path, value):
    record = {"kind": "trial", **measured(options())}
    record["marks"] = []
    assert wrong("bench", record) == []
    assert wrong("bench", at(record, path, value))


def test_schemas_and_reader_ask_for_the_same():
    for kind, fields in (("conformance", results.FIELDS), ("bench", results.BENCH_FIELDS)):
        kinds = {definition["$ref"].rpartition("/")[2] for definition in SCHEMAS[kind]["oneOf"]}
        assert kinds == fields.keys()
        for name, needed in fields.items():
            assert set(needed) <= set(SCHEMAS[kind]["$defs"][name]["required"])
            assert SCHEMAS[kind]["$defs"][name]["additionalProperties"] is False
        assert SCHEMAS[kind]["$defs"]["header"]["properties"]["format"] == {"const": results.FORMAT}
        jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


def test_verdicts_levels_and_columns_are_the_schemas():
    verdict = SCHEMAS["conformance"]["$defs"]["verdict"]["properties"]
    assert verdict["verdict"]["enum"] == list(results.VERDICTS)
    assert verdict["level"]["enum"] == list(results.LEVELS)
    assert verdict.keys() - results.COLUMNS.keys() == {"kind", "timed_out", "died"}
    types = {"str": ("string", None), "float": ("number",), "object": ("object",)}
    for name, kind in results.COLUMNS.items():
        assert verdict[name].get("type") in types[kind]
    assert SCHEMAS["conformance"]["$defs"]["footer"]["properties"]["counts"]["propertyNames"]["enum"] == list(
        results.VERDICTS
    )


def leaves(schema, path=()):
    """Give the paths of a trial's schema down to what the table has a column for."""
    if "$ref" in schema:
        schema = SCHEMAS["bench"]["$defs"][schema["$ref"].rpartition("/")[2]]
    for each in schema.get("oneOf", [schema]):
        if path in {there for there, _ in records.TRIAL.values()} or "properties" not in each:
            if each.get("type") != "null":
                yield path
        else:
            for name, inner in each["properties"].items():
                yield from leaves(inner, (*path, name))


def test_each_field_of_a_trial_has_a_column_or_is_left_out_on_purpose():
    left_out = {("kind",), ("tally", "format"), ("tally", "transport")}
    histograms = {("tally", "histograms", name) for name in records.HISTOGRAMS}
    there = set(leaves(SCHEMAS["bench"]["$defs"]["trial"]))
    assert there - {path for path, _ in records.TRIAL.values()} == left_out | histograms
    assert {path for path, _ in records.TRIAL.values()} <= there
