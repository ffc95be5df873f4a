"""One trial: a fresh server, judged, then measured under one locust command, then looked after.

Strategy: the server and locust start side by side, each on its own cores; the scenario's conformance cases run
against the very process that is timed; a look at the idle server is what memory is held against; then locust gets its
command line (sseproof.generator) and everything about load is its business. What it has seen comes back as one JSON
file, its tally. Rule of the file: whatever goes wrong in a trial becomes that trial's record, with the reason, and
nothing of a trial outlives it. Only Ctrl-C goes through.

It has more lines than most because the order of one trial, and the meaning of what it gave, are read together.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sseproof import checks, launch, probe, sampling
from sseproof.client import Client
from sseproof.leashed import Leashed
from sseproof.plan import Trial

TOPIC = "bench"
OVERTIME_S = 30.0  # beyond what the load's numbers say
HEALTH_S = 5.0  # for a server to see that everybody has left
BOUND_CORE = 0.70
BOUND_LAG_NS = 10_000_000
PROGRESS = "sseproof: "
TALLY_FORMAT = 1


@dataclass(frozen=True)
class Setting:
    """What all trials of a run share; without cores nothing is pinned."""

    scripts: Mapping[str, Path]
    server_cores: Sequence[int] = ()
    generator_cores: Sequence[int] = ()
    processes: int = 1
    conformance: bool = True
    cases: Path = checks.CASES
    overtime_s: float = OVERTIME_S


class Failed(Exception):
    """The trial cannot give a result; the message is the reason."""


Live = Callable[[Mapping[str, Any]], None]


def run(trial: Trial, setting: Setting, live: Live = lambda _: None) -> dict[str, Any]:
    """Run a trial and give its record; `live` gets each line of locust's progress."""
    began_s = time.monotonic()
    record = blank(trial)
    try:
        with contextlib.ExitStack() as stack:
            _run(trial, setting, live, record, stack)
    except (Failed, launch.LaunchError, OSError) as failure:
        record |= {"state": "failed", "reason": str(failure)}
    return record | {"seconds": round(time.monotonic() - began_s, 2), "load_average": os.getloadavg()[0]}


def blank(trial: Trial) -> dict[str, Any]:
    """Give the record of a trial of which nothing is known yet but what it is."""
    return {
        "number": trial.number, "block": trial.block, "scenario": trial.scenario, "way": trial.way.name,
        "transport": trial.way.transport, "server": trial.server, "state": "ok", "reason": "", "marks": [],
        "load": {**vars(trial.load), "options": [*trial.way.options, *trial.load.options]},
    }  # fmt: skip


def _run(
    trial: Trial, setting: Setting, live: Live, record: dict[str, Any], stack: contextlib.ExitStack
) -> None:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sseproof-")))
    generator = Generator(folder, setting.generator_cores)
    stack.callback(generator.process.kill)
    server = launch.launch(setting.scripts[trial.server], cores=setting.server_cores)
    stack.callback(server.kill)  # the last resort; a server that is well is stopped below
    record["about"] = server.about
    if trial.way.needs and trial.way.needs not in (server.about.get("capabilities") or []):
        record |= {"state": "skipped", "reason": f"{trial.server} does not declare {trial.way.needs!r}"}
        return
    if setting.conformance:
        record["missed"] = checks.failures(server, trial.way.cases, setting.cases)
        record["judged"] = len(trial.way.cases)
        record["marks"] += [f"not conforming: {missed}" for missed in record["missed"]]
    before = sampling.look(server.pid)
    with sampling.Sampler(server.pid) as sampler:
        generator.go(_arguments(trial, setting, server, folder / "tally.json"))
        _watch(generator.process, server, trial.load.seconds + setting.overtime_s, live)
    tally = _tally(folder / "tally.json", generator.process, setting.processes)
    record["tally"] = tally
    window = tally["window"]
    usage = sampling.within(sampler.samples, window["from_ns"], window["until_ns"], before)
    record |= {"usage": usage, "derived": derived(tally, usage)}
    record["marks"] += [*marks(tally), *_unhealthy(server)]


def _arguments(trial: Trial, setting: Setting, server: launch.Server, tally: Path) -> list[str]:
    load, way = trial.load, trial.way
    given: dict[str, object] = {
        "-f": trial.file, "--host": f"http://{server.host}:{server.port}",
        "--users": load.users, "--spawn-rate": load.spawn_rate, "--transport": way.transport, "--topic": TOPIC,
        "--warm-up": load.warm_up_s, "--measure": load.measure_s, "--drain": load.drain_s, "--tally": tally,
    }  # fmt: skip
    if load.publish_rate:
        given |= {"--publish-rate": load.publish_rate, "--payload-bytes": load.payload_bytes}
    if setting.processes > 1:
        given["--processes"] = setting.processes
    words = [word for name, value in given.items() for word in (name, str(value))]
    return [*words, "--headless", "--only-summary", "--progress", *way.options, *load.options]


