"""The battery as a runner: verdicts, exit codes, launches, selection, and what is left on disk.

Each test is a small project in a folder of its own, run by a pytest of its own; its servers are threads that
speak just enough HTTP, put in the place of launch.launch by the project's conftest.
"""

import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from sseproof import results

pytest_plugins = ["pytester"]

FAKES = """
import http.server, json, threading
import pytest
from sseproof import launch

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        items = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = "".join(f"data: {item['data']}\\n\\n" for item in items).encode("utf-8", "surrogatepass")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): pass

class Fake:
    def __init__(self, script):
        self.name, self.host, self.alive = script.stem, "127.0.0.1", True
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.port = self.http.server_port
        self.about = {"name": self.name, "encoder": "ours \\ud800", "capabilities": ["websocket"],
            "framework": "fake", "framework_version": "2.1"}

    def last_words(self, lines=15): return "Segmentation fault"

    def stop(self, within_s=5.0):
        with open("stopped", "a") as file: file.write(f"{self.name}\\n")
        self.http.shutdown()
        self.http.server_close()
        return 0

def start(script, *options, with_=(), within_s=30):
    with open("started", "a") as file: file.write(f"{script.stem} {' '.join(options)} {list(with_)}\\n")
    if "alone" in script.stem and "--workers" in options:
        words = f"{script.name}: --workers: fake is run here as one process (--help lists the options)"
        raise launch.LaunchError(script.stem, "does not take its options (exit code 2)", words=words)
    if "broken" in script.stem:
        raise launch.LaunchError(script.stem, "has a syntax error", hint="mend it")
    return Fake(script)

launch.launch = start
"""
CASES = '''
import pytest

@pytest.mark.required("#a")
@pytest.mark.parametrize("char", ["x", "y"], ids=["one-x", "y"])
def test_passes(server, char):
    """A why."""
    stream = server.echo({"data": char})
    assert stream.status == 200
    assert [event.data for event in stream.events] == [char]

@pytest.mark.required("RFC 9112 6.1")
def test_fails(server):
    events = [event.data for event in server.echo(*[{"data": str(n)} for n in range(1000)]).events]
    assert events == [str(n) for n in range(999)] + ["end"]

@pytest.mark.recommended("#a")
def test_warns(server):
    server.echo({"data": "a"}).read_events(2, within_s=0.2)

@pytest.mark.observed("#a")
def test_notes(server, finding):
    finding("saw this")
    finding("and that")

@pytest.mark.observed("#a")
def test_notes_what_failed(server, finding):
    finding("saw this")
    assert server.name in ()

@pytest.mark.required("#a")
@pytest.mark.needs("websocket")
def test_has_websocket(server): pass

@pytest.mark.required("#a")
@pytest.mark.needs("blocking")
def test_skips(server): pass

@pytest.mark.required("#a")
@pytest.mark.slow
def test_slow(server): pass

@pytest.mark.required("#a")
@pytest.mark.door("browser")
def test_browses(server): pass
'''
ERRORS = """
import pytest

@pytest.fixture
def bad(server): raise AssertionError("in a fixture")

@pytest.fixture
def bad_after(server):
    yield
    raise OSError("afterwards")

@pytest.mark.required("#a")
def test_is_our_fault(server): raise KeyError("\\ud800")

@pytest.mark.required("#a")
def test_is_a_fixtures_fault(server, bad): pass

@pytest.mark.required("#a")
def test_is_a_fault_afterwards(server, bad_after): pass

@pytest.mark.recommended("#a")
def test_loses_its_server(server):
    server.process.alive = False
    raise AssertionError("the stream was reset")

@pytest.mark.required("#a")
def test_the_next_has_a_server_again(server):
    assert server.process.alive
    server.echo({"data": "x"})
"""


