"""What one locustfile adds to the tally of a run: a part of each process, put into the tally by a function of its own.

    add_to_tally(environment, "storm", part=lambda: {"cut": 12}, put=lambda tally, parts: tally.update(...))

Parts travel as the workers' tallies do, with each of locust's reports and the last of them behind the window; the
function is called once, where the tally is written. Rule of the file: a tally that is not written is not extended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from sseproof import merge
from sseproof.histogram import encoded, merged, summary

Part = dict[str, Any]


def add_to_tally(
    environment: Environment,
    name: str,
    part: Callable[[], Part],
    put: Callable[[dict[str, Any], list[Part]], None],
) -> None:
    """Have `put` called with the tally and every process's part; call it from a listener of locust's `init`.

    A part is plain values only. `name` must be another for each call in a run.
    """
    options: Any = environment.parsed_options
    key = f"sseproof {name}"
    found: dict[str, Part] = {}

    def report(client_id: str, data: dict[str, Any], **_: Any) -> None:
        data[key] = part()

    def take(client_id: str, data: dict[str, Any], **_: Any) -> None:
        if key in data:
            found[client_id] = data[key]

    def quit(**_: Any) -> None:
        parts = list(found.values()) if isinstance(environment.runner, MasterRunner) else [part()]
        extend(Path(options.tally), put, parts)

    hooks: Any = environment.events
    if isinstance(environment.runner, WorkerRunner):
        hooks.report_to_master.add_listener(report)
        return
    hooks.worker_report.add_listener(take)
    if options is not None and options.tally:
        hooks.quit.add_listener(quit)


def extend(path: Path, put: Callable[[dict[str, Any], list[Part]], None], parts: list[Part]) -> None:
    """Change a tally's file, whole or not at all."""
    if path.exists():
        tally = json.loads(path.read_text())
        put(tally, parts)
        merge.write(path, tally)


def put_histogram(tally: dict[str, Any], name: str, texts: Iterable[str]) -> None:
    """Add encoded histograms of nanoseconds to a tally, merged, with their quantiles."""
    total = merged(texts)
    tally["histograms"][name] = encoded(total)
    tally["quantiles"][name] = summary(total)
