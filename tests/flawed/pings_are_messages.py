# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps a stream alive with an event that every page gets to see."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_published_event_is_read_before_the_next_comment_could_push_it_out",
    "test_a_quiet_stream_carries_a_comment",
    "test_a_quiet_stream_outlives_the_timeout_of_an_idle_connection",
    "test_keeping_alive_dispatches_nothing_and_changes_no_id",
}

contract.drive.PING = contract.Event(event="ping", data="")

base.run(stdlib_asyncio)
