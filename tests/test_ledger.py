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
    other = ENTRY.replace("test_a", "test_b")
    text = f'# a comment\n\n{ENTRY}versions = "x >=3.0"\nlink = "https://example.org/1"\n\n{other}'
    first, second = ledger.read(write(tmp_path, text), SERVERS)
    assert (first.line, second.line) == (3, 10)
    assert str(first) == "it is so (x >=3.0) https://example.org/1"
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
        (
            ENTRY.replace("aiohttp_web", "*_wbe"),
            "line 1: no server is called '*_wbe'; did you mean aiohttp_web?",
        ),
        (
            ENTRY + 'versions = "x 3.0"\n',
            "line 1: versions is 'x 3.0', expected a package and its releases (\"uvicorn >=0.54, <0.60\")",
        ),
        (
            ENTRY + 'versions = "x"\n',
            "line 1: versions is 'x', expected a package and its releases, nothing else",
        ),
        (ENTRY + 'versions = ">=3"\n', "line 1: versions is '>=3', expected a package and its releases"),
        (ENTRY + 'versions = "x >2, <1"\n', "line 1: versions is 'x >2, <1', which no release can be in"),
        (ENTRY + ENTRY, "lines 1 and 5 list the same case of the same server and release"),
        (ENTRY + f'versions = "x >=2"\n{ENTRY}versions = "x <3"\n', "lines 1 and 6 list the same case"),
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


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("test_b[crr-id]", "'test_b[crr-id]' is no case of test_b; did you mean test_b[cr-id] or test_b[lf-id]?"),
        ("test_b[zz]", "'test_b[zz]' is no case of test_b; there are test_b[cr-id], test_b[lf-id]"),
        ("test_b", "'test_b' is no case of test_b; there are test_b[cr-id], test_b[lf-id] (\"test_b*\" means them all)"),
        ("test_a[cr]", "test_a has no parameters, the entry has [cr]"),
        ("test_long_nmae_*", "no case is called 'test_long_nmae_*'; did you mean test_long_name?"),
    ],
)  # fmt: skip
def test_what_is_near_may_be_the_function_or_its_parameters(pattern: str, words: str) -> None:
    known = [ledger.Known("aiohttp_web", pattern, "reason", line=1)]
    cases = ["test_a", "test_b[cr-id]", "test_b[lf-id]", "test_long_name[x]"]
    assert ledger.unmatched(known, cases) == [f"known_failures.toml, line 1: {words}"]


ABOUT = {
    "framework": "FastAPI", "framework_version": "0.140.2", "encoder": "ours", "encoder_version": None,
    "http_server": "uvicorn", "http_server_version": "0.54.0rc1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("versions", "about", "holds"),
    [
        ("", None, True),
        ("fastapi >=0.135, <0.166", ABOUT, True),
        ("fastapi >=0.141", ABOUT, False),
        ("fastapi ==0.140.*", ABOUT, True),
        ("uvicorn <0.54", ABOUT, False),
        ("uvicorn <=0.54", ABOUT, True),  # a release before the release
        ("ours >=0", ABOUT, False),  # no version, so in no range
        ("flask >=0", ABOUT, False),
        ("fastapi >=0", None, False),
        ("fastapi >=0", ["no", "object"], False),
    ],
)
def test_an_entry_holds_for_the_releases_of_its_range(versions: str, about: object, holds: bool) -> None:
    assert ledger.Known("x", "test_a", "reason", versions).holds(about) is holds


def entries(*parts: tuple[str, str, str]) -> list[ledger.Known]:
    return [
        ledger.Known(server, case, "", versions, line=n) for n, (server, case, versions) in enumerate(parts)
    ]


LEVELS = {"test_a[x]": "required", "test_a[y]": "observed", "test_b": "recommended"}


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (entries(("*", "test_a*", "")), []),
        (
            entries(("*", "test_b", "")),
            ["line 0: test_b is recommended, only required cases can be known failures"],
        ),
        (
            entries(("*", "test_a[y]", "")),
            ["line 0: test_a[y] is observed, only required cases can be known failures"],
        ),
        (
            entries(("aiohttp_*", "test_a*", ""), ("*_web", "test_a[x]", "aiohttp >=3")),
            [
                "lines 0 and 1 list the same case of the same server and release: test_a[x] of aiohttp_web"
            ],
        ),
        (entries(("aiohttp_*", "test_a*", "aiohttp <3"), ("*_web", "test_a[x]", "aiohttp >=3")), []),
        (entries(("aiohttp_*", "test_a*", ""), ("flask_*", "test_a[x]", "")), []),
    ],
)  # fmt: skip
def test_an_entry_lists_what_can_fail_and_only_once(known: list[ledger.Known], told: list[str]) -> None:
    assert ledger.misfits(known, SERVERS, LEVELS) == [f"known_failures.toml, {words}" for words in told]


def test_a_range_is_of_a_package_that_the_server_runs() -> None:
    known = entries(
        ("a_*", "test_a", "fastpi >=1"), ("a_*", "test_b", "uvicorn >=1"), ("b_b", "test_a", "x >=1")
    )
    assert list(ledger.foreign(known, {"a_b": ABOUT, "a_c": None})) == [
        "known_failures.toml, line 0: versions is about 'fastpi', but a_b runs "
        "fastapi 0.140.2, uvicorn 0.54.0rc1; did you mean fastapi?"
    ]


def test_a_copy_of_a_server_is_told_which_line_lists_its_original():
    known = [ledger.Known("aiohttp_web", "test_a*", "it is so", line=7)]
    found = ledger.of_another(known, "mine_web", "test_a[x]")
    assert found is not None and found.line == 7
    assert ledger.of_another(known, "aiohttp_web", "test_a[x]") is None
    assert ledger.of_another(known, "mine_web", "test_b") is None