class Project:
    """A folder with servers and cases, and the run made in it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester, self.path = pytester, pytester.path
        pytester.makeconftest(FAKES)
        pytester.makeini(
            "[pytest]\naddopts = --strict-markers --import-mode=importlib\nfilterwarnings = error\n"
        )
        for folder in ("servers", "conformance"):
            pytester.mkdir(folder)
        self.servers("one_fake")

    def servers(self, *names: str) -> None:
        for name in names:
            (self.path / "servers" / f"{name}.py").touch()

    def cases(self, text: str, group: str = "group") -> None:
        (self.path / "conformance" / f"test_{group}.py").write_text(text, "utf-8")

    def known(self, text: str) -> None:
        (self.path / "conformance" / "known_failures.toml").write_text(text, "utf-8")

    def command(self, *options: str) -> list[str]:
        plugin = (
            "-p",
            "sseproof.battery",
            "-o",
            "testpaths=conformance",
            "-qq",
            "-n",
            "auto",
            "--dist",
            "loadscope",
        )
        return [sys.executable, "-m", "pytest", *plugin, "--run", "r", *options]

    def run(self, *options: str) -> int:
        done = subprocess.run(
            self.command(*options), capture_output=True, text=True, timeout=60, cwd=self.path
        )
        self.told, self.errors = done.stdout, done.stderr
        assert "Traceback" not in self.errors + self.told, self.errors + self.told
        return done.returncode

    @property
    def results(self) -> pd.DataFrame:
        return results.read(self.path / "results" / "r" / "conformance.jsonl")

    @property
    def verdicts(self) -> dict[str, str]:
        run = self.results
        return dict(zip(run["case"], run["verdict"], strict=True))

    @property
    def page(self) -> str:
        return (self.path / "reports" / "r" / "index.html").read_text("utf-8")

    def lines(self, name: str) -> list[str]:
        return (self.path / name).read_text().splitlines()


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    return Project(pytester)


def test_no_diff_is_made_in_ci_that_nobody_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    project.cases("""
import difflib, pytest

@pytest.mark.required("#a")
def test_differs(server, monkeypatch):
    monkeypatch.setattr(difflib, "ndiff", lambda *_: pytest.fail("pytest has made a diff"))
    assert ["what came"] == ["what was expected"]
""")
    assert project.run() == 1
    [because] = project.results.because
    assert because.startswith("received ['what came'], expected ['what was expected']")


def test_a_stream_that_outlives_its_case_is_in_the_transcript_of_each_that_judges_it(
    project: Project,
) -> None:
    project.cases("""
import pytest

def old(server): return server.echo({"data": "kept"})

@pytest.mark.required("#a")
@pytest.mark.parametrize("n", [1, 2])
def test_judges(server, lasting, n): assert lasting("old", old).events == [n]

