# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps a stream alive with an event that every page gets to hear."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_keeping_alive_is_not_heard",
}
MAY_TRIP = {
    "test_a_page_is_told_that_the_events_before_a_kill_are_gone",
    "test_a_stream_of_another_origin_is_resumed_after_a_cut",
    "test_each_demonstration_moves_once_it_is_started",
    "test_no_event_is_lost_or_doubled_over_a_cut",
}

contract.drive.PING = contract.Event(data="ping")

base.run(stdlib_asyncio)
