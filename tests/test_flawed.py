"""Every case is seen to fail: each server of tests/flawed/ is caught by exactly the cases it names.

Against each flaw run the cases it names, with all their parameters, and of the others every sixth, one row each:
others for every flaw, so that together the flaws see each case pass too, and the whole takes minutes. Left out are cases it
does not name that are marked `costly` or `slow` or need a process of their own. `--whole` runs all cases with all
their parameters but for the slow ones. What the server underneath trips itself does not count. An observed case
has caught a flaw when it finds something else than with the server underneath; as findings hold figures, only the
named ones are looked at.

To try one flaw: `pytest tests/test_flawed.py --flaw NAME`. A run begins with the server underneath, 15 s of it.
"""

import ast
import fcntl
import functools
import itertools
import os
import random
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sseproof import catalogue, results

ROOT = Path(__file__).parents[1]
FLAWS = sorted(Path(__file__).with_name("flawed").glob("*_*.py"))
REFERENCE = "stdlib_asyncio"
AT_ONCE = 8  # flaws a run: to start pytest and collect takes as long as a third of the cases
LIMIT_S = 600
ENVIRON = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}  # 1 s a run


def pytest_generate_tests(metafunc):
    if "flaws" in metafunc.fixturenames:
        wanted = metafunc.config.option.flaw
        batches = in_batches((flaw for flaw in FLAWS if not wanted or flaw.stem in wanted), AT_ONCE)
        metafunc.parametrize(
            "flaws", batches, ids=[" ".join(flaw.stem for flaw in batch) for batch in batches]
        )


def in_batches(flaws, size):
    """Share flaws out to runs, all of one built on the same server."""
    groups = [list(group) for _, group in itertools.groupby(sorted(flaws, key=underlying), underlying)]
    return [group[start : start + size] for group in groups for start in range(0, len(group), size)]


def underlying(flaw):
    """Give the name of the server a flaw is built on."""
    [name] = re.findall(r"^import (\w+_\w+)$", flaw.read_text(encoding="utf-8"), re.MULTILINE)
    return name


@functools.cache
def tree(file):
    """Read a file without running it."""
    return ast.parse(file.read_text(encoding="utf-8"))


def literal(flaw, name):
    return catalogue.literal(tree(flaw), flaw, name)


@functools.cache
def named(flaw):
    return {function(case) for case in literal(flaw, "CAUGHT_BY") | literal(flaw, "MAY_TRIP")}


def function(case):
    return case.partition("[")[0]


def cases():
    """Give the battery's case functions, each with the file it is in."""
    for file in (ROOT / "conformance").glob("test_*.py"):
        for node in tree(file).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield file, node


@functools.cache
def stories(file):
    """Name what a file of cases tells beside the others: the keys of its BESIDE."""
    assignments = [node for node in tree(file).body if isinstance(node, ast.Assign)]
    beside = [node.value for node in assignments if ast.unparse(node.targets[0]) == "BESIDE"]
    return {key.value for value in beside for key in value.keys}


def marked(marker):
    return {case.name for _, case in cases() if any(marker in ast.unparse(by) for by in case.decorator_list)}


def told_beside():
    """Name the cases that judge a story told beside the others, on a process of its own."""
    return {case.name for file, case in cases() if stories(file) & {arg.arg for arg in case.args.args}}


SLOW = marked("pytest.mark.slow")


@functools.cache
def door_of(file):
    """Name the door (a browser, a proxy, a broker) that a file's cases go through; None without one."""
    told = re.search(r"""^pytestmark = .*\bdoor\(["'](\w+)""", file.read_text("utf-8"), re.MULTILINE)
    return told and told[1]


def names(door=None):
    """Name the cases that go through a door; those that go through none by default."""
    return {case.name for file, case in cases() if door_of(file) == door}


COSTLY = marked("pytest.mark.costly") | told_beside()


def left_out(server, functions):
    """Give what stands for all rows of some case functions (without.py reads it)."""
    for file, case in cases():
        if case.name in functions:
            yield f"conformance/{file.name}::{case.name}[{server}*"


def other_rows(flaw, below):
    """Give the node ids of the rows that are not run, of the functions that a flaw does not name."""
    chance = random.Random(flaw.stem)
    for (name, group), rows in below.groupby([below.case.map(function), below.group]):
        if name not in named(flaw):
            kept = chance.choice(sorted(rows.case)) if chance.random() < 1 / 6 else None
            for case in set(rows.case) - {kept}:
                parameters = f"-{case.removeprefix(name)[1:]}" if "[" in case else "]"
                yield f"conformance/test_{group}.py::{name}[{flaw.stem}{parameters}"