@pytest.mark.required("#a")
def test_judges_another(server, lasting): assert server.echo({"data": "own"}).events == []
""")
    assert project.run() == 1
    told = project.results.set_index("case").transcript
    for n in (1, 2):
        assert "POST /events/echo" in told[f"test_judges[{n}]"] and "data: kept" in told[f"test_judges[{n}]"]
    assert "data: own" in told["test_judges_another"] and "kept" not in told["test_judges_another"]


def test_each_case_has_its_verdict(project: Project) -> None:
    project.cases(CASES)
    assert project.run() == 1
    assert project.verdicts == {
        "test_passes[one-x]": "pass", "test_passes[y]": "pass", "test_fails": "fail", "test_warns": "warn",
        "test_notes": "note", "test_notes_what_failed": "note", "test_has_websocket": "pass", "test_skips": "skip",
    }  # fmt: skip
    rows = project.results.set_index("case")
    assert rows.loc["test_passes[y]", ["group", "level", "anchor", "why", "parameters", "transcript"]].tolist() == [
        "group", "required", "#a", "A why.", {"char": "'y'"}, "",
    ]  # fmt: skip
    because = rows.loc["test_fails", "because"]
    assert because.startswith("received ['0', '1', ")
    assert "they part at 999: received ['999'], expected ['end']" in because
    assert len(because) < 800
    assert "POST /events/echo" in rows.loc["test_fails", "transcript"]
    assert re.search(r"received 1 events .* expected 2 within 0.2 s", rows.loc["test_warns", "because"])
    assert rows.loc["test_notes", "finding"] == "saw this; and that"
    assert "does not hold" in rows.loc["test_notes_what_failed", "because"]
    assert rows.loc["test_skips", "because"] == "one_fake does not declare 'blocking'"
    run = project.results
    assert run.attrs["complete"]
    assert run.attrs["footer"]["counts"] == {"pass": 3, "fail": 1, "warn": 1, "note": 2, "skip": 1}
    assert (run.attrs["footer"]["exit"], run.attrs["footer"]["slow"], run.attrs["footer"]["shut"]) == (
        1,
        1,
        1,
    )
    assert "1 cases through other doors were not run, --browser runs them" in project.told
    assert run.attrs["servers"]["one_fake"]["capabilities"] == ["websocket"]
    for words in (
        "FAIL  one_fake group: fails - received ['0', '1', ",
        "nox -s conformance -- --server one_fake -k test_fails\n",
        "3/5 1F 1w", "1 slow cases were not run", "results/r/conformance.jsonl", "reports/r/index.html",
    ):  # fmt: skip
        assert words in project.told
    assert "they part at 999" in project.page
    assert project.lines("started") == ["one_fake --ping 0.5 --retry 1000 []"]
    assert project.lines("stopped") == ["one_fake"]


def test_only_what_is_unwelcome_turns_the_exit_code(project: Project) -> None:
    project.cases(CASES)
    assert project.run("-k", "not fails", "--slow", "--with", "x==1") == 0
    assert project.verdicts["test_slow"] == "pass"
    assert project.lines("started") == ["one_fake --ping 0.5 --retry 1000 ['x==1']"]


def test_the_command_of_a_case_runs_just_that(project: Project) -> None:
    project.cases(CASES)
    assert project.run("-k", "test_passes[one-x]") == 0
    assert project.verdicts == {"test_passes[one-x]": "pass"}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_our_fault_is_an_error(project: Project, workers: str) -> None:
    project.cases(ERRORS)
    project.servers("two_fake")
    assert project.run("-n", workers) == 1
    run = project.results
    for server in ("one_fake", "two_fake"):
        rows = run[run["server"] == server].set_index("case")
        assert rows["verdict"].to_dict() == {
            "test_is_our_fault": "error", "test_is_a_fixtures_fault": "error", "test_is_a_fault_afterwards": "error",
            "test_loses_its_server": "error", "test_the_next_has_a_server_again": "pass",
        }  # fmt: skip
        assert rows.loc["test_is_our_fault", "because"].startswith("KeyError: ")
        assert "raise KeyError" in rows.loc["test_is_our_fault", "transcript"]
        assert (
            rows.loc["test_is_a_fixtures_fault", "because"] == "AssertionError: in a fixture (in its setup)"
        )
        assert rows.loc["test_is_a_fault_afterwards", "because"] == "OSError: afterwards (in its teardown)"
        assert rows.loc["test_loses_its_server", "because"] == (
            "the server died in the middle of the case (the case saw: the stream was reset); "
            "its last words: Segmentation fault\nSegmentation fault"
        )
    assert sorted(line.split()[0] for line in project.lines("started")) == ["one_fake"] * 2 + ["two_fake"] * 2


def test_a_server_that_does_not_start_is_told_once_and_stops_no_other(project: Project) -> None:
    project.cases(CASES)
    project.cases(CASES, "more")
    project.servers("two_broken", "two_fake", "two_fake_more")
    assert project.run("-k", "passes or notes") == 1
    run = project.results
    assert set(run[run["server"] == "two_broken"]["verdict"]) == {"error"}
    assert set(run[run["server"] != "two_broken"]["verdict"]) == {"pass", "note"}
    assert project.told.count("has a syntax error") == 1
    assert "ERROR two_broken: 8 cases not judged\n" in project.told
    assert "hint: mend it" in project.told
    started = sorted(line.split()[0] for line in project.lines("started"))
    assert started == ["one_fake", "two_broken", "two_fake", "two_fake_more"]


CRASH = """
import os, pytest

@pytest.mark.required("#a")
@pytest.mark.parametrize("n", [1, 2])
def test_crashes(server, n):
    if (server.name, n) == ("one_fake", 1):
        os._exit(9)
