"""How and on what a report's runs were made, and which of their trials count for nothing.

Rule of the file: all of it was read from a file that anybody may have written. A value of the wrong type is shown as
what it is or left out, never trusted; what is told of trials is told once, with how many of them it is true of.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from sseproof import intervals, pairs, reading, unranked
from sseproof.intervals import Interval
from sseproof.plan import split
from sseproof.said import number, said
from sseproof.sources import Sources

MACHINE = {
    "cpu": "Processor", "cores": "Cores", "memory_bytes": "Memory", "kernel": "Kernel",
    "python": "Python", "open_files": "Open files", "local_ports": "Local ports",
    "somaxconn": "Socket queue",
}  # fmt: skip
HEADER = {
    "started": "Started", "revision": "Revision", "seed": "Seed", "options": "Options", "with": "With",
    "load_average": "Load before", "server_cores": "Server cores",
    "generator_cores": "Client cores", "versions": "Packages",
}  # fmt: skip


def facts(found: Sources) -> dict[str, Any]:
    """Give the runs' facts: machines, versions, options, the generator's lag, what could not be ranked."""
    bench = found.bench
    return {
        "runs": _runs(found),
        "servers": _servers(found),
        "lags": [] if bench is None else _lags(bench),
        "marks": [] if bench is None else unranked.marks(bench),
        "unranked": [] if bench is None else unranked.tables(bench),
        "wide": [] if bench is None else unranked.wide(bench),
        "missing": 0 if bench is None else unranked.missing(bench),
        "measured": bench is not None,
        "judged": found.conformance is not None,
        "ranked_from": intervals.RANKED_FROM,
        "wide_from": unranked.WIDE,
        "doors": "" if bench is None else said(bench.header.get("doors")),
        "without": [
            what
            for door, what in (("nginx", "a proxy"), ("redis", "a broker"))
            if bench is None or not any(split(way)[1] == door for _, way in bench.tables)
        ],
        "calibration": _calibration(found.calibration),
    }


def _runs(found: Sources) -> list[dict[str, Any]]:
    told = []
    if found.conformance is not None:
        told.append(_run("Conformance", found.conformance.attrs["header"]))
    if found.bench is not None:
        run = _run("Benchmark", found.bench.header)
        loads = [
            load for trial in found.bench.trials if (load := number(trial.get("load_average"))) is not None
        ]
        if loads:
            spread = (
                f"load average of {min(loads):.1f} to {max(loads):.1f} after a trial, its own load included"
            )
            run["facts"].append(("Load after", spread))
        for again in found.bench.resumed:
            told_again = f"{said(again['started'])}, load average {said(again['load_average'])}"
            run["facts"].append(("Resumed", told_again))
        told.append(run)
    return told


def _run(title: str, header: Mapping[str, Any]) -> dict[str, Any]:
    machine = header["machine"] if isinstance(header["machine"], dict) else {"kernel": header["machine"]}
    memory = number(machine.get("memory_bytes"))
    told = {name: said(machine.get(name)) for name in MACHINE}
    told["memory_bytes"] = "" if memory is None else f"{memory / 2**30:.1f} GiB"
    options = header.get("options")  # of a conformance run a command line's words
    given = {**header, "options": shlex.join(map(str, options)) if isinstance(options, list) else options}
    facts = [(label, said(given.get(name))) for name, label in HEADER.items()]
    if title == "Benchmark" and not header.get("server_cores"):
        facts.append(("Shared", "server and generator shared a core"))
    facts += [(label, told[name]) for name, label in MACHINE.items()]
    return {
        "title": title,
        "run": said(header["run"]),
        "dirty": said(header.get("revision")).endswith("+dirty"),
        "facts": [(label, text) for label, text in facts if text],
    }


def _servers(found: Sources) -> list[dict[str, str]]:
    """Give what each server said of itself, once where both runs say the same."""
    abouts: list[tuple[str, str, Any]] = []
    if found.conformance is not None:
        abouts += [("conformance", name, about) for name, about in found.conformance.attrs["servers"].items()]
    if found.bench is not None:
        abouts += [("benchmark", name, about) for name, about in found.bench.abouts.items()]
    rows: dict[tuple[str, ...], list[str]] = {}
    for run, name, about in abouts:
        about = about if isinstance(about, dict) else {}
        parts = [_versioned(about, part) for part in ("framework", "http_server", "encoder")]
        rows.setdefault((said(name), *parts, said(about.get("python"))), []).append(run)
    names = ("name", "framework", "http_server", "encoder", "python")
    return [
        dict(zip(names, row, strict=True)) | {"runs": " and ".join(runs)}
        for row, runs in sorted(rows.items())
    ]


def _versioned(about: Mapping[str, Any], part: str) -> str:
    return f"{said(about.get(part))} {said(about.get(f'{part}_version'))}".strip()


def _lags(run: reading.Run) -> list[dict[str, Any]]:
    """Hold the generator's own lag against the least staleness of the same way, over all measured trials."""
    told = []
    for (scenario, way), rows in run.tables.items():
        measured = [record for row in rows for record in row.trials if record["state"] == "ok"]
        lags = {name: _over(measured, f"lag.{name}") for name in ("p50", "p99")}
        stale = [each for record in measured if (each := pairs.value(record, "staleness.p50")) is not None]
        shares = [share for record in measured if (share := _share(record)) is not None]
        if any(lags.values()) or shares:
            told.append({
                "way": said(f"{scenario} by {way}", 120), "trials": len(measured),
                **{name: lag and f"{pairs.told(lag, 1e-6)} ms" for name, lag in lags.items()},
                "floor": f"{pairs.told(intervals.interval([min(stale)]), 1e-6)} ms" if stale else "",
                "share": f"{max(shares):.0%}" if shares else "",
            })  # fmt: skip
    return told


def _calibration(records: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Give the figures that the generator is held to, and how often what it measured was what the source knew."""
    if not records:
        return None
    header, truths = records[0], [each for each in records if "truth" in each]
    machine = header["machine"] if isinstance(header["machine"], dict) else {}
    return {
        "run": said(header["run"]),
        "when": said(header["started"]),
        "cpu": said(machine.get("cpu")),
        "agreed": sum(each.get("agrees") is True for each in truths),
        "tried": len(truths),
        "figures": [
            {name: said(each[name], 120) for name in ("what", "limit", "verdict")} | {"found": _found(each)}
            for each in records
            if each["kind"] == "figure"
        ],
    }


def _found(figure: Mapping[str, Any]) -> str:
    median, low, high, trials = (number(figure.get(name)) for name in Interval._fields)
    if median is None or low is None or high is None or trials is None:
        return ""
    return pairs.told(Interval(median, low, high, int(trials)))


def _over(records: Sequence[reading.Trial], name: str) -> Interval | None:
    own = [each for record in records if (each := pairs.value(record, name)) is not None]
    return intervals.interval(own) if own else None


def _share(record: reading.Trial) -> float | None:
    """Give the busiest generator process's share of its core."""
    tally = record.get("tally")
    given = tally.get("generators") if isinstance(tally, dict) else None
    each = [one.get("cpu_share") for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return max((share for one in each if (share := number(one)) is not None), default=None)
