"""The command line of `nox -s bench`: what is wrong with it is said before anything starts, with the way out."""

from __future__ import annotations

import argparse
import resource
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sseproof import checks, launch, passage, plan, results
from sseproof.terminal import Parser, UsageError

SPARE_FILES = 200  # what a process opens besides its streams

EXAMPLES = """examples:
  nox -s bench                                        all servers, every scenario of the quick profile
  nox -s bench -- --server stdlib_asyncio --transport sse
  nox -s bench -- --profile full --scenario broadcast --transport poll --transport sse
  nox -s bench -- --profile full --trials 10 --processes 2
  nox -s bench -- --transport sse --via nginx --broker redis   each way also behind nginx, and also on Redis
  nox -s bench -- --resume 20260101T120000Z-1a2b      what Ctrl-C, a crash or a failed trial has left
  sseproof show 20260101T120000Z-1a2b                 the tables again

quick takes under 3 minutes for six servers on 2 cores and claims no ranking: it has fewer than 5 trials.
exit code: 0 every trial was measured, 1 a trial failed, 2 usage, 3 a result file that is none, 130 interrupted
(nox itself makes 1 of each but 0)"""


@dataclass(frozen=True)
class Options:
    """A run as it was asked for. `done` has the state of each trial that is not to be run again."""

    run: str
    profile: str
    seed: int
    processes: int
    conformance: bool
    scripts: Mapping[str, Path]
    trials: Sequence[plan.Trial]
    chosen: Mapping[str, Any]
    doors: Mapping[str, str] = field(default_factory=dict)  # each with what it says of its version
    resumed: bool = False
    done: Mapping[int, str] = field(default_factory=dict)
    told: Sequence[str] = ()
    lacking: Mapping[tuple[str, str], str] = field(default_factory=dict)