"""


def test_a_worker_that_dies_is_an_error_of_its_case(project: Project) -> None:
    project.cases(CRASH)
    project.servers("two_fake")
    assert project.run("--max-worker-restart", "1") in (1, 2)
    run = project.results
    lost = run[run["verdict"] == "error"]
    assert lost[["server", "case", "group"]].values.tolist() == [["one_fake", "test_crashes[1]", "group"]]
    assert "crashed while running" in lost["because"].iloc[0]
    assert "crashed while running" in project.page
    assert not run.attrs["complete"]  # the other case of this server has no verdict


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--server", "oen_fake"], "ERROR: oen_fake is no server; hint: did you mean one_fake?"),
        (["-k", "pases"], "ERROR: no case matches -k 'pases'; did you mean test_passes?"),
        (["-k", "gruop and not x"], "ERROR: no case matches -k 'gruop and not x'; did you mean test_group?"),
        (["-k", "zzz"], "ERROR: no case matches -k 'zzz'; the groups are test_group"),
        (["-k", "slow"], "ERROR: every case that was chosen is slow (1 of them): add --slow"),
        (
            ["-k", "browses"],
            "ERROR: every case that was chosen goes through a door (1 of them): add --browser",
        ),
        (["--proxy", "nginx"], "ERROR: SSEPROOF_NGINX is '/no/nginx', expected a program that can be run"),
        (["--broker", "kafka"], "invalid choice: 'kafka' (choose from"),
        (["--run", "../x"], "ERROR: --run is '../x', expected a folder's name"),
        (["--run", "taken"], "is there already: two runs cannot share a file, choose another --run"),
        (["--seed", "x"], "'x' is no seed"),
    ],
)
def test_a_wrong_option_is_one_clear_line(
    project: Project, options: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSEPROOF_NGINX", "/no/nginx")
    project.cases(CASES)
    (project.path / "results" / "taken").mkdir(parents=True)
    (project.path / "results" / "taken" / "conformance.jsonl").touch()
    assert project.run(*options) == pytest.ExitCode.USAGE_ERROR
    assert words in project.told + project.errors
    assert not (project.path / "results" / "r").exists()


NO_CASES = """
import pytest

def test_without_level(server): pass

@pytest.mark.required("#a")
@pytest.mark.observed("#a")
def test_with_two_levels(server): pass

@pytest.mark.required
def test_without_anchor(server): pass

@pytest.mark.required("#a")
def test_without_server(): pass

@pytest.mark.required("#a")
@pytest.mark.parametrize("n", [1, 2])
def test_case(server, n): pass
"""


@pytest.mark.parametrize("servers", [[], ["two_fake"]])
def test_what_is_no_case_is_named(project: Project, servers: list[str]) -> None:
    project.servers(*servers)
    project.cases(NO_CASES)
    assert project.run() == pytest.ExitCode.USAGE_ERROR
    named = re.findall(
        r"ERROR: conformance/test_group.py::(\w+) is no case: expected the argument", project.told
    )
    assert sorted(named) == [
        f"test_{what}" for what in ("with_two_levels", "without_anchor", "without_level", "without_server")
    ]


def test_a_listed_miss_is_known_and_a_listed_pass_is_stale(project: Project) -> None:
    project.cases(CASES)
    project.known(
        '[[known]]\nserver = "*_fake"\ncase = "test_fails"\nreason = "it is so"\nlink = "https://example.org"\n'
        '[[known]]\nserver = "one_fake"\ncase = "test_passes[one-x]"\nreason = "no more"\n'
    )
    assert project.run() == 1
    verdicts = project.verdicts
    assert (verdicts["test_fails"], verdicts["test_warns"]) == ("known", "warn")
    assert [verdicts[f"test_passes[{name}]"] for name in ("one-x", "y")] == ["stale", "pass"]
    assert project.results.set_index("case").loc["test_fails", "known"] == "it is so https://example.org"
    assert "it passes, yet known_failures.toml, line 6, lists it: take the entry out" in project.told
    (project.path / "results/r/conformance.jsonl").unlink()
    assert project.run("-k", "fails or warns") == 0


def test_an_entry_is_there_only_for_the_releases_of_its_range(project: Project) -> None:
    project.cases(CASES)
    listed = '[[known]]\nserver = "one_fake"\ncase = "{}"\nreason = "it is so"\nversions = "fake {}"\n'
    project.known(listed.format("test_fails", "<2") + listed.format("test_passes*", "<2"))
    assert project.run("-k", "fails or passes", "--with", "fake==2.1") == 1
    assert set(project.verdicts.values()) == {"pass", "fail"}
    because = project.results.set_index("case").loc["test_fails", "because"]
    assert because.endswith("(known_failures.toml, line 1, lists it for fake <2 only; this is 2.1)")
    assert project.results.attrs["header"]["with"] == ["fake==2.1"]
    assert "with fake==2.1" in project.told
    assert "with <code>fake==2.1</code>" in project.page
    (project.path / "results/r/conformance.jsonl").unlink()
    project.known(listed.format("test_fails", ">=2") + listed.format("test_passes*", ">=2"))
    assert project.run("-k", "fails or passes") == 1
    assert set(project.verdicts.values()) == {"known", "stale"}
    assert "line 6, lists it for fake >=2: end its range before this release" in project.told


@pytest.mark.parametrize(
    ("entries", "words", "code"),
    [
        ([("one_fake", "test_warns", "")], "line 1: test_warns is recommended, only required cases", 4),
        ([("*", "test_fails", ""), ("one_*", "test_fail*", "")], "lines 1 and 5 list the same case", 4),
        ([("*", "test_fails", "flake >=1")], "line 1: versions is about 'flake', but one_fake runs fake 2.1", 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("servers", [[], ["two_fake"]])
def test_an_entry_that_cannot_be_right_turns_the_run(
    project: Project, servers: list[str], entries: list[tuple[str, str, str]], words: str, code: int
) -> None:
    project.cases(CASES)
    project.servers(*servers)
    project.known(
        "".join(
            f'[[known]]\nserver = "{server}"\ncase = "{case}"\nreason = "so"\n'
            + (f'versions = "{versions}"\n' if versions else "")
            for server, case, versions in entries
        )
    )
    assert project.run("-k", "fails") == code
    assert f"ERROR: known_failures.toml, {words}" in project.told
    assert project.told.count("ERROR: ") == 1 + (code == 1 and len(servers))


def test_an_entry_without_a_case_turns_a_whole_run(project: Project) -> None:
    project.cases(CASES)
    project.known('[[known]]\nserver = "one_fake"\ncase = "test_fals"\nreason = "it is so"\n')
    assert project.run("-k", "passes") == 0
    (project.path / "results/r/conformance.jsonl").unlink()
    project.cases(CASES.split('\n@pytest.mark.required("RFC')[0])
    assert project.run() == 1
    assert "known_failures.toml, line 1: no case is called 'test_fals'" in project.told
    assert project.results.attrs["footer"]["exit"] == 1


def test_a_wrong_entry_stops_the_run(project: Project) -> None:
    project.cases(CASES)
    project.known('[[known]]\nserver = "one_fak"\ncase = "test_fails"\nreason = "it is so"\n')
    assert project.run() == pytest.ExitCode.USAGE_ERROR
    assert (
        "known_failures.toml, line 1: no server is called 'one_fak'; did you mean one_fake?" in project.errors
    )


RANDOM = """
import pytest
from hypothesis import given, strategies as st

