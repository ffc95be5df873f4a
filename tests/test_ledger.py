"""The list of known failures: what it lists, and what it refuses."""

from pathlib import Path

import pytest

from sseproof import ledger

SERVERS = ["aiohttp_web", "flask_gunicorn"]
ENTRY = '[[known]]\nserver = "aiohttp_web"\ncase = "test_a"\nreason = "it is so"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "known_failures.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_committed_list_is_sound() -> None:
    root = Path(__file__).parents[1]
    servers = [script.stem for script in (root / "servers").glob("*_*.py")]
    ledger.read(root / "conformance" / "known_failures.toml", servers)


def test_an_entry_keeps_its_words_and_its_line(tmp_path: Path) -> None:
    text = f'# a comment\n\n{ENTRY}versions = "x 3.0"\nlink = "https://example.org/1"\n\n{ENTRY}'
    first, second = ledger.read(write(tmp_path, text), SERVERS)
    assert (first.line, second.line) == (3, 10)
    assert str(first) == "it is so (x 3.0) https://example.org/1"
    assert str(second) == "it is so"


@pytest.mark.parametrize(
    ("pattern", "case", "covered"),
    [
        ("test_a", "test_a", True),
        ("test_a", "test_ab", False),
        ("test_a*", "test_ab[cr]", True),
        ("test_a[cr]", "test_a[cr]", True),
        ("test_a[cr]", "test_ac", False),  # a bracket is no set of characters
        ("test_a[*-id]", "test_a[cr-id]", True),
        ("test_a[*-id]", "test_a[cr-event]", False),
        ("TEST_A", "test_a", False),
    ],
)
def test_a_bracket_in_a_pattern_is_just_a_bracket(pattern: str, case: str, covered: bool) -> None:
    known = ledger.Known("aiohttp_web", pattern, "reason")
    assert known.covers("aiohttp_web", case) is covered
    assert not known.covers("flask_gunicorn", case)


def test_a_list_that_is_not_there_lists_nothing(tmp_path: Path) -> None:
    assert ledger.read(tmp_path / "known_failures.toml", SERVERS) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            ENTRY.replace("aiohttp_web", "aiohtp_web"),
            "line 1: no server is called 'aiohtp_web'; did you mean aiohttp_web?",
        ),
        ("\n" + ENTRY.replace("reason", "reson"), "line 2: unknown key 'reson'; did you mean reason"),
        (
            '[[known]]\nserver = "aiohttp_web"\ncase = "test_a"\n',
            "line 1: reason is '', expected a text that says it",
        ),
        (ENTRY.replace('"it is so"', "' '"), "line 1: reason is ' ', expected a text"),
        (ENTRY.replace('"it is so"', "3"), "line 1: reason is 3, expected a text"),
        (ENTRY + "link = 3\n", "line 1: link is 3, expected a text"),
        ("known = 3\n", "known is no list of tables"),
        ("[knwon]\n", "unknown key 'knwon'"),
        ("[[known]\n", "known_failures.toml: "),
    ],
)
def test_a_wrong_entry_is_named_by_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ledger.LedgerError) as caught:
        ledger.read(write(tmp_path, text), SERVERS)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_entry_without_a_case_is_told_with_what_is_near(tmp_path: Path) -> None:
    known = ledger.read(write(tmp_path, ENTRY.replace("test_a", "test_coment[cr]") + ENTRY), SERVERS)
    assert ledger.unmatched(known, ["test_a", "test_comment[cr]"]) == [
        "known_failures.toml, line 1: no case is called 'test_coment[cr]'; did you mean test_comment[cr]?"
    ]