def _from_1(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 1")
    return int(text)


def _parser() -> Parser:
    what = "Measure what SSE, polling, long-polling and WebSocket cost on each server."
    parser = Parser("nox -s bench --", what, EXAMPLES)
    add = parser.add_argument
    add("--profile", default="quick", metavar="NAME", help=f"{', '.join(plan.PROFILES)}; default: quick")
    add("--server", action="append", default=[], metavar="NAME", help="only this server (repeatable)")
    add("--scenario", action="append", default=[], metavar="NAME", help="only this scenario (repeatable)")
    add("--transport", action="append", default=[], metavar="NAME",
        help=f"only this way, or all that use {', '.join(plan.TRANSPORTS)} (repeatable)")  # fmt: skip
    add("--trials", type=_from_1, metavar="N", help="trials of each combination, instead of the profile's")
    add("--processes", type=_from_1, default=1, metavar="K", help="locust processes; default: 1")
    add("--via", choices=["nginx"], help="also measure each way through this proxy, to tell what it costs")
    add(
        "--broker",
        choices=["redis"],
        help="also measure each way with topics on this broker, to tell what it costs",
    )
    add("--seed", type=results.seed, metavar="N", help="seed of the trials' order (default: by chance, told)")
    add("--run", metavar="ID", help="name of the run and its folder (default: time and chance)")
    add("--resume", metavar="RUN", help="do the rest of a run: what is missing and what has failed")
    add("--no-conformance", action="store_true", help="skip the cases a scenario stands on; recorded")
    add("--scenarios", metavar="FILE", help="another file than loadtest/scenarios.toml")
    return parser


def read_options(arguments: Sequence[str], root: Path) -> Options:
    """Read a command line; raises UsageError, or ResultsError for a run to resume that is none."""
    given = _parser().parse_args(arguments)
    records: list[dict[str, Any]] = []
    if given.resume:
        if others := [
            word for word in arguments if word.startswith("--") and not word.startswith("--resume")
        ]:
            raise UsageError(f"--resume goes on with a run's own options; leave out {', '.join(others)}")
        records = results.read_lines(
            root / "results" / given.resume / "bench.jsonl", results.BENCH_FIELDS, "bench"
        )
        before = {"via": None, "broker": None} | records[0]["options"]  # which runs of old do not name
        given = argparse.Namespace(**before, run=given.resume, seed=records[0]["seed"])
    else:
        given.seed = secrets.randbelow(2**32) if given.seed is None else given.seed
    try:
        given.run = results.run_id(given.run)
    except results.ResultsError as error:
        raise UsageError(str(error)) from None
    if not records and (root / "results" / given.run / "bench.jsonl").exists():
        raise UsageError(
            f"results/{given.run} is there already; choose another --run, or --resume {given.run}"
        )
    try:
        return _planned(given, root, records)
    except (plan.PlanError, checks.CheckError) as error:
        raise UsageError(str(error)) from None
    except launch.LaunchError as error:
        raise UsageError("; ".join(line.strip() for line in str(error).splitlines())) from None


def _planned(given: argparse.Namespace, root: Path, records: Sequence[Mapping[str, Any]]) -> Options:
    scripts = {script.stem: script for script in launch.find(given.server, folder=root / "servers")}
    scenarios = plan.read(Path(given.scenarios) if given.scenarios else root / "loadtest" / "scenarios.toml")
    trials = plan.choose(
        scenarios,
        given.profile,
        list(scripts),
        names=given.scenario,
        transports=given.transport,
        trials=given.trials,
        doors=(doors := tuple(filter(None, (given.via, given.broker)))),
        seed=given.seed,
    )
    if records and len(trials) != records[0]["planned"]:
        raise UsageError(
            f"the plan of {given.run} had {records[0]['planned']} trials, scenarios.toml now gives {len(trials)}: "
            "it cannot go on"
        )
    if any("came" not in record["tally"] for record in records if record.get("state") == "ok"):
        raise UsageError(
            f"{given.run} is of an older sseproof, whose costs are divided otherwise: it cannot go on"
        )
    if not given.no_conformance:
        for case in {case for trial in trials for case in trial.way.cases}:
            checks.find(case)
    try:
        versions = {door: passage.version(door) for door in doors}
    except pytest.UsageError as error:
        raise UsageError(str(error)) from None
    _enough_files(trials, given.processes)
    made = [record for record in records if record["kind"] == "trial"]
    last = {record["number"]: record["state"] for record in made}
    needs = {trial.number: trial.way.needs for trial in trials}
    return Options(
        run=given.run,
        profile=given.profile,
        seed=given.seed,
        processes=given.processes,
        conformance=not given.no_conformance,
        scripts=scripts,
        trials=trials,
        doors=versions,
        chosen={key: value for key, value in vars(given).items() if key not in {"run", "resume", "seed"}},
        resumed=bool(records),
        done={number: state for number, state in last.items() if state != "failed"},
        told=[record["name"] for record in records if record["kind"] == "server"],
        lacking={(r["server"], needs[r["number"]]): r["reason"] for r in made if r["state"] == "skipped"},
    )


def _enough_files(trials: Sequence[plan.Trial], processes: int) -> None:
    """Refuse a load for which a process may not open enough files: a server has one per client."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def files(trial: plan.Trial) -> int:
        return trial.load.users * (passage.NGINX_FILES if trial.way.door == "nginx" else 1) + SPARE_FILES

    most = max(trials, key=files)
    needed, who = files(most), "nginx" if most.way.door == "nginx" else "a server"
    if soft != resource.RLIM_INFINITY and needed > soft:
        enough = hard == resource.RLIM_INFINITY or needed <= hard
        command = f"ulimit -n {needed}" if enough else f"as root: prlimit --pid $$ --nofile={needed}:{needed}"
        raise UsageError(
            f"scenario {most.scenario} has {most.load.users:,} clients, and {who} needs {needed:,} open files for "
            f"them; the limit is {soft:,}: {command}"
        )
