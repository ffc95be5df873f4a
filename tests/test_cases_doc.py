"""docs/cases.md and tests/cases.txt say what the cases, the flaws and the known failures say: `nox -s cases`."""

import ast
import difflib
import subprocess
import sys
from pathlib import Path

import pytest

from sseproof import catalogue, ledger

ROOT = Path(__file__).parents[1]
AGAIN = "to write it anew: nox -s cases (or: python -m sseproof.catalogue)"


@pytest.fixture(scope="module")
def anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anew")
    command = [sys.executable, "-m", "sseproof.catalogue", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return folder


def changes(committed: Path, anew: Path) -> list[str]:
    old = committed.read_text("utf-8").splitlines() if committed.exists() else []
    lines = difflib.unified_diff(old, anew.read_text("utf-8").splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def test_no_case_vanishes_or_is_renamed_unannounced(anew: Path) -> None:
    found = changes(ROOT / catalogue.NAMES, anew / catalogue.NAMES)
    gone = [line for line in found if line.startswith("-")]
    told = "\n".join(found)
    why = "a case's name is its stable id; if it is meant to go, say so in CHANGELOG.md\n" if gone else ""
    if found:
        pytest.fail(f"tests/cases.txt is not current:\n{told}\n{why}{AGAIN}", pytrace=False)


def test_the_list_of_cases_is_current(anew: Path) -> None:
    found = changes(ROOT / catalogue.DOCUMENT, anew / catalogue.DOCUMENT)
    told = "\n".join(found[:40])
    if found:
        words = f"docs/cases.md is not current ({len(found)} lines differ):\n{told}\n{AGAIN}"
        pytest.fail(words, pytrace=False)


# -- how it is made


ONE = catalogue.Function(
    "test_a_is_b", "framing", 1, "What goes in.", "Because of <b>.", {"required": ["#x", "elsewhere"]},
    ["test_a_is_b[cr]", "test_a_is_b[lf]"],
)  # fmt: skip
OTHER = catalogue.Function(
    "test_c", "framing", 2, "What goes in.", "Why.", {"observed": ["RFC 9112 section 6.1"]}, ["test_c"]
)


def flaw(tests: Path, name: str, text: str) -> None:
    (tests / "flawed").mkdir(exist_ok=True)
    (tests / "flawed" / f"{name}.py").write_text(f'"""Eats an "end".\n\nMore."""\n{text}\n', "utf-8")


def test_a_case_is_told_with_level_place_reason_flaws_and_servers(tmp_path: Path) -> None:
    flaw(tmp_path, "eats_end", 'CAUGHT_BY = {"test_a_is_b[cr]"}\nraise SystemExit("imported")')
    flaw(tmp_path, "base", "")
    proofs = catalogue.flaws(tmp_path, [ONE, OTHER])
    known = [ledger.Known("*_web", "test_a_is_b[c*", "so", "aiohttp >=3")]
    text = catalogue.document([ONE, OTHER], proofs, known, ["aiohttp_web", "flask_gunicorn"])
    assert "2 cases in 1 groups, many of them for several values each; 1 are proven" in text
    standard = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
    assert text.endswith(
        "## framing\n\nWhat goes in.\n\n"
        f"### a is b\n\n*required*, [#x]({standard}#x) and elsewhere.  \nBecause of \\<b>.  \n"
        "Flaws: [eats_end](../tests/flawed/eats_end.py).  \n"
        "Fails now on `aiohttp_web` (aiohttp >=3; in part).\n\n"
        "### c\n\n*observed*, [RFC 9112 section 6.1](https://www.rfc-editor.org/rfc/rfc9112.html#section-6.1).  \n"
        "Why.  \nFlaws: none proves it yet.\n\n"
        "## The flaws\n\nServers that are wrong in one thing; the cases above must catch them.\n\n"
        '- [eats_end](../tests/flawed/eats_end.py): Eats an "end".\n'
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('CAUGHT_BY = {"test_a_is"}', "tests/flawed/x_y.py: no case is called 'test_a_is'; did you mean test_a_is_b"),
        ('CAUGHT_BY = {"test_c[x]"}', "tests/flawed/x_y.py: no case is called 'test_c[x]'; did you mean test_c"),
        ("CAUGHT_BY = set(all)", "tests/flawed/x_y.py, line 4: CAUGHT_BY is no literal"),
    ],
)  # fmt: skip
def test_a_flaw_that_names_no_case_is_told(tmp_path: Path, text: str, words: str) -> None:
    flaw(tmp_path, "x_y", text)
    with pytest.raises(catalogue.CatalogueError) as caught:
        catalogue.flaws(tmp_path, [ONE, OTHER])
    assert words in str(caught.value)


def test_every_case_function_is_listed(anew: Path) -> None:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in ROOT.glob("conformance/test_*.py")}
    written = {
        f"{path.stem.removeprefix('test_')}::{node.name}"
        for path, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    lines = (anew / catalogue.NAMES).read_text("utf-8").splitlines()
    assert set(lines) == written
    assert lines == sorted(lines)
