"""Result files that no writer of ours wrote, given to each command that reads them: said plainly, never a traceback."""

import copy
import json
import re

import pytest

from sseproof import compare, export, gate, report, results, show, typed
from tests.test_show import HEADER, REFERENCE

ESCAPES = "\x1b]0;owned\x07\x1b[31m\u202e\ud800"
CASES = {
    "kind": "header", "format": 1, "run": "r", "started": "2026-01-01T00:00:00Z", "seed": 1, "servers": {"a_b": "a_b"},
    "machine": {"cores": 2},
}  # fmt: skip
VERDICT = {
    "kind": "verdict",
    "server": "a_b",
    "case": "test_x",
    "group": "framing",
    "level": "required",
    "verdict": "pass",
}
END = {"kind": "footer", "counts": {"pass": 1}, "seconds": 1, "slow": 0, "problems": []}
BOUNDS = "[conformance]\nfail = 0\n[trials]\nfailed = 0\nduplicates = 0\n[[bound]]\nat_most = { wire_bytes_per_event = 300 }\n"
COMMANDS = {"show": show, "report": report, "compare": compare, "gate": gate, "export": export}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "loadtest").mkdir()
    (tmp_path / "loadtest" / "gate.toml").write_text(BOUNDS)
    return tmp_path


def put(root, kind, *lines, run="r"):
    """Write a result file of these lines, each an object or raw text."""
    path = root / "results" / run / f"{kind}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def changed(record, **fields):
    """Give a copy with other values: `tally__seen` is record["tally"]["seen"]."""
    record = copy.deepcopy(record)
    for name, value in fields.items():
        *way, last = name.split("__")
        at = record
        for step in way:
            at = at[step]
        at[last] = value
    return record


def told(root, capsys, name, *arguments):
    """Run a command on the run; give its exit code and all it says, of which no byte steers a terminal."""
    given = arguments or (["r", "r"] if name == "compare" else ["r"])
    code = COMMANDS[name].main(given, root)
    out, err = capsys.readouterr()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", out + err)
    return code, out + err


T = REFERENCE[0]
BENCH = {
    "p50 a text": ([changed(T, tally__quantiles__staleness__p50="x")], "tally.quantiles.staleness.p50 is 'x', expected integer"),
    "p50 NaN": ([changed(T, tally__quantiles__staleness__p50=float("nan"))], "staleness.p50 is None, expected integer"),
    "p50 infinite": ([changed(T, tally__quantiles__staleness__p50=float("inf"))], "staleness.p50 is None, expected integer"),
    "p50 of 400 digits": ([changed(T, tally__quantiles__staleness__p50=10**400)], "staleness.p50 is None, expected integer"),
    "duplicates a text": ([changed(T, tally__duplicates="x")], "tally.duplicates is 'x', expected integer"),
    "a list for a number": ([changed(T, number=[])], "number is [], expected integer"),
    "another state": ([changed(T, state="fine")], "state is 'fine', expected ok or failed or skipped"),
    "marks a text": ([changed(T, marks="lossy: 1")], "marks is 'lossy: 1', expected array"),
    "no load": ([changed(T, load={})], "holds a"),
    "nested": (["[" * 100_000], "line 2, is damaged"),
    "two runs": ([T, HEADER, T], "line 3, is a second header"),
}  # fmt: skip
HEADS = {
    "seed": ({"seed": float("inf")}, "seed is None, expected integer"),
    "machine": ({"machine": "x"}, "machine is 'x', expected object"),
    "started": ({"started": 1}, "started is 1, expected string"),
    "planned": ({"planned": "9"}, "planned is '9', expected integer"),
}
VERDICTS = {
    "an unknown verdict": ([changed(VERDICT, verdict="failed"), END], "verdict is 'failed', expected pass or fail"),
    "seconds a text": ([changed(VERDICT, seconds="x"), END], "seconds is 'x', expected number"),
    "no case": ([changed(VERDICT, case=None), END], "case is None, expected string"),
    "no counts": ([VERDICT, changed(END, counts=None)], "counts is None, expected object"),
    "counts of texts": ([VERDICT, changed(END, counts={"pass": "1"})], "counts.pass is '1', expected integer"),
    "problems a text": ([VERDICT, changed(END, problems="a" * 10**6)], "problems is 'aaa"),
    "a server of no name": ([{"kind": "server", "name": [], "about": {}}, END], "name is [], expected string"),
    "nested": (["[" * 100_000], "line 2, is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("lines", "words"), BENCH.values(), ids=BENCH)
def test_a_benchmark_that_is_none_is_told_with_line_and_field(root, capsys, command, lines, words):
    put(root, "bench", HEADER | {"planned": 1}, *lines)
    code, said = told(root, capsys, command)
    assert code == 3 and words in said


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("fields", "words"), HEADS.values(), ids=HEADS)
def test_a_header_that_is_none_is_told_with_its_field(root, capsys, command, fields, words):
    put(root, "bench", HEADER | {"planned": 1} | fields, T)
    code, said = told(root, capsys, command)
    assert code == 3 and words in said


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "show"])
@pytest.mark.parametrize(("lines", "words"), VERDICTS.values(), ids=VERDICTS)
def test_a_conformance_run_that_is_none_is_told_with_line_and_field(root, capsys, command, lines, words):
    put(root, "conformance", CASES, *lines)
    code, said = told(root, capsys, command)
    assert code == 3 and words in said and len(said) < 5_000


