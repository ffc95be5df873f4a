"""Counting: by the thousand as one by one, in a window, and over several processes as in one."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sseproof.histogram import HIGHEST_NS, LOWEST_NS, encoded, histogram, merged, record, summary
from sseproof.merge import merge
from sseproof.pieces import Piece
from sseproof.tally import EVERYTHING, NO_STAMP, NOT_YET, REQUEST, Tally
from sseproof.wire import Event

MS = 1_000_000
T0 = 1_700_000_000 * 10**9


def counts(of):
    return list(np.ctypeslib.as_array(of.counts))


def stamp(ns):
    return np.array(divmod(ns, 10**9), dtype=np.int64).tobytes()


def receive(tally, client, *numbers, at_ns, late_ns=0, read_ns=None, size=100):
    """Let a client receive events that were due `late_ns` before, as the reactor would put them down."""
    piece = client.check(Piece(size, [(n, at_ns - late_ns) for n in numbers]))
    tally.add(client, piece, at_ns if read_ns is None else read_ns, stamp(at_ns))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-5, 2 * HIGHEST_NS) | st.integers(0, 10**7), max_size=60))
def test_a_batch_is_counted_as_value_by_value(values):
    batch, single = histogram(), histogram()
    early = record(batch, values)
    for value in values:
        single.record_value(min(max(value, LOWEST_NS), HIGHEST_NS))
    assert counts(batch) == counts(single)
    assert (batch.total_count, batch.max_value) == (single.total_count, single.max_value)
    assert early == sum(value < 0 for value in values)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 10**11), min_size=1, max_size=200))
def test_quantiles_are_the_librarys(values):
    found = histogram()
    record(found, values)
    of = summary(found)
    for name, percent in (("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9)):
        assert of[name] == found.get_value_at_percentile(percent)
    assert of["mean"] == pytest.approx(found.get_mean_value())
    assert (of["n"], of["max"]) == (len(values), found.get_max_value())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 10**11), max_size=100), min_size=1, max_size=3))
def test_merged_histograms_are_that_of_all_samples(workers):
    each = []
    for values in workers:
        each.append(histogram())
        record(each[-1], values)
    whole = histogram()
    record(whole, [value for values in workers for value in values])
    assert counts(merged(map(encoded, each))) == counts(whole)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 500 * MS)), min_size=1, max_size=60))
def test_two_workers_merge_to_what_one_would_have_counted(arrivals):
    """The same clients in one process, or shared by two: every count and every histogram is the same."""
    window = (T0, T0 + 10**12)
    one, two = Tally("sse", window), [Tally("sse", window), Tally("sse", window)]
    alone = [one.add_client() for _ in range(4)]
    shared = [two[number % 2].add_client() for number in range(4)]
    for n, (who, late_ns) in enumerate(arrivals):
        for tally, client in ((one, alone[who]), (two[who % 2], shared[who])):
            receive(tally, client, n, at_ns=T0 + n * MS + 600 * MS, late_ns=late_ns)
        if n % 7 == 0:
            two[who % 2].flush()
    [whole], parts = [one.state()], [tally.state() for tally in two]
    single, both = merge([whole], window), merge(json.loads(json.dumps(parts)), window)
    for name in ("staleness", "reader_staleness", "lag", "gap", "first_event"):
        assert counts(merged([single["histograms"][name]])) == counts(merged([both["histograms"][name]]))
    assert single["quantiles"] == both["quantiles"]
    del single["histograms"], both["histograms"]
    assert single == both


def test_an_event_counts_by_when_it_was_due():
    tally = Tally("sse", (T0, T0 + 10 * MS))
    client = tally.add_client()
    tally._joined_ns[client.number] = T0 - 1
    for n, due_ms in enumerate([-1, 0, 9, 10]):
        receive(tally, client, n, at_ns=T0 + 100 * MS, late_ns=(100 - due_ms) * MS)
    state = tally.state()
    assert (state["seen"], state["deliveries"], state["worst_seen"]) == (2, 2, 2)
    assert (state["first_number"], state["last_number"]) == (1, 2)
    assert (state["wire_in_bytes"], state["came"]) == (0, 0)  # these count by the clock, and all came later


def test_what_came_counts_by_the_clock_whenever_it_was_due():
    tally = Tally("sse", (T0, T0 + 10 * MS))
    client = tally.add_client()
    for n, (due_ms, at_ms) in enumerate([(-5, -1), (-4, 0), (5, 9), (6, 10)]):
        receive(tally, client, n, at_ns=T0 + at_ms * MS, late_ns=(at_ms - due_ms) * MS)
    state = tally.state()
    assert (state["came"], state["deliveries"]) == (2, 2)
    assert state["wire_in_bytes"] > 0


def test_nothing_counts_before_a_window_is_known():
    tally = Tally("sse", NOT_YET)
    receive(tally, tally.add_client(), 1, at_ns=T0)
    assert tally.state()["deliveries"] == 0


def test_what_is_owed_is_owed_to_who_was_there():
    tally = Tally("sse", (T0, T0 + 100 * MS))
    there, late, gone = (tally.add_client() for _ in range(3))
    tally._joined_ns[:3] = [T0, T0 + 1, T0 - 5]
    tally._left_ns[gone.number] = T0 + 5
    for n in range(4):
        receive(tally, there, n, at_ns=T0 + n)
    receive(tally, late, 3, at_ns=T0 + 3)
    result = merge([tally.state()], tally.window, {"due": 5})
    assert (result["streams"], result["seen"], result["due"], result["lost"]) == (1, 4, 5, 1)
    assert (result["clients"], result["deliveries"]) == (3, 5)
    assert result["worst_client_seen_share"] == 0.8


def test_a_client_that_sees_nothing_shows():
    tally = Tally("sse", (T0, T0 + 100 * MS))
    clients = [tally.add_client() for _ in range(3)]
    tally._joined_ns[:3] = T0 - 1
    for n in range(4):
        for client in clients[:2]:
            receive(tally, client, n, at_ns=T0 + n)
    result = merge([tally.state()], tally.window)
    assert (result["seen"], result["due"], result["worst_client_seen_share"]) == (8, 12, 0.0)


def test_without_a_publisher_what_is_due_is_between_first_and_last():
    tallies = [Tally("sse"), Tally("sse")]
    for tally, numbers in zip(tallies, [(3, 4), (6, 9)], strict=True):
        client = tally.add_client()
        tally.joined(client)
        for n in numbers:
            receive(tally, client, n, at_ns=T0 + n)
    result = merge([tally.state() for tally in tallies], None)
    assert (result["due"], result["seen"], result["window"]) == (14, 4, None)


def test_what_comes_twice_counts_once():
    tally = Tally("sse")
    client = tally.add_client()
    receive(tally, client, 1, 2, at_ns=T0)
    receive(tally, client, 2, 3, at_ns=T0 + 1)
    state = tally.state()
    assert (tally.histograms["staleness"].total_count, state["duplicates"], state["deliveries"]) == (3, 1, 4)


def test_a_gap_that_fills_in_time_is_no_loss():
    tally = Tally("sse")
    client = tally.add_client()
    receive(tally, client, 1, at_ns=T0)
    receive(tally, client, 3, at_ns=T0)
    tally.settle()
    receive(tally, client, 2, at_ns=T0)
    tally.settle()
    assert list(tally.failures) == ["reorder: event 2 came after event 3"]


def test_a_gap_is_between_events_of_one_stream():
    tally = Tally("sse")
    first, second = tally.add_client(), tally.add_client()
    for client, at_ms in ((first, 0), (second, 1), (first, 10), (second, 31)):
        receive(tally, client, at_ms, at_ns=T0 + at_ms * MS)
        tally.flush()
    gap = histogram()
    record(gap, [10 * MS, 30 * MS])
    assert counts(tally.histograms["gap"]) == counts(gap)


def test_the_same_gaps_are_found_in_one_batch():
    batches = Tally("sse"), Tally("sse")
    for tally, is_flushed in zip(batches, (True, False), strict=True):
        clients = [tally.add_client() for _ in range(3)]
        for n in range(30):
            receive(tally, clients[n * 7 % 3], n, at_ns=T0 + n * n * MS)
            if is_flushed:
                tally.flush()
        tally.flush()
    assert counts(batches[0].histograms["gap"]) == counts(batches[1].histograms["gap"])


@pytest.mark.parametrize("is_flushed", [True, False])
def test_a_new_request_ends_a_gap_and_begins_a_first_event(is_flushed):
    tally = Tally("sse")
    client = tally.add_client()
    for asked_ns, came_ns in ((T0, T0 + 5 * MS), (T0 + 900 * MS, T0 + 920 * MS)):
        tally.add(client, REQUEST, asked_ns, stamp(asked_ns))
        if is_flushed:
            tally.flush()
        foreign = Piece(10, foreign=(Event("token"), Event("token")))
        tally.add(client, foreign, came_ns, stamp(came_ns))
        if is_flushed:
            tally.flush()
    tally.flush()
    first = histogram()
    record(first, [5 * MS, 20 * MS])
    assert counts(tally.histograms["first_event"]) == counts(first)
    assert tally.histograms["gap"].total_count == 2  # of the pairs that came at once
    assert tally.histograms["gap"].get_max_value() < MS
    assert tally.deliveries == 4


def test_without_the_kernels_word_the_readers_clock_is_said():
    tally = Tally("sse")
    client = tally.add_client()
    tally.add(client, client.check(Piece(10, [(1, T0)])), T0 + 7 * MS, NO_STAMP)
    state = tally.state()
    assert state["clock"] == "reader"
    assert merge([state, Tally("sse").state()], EVERYTHING)["clock"] == "reader"
    assert tally.histograms["staleness"].get_max_value() == pytest.approx(7 * MS, rel=1e-3)


def test_an_event_before_its_time_is_said():
    tally = Tally("sse")
    receive(tally, tally.add_client(), 1, at_ns=T0, late_ns=-MS)
    assert tally.state()["early"] == 1


def test_failures_add_up():
    tallies = [Tally("sse"), Tally("poll")]
    for tally in tallies:
        tally.fail("cut: x", 2)
    result = merge([tally.state() for tally in tallies], None)
    assert (result["failures"], result["transport"]) == ({"cut: x": 4}, "poll+sse")


ROWS = """
import json, sys
import numpy as np
from locust.stats import RequestStats
from sseproof.rows import add, fail
values = json.loads(sys.argv[1])
one, many = RequestStats(), RequestStats()
for at in range(0, len(values), 7):
    add(many, "SSE", "event", np.array(values[at:at + 7]), 10 * len(values[at:at + 7]))