@pytest.mark.required("#a")
@given(number=st.integers())
def test_random(server, number):
    with open(f"numbers-{server.name}", "a") as file:
        file.write(f"{number}\\n")
    assert number < 1000
"""


def test_a_seed_repeats_the_random_cases(project: Project) -> None:
    project.cases(RANDOM)
    project.servers("two_fake")
    assert project.run("--seed", "5") == 1
    assert project.lines("numbers-one_fake") == project.lines("numbers-two_fake")
    run = project.results
    assert (run.attrs["header"]["seed"], list(run["verdict"])) == (5, ["fail", "fail"])
    assert "number=1000" in run["because"][0]
    assert "seed 5" in project.told


def test_a_seed_of_chance_is_the_same_in_every_worker(project: Project) -> None:
    project.cases(RANDOM)
    project.servers("two_fake")
    assert project.run() == 1
    assert project.lines("numbers-one_fake") == project.lines("numbers-two_fake")


def test_stopping_at_the_first_failure_is_a_run_cut_short(project: Project) -> None:
    project.cases(CASES)
    assert project.run("-x") == 1
    assert not project.results.attrs["complete"]
    assert "This run was cut short" in project.told


@pytest.mark.parametrize("servers", [[], ["two_fake"]])
def test_ctrl_c_leaves_what_there_is_marked_as_cut_short(project: Project, servers: list[str]) -> None:
    project.servers(*servers)
    project.cases(
        CASES + "\nimport time\n@pytest.mark.required('#a')\ndef test_waits(server): time.sleep(50)\n"
    )
    process = subprocess.Popen(
        project.command(), stdout=subprocess.PIPE, text=True, cwd=project.path, start_new_session=True
    )
    path = project.path / "results/r/conformance.jsonl"
    deadline = time.monotonic() + 30
    while not path.exists() or path.read_text().count('"verdict", ') < 8 * (1 + len(servers)):
        assert time.monotonic() < deadline, "8 verdicts are not there after 30 s"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=20)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert not project.results.attrs["complete"]
    assert "This run was cut short" in told
    assert "This run was cut short" in project.page
    assert "3/5 1F 1w" in told
