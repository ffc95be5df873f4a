"""What the cases of a conformance run say of a tutorial's claim, and what no case says anything of.

A function for each, like evidence.py's: its docstring is its rule. Rule of the file: a case decides by what it found on
each server, its parameters taken together; where it was skipped, only noted or not judged it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sseproof import pairs, wire
from sseproof.evidence import HOLDS, HOLDS_NOT, IN_PART, MISSING, UNDECIDED, Finding
from sseproof.said import said
from sseproof.sentence import count, names
from sseproof.sources import Sources

PASSED, MISSED = ("pass", "stale"), ("fail", "warn", "known")
ENDED = "test_the_last_event_is_ended_by_a_blank_line"
LEAKS = (
    "test_a_stream_ends_after_its_client_has_left", "test_no_subscriber_is_kept_of_a_client_that_left",
    "test_no_socket_is_kept_of_a_client_that_left", "test_clean_up_runs_once_for_each_of_two_hundred_clients",
    "test_two_hundred_clients_leave_no_subscriber", "test_two_hundred_clients_leave_nothing_behind",
)  # fmt: skip
QUIET = "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving"
ANNOUNCED = "test_the_reconnection_time_is_announced_before_anything_else"
BLOCKS = "test_a_blocking_generator_does_not_stop_another_stream"
SIXTY = "test_sixty_blocking_generators_sleep_at_once"
SEVENTH = "test_a_seventh_stream_waits_until_one_is_closed"
MANY = "test_many_streams_of_one_page_are_open_at_once"


def blank_line(found: Sources) -> Finding:
    """Holds if our decoder, written to the letter of the standard, gives no event before its blank line.

    It is asked while this page is made. The case says which servers end their last event so that it arrives.
    """
    verdicts = by_server(found, ENDED)
    if not verdicts:
        return MISSING
    ended = [server for server, passed in verdicts.items() if passed]
    lost = [server for server, passed in verdicts.items() if not passed]
    figure = f"{len(ended)} of {count(len(verdicts), 'server')} end the last event of a stream with its blank line."
    figure += f" A client loses the last event of {names(lost)}." if lost else ""
    half, whole = arrives(b"data: x\n"), arrives(b"data: x\n\n")
    return Finding(HOLDS if whole and not half else HOLDS_NOT, figure)


def arrives(body: bytes) -> bool:
    """Say whether a client that keeps to the standard is given an event by these bytes."""
    return bool(wire.decode(body))


def leaks(found: Sources) -> Finding:
    """Holds if streams outlive their clients on every server, though no framework's server file of this project asks for them.

    In part if on some, or if some notice only with the next write to a quiet stream; holds not if on none.
    """
    kept = all_by_server(found, LEAKS)
    if not kept:
        return MISSING
    leaking = [server for server, passed in kept.items() if not passed]
    late = [server for server, passed in by_server(found, QUIET).items() if not passed]
    figure = f"Streams that outlive their clients: {names(leaking) if leaking else 'on no server'} ({len(leaking)} of {len(kept)})."
    figure += (
        f" Not noticed on every quiet stream within a second, but by the next ping: {names(late)}."
        if late
        else ""
    )
    if len(leaking) == len(kept):
        return Finding(HOLDS, figure)
    return Finding(IN_PART if leaking or late else HOLDS_NOT, figure)


def retry(found: Sources) -> Finding:
    """Holds not if every server announces one time to all, which puts a storm off and does not spread it."""
    same = by_server(found, ANNOUNCED)
    if not same:
        return MISSING
    alike = [server for server, passed in same.items() if passed]
    figure = f"{len(alike)} of {count(len(same), 'server')} send the same reconnection time on every stream."
    rows = found.bench.tables.get(("storm", "sse"), ()) if found.bench else ()
    back = [
        f"{said(row.server, 60)} {pairs.told(own, 1e-6)}{pairs.doubt(row)}"
        for row in rows
        if (own := row.figures.get("back.max"))
    ]
    if back:
        figure += f" Clients that do not wait for it were all back after (ms): {', '.join(back)}."
    figure += " Not measured: what browsers add of their own."
    if len(alike) == len(same):
        return Finding(HOLDS_NOT, figure)
    return Finding(IN_PART if alike else UNDECIDED, figure)


def sleeping(found: Sources) -> Finding:
    """Holds if a sleeping generator stops no other stream and all that sleep at once wake in time, on every server.

    In part if some do not wake in time; holds not if, on every server, one alone stops another stream.
    """
    free = by_server(found, BLOCKS)
    if not free:
        return MISSING
    awake: dict[str, tuple[int, int]] = {}
    for server, finding in findings(found, SIXTY).items():
        if match := re.match(r"(\d{1,6}) of (\d{1,6}) ", finding):
            awake[server] = (int(match[1]), int(match[2]))
    stopped = [server for server, passed in free.items() if not passed]
    figure = f"It stops another stream on {names(stopped) if stopped else 'no server'} ({len(stopped)} of {len(free)})."
    if awake:
        told = ", ".join(f"{said(server, 60)} {some} of {many}" for server, (some, many) in awake.items())
        figure += f" Of generators that sleep at once, awake in time: {told}."
    if len(stopped) == len(free):
        return Finding(HOLDS_NOT, figure)
    if stopped or any(some < many for some, many in awake.values()):
        return Finding(IN_PART, figure)
    return Finding(HOLDS if awake else UNDECIDED, figure)


def browsers(found: Sources) -> Finding:
    """Holds if Chromium opens no more than six streams of a server over HTTP/1.1 and keeps one more waiting; in part if of some servers."""
    open_: dict[str, int] = {}
    waiting = set()
    for server, finding in findings(found, SEVENTH).items():
        if match := re.match(r"(\d{1,6}) streams are open and the seventh is (\w+)", finding):
            open_[server] = int(match[1])
            if match[2] == "connecting":
                waiting.add(server)
    if not open_:
        return MISSING
    most = " or ".join(str(each) for each in sorted(set(open_.values())))
    figure = f"Chromium held {most} streams over HTTP/1.1 and kept one more waiting on {len(waiting)} of {count(len(open_), 'server')}."
    if over := by_server(found, f"{MANY}[http-2]"):
        figure += f" Over HTTP/2, by nginx, it held twenty at once on {sum(over.values())} of {len(over)}."
    if not waiting:
        return Finding(HOLDS_NOT, figure)
    return Finding(HOLDS if len(waiting) == len(open_) else IN_PART, figure)


def by_server(found: Sources, name: str) -> dict[str, bool]:
    """Say of each server that was judged by a case whether it passed with all parameters."""
    return all_by_server(found, [name])


def all_by_server(found: Sources, names: Sequence[str]) -> dict[str, bool]:
    """Say of each server that was judged by some of these cases, with all parameters or the one named, if it passed them all."""
    told: dict[str, bool] = {}
    for server, case, verdict, _ in _rows(found):
        if {case, case.partition("[")[0]} & set(names) and verdict in (*PASSED, *MISSED):
            told[server] = told.get(server, True) and verdict in PASSED
    return told


def findings(found: Sources, name: str) -> dict[str, str]:
    """Give what a case that only observes found on each server."""
    return {
        server: finding
        for server, case, verdict, finding in _rows(found)
        if case.partition("[")[0] == name and verdict == "note"
    }


def _rows(found: Sources) -> Iterator[tuple[str, str, str, str]]:
    if found.conformance is not None:
        columns = [found.conformance[name].astype(str) for name in ("server", "case", "verdict", "finding")]
        yield from zip(*columns, strict=True)
