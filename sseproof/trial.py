"""One trial: a fresh server, judged, then measured under one locust command, then looked after.

Strategy: `begin` starts the server and locust side by side, each on its own cores; `measure` runs the scenario's
conformance cases against the very process that is timed, looks at the idle server (what memory is held against) and
lets locust go; `finish` reads the tally and looks whether the server is well. So the end of one trial and the start
of the next can share their time, while nothing else runs beside a window. Rule of the file: whatever goes wrong in a
trial becomes that trial's record, with the reason, and nothing of a trial outlives it. Only Ctrl-C goes through.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sseproof import aftermath, checks, launch, probe, sampling
from sseproof.load import Generator, Live, LoadError, ended
from sseproof.passage import Passage
from sseproof.plan import Trial

OVERTIME_S = 30.0  # beyond what the load's numbers say


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


@dataclass
class Running:
    """A trial between its steps; `record` grows, and `state` other than "ok" means that no step is left to do."""

    trial: Trial
    setting: Setting
    record: dict[str, Any]
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    generator: Generator | None = None
    server: launch.Server | None = None
    passage: Passage | None = None
    before: sampling.Sample | None = None
    open_before: int = 0
    samples: Sequence[sampling.Sample] = ()
    spent_s: float = 0.0


def blank(trial: Trial) -> dict[str, Any]:
    """Give the record of a trial of which nothing is known yet but what it is."""
    return {
        "number": trial.number, "block": trial.block, "scenario": trial.scenario, "way": trial.way.name,
        "transport": trial.way.transport, "door": trial.way.door, "server": trial.server, "state": "ok",
        "reason": "", "marks": [],
        "figures": list(trial.figures),
        "load": {**vars(trial.load), "options": [*trial.way.options, *trial.load.options]},
    }  # fmt: skip


def run(trial: Trial, setting: Setting, live: Live = lambda _: None) -> dict[str, Any]:
    """Run a whole trial and give its record; `live` gets each line of locust's progress."""
    running = begin(trial, setting)
    measure(running, live)
    return finish(running)


def begin(trial: Trial, setting: Setting) -> Running:
    """Start a trial's server and its generator."""
    running = Running(trial, setting, blank(trial))
    with _step(running):
        folder = running.stack.enter_context(tempfile.TemporaryDirectory(prefix="sseproof-"))
        running.generator = Generator(Path(folder), setting.generator_cores, setting.processes)
        running.stack.callback(running.generator.process.kill)
        passage = Passage(trial.way.door, trial.load.users, setting.server_cores)
        running.passage = running.stack.enter_context(passage)
        server = launch.launch(setting.scripts[trial.server], *passage.options, cores=setting.server_cores)
        running.stack.callback(server.kill)  # the last resort; a server that is well is stopped by `finish`
        running.server = server
        passage.lead_to(server)
        running.record["about"] = server.about
        if trial.way.needs and trial.way.needs not in (server.about.get("capabilities") or []):
            reason = f"{trial.server} does not declare {trial.way.needs!r}"
            running.record |= {"state": "skipped", "reason": reason}
    return running


def skipped(trial: Trial, setting: Setting, reason: str) -> Running:
    """Give a trial that is known to have nothing to measure."""
    return Running(trial, setting, blank(trial) | {"state": "skipped", "reason": reason})


def measure(running: Running, live: Live = lambda _: None) -> None:
    """Judge the server, then let locust go, until it has written its tally."""
    trial, setting, record = running.trial, running.setting, running.record
    server, generator, passage = running.server, running.generator, running.passage
    if record["state"] != "ok":
        return
    with _step(running):
        assert server is not None and generator is not None and passage is not None
        if setting.conformance:
            missed = checks.failures(server, trial.way.cases, setting.cases)
            record |= {"judged": len(trial.way.cases), "missed": missed}
            record["marks"] += [f"not conforming: {each}" for each in missed]
        running.open_before = aftermath.opened(server)
        record["connections_before"] = sampling.settle(server.pid, server.port)  # the cases' and our own
        running.before = sampling.look(server.pid)
        with sampling.Sampler(server.pid) as sampler, passage.watched() or contextlib.nullcontext():
            generator.go(trial, passage.origin)
            limit_s = trial.load.seconds + trial.load.join_s + setting.overtime_s
            generator.watch(limit_s, _still_there(server, passage), live)
        running.samples = sampler.samples


def finish(running: Running) -> dict[str, Any]:
    """Read what has come of a trial, see whether its server is well, stop everything and give the record."""
    record = running.record
    with running.stack, _step(running):
        if record["state"] == "ok":
            assert running.server and running.generator and running.before and running.passage
            record["tally"] = tally = running.generator.tally()
            window = tally["window"]
            usage = sampling.within(running.samples, window["from_ns"], window["until_ns"], running.before)
            between = running.passage.usage(window["from_ns"], window["until_ns"])
            record |= {"usage": usage} | ({"door_usage": between} if between else {})
            record["derived"] = aftermath.derived(tally, usage, between)
            record["marks"] += aftermath.marks(tally, running.trial.allows)
            record["marks"] += aftermath.unhealthy(running.server, running.open_before)
    return record | {"seconds": round(running.spent_s, 2), "load_average": os.getloadavg()[0]}


@contextlib.contextmanager
def _step(running: Running) -> Iterator[None]:
    """Make of what goes wrong the trial's record; let go of everything when it cannot go on."""
    began_s = time.monotonic()
    try:
        yield
    except (
        LoadError,
        launch.LaunchError,
        probe.ProbeError,
        probe.ProbeTimeout,
        AssertionError,
        OSError,
    ) as failure:
        running.record |= {"state": "failed", "reason": str(failure)}
        running.stack.close()
    except BaseException:  # Ctrl-C too
        running.stack.close()
        raise
    finally:
        running.spent_s += time.monotonic() - began_s


def _still_there(server: launch.Server, passage: Passage) -> Callable[[], None]:
    def look() -> None:
        passage.look()
        if not server.alive:
            raise LoadError(f"the server ended in mid-trial: {ended(server)}")

    return look
