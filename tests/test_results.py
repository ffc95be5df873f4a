"""Result files: written line by line, read as a table, and never taken for more than they hold."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from sseproof import results

HEADER = {"run": "r1", "started": "", "machine": {}, "seed": 1, "servers": {"a_b": "a_b"}, "with": []}
FOOTER = {"seconds": 1.0, "exit": 0, "slow": 0, "problems": []}


def verdict(**fields: Any) -> dict[str, Any]:
    record = dict.fromkeys(results.COLUMNS, "")
    return (
        record
        | {"server": "a_b", "case": "test_x", "verdict": "pass", "level": "required", "seconds": 0.5}
        | {"parameters": {}}
        | fields
    )


def write(path: Path, *verdicts: dict[str, Any], footer: bool = True) -> Path:
    with results.Writer(path, HEADER) as writer:
        writer.line("server", {"name": "a_b", "about": {"encoder": "ours"}})
        for record in verdicts:
            writer.line("verdict", record)
        if footer:
            writer.line("footer", {"counts": {"pass": len(verdicts)}, **FOOTER})
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    hostile = 'a\n"b"\u2028\ud800\x00</script>'
    run = results.read(write(tmp_path / "r" / "x.jsonl", verdict(because=hostile), verdict(case="test_y")))
    assert list(run.columns) == list(results.COLUMNS)
    assert list(run["case"]) == ["test_x", "test_y"]
    assert run["because"][0] == hostile
    assert run["seconds"].sum() == 1.0
    assert run.attrs["header"]["run"] == "r1"
    assert run.attrs["servers"] == {"a_b": {"encoder": "ours"}}
    assert run.attrs["footer"]["exit"] == 0
    assert run.attrs["complete"] is True


def test_each_line_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with results.Writer(path, HEADER) as writer:
        for n in range(3):
            writer.line("verdict", verdict())
            assert len(results.read(path)) == n + 1


def test_a_file_without_its_footer_is_cut_short(tmp_path: Path) -> None:
    run = results.read(write(tmp_path / "x.jsonl", verdict(), footer=False))
    assert (len(run), run.attrs["complete"], run.attrs["footer"]) == (1, False, None)


def test_a_footer_that_counts_more_than_is_there_is_cut_short(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", verdict(), verdict())
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    assert results.read(path).attrs["complete"] is False


def test_a_file_cut_at_any_byte_never_lies(tmp_path: Path) -> None:
    """A killed writer leaves a prefix of its file."""
    whole = write(tmp_path / "x.jsonl", verdict(), verdict()).read_bytes()
    header_end = whole.index(b"\n") + 1
    path = tmp_path / "cut.jsonl"
    for size in [*range(0, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:size])
        if size < header_end:
            with pytest.raises(results.ResultsError, match="holds no results"):
                results.read(path)
        else:
            run = results.read(path)
            lines = whole[:size].split(b"\n")[:-1]
            assert run.attrs["complete"] is False
            assert len(run) == sum(b'"kind": "verdict"' in line for line in lines)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no results"),
        (b"hello\n", "is no result file"),
        (b"\xff\xfe\x00\n", "is no result file"),
        (b"[]\n", "is no result file"),
        (b'{"kind": "header", "format": 99}\n', "is no result file of this version"),
        (b'{"kind": "verdict"}\n', "is no result file"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(results.ResultsError, match=words):
        results.read(path)


@pytest.mark.parametrize("kind", ["server", "verdict", "footer"])
def test_a_line_that_lacks_what_it_must_have_is_damaged(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "x.jsonl", footer=False)
    path.write_text(path.read_text() + json.dumps({"kind": kind}) + "\n")
    with pytest.raises(results.ResultsError, match=r"line 3, is damaged"):
        results.read(path)


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", verdict())
    path.write_text(path.read_text().replace('{"kind": "verdict"', '{"kind": "verd', 1))
    with pytest.raises(results.ResultsError, match=r"line 3, is damaged"):
        results.read(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(results.ResultsError, match="No such file"):
        results.read(tmp_path / "none.jsonl")


def test_two_runs_cannot_share_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl")
    with pytest.raises(results.ResultsError, match="choose another --run"):
        results.Writer(path, HEADER)


def test_every_line_is_one_object_in_ascii(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", verdict(because="\u2028\x85é"))
    assert [json.loads(line)["kind"] for line in path.read_text("ascii").splitlines()] == [
        "header", "server", "verdict", "footer",
    ]  # fmt: skip


def test_a_case_is_a_sentence() -> None:
    assert results.sentence("test_only_cr_ends_a_line") == "only cr ends a line"
    assert results.sentence("test_only_cr_ends_a_line[a_b-[x]]") == "only cr ends a line [a_b-[x]]"


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("test_x", "-k test_x"),
        ("test_x[cr-id]", "-k 'test_x[cr-id]'"),
        ("test_x[a b]", "-k test_x"),  # -k does not take a space
        (r"test_x[\x0b]", "-k test_x"),
    ],
)
def test_a_command_runs_just_the_case(case: str, words: str) -> None:
    header = {"servers": {"a_b": "elsewhere/a_b.py"}, "with": ["x==1"]}
    command = results.command(header, "a_b", case)
    assert command == f"nox -s conformance -- --server=elsewhere/a_b.py --with x==1 {words}"


def test_what_a_server_wrote_is_shown_without_its_effects() -> None:
    assert results.visible("a\tb\nc") == "a\tb\nc"
    assert results.visible("\x1b[31m\x07\x85\u202e\u2028\ufeff\ud800\x00") == (
        r"\x1b[31m\x07\x85\u202e\u2028\ufeff\ud800\x00"
    )
    assert results.visible("é漢😀") == "é漢😀"


def test_a_megabyte_is_cut_with_a_note() -> None:
    shown = results.visible("x" * 1_000_000, limit=1000)
    assert len(shown) < 1100
    assert "[... 999,000 more characters not shown ...]" in shown


def test_a_file_that_is_being_written_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with results.Writer(path, HEADER) as writer:
        writer.line("verdict", verdict())
        before = path.read_bytes()
        with pytest.raises(results.ResultsError, match="is being written just now"):
            results.Writer(path, {"started": ""}, resume=True)
        assert path.read_bytes() == before
    results.Writer(path, {"started": ""}, resume=True).close()


@pytest.mark.parametrize("text", ["-1", "9223372036854775808", "x", "1.5", ""])
def test_a_seed_that_no_file_can_hold_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no seed, expected a whole number from 0"):
        results.seed(text)
    assert results.seed("9223372036854775807") == 2**63 - 1
