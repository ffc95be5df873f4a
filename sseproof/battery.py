"""The pytest plugin that makes a run of the battery: servers, levels, verdicts, results.

Strategy: pytest runs everything. Each case that takes `server` is parametrized over the chosen servers;
all cases of one server go to one xdist worker, which starts the server once and stops it after its last
case. A verdict is made where the case ran and travels on the report of its teardown; only the controlling
process writes the result file (sseproof.results), and after the end reads it again for the matrix and the
page. Rule of the file: the server's failure, our failure and a missing prerequisite are three things.

It has more than 200 lines because pytest wants a plugin's options, hooks and fixtures in one module.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from sseproof import cases, doors, judge, launch, ledger, results
from sseproof.client import Client, Subject
from sseproof.run import Run

SCRIPTS = pytest.StashKey[dict[str, Path]]()
KNOWN = pytest.StashKey[Sequence[ledger.Known]]()
COLLECTED = pytest.StashKey[cases.Collected]()
RECORD = pytest.StashKey[dict[str, Any]]()
SUBJECT = pytest.StashKey[Subject]()
DEATH_GRACE_S = 0.3


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sseproof", "the battery's servers and its run")
    group.addoption(
        "--server",
        action="append",
        default=[],
        metavar="NAME",
        help="judge only this server, by its file's name or path (repeatable)",
    )
    group.addoption(
        "--with",
        dest="with_",
        action="append",
        default=[],
        metavar="PKG==VERSION",
        help="run the servers with this release (repeatable)",
    )
    group.addoption("--slow", action="store_true", help="run the slow cases too")
    doors.add_options(group)
    group.addoption("--run", metavar="ID", help="name of the run and its folders (default: time and chance)")
    group.addoption(
        "--seed", type=results.seed, metavar="N", help="seed of the random cases (default: by chance, told)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run half as many servers again as there are cores at a time; a single server needs no worker.

    A case mostly waits: on 2 cores, 2 workers took 47 to 61 s for six servers and 3 workers 39 s.
    """
    servers = len(_scripts(config))
    return 0 if servers == 1 else min(servers, len(os.sched_getaffinity(0)) * 3 // 2)


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Hand out the cases server by server.

    Not by xdist_group: pytest-xdist 3.8 loses its groups under pytest 9.2, without a word (its issue 1386).
    """
    names = sorted(_scripts(config), key=len, reverse=True)  # of two that begin alike the longer one first

    class ByServer(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            parameters = nodeid.rpartition("::")[2].partition("[")[2]
            return next((name for name in names if re.match(rf"{re.escape(name)}[-\]]", parameters)), nodeid)

    return ByServer(config, log)


def _scripts(config: pytest.Config) -> dict[str, Path]:
    if SCRIPTS not in config.stash:
        try:
            found = launch.find(config.option.server, folder=config.rootpath / "servers")
        except launch.LaunchError as error:
            raise pytest.UsageError("; ".join(line.strip() for line in str(error).splitlines())) from None
        config.stash[SCRIPTS] = {script.stem: script for script in found}
        if len(config.stash[SCRIPTS]) < len(found):
            raise pytest.UsageError("two of the servers have the same name; rename one's file")
    return config.stash[SCRIPTS]


def _everyone(config: pytest.Config) -> set[str]:
    return {script.stem for script in (config.rootpath / "servers").glob("*_*.py")} | _scripts(config).keys()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for level in results.LEVELS:
        config.addinivalue_line("markers", f"{level}(anchor): {results.LEVELS[level]}")
    config.addinivalue_line("markers", "needs(capability): skipped where /json/about does not declare it")
    config.addinivalue_line("markers", "slow: runs only with --slow")
    config.addinivalue_line("markers", "door(name): runs only when that door is asked for (doors.py)")
    config.addinivalue_line(
        "markers", "costly: takes a core, or waits, for a while; `-m 'not costly'` leaves it out"
    )
    for variable in ("CI", "BUILD_NUMBER"):
        # By these pytest knows a CI and makes a diff of all of both sides, though `both_sides` is what is told: of an event
        # of 16 MiB that takes more than ten minutes. They are taken out of this process, and so of its servers'.
        os.environ.pop(variable, None)
    option = config.option
    doors.open_(config)
    try:
        config.stash[KNOWN] = ledger.read(
            config.rootpath / "conformance" / "known_failures.toml", sorted(_everyone(config))
        )
    except ledger.LedgerError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[COLLECTED] = collected = cases.Collected()
    if hasattr(config, "workerinput"):
        option.seed = config.workerinput["seed"]
    elif option.seed is None:
        option.seed = secrets.randbelow(2**32)
    option.hypothesis_seed = option.seed  # read by Hypothesis's own plugin
    quiet = [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile(
        "sseproof",
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=quiet,
    )
    hypothesis.settings.load_profile("sseproof")
    if not hasattr(config, "workerinput") and not option.collectonly:
        run = Run(config, _scripts(config), config.stash[KNOWN], collected)
        config.pluginmanager.register(run, "sseproof-run")


# -- collection


def pytest_collection(session: pytest.Session) -> None:
    """Let a run's only server come up while its cases are collected: that takes a second of either."""
    config = session.config
    if len(_scripts(config)) == 1 and not config.option.collectonly and not config.option.numprocesses:
        [script] = _scripts(config).values()
        config.stash[SUBJECT] = Subject(script, config.option.with_, doors.options(config))
        config.stash[SUBJECT].begin()


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        names = _scripts(metafunc.config)
        metafunc.parametrize("subject", list(names), ids=list(names), indirect=True, scope="session")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    found = config.stash[COLLECTED]
    found.take(items)
    found.problems += ledger.misfits(config.stash[KNOWN], sorted(_everyone(config)), found.levels)
    if found.problems:
        items.clear()
    yield  # -k and the like choose
    open_ = doors.asked(config)
    shut = [item for item in items if doors.of(item) not in {None, *open_}]
    slow = [item for item in items if not config.option.slow and item.get_closest_marker("slow")]
    left_out = {*shut, *slow}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    found.slow, found.shut, found.selected = len(left_out.difference(shut)), len(shut), len(items)
    found.doors = sorted({str(doors.of(item)) for item in shut})


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if SUBJECT in session.config.stash:
        session.config.stash[SUBJECT].stop()  # no case may have asked for it
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["sseproof"] = asdict(session.config.stash[COLLECTED])


# -- verdicts


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, pytest.TestReport]:
    report: pytest.TestReport = yield
    record = item.stash[RECORD]
    server: Client | None = getattr(item, "funcargs", {}).get("server")
    judge.judge(record, report, call, server)
    if call.when == "call":
        judge.held_against(record, report, item.config.stash[KNOWN])
    if call.when == "teardown":
        report.__dict__["sseproof"] = judge.clean(record)  # xdist carries what JSON can say
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[RECORD] = judge.record(item, cases.server_name(item), cases.case_id(item))


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str]:
    return judge.both_sides(op, left, right)


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, Any] | None:
    when = getattr(report, "when", None)
    if when not in ("setup", "call", "teardown", "???"):
        return None
    verdict = "error" if when == "???" else getattr(report, "sseproof", {}).get("verdict")  # a worker died
    if verdict is None:
        return "", "", ""
    letter, colour, _ = results.VERDICTS[verdict]
    # Categories of our own keep pytest's summaries for what is pytest's: collection errors.
    return f"verdict {verdict}", letter, (verdict, {colour.replace("magenta", "purple"): True})


