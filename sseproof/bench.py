"""The benchmark's runner: trials one after the other, each record on disk before the next begins.

    nox -s bench -- --profile quick --scenario broadcast --server stdlib_asyncio

Strategy: plan.py says what is run in which order, trial.py runs one and gives its record, this module writes it down,
tells it in a line and goes on. Rule of the file: no trial stops the run, and Ctrl-C loses at most the trial it is in;
`--resume` does the rest of the same plan.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sseproof import environment, launch, machine, report, results, show, trial
from sseproof.benchoptions import Options, read_options
from sseproof.plan import Trial
from sseproof.progress import Progress
from sseproof.terminal import UsageError, sigterm_as_ctrl_c

PACKAGES = ("gevent", "h11", "hdrhistogram", "locust", "numpy", "psutil", "uv", "wsproto")


def main(arguments: Sequence[str], root: Path = environment.ROOT) -> int:
    """Do what the command line says and return its exit code."""
    try:
        options = read_options(arguments, root)
    except (UsageError, results.ResultsError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3 if isinstance(error, results.ResultsError) else 2
    path = root / "results" / options.run / "bench.jsonl"
    cores = os.sched_getaffinity(0)
    try:
        with sigterm_as_ctrl_c():
            code = _run(options, path)
    except (results.ResultsError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        rest = f"nox -s bench -- --resume {options.run}"
        print(
            f"\nbench: interrupted; finished trials are in {path.relative_to(root)}; the rest: {rest}",
            file=sys.stderr,
        )
        code = 130
    finally:
        os.sched_setaffinity(0, cores)
    if path.exists():
        _tell(path, root)
    return code


def _run(options: Options, path: Path) -> int:
    facts = machine.describe() | machine.limits()
    server_cores, generator_cores = _split(sorted(os.sched_getaffinity(0)))
    if generator_cores:
        os.sched_setaffinity(
            0, generator_cores
        )  # this thread's and the sampler's: the server's core is its own
    setting = trial.Setting(
        scripts=options.scripts,
        server_cores=server_cores,
        generator_cores=generator_cores,
        processes=options.processes,
        conformance=options.conformance,
    )
    for script in options.scripts.values():
        with contextlib.suppress(launch.LaunchError):  # its trials say so
            environment.prepare(script)  # what uv has to download is no trial's time
    counts = Counter(options.done.values())
    told = set(options.told)
    began_s = time.monotonic()
    progress = Progress(options.trials, options.done)
    progress.say(f"run {options.run}, profile {options.profile}, seed {options.seed}")
    progress.say(_where(server_cores, generator_cores))
    with results.Writer(path, _header(options, setting, facts), resume=options.resumed) as writer:

        def keep(each: Trial, record: dict[str, Any]) -> None:
            about = record.pop("about", None)
            if about is not None and each.server not in told:
                writer.line("server", {"name": each.server, "about": about})
                told.add(each.server)
            writer.line("trial", record)
            counts[record["state"]] += 1
            progress.finish(each, record)

        _trials(options, setting, progress, keep)
        writer.line("footer", {"counts": counts, "seconds": round(time.monotonic() - began_s, 1)})
    return 1 if counts["failed"] else 0


def _trials(
    options: Options,
    setting: trial.Setting,
    progress: Progress,
    keep: Callable[[Trial, dict[str, Any]], None],
) -> None:
    """Run what is to be run; while a trial's server and generator come up, the one before is looked after."""
    lacking = dict(options.lacking)
    before: tuple[Trial, Future[dict[str, Any]]] | None = None
    with ThreadPoolExecutor(1) as aside, contextlib.ExitStack() as stack:

        def settle() -> None:
            nonlocal before
            if before is not None:
                each, record = before[0], before[1].result()
                before = None
                keep(each, record)

        stack.callback(settle)  # Ctrl-C: what was measured is kept
        for each in (each for each in options.trials if each.number not in options.done):
            progress.begin(each)
            reason = lacking.get((each.server, each.way.needs), "")
            running = trial.skipped(each, setting, reason) if reason else trial.begin(each, setting)
            try:
                if running.record["state"] == "skipped":
                    lacking[each.server, each.way.needs] = running.record["reason"]
                settle()
                trial.measure(running, progress.live)
            except BaseException:
                running.stack.close()
                raise
            before = each, aside.submit(trial.finish, running)


def _split(cores: Sequence[int]) -> tuple[list[int], list[int]]:
    """Give the first core to the server and the others to the generator; nothing where there is only one."""
    return ([cores[0]], list(cores[1:])) if len(cores) > 1 else ([], [])


def _where(server: Sequence[int], generator: Sequence[int]) -> str:
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    noisy = (
        f"; load average {load:.1f} before the run: something else is at work here"
        if load > 0.3 * cores
        else ""
    )
    if not generator:
        return f"one core for server and generator: their figures are mixed{noisy}"
    names = ", ".join(map(str, generator))
    return f"server on core {server[0]}, generator and publisher on core {names}{noisy}"


def _header(options: Options, setting: trial.Setting, facts: Mapping[str, Any]) -> dict[str, Any]:
    now = {"started": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "load_average": os.getloadavg()[0]}
    if options.resumed:
        return now | {"revision": machine.revision(environment.ROOT)}
    return now | {
        "run": options.run,
        "revision": machine.revision(environment.ROOT),
        "machine": facts,
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "seed": options.seed,
        "servers": {name: str(script) for name, script in options.scripts.items()},
        "planned": len(options.trials),
        "options": options.chosen,
        "doors": options.doors,
        "server_cores": setting.server_cores,
        "generator_cores": setting.generator_cores,
    }


def _tell(path: Path, root: Path) -> None:
    try:
        show.tell(path)
        page, _ = report.write([path.parent], root)
    except (results.ResultsError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return
    name = path.parent.name
    print(f"{path.relative_to(root)}; again: sseproof show {name}; page: {page.relative_to(root)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