class Generator:
    """Locust on a leash, warm: `go` tells it its command line."""

    def __init__(self, folder: Path, cores: Sequence[int]) -> None:
        self._fifo = folder / "arguments"
        os.mkfifo(self._fifo)
        # LOCUST_USERS and its like would change a run without a trace in its results.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        command = [sys.executable, "-m", "sseproof.generator", str(self._fifo)]
        environ |= {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
        self.process = Leashed("locust", command, environ=environ, cores=cores)

    def go(self, arguments: Sequence[str]) -> None:
        """Hand over the command line; raises Failed if it has ended before."""
        told = json.dumps(list(arguments)).encode("ascii")
        deadline_s = time.monotonic() + OVERTIME_S
        while not self.process.wait(0.01):
            with contextlib.suppress(OSError):  # ENXIO: it is still importing
                pipe = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
                os.write(pipe, told)
                os.close(pipe)
                return
            if time.monotonic() > deadline_s:
                raise Failed(f"locust has not come up after {OVERTIME_S:g} s: {self.process.last_words(3)}")
        raise Failed(_ended(self.process))


def _watch(generator: Leashed, server: launch.Server, limit_s: float, live: Live) -> None:
    """Wait until locust has ended; raise Failed when the server ends first, or the time is over."""
    deadline_s, told_bytes = time.monotonic() + limit_s, 0
    while not generator.wait(0.1):
        if not server.alive:
            raise Failed(f"the server ended in mid-trial: {_ended(server)}")
        if time.monotonic() > deadline_s:
            raise Failed(f"locust has not ended after {limit_s:.0f} s: {generator.last_words(3)}")
        text = generator.printed(told_bytes)
        whole = text.rpartition("\n")[0]
        told_bytes += len(whole.encode("utf-8", "replace"))
        for line in whole.splitlines():
            if line.startswith(PROGRESS):
                with contextlib.suppress(ValueError):
                    live(json.loads(line.removeprefix(PROGRESS)))


def _ended(process: Leashed) -> str:
    code = process.code or 0
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    words = process.last_words(5).replace("\n", " | ")
    return f"{process.name}, {how}" + (f"; it printed last: {words}" if words else "")


def _tally(path: Path, generator: Leashed, processes: int) -> dict[str, Any]:
    try:
        tally: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise Failed(f"the generator left no tally: {_ended(generator)}") from None
    except ValueError as error:
        raise Failed(f"the generator's tally is damaged: {error}") from None
    if tally.get("format") != TALLY_FORMAT:
        raise Failed(f"the generator's tally has format {tally.get('format')!r}, expected {TALLY_FORMAT}")
    publisher = tally.get("publisher") or {}
    if publisher.get("failure"):
        raise Failed(f"the publisher failed: {publisher['failure']}")
    if generator.code:
        raise Failed(f"the window was not whole: {_ended(generator)}")
    if not tally.get("window"):
        raise Failed("the generator measured no window")
    if len(tally["generators"]) < processes:
        raise Failed(f"{len(tally['generators'])} of {processes} generator processes reported")
    return tally


# -- what a tally means


def derived(tally: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, float | None]:
    """Give the figures that are held against each other: per delivered event and per open stream."""
    events, streams = tally["deliveries"], tally["streams"]

    def per(number: float | None, of: float) -> float | None:
        return None if number is None or not of else number / of

    return {
        "seen_share": per(tally["seen"], tally["due"]),
        "server_cpu_s_per_1000": per(usage.get("cpu_s"), events / 1000),
        "wire_in_bytes_per_event": per(tally["wire_in_bytes"], events),
        "wire_out_bytes_per_event": per(tally["wire_out_bytes"], events),
        "requests_per_event": per(tally["requests"], events),
        "kib_per_stream": per(usage.get("grown_bytes"), streams * 1024),
        "tcp_kib_per_stream": per(usage.get("tcp_grown_bytes"), streams * 1024),
    }


def marks(tally: Mapping[str, Any]) -> list[str]:
    """Say why a trial gives no ranking: the generator was the number, or events were lost."""
    found = [
        f"generator-bound: process {each['pid']} took {each['cpu_share']:.0%} of its core, the limit is {BOUND_CORE:.0%}"
        for each in tally["generators"]
        if each["cpu_share"] > BOUND_CORE
    ]
    late = {
        "the generator lagged": tally["quantiles"].get("lag", {}).get("p99", 0)
        if tally["clock"] == "kernel"
        else 0,
        "the publisher was late": (tally.get("publisher") or {}).get("late_p99_ns"),
    }
    found += [
        f"generator-bound: {who} by {ns / 1e6:.1f} ms at p99, the limit is {BOUND_LAG_NS / 1e6:.0f} ms"
        for who, ns in late.items()
        if ns is not None and ns > BOUND_LAG_NS
    ]
    if tally["seen"] < tally["due"]:
        missing = tally["due"] - tally["seen"]
        found.append(f"lossy: {missing:,} of {tally['due']:,} events due were not seen")
    elif not tally["due"]:
        found.append("lossy: no event was due, so nothing was measured")
    return found


def _unhealthy(server: launch.Server) -> list[str]:
    """Say what is wrong with a server after its trial; it is stopped then.

    Everybody has left by now. Some servers see that only when a write fails, so something is published.
    """
    deadline_s, left = time.monotonic() + HEALTH_S, -1  # -1: not told yet
    found: list[str] = []
    try:
        with Client(server) as client:
            while left != 0 and time.monotonic() < deadline_s:
                left = client.json("GET", "/json/open").value["open"]
                if left:
                    client.json("POST", f"/json/topic?topic={TOPIC}", {"data": "is anybody still there?"})
                    time.sleep(0.02)
            about = client.json("GET", "/json/about").value
            if about["pid"] != server.about["pid"]:
                found.append(f"unhealthy: process {about['pid']} answers, it was {server.about['pid']}")
        if left > 0:
            found.append(f"unhealthy: {left} streams still open {HEALTH_S:g} s after everybody had left")
    except (probe.ProbeError, AssertionError, LookupError, TypeError) as error:
        found.append(f"unhealthy: after its trial it does not answer as before: {str(error)[:200]}")
    if code := server.stop():
        found.append(f"unhealthy: SIGTERM ended it with exit code {code}, expected 0")
    return found