# -- fixtures


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """The process behind `server`; cases do not ask for it."""
    config = request.config
    subject = config.stash.get(SUBJECT, None) or Subject(
        _scripts(config)[request.param], config.option.with_, doors.options(config)
    )
    yield subject
    subject.stop()


@pytest.fixture
def server(subject: Subject, request: pytest.FixtureRequest) -> Iterator[Client]:
    """The server under judgement, up and answering, with its streams closed after the case."""
    record = request.node.stash[RECORD]
    try:
        process = subject.running()
    except launch.LaunchError as failure:
        if told := doors.one_process(failure.words):  # what it cannot be is no fault of its own
            pytest.skip(f"{subject.script.stem}: {told}")
        raise
    record["about"] = process.about
    declared = process.about.get("capabilities") or []
    for capability in (name for marker in request.node.iter_markers("needs") for name in marker.args):
        if capability not in declared:
            pytest.skip(f"{process.name} does not declare {capability!r}")
    with Client(process) as client:
        subject.judged = client
        yield client
        subject.judged = None
        if record["because"] and client.lost:
            process.wait(DEATH_GRACE_S)  # a connection breaks before its server is seen to have died
        record["died"] = not process.alive
        subject.took_note(record)


@pytest.fixture(scope="session")
def lasting(subject: Subject) -> Iterator[Callable[[str, Callable[[Client], Any]], Any]]:
    """Give what outlives a case: `lasting("quiet", lambda server: server.open(...))` opens it once per process.

    So waits of many seconds overlap. Its streams are closed after the server's last case.
    """
    opened: dict[tuple[launch.Server, str], Any] = {}
    clients: dict[tuple[launch.Server, str], Client] = {}

    def give(name: str, opening: Callable[[Client], Any]) -> Any:
        process = subject.running()
        key = process, name
        if key not in opened:
            clients[key] = Client(process)
            try:
                opened[key] = opening(clients[key])
            except Exception as failure:  # tried once: another wait into its limit would tell no more
                opened[key] = failure
        if subject.judged:
            subject.judged.tell_too(clients[key])
        found = opened[key]
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    yield give
    for client in clients.values():
        client.close()


@pytest.fixture
def another(subject: Subject) -> Iterator[Callable[..., Client]]:
    """Start a server for this case alone: `another("--sessions", "1")`. It takes a second: mark the case slow."""
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(Client(stack.enter_context(subject.another(*options))))


@pytest.fixture(scope="session")
def aside(
    subject: Subject, request: pytest.FixtureRequest
) -> Iterator[Callable[[str, Callable[..., Any]], Future[Any]]]:
    """Run beside the cases what takes long and a process of its own: `aside("name", story).result()`.

    `story(start)` runs in a thread, once; `with start("--ping", "15") as server:` starts the process.
    """
    pool, begun = ThreadPoolExecutor(), dict[str, Future[Any]]()

    @contextlib.contextmanager
    def start(*options: str) -> Iterator[Client]:
        with subject.another(*options) as process, Client(process) as client:
            client.seed = request.config.option.seed
            yield client

    def begin(name: str, story: Callable[..., Any]) -> Future[Any]:
        if name not in begun:
            begun[name] = pool.submit(story, start)
        return begun[name]

    yield begin
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def finding(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Record what was seen, in a sentence: `finding("answers 200 to HEAD")`."""

    def record(text: str) -> None:
        told = request.node.stash[RECORD]
        told["finding"] = "; ".join(filter(None, [told["finding"], text]))

    return record
