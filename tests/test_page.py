"""The page and the matrix: made from a result file alone, whatever a server wrote into it."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sseproof import matrix, page, results, sources

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e\x00{{ 7 * 7 }}[bold]"
MACHINE = {"cores": 2, "memory_bytes": 8_000_000_000, "kernel": "Linux 6", "python": "3.11.7"}
HEADER = {
    "run": "r1", "started": "2026-11-21T02:00:00Z", "revision": "abc+dirty", "machine": MACHINE, "seed": 7,
    "servers": {"a_b": "a_b", "c_d": "c_d"}, "with": [], "options": ["--seed", "7"],
}  # fmt: skip


class Outline(HTMLParser):
    """The tags and the text of a page, and its tags that are never closed."""

    VOID = ("meta", "br", "img", "link", "input", "hr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.sources += [value or "" for name, value in attrs if name in ("src", "srcset", "action", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"]:
            self.text += data


def assert_only_our_script(seen: Outline) -> None:
    assert seen.scripts == [(page.TEMPLATES / "filters.js").read_text("utf-8")]
    assert not {"img", "iframe", "link", "object", "embed", "base"} & seen.tags.keys()


def run(folder: Path, *verdicts: dict[str, Any], footer: bool = True, about: object = None) -> Path:
    path = folder / "conformance.jsonl"
    with results.Writer(path, HEADER) as writer:
        about = about or {"framework": "f", "encoder": "e", "encoder_version": "1.0", "capabilities": []}
        writer.line("server", {"name": "a_b", "about": about})
        for n, fields in enumerate(verdicts):
            record = dict.fromkeys(results.COLUMNS, "") | {
                "parameters": {},
                "seconds": 0.1,
                "level": "required",
            }
            record |= {"server": "a_b", "group": "framing", "case": f"test_case_{n}", "anchor": "#x"}
            writer.line("verdict", record | fields)
        counts = Counter(fields["verdict"] for fields in verdicts)
        if footer:
            writer.line(
                "footer", {"counts": counts, "seconds": 3.2, "exit": 1, "slow": 4, "problems": ["a problem"]}
            )
    return path


def outline(folder: Path, *verdicts: dict[str, Any], **options: Any) -> Outline:
    return Outline(page.render(sources.read([run(folder, *verdicts, **options)])))


def test_a_page_tells_each_miss_and_how_to_run_it_again(tmp_path: Path) -> None:
    seen = outline(
        tmp_path,
        {"verdict": "pass", "case": "test_that_passes"},
        {"verdict": "fail", "because": "received 1, expected 2", "transcript": "> GET /", "why": "So it is."},
        {"verdict": "known", "known": "it is so (x 3.0)", "anchor": "RFC 9112 6.1"},
        {"verdict": "note", "finding": "answers 200"},
        {"verdict": "skip", "because": "a_b does not declare 'blocking'"},
    )
    for words in (
        "received 1, expected 2", "> GET /", "So it is.", "it is so (x 3.0)", "RFC 9112 6.1", "answers 200",
        "a_b does not declare 'blocking'", "nox -s conformance -- --server a_b -k test_case_1", "that passes",
        "1/3 1F 1k", "abc+dirty", "Seed 7", "Nothing was judged.", "a problem", "not started",
    ):  # fmt: skip
        assert words in seen.text
    assert "cut short" not in seen.text
    assert f"{page.STANDARD}#x" in seen.links
    assert seen.open == []


def test_a_page_needs_nothing_else(tmp_path: Path) -> None:
    seen = outline(tmp_path, {"verdict": "fail"})
    assert_only_our_script(seen)
    assert seen.sources == []
    assert all(link.startswith(("#", "https://")) for link in seen.links)  # to be followed, not fetched


def test_a_run_cut_short_says_so(tmp_path: Path) -> None:
    assert "cut short" in outline(tmp_path, {"verdict": "pass"}, footer=False).text


@pytest.mark.parametrize(
    "field", ["case", "because", "finding", "known", "transcript", "why", "anchor", "group"]
)
def test_what_a_server_wrote_stays_text(tmp_path: Path, field: str) -> None:
    seen = outline(tmp_path, {"verdict": "fail", field: HOSTILE})
    assert_only_our_script(seen)
    assert seen.open == []
    assert not re.search("[\x00\x1b\u202e]", seen.text)
    assert r"\x1b[31m\u202e\x00{{ 7 * 7 }}[bold]" in seen.text.replace(r"\x1b [", r"\x1b[")


def test_an_about_may_be_anything(tmp_path: Path) -> None:
    seen = outline(
        tmp_path, {"verdict": "pass"}, about={"encoder": HOSTILE, "framework": [HOSTILE], "python": None}
    )
    assert_only_our_script(seen)


def test_a_megabyte_is_cut(tmp_path: Path) -> None:
    seen = outline(tmp_path, {"verdict": "fail", "transcript": "x" * 1_000_000})
    assert "more characters not shown" in seen.text
    assert len(seen.text) < 60_000


def test_a_server_that_never_started_is_told_once(tmp_path: Path) -> None:
    records = [{"server": "c_d", "verdict": "error", "because": f"{matrix.LAUNCH}c_d has no uv"}] * 30
    seen = outline(tmp_path, *records)
    assert seen.text.count("c_d has no uv") == 1
    assert "30 cases were not judged" in seen.text
    told = matrix.show(results.read(tmp_path / "conformance.jsonl"), colour=False)
    assert told.count("c_d has no uv") == 1


@pytest.mark.parametrize("link", ["javascript:alert(1)", "#a b", "https://example.org", '#"onclick="x'])
def test_only_an_anchor_of_the_standard_becomes_a_link(link: str) -> None:
    assert page.anchor(link) is None


def cell(*verdicts: str) -> str:
    frame = pd.DataFrame({"server": "a", "group": "g", "verdict": verdicts})
    return matrix.cells(frame)["a", "g"].text


def test_a_cell_tells_what_was_missed() -> None:
    assert cell("pass", "pass", "note", "skip") == "2"
    assert cell("pass", "fail", "note") == "1/2 1F"
    assert cell("error", "error") == "0/2 2E"
    assert cell("pass", "warn", "known", "stale", "error") == "1/5 1w 1k 1S 1E"
    assert cell("note", "skip", "skip") == "1n 2s"


@pytest.mark.parametrize("colour", [True, False])
def test_the_matrix_shows_a_servers_words_without_their_effects(tmp_path: Path, colour: bool) -> None:
    frame = results.read(run(tmp_path, {"verdict": "fail", "because": HOSTILE, "case": "test_x[[red]]"}))
    told = matrix.show(frame, colour=colour)
    assert r"\x1b[31m\u202e" in told
    assert "x [[red]]" in told
    assert "\u202e" not in told
    assert ("\x1b[" in told) is colour


def test_the_matrix_fits_its_width(tmp_path: Path) -> None:
    groups = [
        "handshake",
        "framing",
        "delivery",
        "keepalive",
        "disconnect",
        "reconnect",
        "browser",
        "proxy",
        "demos",
    ]
    verdicts = [{"verdict": "fail", "group": group} for group in groups for _ in range(100)]
    told = matrix.show(results.read(run(tmp_path, *verdicts)), colour=False)
    table = told[told.index("server") :]
    assert max(len(line) for line in table.splitlines()) <= matrix.WIDTH
    assert all(group in table for group in groups)


def test_many_misses_are_told_up_to_a_number(tmp_path: Path) -> None:
    told = matrix.show(results.read(run(tmp_path, *[{"verdict": "fail"}] * 50)), colour=False)
    assert told.count("FAIL ") == matrix.TOLD_PER_SERVER
    assert "a_b: 30 more are on the page" in told
