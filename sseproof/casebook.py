"""What the page's matrix opens to: every server's cases by group, and each case once with whom it missed.

Strategy: what was missed is told in full, what passed in one line per function of a case, since a run of twelve servers
has ten thousand verdicts and the page has to stay small. What passes and what is told shortly leads to the list of
cases, where the standard's words and the command are. Rule of the file: ids and links of the page are made here, and
only of what is harmless in both; any other name gets a number.

It has more lines than most because servers and cases lead to each other.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sseproof import matrix, results

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

MISSED = ("error", "fail", "stale", "warn", "known")
NOTED = ("note", "skip")
IN_FULL = 150
"""So many misses of one server are told in full, the others in a line each."""
ALLOWANCE = 900_000
"""So many characters that servers made the page carry, shared among them; what is more is cut with a note."""
LEAST = 200
"""So much of a text is told when a server's share is used up."""


def section(run: pd.DataFrame) -> dict[str, Any]:
    """Give all that matrix.html shows of a conformance run as results.read() gives it."""
    header: dict[str, Any] = run.attrs["header"]
    run = run.assign(server=run["server"].replace("", results.NOBODY))  # what a worker that died has not told
    names, groups, cells = (
        list(dict.fromkeys([*header["servers"], *run["server"]])),
        matrix.groups(run),
        matrix.cells(run),
    )
    rows: list[Row] = run.to_dict("records")  # type: ignore[assignment]
    ids = {"server": _ids("server", names), "group": _ids("group", groups), "case": case_ids(run)}
    by_pair: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_pair.setdefault((row["server"], row["group"]), []).append(row)
    counts = run["verdict"].value_counts()
    servers = [_server(run, name, by_pair, cells, ids) for name in names]
    return {
        "header": header,
        "footer": run.attrs["footer"],
        "complete": run.attrs["complete"],
        "verdicts": results.VERDICTS,
        "unwelcome": results.UNWELCOME,
        "levels": results.LEVELS,
        "told_levels": [level for level in results.LEVELS if level in set(run["level"])],
        "counts": {verdict: int(counts.get(verdict, 0)) for verdict in results.VERDICTS},
        "groups": groups,
        "servers": servers,
        "cases": {group: _cases(rows, group, ids) for group in groups},
        "case_ids": ids["case"],
        "function": function,
        "upstream": upstream,
        "command": lambda server, case: results.command(header, server, case),
    }


def function(case: str) -> str:
    """Give the function's name of a case's id: "test_a_is_b[cr]" is a case of test_a_is_b."""
    return case.partition("[")[0]


def upstream(known: str) -> tuple[str, str]:
    """Part a known failure's words from the link they end with; "" where that is no plain https link."""
    found = re.fullmatch(r"(.*?)\s*(https://[\w-]+(?:\.[\w-]+)+(?:/[\w.~/#?=&%+:-]*)?)", known, re.S | re.A)
    return (found[1], found[2]) if found else (known, "")


def words(counts: Mapping[str, int]) -> str:
    """Say a cell's counts in words: "51 of 52 passed, 1 fail; 2 note"."""
    judged = sum(n for verdict, n in counts.items() if verdict not in NOTED)
    parts = [f"{n} {verdict}" for verdict in MISSED if (n := counts.get(verdict, 0))]
    told = [", ".join([f"{counts.get('pass', 0)} of {judged} passed", *parts])] if judged else []
    return "; ".join([*told, *(f"{n} {verdict}" for verdict in NOTED if (n := counts.get(verdict, 0)))])


def case_ids(run: pd.DataFrame) -> dict[str, str]:
    """Give the id that the page's entry of each case function has."""
    return _ids("case", dict.fromkeys(map(function, run["case"])))


def _ids(kind: str, names: Iterable[str]) -> dict[str, str]:
    harmless = re.compile(r"[\w.-]{1,200}", re.A)
    return {
        name: f"{kind}-{name}" if harmless.fullmatch(name) else f"{kind}:{number}"
        for number, name in enumerate(names)
    }


def _place(ids: Mapping[str, Mapping[str, str]], server: str, group: str) -> str:
    return f"{ids['server'][server]}-{ids['group'][group]}"