for value in values:
    one.log_request("SSE", "event", value, 10)
for _ in range(5):
    one.log_error("SSE", "cut", "cut: x")
fail(many, "SSE", "cut: x", 5)
def shape(entry):
    found = entry.get_stripped_report() if entry.num_requests or entry.num_failures else {}
    for name in ("start_time", "last_request_timestamp"):
        found.pop(name, None)
    for name in ("num_reqs_per_sec", "num_fail_per_sec"):  # which second it was may differ by one
        found[name] = sum(found.get(name, {}).values())
    found["total_response_time"] = round(found.get("total_response_time", 0), 6)
    return found
for stats in (one, many):
    errors = [error.serialize() | {"first_seen": 0, "last_seen": 0} for error in stats.errors.values()]
    entries = [shape(stats.total), *(shape(entry) for _, entry in sorted(stats.entries.items()))]
    print(json.dumps([entries, errors], sort_keys=True))
"""


def test_a_batch_leaves_locusts_rows_as_single_requests_do():
    """In a process of its own: importing locust replaces the sockets and threads of whoever does."""
    values = [
        0.0,
        0.4,
        1.5,
        99.4,
        99.6,
        100.2,
        144.9,
        145.4,
        155.0,
        999.7,
        1049.9,
        4321.0,
        9999.0,
        54321.5,
    ] * 3
    command = [sys.executable, "-c", ROWS, json.dumps(values)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    single, batch = map(json.loads, done.stdout.splitlines())
    assert batch == single
