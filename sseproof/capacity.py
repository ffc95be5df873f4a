"""How far a server goes: staleness as clients grow, and what the Universal Scalability Law makes of its throughput.

Rule of the file: what lies beyond the measured clients is on paper, and is called so.
"""

from __future__ import annotations

import statistics
from typing import Any

from sseproof import charts, reading, scaling, shown
from sseproof.canvas import plain
from sseproof.charts import Curve
from sseproof.reading import Row, Run
from sseproof.shown import Chart, figure, words

MILLION = 1_000_000


def climb(run: Run) -> Chart:
    """Draw p99 staleness over clients, up to where each server's climb ended."""
    id_, title = "servers-capacity", "Staleness as clients grow"
    rows = list(run.tables.get(("capacity", "sse"), ()))
    if not rows:
        missing, command = shown.not_measured("capacity")
        return Chart(id_, title, missing=missing, command=command)
    curves, told = [], []
    for row in rows:
        grouped: dict[float, list[float]] = {}
        for step in _steps(row):
            grouped.setdefault(step["users"], []).append(step["p99_ns"] / 1e6)
        if points := [(users, statistics.median(ms)) for users, ms in sorted(grouped.items())]:
            curves.append(Curve(row.server, [plain(row.server, 22)], points))
            told.append(f"{plain(row.server)} {_held(row)} {words(figure(run, row, 'largest'), 'clients')}")
    if not curves:
        return Chart(id_, title, missing=shown.in_vain(rows))
    bound_ms = shown.option(rows, "--bound-ms")
    alt = f"p99 staleness as clients grow, at most until it passes {f'{bound_ms:g} ms' if bound_ms else 'its bound'}: {'; '.join(told)}"
    caption = (
        "Clients come in steps; a climb ends with the first step in which p99 passed the bound or an event was missing. "
        "A point is the median over the trials that came so far."
    )
    return Chart(id_, title, caption, charts.climb(id_, alt, curves, bound_ms))


def _held(row: Row) -> str:
    """Say whether a server was seen at its limit: a climb whose last step still held tells only that there is room."""
    steps = [trial["tally"].get("steps") for trial in row.trials if trial["state"] == "ok"]
    return "holds at least" if any(each and each[-1]["held"] for each in steps) else "holds"


def on_paper(run: Run) -> tuple[list[Chart], list[str]]:
    """Give a chart for each server whose throughput bends, and a sentence for each where nothing can be foretold."""
    drawn, said = [], []
    for number, row in enumerate(run.tables.get(("capacity", "sse"), ()), 1):
        points = [(float(step["users"]), float(step["events_per_s"])) for step in _steps(row)]
        found, name = scaling.on_paper(points, [MILLION]), plain(row.server)
        if found is None:
            said.append(f"{name}: too few steps to fit the law to, it takes {scaling.LEAST_POINTS} loads.")
        elif "throughput" not in found:
            said.append(f"{name}: {found['said']}.")
        else:
            id_, law = f"servers-paper-{number}", scaling.Law(**found["law"])
            foretold = _whole(law.throughput(MILLION))
            peak = f", with its peak at {law.peak:,.0f} clients" if law.peak else ""
            alt = (
                f"{name}: measured up to {found['measured_up_to']:,.0f} clients; on paper the Universal Scalability Law gives "
                f"{foretold} events per second at a million clients{peak}"
            )
            caption = f"Dots and line: measured and fitted. Dashed: a prediction on paper, {foretold} events per second at a million clients{peak}."
            drawn.append(
                Chart(id_, f"Throughput on paper: {name}", caption, charts.on_paper(id_, alt, points, law))
            )
    return drawn, said


def _whole(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else "less than 1"


def _steps(row: Row) -> list[dict[str, Any]]:
    """Give the steps of a row's counting trials, or of all where none counts, that can be drawn."""
    trials = reading.counting(row.trials) or [trial for trial in row.trials if trial["state"] == "ok"]
    steps = [step for trial in trials for step in (trial.get("tally") or {}).get("steps") or ()]
    return [step for step in steps if step.get("users", 0) > 0 and step.get("p99_ns", 0) > 0]
