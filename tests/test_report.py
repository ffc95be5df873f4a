"""The report as a command: which runs it takes, where it puts the page, what it says of files it cannot read."""

import json
import os
import shutil
from pathlib import Path

import pytest

from sseproof import report, results, sources, terminal
from tests.test_page import run as judged


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir()
    (tmp_path / "results").mkdir()
    return tmp_path


def made(root: Path, name: str) -> Path:
    folder = root / "results" / name
    folder.mkdir()
    path = judged(folder, {"verdict": "pass"})
    path.write_text(path.read_text().replace('"run": "r1"', f'"run": "{name}"'))
    return folder


def test_the_newest_run_is_told_where_none_is_named(root, capsys):
    old, new = made(root, "old"), made(root, "new")
    os.utime(old, (1, 1))
    os.utime(new, (2, 2))
    assert report.main([], root) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "reports/new/index.html"
    assert (root / "reports" / "latest").resolve() == root / "reports" / "new"
    assert report.main(["old"], root) == 0
    assert (root / "reports" / "latest").resolve() == root / "reports" / "old"
    assert [each.name for each in (root / "reports" / "old").iterdir()] == ["index.html"]  # nothing half made


def test_no_run_at_all_says_what_makes_one(root, capsys):
    assert report.main([], root) == 3
    assert "nox -s conformance" in capsys.readouterr().err


def test_a_name_that_is_no_run_is_told_with_what_is_near(root, capsys):
    made(root, "monday")
    assert report.main(["mondaz"], root) == 3
    assert "there is no run 'mondaz'; did you mean monday?" in capsys.readouterr().err


def test_an_option_there_is_none_of_is_a_usage_error(root, capsys):
    assert report.main(["--fast"], root) == 2
    assert "there is no option --fast" in capsys.readouterr().err


def test_half_a_run_is_told_in_the_terminal_too(root, capsys):
    path = made(root, "half") / "conformance.jsonl"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if '"footer"' not in line))
    assert report.main(["half"], root) == 0
    assert "The conformance run was cut short" in capsys.readouterr().err


def test_of_two_files_the_damaged_one_is_told_and_the_other_shown(root, capsys):
    folder = made(root, "half")
    (folder / "bench.jsonl").write_text('{"kind": "trial"}\n')
    assert report.main(["half"], root) == 3
    assert "bench.jsonl" in capsys.readouterr().err
    page = (root / "reports" / "half" / "index.html").read_text()
    assert "no result file of this version" in page and "case 0" in page


@pytest.mark.parametrize(
    "content", [b"", b"\xff\x00 no text", b"[]\n", b'{"kind": "header"}\n', b'"' * 10_000]
)
def test_a_file_that_holds_no_results_is_no_traceback(root, capsys, content):
    folder = root / "results" / "foreign"
    folder.mkdir()
    (folder / "conformance.jsonl").write_bytes(content)
    assert report.main(["foreign"], root) == 3
    assert capsys.readouterr().err.startswith("sseproof report: ")
    assert list((root / "reports").iterdir()) == []


def test_a_calibration_alone_makes_no_report_and_says_what_does(root, capsys):
    folder = root / "results" / "cal"
    folder.mkdir(parents=True)
    line = {
        "kind": "header",
        "format": 1,
        "run": "cal",
        "started": "",
        "machine": {},
        "seed": 1,
        "planned": 0,
    }
    (folder / "calibrate.jsonl").write_text(json.dumps(line) + "\n")
    assert report.main(["cal"], root) == 3
    assert "a calibration alone makes no report: name a run beside it" in capsys.readouterr().err


def test_a_runs_name_from_a_file_stays_within_reports(root, capsys):
    folder = made(root, "good")
    path = folder / "conformance.jsonl"
    path.write_text(path.read_text().replace('"run": "good"', '"run": "../../bad"'))
    assert report.main(["good"], root) == 0  # what its folder is called, it is called
    assert (root / "reports" / "good" / "index.html").is_file()
    assert report.main([str(path.rename(root / "odd.jsonl"))], root) == 3
    assert "expected a folder's name" in capsys.readouterr().err
    assert not (root.parent / "bad").exists()


def test_a_copy_of_a_run_is_another_run(root):
    made(root, "one")
    shutil.copytree(root / "results" / "one", root / "results" / "copy")
    assert report.main(["one"], root) == report.main(["copy"], root) == 0
    assert {path.name for path in (root / "reports").iterdir()} >= {"one", "copy"}


def test_a_folder_called_latest_is_left_alone(root):
    made(root, "one")
    (root / "reports" / "latest").mkdir()
    (root / "reports" / "latest" / "mine").write_text("kept")
    assert report.main(["one"], root) == 0
    assert (root / "reports" / "latest" / "mine").read_text() == "kept"
    assert sorted(each.name for each in (root / "reports").iterdir()) == ["latest", "one"]


def test_a_run_takes_its_name_from_nox_unless_it_is_given_one(monkeypatch):
    monkeypatch.setenv("SSEPROOF_RUN", "of-nox")
    assert results.run_id(None) == "of-nox"
    assert results.run_id("mine") == "mine"


def test_of_two_runs_of_one_kind_none_is_left_out_without_a_word(root, capsys):
    paths = [made(root, "one"), made(root, "two")]
    with pytest.raises(terminal.UsageError, match="one and two both hold results of conformance"):
        sources.read(paths)
    assert report.main(["one", "two"], root) == 2
    assert "both hold results of conformance" in capsys.readouterr().err
