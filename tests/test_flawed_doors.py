"""Behind a door too every case is seen to fail: a browser, a proxy, a broker, each with flaws of its own.

As in test_flawed.py, by whose means they are judged; but these groups are small, so each flaw meets all of its door's
cases. What a door needs and is missing skips its tests and says what to install; with SSEPROOF_BROWSER=required, as in
CI, that is a failure. To try one flaw: `pytest tests/test_flawed_doors.py --flaw NAME`.
"""

from pathlib import Path

import pytest

from sseproof.doors import DOORS
from tests import test_flawed
from tests.test_flawed import (
    cases,
    compare,
    door_of,
    function,
    in_batches,
    judge,
    literal,
    named,
    names,
    underlying,
)
from tests.test_seen import lacking

ROOT = Path(__file__).parents[1]
AT_ONCE = 4  # flaws a run


def own(door):
    return sorted((Path(__file__).parent / f"flawed_{door}").glob("*_*.py"))


def flaws(door):
    """Give the flaws of a door's own, and those of tests/flawed/ that name a case of it."""
    return own(door) + [flaw for flaw in test_flawed.FLAWS if named(flaw) & names(door)]


OPEN = [door for door in DOORS if names(door)]


def pytest_generate_tests(metafunc):
    if "batch" not in metafunc.fixturenames:
        return
    wanted = metafunc.config.option.flaw
    batches = [
        (door, batch)
        for door in OPEN
        for batch in in_batches((flaw for flaw in flaws(door) if not wanted or flaw.stem in wanted), AT_ONCE)
    ]
    ids = [" ".join([door, *(flaw.stem for flaw in batch)]) for door, batch in batches]
    metafunc.parametrize(("door", "batch"), batches, ids=ids)


def through(door):
    """Give the options that run this door's cases alone; skip where it cannot be opened."""
    try:
        DOORS[door].find()
    except pytest.UsageError as error:
        lacking(f"the door {door}", str(error))
    return [
        *DOORS[door].words.split(),
        "-k",
        " or ".join(sorted({file.stem for file, _ in cases() if door_of(file) == door})),
    ]


@pytest.fixture(scope="session")
def below(tmp_path_factory, testrun_uid):
    """Give the verdicts of a server flaws are built on, judged once for all workers of a run."""
    folder = tmp_path_factory.getbasetemp().parent

    def give(door, name):
        kept = folder / f"{testrun_uid}-{door}-{name}.jsonl"
        return test_flawed.once(
            kept, lambda: judge([ROOT / "servers" / f"{name}.py"], [], kept, through(door))
        )

    return give


@pytest.mark.parametrize("door", OPEN)
def test_the_reference_passes_every_case_behind_a_door(door, below):
    verdicts = below(door, "stdlib_asyncio")
    wrong = verdicts[~verdicts.verdict.isin(["pass", "note"])]
    undeclared = wrong.because.str.contains("does not declare|speaks no HTTP/2", regex=True)
    wrong = wrong[~((wrong.verdict == "skip") & undeclared)]
    assert list(zip(wrong.case, wrong.verdict, wrong.because, strict=True)) == []


@pytest.mark.parametrize("door", OPEN)
def test_every_case_behind_a_door_is_seen_to_fail(door):
    caught = {function(case) for flaw in flaws(door) for case in literal(flaw, "CAUGHT_BY")}
    strays = {function(case) for flaw in own(door) for case in literal(flaw, "CAUGHT_BY")} - names(door)
    assert (sorted(names(door) - caught), sorted(strays)) == ([], [])


def test_a_flaw_is_caught_by_exactly_the_cases_it_names_behind_its_door(door, batch, below, subtests):
    under = below(door, underlying(batch[0]))
    found = judge(batch, [], options=through(door))
    for flaw in batch:
        with subtests.test(flaw.stem):
            compare(flaw, found[found.server == flaw.stem], under, names(door))
