"""The report in five sentences, each computed from the data: what is right, what is not, what SSE saves over polling,
which servers tie, what is left open.

Rule of the file: nothing is claimed that its interval does not hold, and what speaks for polling is said like what
speaks for SSE. A run that was cut short is said before all else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sseproof import gains, results, unranked
from sseproof.said import said
from sseproof.sentence import Sentence, count, names
from sseproof.sources import Sources

if TYPE_CHECKING:
    import pandas as pd

JUDGES = ("pass", "fail", "warn", "known", "stale")
NAMED = 3  # cases named of each server; the matrix has the rest


def sentences(found: Sources) -> list[Sentence]:
    """Say what is right, what is not, what SSE saves over polling, which servers tie, what could not be ranked."""
    told = cut_short(found)
    if found.conformance is None:
        told.append(Sentence("No conformance run is in this report.", "matrix", "nox -s conformance"))
    else:
        told += [_right(found.conformance), _wrong(found.conformance)]
    if found.bench is None:
        told.append(Sentence("No benchmark is in this report.", "polling", "nox -s bench"))
    else:
        told += [gains.saved(found.bench), gains.tied(found.bench)]
    return [*told, _open(found)] if found.names else told


def cut_short(found: Sources) -> list[Sentence]:
    """Say which of what was read is half a run."""
    told = []
    if found.conformance is not None and not found.conformance.attrs["complete"]:
        text = "The conformance run was cut short: a case that is missing here has not passed."
        told.append(Sentence(text, "matrix", warning=True))
    if found.bench is not None and not found.bench.complete:
        there, gone = len(found.bench.trials), unranked.missing(found.bench)
        text = f"The benchmark was cut short: {there} trial{'s' * (there != 1)} of {there + gone} are here. The rest:"
        rest = f"nox -s bench -- --resume {said(found.bench.header['run'])}"
        told.append(Sentence(text, "method", rest, warning=True))
    return told


def halves(found: Sources) -> list[str]:
    """Say the same in lines of a terminal, each with the command for the rest."""
    return [f"{each.text} {each.command}".strip() for each in cut_short(found)]


def _rows(run: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    columns = [run[name].astype(str) for name in ("server", "case", "level", "verdict")]
    return list(zip(*columns, strict=True))


def _right(run: pd.DataFrame) -> Sentence:
    rows = _rows(run)
    judged = [verdict for *_, verdict in rows if verdict in JUDGES]
    if not judged:
        return Sentence("No case was judged.", "matrix", "nox -s conformance")
    passed = judged.count("pass")
    servers = {server for server, *_, verdict in rows if verdict in JUDGES}
    missed = {
        server
        for server, _, level, verdict in rows
        if level == "required" and verdict not in ("pass", "note", "skip", "stale")
    }
    whole = sorted(servers - missed)
    every = (
        f"{names(whole)} meet{'s' * (len(whole) == 1)} every required case"
        if whole
        else "none meets every required case"
    )
    share = "all" if passed == len(judged) else f"{min(99.9, 100 * passed / len(judged)):.1f} %"
    text = f"Right: {passed:,} of {len(judged):,} judged cases passed ({share}), on {count(len(servers), 'server')}; {every}."
    return Sentence(text, "matrix")


def _wrong(run: pd.DataFrame) -> Sentence:
    rows = _rows(run)
    missed = {verdict: _by_server(rows, verdict) for verdict in ("fail", "stale", "known", "warn")}
    parts = [
        f"{said(server, 60)} misses {count(sum(cases.values()), 'required case')} ({_cases(cases)})"
        for server, cases in missed["fail"].items()
    ] or ["no server misses a required case that is not listed as a known failure"]
    parts += [
        f"{said(server, 60)} passes {count(sum(cases.values()), 'case')} listed as failing ({_cases(cases)})"
        for server, cases in missed["stale"].items()
    ]
    parts += [
        f"{what}: {', '.join(f'{said(server, 60)} {sum(cases.values())}' for server, cases in missed[verdict].items())}"
        for verdict, what in {"known": "known failures apart", "warn": "recommended cases missed"}.items()
        if missed[verdict]
    ]
    return Sentence(f"Not right: {'; '.join(parts)}.", "matrix")


def _by_server(rows: Sequence[tuple[str, str, str, str]], verdict: str) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for server, case, _, given in rows:
        if given == verdict:
            found.setdefault(server, Counter())[results.sentence(case.partition("[")[0])] += 1
    return dict(sorted(found.items(), key=lambda each: (-sum(each[1].values()), each[0])))


def _cases(cases: Counter[str]) -> str:
    named = [f"{said(case, 120)}{f', {n} times' if n > 1 else ''}" for case, n in cases.most_common(NAMED)]
    more = sum(cases.values()) - sum(n for _, n in cases.most_common(NAMED))
    return "; ".join(named) + (f"; and {more} more" if more else "")


def _open(found: Sources) -> Sentence:
    parts = []
    if found.bench is not None:
        kinds = ", ".join(f"{mark.kind} {mark.trials}" for mark in unranked.marks(found.bench))
        if out := unranked.left_out(found.bench):
            parts.append(f"{out} of {count(len(found.bench.trials), 'trial')} count for no rank ({kinds})")
        if gone := unranked.missing(found.bench):
            parts.append(f"{count(gone, 'planned trial')} {'are' if gone > 1 else 'is'} missing")
    if found.conformance is not None:
        counts = Counter(verdict for *_, verdict in _rows(found.conformance))
        if counts["error"]:
            parts.append(f"{count(counts['error'], 'case')} could not be judged, by no fault of the server's")
        if counts["skip"]:
            parts.append(f"{count(counts['skip'], 'case')} skipped, for what the server does not declare")
        if counts["note"]:
            parts.append(f"{count(counts['note'], 'case')} only noted, since the standard leaves them open")
    text = (
        f"Left open: {'; '.join(parts)}."
        if parts
        else "Left open: nothing; each trial counts, and each case was judged."
    )
    return Sentence(text, "method" if found.bench is not None else "matrix")
