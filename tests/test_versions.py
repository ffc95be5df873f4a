"""Comparing releases: what counts as a change, what is not judged, the options, and a whole run with a fake server."""

import json
from pathlib import Path

import pytest

from sseproof import comparison, matrix, results, versions

FAKE = """
from sseproof import launch

class Fake:
    alive, host, port = True, "127.0.0.1", 1
    def __init__(self, script, version):
        self.name, self.about = script.stem, {"framework": "fake", "framework_version": version}
    def last_words(self, lines=15): return ""
    def wait(self, within_s): return False
    def stop(self, within_s=5.0): return 0

def start(script, *options, with_=(), within_s=30):
    version = next((each.partition("==")[2] for each in with_), "3.0")
    if version == "9":
        raise launch.LaunchError(script.stem, "was not started: uv failed: there is no version of fake==9")
    return Fake(script, "1.5" if version == "1.4" else version)

launch.launch = start
"""
CASES = """
import pytest

def version(server): return float(server.about["framework_version"])

@pytest.mark.required("#a")
def test_mended_in_two(server): assert version(server) >= 2

@pytest.mark.required("#a")
@pytest.mark.parametrize("n", [3, 4])
def test_broken_in(server, n): assert version(server) < n

@pytest.mark.observed("#a")
def test_notes(server, finding): finding(f"major {int(version(server))}")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("servers", "conformance", "results"):
        (tmp_path / folder).mkdir()
    (tmp_path / "servers" / "one_fake.py").touch()
    (tmp_path / "conftest.py").write_text(FAKE)
    (tmp_path / "conformance" / "test_group.py").write_text(CASES)
    listed = (
        '[[known]]\nserver = "one_fake"\ncase = "test_mended_in_two"\nreason = "so"\nversions = "fake <1.7"\n'
    )
    (tmp_path / "conformance" / "known_failures.toml").write_text(listed)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def test_a_run_tells_where_a_behaviour_changed(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    given = ["one_fake", "fake", "2", "latest", "1.0", "9", "1.8", "1.4", "--run", "r"]
    assert versions.main(given, root) == 1  # two of them could not be judged
    told, progress = capfd.readouterr()
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert "case 1.0 1.8 2 latest 3.0 first bad first good" in lines
    assert "group: mended in two fail fail pass pass 1.0 2" in lines
    assert "group: broken in [3] pass pass pass fail latest 1.0" in lines
    assert "broken in [4]" not in told
    for words in (
        "not judged: fake 9", "uv failed: there is no version of fake==9",
        "not judged: fake 1.4", "the server runs fake 1.5",
        "fake 1.0: 2 pass, 1 note, 1 known", "fake 1.8: 2 pass, 1 fail, 1 note",
        "noted otherwise, group: notes\n      1.0: major 1\n", "      latest 3.0: major 3\n",
        "     2 cases changed, 2 did not",
    ):  # fmt: skip
        assert words in told
    assert "\x1b" not in told
    assert "[1/6] fake 1.0" in progress and "[6/6] fake latest" in progress
    stored = json.loads((root / "results/r/versions.json").read_text())
    assert [each["name"] for each in stored["releases"]] == ["1.0", "1.4", "1.8", "2", "9", "latest"]
    assert stored["changed"][0] == {
        "case": "group: test_mended_in_two",
        "outcomes": ["fail", "fail", "pass", "pass"], "first_bad": "1.0", "first_good": "2",
    }  # fmt: skip
    run = results.read(root / "results/r-2/conformance.jsonl")
    assert run.attrs["header"]["with"] == ["fake==2"]
    assert run.attrs["header"]["seed"] == stored["seed"]
    assert versions.main(["--show", "r"], root) == 1
    assert capfd.readouterr().out == told


@pytest.mark.parametrize("text", [None, "{", "[]", '{"run": "r"}'])
def test_an_old_comparison_that_is_none_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    (root / "results" / "r").mkdir()
    if text is not None:
        (root / "results" / "r" / "versions.json").write_text(text)
    assert versions.main(["--show", "r"], root) == 2
    told = capsys.readouterr().err
    assert told.startswith("versions: ") and told.count("\n") == 1


def test_two_releases_that_could_be_judged_are_a_success(root: Path) -> None:
    assert versions.main(["one_fake", "fake", "1.8", "2", "-k", "mended"], root) == 0


def test_a_keyword_that_means_nothing_stops_at_once(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert versions.main(["one_fake", "fake", "1.8", "2", "-k", "mendet", "--run", "r"], root) == 2
    told = capfd.readouterr().err
    assert "versions: no case matches -k 'mendet'; did you mean test_mended_in_two?" in told
    assert "[2/2]" not in told
    assert list((root / "results").iterdir()) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "no server given"),
        ("oen_fake fake 1 2", "oen_fake is no server; hint: did you mean one_fake?"),
        ("one_fake", "nothing is no package's name alone"),
        ("one_fake fake==1 2", "fake==1 is no package's name alone"),
        ("one_fake -k x", "nothing is no package's name alone"),
        ("one_fake fake", "no release given, expected at least two, or one and latest"),
        ("one_fake fake 1 1", "1 release given, expected at least two"),
        ("one_fake fake 1 lastest", "'lastest' is no release; did you mean latest?"),
        ("one_fake fake 1 1.x", "'1.x' is no release, such as 0.135.4 or latest"),
        ("one_fake fake 1 2 --run ../x", "--run is '../x', expected a folder's name"),
        ("one_fake fake 1 2 --run taken", "results/taken is there already, choose another --run"),
        ("one_fake fake 1 2 --nix", "unrecognized arguments: --nix"),
    ],
)
def test_a_wrong_option_is_said_with_an_example(
    root: Path, capsys: pytest.CaptureFixture[str], given: str, words: str
) -> None:
    (root / "results" / "taken-1").mkdir()
    with pytest.raises(SystemExit) as caught:
        versions.main(given.split(), root)
    assert caught.value.code == 2
    assert f"versions: {words}" in capsys.readouterr().err


def test_there_is_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        versions.main(["--help"])
    told = capsys.readouterr().out
    assert caught.value.code == 0
    assert "nox -s versions -- fastapi_uvicorn fastapi 0.135.4 latest" in told
    assert "UV_EXCLUDE_NEWER" in told


def release(name: str, **outcomes: str) -> comparison.Release:
    return comparison.Release(name, f"r-{name}", outcomes=outcomes)


@pytest.mark.parametrize(
    ("outcomes", "first_bad", "first_good"),
    [
        (["fail", "pass", "pass"], "1", "2"),
        (["pass", "fail", "fail"], "2", "1"),
        (["pass", "fail", "pass"], "2", "3"),  # mended, not the good one before
        (["pass", "warn", "error"], "2", "1"),
        (["error", "pass", "skip"], "", "2"),
    ],
)
def test_first_good_is_after_first_bad_where_there_is_one(
    outcomes: list[str], first_bad: str, first_good: str
) -> None:
    judged = [release(str(n), a=outcome, b="pass") for n, outcome in enumerate(outcomes, 1)]
    assert comparison.changes(judged) == ([comparison.Change("a", outcomes, first_bad, first_good)], 1)


def test_colour_is_asked_for_and_the_text_is_the_same() -> None:
    judged = [release("1", **{"g: test_a": "fail"}), release("2", **{"g: test_a": "pass"})]
    plain = comparison.show("x_y", "x", judged, colour=False)
    coloured = comparison.show("x_y", "x", judged, colour=True)
    assert "\x1b[31mfail" in coloured and "\x1b" not in plain
    assert max(len(line) for line in plain.splitlines()) <= matrix.WIDTH
    assert "x_y does not name x in /json/about" in plain