def judge(scripts, without, keep=None, options=("--slow",)):
    """Run the battery, but for some rows, against servers; give its verdicts, one row a case and server.

    Their file is deleted; with `keep` it is moved there.
    """
    run = f"flaw-{scripts[0].stem}-{secrets.token_hex(3)}"
    command = [
        sys.executable,
        "-m",
        "pytest",
        *("-p", "sseproof.battery", "-p", "without"),
        f"--rootdir={ROOT}",
        "-qq",
        "-n",
        "0",
    ]
    command += ["-c", str(ROOT / "pyproject.toml"), "-o", f"testpaths={ROOT / 'conformance'}", "--no-summary"]
    command += ["--seed", "1", "--run", run, *options, *(f"--server={script}" for script in scripts)]
    environ = {**ENVIRON, "PYTHONPATH": str(Path(__file__).parent)}  # where the plugin is
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as listed:
            listed.write("\n".join(without))
            listed.flush()
            environ["WITHOUT"] = listed.name
            done = subprocess.run(
                command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=LIMIT_S
            )
        assert done.returncode in (0, 1), done.stdout[-2000:] + done.stderr[-2000:]
        found = ROOT / "results" / run / "conformance.jsonl"
        return results.read(shutil.move(found, keep) if keep else found)
    finally:
        for folder in ("results", "reports"):
            shutil.rmtree(ROOT / folder / run, ignore_errors=True)


def tripped(verdicts):
    """Give the ids of the cases that are not as they should be."""
    return set(verdicts[verdicts.verdict.isin(["fail", "warn", "known", "error"])].case)


def observed(verdicts):
    """Give what each observed case has found."""
    notes = verdicts[verdicts.verdict == "note"]
    return dict(zip(notes.case, notes.finding + notes.because, strict=True))


def once(kept, judged):
    """Give the verdicts kept in a file, judged by whoever comes first; the others wait for it."""
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            judged()
    found = results.read(kept)
    assert "error" not in set(found.verdict), f"{kept.stem} could not be judged"
    return found


@pytest.fixture(scope="session")
def underneath(tmp_path_factory, testrun_uid, pytestconfig):
    """Give the verdicts of a server flaws are built on, judged once for all workers of a run."""
    folder = tmp_path_factory.getbasetemp().parent

    def give(name):
        # What a flaw makes an observed case find is held against what it finds here.
        unwanted = SLOW - marked("pytest.mark.observed")
        if name != REFERENCE and not pytestconfig.option.whole:  # of the reference all is judged
            unwanted |= COSTLY - {case for flaw in FLAWS if underlying(flaw) == name for case in named(flaw)}
        without = left_out(name, unwanted)
        kept = folder / f"{testrun_uid}-{name}.jsonl"
        return once(kept, lambda: judge([ROOT / "servers" / f"{name}.py"], without, kept))

    return give


def test_the_reference_passes_every_case(underneath):
    verdicts = underneath(REFERENCE)
    wrong = verdicts[~verdicts.verdict.isin(["pass", "note", "skip"])]
    assert list(zip(wrong.case, wrong.because, strict=True)) == []
    skipped = verdicts[verdicts.verdict == "skip"]
    undeclared = skipped.because.str.extract("declare '(blocking|websocket)'")[0]
    assert list(skipped[undeclared.isna()].because) == []


def test_every_case_is_seen_to_fail():
    caught = {function(case) for flaw in FLAWS for case in literal(flaw, "CAUGHT_BY")}
    every = {case.name for _, case in cases()}  # a door's are seen to fail by the tests of the doors
    assert (sorted(names() - caught), sorted(caught - every)) == ([], [])


def test_a_flaw_is_caught_by_exactly_the_cases_it_names(flaws, underneath, subtests, pytestconfig):
    below = underneath(underlying(flaws[0]))
    without = []
    for flaw in flaws:
        unwanted = SLOW if pytestconfig.option.whole else SLOW | COSTLY
        without += left_out(flaw.stem, unwanted - named(flaw))
        without += [] if pytestconfig.option.whole else other_rows(flaw, below)
    found = judge(flaws, without)
    for flaw in flaws:
        with subtests.test(flaw.stem):
            compare(flaw, found[found.server == flaw.stem], below, names())


def compare(flaw, found, below, judged):
    """Fail unless a flaw was caught by what it names of the cases that were judged, and by nothing else."""
    trips, before = tripped(found) - tripped(below), observed(below)
    trips |= {
        case
        for case, seen in observed(found).items()
        if function(case) in named(flaw) and seen != before.get(case)
    }
    catching = {case for case in literal(flaw, "CAUGHT_BY") if function(case) in judged}
    missed = sorted(catching - trips - {function(case) for case in trips})
    besides = sorted({function(case) for case in trips} - named(flaw))
    if missed or besides:
        said = found[found.case.map(function).isin(besides) & found.case.isin(trips)]
        words = [f"  {case}: {because[:200]}" for case, because in zip(said.case, said.because, strict=True)]
        what = f"{flaw.stem} is not caught by {missed} and caught besides by {besides}, expected neither"
        pytest.fail("\n".join([what, *words[:10]]), pytrace=False)