def _server(
    run: pd.DataFrame,
    name: str,
    by_pair: Mapping[tuple[str, str], Sequence[Row]],
    cells: Mapping[tuple[str, str], matrix.Cell],
    ids: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Give one server: its cells of the matrix, its groups with their cases, why it never came up."""
    about = run.attrs["servers"].get(name)
    left = {"rows": IN_FULL, "characters": ALLOWANCE // max(1, len(run.attrs["header"]["servers"]))}
    unlaunched: list[Any] = []
    row_of_cells: list[dict[str, Any] | None] = []
    groups: list[dict[str, Any]] = []
    for group in ids["group"]:
        rows = by_pair.get((name, group), [])
        launched = [row for row in rows if not _is_launch(row)]
        unlaunched += [row for row in rows if _is_launch(row)]
        place = _place(ids, name, group) if launched else ids["server"][name]
        if cell := cells.get((name, group)):
            told = words(cell.counts)
            row_of_cells.append({"place": place, "text": cell.text, "colour": cell.colour, "words": told})
            if launched:
                groups.append({"name": group, "place": place, "words": told} | _group(launched, left))
        else:
            row_of_cells.append(None)
    return {
        "name": name,
        "id": ids["server"][name],
        "about": about if isinstance(about, dict) else None,
        "encoder": matrix.encoder(about if isinstance(about, dict) else None),
        "cells": row_of_cells,
        "groups": groups,
        "missed": any(group["missed"] or group["shortly"] for group in groups),
        "passed": any(group["passed"] for group in groups),
        "unlaunched": len(unlaunched),
        "launch_error": unlaunched[0]["because"].removeprefix(matrix.LAUNCH) if unlaunched else "",
    }


def _is_launch(row: Row) -> bool:
    return row["verdict"] == "error" and bool(row["because"].startswith(matrix.LAUNCH))


def _group(rows: Sequence[Row], left: dict[str, int]) -> dict[str, Any]:
    missed = [row for verdict in MISSED for row in rows if row["verdict"] == verdict]
    full = [_cut(row, left) for row in missed[: left["rows"]]]
    left["rows"] -= len(full)
    return {
        "open": any(row["verdict"] in results.UNWELCOME for row in missed),
        "missed": full,
        "shortly": _brief(missed[len(full) :]),
        "noted": [_cut(row, left) for verdict in NOTED for row in rows if row["verdict"] == verdict],
        "passed": _brief(row for row in rows if row["verdict"] == "pass"),
    }


def _cut(row: Row, left: dict[str, int]) -> Row:
    cut = dict(row)
    for field in ("because", "finding", "known", "why", "transcript"):
        cut[field] = results.visible(row[field], min(20_000, max(LEAST, left["characters"])))
        left["characters"] -= len(cut[field])
    return cut


def _brief(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Sum cases up by function and verdict, with the parameters of each: one line of the page."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        name, bracket, rest = row["case"].partition("[")
        found.setdefault((name, row["level"], row["verdict"]), []).append(bracket + rest)
    return [
        {"case": name, "level": level, "verdict": verdict, "n": len(given), "parameters": " ".join(given).strip()}
        for (name, level, verdict), given in found.items()
    ]  # fmt: skip


def _cases(rows: Iterable[Row], group: str, ids: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """List a group's cases by function: what is asked, by which words of the standard, and who missed it."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["group"] != group:
            continue
        name = function(row["case"])
        case = found.setdefault(
            name,
            {
                "case": name,
                "id": ids["case"][name] if name not in found else "",
                "why": results.visible(row["why"], 2_000),
                "asked": {},
                "missed": {},
                "command": shlex.join(["nox", "-s", "conformance", "--", "-k", name]),
            },
        )
        case["asked"].setdefault((row["level"], row["anchor"]))
        if row["verdict"] not in ("pass", *NOTED) and row["server"] in ids["server"]:
            own = case["missed"].setdefault((row["server"], _place(ids, row["server"], group)), Counter())
            own[row["verdict"]] += 1
    for case in found.values():
        case["missed"] = [(*who, words(counts).partition(", ")[2]) for who, counts in case["missed"].items()]
    return list(found.values())
