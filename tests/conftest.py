"""Tests of the contract import it as the servers do: from servers/."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "servers"))

# A job in the background of a shell ignores Ctrl-C, and so would all it starts: tests that send one would wait in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def untyped(monkeypatch):
    """Let records of any types through, as if no reader checked: what tells them has to bear that too."""
    monkeypatch.setattr("sseproof.typed.fault", lambda *_: "")


def pytest_addoption(parser):
    parser.addoption("--flaw", action="append", default=[], metavar="NAME", help="try only this flaw")
    parser.addoption(
        "--whole",
        action="store_true",
        help="run every case, with all its parameters, against every flaw; not the slow ones",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers():
    """Run twice as many at a time as there are cores: most of a test is waiting for a server."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(items):
    """Run what takes longest, the flaws, early; but not first, for they wait for the server underneath to be judged.

    Each worker gets an equal run of what is collected, and takes from the others' ends when its own is done. So the
    first one judges the server underneath while the others begin with the half of their other tests.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.path.stem.startswith("test_flawed")]
    rest = [item for item in items if item not in long]
    ends = [len(rest) * worker // workers for worker in range(workers + 1)]
    dealt = []
    for worker in range(workers):
        own = rest[ends[worker] : ends[worker + 1]]
        first = len(own) // 2 if worker else 0
        dealt += [*own[:first], *long[worker::workers], *own[first:]]
    items[:] = dealt