@pytest.mark.parametrize("command", COMMANDS)
def test_what_steers_a_terminal_is_shown_as_text_wherever_it_stands(root, capsys, command):
    machine = {"cores": 2, "cpu": ESCAPES, "kernel": ESCAPES}
    head = HEADER | {"planned": 1, "started": ESCAPES, "machine": machine, "servers": {ESCAPES: "x"}}
    odd = changed(
        T, server=ESCAPES, scenario=ESCAPES, way=ESCAPES, figures=[f"{ESCAPES}.p50"], marks=[ESCAPES]
    )
    put(root, "bench", head, odd, {"kind": "footer", "counts": {"ok": 1}, "seconds": 1})
    _, said = told(root, capsys, command)
    assert said


@pytest.mark.parametrize("command", ["report", "export", "gate", "compare"])
def test_a_record_that_types_do_not_tell_is_no_traceback_either(root, capsys, command, untyped):
    put(root, "bench", HEADER | {"planned": 1}, changed(T, tally__duplicates="x", marks=3))
    assert told(root, capsys, command)[0] == 3


@pytest.mark.parametrize(
    "name", ["templates", "Templates", "latest", "README.md", "a" * 1_000_000 + "/", "a" * 201, ".."]
)
def test_a_run_cannot_be_named_as_what_stands_in_reports(root, capsys, name):
    (root / "reports" / "templates").mkdir(parents=True)
    (root / "reports" / "templates" / "index.html").write_text("ours")
    odd = put(root, "conformance", CASES | {"run": name}, VERDICT, END).rename(root / "odd.jsonl")
    for command in ("report", "export"):
        code, said = told(root, capsys, command, str(odd))
        assert code == 3 and re.search("choose another name|expected a folder's name", said)
    assert [path.name for path in (root / "reports").rglob("*")] == ["templates", "index.html"]
    assert (root / "reports" / "templates" / "index.html").read_text() == "ours"


def test_values_of_any_type_are_short_on_the_page(root, capsys):
    long = "x" * 10**6
    put(root, "conformance", CASES | {"revision": long}, VERDICT, END | {"problems": [long] * 1000})
    assert told(root, capsys, "report")[0] == 0
    page = (root / "reports" / "r" / "index.html").read_text()
    assert len(page) < 3_000_000 and "and 980 more problems" in page


def test_what_a_server_may_answer_is_read_with_its_odd_numbers_left_out(root):
    about = {
        "kind": "server",
        "name": "a_b",
        "about": {"nan": float("nan"), "huge": 10**400, "far": 1e300, "one": 1},
    }
    run = results.read(put(root, "conformance", CASES, about, VERDICT, END))
    assert run.attrs["servers"]["a_b"] == {"nan": None, "huge": None, "far": None, "one": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775809", None),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("1e999", None),
    ],
)
def test_a_number_is_one_that_can_be_measured(text, value):
    found = typed.loads(text.encode())
    assert found == value and type(found) is type(value)
